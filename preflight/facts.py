"""What is known about a print file: what the child process has read, in types that can be trusted."""

from dataclasses import dataclass
from typing import NamedTuple

# Why a file was not, or not completely, read.
NO_PDF, DAMAGED, PASSWORD, PROTECTED = "no_pdf", "damaged", "password", "protected"
STOPPED, TIME, MEMORY = "stopped", "time", "memory"
PROBLEMS = ("", NO_PDF, DAMAGED, PASSWORD, PROTECTED)
LIMITS = ("", STOPPED, TIME, MEMORY, "pages", "sizes", "resources")
# of the dict that `Facts.load` reads
KEYS = (
    *("problem", "limit", "is_protected", "is_rebuilt", "missing", "no_box", "runs", "colors", "spots", "intent"),
    *("fonts", "used_fonts", "broken", "blank", "contents_until"),
)


class Pages(NamedTuple):
    """Consecutive pages of the same shape, in millimeters, as they are seen after `/Rotate`.

    :ivar first: page number, from 1
    :ivar trim_width: of the TrimBox, None if it says nothing: there is none, or it equals the MediaBox
    :ivar room: the least distance from the TrimBox to the MediaBox
    :ivar bleed_room: the least distance from the TrimBox to the BleedBox
    """

    first: int
    count: int
    width: float
    height: float
    rotation: int
    trim_width: float | None
    trim_height: float | None
    room: float
    bleed_room: float

    @property
    def ranges(self):
        return ((self.first, self.first + self.count - 1),)


@dataclass(frozen=True)
class Facts:
    """Facts about one file.

    :ivar problem: why there are no other facts: one of `PROBLEMS`
    :ivar limit: why facts are missing that come after those that are there: one of `LIMITS`
    :ivar is_rebuilt: the table of objects was missing or wrong
    :ivar missing: pages that are announced and not there
    :ivar no_box: pages without a size
    :ivar colors: that images and resources name; None, as `fonts`, if they were not read
    :ivar fonts: not embedded, with the first page that declares them
    :ivar used_fonts: those of them that show text; None if this is not known
    :ivar broken: pages whose contents are damaged, as ranges; blank: pages that nothing is painted on
    :ivar contents_until: the last page whose contents were read
    """

    problem: str = ""
    limit: str = ""
    is_protected: bool = False
    is_rebuilt: bool = False
    missing: int = 0
    no_box: int = 0
    pages: tuple[Pages, ...] = ()
    colors: tuple[str, ...] | None = None
    spots: tuple[str, ...] = ()
    intent: str = ""
    fonts: tuple[tuple[str, int], ...] | None = None
    used_fonts: tuple[tuple[str, int], ...] | None = None
    broken: tuple[tuple[int, int], ...] = ()
    blank: tuple[tuple[int, int], ...] = ()
    contents_until: int = 0

    @property
    def has_all_pages(self):
        return bool(self.pages) and self.limit not in ("pages", "sizes")

    @property
    def page_count(self):
        return sum(run.count for run in self.pages)

    @classmethod
    def load(cls, data):
        """Return the facts of a dict from the child process or the database.

        A hostile file may have taken over the process, so nothing is believed.

        :raises ValueError: it is not such a dict
        """
        try:
            return cls(
                problem=_one_of(PROBLEMS, data.get("problem", "")),
                limit=_one_of(LIMITS, data.get("limit", "")),
                is_protected=bool(data.get("is_protected")),
                is_rebuilt=bool(data.get("is_rebuilt")),
                missing=_read_count(data.get("missing", 0)),
                no_box=_read_count(data.get("no_box", 0)),
                pages=tuple(_read_pages(data.get("runs", ()))),
                colors=tuple(map(_read_text, data["colors"])) if "colors" in data else None,
                spots=tuple(map(_read_text, data.get("spots", ()))),
                intent=_read_text(data.get("intent", "")),
                fonts=_read_fonts(data.get("fonts")),
                used_fonts=_read_fonts(data.get("used_fonts")),
                broken=_read_ranges(data.get("broken", ())),
                blank=_read_ranges(data.get("blank", ())),
                contents_until=_read_count(data.get("contents_until", 0)),
            )
        except (AttributeError, KeyError, OverflowError, TypeError) as error:
            raise ValueError("these are no facts about a file") from error


def _one_of(values, value):
    if value not in values:
        raise ValueError(value)
    return value


def _read_text(value):
    # others could not be stored
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("a text")
    return value


def _read_count(value):
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError("a count")
    return value


def _read_length(value):
    if not isinstance(value, (int, float)) or not 0 <= value < 10**9:
        raise ValueError("a length")
    return float(value)


def _read_pages(runs):
    first = 1
    for count, width, height, rotation, trim_width, trim_height, *rooms in runs:
        has_trim = trim_width is not None and trim_height is not None
        room, bleed_room = map(_read_length, rooms)
        yield Pages(
            first,
            _read_count(count),
            _read_length(width),
            _read_length(height),
            _read_count(rotation),
            _read_length(trim_width) if has_trim else None,
            _read_length(trim_height) if has_trim else None,
            room,
            bleed_room,
        )
        first += count


def _read_fonts(fonts):
    return None if fonts is None else tuple((_read_text(name), _read_count(page)) for name, page in fonts)


def _read_ranges(ranges):
    return tuple((_read_count(first), _read_count(last)) for first, last in ranges)
