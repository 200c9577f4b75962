"""The API and its client, against the stand-in server over loopback; of Odoo only its test classes are used."""

import datetime as dt
import email.utils
import html
import ipaddress
import json
import logging
import os
import pickle
import socket
import ssl
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from odoo.addons.cloudprinter import cloudsignal
from odoo.addons.cloudprinter.cloudsignal import Client, Outcome, Signal, SignalError, connection
from odoo.addons.cloudprinter.dev import cloudsignal_server
from odoo.addons.cloudprinter.dev.cloudsignal_server import CloudSignalServer

KEY = "13b37bb1ed6d3403e158abe719b4f6d0"
EXAMPLES = json.loads(Path(__file__).with_name("cloudsignal_examples.json").read_text())
WHEN = dt.datetime(2016, 1, 20, 13, 0, 0)
PRODUCED = Signal("ItemProduced", "123456780000", "123456780001", WHEN)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
original_send = requests.Session.send

generated = settings(
    deadline=None, max_examples=200, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def changed(**fields):
    return Signal(**{**vars(PRODUCED), **fields})


@contextmanager
def raw_server(handle, tls=None):
    """Listen on loopback and yield the port; `handle(connection, request)` runs whenever something has arrived: a whole
    POST (whose body ends in a brace), or the little that a proxy gets. The connection is closed unless it returns true.

    :param tls: server-side `ssl.SSLContext`
    """
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve():
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with suppress(OSError):
                with connection if tls is None else tls.wrap_socket(connection, server_side=True) as connection:
                    connection.settimeout(10)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    while (request := receive(connection)) and handle(connection, request):
                        pass

    def receive(connection):
        request = connection.recv(65536)
        while request.startswith(b"POST") and not request.endswith(b"}"):
            request += connection.recv(65536)
        return request

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        try:
            listener.shutdown(socket.SHUT_RDWR)
        finally:
            listener.close()
            thread.join()


# -- What is sent


@tagged("post_install", "-at_install", "cloudprinter")
class TestSignals(BaseCase):
    def test_examples(self):
        """Every example in the API documentation is reproduced as printed there, with keys in the same order."""
        for example in EXAMPLES:
            members = example.get("items") or [example]
            signals = []
            for member in members:
                fields = {key: value for key, value in member.items() if key != "apikey"}
                fields["datetime"] = dt.datetime.strptime(fields["datetime"], "%Y-%m-%d %H:%M:%S GMT")
                signals.append(Signal(**fields))
            made = cloudsignal.with_key(cloudsignal.body(signals), KEY)
            with self.subTest(type=members[0]["type"], members=len(members)):
                self.assertEqual(json.dumps(made), json.dumps(example))
        self.assertEqual(len(EXAMPLES), 8)
        self.assertEqual(EXAMPLES[0]["apikey"], KEY)

    def test_types_and_causes(self):
        """The add-on and the stand-in, written independently, have the same signal types and causes."""
        self.assertEqual(len(cloudsignal.SIGNAL_TYPES), 8)
        self.assertEqual(len(cloudsignal.CANCEL_CAUSES), 21)
        self.assertEqual(set(cloudsignal.CANCEL_CAUSES), cloudsignal_server.CAUSES)
        ours = {name: (set(fields.required), set(fields.optional)) for name, fields in cloudsignal.FIELDS.items()}
        self.assertEqual(ours, cloudsignal_server.KEYS)

    def test_errors_name_the_field(self):
        cet = dt.timezone(dt.timedelta(hours=1))
        shipped = {"type": "ItemShipped", "tracking": "1A2B", "shipping_option": "GLS"}
        cases = [
            ("type", {"type": "OrderRegistered"}),
            ("type", {"type": ""}),
            ("type", {"type": None}),
            ("type", {"type": ["ItemProduced"]}),
            ("order", {"order": ""}),
            ("order", {"order": "  "}),
            ("order", {"order": 123456780000}),
            ("item", {"item": ""}),
            ("item", {"item": None}),
            ("item", {"item": "1234\n"}),
            ("datetime", {"datetime": None}),
            ("datetime", {"datetime": False}),
            ("datetime", {"datetime": "2016-01-20 13:00:00"}),
            ("datetime", {"datetime": WHEN.date()}),
            ("datetime", {"datetime": WHEN.replace(tzinfo=cet)}),
            ("tracking", {**shipped, "tracking": ""}),
            ("shipping_option", {**shipped, "shipping_option": ""}),
            ("shipping_option", {**shipped, "shipping_option": " "}),
            ("tracking", {**shipped, "tracking": "1A\x002B"}),
            ("tracking", {"tracking": "1A2B"}),
            ("cause", {"cause": "CancelMiscError"}),
            ("message", {"type": "ItemDelay", "message": "later"}),
            ("delay", {"type": "ItemPacked", "delay": "24"}),
            *(
                ("delay", {"type": kind, "delay": delay})
                for kind in ("ItemDelay", "ItemError", "ItemCanceled")
                for delay in ("0", "000", "-1", "1.5", "24h", "10000", "٣", "²", " ", "24 ", 24)
            ),
            ("cause", {"type": "ItemCanceled", "cause": "190"}),
            ("cause", {"type": "ItemCanceled", "cause": "cancelmiscerror"}),
            ("cause", {"type": "ItemCanceled", "cause": None}),
            ("message", {"type": "ItemCanceled", "message": "two\nlines"}),
            ("message", {"type": "ItemCanceled", "message": "half a pair \ud800"}),
            ("cause", {"type": "ItemDelay", "cause": "\x9b"}),
        ]
        for field, fields in cases:
            with self.subTest(**fields):
                with self.assertRaises(SignalError) as caught:
                    changed(**fields).to_dict()
                self.assertEqual(caught.exception.place, field)
                self.assertTrue(str(caught.exception).startswith(f"{field}: "))
                self.assertEqual(str(pickle.loads(pickle.dumps(caught.exception))), str(caught.exception))

    def test_datetime(self):
        for value, text in [
            (dt.datetime(2026, 11, 23, 22, 30, 5, 999999), "2026-11-23 22:30:05 GMT"),
            (dt.datetime(2026, 11, 23, 22, 30, tzinfo=dt.timezone.utc), "2026-11-23 22:30:00 GMT"),
            (dt.datetime(926, 1, 2, 3, 4, 5), "0926-01-02 03:04:05 GMT"),
        ]:
            self.assertEqual(changed(datetime=value).to_dict()["datetime"], text)

    def test_body(self):
        one = PRODUCED.to_dict()
        self.assertEqual(cloudsignal.body([PRODUCED]), one)
        self.assertEqual(cloudsignal.body([PRODUCED, PRODUCED]), {"items": [one, one]})
        with self.assertRaises(ValueError):
            cloudsignal.body([])
        with self.assertRaises(SignalError):
            cloudsignal.body([PRODUCED, changed(item="")])
        for key in ("", None, False):
            with self.assertRaises(ValueError):
                cloudsignal.with_key(one, key)

    def test_url(self):
        for url in (
            cloudsignal.ENDPOINT,
            "https://example.com:8443/x?y=1",
            "HTTPS://EXAMPLE.COM",
            "http://localhost:8070/",
            "http://127.9.8.7",
            "http://[::1]:80/",
        ):
            with self.subTest(url):
                cloudsignal.check_url(url)
        for url in (
            "",
            None,
            "api.cloudprinter.com",
            "http://api.cloudprinter.com/cloudsignal/2.0/status/",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "http://192.168.0.1/",
            "ftp://localhost/",
            "file:///etc/passwd",
            "https://",
            "https:///path",
            "https://me:secret@example.com/",
            "https://me@example.com/",
            "https://example.com/#x",
            "https://example.com/#",
            "https://example.com:port/",
            "https://example.com:99999/",
            "https://[::1/",
            "https://exa mple.com/",
            " https://example.com/",
            "https://example.com\\@localhost/",
            "https://example.com/\n",
        ):
            with self.subTest(url):
                with self.assertRaises(SignalError) as caught:
                    cloudsignal.check_url(url)
                self.assertEqual(caught.exception.place, "url")
                with self.assertRaises(SignalError):
                    Client(url, "test")


# -- Our rules and the stand-in's

characters = st.characters(exclude_categories=("Cc", "Cs"))
plain = st.text(characters, min_size=1, max_size=12).filter(str.strip)
hours = st.integers(1, 9999).map(str)
causes = st.sampled_from(sorted(cloudsignal.CANCEL_CAUSES))


@st.composite
def good_signals(draw):
    kind = draw(st.sampled_from(cloudsignal.SIGNAL_TYPES))
    values = {"delay": hours, "cause": causes if kind == "ItemCanceled" else plain}
    required, optional = cloudsignal.FIELDS[kind]
    fields = {field: draw(values.get(field, plain)) for field in required}
    fields.update({field: draw(values.get(field, plain)) for field in optional if draw(st.booleans())})
    return Signal(kind, draw(plain), draw(plain), draw(st.datetimes()), **fields)


def wire_date(value):
    return value.isoformat(" ", "seconds") + " GMT"


ALL_FIELDS = ("type", "order", "item", "datetime", "tracking", "shipping_option", "cause", "message", "delay")
# (what the caller gives, what a caller without checks would write)
wild_dates = st.one_of(
    st.datetimes().map(lambda value: (value, wire_date(value))),
    st.sampled_from([(None, ""), (WHEN.date(), "2016-01-20"), ("2016-02-30", "2016-02-30 13:00:00 GMT")]),
)
wild_texts = st.one_of(st.sampled_from(["", " ", "GLS", "\n", "24"]), st.text(max_size=4))
wild_values = {
    "type": st.sampled_from(("OrderRegistered", "itemproduced", "ItemProduced", "ItemShipped")),
    "cause": st.one_of(causes, wild_texts),
    "delay": st.one_of(hours, wild_texts, st.sampled_from(["0", "-1", "1.5", "12345", "²"])),
}


@st.composite
def wild_signals(draw):
    """Return a Signal with some odd fields, and the JSON that a client without checks would post."""
    good = draw(good_signals())
    wire, value = good.to_dict(), good.datetime
    for field in draw(st.lists(st.sampled_from(ALL_FIELDS), max_size=2)):
        if field == "datetime":
            value, wire[field] = draw(wild_dates)
        else:
            wire[field] = draw(wild_values.get(field, wild_texts))
    required, _optional = cloudsignal.FIELDS.get(wire["type"], ((), ()))
    for field in ALL_FIELDS[4:]:
        if not wire.get(field) and field not in required:
            wire.pop(field, None)
    return Signal(**{**wire, "datetime": value}), wire


@tagged("post_install", "-at_install", "cloudprinter")
class TestAgreement(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = CloudSignalServer(KEY).start()
        cls.addClassCleanup(cls.server.stop)
        cls.client = Client(cls.server.url, "test")
        cls.addClassCleanup(cls.client.close)

    @generated
    @given(st.lists(good_signals(), min_size=1, max_size=3))
    def test_what_we_send_is_accepted(self, signals):
        self.server.accepted.clear()
        result = self.client.post(cloudsignal.body(signals), KEY)
        self.assertIs(result.outcome, Outcome.ACCEPTED, result)
        for signal in self.server.accepted:
            del signal["received"], signal["bundle"]
        self.assertEqual(self.server.accepted, [signal.to_dict() for signal in signals])

    def test_what_is_refused_we_do_not_send(self):
        seen = set()

        @generated
        @given(wild_signals())
        def check(pair):
            signal, wire = pair
            result = self.client.post(wire, KEY)
            self.assertIn(result.outcome, (Outcome.ACCEPTED, Outcome.REFUSED))
            try:
                made = signal.to_dict()
            except SignalError as error:
                seen.add((error.place, result.outcome))
                return
            seen.add(("", result.outcome))
            self.assertIs(result.outcome, Outcome.ACCEPTED, result)
            self.assertEqual(made, wire)

        check()
        # ensure that the test had cases
        self.assertIn(("", Outcome.ACCEPTED), seen)
        self.assertGreater(len({field for field, outcome in seen if outcome is Outcome.REFUSED}), 3)


# -- The stand-in


@tagged("post_install", "-at_install", "cloudprinter")
class TestStandIn(BaseCase):
    def post(self, server, body, **options):
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        options.setdefault("headers", {"Content-Type": "application/json; charset=utf-8"})
        method, url = options.pop("method", "POST"), options.pop("url", server.url)
        return requests.request(method, url, data=data, timeout=10, **options)

    def test_strict(self):
        good = EXAMPLES[0]
        bundle = EXAMPLES[-1]
        registered, second = bundle["items"]
        cases = [
            (200, "", good, {}),
            (200, "", bundle, {}),
            (404, "", good, {"url": "status"}),
            (405, "", good, {"method": "PUT"}),
            (400, "Content-Type", good, {"headers": {"Content-Type": "text/plain"}}),
            (400, "JSON object", "[]", {}),
            (400, "JSON object", "{", {}),
            (400, "JSON object", "", {}),
            (400, "apikey", {**good, "apikey": ""}, {}),
            (400, "apikey", {**good, "apikey": 1}, {}),
            (400, "apikey", {"items": [good]}, {}),
            (401, "", {**good, "apikey": "other"}, {}),
            (400, "type", {**good, "type": "OrderRegistered"}, {}),
            (400, "order", {**good, "order": 123456780000}, {}),
            (400, "tracking", {**good, "tracking": "1"}, {}),
            (400, "reference", {**good, "reference": "1"}, {}),
            *(
                (400, "datetime", {**good, "datetime": date}, {})
                for date in ("2016-02-30 13:00:00 GMT", "2016-1-20 13:00:00 GMT", "2016-01-20T13:00:00Z", "", None)
            ),
            (400, "items", {"apikey": KEY, "items": []}, {}),
            (400, "items", {"apikey": KEY, "items": registered}, {}),
            (400, "order", {**bundle, "order": "1"}, {}),
            (400, "items[1].item", {**bundle, "items": [registered, {**second, "item": ""}]}, {}),
            (400, "items[0].apikey", {**bundle, "items": [good, second]}, {}),
            (400, "items[0].signal", {**bundle, "items": ["ItemProduced"]}, {}),
            (400, "item", {**good, "item": "1\n"}, {}),
            (400, "item", {**good, "item": 2001 * "1"}, {}),
            *((400, "delay", {**good, "type": "ItemDelay", "delay": delay}, {}) for delay in ("0", "24h", "12345", "")),
            *((405, "POST", good, {"method": method}) for method in ("TRACE", "QUERY")),
        ]
        with CloudSignalServer(KEY) as server:
            for status, words, body, options in cases:
                with self.subTest(words, body=body, **options):
                    if "url" in options:
                        options = {"url": f"{server.url}{options['url']}"}
                    answer = self.post(server, body, **options)
                    self.assertEqual(answer.status_code, status, answer.text)
                    if words:
                        self.assertIn(words, answer.json()["error"]["info"])
            # nothing of a bundle with one bad member is kept, and never the key
            self.assertEqual(len(server.accepted), 3)
            self.assertEqual([signal["bundle"] for signal in server.accepted], [1, 2, 2])
            self.assertEqual(len(server.requests), len(cases))
            self.assertNotIn("apikey", server.requests[0]["body"])
            self.assertEqual(server.signals(item="123456780002"), [("ItemRegistered", "123456780000", "123456780002")])
            self.assertEqual(server.signals(order="1"), [])

    def test_misbehaviour_queues(self):
        with CloudSignalServer(KEY) as server, Client(server.url, "test") as client:
            server.misbehave(1, status=500)
            server.misbehave(2, status=503, match=lambda body: body["type"] == "ItemProduced")
            server.misbehave(cut="before")
            codes = [client.post(PRODUCED.to_dict(), KEY).status_code for _ in range(4)]
            self.assertEqual(codes, [500, 503, 503, None])
            self.assertEqual(server.accepted, [])
            server.behave()
            self.assertEqual(client.post(PRODUCED.to_dict(), KEY).status_code, 200)
            # what is cut on a kept-alive connection is posted again once
            self.assertEqual([request["status"] for request in server.requests], [500, 503, 503, None, None, 200])

    def test_misbehaviour_by_order_and_item(self):
        """Each order and item may get its own answer, also within a bundle."""
        bodies = {
            item: cloudsignal.body([changed(order=item[0], item=name) for name in item.split()])
            for item in ("a1", "a2", "b1 b2", "b3", "c1")
        }
        with CloudSignalServer(KEY) as server, Client(server.url, "test") as client:
            server.misbehave(status=404, item="a2")
            server.misbehave(status=400, order="a")
            server.misbehave(status=413, order="b", item="b2")
            codes = {item: client.post(body, KEY).status_code for item, body in bodies.items()}
            self.assertEqual(codes, {"a1": 400, "a2": 404, "b1 b2": 413, "b3": 200, "c1": 200})
            with self.assertRaises(ValueError):
                server.misbehave(cut="now")

    def test_stop_ends_all(self):
        before = set(threading.enumerate())
        lines = []
        server = CloudSignalServer(KEY, log=lines.append).start()
        with Client(server.url, "test") as idle, Client(server.url, "test") as hanging:
            idle.post(PRODUCED.to_dict(), KEY)
            server.misbehave(delay=60)
            results = []
            thread = threading.Thread(target=lambda: results.append(hanging.post(PRODUCED.to_dict(), KEY)))
            thread.start()
            while len(lines) < 2:
                time.sleep(0.01)
            start = time.monotonic()
            server.stop()
            thread.join()
            self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(results[0].message, "the connection was cut before an answer came")
        self.assertLessEqual(set(threading.enumerate()), before)
        self.assertIn("ItemProduced/123456780000/123456780001", lines[0])
        self.assertNotIn(KEY, "".join(lines))


# -- The client


@tagged("post_install", "-at_install", "cloudprinter")
class TestClient(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = CloudSignalServer(KEY).start()
        cls.addClassCleanup(cls.server.stop)

    @classmethod
    def _request_handler(cls, s, r, /, **kw):
        # a host name that does not exist, to be requested from a proxy on loopback
        if r.url.startswith("https://cloudprinter.invalid"):
            return original_send(s, r, **kw)
        return super()._request_handler(s, r, **kw)

    def setUp(self):
        super().setUp()
        self.server.behave()
        self.server.accepted.clear()
        self.server.requests.clear()

    def post(self, url=None, key=KEY, **times):
        with Client(url or self.server.url, "cloudprinter/19.0 test", **times) as client:
            return client.post(PRODUCED.to_dict(), key)

    def test_accepted(self):
        result = self.post()
        self.assertEqual((result.outcome, result.status_code), (Outcome.ACCEPTED, 200))
        self.assertEqual((result.message, result.response, result.retry_after), ("", "{}", None))
        self.assertIsInstance(result.duration_ms, int)
        headers = self.server.requests[0]["headers"]
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(headers["User-Agent"], "cloudprinter/19.0 test")
        self.assertNotIn("Authorization", headers)
        self.assertEqual(self.server.signals(), [("ItemProduced", "123456780000", "123456780001")])

    def test_garbage_is_accepted(self):
        self.server.misbehave(garbage=True)
        result = self.post()
        self.assertEqual((result.outcome, result.message), (Outcome.ACCEPTED, ""))
        self.assertTrue(result.response)
        self.assertNotRegex(result.response, "[\x00\ud800-\udfff]")

    def test_codes(self):
        for outcome, codes in {
            Outcome.REFUSED: (400,),
            Outcome.KEY_REFUSED: (401, 403),
            Outcome.TRY_LATER: (201, 202, 204, 207, 304, 402, 404, 405, 408, 422, 429, 500, 502, 503, 504, 599),
        }.items():
            for code in codes:
                self.server.misbehave(1, status=code)
                with self.subTest(code):
                    result = self.post()
                    self.assertEqual((result.outcome, result.status_code), (outcome, code))
                    self.assertIn(str(code), result.message)
        self.assertEqual(self.server.accepted, [])
        self.assertIs(self.post(key="other").outcome, Outcome.KEY_REFUSED)

    def test_no_key(self):
        with self.assertRaises(ValueError):
            self.post(key="")
        self.assertEqual(self.server.requests, [])

    def test_words(self):
        with Client(self.server.url, "test") as client:
            result = client.post({**PRODUCED.to_dict(), "delay": "24"}, KEY)
            self.assertIs(result.outcome, Outcome.REFUSED)
            self.assertEqual(result.message, "delay: not a key of ItemProduced")
            for body, words in [
                ('{"error": {"type": "Invalid", "info": "unknown\\n item"}}', "unknown item"),
                ('{"error": {"type": "Invalid", "info": ""}}', "Invalid"),
                ('{"error": "no such item"}', "no such item"),
                ('{"message": "no such item", "error": 7}', "no such item"),
                ('{"info": "no such item"}', "no such item"),
                ('{"info": "half \\ud800 and \\u0000"}', "half ? and \N{REPLACEMENT CHARACTER}"),
                ('{"code": 12}', '{"code": 12}'),
                (
                    "<html><style>p {}</style><body><h1>Bad&nbsp;Request</h1>\r\n<p>I &lt;3 you</html>",
                    "Bad Request I <3 you",
                ),
                ("plain words", "plain words"),
                ("", "HTTP 400 Bad Request"),
                ("{}", "HTTP 400 Bad Request"),
                ("[" * 60000, "[" * 500),
                ("x" * 9000, "x" * 500),
                ("<" * 60000, "<" * 500),
                ("<script" * 9000, ("<script" * 80)[:500]),
            ]:
                self.server.misbehave(1, status=400, body=body)
                with self.subTest(body[:60]):
                    result = client.post(PRODUCED.to_dict(), KEY)
                    self.assertEqual(result.message, words)
                    self.assertEqual(result.response, body[:4000])
                    self.assertLess(result.duration_ms, 4000)

    def test_retry_after(self):
        now = dt.datetime.now(dt.timezone.utc)

        def date(seconds):
            return email.utils.format_datetime(now + dt.timedelta(seconds=seconds), usegmt=True)

        with Client(self.server.url, "test") as client:
            for value, seconds in [
                (None, None),
                ("7", 7),
                (" 1.5 ", 1.5),
                ("0", 0),
                ("-3", 0),
                ("3601", 3600),
                ("9" * 5000, 3600),
                (date(120), 120),
                (date(-120), 0),
                (date(99999), 3600),
                (date(120).replace("GMT", "-0000"), 120),
                ("soon", None),
                ("nan", None),
                ("inf", None),
                ("1_0", None),
                ("Mon, 99 Foo 9999999999 99:99:99 GMT", None),
                ("", None),
            ]:
                self.server.misbehave(1, status=429, retry_after=value)
                with self.subTest(value):
                    result = client.post(PRODUCED.to_dict(), KEY)
                    self.assertIs(result.outcome, Outcome.TRY_LATER)
                    if seconds is None:
                        self.assertIsNone(result.retry_after)
                    else:
                        self.assertIsInstance(result.retry_after, float)
                        self.assertAlmostEqual(result.retry_after, seconds, delta=3)

    def test_redirect_is_not_followed(self):
        for status in (None, 301, 307, 308):
            self.server.misbehave(1, redirect=self.server.url, status=status)
            result = self.post()
            self.assertEqual((result.outcome, result.status_code), (Outcome.TRY_LATER, status or 302))
            self.assertIn(f"redirected to {self.server.url}", result.message)
        self.server.misbehave(1, redirect="http://[")
        self.assertIs(self.post().outcome, Outcome.TRY_LATER)
        self.assertEqual(len(self.server.requests), 5)

    def test_cut(self):
        for when in ("before", "after"):
            self.server.misbehave(1, cut=when)
            result = self.post()
            self.assertEqual((result.outcome, result.status_code), (Outcome.NO_ANSWER, None))
            self.assertEqual(result.message, "the connection was cut before an answer came")
        self.assertEqual(len(self.server.accepted), 1)

    def test_nothing_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        result = self.post(f"http://127.0.0.1:{port}/")
        self.assertEqual((result.outcome, result.message), (Outcome.NO_ANSWER, "connection refused"))

    def test_hanging(self):
        self.server.misbehave(delay=30)
        result = self.post(read_timeout=0.3)
        self.assertEqual((result.outcome, result.message), (Outcome.NO_ANSWER, "no answer within 0.3 s"))
        self.assertTrue(300 <= result.duration_ms < 4000, result)
        result = self.post(read_timeout=5, deadline=0.2)
        self.assertEqual((result.outcome, result.message), (Outcome.NO_ANSWER, "no answer within 0.2 s"))
        self.assertTrue(200 <= result.duration_ms < 4000, result)

    def test_dripping(self):
        """The status is the answer; a slow body is cut off at the deadline, and what was received is kept."""
        self.server.misbehave(1, drip=True, body="words")
        result = self.post(deadline=1.5)
        self.assertIs(result.outcome, Outcome.ACCEPTED)
        self.assertIn(result.response, ("w", "wo"))
        self.assertTrue(1500 <= result.duration_ms < 4000, result)
        self.server.misbehave(1, drip=True, status=503, body="words")
        result = self.post(read_timeout=0.8)
        self.assertEqual((result.outcome, result.response, result.message), (Outcome.TRY_LATER, "w", "w"))

    def drip(self, connection, request):
        for byte in b"HTTP/1.1 200 O" + b"K" * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    def test_dripping_status_line(self):
        with raw_server(self.drip) as port:
            result = self.post(f"http://127.0.0.1:{port}/", read_timeout=0.9, deadline=1.5)
        self.assertEqual((result.outcome, result.message), (Outcome.NO_ANSWER, "no answer within 1.5 s"))
        self.assertTrue(1500 <= result.duration_ms < 4000, result)

    def test_large_answers(self):
        """At most 64 KB are read, also of a redirect, and the connection is not used again."""
        sent = []

        def flood(connection, request):
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 999999999\r\n\r\n")
            with suppress(OSError):
                while len(sent) < 3000:
                    connection.sendall(b"x" * 65536)
                    sent.append(65536)

        with raw_server(flood) as port:
            result = self.post(f"http://127.0.0.1:{port}/")
        self.assertEqual((result.outcome, len(result.response)), (Outcome.TRY_LATER, 4000))
        # only what the two sockets buffer
        self.assertLess(sum(sent), 16 * 2**20)

        with Client(self.server.url, "test") as client:
            self.server.misbehave(1, body="x" * 2**20)
            pieces = []
            read1 = connection.Answer.read1

            def record(answer, amount):
                piece = read1(answer, amount)
                pieces.append(len(piece))
                return piece

            with patch.object(connection.Answer, "read1", record):
                result = client.post(PRODUCED.to_dict(), KEY)
            self.assertEqual((result.outcome, len(result.response)), (Outcome.ACCEPTED, 4000))
            self.assertEqual(sum(pieces), 64 * 1024)
            self.assertIs(client.post(PRODUCED.to_dict(), KEY).outcome, Outcome.ACCEPTED)
        connections = [request["connection"] for request in self.server.requests]
        self.assertEqual(len(set(connections)), 2)

    def test_odd_answers(self):
        for answer, outcome in [
            (OK, Outcome.ACCEPTED),
            (b"HTTP/1.0 200 OK\r\n\r\n{}", Outcome.ACCEPTED),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", Outcome.ACCEPTED),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Outcome.ACCEPTED),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n", Outcome.ACCEPTED),
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", Outcome.ACCEPTED),
            (b"SSH-2.0-OpenSSH_9.6\r\n", Outcome.NO_ANSWER),
            (b"HTTP/1.1 abc\r\n\r\n", Outcome.NO_ANSWER),
            (b"HTTP/2 200 OK\r\n\r\n", Outcome.NO_ANSWER),
            (b"HTTP/1.1 20", Outcome.NO_ANSWER),
            (b"\r\n", Outcome.NO_ANSWER),
            (b"", Outcome.NO_ANSWER),
        ]:
            with self.subTest(answer[:50]), raw_server(lambda connection, _request: connection.sendall(answer)) as port:
                result = self.post(f"http://127.0.0.1:{port}/")
                self.assertIs(result.outcome, outcome, result)
                if outcome is Outcome.ACCEPTED:
                    self.assertIn(result.response, ("{}", ""))

    def test_key_is_cut_out(self):
        for key in (KEY, 'a/b"c\\d<e>&f', "schlüssel 7\N{KEY}"):
            with CloudSignalServer(key) as server:
                echoes = [
                    key,
                    key.upper(),
                    json.dumps(key),
                    json.dumps(key, ensure_ascii=False),
                    json.dumps(key).replace("/", "\\/"),
                    "".join(f"\\u{code:04X}" for code in memoryview(key.encode("utf-16-le")).cast("H")),
                    html.escape(key),
                    quote(key),
                    json.dumps({"error": {"info": f"wrong key {key}."}}),
                    f"<p>wrong key <b>{html.escape(key)}</b>",
                ]
                for echo in echoes:
                    for status in (200, 400, 401, 500):
                        server.misbehave(1, status=status, body=f"-{echo}-" if "error" not in echo else echo)
                        with self.subTest(echo=echo, status=status):
                            result = self.post(server.url, key)
                            self.assertEqual(result.status_code, status)
                            for text in (result.message, result.response):
                                self.assertNotIn(key.lower(), html.unescape(text).lower())
                            self.assertIn("***", result.response)
                server.misbehave(1, redirect=f"http://127.0.0.1/?{quote(key)}")
                self.assertIn("***", self.post(server.url, key).message)

    def test_key_is_not_logged(self):
        with self.assertLogs(level=logging.DEBUG) as logs:
            self.post()
            self.server.misbehave(1, cut="before")
            self.post()
            logging.getLogger("test").debug("at least one line")
        self.assertNotIn(KEY, "".join(logs.output))

    def test_keep_alive(self):
        with Client(self.server.url, "test") as client:
            for status in (200, 500, 200):
                self.server.misbehave(1, status=status)
                client.post(PRODUCED.to_dict(), KEY)
        self.assertEqual(len({request["connection"] for request in self.server.requests}), 1)

    def test_server_closed_the_idle_connection(self):
        first = CloudSignalServer(KEY).start()
        with Client(first.url, "test") as client:
            self.assertIs(client.post(PRODUCED.to_dict(), KEY).outcome, Outcome.ACCEPTED)
            first.stop()
            with CloudSignalServer(KEY, first.port):
                self.assertIs(client.post(PRODUCED.to_dict(), KEY).outcome, Outcome.ACCEPTED)

    def test_certificate(self):
        with tempfile.TemporaryDirectory() as folder:
            path = make_certificate(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path)
            with raw_server(lambda connection, _request: connection.sendall(OK), context) as port:
                url = f"https://127.0.0.1:{port}/"
                result = self.post(url)
                self.assertEqual(result.outcome, Outcome.NO_ANSWER)
                self.assertEqual(result.message, "the certificate could not be verified")
                with Client(url, "test") as client:
                    client._settings["verify"] = path
                    self.assertIs(client.post(PRODUCED.to_dict(), KEY).outcome, Outcome.ACCEPTED)
            with raw_server(self.drip, context) as port:
                with Client(f"https://127.0.0.1:{port}/", "test", deadline=0.5) as client:
                    client._settings["verify"] = path
                    result = client.post(PRODUCED.to_dict(), KEY)
            self.assertEqual(result.message, "no answer within 0.5 s")
            self.assertLess(result.duration_ms, 4000)
        result = self.post(self.server.url.replace("http:", "https:"))
        self.assertEqual(result.message, "no secure connection could be made")

    def test_slow_name_server(self):
        """Nothing is sent after the deadline."""
        resolve = socket.getaddrinfo

        def slowly(*args, **kwargs):
            time.sleep(0.2)
            return resolve(*args, **kwargs)

        with patch.object(socket, "getaddrinfo", slowly):
            self.assertIs(self.post(deadline=0.1).outcome, Outcome.NO_ANSWER)
        with patch.object(socket, "getaddrinfo", side_effect=socket.gaierror(-3, "try again")):
            self.assertEqual(self.post().message, "the host name could not be resolved")
        self.assertIs(self.post().outcome, Outcome.ACCEPTED)
        time.sleep(0.1)
        self.assertEqual(len(self.server.requests), 1)

    def test_proxy(self):
        outside = "https://cloudprinter.invalid/"
        with patch.dict(os.environ, {"HTTPS_PROXY": self.server.url, "HTTP_PROXY": "http://127.0.0.1:9"}):
            for name in ("https_proxy", "http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
                os.environ.pop(name, None)
            result = self.post(outside)
            self.assertEqual((result.outcome, result.message), (Outcome.NO_ANSWER, "the proxy could not be used"))
            self.assertEqual([request["status"] for request in self.server.requests], [404])
            self.assertIs(self.post().outcome, Outcome.ACCEPTED)
            with raw_server(self.drip) as port, patch.dict(os.environ, {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}):
                result = self.post(outside, deadline=0.5)
                self.assertIs(result.outcome, Outcome.NO_ANSWER)
                self.assertLess(result.duration_ms, 4000)
            for nonsense in ("http://[", "http://:x", "gopher://127.0.0.1"):
                with self.subTest(nonsense), patch.dict(os.environ, {"HTTPS_PROXY": nonsense}):
                    self.assertIs(self.post(outside).outcome, Outcome.NO_ANSWER)

    def test_netrc_is_not_used(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "netrc")
            path.write_text("machine cloudprinter.invalid login me password secret\n")
            path.chmod(0o600)
            client = Client("https://cloudprinter.invalid/", "test")
            with client, patch.dict(os.environ, {"NETRC": str(path)}):
                self.assertTrue(client._session.trust_env)
                prepared = client._session.prepare_request(requests.Request("POST", client.url))
        self.assertNotIn("Authorization", prepared.headers)


def make_certificate(folder):
    """Write a self-signed certificate for 127.0.0.1 and its private key to one file, and return its path."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(private, hashes.SHA256())
    )
    path = Path(folder, "certificate.pem")
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(path)
