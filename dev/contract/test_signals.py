"""What the description of CloudSignal says of signals, and what `cloudsignal/` and the stand-in say."""

import datetime as dt
import unittest
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from ..cloudsignal_server import find_fault
from ..without_odoo import load
from .common import ORDERS, SIGNALS, generated, get_schema, load_json

cloudsignal = load("cloudsignal")
DESCRIPTION = load_json(SIGNALS)
SCHEMAS = DESCRIPTION["components"]["schemas"]
COMMON = ["type", "order", "item", "datetime"]
MEMBER, SINGLE = get_schema(DESCRIPTION, "Member"), get_schema(DESCRIPTION, "Signal")
FIELDS = (*COMMON, "tracking", "shipping_option", "cause", "message", "delay")

# -- signals as a client without checks would post them: mostly right
texts = st.one_of(
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12),
    st.sampled_from(["", " ", "\u00a0", "\u3000 ", "\ufeff", "a\n", "\x85", "a\u2028b", "x" * 2000, "x" * 2001]),
    st.sampled_from([None, 24, True, [], {}]),
)
hours = st.one_of(
    st.integers(0, 12000).map(str),
    st.sampled_from(["0", "0000", "0001", "00001", "-1", "1.5", "24 ", "24\n", "\u0663", ""]),
)
dates = st.one_of(
    st.datetimes().map(lambda date: f"{date.isoformat(' ', 'seconds')} GMT"),
    st.tuples(
        st.sampled_from(["0000", "0001", "1900", "2000", "2016", "2100", "2023", "9999"]),
        st.integers(0, 13),
        st.sampled_from([0, 1, 28, 29, 30, 31, 32]),
        st.sampled_from(["00:00:00", "23:59:59", "24:00:00", "12:60:00", "12:00:60"]),
    ).map(lambda parts: f"{parts[0]}-{parts[1]:02}-{parts[2]:02} {parts[3]} GMT"),
    st.sampled_from(["2016-01-20T13:00:00Z", "2016-01-20 13:00:00", "2016-1-20 13:00:00 GMT", "", None]),
)
values = {
    "type": st.sampled_from([*cloudsignal.SIGNAL_TYPES, "OrderRegistered", "itemproduced", "", None]),
    "datetime": dates,
    "delay": hours,
}
causes = st.sampled_from([*cloudsignal.CANCEL_CAUSES, "190", "cancelmiscerror"])


@st.composite
def good_signals(draw):
    """Return a Signal that is right."""
    plain = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12).filter(str.strip)
    kind = draw(st.sampled_from(cloudsignal.SIGNAL_TYPES))
    special = {"delay": st.integers(1, 9999).map(str)}
    if kind == "ItemCanceled":
        special["cause"] = st.sampled_from(list(cloudsignal.CANCEL_CAUSES))
    required, optional = cloudsignal.FIELDS[kind]
    fields = {name: draw(special.get(name, plain)) for name in required}
    fields |= {name: draw(special.get(name, plain)) for name in optional if draw(st.booleans())}
    return cloudsignal.Signal(kind, draw(plain), draw(plain), draw(st.datetimes()), **fields)


@st.composite
def wild_signals(draw):
    """Return the JSON of a signal in which up to two fields are anything, or missing."""
    wire = draw(good_signals()).to_dict()
    for field in draw(st.lists(st.sampled_from([*FIELDS, "reference"]), max_size=2)):
        if draw(st.integers(0, 4)):
            wire[field] = draw(causes if field == "cause" else values.get(field, texts))
        else:
            wire.pop(field, None)
    return wire


def is_made_by_the_code(wire):
    """Return whether the add-on could post exactly this signal."""
    text = wire.get("datetime")
    if not set(wire) <= set(FIELDS) or not isinstance(text, str):
        return False
    try:
        date = dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S GMT")
        return cloudsignal.Signal(**{**wire, "datetime": date}).to_dict() == wire
    except (TypeError, ValueError, cloudsignal.SignalError):
        return False


class TestSignalDescription(unittest.TestCase):
    def test_is_valid(self):
        for path in (SIGNALS, ORDERS):
            validate(load_json(path), base_uri=path.as_uri())

    def test_same_address(self):
        [path] = DESCRIPTION["paths"]
        self.assertEqual(f"{DESCRIPTION['servers'][0]['url']}{path}", cloudsignal.ENDPOINT)
        self.assertEqual(path, urlsplit(cloudsignal.ENDPOINT).path)

    def test_same_types_and_fields(self):
        described = {}
        for reference in SCHEMAS["AnySignal"]["oneOf"]:
            name = reference["$ref"].rpartition("/")[2]
            schema = SCHEMAS[name]
            self.assertEqual(schema["properties"]["type"], {"const": name})
            self.assertLessEqual(set(COMMON), set(schema["required"]))
            required = tuple(field for field in schema["required"] if field not in COMMON)
            known = ("apikey", *COMMON, *required)
            optional = tuple(field for field in schema["properties"] if field not in known)
            described[name] = cloudsignal.Fields(required, optional)
        self.assertEqual(described, cloudsignal.FIELDS)
        self.assertEqual(tuple(described), cloudsignal.SIGNAL_TYPES)

    def test_same_causes_and_lengths(self):
        self.assertEqual(SCHEMAS["CancelCause"]["enum"], list(cloudsignal.CANCEL_CAUSES))
        self.assertEqual(SCHEMAS["Text"]["maxLength"], cloudsignal.TEXT_AT_MOST)

    def test_same_characters(self):
        """Each character of the basic plane is allowed, or not, by description, add-on and stand-in alike."""
        signal = cloudsignal.Signal("ItemPacked", "1", "2", dt.datetime(2016, 1, 20)).to_dict()
        for code in [*range(0xD800), *range(0xE000, 0x10000), 0x1F600, 0x10FFFF]:
            for text in (chr(code), f"a{chr(code)}"):
                wire = {**signal, "item": text}
                expected = is_made_by_the_code(wire)
                self.assertEqual(MEMBER.is_valid(wire), expected, ascii(text))
                self.assertEqual(find_fault(wire) is None, expected, ascii(text))

    def test_same_dates_and_hours(self):
        """All days of some years and 29 February of all years; hours with and without leading zeros."""
        signal = cloudsignal.Signal("ItemDelay", "1", "2", dt.datetime(2016, 1, 20)).to_dict()
        days = [f"{y}-{m:02}-{d:02}" for y in ("0000", "2016", "2023") for m in range(14) for d in range(33)]
        days += [f"{year:04}-02-29" for year in range(10000)]
        changes = [{"datetime": f"{day} 23:59:59 GMT"} for day in days]
        changes += [
            {"datetime": f"2016-01-20 {h:02}:{m:02}:{s:02} GMT"} for h, m, s in ((24, 0, 0), (0, 60, 0), (0, 0, 60))
        ]
        numbers = (0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10000, 99999)
        changes += [{"delay": f"{number:0{width}}"} for number in numbers for width in range(1, 7)]
        for change in changes:
            wire = {**signal, **change}
            expected = is_made_by_the_code(wire)
            self.assertEqual(MEMBER.is_valid(wire), expected, change)
            self.assertEqual(find_fault(wire) is None, expected, change)

    def test_same_rules(self):
        """What description, add-on and stand-in accept and refuse is the same."""
        seen = set()

        @generated
        @given(wild_signals())
        def check(wire):
            expected = is_made_by_the_code(wire)
            self.assertEqual(MEMBER.is_valid(wire), expected)
            self.assertEqual(find_fault(wire) is None, expected)
            seen.add((wire.get("type"), expected))

        check()
        for kind in cloudsignal.SIGNAL_TYPES:
            self.assertLessEqual({(kind, True), (kind, False)}, seen)

    def test_key_stands_where_it_belongs(self):
        body = cloudsignal.body([cloudsignal.Signal("ItemPacked", "1", "2", dt.datetime(2016, 1, 20))])
        self.assertTrue(SINGLE.is_valid(cloudsignal.with_key(body, "key")))
        self.assertFalse(SINGLE.is_valid(body))
        bundle = get_schema(DESCRIPTION, "Bundle")
        self.assertTrue(bundle.is_valid({"apikey": "key", "items": [body, body]}))
        self.assertFalse(bundle.is_valid({"items": [body, body]}))
        self.assertFalse(bundle.is_valid({"apikey": "key", "items": [cloudsignal.with_key(body, "key")]}))
        self.assertFalse(bundle.is_valid({"apikey": "key", "items": []}))
