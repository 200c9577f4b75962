"""What the schema says of order documents, and what `order_document/` reads. XML has no schema.

The reader accepts more than the schema says, so the two directions are: what is valid is read, and what was read is
valid when it is written as Cloudprinter writes it.
"""

import copy
import json
import unittest
from dataclasses import fields, is_dataclass
from decimal import Decimal

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from ..without_odoo import load
from . import KEY
from .common import EXAMPLES, ORDER, generated, load_json

order_document = load("order_document")
names_of_the_reader = load("order_document.tree").NAMES
SCHEMA = load_json(ORDER)
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)
DOCUMENTS = [load_json(path) for path in sorted(EXAMPLES.glob("*.json"))]
# XML's names of one entry of a list; `option` is also the name of a text
SINGULAR = {"address", "item", "file"}
# of an entry or a field that is written under another name: field of the dataclass -> name in the document
WRITTEN = {
    "Item": {"description": "desc"},
    "Option": {"reference": "option", "description": "desc"},
    "Address": {"customer_identification": "customer identification"},
    "Reorder": {
        "cause": "reorder_cause",
        "description": "reorder_desc",
        "order_id": "reorder_order_id",
        "item_id": "reorder_item_id",
    },
}
NESTED = {
    "shipments": ("invoice", "shipments"),
    "currency": ("invoice", "currency"),
    "total": ("invoice", "total"),
    "customs_currency": ("proforma_invoice", "currency"),
    "customs_value": ("proforma_invoice", "total"),
    "customs_weight": ("proforma_invoice", "weight"),
}

ODD = [
    *(None, True, "", " ", [], {}, [{}], 0, 1, -1, 1.0, 1.5, 10**6, 10**6 + 1, 10**12, 10**12 + 1, 1e300),
    *("0", "1", "0001", "1.0", "-1", "1e3", "4.2000", "4,2", "0.12345678901", "1000000", "1000001", "0" * 13 + "1"),
    *("1000000000000", "1000000000001", "1000000000000.1", "9" * 14, "EUR", "eur", "EURO", "a\n", "a\u00adb", "\u00e4"),
    *("x" * 255, "x" * 256, "x" * 2000, "x" * 2001, "x" * 4000, "x" * 4001),
    *("2016-02-29 00:00:00", "2015-02-29 00:00:00", "2016-04-31 00:00:00", "2016-13-01 00:00:00"),
    *("2016-12-31 24:00:00", "0000-00-00 00:00:00", "0000-01-01 00:00:00", "2016-07-14T08:25:08Z"),
]
odd_values = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=8),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)


def find_places(value, path=()):
    """Return the paths of all values within `value`."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, child in children for place in find_places(child, (*path, name)))]


@st.composite
def changed_documents(draw):
    """Return an example in which up to two values are odd, missing or new."""
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _number in range(draw(st.integers(0, 2))):
        *path, last = draw(
            st.sampled_from([place for place in find_places(document) if len(place) > 1 and place[-1] != "apikey"])
        )
        parent = document
        for name in path:
            parent = parent[name]
        kind = draw(st.integers(0, 5))
        if not kind:
            del parent[last]
        elif kind == 1 and isinstance(parent, dict):
            parent[draw(st.text(max_size=6))] = draw(odd_values)
        else:
            parent[last] = draw(odd_values)
    return document


def replace(value, path, new):
    """Return a copy of `value` with another value at the end of `path`."""
    if not path:
        return new
    copied = copy.copy(value)
    copied[path[0]] = replace(value[path[0]], path[1:], new)
    return copied


def read(document):
    """Return the order that the reader finds, or None."""
    try:
        return order_document.read(json.dumps(document).encode()).order
    except order_document.DocumentError:
        return None


def write(value):
    """Return what was read as Cloudprinter writes it."""
    if isinstance(value, tuple):
        return [write(entry) for entry in value]
    if not is_dataclass(value):
        return f"{value:f}" if isinstance(value, Decimal) else value if isinstance(value, int) else str(value)
    kind = type(value).__name__
    written = {}
    for field in fields(value):
        part, name = getattr(value, field.name), field.name
        if name in ("other", "is_test", "version") or part is None:
            continue
        if name == "reorder":
            written |= write(part)
        elif kind == "Shipping" and name in NESTED:
            outer, inner = NESTED[name]
            written.setdefault(outer, {})[inner] = write(part)
        else:
            written[WRITTEN.get(kind, {}).get(name, name)] = write(part)
    if kind == "Order":
        written |= {"apikey": KEY, "creator": {"version": value.version}}
    return written


def get_described_names(schema):
    """Return the names of all properties in a schema."""
    if isinstance(schema, list):
        return {name for entry in schema for name in get_described_names(entry)}
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", ()))
    return own | {name for entry in schema.values() for name in get_described_names(entry)}


class TestOrderDescription(unittest.TestCase):
    def test_is_valid(self):
        jsonschema_rs.meta.validate(SCHEMA)

    def test_examples(self):
        self.assertEqual(len(DOCUMENTS), 3)
        for document in DOCUMENTS:
            VALIDATOR.validate(document)

    def test_same_names(self):
        self.assertEqual(get_described_names(SCHEMA), names_of_the_reader - SINGULAR)

    def test_all_described_names_are_read(self):
        """A document with all of them leaves nothing that is kept as unknown but what the reader does not need."""

        def fill(schema):
            schema = {**SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], **schema} if "$ref" in schema else schema
            if "properties" in schema:
                return {name: fill(inner) for name, inner in schema["properties"].items()}
            return (
                [fill(schema["items"])] if schema.get("type") == "array" else "1" if "enum" not in str(schema) else ""
            )

        document = {"order": {**fill(SCHEMA["$defs"]["Order"]), "apikey": KEY}}
        for address in (*document["order"]["addresses"], *document["order"]["shipping"]["addresses"]):
            address["country"] = "DE"
        document["order"]["items"][0]["count"] = 1
        VALIDATOR.validate(document)
        order = read(document)
        self.assertEqual(order.other, {"creator": {"id": "1", "name": "1", "date": "1"}})
        self.assertEqual(order.client.other, {"date": "1"})
        self.assertEqual(len(order.addresses), 2)
        parts = (order.items[0], order.items[0].files[0], order.items[0].options[0], *order.addresses, order.files[0])
        for part in (*parts, order.shipping, order.costs):
            self.assertEqual(part.other, {}, part)

    def test_same_limits(self):
        definitions = SCHEMA["$defs"]
        limits = {
            order_document.ITEMS_AT_MOST: definitions["Order"]["properties"]["items"]["maxItems"],
            order_document.ID_AT_MOST: definitions["Id"]["maxLength"],
            order_document.TEXT_AT_MOST: definitions["Text"]["maxLength"],
            order_document.URL_AT_MOST: definitions["Url"]["maxLength"],
            order_document.COUNT_AT_MOST: definitions["Count"]["anyOf"][0]["maximum"],
            order_document.AMOUNT_AT_MOST: definitions["Amount"]["anyOf"][0]["maximum"],
        }
        self.assertEqual(list(limits), list(limits.values()))
        self.assertEqual(definitions["ApiKey"]["maxLength"], order_document.KEY_AT_MOST)
        entries = [definitions["Item"]["properties"][name]["maxItems"] for name in ("files", "options")]
        entries += [definitions["Order"]["properties"][name]["maxItems"] for name in ("files", "addresses")]
        self.assertEqual(set(entries), {order_document.ENTRIES_AT_MOST})

    def check(self, document):
        """Check that what is valid is read, and what was read is valid when it is written as Cloudprinter writes it.

        :return: whether it is valid, and whether it was read
        """
        is_valid, order = VALIDATOR.is_valid(document), read(document)
        if is_valid and not order:
            # what JSON Schema cannot say
            ids = [str(item["id"]).strip() for item in document["order"]["items"]]
            self.assertLess(len(set(ids)), len(ids), document)
        if order and all(each.id.isascii() for each in (order, *order.items)):
            written = {"order": write(order)}
            self.assertTrue(VALIDATOR.is_valid(written), written)
            self.assertEqual(write(read(written)), written["order"])
        return is_valid, bool(order)

    def test_each_value_at_each_place(self):
        """The same for an order with all that the schema names, with each odd value at each place."""
        document = {"order": {**load_json(EXAMPLES / "order_v2.2.json")["order"]}}
        [item] = load_json(EXAMPLES / "reorder_v2.2.json")["order"]["items"]
        customs = {"currency": "EUR", "total": "4.20", "weight": "120"}
        document["order"]["shipping"] |= {"proforma_invoice": customs}
        document["order"]["items"] = [item]
        seen = [
            self.check(replace(document, place, value))
            for place in find_places(document)
            if place[-1:] != ("apikey",)
            for value in ODD
        ]
        for result in ((True, True), (False, True), (False, False)):
            self.assertGreater(seen.count(result), 100, result)

    def test_same_rules(self):
        """The same for examples with several odd values, missing and unknown names."""
        seen = set()

        @generated
        @given(changed_documents())
        def check(document):
            seen.add(self.check(document))

        check()
        self.assertLessEqual({(True, True), (False, True), (False, False)}, seen)
