"""What is known about a print file: what the child process has read, in types that can be trusted."""

from dataclasses import dataclass
from typing import NamedTuple

# Why a file was not, or not completely, read.
NO_PDF, DAMAGED, PASSWORD, PROTECTED = "no_pdf", "damaged", "password", "protected"
STOPPED, TIME, MEMORY = "stopped", "time", "memory"
PROBLEMS = ("", NO_PDF, DAMAGED, PASSWORD, PROTECTED)
LIMITS = ("", STOPPED, TIME, MEMORY, "pages", "sizes", "resources")


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
                missing=int(data.get("missing", 0)),
                no_box=int(data.get("no_box", 0)),
                pages=tuple(_read_pages(data.get("runs", ()))),
                colors=tuple(map(str, data["colors"])) if "colors" in data else None,
                spots=tuple(map(str, data.get("spots", ()))),
                intent=str(data.get("intent", "")),
                fonts=_read_fonts(data.get("fonts")),
                used_fonts=_read_fonts(data.get("used_fonts")),
                broken=_read_ranges(data.get("broken", ())),
                blank=_read_ranges(data.get("blank", ())),
                contents_until=int(data.get("contents_until", 0)),
            )
        except (AttributeError, KeyError, OverflowError, TypeError) as error:
            raise ValueError("these are no facts about a file") from error


def _one_of(values, value):
    if value not in values:
        raise ValueError(value)
    return value


def _read_pages(runs):
    first = 1
    for count, width, height, rotation, trim_width, trim_height, room, bleed_room in runs:
        has_trim = trim_width is not None and trim_height is not None
        yield Pages(
            first,
            int(count),
            float(width),
            float(height),
            int(rotation),
            float(trim_width) if has_trim else None,
            float(trim_height) if has_trim else None,
            float(room),
            float(bleed_room),
        )
        first += int(count)


def _read_fonts(fonts):
    return None if fonts is None else tuple((str(name), int(page)) for name, page in fonts)


def _read_ranges(ranges):
    return tuple((int(first), int(last)) for first, last in ranges)
