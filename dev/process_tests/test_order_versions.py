"""Random sequences of what Cloudprinter sends about an order and what users do meanwhile, on a running Odoo.

The server has two processes for requests and two for scheduled actions, and much happens at once. The oracle uses
nothing of the add-on: it knows what was sent, answered and clicked, and reads tables.

`CLOUDPRINTER_VERSIONS=300 make test ARGS="--only TestOrderVersions"` tries more orders than `make test` does.
"""

import hashlib
import json
import os
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg2
from psycopg2.extras import NamedTupleCursor

from ..file_server import FileServer
from ..processes import LOOPBACK, free_port
from ..rpc import RpcError, Session
from .test_orders import JSON, LOADED, OrderCase

SEQUENCES = int(os.environ.get("CLOUDPRINTER_VERSIONS", 10))
EVENTS = 8
AT_ONCE = 4  # sequences
EXAMPLE = json.loads(JSON)["order"]
DOCUMENT = "cloudprinter.order.document"
BOOK, POSTER, FLYER = "textbook_cw_a4_p_fc", "poster_50x70_fc", "flyer_a6_fc"
# what a user may click, by what the document waits for
DECISIONS = {
    "unmatched": ("accept",),
    "changed": ("take_over", "take_over", "keep"),
    "lines": ("set_quantities", "keep"),
    "files": ("try_again",),
    "canceled": ("make_new", "make_new", "keep"),
}
DOCUMENTS = """
    SELECT id, state, failure_type AS failure, problem_source AS problem, content
    FROM cloudprinter_order_document WHERE name = %s ORDER BY version
"""
SALES = """
    SELECT sale.id, sale.state, address.street FROM sale_order sale
    LEFT JOIN cloudprinter_order o ON o.id = sale.cloudprinter_order_id
    JOIN res_partner address ON address.id = sale.partner_shipping_id
    WHERE sale.state != 'cancel' AND (o.name = %s OR sale.client_order_ref = %s)
"""
LINES = """
    SELECT line.id, item.name, line.product_uom_qty AS quantity FROM sale_order_line line
    JOIN cloudprinter_item item ON item.id = line.cloudprinter_item_id WHERE line.order_id = %s
"""
LABELS = """
    SELECT file.url, file.state FROM cloudprinter_order_file file JOIN cloudprinter_order o ON o.id = file.order_id
    WHERE o.name = %s
"""

HELD = """
    SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND query SIMILAR TO '(INSERT INTO|UPDATE) "?cloudprinter_order_document"? %%'
"""


@dataclass(frozen=True)
class Content:
    """What an order document says. `number` is in its street and in its label."""

    number: int
    priority: str = ""
    posters: int = 5
    flyers: int = 0
    country: str = "US"
    product: str = BOOK

    @property
    def street(self):
        return f"Street {self.number}"

    @property
    def label(self):
        return f"label {self.number}".encode()

    @property
    def items(self):
        """Return product and quantity by the last digit of the item's id."""
        items = {"1": (self.product, 1), "2": (POSTER, self.posters), "3": (FLYER, self.flyers)}
        return {name: (product, quantity) for name, (product, quantity) in items.items() if quantity}

    @property
    def quantities(self):
        return {name: quantity for name, (_product, quantity) in self.items.items()}


class Trouble(AssertionError):
    """What must hold does not hold."""


class TestOrderVersions(OrderCase):
    options = ("--workers=2", "--max-cron-threads=2", f"--gevent-port={free_port()}", LOADED)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = FileServer()
        cls.enterClassContext(cls.files)
        cls.known = cls.in_odoo("configure_versions", LOOPBACK)
        cls.in_odoo("make_user", "manager", "cloudprinter.group_manager")
        cls.in_odoo("make_user", "salesman", "sales_team.group_sale_salesman_all_leads")
        cls.lock = threading.Lock()

    def test_sequences(self):
        """No order is lost or made twice, and none is older than what Cloudprinter sent or a user decided last."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            troubles = list(filter(None, pool.map(lambda seed: Sequence(self, seed).run(), range(SEQUENCES))))
        self.assertEqual(troubles, [], "\n\n".join(troubles))
        self.assertNotIn(" CRITICAL ", self.log.read_text())

    def wake(self, order):
        with self.lock:
            self.in_odoo("wake_order", order)


class Sequence:
    """One order, until it is settled.

    :ivar contents: those received, each other than the one before
    :ivar signature: of the last push, in the address of its label
    :ivar stands: the content that the order had when it was looked at
    :ivar possible: contents that it may have had since
    :ivar said: the last word about the quantities of a sales order's lines, by its id
    :ivar is_own: a user said something about quantities since the newest content came
    :ivar kept: a user kept the order as it is since then
    :ivar is_canceled: a user canceled the sales order, and wants no new one
    """

    def __init__(self, case, seed):
        self.case, self.random = case, random.Random(seed)
        self.order = f"7700{seed:04}"
        self.contents, self.signature, self.pushes = [], 0, 0
        self.stands, self.possible = None, set()
        self.said, self.is_own, self.kept, self.is_canceled = {}, False, False, False
        self.past = []

    def run(self):
        """Return what is wrong, or None."""
        self.connection = self.connect()
        self.connection.autocommit = True
        self.manager, self.salesman = (
            Session(self.case.address, self.case.database, login, login) for login in ("manager", "salesman")
        )
        try:
            self.live()
        except Trouble as trouble:
            past = "\n  ".join(self.past)
            return f"order {self.order}: {trouble}, after\n  {past}\n  {self.describe()}"
        finally:
            self.connection.close()
        return None

    def connect(self):
        postgres = self.case.postgres
        return psycopg2.connect(
            host=LOOPBACK,
            port=postgres.port,
            user=postgres.user,
            dbname=self.case.database,
            cursor_factory=NamedTupleCursor,
        )

    def live(self):
        first = [self.send, self.send_twice, self.enter, self.cancel]
        users = [self.decide, self.decide, self.decide, self.cancel, self.edit]
        for _number in range(EVENTS):
            if not self.contents:
                self.random.choice(first)()
            elif self.random.random() < 0.4:
                self.random.choice([self.send, self.send_twice])()
            elif self.random.random() < 0.4:
                # while another document arrives
                self.meanwhile(self.random.choice(users))
            else:
                self.random.choice(users)()
            if self.random.random() < 0.6:
                self.check()
        if not self.contents:
            self.send()
        # there is always a decision that goes on
        for _round in range(12):
            self.check()
            if self.newest.state != "waiting":
                return
            self.decide()
        raise Trouble("it is never settled")

    def expect(self, condition, what):
        if not condition:
            raise Trouble(what)

    # === what is there === #

    def read(self, query, *values):
        with self.connection.cursor() as cr:
            cr.execute(query, values)
            return cr.fetchall()

    def read_documents(self):
        return self.read(DOCUMENTS, self.order)

    @property
    def newest(self):
        return self.read_documents()[-1]

    def read_sales(self):
        return self.read(SALES, self.order, self.order)

    def read_label(self, document):
        """Return street and signature of a stored document."""
        order = json.loads(document.content)["order"]
        return order["addresses"][0]["street1"], int(order["files"][0]["url"].rpartition("=")[2])

    def describe(self):
        documents = [(d.state, d.failure, d.problem, *self.read_label(d)) for d in self.read_documents()]
        return f"documents {documents}, sales orders {self.read_sales()}, labels {self.read(LABELS, self.order)}"

    # === Cloudprinter === #

    def make_content(self):
        """Return something new, or the newest or an older content again."""
        if self.contents and self.random.random() < 0.35:
            return self.random.choice([self.contents[-1], *self.contents])
        flaw = self.random.choice([{}, {}, {}, {"country": "ZZ"}, {"product": f"unknown_{self.order}"}])
        return Content(
            number=self.pushes,
            priority=self.random.choice(["", "express"]),
            posters=self.random.choice([5, 5, 12]),
            flyers=self.random.choice([0, 0, 500]),
            **flaw,
        )

    def write(self, content):
        """Return the document with a new signature, and the signature. Sometimes the label is not there."""
        self.pushes += 1
        path = f"/{self.order}/{content.number}.pdf?signature={self.pushes}"
        status = 404 if self.random.random() < 0.2 else 200
        url = self.case.files.serve(path, content.label, status)
        label = {"type": "shipping_label", "format": "pdf", "url": url, "size": len(content.label)}
        order = {
            **EXAMPLE,
            "id": self.order,
            "addresses": [{**EXAMPLE["addresses"][0], "street1": content.street, "country": content.country}],
            "files": [{**label, "md5sum": hashlib.md5(content.label).hexdigest()}],
            "items": [
                {"id": self.order + name, "count": quantity, "title": f"Item {name}", "product": product}
                for name, (product, quantity) in content.items.items()
            ],
        }
        del order["priority"]
        if content.priority:
            order["priority"] = content.priority
        return json.dumps({"order": order}).encode(), self.pushes

    def prepare_push(self):
        """Return something to push, and a function that pushes it and returns what is to be recorded."""
        content = self.make_content()
        written, signature = self.write(content)
        return content, partial(self.push, content, signature, written)

    def push(self, content, signature, written):
        status, answer = self.case.push(written)
        return content, signature, answer.get("status") if status == 200 else f"{status} {answer}"

    def send(self):
        _content, push = self.prepare_push()
        self.record(push())

    def send_twice(self):
        """Two documents arrive at once: other ones, the same, or the same with another signature.

        Both have been compared with the newest before either is stored.
        """
        content, push = self.prepare_push()
        other, push_other = self.prepare_push()
        if self.random.random() < 0.4:
            written, signature = self.write(content)
            push_other = partial(self.push, content, signature, written)
        with ThreadPoolExecutor(2) as pool, self.holding() as release:
            pushed = [pool.submit(push), pool.submit(push_other)]
            deadline = time.monotonic() + 2
            while sum(map(Future.done, pushed)) + self.read(HELD)[0].count < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            release()
            self.record(*(future.result() for future in pushed))

    @contextmanager
    def holding(self):
        """Let documents be read, but none be stored until the yielded function is called."""
        with closing(self.connect()) as connection:
            connection.cursor().execute("LOCK TABLE cloudprinter_order_document IN SHARE MODE")
            yield connection.rollback

    def record(self, *pushes):
        """Record what was answered. Either of two at once may have been the first."""
        self.past.append("sent " + " & ".join(f"{content}, signature {s}: {answer}" for content, s, answer in pushes))
        fitting = [some for some in (pushes, pushes[::-1]) if self.is_fitting(some)]
        self.expect(fitting, "what differs from the newest is received, and the rest is known")
        newest = self.read_label(self.newest)
        fitting = [some for some in fitting if (some[-1][0].street, some[-1][1]) == newest]
        self.expect(fitting, "the newest document is what was sent last")
        for content, signature, answer in fitting[0]:
            self.signature = signature
            if answer == "received":
                self.contents.append(content)
                self.possible.add(content)
                self.is_own = self.kept = False

    def is_fitting(self, pushes):
        newest = self.contents[-1] if self.contents else None
        for content, _signature, answer in pushes:
            if answer != ("known" if content == newest else "received"):
                return False
            newest = content
        return True

    # === users === #

    def at_once(self, *actions):
        """Return the results of what starts at the same moment."""
        barrier = threading.Barrier(len(actions))

        def work(action):
            barrier.wait()
            return action()

        with ThreadPoolExecutor(len(actions)) as pool:
            return list(pool.map(work, actions))

    def meanwhile(self, event):
        """A user does something while another document arrives."""
        click, record = event(now=False) or (None, None)
        if click:
            _content, push = self.prepare_push()
            pushed, refusal = self.at_once(push, click)
            self.record(pushed)
            record(refusal)

    def act(self, what, click, record, now):
        """Do what a user does, now or when the returned functions are called: the click, and what it means."""

        def record_success(refusal):
            self.past.append(f"{what}{refusal and f' was refused: {refusal}'}")
            if not refusal:
                record()

        if not now:
            return click, record_success
        record_success(click())
        return None

    def click(self, session, model, record, method, *arguments):
        """Return what the user is told instead of what was wanted, or ""."""
        try:
            session.call(model, method, [record], *arguments)
        except RpcError as error:
            return str(error) or "?"
        return ""

    def decide(self, now=True):
        """A user decides about the newest document, if it waits."""
        document = next(iter(self.read_documents()[-1:]), None)
        if not document or document.state != "waiting":
            return None
        self.expect(document.failure in DECISIONS, f"{document.failure} is a reason to wait")
        street, signature = self.read_label(document)
        content = next(content for content in self.contents if content.street == street)
        decision = self.random.choice(DECISIONS[document.failure])
        if decision == "accept":
            self.choose(document)
        elif decision == "try_again":
            self.case.files.serve(f"/{self.order}/{content.number}.pdf?signature={signature}", content.label)
        sales = [sale.id for sale in self.read_sales()]

        def record():
            self.possible.add(content)
            if decision == "keep":
                # not if another document came meanwhile
                self.kept = self.is_own = content == self.contents[-1]
            elif decision == "set_quantities":
                self.said.update(dict.fromkeys(sales, content.quantities))
            elif decision == "make_new":
                self.is_canceled = False

        click = partial(self.click, self.manager, DOCUMENT, document.id, f"action_{decision}")
        return self.act(f"{decision} {street}", click, record, now)

    def choose(self, document):
        """A user chooses country and products of a document, which may be handled meanwhile."""
        self.click(self.manager, DOCUMENT, document.id, "write", {"country_id": self.case.known["country"]})
        query = "SELECT id FROM cloudprinter_order_document_line WHERE document_id = %s AND product_id IS NULL"
        for line in self.read(query, document.id):
            values = {"product_id": self.case.known[BOOK]}
            self.click(self.manager, f"{DOCUMENT}.line", line.id, "write", values)

    def cancel(self, now=True):
        def record():
            self.is_canceled = True

        for sale in self.read_sales():
            click = partial(self.click, self.salesman, "sale.order", sale.id, "action_cancel")
            return self.act("canceled", click, record, now)
        return None

    def edit(self, now=True):
        """A user changes the quantity of the posters."""
        quantity = self.random.choice([5, 12, 7])

        def record():
            self.said[sale.id] = {**self.said[sale.id], "2": quantity}
            self.is_own = True

        for sale in self.read_sales():
            [line] = [line for line in self.read(LINES, sale.id) if line.name == f"{self.order}2"]
            self.said.setdefault(sale.id, self.read_lines(sale))
            values = {"product_uom_qty": quantity}
            click = partial(self.click, self.salesman, "sale.order.line", line.id, "write", values)
            return self.act(f"{quantity} posters", click, record, now)
        return None

    def enter(self):
        """A user enters the order by hand, before its document comes."""
        if self.said:
            return
        content = Content(number=-1, posters=self.random.choice([5, 12]))
        lines = [
            {
                "product_id": self.case.known[product],
                "product_uom_qty": quantity,
                "cloudprinter_item_ref": self.order + name,
            }
            for name, (product, quantity) in content.items.items()
        ]
        values = {
            "partner_id": self.case.known["customer"],
            "cloudprinter_order_ref": self.order,
            "order_line": [(0, 0, line) for line in lines],
        }
        sale = self.salesman.create("sale.order", values)
        if self.random.random() < 0.5:
            self.salesman.call("sale.order", "action_confirm", [sale])
        self.said[sale] = content.quantities
        self.past.append(f"entered {content.posters} posters")

    # === what must hold === #

    def settle(self):
        """Wait until the add-on has nothing left to do. What collided is tried again at once, not in a minute."""
        start = woken = time.monotonic()
        while True:
            documents = self.read_documents()
            if not any(document.state in ("received", "checking") for document in documents):
                return documents
            self.expect(time.monotonic() < start + 60, "it is worked on for ever")
            if time.monotonic() > woken + 3:
                self.case.wake(self.order)
                woken = time.monotonic()
            time.sleep(0.05)

    def check(self):
        if not self.contents:
            return
        documents = self.settle()
        newest = documents[-1]
        self.past.append(f"→ {newest.failure or newest.state}")
        labels = [self.read_label(document) for document in documents]
        self.expect([street for street, _s in labels] == [content.street for content in self.contents], "all are kept")
        self.expect(labels[-1][1] == self.signature, "the newest document has the last signature")
        self.expect({document.state for document in documents[:-1]} <= {"done", "kept", "replaced"}, "older are closed")
        self.expect(bool(newest.problem) == (newest.state == "waiting"), "a user is told what is needed")
        signals = self.case.server.signals(order=self.order)
        self.expect(len(signals) == len(set(signals)), "each signal is sent once")
        sales = self.read_sales()
        self.expect(len(sales) <= 1, "the order is made once")
        seen = self.find_content(*sales) if sales else None
        self.expect(not seen or seen in self.possible | {self.stands}, "nothing returns that was replaced")
        lines = self.read_lines(sales[0]) if sales else {}
        for sale in sales:
            said = self.said.setdefault(sale.id, seen.quantities if seen else lines)
            self.expect(lines == said, f"the lines are what was said last, {said}, not {lines}")
        self.check_state(newest, seen, lines)
        self.expect(newest.state == "waiting" or not sales or sales[0].state == "sale", "what is accepted is confirmed")
        self.stands, self.possible = seen or self.stands, {self.contents[-1]}

    def check_state(self, document, seen, lines):
        """Check that the newest document has this state for a reason.

        :param seen: the content of the order
        :param dict lines: quantities, empty if there is no sales order that was not canceled
        """
        last = self.contents[-1]
        if document.state == "done":
            self.expect(lines or self.is_canceled, "no order is lost")
            self.expect(not lines or seen == last, "the order is what was sent last")
            self.expect(not lines or lines == last.quantities or self.is_own, "a user has seen other quantities")
            signatures = {row.url.rpartition("=")[2] for row in self.read(LABELS, self.order)}
            self.expect(not lines or signatures == {str(self.signature)}, "the label has the last signature")
            return
        if document.state == "kept":
            self.expect(self.kept, "a user kept the order")
            return
        reasons = {
            "unmatched": not seen,
            "changed": lines and seen != last,
            "lines": seen == last and lines != last.quantities,
            "files": lines and (seen == last or self.kept),
            "canceled": not lines,
        }
        self.expect(reasons.get(document.failure), f"{document.failure or document.state} has a reason")

    def find_content(self, sale):
        """Return the content that the order has; all parts are of the same. None if it has none yet."""
        numbers = {int(row.url.rpartition("/")[2].partition(".")[0]) for row in self.read(LABELS, self.order)}
        found = next((content for content in self.contents if content.street == sale.street), None)
        [order] = self.read(
            "SELECT coalesce(priority, '') AS priority FROM cloudprinter_order WHERE name = %s", self.order
        )
        self.expect(
            (numbers, order.priority) == (({found.number}, found.priority) if found else (set(), "")),
            f"address, labels {numbers} and priority {order.priority} are of {found}",
        )
        return found

    def read_lines(self, sale):
        return {line.name[-1]: int(line.quantity) for line in self.read(LINES, sale.id) if line.quantity}
