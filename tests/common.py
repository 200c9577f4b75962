"""A small print shop with its own data, and a stand-in CloudSignal server on loopback."""

import hashlib
import io
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import openpyxl
from freezegun import freeze_time
from hypothesis import settings

from odoo import Command, fields
from odoo.tests import Form, TransactionCase, new_test_user
from odoo.tools import config, mute_logger

from odoo.addons.cloudprinter.dev.cloudsignal_server import CloudSignalServer

# a busy machine must not fail a generated case
settings.register_profile("cloudprinter", deadline=None)
settings.load_profile("cloudprinter")

KEY = "13b37bb1ed6d3403e158abe719b4f6d0"
ORDER = "123456780000"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 40
MD5 = hashlib.md5(PDF).hexdigest()

LEDGER_LOG = "odoo.addons.cloudprinter.models.cloudprinter_ledger"

ALL_BUT_PACKED = ["ItemRegistered", "ItemProduce", "ItemProduced", "ItemShipped"]


def make_workbook(*sheets):
    """Return an XLSX file.

    :param sheets: of each, a list of rows
    :rtype: bytes
    """
    book, stream = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(stream)
    return stream.getvalue()


class SignalCase(TransactionCase):
    """Given: users, and a company with a key that was accepted before."""

    @contextmanager
    def printing(self):
        """Let wkhtmltopdf read styles and pictures from this Odoo."""
        self.env["ir.config_parameter"].sudo().set_param("report.url", f"http://127.0.0.1:{config['http_port']}")
        # Debian's wkhtmltopdf warns of each switch that it lacks
        with self.allow_pdf_render(), mute_logger("odoo.addons.base.models.ir_actions_report"):
            yield

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

    # === given === #

    @classmethod
    def accept(cls, *names):
        """Accept orders of one item each, so that ItemRegistered is queued; return the items."""
        items = cls.env["cloudprinter.item"]
        for name in names:
            items += cls.accept_order(name, f"{name}-1")
        return items

    @classmethod
    def accept_order(cls, name, *items):
        """Accept an order with items of these names, so that ItemRegistered is queued; return the items."""
        order = cls.env["cloudprinter.order"].create({"name": name, "accepted_date": "2026-01-01"})
        items = cls.env["cloudprinter.item"].create([{"name": item, "order_id": order.id} for item in items])
        cls.env.cr.flush()
        return items

    @classmethod
    def queue_signals(cls, items, *types):
        """Queue signals of these types, all of the first item before those of the next; return them."""
        return cls.env["cloudprinter.signal"]._insert(
            [{"item_id": i.id, "type": kind} for i in items for kind in types]
        )

    def given_other_shop(self):
        """Return another company, whose signals go to the same server."""
        return self.env["res.company"].create(
            {
                "name": "Other Shop",
                "cloudprinter_signal_api_key": self.company.cloudprinter_signal_api_key,
                "cloudprinter_signal_url": self.server.url,
                "cloudprinter_hold": False,
            }
        )

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

    # === actions, also for `setUpClass` === #

    @classmethod
    @contextmanager
    def sharing_cursor(cls):
        """Have scheduled actions, which open cursors of their own, see what the test has done."""
        cls.env.cr.flush()
        with ExitStack() as stack:
            # browser tests are always in this mode
            if not cls._registry_patched:
                for patcher in cls._registry_test_mode_patches(cr=cls.cr, registry=cls.registry):
                    stack.enter_context(patcher)
            yield
        # the actions have environments of their own
        cls.env.invalidate_all()

    @classmethod
    def send(cls):
        """Run the scheduled actions that send and that write the chatter."""
        with cls.sharing_cursor():
            cls.env.ref("cloudprinter.ir_cron_send").method_direct_trigger()
            cls.env.ref("cloudprinter.ir_cron_log").method_direct_trigger()

    @classmethod
    def check_daily(cls):
        """Run the daily check."""
        with cls.sharing_cursor():
            cls.env.ref("cloudprinter.ir_cron_check_open_items").method_direct_trigger()

    @contextmanager
    def later(self, **delta):
        """Continue after the given time, for example `minutes=2`."""
        with freeze_time(fields.Datetime.now() + timedelta(**delta)):
            yield

    # === assertions === #

    @classmethod
    def get_outbox(cls, items, **domain):
        """Return the live signals of items, oldest first."""
        cls.env.cr.flush()
        return cls.env["cloudprinter.signal"].search(
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


class CloudprinterCase(SignalCase):
    """Given: a shop that makes books to order and delivers, each in one step."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
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
        cls.put_on_stock(cls.paper, 100000)
        cls.press = cls.env["mrp.workcenter"].create({"name": "Press"})
        cls.bindery = cls.env["mrp.workcenter"].create({"name": "Bindery"})
        cls.book = cls._create_product("Book")
        cls.poster = cls._create_product("Poster", operations=[("Print", cls.press), ("Cut", cls.bindery)])

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

    @classmethod
    def put_on_stock(cls, product, quantity=1000, **values):
        cls.env["stock.quant"]._update_available_quantity(product, cls.warehouse.lot_stock_id, quantity, **values)

    @classmethod
    def keep_in_stock(cls, products):
        """Have products delivered from stock, for tests in which their production does not matter."""
        products.route_ids = False
        for product in products:
            cls.put_on_stock(product)

    @classmethod
    def make_to_order(cls, products):
        products.route_ids = cls.mto | cls.manufacture

    @classmethod
    def sell(cls, *lines, order=ORDER, confirm=True, **values):
        """Create a Cloudprinter sales order, entered by the salesman.

        :param lines: of (product, quantity, item id), the item id may be None
        """
        sale = (
            cls.env["sale.order"]
            .with_user(cls.salesman)
            .create(
                {
                    "partner_id": cls.customer.id,
                    "carrier_id": cls.carrier.id,
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
        cls.env.cr.flush()
        return sale.with_user(cls.env.user)

    @classmethod
    def sell_one(cls, product=None, quantity=5, item="123456780001", **values):
        """Sell one item and return it."""
        sale = cls.sell((product or cls.book, quantity, item), **values)
        return sale.order_line.cloudprinter_item_id

    @classmethod
    def produce(cls, productions, quantity=None, backorder=False):
        """Have the operator produce all, or `quantity`, with or without a backorder for the rest."""
        for production in productions.with_user(cls.operator):
            if quantity is None:
                cls._answer(production.button_mark_done(), "action_backorder", cls.operator)
                continue
            form = Form(production)
            form.qty_producing = quantity
            production = form.save()
            answer = "action_backorder" if backorder else "action_close_mo"
            cls._answer(production.button_mark_done(), answer, cls.operator)
        cls.env.cr.flush()

    @classmethod
    def pack(cls, picking):
        """Have the packer press *Put in Pack*."""
        action = picking.with_user(cls.packer).action_put_in_pack()
        cls._answer(action, "action_put_in_pack", cls.packer)
        cls.env.cr.flush()

    def take_back(self, picking, quantity, exchange=False):
        """Return goods as the packer, receive them and, for an exchange, send new ones."""
        wizard = self.env["stock.return.picking"].with_user(self.packer).create({"picking_id": picking.id})
        wizard.product_return_moves.quantity = quantity
        action = wizard.action_create_exchanges() if exchange else wizard.action_create_returns()
        returned = self.env["stock.picking"].browse(action["res_id"])
        self.deliver(returned, tracking=False)
        self.assertEqual(returned.state, "done")
        return returned

    @classmethod
    def deliver(cls, picking, quantity=None, backorder=True, tracking="1A2B3C4D5E6F"):
        """Have the packer validate a transfer, all of it or `quantity` of each move."""
        picking = picking.with_user(cls.packer)
        picking.action_assign()
        if quantity is not None:
            picking.move_ids.quantity = quantity
            picking.move_ids.picked = True
        if tracking:
            picking.carrier_tracking_ref = tracking
        answer = "process" if backorder else "process_cancel_backorder"
        cls._answer(picking.button_validate(), answer, cls.packer)
        cls.env.cr.flush()

    @classmethod
    def _answer(cls, action, method, user):
        """Press a button of the dialog that Odoo opens, if any."""
        if isinstance(action, dict) and action.get("target") == "new":
            getattr(Form.from_action(cls.env(user=user), action).save(), method)()


class DeliveryCase(SignalCase):
    """Given: orders to report, and time that advances only when the test says so."""

    def setUp(self):
        super().setUp()
        self.enterContext(mute_logger(LEDGER_LOG))
        # until the key has been answered once, signals are posted one at a time
        self.env["cloudprinter.circuit"].search([]).unlink()
        # after everything that the test creates
        self.moment = fields.Datetime.now() + timedelta(minutes=5)

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
