"""A small print shop with its own data, and a stand-in CloudSignal server on loopback."""

import hashlib
from contextlib import contextmanager, nullcontext
from datetime import timedelta

from freezegun import freeze_time

from odoo import Command, fields
from odoo.tests import Form, HttpCase, TransactionCase, new_test_user
from odoo.tools import mute_logger

from odoo.addons.cloudprinter.dev.cloudsignal_server import CloudSignalServer

KEY = "13b37bb1ed6d3403e158abe719b4f6d0"
ORDER = "123456780000"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 40
MD5 = hashlib.md5(PDF).hexdigest()

LEDGER_LOG = "odoo.addons.cloudprinter.models.cloudprinter_ledger"

ALL_BUT_PACKED = ["ItemRegistered", "ItemProduce", "ItemProduced", "ItemShipped"]


class CloudprinterCase(TransactionCase):
    """Given: a shop that makes books to order and delivers, each in one step, with a key that was accepted before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = CloudSignalServer(KEY)
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.env = cls.env(context=dict(cls.env.context, tracking_disable=False, mail_create_nolog=True))
        cls.company = cls.env.company
        cls.company.write(
            {
                "cloudprinter_signal_api_key": KEY,
                "cloudprinter_signal_url": cls.server.url,
                "cloudprinter_hold": False,
            }
        )
        cls.env["cloudprinter.circuit"].create(
            {
                "company_id": cls.company.id,
                "key_fingerprint": cls.company._cloudprinter_key_fingerprint(),
                "resumed_request": cls.company.cloudprinter_resumed_request,
                "answered_id": 1,
            }
        )
        cls.salesman, cls.operator, cls.packer, cls.manager, cls.accountant = cls._create_users(
            cp_salesman="sales_team.group_sale_salesman",
            cp_operator="mrp.group_mrp_user",
            cp_packer="stock.group_stock_user,stock.group_tracking_lot",
            cp_manager="mrp.group_mrp_manager",
            cp_accountant="account.group_account_invoice",
        )
        cls.warehouse = cls.env["stock.warehouse"].search([("company_id", "=", cls.company.id)], limit=1)
        cls.mto = cls.env.ref("stock.route_warehouse0_mto")
        cls.mto.active = True
        cls.manufacture = cls.warehouse.manufacture_pull_id.route_id
        cls.customer = cls.env["res.partner"].create({"name": "Cloudprinter.com", "email": "orders@example.com"})
        cls.carrier = cls.env["delivery.carrier"].create(
            {
                "name": "GLS Parcel",
                "product_id": cls.env["product.product"].create({"name": "Freight", "type": "service"}).id,
                "cloudprinter_shipping_option": "GLS",
            }
        )
        cls.paper = cls.env["product.product"].create({"name": "Paper", "is_storable": True})
        cls.env["stock.quant"]._update_available_quantity(cls.paper, cls.warehouse.lot_stock_id, 100000)
        cls.press = cls.env["mrp.workcenter"].create({"name": "Press"})
        cls.bindery = cls.env["mrp.workcenter"].create({"name": "Bindery"})
        cls.book = cls._create_product("Book")
        cls.poster = cls._create_product("Poster", operations=[("Print", cls.press), ("Cut", cls.bindery)])

    def setUp(self):
        super().setUp()
        self.server.behave()
        self.server.accepted.clear()
        self.server.requests.clear()

    @classmethod
    def _create_users(cls, **groups):
        """Create users, given login → external ids of groups, at once, as one by one it would be slow."""
        users = cls.env["res.users"].with_context(no_reset_password=True, mail_notrack=True)
        return users.create(
            [
                {
                    "name": login,
                    "login": login,
                    "password": login,
                    "email": f"{login}@example.com",
                    "group_ids": [cls.env.ref(name).id for name in f"base.group_user,{names}".split(",")],
                }
                for login, names in groups.items()
            ]
        ).with_env(cls.env)

    @classmethod
    def _create_product(cls, name, operations=(), routes=None, **values):
        """Create a product made to order from one sheet of paper, with a work order for each of `operations`."""
        product = cls.env["product.product"].create(
            {
                "name": name,
                "is_storable": True,
                "route_ids": [Command.set((routes or (cls.mto | cls.manufacture)).ids)],
                **values,
            }
        )
        cls.env["mrp.bom"].create(
            {
                "product_tmpl_id": product.product_tmpl_id.id,
                "product_qty": 1,
                "bom_line_ids": [Command.create({"product_id": cls.paper.id, "product_qty": 1})],
                "operation_ids": [
                    Command.create({"name": label, "workcenter_id": center.id, "time_cycle_manual": 10})
                    for label, center in operations
                ],
            }
        )
        return product

    # === actions === #

    def sell(self, *lines, order=ORDER, confirm=True, **values):
        """Create a Cloudprinter sales order, entered by the salesman.

        :param lines: of (product, quantity, item id), the item id may be None
        """
        sale = (
            self.env["sale.order"]
            .with_user(self.salesman)
            .create(
                {
                    "partner_id": self.customer.id,
                    "carrier_id": self.carrier.id,
                    "cloudprinter_order_ref": order,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": product.id,
                                "product_uom_qty": quantity,
                                **({"cloudprinter_item_ref": item} if item else {}),
                            }
                        )
                        for product, quantity, item in lines
                    ],
                    **values,
                }
            )
        )
        if confirm:
            sale.action_confirm()
        self.env.cr.flush()
        return sale.with_user(self.env.user)

    def sell_one(self, product=None, quantity=5, item="123456780001", **values):
        """Sell one item and return it."""
        sale = self.sell((product or self.book, quantity, item), **values)
        return sale.order_line.cloudprinter_item_id

    def produce(self, productions, quantity=None, backorder=False):
        """Have the operator produce all, or `quantity`, with or without a backorder for the rest."""
        for production in productions.with_user(self.operator):
            if quantity is None:
                self._answer(production.button_mark_done(), "action_backorder", self.operator)
                continue
            form = Form(production)
            form.qty_producing = quantity
            production = form.save()
            answer = "action_backorder" if backorder else "action_close_mo"
            self._answer(production.button_mark_done(), answer, self.operator)
        self.env.cr.flush()

    def pack(self, picking):
        """Have the packer press *Put in Pack*."""
        action = picking.with_user(self.packer).action_put_in_pack()
        self._answer(action, "action_put_in_pack", self.packer)
        self.env.cr.flush()

    def deliver(self, picking, quantity=None, backorder=True, tracking="1A2B3C4D5E6F"):
        """Have the packer validate a transfer, all of it or `quantity` of each move."""
        picking = picking.with_user(self.packer)
        picking.action_assign()
        if quantity is not None:
            picking.move_ids.quantity = quantity
            picking.move_ids.picked = True
        if tracking:
            picking.carrier_tracking_ref = tracking
        answer = "process" if backorder else "process_cancel_backorder"
        self._answer(picking.button_validate(), answer, self.packer)
        self.env.cr.flush()

    def _answer(self, action, method, user):
        """Press a button of the dialog that Odoo opens, if any."""
        if isinstance(action, dict) and action.get("target") == "new":
            getattr(Form.from_action(self.env(user=user), action).save(), method)()

    def given_stranger(self, groups):
        """Return a user with these groups who belongs to another company only."""
        company = self.env["res.company"].create({"name": "Other Shop"})
        user = new_test_user(
            self.env,
            login="cp_stranger",
            groups=f"base.group_user,{groups}",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )
        self.env.invalidate_all()
        return user

    def send(self):
        """Run the scheduled actions that send and that write the chatter."""
        self.env.cr.flush()
        # browser tests are always in this mode
        mode = nullcontext() if isinstance(self, HttpCase) else self.enter_registry_test_mode()
        with mode:
            self.env.ref("cloudprinter.ir_cron_send").method_direct_trigger()
            self.env.ref("cloudprinter.ir_cron_tell").method_direct_trigger()
        # the actions have environments of their own
        self.env.invalidate_all()

    def check_daily(self):
        """Run the daily check."""
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            self.env.ref("cloudprinter.ir_cron_check_open_items").method_direct_trigger()
        self.env.invalidate_all()

    @contextmanager
    def later(self, **delta):
        """Continue after the given time, for example `minutes=2`."""
        with freeze_time(fields.Datetime.now() + timedelta(**delta)):
            yield

    # === assertions === #

    def get_outbox(self, items, **domain):
        """Return the live signals of items, oldest first."""
        self.env.cr.flush()
        return self.env["cloudprinter.signal"].search(
            [("item_id", "in", items.ids), ("failure_type", "!=", "withdrawn")]
            + [(name, "=", value) for name, value in domain.items()],
            order="id",
        )

    def assert_outbox(self, items, expected, message=None):
        """Assert that the outbox holds the `expected` signal types, in the order in which they are sent."""
        self.assertEqual(self.get_outbox(items).mapped("type"), expected, message)

    def assert_received(self, items, expected):
        """Assert that the server has accepted the `expected` signals for one item, in order."""
        types = [
            signal["type"]
            for signal in self.server.accepted
            if signal["item"] == items.name and signal["order"] == items.order_id.name
        ]
        self.assertEqual(types, expected)


class DeliveryCase(CloudprinterCase):
    """Given: orders to report, and time that advances only when the test says so."""

    def setUp(self):
        super().setUp()
        self.enterContext(mute_logger(LEDGER_LOG))
        # until the key has been answered once, signals are posted one at a time
        self.env["cloudprinter.circuit"].search([]).unlink()
        # after everything that the test creates
        self.moment = fields.Datetime.now() + timedelta(minutes=5)

    def accept(self, *names):
        """Accept orders of one item each, so that ItemRegistered is due; return the items."""
        items = self.env["cloudprinter.item"]
        for name in names:
            order = self.env["cloudprinter.order"].create({"name": name, "accepted_date": "2026-01-01"})
            items += items.create({"name": f"{name}-1", "order_id": order.id})
        self.env.cr.flush()
        return items

    def wait(self, **delta):
        """Let time pass, for example `minutes=2`."""
        self.moment += timedelta(**delta)

    def send(self):
        with freeze_time(self.moment):
            return super().send()

    def get_posted(self):
        """Return the order ids of the posts since the last call."""
        bodies = [request["body"] for request in self.server.requests]
        self.server.requests.clear()
        return [body["items"][0]["order"] if "items" in body else body["order"] for body in bodies]

    def break_down(self, *names, **failure):
        """Post these orders, at most five, to an endpoint that fails, and leave it failing."""
        self.server.misbehave(**(failure or {"status": 500}))
        items = self.accept(*names)
        self.send()
        self.assertCountEqual(self.get_posted(), names)
        return items
