"""Anything at all is posted to the controllers of a running Odoo: no 5xx, no long computation, no other database.

`CLOUDPRINTER_FUZZ=2000 make test ARGS="--only Fuzz"` tries more cases than `make test` does.
"""

import itertools
import json
import os
import time
from pathlib import Path
from urllib.parse import quote

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from ..order_pusher import PATH, push
from ..rpc import Session
from .common import KEY
from .test_orders import EXAMPLES, JSON, LOADED, UNKNOWN, OrderCase

CASES = int(os.environ.get("CLOUDPRINTER_FUZZ", 60))
LEDGER = "/cloudprinter/ledger"
SIZE = 2 * 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")
# recording executed lines takes its time
SLOWER = 3 if "COVERAGE_FILE" in os.environ else 1
LONGEST = 1.0 * SLOWER  # seconds of CPU
WRONG_KEY_LONGEST = 0.05 * SLOWER
REFUSED = (400, 401, 413, 415)
fuzzed = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize=False,
    suppress_health_check=list(HealthCheck),
)
text = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
scalar = st.none() | st.booleans() | st.integers() | st.floats() | text | st.sampled_from([KEY, "1e9", "\0", "***"])
value = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
NAMES = st.sampled_from(
    "id items item files file addresses address shipping costs options client creator count url md5sum size".split()
)
order = st.dictionaries(NAMES | text, value, max_size=8)


def fill(unit, *, separator="", before="[", after="]", key=KEY):
    """Return a document of JSON of nearly 2 MB: `unit` as often as it fits."""
    start = f'{{"order":{{"apikey":{json.dumps(key)},"id":"1","items":[{{"id":"1","count":1}}],"x":{before}'
    end = f"{after}}}}}"
    room = SIZE - len(start.encode()) - len(end.encode())
    count = room // len((unit + separator).encode())
    return f"{start}{separator.join([unit] * count)}{end}".encode()


def fill_xml(unit, *, before="", after="", key=KEY, most=SIZE):
    """Return a document of XML of nearly 2 MB, or with `most` units."""
    start = f"<order><apikey>{key}</apikey><id>1</id><item><id>1</id><count>1</count></item>{before}"
    end = f"{after}</order>"
    count = min((SIZE - len(start.encode()) - len(end.encode())) // len(unit.encode()), most)
    return f"{start}{unit * count}{end}".encode()


# documents of up to 2 MB, each the worst for a step of the reading
LARGE = {
    "numbers": lambda key: fill("1", separator=",", key=key),
    "exponents": lambda key: fill("1e9", separator=",", key=key),
    "decimals": lambda key: fill("1.5", separator=",", key=key),
    "objects": lambda key: fill('{"a":1}', separator=",", key=key),
    "lists": lambda key: fill("[]", separator=",", key=key),
    "names": lambda key: fill(",".join(f'"k{number}":1' for number in range(170_000)), before="{", after="}", key=key),
    "texts": lambda key: fill(json.dumps("é" * 20), separator=",", key=key),
    "combining": lambda key: fill(json.dumps("a" + "\u0301\u0323" * 149), separator=",", key=key),
    "many keys": lambda key: fill(json.dumps(KEY * 60), separator=",", key=key),
    "one number": lambda key: fill("1", before="1.", after="", key=key),
    "one text": lambda key: fill("\\u00e9", before='"', after='"', key=key),
    "elements": lambda key: fill_xml("<a/>", most=48_000, key=key),
    "elements with text": lambda key: fill_xml(f"<a>{33 * 'z'}</a>", most=48_000, key=key),
    "elements with prefix": lambda key: fill_xml("<a:b/>", most=48_000, key=key),
    "names of elements": lambda key: fill_xml("".join(f"<a{number}/>" for number in range(48_000)), most=1, key=key),
    "attributes": lambda key: fill_xml(
        " ".join(f"a{number}=''" for number in range(180_000)), before="<a ", after="/>", most=1, key=key
    ),
    "depth": lambda key: fill_xml(40_000 * "<a>" + 40_000 * "</a>", most=1, key=key),
    "comments": lambda key: fill_xml("<!---->", most=99_000, key=key),
    "entities": lambda key: fill_xml("&lt;", before="<a>", after="</a>", key=key),
    # S-1: each mask makes room for the next
    "masks": lambda key: fill(json.dumps("aaaa" * 240 + "aaaa***bbbb" + "bbbb" * 240), separator=",", key=key),
}
# what costs time before a key is known, and needs none
KEYLESS = {
    "keys": b"{" + b'"apikey":"aaaaaaaaa",' * (SIZE // 22),
    "keys without an end": b"{" + b'"apikey":' * (SIZE // 9 - 1),
    "keys of blanks": b"{" + (b'"apikey":' + b" " * 99) * (SIZE // 108 - 1),
    "keys of escapes": b"{" + (b'"apikey":"' + b"\\a" * 999) * (SIZE // 2008 - 1),
    "XML keys": b"<a>" + b"<apikey>" * (SIZE // 8 - 1),
    "XML keys with attributes": b"<a>" + b"<apikey " * (SIZE // 8 - 1),
    "XML keys with a prefix": b"<a>" + b":apikey " * (SIZE // 8 - 1),
    "tags": b"<" * SIZE,
    "brackets": b"[" * SIZE,
    "bad UTF-8": b'{"' + b"\xff" * (SIZE - 2),
    "bad UTF-16": b"\xff\xfe" + b"\x00\xdc" * (SIZE // 2 - 1),
    "bad Windows-1252": b'<?xml version="1.0" encoding="cp1252"?>' + b"\x81" * (SIZE - 60),
    "bad GB18030": b'<?xml version="1.0" encoding="gb18030"?>' + b"\xff" * (SIZE - 60),
    "blanks": b" " * SIZE,
    "declaration": b"<?xml " + b"encoding " * (SIZE // 9 - 1),
}


class FuzzCase(OrderCase):
    """Given: a running Odoo whose CPU time can be read, with one worker that stays the same."""

    options = ("--max-cron-threads=0", LOADED)

    def measure(self, work):
        """Return the result of `work`, and the seconds of CPU that Odoo needed for it."""
        before = self.get_cpu()
        result = work()
        return result, self.get_cpu() - before

    def get_cpu(self):
        # the name of the process may hold blanks
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def assert_fine(self, status, seconds, what, allowed=(200, *REFUSED)):
        self.assertIn(status, allowed, what)
        self.assertLess(seconds, LONGEST, what)


class TestFuzzedOrders(FuzzCase):
    def test_large(self):
        """Whatever 2 MB hold: less than a second of CPU with the right key, nearly nothing with a wrong one."""
        self.push(self.example())
        worst = {}
        for name, make in LARGE.items():
            (status, _answer), seconds = self.measure(lambda: self.push(make(KEY)))  # noqa: B023
            self.assert_fine(status, seconds, name)
            worst[name] = seconds
        for key in (KEY[::-1], "aaaa***bbbb", "x" * 100_000):
            for name, make in LARGE.items():
                answer, seconds = self.measure(lambda: self.push(make(key)))  # noqa: B023
                self.assertEqual(answer, UNKNOWN, name)
                self.assertLessEqual(seconds, 2 * WRONG_KEY_LONGEST, (name, key[:20]))
        print("\nright key:", max(worst.items(), key=lambda each: each[1]))
        self.query("DELETE FROM cloudprinter_order_document WHERE state = 'received'")
        self.assert_no_error()

    def test_wrong_key(self):
        """On average over repeats, since the clock of the CPU has steps of 10 ms."""
        worst = {}
        documents = {**KEYLESS, **{name: make("aaaa***bbbb") for name, make in LARGE.items()}}
        for name, content in documents.items():
            answers, seconds = self.measure(lambda: [self.push(content) for _repeat in range(5)])  # noqa: B023
            for status, _answer in answers:
                self.assertIn(status, REFUSED, name)
            worst[name] = seconds / len(answers)
            self.assertLessEqual(worst[name], WRONG_KEY_LONGEST, name)
        print("\nwrong key:", max(worst.items(), key=lambda each: each[1]))

    def test_generated(self):
        seen = set()

        @seed(1)
        @fuzzed
        @given(order, st.booleans(), st.sampled_from(["application/json", "text/xml", "multipart/form-data", ""]))
        def check(content, has_key, content_type):
            content = {"apikey": KEY if has_key else "0" * 32, **content} if has_key else content
            body = json.dumps({"order": content}, allow_nan=True).encode("utf-8", "surrogatepass")
            (status, _answer), seconds = self.measure(lambda: self.push(body, content_type))
            seen.add(status)
            self.assert_fine(status, seconds, body)

        check()
        self.assertLessEqual({400, 401}, seen)
        self.assert_no_error()

    def test_generated_bytes(self):
        @seed(2)
        @fuzzed
        @given(st.binary(max_size=300), st.sampled_from(sorted(EXAMPLES)), st.integers(0, 3000), st.integers(0, 40))
        def check(noise, name, place, size):
            content = EXAMPLES[name].replace(b"12345", b"99999")
            body = content[:place] + noise + content[place + size :]
            (status, _answer), seconds = self.measure(lambda: self.push(body))
            self.assert_fine(status, seconds, body)

        check()
        self.query("DELETE FROM cloudprinter_order_document WHERE state = 'received'")
        self.assert_no_error()

    def test_requests(self):
        """Methods, paths, headers and sessions that no client sends."""
        headers = st.dictionaries(
            st.sampled_from(
                "Content-Type Accept-Language Cookie X-Odoo-Database X-Forwarded-Host Origin Authorization Range "
                "Content-Encoding Expect If-Modified-Since".split()
            ),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40).map(str.strip),
            max_size=4,
        )

        @seed(3)
        @fuzzed
        @given(
            st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]),
            st.sampled_from([PATH, LEDGER]),
            st.sampled_from(["", "/", "/1", "?db=", "?db=postgres", "?db=%00", "?db[]=1", "?x=" + 5000 * "y"])
            | text.map(lambda part: f"?db={quote(part)}"),
            headers,
        )
        def check(method, path, query, headers):
            body = JSON if method == "POST" else b""
            (status, _answer), seconds = self.measure(
                lambda: push(self.address, body, path=path + query, headers=headers, method=method)
            )
            self.assertLess(status, 500, (method, path + query, headers))
            self.assertLess(seconds, LONGEST)

        check()
        self.query("DELETE FROM cloudprinter_order_document WHERE state = 'received'")
        self.assertNotRegex(self.log.read_text(), r" 5\d\d ")

    def assert_no_error(self):
        self.assertNotRegex(self.assert_discreet(), r" (ERROR|CRITICAL) | 5\d\d ")


class TestFuzzedLedger(FuzzCase):
    def test_who_gets_it(self):
        """Each role by HTTP: a zip, or less than 500; never a part of the ledger without the right to all of it."""
        self.in_odoo("make_user", "fuzz_plain", "base.group_user")
        self.in_odoo("make_user", "fuzz_packer", "stock.group_stock_user")
        self.in_odoo("make_user", "fuzz_accountant", "account.group_account_invoice")
        for login, allowed in (("fuzz_plain", False), ("fuzz_packer", False), ("fuzz_accountant", True)):
            session = Session(self.address, self.database, login, login)
            for query in ("", "?db=postgres", "?company=1", "?x=%00", "?" + 4000 * "a=b&"):
                (status, _headers, content), seconds = self.measure(lambda: session.get(LEDGER + query))  # noqa: B023
                self.assertLess(seconds, LONGEST)
                self.assertEqual(status == 200 and content.startswith(b"PK"), allowed, (login, query, status))
                self.assertLess(status, 500)
        for method in ("POST", "PUT", "DELETE"):
            self.assertEqual(push(self.address, b"", path=LEDGER, method=method)[0], 405)
        status, content = push(self.address, b"", path=LEDGER, method="GET", headers={})
        self.assertIn(status, (302, 303))
        self.assertNotIn("PK", content)


class TestFuzzedDatabases(FuzzCase):
    """Given: a server whose filter gives no database for the host of the requests, or two of them."""

    options = ("--max-cron-threads=0", LOADED, "--db-filter=^%d$")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.copy_database("test_fuzzed_other", cls.template)
        # the name of the host is that of a database
        cls.hosts = itertools.cycle(
            ["nowhere.example.com", "127.0.0.1", "xx.example.com", "www.example.com", "a.b.c.d"]
        )

    def count_sessions(self):
        """Return how many connections were made to the other database."""
        # PostgreSQL collects its statistics with a delay
        time.sleep(1.5)
        return int(self.query(f"SELECT sessions FROM pg_stat_database WHERE datname = '{self.other}'")[0][0])

    def test_only_what_the_filter_gives_is_opened(self):
        """S-2: `?db=` opened any database of the cluster, and 401 against 503 told which there are."""
        before = self.count_sessions()
        self.assertEqual(self.query("SELECT 1", self.other), [["1"]])
        self.assertEqual(self.count_sessions(), before + 1, "sessions are counted")
        names = [self.other, self.database, "nowhere", "postgres", "template1", "", "../x", "a" * 200, "%", "'", "\0"]
        content = self.example()
        answers = set()
        for name in names:
            for header in ({}, {"X-Odoo-Database": name}):
                if not name.isprintable() and header:
                    continue
                answer = self.push(
                    content, path=f"{PATH}?db={quote(name)}", headers={"Host": next(self.hosts), **header}
                )
                answers.add((answer[0], json.dumps(answer[1])))
                push(self.address, b"", path=f"{LEDGER}?db={quote(name)}", method="GET", headers=header)
        self.assertEqual(answers, {(UNKNOWN[0], json.dumps(UNKNOWN[1]))})
        self.assertEqual(self.get_documents(content), [])
        self.assertEqual(self.count_sessions(), before + 1)
        self.assertNotIn(" ERROR ", self.log.read_text())

    def test_database_of_the_host(self):
        content = self.example()
        answer = self.push(content, headers={"Host": f"{self.database}.example.com"})
        self.assertEqual(answer, (200, {"status": "received"}))
        answer = self.push(self.example(), path=f"{PATH}?db=postgres", headers={"Host": f"{self.database}.example.com"})
        self.assertEqual(answer[0], 200, "the host says which")
