"""What a user with the rights of each role could try by RPC."""

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.cloudprinter import order_document

from .common import KEY, CloudprinterCase
from .test_intake import IntakeCase

QUIET = ("odoo.models", "odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
# of Odoo's models, which are for users of other companies as they are
SEARCHED = ("stock.picking", "mrp.production", "mrp.workorder", "sale.order", "account.move", "stock.move")


@tagged("post_install", "-at_install", "cloudprinter")
class TestOracles(CloudprinterCase):
    """What a user may not read cannot be guessed with searches either, character by character."""

    def test_key(self):
        item = self.sell_one()
        self.assertTrue(item.move_ids.picking_id)
        users = self.salesman.union(self.operator, self.packer, self.manager, self.accountant)
        paths = ("company_id.cloudprinter_signal_api_key", "order_id.company_id.cloudprinter_signal_api_key")
        for user in users:
            for name in SEARCHED:
                model = self.env[name].with_user(user)
                links = [link for link in ("cloudprinter_item_ids", "cloudprinter_item_id") if link in model._fields]
                for link in links:
                    for path in paths:
                        for domain in (
                            [(f"{link}.{path}", "=like", f"{KEY[0]}%")],
                            [(link, "any", [(path, "=like", f"{KEY[0]}%")])],
                            [(link, "any", ["|", ("name", "=", "1"), (path, "=like", f"{KEY[0]}%")])],
                        ):
                            with (
                                self.subTest(user.login, domain=domain),
                                mute_logger(*QUIET),
                                self.assertRaises(AccessError),
                            ):
                                model.search(domain)

    def test_items_that_may_not_be_read(self):
        """A user of transfers alone finds them by ids and dates, but not by what the items cost."""
        item = self.sell_one()
        picking = item.move_ids.picking_id
        buyer = new_test_user(self.env, login="cp_plain", groups="base.group_user")
        group = self.env["res.groups"].create({"name": "Transfers"})
        self.env["ir.model.access"].create(
            [
                {"name": name, "model_id": self.env["ir.model"]._get_id(name), "group_id": group.id, "perm_read": True}
                for name in ("stock.picking", "stock.move")
            ]
        )
        buyer.group_ids += group
        pickings = self.env["stock.picking"].with_user(buyer)
        for domain in (
            [("cloudprinter_item_ids.name", "=", item.name)],
            [("cloudprinter_item_ids.order_id.name", "=", item.order_id.name)],
            [("cloudprinter_item_ids", "any", [("stage", "=", item.stage)])],
        ):
            self.assertEqual(pickings.search(domain), picking)
        for domain in (
            [("cloudprinter_item_ids.amount", ">=", 0)],
            [("cloudprinter_item_ids", "any", [("order_id", "any", [("amount_total", ">=", 0)])])],
        ):
            with mute_logger(*QUIET), self.assertRaises(AccessError):
                pickings.search(domain)


@tagged("post_install", "-at_install", "cloudprinter")
class TestOtherCompany(IntakeCase):
    """A user with all rights in another company reaches nothing of this one, and puts nothing into it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["res.company"].create({"name": "Other Shop"})
        cls.stranger = new_test_user(
            cls.env,
            login="cp_stranger",
            groups="base.group_user,mrp.group_mrp_manager,stock.group_stock_manager,sales_team.group_sale_manager,"
            "account.group_account_manager",
            company_id=cls.other.id,
            company_ids=[Command.set(cls.other.ids)],
        )

    def assert_refused(self, call):
        self.env.invalidate_all()
        with mute_logger(*QUIET), self.assertRaises(UserError) as caught, self.env.cr.savepoint():
            call()
            self.env.flush_all()
        return caught.exception

    def given_records(self):
        """Return one record of each model of the add-on that belongs to a company."""
        item = self.sell_one(item="777", order="778")
        self.send()
        waiting = self.import_orders(items__0__product="calendar_a3")
        done = self.import_orders(self.document(id="2", items__0__id="21", items__1__id="22", items__2__id="23"))
        order = done.order_id
        return [
            item, item.order_id, item.signal_ids, item.signal_ids.request_ids, waiting, waiting.line_ids[:1],
            order.file_ids[:1], self.mappings[:1], self.method,
        ]  # fmt: skip

    def test_no_method(self):
        """Each public method of each model, found automatically, so that later ones are covered."""
        arguments = {
            "report_step": ("ItemPacked",), "report_delay": (24, "Late"), "report_cancel": ("CancelMiscError", "x"),
            # the last one exports the user's own companies, whatever it is called on
            "write": ({"name": "x"},), "web_search_read": None, "create": None, "copy": None, "copy_data": None,
            "action_export_ledger": None,
        }  # fmt: skip
        called = set()
        for record in self.given_records():
            self.assertTrue(record, record._name)
            mine = record.with_user(self.stranger).with_context(allowed_company_ids=self.other.ids)
            self.assert_refused(lambda: mine.read(["create_date"]))  # noqa: B023
            methods = {
                name
                for base in type(record).mro()
                if base.__module__.startswith("odoo.addons.cloudprinter")
                for name, value in vars(base).items()
                if callable(value) and not name.startswith("_") and not getattr(value, "_api_private", False)
            }
            for name in methods | {"unlink", "message_post"} & set(dir(record)):
                given = arguments.get(name, ())
                if given is not None:
                    with self.subTest(record._name, method=name):
                        self.assert_refused(lambda: getattr(mine, name)(*given))  # noqa: B023
                        called.add((record._name, name))
        self.assertGreater(len(called), 25)

    def test_nothing_is_moved_into_it(self):
        item = self.sell_one(item="777", order="778")
        order = item.order_id
        env = self.env(user=self.stranger, context={"allowed_company_ids": self.other.ids})
        own = env["cloudprinter.order"].create({"name": "1", "item_ids": [Command.create({"name": "2"})]})
        empty = env["cloudprinter.order"].create({"name": "3"})
        mapping = env["cloudprinter.product.mapping"].create({"name": "x"})
        method = env["cloudprinter.carrier.mapping"].create({"name": "x"})
        for call in (
            lambda: own.item_ids.write({"order_id": order.id}),
            lambda: own.write({"item_ids": [Command.link(item.id)]}),
            lambda: env["cloudprinter.item"].create({"name": "4", "order_id": order.id}),
            lambda: env["cloudprinter.order"].create({"name": "5", "company_id": self.company.id}),
            lambda: empty.write({"company_id": self.company.id}),
            lambda: mapping.write({"company_id": self.company.id}),
            lambda: method.write({"company_id": self.company.id}),
            lambda: mapping.create({"name": "y", "company_id": self.company.id}),
        ):
            self.assertIsInstance(self.assert_refused(call), AccessError)
        self.assertEqual((order.item_ids, own.sudo().item_ids.mapped("name")), (item, ["2"]))

    def test_dialog_that_is_not_saved(self):
        item = self.sell_one(item="777", order="778")
        item.with_user(self.manager).report_step("ItemPacked")
        env = self.env(user=self.stranger, context={"allowed_company_ids": self.other.ids})
        report = env["cloudprinter.report"].new(
            {"kind": "step", "step": "registered", "line_ids": [Command.create({"item_id": item.id})]}
        )
        self.assertFalse(report.line_ids.problem)


@tagged("post_install", "-at_install", "cloudprinter")
class TestManager(IntakeCase):
    """A manager of Cloudprinter without other rights."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.app = new_test_user(cls.env, login="cp_app", groups="base.group_user,cloudprinter.group_manager")

    def test_what_the_add_on_writes(self):
        """Read-only fields say what Cloudprinter ordered, or lead to documents of other orders and companies."""
        document = self.import_orders()
        order = document.order_id
        for record, values in (
            (order, {"document_id": document.id}),
            (order, {"has_freight": True}),
            (order, {"has_item_amount": True}),
            (order, {"customs": "1"}),
            (order.item_ids[:1], {"amount": 1}),
            (order.item_ids[:1], {"title": "x"}),
            (order.item_ids[:1], {"original_item_id": order.item_ids[1:2].id}),
            (order.item_ids[:1], {"changed_by_update": True}),
        ):
            with self.subTest(values), self.assertRaises(UserError):
                record.with_user(self.app).write(values)
        with self.assertRaises(AccessError):
            order.with_user(self.app).create({"name": "9", "document_id": document.id})
        order.with_user(self.app).write({"reference": "x", "priority": "2"})

    def test_defaults_of_the_caller_reach_no_sales_order(self):
        """An order is made with more rights than the manager has."""
        self.mappings[0].product_id = False
        document = self.import_orders()
        self.assertEqual(document.failure_type, "unmatched")
        forged = {
            "default_note": "forged", "default_origin": "forged", "default_tag_ids": [], "default_street": "forged",
            "default_active": False,
        }  # fmt: skip
        self.mappings[0].product_id = self.book
        document.with_user(self.app).with_context(**forged).action_try_again()
        sale = document.order_id.sale_order_id
        self.assertTrue(sale)
        self.assertNotIn("forged", f"{sale.note} {sale.origin}")

    def test_document_is_read_only(self):
        document = self.import_orders(items__0__product="calendar_a3").with_user(self.app)
        other = self.import_orders(self.document(id="2", items__0__product="calendar_b3"))
        for values in (
            {"line_ids": [Command.link(other.line_ids[:1].id)]},
            {"line_ids": [Command.update(document.line_ids[:1].id, {"name": "x"})]},
            {"line_ids": [Command.create({"name": "x"})]},
            {"line_ids": [Command.delete(document.line_ids[:1].id)]},
            {"carrier_id": self.carrier.id, "state": "done"},
        ):
            with self.subTest(values), mute_logger(*QUIET), self.assertRaises(AccessError), self.env.cr.savepoint():
                document.write(values)

    def test_files_of_an_import(self):
        """Attachments of others are neither read nor deleted by way of the dialog."""
        secret = self.env["ir.attachment"].create(
            {"name": "x.json", "raw": self.document(), "res_model": "res.company", "res_id": self.company.id}
        )
        private = self.env["ir.attachment"].create({"name": "y.json", "raw": self.document()})
        for attachment in (secret, private):
            dialog = self.env["cloudprinter.order.import"].with_user(self.app)
            with mute_logger(*QUIET), self.assertRaises(AccessError), self.env.cr.savepoint():
                dialog.create({"attachment_ids": attachment.ids}).action_import()
            self.assertTrue(attachment.exists())
        self.assertFalse(self.env["cloudprinter.order.document"].search([]))
        order_document.read(self.document())
