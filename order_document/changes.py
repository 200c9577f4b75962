"""Find differences between two orders, and say them in users' words. Independent of Odoo."""

# independent of Odoo, so there is no env: pylint: disable=prefer-env-translation

from dataclasses import asdict
from typing import NamedTuple

from ..tools.text import Text as _

WORDS = {
    "version": _("Version of the document"),
    "date": _("Order date"),
    "shipping_date": _("Ship by"),
    "priority": _("Priority"),
    "is_test": _("Test order"),
    "client.id": _("Number of the client"),
    "client.name": _("Name of the client"),
    "client.reference": _("Reference of the client"),
    "shipping.method": _("Shipping method"),
    "shipping.consignor": _("Sender on label"),
    "shipping.shipments": _("Number of shipments"),
    "shipping.currency": _("Currency of the freight"),
    "shipping.total": _("Freight"),
    "shipping.customs_currency": _("Customs currency"),
    "shipping.customs_value": _("Customs value"),
    "shipping.customs_weight": _("Customs weight"),
    "costs.currency": _("Currency"),
    "costs.items": _("Amount of the items"),
    "costs.shipping": _("Amount of the shipping"),
    "costs.vat": _("Value added tax"),
    "costs.total": _("Total amount"),
    "items.count": _("Quantity"),
    "items.product": _("Product"),
    "items.title": _("Title"),
    "items.description": _("Description"),
    "items.pages": _("Pages"),
    "items.reorder.cause": _("Cause of the reorder"),
    "items.reorder.description": _("Description of the reorder"),
    "items.reorder.order_id": _("Order that is repeated"),
    "items.reorder.item_id": _("Item that is repeated"),
    "options.description": _("Description"),
    "options.type": _("Type"),
    "options.count": _("Quantity"),
    "files.url": _("Address"),
    "files.format": _("Format"),
    "files.md5sum": _("Checksum"),
    "files.size": _("Size in bytes"),
}
# what an entry of a list is called by, beside its number
KEYS = ("id", "reference", "type")
IS_TEST = {"True": _("Yes"), "False": _("No")}
DATES = {"date", "shipping_date"}


class Change(NamedTuple):
    """A difference between two orders.

    :ivar names: of the fields on the way, for example ("items", "count")
    :ivar keys: of the entries of lists on the way, for example the id of the item
    :ivar old: a text, "" if there is none; None if the whole entry is new
    :ivar new: the same; None if the whole entry is gone
    """

    names: tuple
    keys: tuple
    old: str | None
    new: str | None


def find_changes(old, new):
    """Return the differences between two dataclasses. Entries of lists are matched by what they are called."""
    return list(_compare(asdict(old), asdict(new)))


def describe_changes(old, new):
    """Return the differences between two orders in users' words, without who wrote the document, and when.

    :rtype: list[Text]
    """
    changes = [change for change in find_changes(old, new) if change.names[:2] != ("other", "creator")]
    return list(dict.fromkeys(map(_describe, changes)))


def _compare(old, new, names=(), keys=()):
    if _are(dict, old, new):
        old, new = old or {}, new or {}
        for name in {**old, **new}:
            yield from _compare(old.get(name), new.get(name), (*names, name), keys)
    elif _are((list, tuple), old, new):
        before, after = _by_key(old), _by_key(new)
        for key in {**before, **after}:
            entries = before.get(key), after.get(key)
            if None in entries and _are(dict, *entries):
                yield Change(names, (*keys, key), *(None if entry is None else key for entry in entries))
            else:
                yield from _compare(*entries, names, (*keys, key))
    elif _text(old) != _text(new):
        yield Change(names, keys, _text(old), _text(new))


def _are(kind, *values):
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(value, kind) for value in there)


def _by_key(entries):
    by_key = {}
    for number, entry in enumerate(entries or (), 1):
        called = [entry.get(name) for name in KEYS] if isinstance(entry, dict) else []
        key = str(next(filter(None, called), number))
        by_key[f"{key} ({number})" if key in by_key else key] = entry
    return by_key


def _text(value):
    return "" if value is None else str(value)


def _describe(change):
    names, keys = change.names, change.keys
    # what belongs to the recipient stays out of notes, which are kept when it is deleted
    if names[0] == "addresses":
        return _("An address is different.")
    is_of_item = names[0] == "items" and len(names) > 1
    owner = names[1:] if is_of_item else names
    if "other" in names:
        what = _("Other content %(name)s", name=".".join(names[names.index("other") + 1 :]))
    elif None in (change.old, change.new):
        what = {
            "items": _("Item %(name)s", name=keys[-1]),
            "files": _("File %(name)s", name=keys[-1]),
            "options": _("Option %(name)s", name=keys[-1]),
        }[names[-1]]
    else:
        what = WORDS.get(".".join(names)) or WORDS[".".join(owner)]
        if owner[0] == "files":
            what = _("%(what)s of file %(name)s", what=what, name=keys[-1])
        elif owner[0] == "options":
            what = _("%(what)s of option %(name)s", what=what, name=keys[-1])
    if is_of_item:
        what = _("%(what)s of item %(name)s", what=what, name=keys[0])
    if names[0] == "other" or names[-1] == "url":
        return _("%(what)s is different.", what=what)
    if change.old is None:
        return _("%(what)s is new.", what=what)
    if change.new is None:
        return _("%(what)s is no longer there.", what=what)
    return _("%(what)s: %(old)s → %(new)s", what=what, old=_value(names, change.old), new=_value(names, change.new))


def _value(names, text):
    if not text:
        return "–"
    if names[-1] in DATES and "other" not in names:
        return _("%(time)s UTC", time=text)
    return IS_TEST.get(text, text) if names == ("is_test",) else text
