"""What can be found in a print file: one table with severity, proposed cause and sentence."""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

from typing import NamedTuple

from ..tools.text import Text
from ..tools.text import Text as _  # pylint: disable=reimported

# in the order of their weight; "fact" is what is right
SEVERITIES = ("fact", "info", "skipped", "warning", "error")
RANGES_AT_MOST = 10

# Cloudprinter's causes by the part of the product that a file is
CAUSES = {
    "corrupt": {"book": "CancelBookCorrupt", "cover": "CancelCoverCorrupt", "": "CancelFilesCorrupt"},
    "rip": {"book": "CancelBookRip", "cover": "CancelCoverRip", "": "CancelValidateError"},
    "size": {"book": "CancelBookSize", "cover": "CancelCoverSize", "": "CancelValidateError"},
    "trim": {"book": "CancelBookTrim", "cover": "CancelCoverTrim", "": "CancelValidateError"},
    "spine": {"book": "CancelBookSize", "cover": "CancelCoverSpine", "": "CancelCoverSpine"},
    "pages": {"book": "CancelPageCount", "cover": "CancelValidateError", "": "CancelPageCount"},
    "fonts": {"book": "CancelUnknownFont", "cover": "CancelUnknownFont", "": "CancelUnknownFont"},
}


class Kind(NamedTuple):
    severity: str
    cause: str  # a key of `CAUSES`, "" if none is proposed
    sentence: Text


class Finding(NamedTuple):
    """What was found by a check.

    :ivar code: a key of `KINDS`
    :ivar values: of the sentence's placeholders
    :ivar ranges: the pages that are meant, as (first, last); () for the file as a whole
    """

    code: str
    values: dict = {}
    ranges: tuple = ()

    @property
    def severity(self):
        return KINDS[self.code].severity

    def get_cause(self, part):
        """Return the cancellation cause to propose, or ""."""
        kind = KINDS[self.code]
        return CAUSES[kind.cause][part] if kind.cause else ""

    def get_sentences(self):
        """Return the sentence as texts that can be translated, the pages last."""
        texts = [KINDS[self.code].sentence.fill_in(**self.values)]
        if self.values.get("rotation"):
            texts.append(_("This is seen after a rotation of %(rotation)s°.", rotation=self.values["rotation"]))
        if self.ranges:
            shown = ", ".join(
                f"{first}–{last}" if last > first else str(first) for first, last in self.ranges[:RANGES_AT_MOST]
            )
            more = len(self.ranges) > RANGES_AT_MOST
            texts.append(_("Pages: %(pages)s, …", pages=shown) if more else _("Pages: %(pages)s.", pages=shown))
        return texts


KINDS = {
    # the file
    "sound": Kind("fact", "", _("The structure of the file is sound.")),
    "no_pdf": Kind("error", "corrupt", _("This is not a PDF file.")),
    "other_format": Kind("skipped", "", _("Not checked: only PDF files are.")),
    "damaged": Kind("error", "corrupt", _("The file is damaged: no page can be read.")),
    "missing": Kind("error", "corrupt", _("The file is damaged: %(count)s of its pages are missing.")),
    "no_box": Kind("warning", "corrupt", _("The file is damaged: %(count)s pages have no size.")),
    "rebuilt": Kind("warning", "corrupt", _("The file is damaged: its table of objects had to be rebuilt.")),
    "broken": Kind("warning", "rip", _("The contents of pages are damaged.")),
    "password": Kind("error", "rip", _("The file cannot be opened without a password.")),
    "protected": Kind("warning", "rip", _("The file is protected against changes. Check that it can be printed.")),
    "unreadable": Kind("skipped", "", _("Not checked: the file is protected in a way that cannot be read here.")),
    "limit": Kind(
        "skipped", "", _("Not checked completely: the file needs more time or memory than a check may take.")
    ),
    # pages
    "pages": Kind("fact", "", _("%(count)s pages.")),
    "pages_unknown": Kind("skipped", "", _("%(count)s pages. The ordered number is not known.")),
    "pages_differ": Kind("error", "pages", _("The file has %(count)s pages, ordered are %(ordered)s.")),
    "pages_of_item": Kind(
        "warning",
        "pages",
        _("The file has %(count)s pages, as the item says. Its paper option says %(ordered)s."),
    ),
    "cover_included": Kind(
        "warning",
        "pages",
        _("The file has %(count)s pages, ordered are %(ordered)s and a cover. Check whether the cover is included."),
    ),
    "multiple": Kind(
        "warning", "pages", _("The file has %(count)s pages. This binding needs a multiple of %(multiple)s.")
    ),
    "too_few": Kind("warning", "pages", _("The file has %(count)s pages. This binding needs at least %(least)s.")),
    "pages_as_spreads": Kind("skipped", "", _("Not checked: the pages are spreads.")),
    "pages_of_cover": Kind("error", "size", _("The cover has %(count)s pages.")),
    # size and bleed
    "size": Kind("fact", "", _("%(width)s × %(height)s mm, with bleed.")),
    "size_unknown": Kind("skipped", "", _("%(found)s mm. The ordered size is not known.")),
    "unequal": Kind("error", "size", _("The pages have different sizes: %(found)s and %(other)s mm.")),
    "unequal_product": Kind("warning", "size", _("The pages have different sizes: %(found)s and %(other)s mm.")),
    "size_differs": Kind(
        "error",
        "size",
        _("The pages are %(found)s mm. Ordered are %(width)s × %(height)s mm, %(full)s mm with bleed."),
    ),
    "turned": Kind("error", "size", _("The pages are %(found)s mm: the orientation is not the ordered one.")),
    "turned_by_rotation": Kind(
        "warning", "size", _("The pages are %(found)s mm: the orientation is not the ordered one.")
    ),
    "spreads": Kind("error", "size", _("The pages are %(found)s mm: two pages side by side.")),
    "no_bleed": Kind("warning", "trim", _("The bleed is missing: %(room)s mm instead of %(bleed)s mm.")),
    "trim_differs": Kind(
        "warning",
        "trim",
        _("The trim box is %(found)s mm, ordered are %(width)s × %(height)s mm. The page size is right."),
    ),
    "marks": Kind("warning", "trim", _("The pages are larger than page and bleed. Check for crop marks.")),
    # cover
    "cover": Kind("fact", "", _("%(width)s mm wide, with a spine of %(spine)s mm.")),
    "cover_wrapped": Kind("fact", "", _("%(width)s × %(height)s mm.")),
    "spine_unknown": Kind("skipped", "", _("%(found)s mm. The ordered width of the spine is not known.")),
    "spine_near": Kind(
        "warning", "spine", _("The cover is %(found)s mm wide, expected are %(width)s mm with a spine of %(spine)s mm.")
    ),
    "spine_differs": Kind(
        "error", "spine", _("The cover is %(found)s mm wide, expected are %(width)s mm with a spine of %(spine)s mm.")
    ),
    "cover_differs": Kind(
        "error", "size", _("The cover is %(found)s mm, expected are %(width)s × %(height)s mm with bleed.")
    ),
    "cover_wrap_differs": Kind(
        "warning",
        "size",
        _("The cover is %(found)s mm, expected are about %(width)s × %(height)s mm with what is turned in."),
    ),
    # fonts
    "fonts": Kind("fact", "", _("All fonts that show text are embedded.")),
    "fonts_unknown": Kind("skipped", "", _("Not checked completely: fonts.")),
    "fonts_declared": Kind(
        "warning", "fonts", _("Fonts are not embedded: %(names)s. Whether they are used is not known.")
    ),
    "fonts_standard": Kind("warning", "fonts", _("Standard fonts are not embedded: %(names)s.")),
    "fonts_missing": Kind("error", "fonts", _("Fonts are not embedded: %(names)s.")),
    # contents
    "no_blank": Kind("fact", "", _("No page is blank.")),
    "blank": Kind("info", "", _("Pages are blank.")),
    "blank_unknown": Kind("skipped", "", _("Checked until page %(until)s.")),
    "colors": Kind("info", "", _("The file uses %(names)s.")),
    "no_colors": Kind("info", "", _("The file does not name its colors.")),
    "intent": Kind("info", "", _("Output intent: %(name)s.")),
}
