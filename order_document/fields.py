"""Turn the tree into a typed order: known values are checked and taken out, the rest is kept."""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from ..tools.text import Text as _
from .document import Address, Client, Costs, File, Item, Option, Order, Reorder, Shipping
from .errors import DocumentError

ITEMS_AT_MOST = 1000
ENTRIES_AT_MOST = 100  # addresses, files of an item or an order, options of an item
ID_AT_MOST = 255  # characters
COUNT_AT_MOST = 1_000_000
AMOUNT_AT_MOST = 10**12
DECIMALS_AT_MOST = 10
# Odoo computes with dates, and cannot write years of fewer than four digits.
YEARS = range(1900, 3000)

_WHOLE = re.compile(r"([0-9]{1,13})(\.0+)?")
_AMOUNT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]{1,9})?)?"
    r"(?: ?(?:Z|GMT|UTC|([+-])([0-9]{2}):?([0-9]{2})?))?)?"
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_TEST_WORDS = {"test", "istest", "testorder"}
_TRUE = {"1", "1.0", "true", "yes", "y", "on"}


class _Fields:
    """An object of the document; `rest` holds what has not been taken out."""

    def __init__(self, value, path):
        if value in ("", []):
            value = {}
        if not isinstance(value, dict):
            raise DocumentError(path, _("must be an object"))
        self.path = path
        self.rest = dict(value)

    def at(self, name):
        return f"{self.path}.{name}"

    def text(self, *names):
        """Return the text of the first of `names` that has one, or ""."""
        texts = [get_text(self.rest.pop(name), self.at(name)) for name in names if name in self.rest]
        return next(filter(None, texts), "")

    def id(self):
        text = self.text("id")
        if not text:
            raise DocumentError(self.at("id"), _("is missing"))
        if len(text) > ID_AT_MOST:
            raise DocumentError(self.at("id"), _("is longer than %(most)s characters", most=ID_AT_MOST))
        if not text.isprintable():
            raise DocumentError(self.at("id"), _("must be printable"))
        return text

    def whole(self, name, least=0, most=COUNT_AT_MOST):
        text = self.text(name)
        if not text:
            return None
        match = _WHOLE.fullmatch(text)
        if not match or not least <= int(match[1]) <= most:
            raise DocumentError(
                self.at(name), _("must be a whole number from %(least)s to %(most)s", least=least, most=most)
            )
        return int(match[1])

    def amount(self, name):
        text = self.text(name)
        if not text:
            return None
        if "," in text:
            raise DocumentError(self.at(name), _("must have a decimal point, not a comma"))
        number = Decimal(text) if _AMOUNT.fullmatch(text) else Decimal(-1)
        if not 0 <= number <= AMOUNT_AT_MOST:
            raise DocumentError(self.at(name), _("must be a number from 0 to %(most)s", most=AMOUNT_AT_MOST))
        if number.as_tuple().exponent < -DECIMALS_AT_MOST:
            raise DocumentError(self.at(name), _("must not have more than %(most)s decimals", most=DECIMALS_AT_MOST))
        return number.copy_abs()

    def currency(self):
        text = self.text("currency")
        if text and not re.fullmatch("[A-Za-z]{3}", text):
            raise DocumentError(self.at("currency"), _("must be a three-letter currency code"))
        return text.upper()

    def date(self, name):
        text = self.text(name)
        # MySQL writes "no date" as zeros
        if not text.strip("0-:T "):
            return None
        try:
            year, month, day, hour, minute, second, sign, hours, minutes = _DATE.fullmatch(text).groups()
            date = datetime(*(int(part or 0) for part in (year, month, day, hour, minute, second)))
            if sign:
                offset = timezone(timedelta(hours=int(f"{sign}{hours}"), minutes=int(f"{sign}{minutes or 0}")))
                date = date.replace(tzinfo=offset).astimezone(timezone.utc).replace(tzinfo=None)
            if date.year not in YEARS:
                raise ValueError
        except (AttributeError, ValueError, OverflowError):
            raise DocumentError(self.at(name), _("must be a date like 2016-07-14 08:25:08")) from None
        return date

    def object(self, name):
        return _Fields(self.rest.pop(name, ""), self.at(name))

    def objects(self, plural, singular, at_most=ENTRIES_AT_MOST):
        """Return the objects of a list, however it is written.

        It may be a list or a single object, under `plural` or `singular`, or as `singular` within `plural`.
        """
        found = []
        for name in (plural, singular):
            value, path = self.rest.pop(name, ""), self.at(name)
            # an option also has a text of this name
            if name == plural and isinstance(value, dict):
                inner = value.get(singular)
                if isinstance(inner, (dict, list)) or value == {singular: ""}:
                    if len(value) > 1:
                        self.rest[plural] = {key: entry for key, entry in value.items() if key != singular}
                    value, path = inner, f"{path}.{singular}"
            if value == "":
                continue
            if isinstance(value, dict) and value and all(key.isdecimal() for key in value):
                # a list of PHP that has lost an entry becomes an object
                value = [value[key] for key in sorted(value, key=int)]
            entries = value if isinstance(value, list) else [value]
            if len(found) + len(entries) > at_most:
                raise DocumentError(path, _("has more than %(most)s entries", most=at_most))
            found += [_Fields(entry, f"{path}[{number}]") for number, entry in enumerate(entries)]
        return found


def get_text(value, path):
    # an XML element with attributes
    if isinstance(value, dict) and all(name == "#text" or name.startswith("@") for name in value):
        value = value.get("#text", "")
    if value == []:
        value = ""
    if not isinstance(value, str):
        raise DocumentError(path, _("must be text"))
    return value


def read_order(tree):
    """Return the Order of a clean tree."""
    if not isinstance(tree, dict):
        raise DocumentError("", _("must be an object"))
    if "order" not in tree:
        raise DocumentError("order", _("is missing"))
    if not isinstance(tree["order"], dict):
        raise DocumentError("order", _("must be an object"))
    fields = _Fields(tree["order"], "order")
    is_test = any(_has_test_flag(part) for part in (fields.rest, fields.rest.get("creator"), fields.rest.get("client")))
    order_id = fields.id()
    items = _read_items(fields)
    creator = fields.object("creator")
    version = creator.text("version")
    shipping = fields.object("shipping")
    addresses = fields.objects("addresses", "address") + shipping.objects("addresses", "address")
    if creator.rest:
        fields.rest["creator"] = creator.rest
    return Order(
        id=order_id,
        items=items,
        version=version,
        date=fields.date("date"),
        shipping_date=fields.date("shipping_date"),
        priority=fields.text("priority"),
        is_test=is_test,
        client=_read_client(fields.object("client")),
        addresses=tuple(_read_address(address) for address in addresses if address.rest),
        shipping=_read_shipping(shipping),
        costs=_read_costs(fields.object("costs")),
        files=_read_files(fields),
        other=fields.rest,
    )


def _read_items(order):
    whole_reorder = _read_reorder(order)
    items, seen = [], set()
    for fields in order.objects("items", "item", ITEMS_AT_MOST):
        item = _read_item(fields)
        if item.id in seen:
            raise DocumentError(fields.at("id"), _("is used twice"))
        seen.add(item.id)
        items.append(item if item.reorder else replace(item, reorder=whole_reorder))
    if not items:
        raise DocumentError(order.at("items"), _("must have at least one item"))
    return tuple(items)


def _read_item(fields):
    item_id = fields.id()
    count = fields.whole("count", 1)
    if count is None:
        raise DocumentError(fields.at("count"), _("is missing"))
    return Item(
        id=item_id,
        count=count,
        product=fields.text("product"),
        title=fields.text("title"),
        description=fields.text("desc"),
        pages=fields.whole("pages"),
        files=_read_files(fields),
        options=tuple(
            Option(
                reference=option.text("option"),
                description=option.text("desc"),
                type=option.text("type"),
                count=option.text("count"),
                other=option.rest,
            )
            for option in fields.objects("options", "option")
            if option.rest
        ),
        reorder=_read_reorder(fields),
        other=fields.rest,
    )


def _read_reorder(fields):
    reorder = Reorder(
        cause=fields.text("reorder_cause"),
        description=fields.text("reorder_desc"),
        order_id=fields.text("reorder_order_id"),
        item_id=fields.text("reorder_item_id"),
    )
    return None if reorder == Reorder() else reorder


def _read_files(fields):
    return tuple(
        File(
            url=file.text("url"),
            type=file.text("type"),
            format=file.text("format"),
            md5sum=file.text("md5sum").lower(),
            size=file.whole("size", most=10**12),
            other=file.rest,
        )
        for file in fields.objects("files", "file")
        if file.rest
    )


def _read_client(fields):
    return Client(id=fields.text("id"), name=fields.text("name"), reference=fields.text("reference"), other=fields.rest)


def _read_address(fields):
    country = fields.text("country")
    return Address(
        **{
            name: fields.text(name)
            for name in ("type", "company", "name", "street1", "street2", "zip", "city", "state", "email", "phone")
        },
        country=country.upper() if re.fullmatch("[A-Za-z]{2}", country) else country,
        customer_identification=fields.text(
            "customer identification", "customer_identification", "customerIdentification"
        ),
        other=fields.rest,
    )


def _read_shipping(fields):
    invoice, customs = fields.object("invoice"), fields.object("proforma_invoice")
    shipping = Shipping(
        method=fields.text("method"),
        consignor=fields.text("consignor"),
        shipments=invoice.whole("shipments"),
        currency=invoice.currency(),
        total=invoice.amount("total"),
        customs_currency=customs.text("currency"),
        customs_value=customs.text("total"),
        customs_weight=customs.text("weight"),
        other=fields.rest,
    )
    for name, part in (("invoice", invoice), ("proforma_invoice", customs)):
        if part.rest:
            shipping.other[name] = part.rest
    return shipping


def _read_costs(fields):
    return Costs(
        currency=fields.currency(),
        **{name: fields.amount(name) for name in ("items", "shipping", "vat", "total")},
        other=fields.rest,
    )


def _has_test_flag(value):
    """Return whether a key that names a test is true; where Cloudprinter writes it is not public."""
    if not isinstance(value, dict):
        return False
    return any(
        isinstance(flag, str) and flag.lower() in _TRUE and _TEST_WORDS & set(map(str.lower, _WORD.findall(name)))
        for name, flag in value.items()
    )
