"""What is expected of a print file: what was ordered, and what the shop knows about the product."""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

import json
import re
from dataclasses import dataclass, replace

from ..tools.text import Text as _
from ..tools.text import TextError

# millimeters per g/m² and sheet, times 1000: Cloudprinter's averages
BULK = {"mcg": 0.80, "mcs": 0.90, "ecb": 1.20, "off": 1.22}
MULTIPLE = {"saddle": 4, "perfect": 2, "case": 2}
SADDLE_AT_LEAST = 8
BOARD = {"perfect": 0.5, "case": 3.0}
# types of options whose `count` is the number of pages
PAGE_OPTIONS = ("type_book_paper", "type_main_paper", "type_total_pages")
PAPER_OPTIONS = ("type_book_paper", "type_main_paper")

_PAPER = re.compile(r"(?<!\d)(\d{2,3})(mcg|mcs|ecb|off)(?![a-z])")


@dataclass(frozen=True)
class Expected:
    """What is expected of one file. Lengths are in millimeters; what is unknown is 0, "" or None, and not checked.

    :ivar part: "book", "cover", or "" for the only file of a product
    :ivar is_pdf: the order says that the file is a PDF
    :ivar is_alone: the item has no other print file
    :ivar pages: of the item, as ordered; option_pages: as its options say
    :ivar width: of a page, trimmed
    :ivar binding: "saddle", "perfect", "case" or "none"
    :ivar cover_kind: "spread" back, spine and front on one page, "pages" single pages, "block" in the file of the book
    :ivar wrap: of a case cover, turned in on each side; overlap: of its boards over the pages; squeeze: of its hinge
    """

    part: str = ""
    is_pdf: bool = True
    is_alone: bool = True
    pages: int | None = None
    option_pages: int | None = None
    paper: str = ""
    width: float = 0
    height: float = 0
    bleed: float = 0
    size_tolerance: float = 1
    binding: str = ""
    page_multiple: int = 0
    cover_kind: str = ""
    board: float = 0
    wrap: float = 0
    overlap: float = 0
    squeeze: float = 0
    spine_tolerance: float = 1

    @property
    def multiple(self):
        return self.page_multiple or MULTIPLE.get(self.binding, 1)

    @property
    def spine(self):
        """Return the width of the spine, or None if it is not known."""
        if self.binding in ("saddle", "none"):
            return 0.0
        pages = self.option_pages or self.pages
        board = self.board or BOARD.get(self.binding)
        paper = _PAPER.search(self.paper)
        if not pages or not board or not paper:
            return None
        return get_spine(int(paper[1]), paper[2], pages, board)


def get_spine(grammage, grade, pages, board):
    """Return the width of a spine in millimeters, by Cloudprinter's published formula.

    :param grammage: of the pages, in g/m²
    :param grade: of the paper, a key of `BULK`
    :param pages: as ordered; the last sheet may be printed on one side
    :param board: thickness of the cover: 0.5 for a softcover, 2 or 3 for a hardcover
    """
    return grammage * BULK[grade] * ((pages + pages % 2) / 2) / 1000 + 2 * board


def get_part(file_type):
    """Return the part of the product that a file of this type is, see `Expected.part`."""
    name = (file_type or "").lower()
    if "cover" in name:
        return "cover"
    return "book" if any(word in name for word in ("book", "block", "inside", "content")) else ""


def add_order(expected, pages, options):
    """Return what is expected with what was ordered.

    :param pages: of the item, or None
    :param options: the item's `order_document.Option`s
    """
    by_type = {option.type: option for option in options}
    counts = [by_type[name].count for name in PAGE_OPTIONS if name in by_type and by_type[name].count.isdecimal()]
    papers = [by_type[name].reference for name in PAPER_OPTIONS if name in by_type]
    return replace(
        expected,
        pages=pages,
        option_pages=int(counts[0]) if counts else None,
        paper=papers[0].lower() if papers else "",
    )


# === Cloudprinter's products/info === #

# words of a note → field; the first line whose words are all there
_NOTES = (
    (("width", "cover"), None),
    (("height", "cover"), None),
    (("width",), "width"),
    (("height",), "height"),
    (("cover", "wrap"), "wrap"),
    (("cover", "overlap"), "overlap"),
    (("cover", "squeeze"), "squeeze"),
    (("bleed",), "bleed"),
    (("binding",), "binding"),
)
_BINDINGS = (
    ("saddle", ("saddle", "staple", "stitch")),
    ("case", ("case", "hardcover", "hard cover")),
    ("perfect", ("perfect", "softcover", "soft cover", "paperback")),
)
LENGTH_AT_MOST = 5000  # mm


class InfoError(TextError):
    """Raised for a text that is no answer of products/info."""


def read_info(text):
    """Return what an answer of Cloudprinter's products/info says about a product: field of `Expected` → value.

    Only notes that name millimeters, or no unit, are read. What is not understood is left out.

    :raises InfoError: it is not JSON with `specs`
    """
    try:
        specs = json.loads(text)["specs"]
        notes = [(str(spec["note"]).lower(), str(spec["value"]).strip()) for spec in specs]
    except (KeyError, RecursionError, TypeError, ValueError):
        raise InfoError("", _("This is not an answer of products/info: JSON with “specs” is expected.")) from None
    values = {}
    for note, value in notes:
        words = set(re.findall(r"[a-z]+", note))
        name = next((name for needed, name in _NOTES if words.issuperset(needed)), None)
        if name == "binding":
            found = next((kind for kind, words in _BINDINGS if any(word in value.lower() for word in words)), None)
        elif name and not words & {"inch", "inches", "cm", "px", "pt"}:
            found = _read_length(value)
        else:
            continue
        if found is not None:
            values.setdefault(name, found)
    if values.get("binding") in ("perfect", "case"):
        values.setdefault("cover_kind", "spread")
    return values


def _read_length(value):
    match = re.fullmatch(r"(\d{1,4}(?:\.\d{1,3})?)(?: ?mm)?", value)
    return float(match[1]) if match and float(match[1]) <= LENGTH_AT_MOST else None
