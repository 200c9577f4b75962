"""Read tables that users upload or paste: XLSX, or CSV of any spreadsheet or parcel service → rows of text with lines.

Pure functions without the ORM. They never raise on bad input; what cannot be read becomes a row with a problem.
"""

import csv
import io
import re
import zipfile
from typing import NamedTuple

import openpyxl

DELIMITERS = ";\t,"
EXACT_BELOW = 10**15  # spreadsheets keep 15 digits
# A long number as Excel shortens it.
SHORTENED = re.compile(
    r"[0-9]+[eE]\+[0-9]+"  # 3E+17
    r"|[0-9]+[.,][0-9]+[eE]\+?[0-9]+"  # 3.40434161094E17
    r"|[0-9]{6,}[.,]0+"  # 340434161094.0
    r"|[0-9]{1,3}(?:[.,'’][0-9]{3}){2,}"  # 1.234.567.890
)


class Row(NamedTuple):
    line: int  # where it begins, counted from 1
    cells: tuple


def is_workbook(data):
    """Return whether a file is a workbook (XLSX), whatever its name."""
    return data.startswith(b"PK\x03\x04")


def read_workbook(data):
    """Return the rows of the first sheet of a workbook that are not empty, and none if it is damaged.

    :rtype: list[Row]
    """
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        rows = [
            Row(line, tuple(map(_write_cell, cells)))
            for line, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1)
        ]
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile, SyntaxError):
        return []
    return [row for row in rows if any(row.cells)]


def _write_cell(value):
    # beyond this, a spreadsheet has lost digits: it stays a number that `find_damage` recognizes
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_BELOW:
        value = int(value)
    return "" if value is None else f"{value:.14E}".replace("E+0", "E+") if _is_inexact(value) else str(value).strip()


def _is_inexact(value):
    return isinstance(value, (int, float)) and abs(value) >= EXACT_BELOW


def decode(data):
    """Return the text of a file: UTF-16 with a byte order mark, UTF-8 if valid, else Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def read_rows(text):
    """Return the rows that are not empty, with trimmed cells.

    :rtype: list[Row]
    """
    text = text.removeprefix("\ufeff").replace("\0", "")
    # Excel's own hint, which other programs write too
    text = re.sub(r"\A\s*sep=.\r?\n", "", text)
    tables = [_read(text, delimiter) for delimiter in DELIMITERS]
    # the delimiter that splits the most rows; others may occur within a code or a name
    return max(tables, key=lambda rows: sum(len(row.cells) > 1 for row in rows))


def _read(text, delimiter):
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, line = [], 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return rows
        except csv.Error:
            # an unclosed quotation mark
            cells = ['"']
        cells = [cell.strip() for cell in cells]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            rows.append(Row(line, tuple(cells)))
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


def defuse(cell):
    """Return the cell in a form that no spreadsheet takes for a formula."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{cell}"
    return cell


def write_rows(rows):
    """Return CSV that Excel opens in columns, and that `read_rows` reads."""
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=";").writerows(rows)
    return stream.getvalue()
