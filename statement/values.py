"""Amounts and ids as spreadsheets and accounting programs write them."""

import re
from decimal import Decimal

MARKS = (",", ".")
# what may stand between three digits and the next three, whatever the decimal mark is
GROUPING = "'’ \u00a0\u202f"
AROUND = " \u00a0\u202f\t\r\n"
# 7,00001E+11, or 700001000000.0
SHORTENED = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+|[0-9]{6,}[.,]0+")
SIGNS = "-−–"
SYMBOLS = "$€£¥₩₹₺₽¢"
# letters within a number are none: `1e5` is not 15
CURRENCY = re.compile(f"^(?:[A-Za-z]{{1,3}}|[{SYMBOLS}])|(?:[A-Za-z]{{1,3}}|[{SYMBOLS}])$")
DIGITS_AT_MOST = 12  # before the decimal mark


class AmbiguousError(ValueError):
    """Raised when it cannot be told whether `1,234` is about one or more than a thousand."""


def clean_id(text):
    """Return an id without what programs put around it: spaces, an apostrophe in front, `="…"`."""
    text = text.strip(AROUND)
    if text.startswith("="):
        text = text[1:]
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return text.lstrip("'").strip(AROUND)


def is_shortened(text):
    """Return whether a spreadsheet made a number of an id, and lost digits of it."""
    return bool(SHORTENED.fullmatch(text))


def parse_amount(text, mark):
    """Return an amount, or None if there is none.

    :param str text: for example `1.234,50`, `EUR -3`, `(3.00)`, `3.00-`
    :param str mark: the decimal mark, `,` or `.`
    :rtype: Decimal | None
    :raises ValueError: it is not an amount, or has another decimal mark
    """
    number = text.strip(AROUND)
    if not number.strip(AROUND + SIGNS):
        return None
    in_brackets = number.startswith("(") and number.endswith(")")
    # the sign may be on either side of the currency
    outside, number = _take_sign(number[1:-1] if in_brackets else number)
    within, number = _take_sign(CURRENCY.sub("", number, count=1))
    minuses = in_brackets + outside + within
    if minuses > 1:
        raise ValueError(text)
    number = number.removeprefix("+")
    other = MARKS[mark == MARKS[0]]
    whole, _mark, rest = number.partition(mark)
    if not re.fullmatch(rf"[0-9]+|[0-9]{{1,3}}(?:[{re.escape(GROUPING + other)}][0-9]{{3}})+|", whole):
        raise ValueError(text)
    if not re.fullmatch("[0-9]*", rest) or not (whole or rest):
        raise ValueError(text)
    digits = re.sub("[^0-9]", "", whole)
    if len(digits) > DIGITS_AT_MOST:
        raise ValueError(text)
    amount = Decimal(f"{digits or 0}.{rest or 0}")
    return -amount if minuses else amount


def find_currency(text):
    """Return the code or symbol of the currency in the text of an amount, in capitals; "" if there is none."""
    return "".join(re.findall(f"[A-Za-z{SYMBOLS}]", text)).upper()


def _take_sign(number):
    """Return whether there is a minus in front of a number or behind it, and the rest."""
    number = number.strip(AROUND)
    if number.startswith(tuple(SIGNS)):
        return True, number[1:].strip(AROUND)
    if number.endswith(tuple(SIGNS)):
        return True, number[:-1].strip(AROUND)
    return False, number


def find_mark(texts):
    """Return the decimal mark of the amounts of a file.

    :raises AmbiguousError: both are possible and give other amounts
    :raises ValueError: with the first text that is not an amount
    """
    values, failures = {}, {}
    for mark in MARKS:
        try:
            values[mark] = [parse_amount(text, mark) for text in texts]
        except ValueError as error:
            failures[mark] = error
    if not values:
        raise failures[MARKS[0]]
    if len(values) == 2 and values[MARKS[0]] != values[MARKS[1]]:
        raise AmbiguousError
    return next(iter(values))
