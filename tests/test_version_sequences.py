"""Random sequences of what Cloudprinter sends, and what users do, about one order.

Nothing is lost, nothing is made twice, and nothing is older than what Cloudprinter sent or a user decided last.
"""

import json
import random

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter import order_document

from .test_intake import BOOK, FLYER, POSTER, IntakeCase

SEEDS, EVENTS = range(6), 10
# what a user may click, by what a document waits for, without Reject
DECISIONS = {
    "unmatched": ["accept"],
    "changed": ["take_over", "keep"],
    "lines": ["set_quantities", "keep"],
    "files": ["import_orders"],
    "canceled": ["make_new", "keep"],
    "error": ["import_orders"],
}


@tagged("post_install", "-at_install", "cloudprinter")
class TestVersionSequences(IntakeCase):
    def test_sequences(self):
        self.company.write({"cloudprinter_fetch_files": True, "cloudprinter_file_hosts": "files.example.com"})
        for seed in SEEDS:
            with self.subTest(seed=seed), self.env.cr.savepoint() as savepoint:
                Sequence(self, seed).run()
                savepoint.rollback()


class Sequence:
    """One order, from its first event until it is settled.

    :ivar sent: the content that Cloudprinter sent last, as `order_document.Document`
    :ivar kept: whether a user decided, since then, to keep the order or its quantities as they are
    """

    def __init__(self, case, seed):
        self.case, self.env, self.random = case, case.env, random.Random(seed)
        self.number = f"77000{seed}"
        self.sent, self.signature, self.kept, self.log = None, 0, False, []

    def run(self):
        for _number in range(EVENTS):
            events = [self.send, self.send, self.decide, self.decide, self.settle_files, self.renew]
            event = self.random.choice([*events, self.enter, self.cancel, self.edit, self.map])
            self.act(event)
        if not self.sent:
            self.act(self.send)
        # a user can always settle it
        for _number in range(8):
            if self.newest.state == "waiting":
                self.act(self.decide)
            elif self.newest.state == "checking":
                self.act(self.settle_files)
        self.case.assertIn(self.newest.state, ("done", "kept", "replaced", "rejected"), self.log)

    def act(self, event):
        self.log.append(event.__name__)
        event()
        self.case.run_worker()
        self.log[-1] += f" → {self.newest.failure_type or self.newest.state}"
        if self.sent:
            self.check()

    # === what happens === #

    def send(self):
        """Cloudprinter sends the order: for the first time, again, with other content, or in a form not understood."""
        changes = self.random.choice(
            [
                {},
                {},
                {"priority": "express"},
                {"items__1__count": "12"},
                {"addresses__0__country": "ZZ"},
                {"items__0__files__0__size": "1"},
                {"items__0__product": "unknown"},
            ]
        )
        self.push(self.case.document(id=self.number, **changes))

    def renew(self):
        """Cloudprinter sends the same content, with other signatures in the addresses of its files."""
        if self.sent:
            self.push(self.sent.text)

    def push(self, text):
        self.signature += 1
        content = json.loads(text)
        content.setdefault("apikey", "key")
        for item in content["order"]["items"]:
            for file in item["files"]:
                file["url"] = f"{file['url'].partition('?')[0]}?signature={self.signature}"
        document = order_document.read(json.dumps(content).encode())
        before = self.sent
        self.env["cloudprinter.order.document"]._receive(self.case.company, document)
        self.sent = document
        self.kept = self.kept and bool(before) and before.digest == document.digest

    def enter(self):
        """A user has entered the order by hand, before its document comes."""
        if not self.sent and not self.sales:
            lines = [(self.case.book, 1, BOOK), (self.case.poster, 2, POSTER), (self.case.flyer, 500, FLYER)]
            self.case.sell(*lines, order=self.number, confirm=self.random.random() < 0.5)

    def cancel(self):
        self.live._action_cancel()

    def edit(self):
        for line in self.live.order_line.filtered(lambda line: line.cloudprinter_item_id.name == POSTER)[:1]:
            line.product_uom_qty = self.random.choice([3, 5, 12])

    def map(self):
        if not self.env["cloudprinter.product.mapping"].search_count([("name", "=", "unknown")]):
            self.env["cloudprinter.product.mapping"].create({"name": "unknown", "product_id": self.case.book.id})

    def settle_files(self):
        files = self.files.filtered(lambda file: file.state == "waiting")
        failed = files if self.random.random() < 0.3 else files.browse()
        (files - failed).write({"state": "fetched"})
        failed.write({"state": "error", "failure_type": "download", "problem_source": "expired"})
        files._log_in_orders()

    def decide(self):
        """A user makes a decision that the page of the newest document offers."""
        document = self.newest.with_user(self.case.manager)
        if document.state != "waiting":
            return
        if document.failure_type == "unmatched":
            document.country_id = self.env.ref("base.dk")
            document.line_ids.filtered(lambda line: not line.product_id).product_id = self.case.book
        reason = document.failure_type
        decisions = self.random.sample(DECISIONS[reason], len(DECISIONS[reason]))
        for decision in decisions:
            self.log[-1] += f" {decision}"
            try:
                with self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
                    getattr(document, f"action_{decision}")()
            except UserError as error:
                self.log[-1] += f" ({error})"
                continue
            self.kept = self.kept or decision == "keep"
            return
        self.case.fail(f"no decision is possible: {self.log}")

    # === what holds after each event === #

    @property
    def documents(self):
        return self.env["cloudprinter.order.document"].search([("name", "=", self.number)], order="version")

    @property
    def newest(self):
        return self.documents[-1:]

    @property
    def order(self):
        return self.env["cloudprinter.order"].search([("name", "=", self.number)])

    @property
    def files(self):
        return self.order.file_ids

    @property
    def sales(self):
        domain = ["|", ("client_order_ref", "=", self.number), ("cloudprinter_order_id.name", "=", self.number)]
        return self.env["sale.order"].search(domain)

    @property
    def live(self):
        return self.sales.filtered(lambda sale: sale.state != "cancel")

    def check(self):
        case, newest, order = self.case, self.newest, self.order
        case.assertEqual((newest.digest, newest.links_digest), (self.sent.digest, self.sent.links_digest), self.log)
        still_open = self.documents.filtered(lambda d: d.state in ("received", "checking", "waiting"))
        case.assertLessEqual(still_open, newest, self.log)
        case.assertLessEqual(len(self.live), 1, self.log)
        case.assertEqual(bool(newest.problem), newest.state == "waiting", self.log)
        if newest.state == "done" and self.live:
            case.assertTrue(order.document_id._is_same(newest), self.log)
            case.assertEqual(order.priority or "", self.sent.order.priority or "", self.log)
            urls = {file.url for file in self.sent.order.files}
            urls |= {file.url for item in self.sent.order.items for file in item.files}
            case.assertEqual(set(self.files.mapped("url")), urls, self.log)
            if not self.kept and not any(entry.startswith("edit") for entry in self.log):
                lines = self.live.order_line.filtered("cloudprinter_item_id")
                quantities = {line.cloudprinter_item_id.name: line.product_uom_qty for line in lines}
                case.assertEqual(quantities, {item.id: item.count for item in self.sent.order.items}, self.log)
            case.assertEqual(self.live.state, "sale", self.log)
        if newest.state == "kept":
            case.assertTrue(self.kept, self.log)
