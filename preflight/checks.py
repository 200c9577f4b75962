"""The checks: facts about a file and what is expected → findings. Pure functions; `CHECKS` is the table of them."""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

from collections.abc import Callable
from typing import NamedTuple

from ..tools.text import Text
from ..tools.text import Text as _  # pylint: disable=reimported
from .expected import SADDLE_AT_LEAST
from .facts import DAMAGED, NO_PDF, PASSWORD, PROTECTED
from .kinds import SEVERITIES, Finding

BLEED_TOLERANCE = 0.2  # mm
SPINE_ERROR = 2.0  # mm: more is an error
SPINE_AT_MOST = 15.0  # mm: a cover that differs by more has another size
STANDARD_FONTS = {
    *("Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique"),
    *("Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique"),
    *("Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic"),
    *("Symbol", "ZapfDingbats"),
}


def check_file(facts, expected):
    if facts.problem == NO_PDF:
        yield Finding("no_pdf" if expected.is_pdf else "other_format")
    elif facts.problem == DAMAGED:
        yield Finding("damaged")
    elif facts.problem == PASSWORD:
        yield Finding("password")
    elif facts.problem == PROTECTED:
        yield Finding("unreadable")
    if facts.missing:
        yield Finding("missing", {"count": facts.missing})
    if facts.no_box:
        yield Finding("no_box", {"count": facts.no_box})
    if facts.is_rebuilt:
        yield Finding("rebuilt")
    if facts.broken:
        yield Finding("broken", {}, facts.broken)
    if facts.is_protected:
        yield Finding("protected")
    if facts.limit:
        yield Finding("limit")


def check_pages(facts, expected):
    count, ordered = facts.page_count, expected.option_pages or expected.pages
    values = {"count": count, "ordered": ordered}
    if expected.part == "cover":
        return
    if _has_spreads(facts, expected):
        yield Finding("pages_as_spreads")
        return
    if not ordered:
        yield Finding("pages_unknown", values)
    elif count == ordered:
        pass
    elif count == expected.pages:
        yield Finding("pages_of_item", values)
    elif expected.is_alone and expected.cover_kind != "none" and expected.binding and count - ordered in (2, 4):
        yield Finding("cover_included", values)
        return
    else:
        yield Finding("pages_differ", values)
        return
    if expected.binding == "saddle" and count < SADDLE_AT_LEAST:
        yield Finding("too_few", {"count": count, "least": SADDLE_AT_LEAST})
    elif count % expected.multiple:
        yield Finding("multiple", {"count": count, "multiple": expected.multiple})
    if count == ordered:
        yield Finding("pages", values)


def check_size(facts, expected):
    if expected.part == "cover":
        return
    if not _knows_size(expected):
        yield from _check_equal(facts, expected)
        return
    yield from _check_sizes(facts.pages, expected)


def _check_equal(facts, expected):
    first, *others = facts.pages
    tolerance = expected.size_tolerance
    for run in others:
        if not (_is_near(run.width, first.width, tolerance) and _is_near(run.height, first.height, tolerance)):
            values = {"found": _format(first.width, first.height), "other": _format(run.width, run.height)}
            yield Finding("unequal" if expected.part == "book" else "unequal_product", values)
            break
    yield Finding("size_unknown", {"found": _format(first.width, first.height)})


def _check_sizes(pages, expected):
    """Compare each page with the ordered size, and report each kind of difference once."""
    width, height, bleed = expected.width, expected.height, expected.bleed
    found = {}
    for run in pages:
        for code in compare_size(run, width, height, bleed, expected.size_tolerance):
            found.setdefault(code, []).append(run)
    if not found:
        yield Finding("size", {"width": format_length(width), "height": format_length(height)})
    for code, runs in found.items():
        run = runs[0]
        box = (run.trim_width, run.trim_height) if code == "trim_differs" else (run.width, run.height)
        values = {
            "found": _format(*box),
            "width": format_length(width),
            "height": format_length(height),
            "full": _format(width + 2 * bleed, height + 2 * bleed),
            "bleed": format_length(bleed),
            "room": format_length(_get_bleed(run)),
            **({"rotation": run.rotation} if run.rotation and code in ("size_differs", "turned_by_rotation") else {}),
        }
        yield Finding(code, values, _join(runs) if len(pages) > 1 else ())


def compare_size(page, width, height, bleed, tolerance, width_tolerance=None):
    """Return the codes of what is wrong with the size of a page; the first line that applies decides.

    :param page: `facts.Pages`
    :param width: expected, trimmed
    :param width_tolerance: another one for the width
    """

    def fits(found_width, found_height, wide, high):
        return _is_near(found_width, wide, width_tolerance or tolerance) and _is_near(found_height, high, tolerance)

    full_width, full_height = width + 2 * bleed, height + 2 * bleed
    has_full_size = fits(page.width, page.height, full_width, full_height)
    if page.trim_width is not None and fits(page.trim_width, page.trim_height, width, height):
        if has_full_size:
            return []
        if _get_bleed(page) < bleed - BLEED_TOLERANCE:
            return ["no_bleed"]
        return ["marks"]
    if has_full_size:
        return [] if page.trim_width is None or not bleed else ["trim_differs"]
    if fits(page.width, page.height, width, height):
        return ["no_bleed"]
    seen = [(page.width, page.height)]
    if page.trim_width is not None:
        seen.append((page.trim_width, page.trim_height))
    if any(fits(h, w, *size) for w, h in seen for size in ((width, height), (full_width, full_height))):
        return ["turned_by_rotation" if page.rotation in (90, 270) else "turned"]
    spreads = [
        (2 * width + extra, height + high) for extra, high in ((0, 0), (2 * bleed, 2 * bleed), (4 * bleed, 2 * bleed))
    ]
    if any(fits(w, h, *size) for w, h in seen for size in spreads):
        return ["spreads"]
    return ["size_differs"]


def _has_spreads(facts, expected):
    """Return whether all pages but the first and last are spreads."""
    if not _knows_size(expected):
        return False
    single = sum(
        run.count
        for run in facts.pages
        if compare_size(run, expected.width, expected.height, expected.bleed, expected.size_tolerance) != ["spreads"]
    )
    return single <= 2 and facts.page_count > single


def check_cover(facts, expected):
    if expected.part != "cover":
        return
    if not _knows_size(expected):
        yield Finding("size_unknown", {"found": _format(facts.pages[0].width, facts.pages[0].height)})
        return
    kind = expected.cover_kind
    if kind not in ("spread", "pages"):
        # whatever it is, it is right if it fits one of them
        kind = "spread" if facts.pages[0].width > 1.5 * expected.width else "pages"
    if facts.page_count > (2 if kind == "spread" else 4):
        yield Finding("pages_of_cover", {"count": facts.page_count})
    if kind == "pages":
        yield from _check_sizes(facts.pages, expected)
    elif expected.binding == "case":
        yield from _check_case(facts.pages[0], expected)
    else:
        yield from _check_spread(facts.pages[0], expected)


def _check_spread(page, expected):
    spine, bleed = expected.spine, expected.bleed
    full_height = expected.height + 2 * bleed
    if spine is None:
        least = 2 * expected.width + 2 * bleed - expected.size_tolerance
        if page.width < least or not _is_near(page.height, full_height, expected.size_tolerance):
            trimmed = page.trim_height is not None and _is_near(
                page.trim_height, expected.height, expected.size_tolerance
            )
            if page.width < least or not trimmed:
                yield Finding("cover_differs", _describe_cover(page, least + expected.size_tolerance, full_height))
                return
        yield Finding("spine_unknown", {"found": _format(page.width, page.height)})
        return
    width = 2 * expected.width + spine
    tolerances = expected.size_tolerance, max(expected.spine_tolerance, 0.01)
    codes = compare_size(page, width, expected.height, bleed, *tolerances)
    if not codes:
        yield Finding("cover", {"width": format_length(width + 2 * bleed), "spine": format_length(spine)})
    elif not {"size_differs", "spreads", "turned", "turned_by_rotation"} & set(codes):
        yield from _check_sizes_of_cover(page, codes, width, expected)
    else:
        yield _compare_spine(page, width, spine, expected)


def _check_sizes_of_cover(page, codes, width, expected):
    found = (page.trim_width, page.trim_height) if codes == ["trim_differs"] else (page.width, page.height)
    for code in codes:
        yield Finding(
            code,
            {
                "found": _format(*found),
                "width": format_length(width),
                "height": format_length(expected.height),
                "bleed": format_length(expected.bleed),
                "room": format_length(_get_bleed(page)),
            },
        )


def _compare_spine(page, width, spine, expected):
    """Return how a cover differs: in the width of its spine, or in its size."""
    bleed, tolerance = expected.bleed, expected.size_tolerance
    differences = [
        (abs(found - wanted), found, wanted)
        for found, high, wanted, wanted_high in (
            (page.trim_width, page.trim_height, width, expected.height),
            (page.width, page.height, width + 2 * bleed, expected.height + 2 * bleed),
            (page.width, page.height, width, expected.height),
        )
        if found is not None and _is_near(high, wanted_high, tolerance)
    ]
    difference, found, wanted = min(differences, default=(SPINE_AT_MOST + 1, 0, 0))
    if difference > SPINE_AT_MOST or expected.binding in ("saddle", "none"):
        return Finding("cover_differs", _describe_cover(page, width + 2 * bleed, expected.height + 2 * bleed))
    values = {"found": format_length(found), "width": format_length(wanted), "spine": format_length(spine)}
    return Finding("spine_differs" if difference > SPINE_ERROR else "spine_near", values)


def _check_case(page, expected):
    """Compare a cover that is turned in over boards: overlap and squeeze depend on the machine, so this is a range."""
    if not expected.wrap or expected.spine is None:
        yield Finding("spine_unknown", {"found": _format(page.width, page.height)})
        return
    width = 2 * expected.width + expected.spine + 2 * expected.wrap
    height = expected.height + 2 * expected.wrap
    tolerance = max(expected.size_tolerance, expected.spine_tolerance)
    wide, high = 2 * (expected.overlap + expected.squeeze), 2 * expected.overlap
    if (
        width - tolerance <= page.width <= width + wide + tolerance
        and height - tolerance <= page.height <= height + high + tolerance
    ):
        yield Finding("cover_wrapped", {"width": format_length(page.width), "height": format_length(page.height)})
        return
    yield Finding("cover_wrap_differs", _describe_cover(page, width + wide, height + high))


def _describe_cover(page, width, height):
    return {
        "found": _format(page.width, page.height),
        "width": format_length(width),
        "height": format_length(height),
        **({"rotation": page.rotation} if page.rotation else {}),
    }


def check_fonts(facts, expected):
    if facts.fonts is None:
        yield Finding("fonts_unknown")
        return
    if facts.fonts and facts.used_fonts is None:
        yield Finding("fonts_declared", {"names": ", ".join(name for name, _page in facts.fonts)}, _start(facts.fonts))
        return
    used = facts.used_fonts or ()
    for code, fonts in (
        ("fonts_missing", [font for font in used if font[0] not in STANDARD_FONTS]),
        ("fonts_standard", [font for font in used if font[0] in STANDARD_FONTS]),
    ):
        if fonts:
            yield Finding(code, {"names": ", ".join(name for name, _page in fonts)}, _start(fonts))
    if not used:
        yield Finding("fonts")


def check_contents(facts, expected):
    if facts.blank:
        yield Finding("blank", {}, facts.blank)
    if not facts.contents_until:
        return
    if facts.contents_until < facts.page_count:
        yield Finding("blank_unknown", {"until": facts.contents_until})
    elif not facts.blank:
        yield Finding("no_blank")


def check_colors(facts, expected):
    if facts.colors is None:
        return
    names = [*facts.colors, *facts.spots]
    yield Finding("colors", {"names": ", ".join(names)}) if names else Finding("no_colors")
    if facts.intent:
        yield Finding("intent", {"name": facts.intent})


class Check(NamedTuple):
    """A check.

    :ivar title: shown beside ✓ or ✗
    :ivar find: called with `Facts` and `Expected`, yields the findings; none if the check is not for this file
    """

    title: Text
    find: Callable


CHECKS = {
    "file": Check(_("File"), check_file),
    "pages": Check(_("Pages"), check_pages),
    "size": Check(_("Size and Bleed"), check_size),
    "cover": Check(_("Cover"), check_cover),
    "fonts": Check(_("Fonts"), check_fonts),
    "contents": Check(_("Blank Pages"), check_contents),
    "colors": Check(_("Colors"), check_colors),
}


def check(facts, expected):
    """Return the findings of each check about a file: name of the check → list of `Finding`.

    Checks that are not for this file, or need facts that could not be read, are left out.
    """
    found = {"file": list(check_file(facts, expected))}
    if facts.has_all_pages and not facts.problem:
        found |= {name: list(each.find(facts, expected)) for name, each in CHECKS.items() if name != "file"}
    if not found["file"]:
        found["file"].append(Finding("sound"))
    return {name: findings for name, findings in found.items() if findings}


def get_severity(findings):
    """Return the worst severity of findings."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default="skipped")


# === numbers === #


def format_length(length):
    return f"{length:.1f}".removesuffix(".0")


def _format(width, height):
    return f"{format_length(width)} × {format_length(height)}"


def _is_near(one, other, tolerance):
    # floats: 213.0 - 212.0 may be more than 1
    return abs(one - other) <= tolerance + 1e-6


def _knows_size(expected):
    return bool(expected.width and expected.height)


def _get_bleed(page):
    """Return the room for bleed around what is trimmed."""
    return min(page.room, page.bleed_room) if page.trim_width is not None else 0


def _start(fonts):
    """Return where fonts are named first."""
    return tuple((page, page) for page in sorted({page for _name, page in fonts}))


def _join(runs):
    """Return the pages of runs as ranges, with neighbors joined."""
    ranges = []
    for run in runs:
        [(first, last)] = run.ranges
        if ranges and ranges[-1][1] == first - 1:
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((first, last))
    return tuple(ranges)
