"""Cloudprinter pushes order documents to a running Odoo."""

import re
import runpy
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..environment import DEV, ROOT
from ..order_pusher import PATH, push
from ..processes import LOOPBACK
from ..rpc import Session
from .common import KEY, ProcessCase

DOCUMENTS = ROOT / "tests" / "order_documents"
EXAMPLES = {path.name: path.read_bytes() for path in sorted(DOCUMENTS.glob("*.*ml")) + sorted(DOCUMENTS.glob("*.json"))}
JSON = EXAMPLES["order_v2.2.json"]
CORPUS = runpy.run_path(str(DOCUMENTS / "broken.py"))
MB = 1024 * 1024
LOADED = "--load=base,rpc,web,cloudprinter"
# parts of the examples that must not be in any log
PRIVATE = (KEY, "Example name", "Example company", "Example street", "email@example.com")
CONTENT_TYPES = ("application/json", "text/xml", "application/x-www-form-urlencoded", None)
UNKNOWN = (401, {"error": "order.apikey: is not known here"})
RECEIVED, KNOWN = (200, {"status": "received"}), (200, {"status": "known"})


def get_id(content):
    """Return the order's id; in an example it comes before those of its items."""
    return re.search(rb'\bid"?[:>] ?"?(\d{12})', content)[1].decode()


class OrderCase(ProcessCase):
    """Given: a shop that imports orders, and its running server."""

    options = ("--max-cron-threads=1", LOADED)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.numbers = iter(range(10000, 99999))
        # in a fresh database all of Odoo's own jobs are due and would run first
        cls.query("UPDATE ir_cron SET active = false WHERE cron_name NOT LIKE 'Cloudprinter%'")
        cls.configure()
        cls.in_odoo("configure_orders", KEY)
        stack = ExitStack()
        cls.addClassCleanup(stack.close)
        cls.log = DEV / "log" / f"odoo-{cls.database}.log"
        cls.address, cls.process = stack.enter_context(cls.odoo.serving_process(cls.database, *cls.options))

    def example(self, name="order_v2.2.json"):
        """Return a public example with ids of its own."""
        return EXAMPLES[name].replace(b"12345", b"%05d" % next(self.numbers))

    def push(self, content, content_type="application/json", **options):
        options.setdefault("headers", {"Content-Type": content_type} if content_type else {})
        return push(self.address, content, **options)

    def get_documents(self, content):
        """Return state, failure, problem and sales order of all documents of this order, read outside of Odoo."""
        return self.query(
            "SELECT d.state, coalesce(d.failure_type, ''), coalesce(d.problem_source::text, ''),"
            " coalesce(string_agg(s.name || ' ' || s.state, ','), '')"
            " FROM cloudprinter_order_document d LEFT JOIN sale_order s ON s.cloudprinter_order_id = d.order_id"
            f" WHERE d.name = '{get_id(content)}' GROUP BY d.id ORDER BY d.id"
        )

    def count(self, table="cloudprinter_order_document", condition="true"):
        return int(self.query(f"SELECT count(*) FROM {table} WHERE {condition}")[0][0])

    def eventually(self, condition, what, timeout=60):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"not within {timeout} s: {what}")
            time.sleep(0.1)

    def settled(self):
        """Return whether no document is left for the worker."""
        return not self.count(condition="state IN ('received', 'checking')")

    def assert_discreet(self):
        """Assert that neither key nor address is in the server's log."""
        log = self.log.read_text()
        self.assertIn(PATH, log, "the log is a log")
        for text in PRIVATE:
            self.assertNotIn(text, log)
        return log


class TestOrders(OrderCase):
    def test_examples_become_sales_orders(self):
        """Each is stored when it is answered, whatever its content type, and then processed."""
        expected = {
            # the items registered at Cloudprinter, and the sales order
            "order_v2.1.json": (3, "sale"),
            "order_v2.1.xml": (3, "sale"),
            "order_v2.2.json": (3, "sale"),
            "reorder_v2.2.json": (1, "sale"),
            # no item is printed
            "test_order_v2.1.xml": (1, "draft"),
        }
        self.assertEqual(expected.keys(), EXAMPLES.keys())
        pushed = []
        for name, (items, state) in expected.items():
            for content_type in CONTENT_TYPES:
                with self.subTest(name, content_type=content_type):
                    content = self.example(name)
                    self.assertEqual(self.push(content, content_type), RECEIVED)
                    self.assertEqual(len(self.get_documents(content)), 1, "answered, but not committed")
                    pushed.append((content, items, state))
        self.eventually(self.settled, "all are imported")
        for content, items, state in pushed:
            [[document, failure, problem, sale]] = self.get_documents(content)
            self.assertEqual((document, failure, problem), ("done", "", ""))
            self.assertRegex(sale, f"^S[0-9]+ {state}$")
            self.eventually(lambda: self.count_registered(content) == items, "the items are registered")  # noqa: B023
        self.assertEqual({signal_type for signal_type, _order, _item in self.server.signals()}, {"ItemRegistered"})
        self.assert_discreet()

    def count_registered(self, content):
        return len(self.server.signals(order=get_id(content)))

    def test_repeated(self):
        """However often it comes, and also in other notation: one document, one order, nothing changes."""
        content = self.example()
        self.assertEqual(self.push(content), RECEIVED)
        self.assertEqual(self.push(content), KNOWN, "before it is imported")
        self.eventually(self.settled, "it is imported")
        before = self.get_documents(content), self.count("sale_order"), self.count("cloudprinter_item")
        for repeat in (content, content.replace(b"  ", b" "), content.replace(b'"count": "5"', b'"count": 5')):
            self.assertEqual(self.push(repeat), KNOWN)
        self.assertTrue(self.settled())
        self.assertEqual(
            before, (self.get_documents(content), self.count("sale_order"), self.count("cloudprinter_item"))
        )

    def test_other_content(self):
        """The order stays unchanged, and the differences are shown to a user."""
        content = self.example()
        self.push(content)
        self.eventually(self.settled, "it is imported")
        [first] = self.get_documents(content)
        self.assertEqual(self.push(content.replace(b'"count": "5"', b'"count": "6"')), RECEIVED)
        self.eventually(self.settled, "the other one is looked at")
        same, second = self.get_documents(content)
        self.assertEqual(same, first)
        self.assertEqual(second[:2], ["waiting", "changed"])
        self.assertIn('"new": "6", "old": "5"', second[2])

    def test_at_the_same_moment(self):
        """Twenty simultaneous pushes of the same document are one; of two contents, the last one counts."""
        content = self.example()
        answers = self.push_at_once([content] * 20)
        self.assertEqual([answers.count(RECEIVED), answers.count(KNOWN)], [1, 19])
        self.eventually(self.settled, "it is imported")
        self.assertEqual([row[:2] for row in self.get_documents(content)], [["done", ""]])
        other = content.replace(b'"count": "5"', b'"count": "6"')
        answers = self.push_at_once([content, other] * 5)
        self.assertEqual([answer for answer in answers if answer not in (RECEIVED, KNOWN)], [])
        self.eventually(self.settled, "they are imported")
        documents = [tuple(row[:2]) for row in self.get_documents(content)]
        # each push that changes the content back is a version of its own
        self.assertEqual(len(documents), 1 + answers.count(RECEIVED))
        self.assertIn(documents[-1], {("done", ""), ("waiting", "changed")})
        self.assertLessEqual(set(documents[1:-1]), {("done", ""), ("replaced", "")})
        self.assertEqual(self.count("sale_order", f"client_order_ref = '{get_id(content)}'"), 1)

    def push_at_once(self, contents):
        barrier = threading.Barrier(len(contents))

        def work(content):
            barrier.wait()
            return self.push(content)

        with ThreadPoolExecutor(len(contents)) as pool:
            return list(pool.map(work, contents))

    # === what is refused === #

    def test_wrong_key(self):
        content = self.example()
        for key in (b"0" * 32, b"", KEY.encode()[:-1], KEY.encode() + b"0", "é".encode()):
            self.assertEqual(self.push(content.replace(KEY.encode(), key)), UNKNOWN)
        self.assertEqual(self.push(content.replace(b'"apikey"', b'"key"')), UNKNOWN)
        self.assertEqual(self.get_documents(content), [])

    def test_not_an_order(self):
        """The answer says what is wrong and where, but only to who knows the key: reading could take long."""
        content = self.example().replace(b'"count": "5"', b'"count": "-5"')
        status, answer = self.push(content)
        self.assertEqual(status, 400)
        self.assertRegex(answer["error"], r"^order\.items\[1\]\.count: ")
        self.assertEqual(self.push(content.replace(KEY.encode(), b"0")), UNKNOWN)
        self.assertEqual(self.push(content.replace(b"apikey", b"x", 1)), UNKNOWN)
        self.assertEqual(self.push(b"")[0], 400)
        self.assertEqual(self.push(content[:-5])[0], 400)
        self.assertEqual(self.get_documents(content), [])

    def test_neither_json_nor_xml(self):
        for body in (b"order=1", b"%PDF-1.7", b"\x1f\x8b\x08\x00"):
            status, answer = self.push(body)
            self.assertEqual((status, list(answer)), (415, ["error"]))

    def test_other_methods(self):
        for method in ("GET", "PUT", "DELETE"):
            self.assertEqual(self.push(JSON, method=method)[0], 405)

    def test_too_large(self):
        """Content that is too large is refused, however it is sent, and never held in memory."""
        too_large = 413, {"error": "larger than 2097152 bytes"}
        self.assertEqual(self.push(JSON + (2 * MB - len(JSON)) * b" ")[0], 200)
        before = self.get_peak_memory()
        self.assertEqual(self.push(JSON + (2 * MB - len(JSON) + 1) * b" "), too_large)
        self.assertEqual(self.push(100 * MB * b"a"), too_large)
        self.assertEqual(self.push(MB * b"a" for _number in range(100)), too_large, "in chunks")
        # announced, not sent
        self.assertEqual(self.push(b"", headers={"Content-Length": str(100 * MB)}), too_large)
        # without length and end, which is no valid request
        self.assertEqual(self.push_without_length(b"{"), 400)
        self.assertLess(self.get_peak_memory() - before, 80 * MB)

    def push_without_length(self, content):
        with socket.create_connection((LOOPBACK, urlsplit(self.address).port), timeout=10) as connection:
            connection.sendall(f"POST {PATH} HTTP/1.0\r\nHost: {LOOPBACK}\r\n\r\n".encode() + content)
            return int(connection.recv(1000).split()[1])

    def get_peak_memory(self):
        """Return the peak memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])

    # === while the database cannot store the order the answer is 503, and the same push succeeds later === #

    def assert_unavailable(self, content):
        self.assertEqual(self.push(content), (503, {"error": "the order could not be stored; send it again later"}))

    def assert_imported(self, content):
        self.assertEqual(self.push(content), RECEIVED)
        self.eventually(self.settled, "it is imported", timeout=90)
        self.assertEqual([row[0] for row in self.get_documents(content)], ["done"])
        self.assert_discreet()

    @contextmanager
    def altered(self, setting, back):
        self.stop_processes()
        self.alter(setting)
        try:
            yield
        finally:
            self.alter(back)

    def alter(self, setting):
        self.postgres.query("postgres", f'ALTER DATABASE "{self.database}" {setting}')
        self.postgres.query(
            "postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.database}'"
        )

    def test_no_connection(self):
        content = self.example()
        with self.altered("ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"):
            self.assert_unavailable(content)
        self.assert_imported(content)

    def test_disk_is_full(self):
        """A trigger raises it as PostgreSQL does, when a document is stored and at the commit."""
        for timing in ("BEFORE INSERT", "AFTER INSERT"):
            with self.subTest(timing):
                content = self.example()
                constraint = "CONSTRAINT" if timing.startswith("AFTER") else ""
                deferred = "DEFERRABLE INITIALLY DEFERRED" if constraint else ""
                self.query(
                    "CREATE OR REPLACE FUNCTION fail() RETURNS trigger AS $$ BEGIN"
                    " RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$ LANGUAGE plpgsql"
                )
                self.query(
                    f"CREATE {constraint} TRIGGER full_disk {timing} ON cloudprinter_order_document {deferred}"
                    " FOR EACH ROW EXECUTE FUNCTION fail()"
                )
                self.assert_unavailable(content)
                self.query("DROP TRIGGER full_disk ON cloudprinter_order_document")
                self.assert_imported(content)

    def test_locked_table(self):
        """An installation of a new version locks the table for longer than the statement time-out."""
        content = self.example()
        with (
            self.altered("SET statement_timeout = '1s'", "RESET statement_timeout"),
            self.locking("cloudprinter_order_document"),
        ):
            self.assert_unavailable(content)
        self.assert_imported(content)

    @contextmanager
    def locking(self, table):
        connection = psycopg2.connect(
            host=LOOPBACK, port=self.postgres.port, user=self.postgres.user, dbname=self.database
        )
        try:
            connection.cursor().execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            yield
        finally:
            connection.close()


class TestSeveralDatabases(OrderCase):
    """Given: two databases on one server that the host does not distinguish; only one has the add-on."""

    options = ("--max-cron-threads=0", LOADED, "--db-filter=^test_(testseveraldatabases|without)")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.copy_database("test_without", cls.template)

    def test_the_address_tells_the_database(self):
        content = self.example()
        self.assertEqual(self.push(content, path=f"{PATH}?db={self.database}"), RECEIVED)
        self.assertEqual(self.push(content, path=f"{PATH}?db={self.database}"), KNOWN)
        self.assertEqual(len(self.get_documents(content)), 1)

    def test_nothing_tells_which_databases_there_are(self):
        content = self.example()
        for path in (PATH, f"{PATH}?db=nowhere", f"{PATH}?db=test_without", f"{PATH}?db=postgres", f"{PATH}?db="):
            self.assertEqual(self.push(content, path=path), UNKNOWN, path)
        self.assertEqual(
            self.push(content.replace(KEY.encode(), b"0" * 32), path=f"{PATH}?db={self.database}"), UNKNOWN
        )

    def test_host_of_the_database_without_the_add_on(self):
        log = DEV / "log" / "odoo-test_without.log"
        with self.odoo.serving("test_without", "--max-cron-threads=0", LOADED, log=log) as address:
            self.assertEqual(push(address, self.example()), UNKNOWN)
            self.assertEqual(Session(address, "test_without", "admin", "admin").get("/cloudprinter/ledger")[0], 404)
        self.assertNotIn(" ERROR ", log.read_text())


class TestWithoutWorker(OrderCase):
    """Given: a server that stores orders; the test says when they are imported."""

    options = ("--max-cron-threads=0", LOADED)

    def test_nothing_is_left_in_the_database(self):
        """Neither an address that was changed nor notes about it are left."""
        content = re.sub(rb'"phone": "\d+"', b'"phone": "99887766"', self.example())
        for text, own in (
            (b"Example name", b"Zoe Quux"),
            (b"Example street 1234", b"Quux Lane 77"),
            (b"email@example.com", b"zoe@quux.example"),
        ):
            content = content.replace(text, own)
        self.assertEqual(self.push(content), RECEIVED)
        self.in_odoo("import_orders")
        changed = content.replace(b"Quux Lane 77", b"Quux Lane 78").replace(b'"count": "5"', b'"count": "6"')
        self.assertEqual(self.push(changed), RECEIVED)
        self.in_odoo("import_orders")
        self.in_odoo("take_over")
        self.assertEqual([row[0] for row in self.get_documents(content)], ["done", "done"])
        words = ("Zoe", "Quux", "quux", "99887766")
        self.assertTrue(all(word in self.postgres.dump(self.database) for word in words), "it was there")
        self.in_odoo("forget_recipients")
        lines = [line for line in self.postgres.dump(self.database).splitlines() if any(word in line for word in words)]
        self.assertEqual(lines, [])

    def test_killed(self):
        """The worker is killed while it makes an order: nothing half-done is left, and the order is made once."""
        contents = {function: self.example() for function in ("die_while_importing", "die_before_it_is_committed")}
        for function, content in contents.items():
            with self.subTest(function):
                self.assertEqual(self.push(content), RECEIVED)
                process = self.start_in_odoo(function)
                self.assertTrue(process.was_killed())
                self.assertEqual(self.get_documents(content), [["received", "", "", ""]])
                self.assertEqual(self.count("cloudprinter_order", f"name = '{get_id(content)}'"), 0)
                self.assertEqual(self.count("sale_order", f"client_order_ref = '{get_id(content)}'"), 0)
                attempt = f"name = '{get_id(content)}' AND attempt_count = 1 AND next_attempt_date > received_date"
                self.assertEqual(self.count(condition=attempt), 1, "the attempt is counted ahead")
                self.in_odoo("import_orders")
                self.assertEqual([row[0] for row in self.get_documents(content)], ["done"])
                self.assertEqual(self.count("sale_order", f"client_order_ref = '{get_id(content)}'"), 1)

    def test_files_fail_while_a_user_decides(self):
        """The decision sees files that are still fetched, and the worker a document that does not wait for them."""
        self.in_odoo("configure_versions", LOOPBACK)
        self.addCleanup(self.in_odoo, "configure_versions", "")
        content = self.example()
        order = get_id(content)
        self.push(content)
        self.in_odoo("import_orders")
        self.push(content.replace(b'"count": "5"', b'"count": "6"'))
        self.in_odoo("import_orders")
        self.in_odoo("decide", order, "take_over")
        self.assertEqual([row[:2] for row in self.get_documents(content)], [["replaced", ""], ["waiting", "lines"]])
        user = self.start_in_odoo("decide_slowly", order, "set_quantities")
        user.wait_for("decided")
        worker = self.start_in_odoo("fail_files", order)
        worker.wait_for("read")
        for process in (user, worker):
            process.go()
            process.finish()
        self.in_odoo("import_due_orders")
        self.assertEqual([row[:2] for row in self.get_documents(content)], [["replaced", ""], ["waiting", "files"]])

    # === arbitrary content never causes a 500, partial records or an error in the log === #

    def test_broken(self):
        before = self.count()
        for name, content, status, message in CORPUS["BROKEN"]:
            with self.subTest(name):
                content = content() if callable(content) else content
                got, answer = self.push(content)
                if status == 400 and KEY.encode() not in content and got == 401:
                    # it is not read
                    self.assertEqual((got, answer), UNKNOWN)
                    continue
                self.assertEqual(got, status)
                if status != 413:
                    self.assertTrue(answer["error"].startswith(message), answer)
        self.assertEqual(self.count(), before)
        self.assert_no_error()

    def test_odd(self):
        """They are stored, and the worker makes orders of them or says what is missing."""
        before = self.count()
        # some are the same in other notation
        answers = [(self.push(content), name) for name, content in CORPUS["ODD"]]
        for answer, name in answers:
            self.assertIn(answer, (RECEIVED, KNOWN), name)
        self.in_odoo("import_orders")
        states = self.query("SELECT DISTINCT state FROM cloudprinter_order_document ORDER BY state")
        self.assertEqual(states, [["done"], ["replaced"], ["waiting"]])
        self.assertEqual(self.count(condition="state = 'waiting' AND failure_type = 'error'"), 0)
        self.assertEqual(self.count(condition="state = 'waiting' AND problem_source IS NULL"), 0)
        self.assertEqual(self.count() - before, [answer for answer, _name in answers].count(RECEIVED))
        self.query("DELETE FROM cloudprinter_order_document WHERE state = 'waiting'")
        self.assert_no_error()

    def test_mutated(self):
        """Valid documents with a byte changed, or a part removed or doubled."""
        answers = []

        @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.sampled_from(sorted(EXAMPLES)), st.data())
        def check(name, data):
            content = bytearray(EXAMPLES[name])
            for _change in range(data.draw(st.integers(1, 3))):
                place = data.draw(st.integers(0, len(content) - 1))
                end = place + data.draw(st.integers(0, 40))
                part = data.draw(st.sampled_from([b"", content[place:end] * 2, data.draw(st.binary(max_size=4))]))
                content[place:end] = part
                if not content:
                    break
            status, answer = self.push(bytes(content))
            answers.append(status)
            self.assertIn(status, (200, 400, 401, 415), answer)

        before = self.count()
        check()
        self.assertLessEqual(self.count() - before, answers.count(200))
        self.assertGreater(answers.count(400), 20)
        self.query("DELETE FROM cloudprinter_order_document WHERE state = 'received'")
        self.assert_no_error()

    def assert_no_error(self):
        log = self.assert_discreet()
        self.assertNotRegex(log, r" (ERROR|CRITICAL) | 500 ")
