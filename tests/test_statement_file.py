"""Reading statements and sorting their lines: pure rules, each a table and generated cases."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from odoo.addons.cloudprinter.statement import (
    CATEGORIES,
    AmbiguousError,
    Facts,
    StatementError,
    categorize,
    clean_id,
    compare_together,
    find_mark,
    parse_amount,
    read_sheet,
)

from .test_stage import thoroughly

SEVEN, FREIGHT = Decimal("7.00"), Decimal("4.20")
FITS = {"items": SEVEN, "freight": FREIGHT, "total": SEVEN + FREIGHT, "owed_items": SEVEN, "owed_freight": FREIGHT}
ODD = SEVEN + Decimal("0.03")
# Each is enough for its category, given that the line is right otherwise.
CASES = {
    "unknown": {"known": False},
    "company": {"own_company": False},
    "currency": {"same_currency": False},
    "repeated": {"repeated": True},
    "settled": {"settled": True},
    "free": {"free": True},
    "not_shipped": {"shipped": False},
    "not_invoiced": {"invoiced": False},
    "equal": {},
    "rounding": {"items": SEVEN + Decimal("0.02"), "total": SEVEN + FREIGHT + Decimal("0.02")},
    "both": {"items": ODD, "freight": FREIGHT + 1, "total": ODD + FREIGHT + 1},
    "items": {"items": ODD, "total": ODD + FREIGHT},
    "freight": {"freight": FREIGHT + 1, "total": SEVEN + FREIGHT + 1},
    "total": {"items": None, "freight": None, "total": SEVEN},
}
amounts = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents) / 100)
marks = st.sampled_from(",.")


def write_amount(amount, mark, grouping):
    """Write an amount as a spreadsheet does."""
    whole, cents = f"{abs(amount):,.2f}".split(".")
    return ("-" if amount < 0 else "") + whole.replace(",", grouping) + mark + cents


@tagged("post_install", "-at_install", "cloudprinter")
class TestStatementCategories(BaseCase):
    def test_table(self):
        self.assertEqual(list(CASES), [category.name for category in CATEGORIES])
        for name, values in CASES.items():
            self.assertEqual(categorize(Facts(**{**FITS, **values})), name)

    def test_what_is_wrong_with_the_order_counts_before_its_amount(self):
        for (earlier, first), (later, second) in pairwise(list(CASES.items())[:8]):
            values = {**FITS, **CASES["items"], **first, **second}
            expected = "items" if earlier == "not_invoiced" else earlier
            self.assertEqual(categorize(Facts(**values)), expected, later)

    @settings(thoroughly)
    @given(amounts, amounts, amounts, amounts)
    def test_only_what_fits_fits(self, items, freight, owed_items, owed_freight):
        facts = Facts(
            items=items, freight=freight, total=items + freight, owed_items=owed_items, owed_freight=owed_freight
        )
        name = categorize(facts)
        self.assertEqual(name == "equal", items + freight == owed_items + owed_freight)
        self.assertEqual(name in ("equal", "rounding"), abs(facts.difference) <= Decimal("0.02"))

    @settings(thoroughly)
    @given(st.lists(amounts, min_size=1, max_size=4), amounts, amounts, st.booleans())
    def test_lines_of_one_order(self, totals, owed_items, owed_freight, fit):
        """What is owed is divided among lines that amount to it; otherwise it counts once, for the first."""
        if fit:
            owed_freight = sum(totals) - owed_items
        owed = owed_items + owed_freight
        lines = [
            Facts(total=total, repeated=number > 0, owed_items=owed_items, owed_freight=owed_freight)
            for number, total in enumerate(totals)
        ]
        compared = compare_together(lines)
        self.assertEqual(sum(facts.difference for facts in compared), sum(totals) - owed)
        if owed and sum(totals) == owed:
            self.assertEqual({categorize(facts) for facts in compared}, {"equal"})
        else:
            self.assertEqual(compared[0], lines[0])
            self.assertEqual([categorize(facts) for facts in compared[1:]], ["repeated"] * (len(lines) - 1))
        settled = compare_together([Facts(**{**vars(facts), "settled": True}) for facts in lines])
        self.assertEqual([facts.difference for facts in settled], totals)


@tagged("post_install", "-at_install", "cloudprinter")
class TestStatementValues(BaseCase):
    def test_amounts(self):
        for text, mark, amount in (
            ("12", ",", "12"),
            ("1.234,56", ",", "1234.56"),
            ("1,234.56", ".", "1234.56"),
            ("1'234.56", ".", "1234.56"),
            ("1 234,56", ",", "1234.56"),
            ("1\u202f234,56", ",", "1234.56"),
            ("-3,00", ",", "-3"),
            ("3.00-", ".", "-3"),
            ("−3", ",", "-3"),
            ("(3.00)", ".", "-3"),
            ("€ 3,00", ",", "3"),
            ("3,00 EUR", ",", "3"),
            ("EUR -3", ",", "-3"),
            ("-EUR 3", ",", "-3"),
            ("EUR12", ",", "12"),
            ("12EUR", ",", "12"),
            ("3.00- EUR", ".", "-3"),
            (",5", ",", "0.5"),
            ("1234.5", ".", "1234.5"),
        ):
            self.assertEqual(parse_amount(text, mark), Decimal(amount), text)
        for text in ("", "  ", "-"):
            self.assertIsNone(parse_amount(text, ","), text)
        for text in (
            "12,34,56",
            "1.23,4",
            "twelve",
            "1.2.3",
            "12 34",
            "EUR",
            "1,5 USD EUR",
            ",",
            "=A1",
            "1e5",
            "-(3)",
            "(-3)",
        ):
            with self.subTest(text=text), self.assertRaises(ValueError):
                parse_amount(text, ",")

    @settings(thoroughly)
    @given(st.lists(amounts, min_size=1), marks, st.sampled_from(("", "'", " ", "\u202f", None)))
    def test_amounts_are_read_as_they_were_written(self, written, mark, grouping):
        grouping = {",": ".", ".": ","}[mark] if grouping is None else grouping
        texts = [write_amount(amount, mark, grouping) for amount in written]
        self.assertEqual(find_mark(texts), mark)
        self.assertEqual([parse_amount(text, mark) for text in texts], written)

    @settings(thoroughly)
    @given(st.text(max_size=12), marks)
    def test_anything_is_an_amount_or_refused(self, text, mark):
        try:
            amount = parse_amount(text, mark)
        except ValueError:
            return
        self.assertIsInstance(amount, (Decimal, type(None)))

    def test_one_or_a_thousand(self):
        with self.assertRaises(AmbiguousError):
            find_mark(["1,234", "2,500"])
        self.assertEqual(find_mark(["1,234", "2,50"]), ",", "the others tell")
        self.assertIn(find_mark(["1", "20"]), (",", "."))
        with self.assertRaisesRegex(ValueError, "2.5"):
            find_mark(["1,5", "2.5"])

    def test_ids(self):
        for text in ("700001000000", '="700001000000"', "'700001000000", " 700001000000\u00a0", '"700001000000"'):
            self.assertEqual(clean_id(text), "700001000000", text)

    @settings(thoroughly)
    @given(st.from_regex("[0-9A-Za-z][0-9A-Za-z_/-]{0,20}", fullmatch=True))
    def test_ids_are_kept(self, text):
        for written in (text, f'="{text}"', f"'{text}", f" {text} "):
            self.assertEqual(clean_id(written), text)


@tagged("post_install", "-at_install", "cloudprinter")
class TestStatementTable(BaseCase):
    def read(self, text, **options):  # pylint: disable=method-required-super
        rows = [(number, tuple(line.split(";"))) for number, line in enumerate(text.splitlines(), 1)]
        return read_sheet(rows, **options)

    def assert_refused(self, text, kind, line):
        with self.assertRaises(StatementError) as caught:
            self.read(text)
        self.assertEqual((caught.exception.kind, caught.exception.line), (kind, line))

    def test_lines(self):
        sheet = self.read(
            "Statement of November\nOrder ID;Items;Shipping;Currency\n"
            "1;7,00;4,20;eur\n2;1.000,00;;EUR\nTotal;1.007,00;4,20"
        )
        self.assertEqual(
            [(line.number, line.keys["order"], line.items, line.freight, line.total) for line in sheet.lines],
            [(3, "1", SEVEN, FREIGHT, SEVEN + FREIGHT), (4, "2", 1000, 0, 1000)],
        )
        self.assertEqual((sheet.total, sheet.lines[0].currency), (Decimal("1011.20"), "EUR"))

    def test_amounts_are_without_taxes(self):
        for heading, cells in (
            ("Order;Net;VAT", "1;7,00;1,33"),
            ("Order;Total;VAT", "1;8,33;1,33"),
            ("Order;Total", "1;7,00"),
            ("Order;Items;Shipping;VAT;Total", "1;5,00;2,00;1,33;8,33"),
            ("Order;Amount;VAT;Total", "1;7,00;1,33;8,33"),
            ("Order;Net;VAT;Total", "1;7,00;1,33;8,33"),
        ):
            [line] = self.read(f"{heading}\n{cells}").lines
            self.assertEqual(line.total, SEVEN, heading)
        [line] = self.read("Order;Total;Shipping\n1;11,20;4,20").lines
        self.assertEqual((line.items, line.freight), (SEVEN, FREIGHT))

    def test_two_totals(self):
        """Without a tax between them, or if they do not add up with it, a user says which one counts."""
        self.assertFalse(self.read("Order;Amount;Total\n1;7,00;8,33").is_complete)
        self.assert_refused("Order;Total;VAT;Amount\n1;8,33;1,33;7,00", "sum", 2)
        [line] = self.read("Order;Amount;Total\n1;7,00;8,33", chosen={"amount": ""}).lines
        self.assertEqual(line.total, Decimal("8.33"))

    def test_a_sum_stands_in_place_of_an_id(self):
        """In any other place its word is that of a client or a product."""
        sheet = self.read("Order;Client;Amount\n1;Total;7,00\n2;Other;4,20\nTotal amount;;11,20")
        self.assertEqual(([line.keys["order"] for line in sheet.lines], sheet.total), (["1", "2"], SEVEN + FREIGHT))
        sheet = self.read("Order;Client;Amount\n1;Other;7,00\n;Sum;7,00")
        self.assertEqual((len(sheet.lines), sheet.total), (1, SEVEN))

    def test_what_a_spreadsheet_computed_adds_up(self):
        [line] = self.read("Order;Items;Shipping;Net\n1;7.00;4.20;11.200000000000001").lines
        self.assertEqual((line.items, line.freight), (SEVEN, FREIGHT))

    def test_mapped_columns(self):
        text = "Auftrag;Betrag\n1;7,00"
        self.assertFalse(self.read(text).is_complete)
        [line] = self.read(text, chosen={"auftrag": "order", "betrag": "total"}).lines
        self.assertEqual((line.keys["order"], line.total), ("1", SEVEN))
        [line] = self.read(text, names={"order": {"auftrag"}, "total": {"betrag"}}).lines
        self.assertEqual(line.total, SEVEN)
        self.assertFalse(self.read("Order;Amount\n1;7,00", chosen={"amount": ""}).is_complete, "left out by a user")

    def test_refused(self):
        self.assert_refused("Order;Amount\n7,00001E+11;7,00", "shortened", 2)
        self.assert_refused("Order;Amount\n1;7,00\n2;seven", "amount", 3)
        self.assert_refused("Order;Amount\n1;7,00\n2;", "amount", 3)
        self.assert_refused("Order;Amount\n1;1,234", "ambiguous", 0)
        self.assert_refused("Order;Amount\n1;7,00\n;3,00\n2;7,00", "key", 3)
        self.assert_refused("Order;Items;Shipping;Net\n1;7,00;4,20;11,00", "sum", 2)
        self.assert_refused("Order;Amount", "empty", 0)
        self.assert_refused("", "empty", 0)

    @settings(thoroughly)
    @given(st.lists(st.tuples(st.integers(1, 10**12), amounts, amounts), min_size=1), marks, st.booleans())
    def test_nothing_is_lost(self, written, mark, with_total):
        lines = [f"{order};{write_amount(a, mark, '')};{write_amount(b, mark, '')}" for order, a, b in written]
        total = sum(a + b for _order, a, b in written)
        if with_total:
            lines.append(f"Total;{write_amount(total, mark, '')}")
        sheet = self.read("\n".join(["Order;Items;Freight", *lines]))
        self.assertEqual([(int(line.keys["order"]), line.items, line.freight) for line in sheet.lines], written)
        self.assertEqual(sum(line.total for line in sheet.lines), total)
        self.assertEqual(sheet.total, total if with_total else None)
