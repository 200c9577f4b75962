"""An order that cannot be made is rejected: it is reported to Cloudprinter, and nothing of it continues in Odoo."""

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter import order_document

from .test_intake import BOOK, DOCUMENTS, FLYER, POSTER, IntakeCase

ORDER = "123456780000"
UNKNOWN = {"items__0__product": "calendar_a3"}


class RejectCase(IntakeCase):
    def open_dialog(self, record, user=None):
        """Press Reject on an incoming order or on an order."""
        return record.with_user(user or self.manager).action_reject()

    def reject(self, record, cause="CancelMiscError", user=None):
        """Reject with the given cause, or with the proposed one (None)."""
        form = Form.from_action(self.env(user=user or self.manager), self.open_dialog(record, user))
        if cause:
            form.cause = cause
        form.save().action_reject()
        self.env.cr.flush()
        self.env.invalidate_all()

    def get_order(self, name=ORDER):
        return self.env["cloudprinter.order"].search([("name", "=", name)])


@tagged("post_install", "-at_install", "cloudprinter")
class TestReject(RejectCase):
    def test_document_that_waits(self):
        """Nothing was created from it. Each of its items is reported as canceled, and nothing else is reported."""
        document = self.import_orders(**UNKNOWN)
        self.assertEqual((document.state, document.order_id.id), ("waiting", False))
        self.reject(document, "CancelPageCount")
        self.assertEqual((document.state, document.problem, document.failure_type), ("rejected", False, False))
        items = document.order_id.item_ids
        self.assertEqual(set(items.mapped("name")), {BOOK, POSTER, FLYER})
        self.assertEqual(items.mapped("stage"), ["canceled"] * 3)
        self.send()
        for item in items:
            self.assert_received(item, ["ItemCanceled"])
        self.assertEqual({signal["cause"] for signal in self.server.accepted}, {"CancelPageCount"})
        self.assertTrue(all(signal["message"] for signal in self.server.accepted), "the text is proposed")
        self.assertFalse(document.sale_order_id)
        # nothing is created later, either
        self.run_worker()
        self.assertEqual(document.state, "rejected")

    def test_document_that_was_not_looked_at_yet(self):
        document = self.receive()
        self.reject(document)
        self.run_worker()
        self.assertEqual((document.state, document.sale_order_id.id), ("rejected", False))
        self.assertEqual(set(self.get_outbox(document.order_id.item_ids).mapped("type")), {"ItemCanceled"})

    def test_quotation(self):
        """The sales order was created and not confirmed."""
        self.company.cloudprinter_confirm_orders = False
        document = self.import_orders()
        sale = document.sale_order_id
        self.assertEqual((document.state, sale.state), ("done", "draft"))
        self.reject(document.order_id)
        self.assertEqual((document.state, sale.state), ("rejected", "cancel"))
        self.assertEqual(set(self.get_outbox(document.order_id.item_ids).mapped("type")), {"ItemCanceled"})

    def test_production_has_begun(self):
        document = self.import_orders()
        sale, items = document.sale_order_id, document.order_id.item_ids
        started = items.filtered(lambda item: item.name == POSTER)
        started.production_ids.workorder_ids[0].with_user(self.operator).button_start()
        self.send()
        self.reject(document.order_id)
        self.assertEqual(sale.state, "cancel")
        self.assertEqual(set(items.production_ids.mapped("state")), {"cancel"})
        self.assertEqual(set(sale.picking_ids.mapped("state")), {"cancel"})
        self.send()
        self.assert_received(started, ["ItemRegistered", "ItemProduce", "ItemCanceled"])
        self.assertEqual(document.state, "rejected")

    def test_order_without_a_document(self):
        item = self.sell_one()
        self.reject(item.order_id)
        self.assertEqual((item.stage, item.sale_line_id.order_id.state), ("canceled", "cancel"))
        self.assertEqual(item.cancel_cause, "CancelMiscError")

    def test_order_typed_by_hand_is_canceled_too(self):
        """It has Cloudprinter's id as the customer's reference, and differs from the document."""
        sale = self.sell((self.book, 1, None), (self.poster, 7, None), order=False, client_order_ref=ORDER)
        document = self.import_orders()
        self.assertEqual(document.failure_type, "lines")
        self.reject(document)
        book = document.order_id.item_ids.filtered(lambda item: item.name == BOOK)
        self.assertEqual(sale.cloudprinter_order_id, document.order_id)
        self.assertEqual(sale.order_line.cloudprinter_item_id, book, "of the other lines the quantity differs")
        self.assertEqual(set(book.production_ids.mapped("state")), {"cancel"})
        self.assertEqual(sale.order_line.mapped("product_uom_qty"), [0, 7])
        self.assert_outbox(book, ["ItemRegistered", "ItemCanceled"])
        self.assert_outbox(document.order_id.item_ids - book, ["ItemCanceled"] * 2)

    def test_changed_document_with_a_new_item(self):
        """The document contains more than the order in production: all of it is canceled."""
        first = self.import_orders(items=self.content["order"]["items"][:2])
        second = self.import_orders()
        self.assertEqual((first.state, second.state, second.failure_type), ("done", "waiting", "changed"))
        self.reject(second)
        self.assertEqual((first.state, second.state), ("rejected", "rejected"))
        self.assertEqual(first.sale_order_id.state, "cancel")
        items = first.order_id.item_ids
        self.assertEqual(set(items.mapped("name")), {BOOK, POSTER, FLYER})
        self.assert_outbox(items.filtered(lambda item: item.name == FLYER), ["ItemCanceled"])

    def test_partly_shipped(self):
        """Shipped items stay shipped; the rest is rejected."""
        document = self.import_orders()
        items, sale = document.order_id.item_ids, document.sale_order_id
        book = items.filtered(lambda item: item.name == BOOK)
        self.produce(book.production_ids)
        moves = sale.picking_ids.move_ids
        moves.filtered(lambda move: move.cloudprinter_item_id != book).picking_id = sale.picking_ids.copy(
            {"move_ids": []}
        )
        self.deliver(book.move_ids.picking_id)
        self.assertEqual(book.stage, "shipped")
        self.reject(document.order_id)
        self.assertEqual(book.stage, "shipped")
        self.assertEqual((items - book).mapped("stage"), ["canceled"] * 2)
        self.assertEqual(sale.state, "sale")
        lines = {line.cloudprinter_item_id.name: line.product_uom_qty for line in sale.order_line}
        self.assertEqual((lines[BOOK], lines[POSTER], lines[FLYER]), (1, 0, 0))
        self.assertEqual(document.state, "done", "something of it was made")

    def test_item_that_left_in_part(self):
        """It can neither be shipped nor canceled by this dialog, so nothing is."""
        item = self.sell_one(quantity=5)
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id, quantity=2)
        with self.assertRaisesRegex(ValidationError, "already been shipped"), self.env.cr.savepoint():
            self.reject(item.order_id)
        self.assertNotEqual(item.stage, "canceled")

    def test_second_time(self):
        document = self.import_orders(**UNKNOWN)
        opened = Form.from_action(self.env(user=self.manager), self.open_dialog(document))
        self.reject(document)
        with self.assertRaisesRegex(UserError, "already been handled"):
            self.reject(document)
        opened.cause = "CancelMiscError"
        with self.assertRaisesRegex(UserError, "already been handled"):
            opened.save().action_reject()
        with self.assertRaisesRegex(UserError, "This order has no open items"):
            self.reject(document.order_id)
        self.assertFalse(document.order_id.has_open_items, "so there is no button")

    def test_same_document_comes_again(self):
        document = self.import_orders(**UNKNOWN)
        self.reject(document)
        self.assertEqual(self.import_orders(**UNKNOWN), document)
        self.assertEqual(document.state, "rejected")

    # === what is proposed === #

    def get_proposed(self, record):
        return Form.from_action(self.env(user=self.manager), self.open_dialog(record)).cause

    def test_nothing_is_proposed(self):
        document = self.import_orders(**UNKNOWN)
        self.assertFalse(self.get_proposed(document))
        wizard = self.env["cloudprinter.reject"].with_user(self.manager).create({"document_id": document.id})
        with self.assertRaisesRegex(UserError, "Choose a cause"):
            wizard.action_reject()

    def test_test_order(self):
        document = self.import_orders((DOCUMENTS / "test_order_v2.1.xml").read_bytes())
        self.assertEqual((document.state, document.is_test), ("done", True))
        self.assertEqual(self.get_proposed(document.order_id), "CancelTestOrder")
        waiting = self.import_orders(self.document(id="T0", **UNKNOWN))
        waiting.is_test = True
        self.assertEqual(self.get_proposed(waiting), "CancelTestOrder", "also without an order")
        order = self.env["cloudprinter.order"].create(
            {"name": "T1", "is_test": True, "item_ids": [Command.create({"name": "T2"})]}
        )
        self.assertEqual(self.get_proposed(order), "CancelTestOrder", "and without a document")
        self.reject(order, cause=None)
        self.assertEqual(order.item_ids.cancel_cause, "CancelTestOrder")

    def test_file_failed(self):
        document = self.import_orders()
        file = document.order_id.file_ids[0]
        file.write({"state": "error", "failure_type": "corrupt"})
        self.assertEqual(self.get_proposed(document.order_id), "CancelFilesCorrupt")
        file.failure_type = "download"
        self.assertEqual(self.get_proposed(document.order_id), "CancelDownloadError")

    def test_text_follows_the_cause(self):
        form = Form.from_action(self.env(user=self.manager), self.open_dialog(self.import_orders(**UNKNOWN)))
        self.assertFalse(form.message)
        form.cause = "CancelPageCount"
        first = form.message
        self.assertTrue(first)
        form.cause = "CancelInvalidAddress"
        self.assertNotEqual(form.message, first)


@tagged("post_install", "-at_install", "cloudprinter")
class TestRejectRights(RejectCase):
    def assert_refused(self, call):
        with mute_logger("odoo.addons.base.models.ir_model", "odoo.models"), self.assertRaises(AccessError):
            call()

    def test_managers_alone(self):
        document = self.import_orders(**UNKNOWN)
        item = self.sell_one(order="9", item="9")
        mine = self.env["cloudprinter.reject"].with_user(self.manager).create({"order_id": item.order_id.id})
        mine.cause = "CancelMiscError"
        for user in (self.salesman, self.operator, self.packer, self.accountant):
            with self.subTest(user.login):
                self.assert_refused(lambda: self.open_dialog(document, user))
                self.assert_refused(lambda: self.open_dialog(item.order_id, user))
                self.assert_refused(lambda: mine.with_user(user).action_reject())
        system = new_test_user(self.env, login="cp_system", groups="base.group_system")
        self.assert_refused(lambda: self.open_dialog(document, system))
        self.assertEqual((document.state, item.cancel_cause), ("waiting", False))

    def test_dialog_of_another(self):
        document = self.import_orders(**UNKNOWN)
        wizard = self.env["cloudprinter.reject"].with_user(self.manager).create({"document_id": document.id})
        another = new_test_user(self.env, login="cp_another", groups="base.group_user,mrp.group_mrp_manager")
        self.env.invalidate_all()
        self.assert_refused(lambda: wizard.with_user(another).action_reject())

    def test_forged_ids(self):
        """Ids of another company, or of an order that does not belong to the document, are refused."""
        other = self.env["res.company"].create({"name": "Other Shop"})
        documents = self.env["cloudprinter.order.document"]
        documents._receive(other, order_document.read(self.document()))
        foreign = documents.search([("company_id", "=", other.id)])
        order = self.env["cloudprinter.order"].create(
            {"name": "7", "company_id": other.id, "item_ids": [Command.create({"name": "7"})]}
        )
        dialogs = self.env["cloudprinter.reject"].with_user(self.manager)
        self.env.invalidate_all()
        for values in ({"document_id": foreign.id}, {"order_id": order.id}):
            with self.subTest(values):
                self.assert_refused(
                    lambda: dialogs.create({"cause": "CancelMiscError", "message": "x", **values}).action_reject()
                )
        mine, waiting = self.sell_one(order="9", item="9"), self.import_orders(**UNKNOWN)
        dialogs.create(
            {"cause": "CancelMiscError", "order_id": mine.order_id.id, "document_id": waiting.id}
        ).action_reject()
        self.assertEqual((waiting.state, waiting.order_id.name), ("rejected", ORDER))
        self.assertFalse(mine.cancel_cause, "the document says which order it is")
        # the worker lacked data to create it
        self.assertEqual((foreign.state, order.item_ids.cancel_cause), ("waiting", False))
