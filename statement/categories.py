"""What a line of a statement means, compared with what is known of its order: one table."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

ROUNDING = Decimal("0.02")  # a difference up to this is one of rounding


@dataclass(frozen=True)
class Facts:
    """What is known about a line of a statement.

    :param known: an order, item or invoice has its id
    :param own_company: it belongs to the company of the statement
    :param same_currency: it has the currency of the line
    :param repeated: an earlier line of the statement has the same id
    :param settled: an earlier statement has settled it
    :param free: nothing is owed: it is canceled, a reorder or a test, or has no amounts
    :param shipped: it was shipped by the end of the statement's period
    :param invoiced: what is owed for it is on posted invoices
    :param items: what the line says for items, None if it says only the total
    :param freight: what the line says for shipping, None if it says only the total
    :param total: what the line says altogether
    :param owed_items: what is owed for the items
    :param owed_freight: what is owed for shipping
    """

    known: bool = True
    own_company: bool = True
    same_currency: bool = True
    repeated: bool = False
    settled: bool = False
    free: bool = False
    shipped: bool = True
    invoiced: bool = True
    items: Decimal | None = None
    freight: Decimal | None = None
    total: Decimal = Decimal(0)
    owed_items: Decimal = Decimal(0)
    owed_freight: Decimal = Decimal(0)

    @property
    def difference(self):
        return self.total - self.owed_items - self.owed_freight

    @property
    def items_differ(self):
        return self.items is not None and self.items != self.owed_items

    @property
    def freight_differs(self):
        return self.freight is not None and self.freight != self.owed_freight


class Category(NamedTuple):
    """A meaning of a line.

    :param name: as it is stored
    :param label: in English
    :param applies: whether it applies, if none of the categories before does
    """

    name: str
    label: str
    applies: Callable


# The first that applies. Statements may be wrong about an order before they are wrong about its amount.
CATEGORIES = (
    Category("unknown", "Unknown", lambda facts: not facts.known),
    Category("company", "Other Company", lambda facts: not facts.own_company),
    Category("currency", "Other Currency", lambda facts: not facts.same_currency),
    Category("repeated", "Twice on the Statement", lambda facts: facts.repeated),
    Category("settled", "Settled Before", lambda facts: facts.settled),
    Category("free", "Nothing Owed", lambda facts: facts.free),
    Category("not_shipped", "Not Shipped", lambda facts: not facts.shipped),
    Category("not_invoiced", "Matches, Not Invoiced", lambda facts: not facts.difference and not facts.invoiced),
    Category("equal", "Matches", lambda facts: not facts.difference),
    Category("rounding", "Rounding", lambda facts: abs(facts.difference) <= ROUNDING),
    Category("both", "Items and Freight Differ", lambda facts: facts.items_differ and facts.freight_differs),
    Category("items", "Items Differ", lambda facts: facts.items_differ),
    Category("freight", "Freight Differs", lambda facts: facts.freight_differs),
    Category("total", "Amount Differs", lambda facts: True),
)
# categories of lines that are right
FITTING = ("equal", "rounding", "not_invoiced")
# categories of lines whose amount is not what is owed
DIFFERENT = ("both", "items", "freight", "total")


def compare_together(facts_of_lines):
    """Return the facts about the lines of a statement with the same id, with what is owed divided among them.

    Lines that amount to what is owed are its parts, such as production and shipping. Otherwise the first is compared
    with it, and the others are all too much, as everything is that an earlier statement has settled.
    """
    first = facts_of_lines[0]
    owed = first.owed_items + first.owed_freight
    stated = sum(facts.total for facts in facts_of_lines)
    if len(facts_of_lines) > 1 and owed and stated == owed and not first.settled:
        return [
            replace(
                facts,
                repeated=False,
                owed_items=facts.total if facts.items is None else facts.items,
                owed_freight=facts.freight or Decimal(0),
            )
            for facts in facts_of_lines
        ]
    return [
        replace(facts, owed_items=Decimal(0), owed_freight=Decimal(0)) if facts.repeated or facts.settled else facts
        for facts in facts_of_lines
    ]


def categorize(facts):
    """Return the name of the category of a line."""
    return next(category.name for category in CATEGORIES if category.applies(facts))
