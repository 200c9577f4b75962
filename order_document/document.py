"""The content of an order document, in one structure for all formats and versions. Independent of Odoo.

Source: https://docs.cloudprinter.com, the order documents JSON v2.1, JSON v2.2 and XML v2.1. They are only
partly public, so unknown keys are kept in `other`, and everything but ids and counts may be missing. A missing text
is "", a missing number or date is None.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class File:
    """A file to be downloaded: of an item (`cover`, `book`, `product`) or of the order (`shipping_label`)."""

    url: str
    type: str = ""
    format: str = ""
    md5sum: str = ""  # hexadecimal, lower case
    size: int | None = None  # bytes
    other: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Option:
    """A choice of paper, finish or number of pages."""

    reference: str
    description: str = ""
    type: str = ""
    count: str = ""
    other: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Reorder:
    """Why an item is reprinted at the print partner's expense, and which item of which order it repeats."""

    cause: str = ""
    description: str = ""
    order_id: str = ""
    item_id: str = ""


@dataclass(frozen=True)
class Item:
    id: str
    count: int
    product: str = ""  # Cloudprinter's reference
    title: str = ""
    description: str = ""
    pages: int | None = None
    files: tuple[File, ...] = ()
    options: tuple[Option, ...] = ()
    reorder: Reorder | None = None
    other: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Address:
    type: str = ""  # "delivery"
    company: str = ""
    name: str = ""
    street1: str = ""
    street2: str = ""
    zip: str = ""
    city: str = ""
    state: str = ""  # code
    country: str = ""  # ISO 3166-1, two letters, upper case
    email: str = ""
    phone: str = ""
    customer_identification: str = ""
    other: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Client:
    """Cloudprinter's customer: the print partner only knows their number, name and own reference."""

    id: str = ""
    name: str = ""
    reference: str = ""
    other: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Shipping:
    """How the order is shipped; `total` in `currency` is what the print partner may charge for it."""

    method: str = ""  # Cloudprinter's code of carrier and service
    consignor: str = ""  # the sender to be printed on the label
    shipments: int | None = None
    currency: str = ""  # ISO 4217, upper case
    total: Decimal | None = None
    # as written, since no rule for them is public, nor the unit of the weight
    customs_currency: str = ""
    customs_value: str = ""
    customs_weight: str = ""
    other: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Costs:
    """What Cloudprinter pays for the order. Only `vat` and `total` include value added tax."""

    currency: str = ""  # ISO 4217, upper case
    items: Decimal | None = None
    shipping: Decimal | None = None
    vat: Decimal | None = None
    total: Decimal | None = None
    other: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """An order. Dates are naive and in UTC: the documents name no time zone, and the signals that answer them use UTC.

    :ivar version: of the document, "2.1" or "2.2"
    """

    id: str
    items: tuple[Item, ...]
    version: str = ""
    date: datetime | None = None
    shipping_date: datetime | None = None
    priority: str = ""
    is_test: bool = False
    client: Client = Client()
    addresses: tuple[Address, ...] = ()
    shipping: Shipping = Shipping()
    costs: Costs = Costs()
    files: tuple[File, ...] = ()
    other: dict = field(default_factory=dict)

    @property
    def is_reorder(self):
        return any(item.reorder for item in self.items)

    @property
    def delivery_address(self):
        """Return the address of type "delivery", else the only address, else None."""
        named = [address for address in self.addresses if address.type.lower() == "delivery"]
        return named[0] if named else self.addresses[0] if len(self.addresses) == 1 else None
