"""Other readers of PDF files, independent of this project: poppler and qpdf."""

import re
import subprocess
from typing import NamedTuple

SECONDS = 60
_FONT = re.compile(r"\s(yes|no)\s+(yes|no)\s+(yes|no)\s+(?:\d+\s+\d+|\[none\])\s*$")
_BOX = re.compile(r"^Page +(\d+) (MediaBox|TrimBox): +(\S+) +(\S+) +(\S+) +(\S+)$", re.MULTILINE)


class Said(NamedTuple):
    """What the oracles say about a file.

    :ivar pages: by pdfinfo, None if it cannot read the file
    :ivar boxes: of the first pages: (page, name of the box) → width and height in points
    :ivar has_missing_fonts: by pdffonts, None if it cannot read the file
    :ivar qpdf: the exit code of `qpdf --check`: 0 sound, 3 warnings, 2 errors
    """

    pages: int | None
    boxes: dict
    has_missing_fonts: bool | None
    qpdf: int


def ask(path):
    """Return what poppler and qpdf say about a file."""
    code, text = _run("pdfinfo", "-box", "-f", "1", "-l", "20", path)
    pages = re.search(r"^Pages: +(\d+)$", text, re.MULTILINE)
    boxes = {
        (int(page), name): (float(right) - float(left), float(top) - float(bottom))
        for page, name, left, bottom, right, top in _BOX.findall(text)
    }
    font_code, fonts = _run("pdffonts", path)
    missing = any(match[1] == "no" for match in map(_FONT.search, fonts.splitlines()) if match)
    return Said(
        pages=int(pages[1]) if pages and not code else None,
        boxes=boxes,
        has_missing_fonts=None if font_code else missing,
        qpdf=_run("qpdf", "--check", path)[0],
    )


def _run(*command):
    try:
        result = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return 1, ""
    return result.returncode, result.stdout.decode("latin-1")
