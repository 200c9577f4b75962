"""The table of a statement: which column is what, and its lines."""

from dataclasses import dataclass, field
from decimal import Decimal

from ..tools.sheet import UNCLOSED
from .categories import ROUNDING
from .values import AmbiguousError, clean_id, find_currency, find_mark, is_shortened, parse_amount

# column → what its heading may be, in lower case
COLUMNS = {
    "order": {"order", "order id", "order no", "order number", "orderid", "cloudprinter order", "order reference"},
    "item": {"item", "item id", "itemid", "item no", "item number", "cloudprinter item", "item reference"},
    "reference": {"reference", "client reference", "customer reference", "your reference", "client order"},
    "invoice": {"invoice", "invoice no", "invoice number", "your invoice", "supplier invoice"},
    "items": {"items", "item amount", "items amount", "product amount", "products", "production", "item price"},
    "freight": {"shipping", "freight", "shipping amount", "shipping cost", "shipping price", "delivery", "postage"},
    "net": {"net", "net amount", "total net", "net total", "amount net", "amount excl. vat", "total excl. vat"},
    "tax": {"tax", "vat", "vat amount", "tax amount"},
    "total": {"total", "amount", "sum", "total amount", "payable", "gross", "total incl. vat", "amount incl. vat"},
    "currency": {"currency", "cur", "currency code", "ccy"},
}
# by which a line finds what it is about, the most exact first
KEYS = ("item", "order", "reference", "invoice")
AMOUNTS = ("items", "freight", "net", "tax", "total")
HEADING_WITHIN = 20  # rows; titles and addresses may stand above the heading
SUM_WORDS = ("total", "sum", "totals", "grand total", "subtotal", "total amount", "summe", "gesamt", "i alt")


class StatementError(ValueError):
    """Raised when a file cannot be imported as it is.

    :ivar kind: `amount`, `ambiguous`, `currency`, `empty`, `key`, `shortened`, `sum` or `unclosed`
    :ivar line: the line in the file, 0 if it is about the whole file
    :ivar text: what stands there
    """

    def __init__(self, kind, line=0, text=""):
        super().__init__(kind, line, text)
        self.kind, self.line, self.text = kind, line, text


@dataclass(frozen=True)
class Line:
    """A line of a statement, its amounts without taxes.

    :param keys: kind of id → id, "" if the line has none of this kind
    :param items: None if the line says only the total
    :param freight: the same
    :param currency: code or symbol of what the amounts are in, in capitals; "" if the line does not say it
    """

    number: int
    keys: dict
    items: Decimal | None
    freight: Decimal | None
    total: Decimal | None
    currency: str


@dataclass
class Sheet:
    """What a file says.

    :ivar heading: the texts of its first row
    :ivar columns: column → position
    :ivar lines: the lines that are about an order
    :ivar total: the total that the file itself gives, or None
    """

    heading: list
    columns: dict
    lines: list = field(default_factory=list)
    total: Decimal | None = None

    @property
    def is_complete(self):
        """Return whether there is a column to match the lines by, and one with amounts."""
        return not self.columns.keys().isdisjoint(KEYS) and not self.columns.keys().isdisjoint(set(AMOUNTS) - {"tax"})


def normalize(text):
    return " ".join(text.lower().replace("_", " ").strip(" .:").split())


def find_heading(rows, names=None, chosen=None):
    """Return the position of the heading in `rows` and its columns: column → position.

    :param list rows: of (line number, cells)
    :param dict names: column → further names, in lower case
    :param dict chosen: heading → column, as a user has mapped it before; an empty column is left out
    """
    best, found = 0, {}
    for at, (_number, cells) in enumerate(rows[:HEADING_WITHIN]):
        columns = _find_columns([normalize(cell) for cell in cells], names or {}, chosen or {})
        if len(columns) > len(found):
            best, found = at, columns
    return best, found


def _find_columns(heading, names, chosen):
    columns, totals = {}, []
    for position, text in enumerate(heading):
        column = chosen.get(text)
        if column is None:
            column = next((name for name, known in COLUMNS.items() if text in known | names.get(name, set())), None)
            if column == "total":
                totals.append(position)
        if column and column not in columns:
            columns[column] = position
    if len(totals) > 1 and columns["total"] in totals:
        del columns["total"]
        if len(totals) == 2 and "tax" in columns and "net" not in columns:
            # without and with tax, in the order of an invoice; `_split` adds them up
            columns["net"], columns["total"] = totals
    return columns


def read_sheet(rows, names=None, chosen=None, mark=None):
    """Return what the rows of a file say.

    :param list rows: of (line number, cells), cells are texts
    :param str mark: the decimal mark, None to find it
    :rtype: Sheet
    :raises StatementError: a line cannot be read; a file whose columns are not known yet has no lines
    """
    if not rows:
        raise StatementError("empty")
    at, columns = find_heading(rows, names, chosen)
    sheet = Sheet(list(rows[at][1]), columns)
    if not sheet.is_complete:
        return sheet
    body = [
        (number, {name: cells[place] if place < len(cells) else "" for name, place in columns.items()}, cells)
        for number, cells in rows[at + 1 :]
    ]
    for number, _texts, cells in body:
        if UNCLOSED in cells:
            raise StatementError("unclosed", number)
    mark = mark or _find_mark(body)
    for number, texts, cells in body:
        line = _read_line(number, texts, mark)
        is_sum = _is_sum(texts, cells)
        is_last = number == body[-1][0] and _has_only_amounts(texts, cells)
        if any(line.keys.values()) and not is_sum:
            sheet.lines.append(line)
        elif line.total is not None and (is_sum or is_last):
            sheet.total = line.total
        elif line.total:
            raise StatementError("key", number)
    if not sheet.lines:
        raise StatementError("empty")
    return sheet


def _is_sum(texts, cells):
    """Return whether a row is a sum: its word stands in place of an id, or in a row without ids."""
    ids = list(filter(None, (normalize(texts.get(name, "")) for name in KEYS)))
    return all(text in SUM_WORDS for text in ids) if ids else any(normalize(cell) in SUM_WORDS for cell in cells)


def _has_only_amounts(texts, cells):
    """Return whether a row has no text that says what its amount is about, apart from a word for a sum."""
    amounts = [texts.get(name, "") for name in (*AMOUNTS, "currency")]
    words = [normalize(cell).split() for cell in cells if cell not in amounts]
    return all(not set(text).isdisjoint(SUM_WORDS) for text in words if text)


def _find_mark(body):
    texts = [texts[name] for _number, texts, _cells in body for name in AMOUNTS if name in texts]
    try:
        return find_mark(texts)
    except AmbiguousError:
        raise StatementError("ambiguous") from None
    except ValueError as error:
        wrong = str(error)
        number = next(number for number, texts, _cells in body if wrong in texts.values())
        raise StatementError("amount", number, wrong) from None


def _read_line(number, texts, mark):
    keys = {name: clean_id(texts.get(name, "")) for name in KEYS}
    for text in keys.values():
        if is_shortened(text):
            raise StatementError("shortened", number, text)
    amounts = {}
    for name in AMOUNTS:
        try:
            amounts[name] = parse_amount(texts.get(name, ""), mark)
        except ValueError:
            raise StatementError("amount", number, texts[name]) from None
    items, freight, net = _split(number, texts, **amounts)
    if net is None and any(keys.values()):
        raise StatementError("amount", number)
    currencies = {texts.get("currency", "").strip().upper()} - {""} or {
        currency for name in AMOUNTS if (currency := find_currency(texts.get(name, "")))
    }
    if len(currencies) > 1:
        raise StatementError("currency", number, ", ".join(sorted(currencies)))
    return Line(number, keys, items, freight, net, next(iter(currencies), ""))


def _split(number, texts, items, freight, net, tax, total):
    """Return the amounts for items, for freight, and altogether, each without taxes or None."""
    if net is None and total is not None:
        net = total - (tax or 0)
    elif None not in (net, tax, total) and abs(net + tax - total) > ROUNDING:
        raise StatementError("sum", number, texts["total"])
    if net is None:
        if items is None and freight is None:
            return None, None, None
        items, freight = items or Decimal(0), freight or Decimal(0)
        return items, freight, items + freight
    if items is None and freight is not None:
        items = net - freight
    elif freight is None and items is not None:
        freight = net - items
    elif items is not None and abs(items + freight - net) > ROUNDING:
        raise StatementError("sum", number, texts.get("net") or texts.get("total", ""))
    return items, freight, net
