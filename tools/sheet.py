"""Read tables that users upload or paste: XLSX, or CSV of any spreadsheet or parcel service → rows of text with lines.

Pure functions without the ORM. They never raise on bad input; what cannot be read becomes a row with a problem. As
anything may be uploaded, no more is read than a caller wants: size, lines, and what a workbook unpacks to have limits.
"""

import csv
import io
import re
import zipfile
from typing import NamedTuple

import openpyxl

DELIMITERS = ";\t,"
SIZE_AT_MOST = 3 * 1024 * 1024  # bytes
LINES_AT_MOST = 10_000
CELLS_AT_MOST = 100  # per line; more are left out
WORKBOOK_AT_MOST = 10 * 1024 * 1024  # bytes, unpacked
SAMPLE_LINES = 1000  # that show the delimiter
EXACT_BELOW = 10**15  # spreadsheets keep 15 digits
END = "\ue000"  # read as the last row, unless a quotation mark before it is not closed
UNCLOSED = f'"{END}'  # the last cell of a row in which it is not closed
# A long number as Excel shortens it.
SHORTENED = re.compile(
    r"[0-9]+[eE]\+[0-9]+"  # 3E+17
    r"|[0-9]+[.,][0-9]+[eE]\+?[0-9]+"  # 3.40434161094E17
    r"|[0-9]{6,}[.,]0+"  # 340434161094.0
    r"|[0-9]{1,3}(?:[.,'’][0-9]{3}){2,}"  # 1.234.567.890
)


class TooLarge(Exception):
    """Raised when a table has more than a limit."""


class Row(NamedTuple):
    line: int  # where it begins, counted from 1
    cells: tuple


def is_workbook(data):
    """Return whether a file is a workbook (XLSX), whatever its name."""
    return data.startswith(b"PK\x03\x04")


def read_workbook(data, lines_at_most=LINES_AT_MOST):
    """Return the rows that are not empty of each visible sheet of a workbook; nothing if it is damaged or encrypted.

    :param int lines_at_most: to be read of a sheet
    :rtype: list[list[Row]]
    :raise TooLarge: it is compressed, and would be much larger than it looks
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > WORKBOOK_AT_MOST:
                raise TooLarge
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        return [_read_sheet(sheet, lines_at_most) for sheet in book.worksheets if sheet.sheet_state == "visible"]
    except TooLarge:
        raise
    except Exception:  # there are many, such as those of zlib and of parsers of XML
        return []


def _read_sheet(sheet, lines_at_most):
    # without these limits, one cell at the end of a sheet would become millions
    table = sheet.iter_rows(max_row=lines_at_most, max_col=CELLS_AT_MOST, values_only=True)
    rows = [Row(line, _trim(map(_write_cell, cells))) for line, cells in enumerate(table, start=1)]
    return [row for row in rows if row.cells]


def _trim(cells):
    cells = list(cells)
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)


def _write_cell(value):
    # beyond this, a spreadsheet has lost digits: it stays a number that `find_damage` recognizes
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_BELOW:
        value = int(value)
    if isinstance(value, (int, float)) and abs(value) >= EXACT_BELOW:
        return f"{value:.14E}".replace("E+0", "E+")
    if isinstance(value, float):
        # without what a spreadsheet's sum leaves of zero
        text = f"{value:.10f}".rstrip("0").rstrip(".")
        # three digits after the point could be thousands
        return f"{text}0" if text[-4:-3] == "." else text
    return "" if value is None else str(value).strip()


def decode(data):
    """Return the text of a file: UTF-16 with a byte order mark, UTF-8 if valid, else Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def read_rows(text, lines_at_most=LINES_AT_MOST):
    """Return the rows that are not empty, with trimmed cells.

    :param int lines_at_most: to be read
    :rtype: list[Row]
    """
    text = text.removeprefix("\ufeff").replace("\0", "")
    # Excel's own hint, which other programs write too
    text = re.sub(r"\A\s*sep=.\r?\n", "", text)
    # the delimiter that splits the most rows; others may occur within a code or a name
    delimiter = max(
        DELIMITERS, key=lambda delimiter: sum(len(row.cells) > 1 for row in _read(text, delimiter, SAMPLE_LINES))
    )
    return list(_read(text, delimiter, lines_at_most))


def _read(text, delimiter, lines_at_most):
    reader = csv.reader(io.StringIO(f"{text}\n{END}", newline=""), delimiter=delimiter)
    line = 1
    while line <= lines_at_most:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = [UNCLOSED]
        if cells == [END]:
            return
        if cells and cells[-1].endswith(END):
            cells[-1] = UNCLOSED
        cells = _trim(_restore(cell.strip()) for cell in cells[:CELLS_AT_MOST])
        if cells:
            yield Row(line, cells)
        line = reader.line_num + 1


def take_columns(rows, names):
    """Return the rows by column: as the heading says if there is one, else in the order of `names`.

    :param list rows: of Row
    :param dict names: column → names it may have in a heading, in lower case
    :returns: list of (line, dict of column → text), without the heading
    """
    if not rows:
        return []
    heading = [" ".join(cell.lower().replace("_", " ").split()) for cell in rows[0].cells]
    positions = {}
    for column, known in names.items():
        found = [position for position, cell in enumerate(heading) if cell in known]
        if found:
            positions[column] = found[0]
    if len(positions) > 1:
        rows = rows[1:]
    else:
        positions = {column: position for position, column in enumerate(names)}
    return [
        (row.line, {column: row.cells[at] if at < len(row.cells) else "" for column, at in positions.items()})
        for row in rows
    ]


def add_names(names, words):
    """Return the names of columns, with those of another language added.

    :param dict names: as `take_columns` takes them
    :param dict words: column → list of texts, each a name or several separated by commas
    """
    return {
        column: known.union(
            *({text.lower(), *(name.strip().lower() for name in text.split(","))} for text in words[column])
        )
        for column, known in names.items()
    }


def find_damage(text):
    """Return how a spreadsheet damaged an id or a code: `shortened`, `marked`, `unclosed`, or an empty text."""
    if SHORTENED.fullmatch(text):
        return "shortened"
    if text.startswith(("'", "=")):
        return "marked"
    if not text.isprintable() or text.startswith('"'):
        return "unclosed"
    return ""


# === writing === #

# A spreadsheet takes what begins with one of the last group for a formula: in a cell, or in a part of it that becomes a
# cell, because which delimiters a spreadsheet splits at depends on its settings and not on the file.
_FORMULA = re.compile(r"""(\A|[,;|\t\r\n])([ \xa0"']*)([=+\-@＝＋－＠])""")
_DEFUSED = re.compile(r"""(\A|[,;|\t\r\n])([ \xa0"']*)'([=+\-@＝＋－＠])""")


def _defuse(cell):
    """Return the cell in a form that no spreadsheet takes for a formula, and that `read_rows` turns back."""
    return _FORMULA.sub(r"\1\2'\3", cell) if isinstance(cell, str) else cell


def _restore(cell):
    return _DEFUSED.sub(r"\1\2\3", cell)


def write_rows(rows):
    """Return CSV that Excel opens in columns, that holds no formula, and that `read_rows` reads."""
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=";").writerows(map(_defuse, row) for row in rows)
    return stream.getvalue()
