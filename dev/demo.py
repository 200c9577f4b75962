"""The main flow of a shop: an order comes in, goes through Odoo's screens, and is reported to Cloudprinter.

All calls are those of a browser, by users with the rights of their role. The order is imported, and
the signals are delivered, by the scheduled actions of the running server.
"""

import json
import secrets
import time
from contextlib import ExitStack
from datetime import datetime, timedelta

from .cloudsignal_server import CloudSignalServer
from .environment import SetupError, say
from .order_pusher import push
from .processes import wait_until
from .rpc import Session

ORDER = "123456780000"
BOOK, POSTER, FLYER = "123456780001", "123456780002", "123456780003"
MILESTONES = ["ItemRegistered", "ItemProduce", "ItemProduced", "ItemPacked", "ItemShipped"]
EXPECTED = {
    BOOK: MILESTONES,
    POSTER: ["ItemRegistered", "ItemProduce", "ItemDelay", "ItemProduced", "ItemPacked", "ItemShipped"],
    FLYER: ["ItemRegistered", "ItemCanceled"],
}
ITEMS = (
    (BOOK, "photobook_a4", 20, "Photo book"),
    (POSTER, "poster_50x70", 100, "Posters"),
    (FLYER, "flyer_a6", 500, "Flyers"),
)


def make_document(key):
    """Return the order as Cloudprinter sends it: JSON v2.2."""
    shipping_date = (datetime.now() + timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S")
    order = {
        "apikey": key,
        "id": ORDER,
        "priority": "2",
        "shipping_date": shipping_date,
        "creator": {"id": 1, "name": "Cloudprinter.com", "version": "2.2"},
        "client": {"id": 1, "name": "The Book Company", "reference": "B-2041"},
        "costs": {"currency": "USD", "items": "640.0000", "shipping": "9.5000", "vat": "0.0000", "total": "649.5000"},
        "shipping": {"method": "gls_parcel", "consignor": "The Book Company"},
        "addresses": [
            {
                "type": "delivery",
                "name": "Rita Reader",
                "street1": "Lange Gasse 1",
                "zip": "1080",
                "city": "Vienna",
                "country": "AT",
                "email": "rita@example.com",
            }
        ],
        "items": [
            {
                "id": item,
                "count": str(count),
                "product": product,
                "title": title,
                "files": [{"type": "product", "format": "pdf", "url": f"https://files.example.com/{item}.pdf"}],
            }
            for item, product, count, title in ITEMS
        ],
    }
    return json.dumps({"order": order}).encode()


class Shop:
    """The print shop: users, products and their work."""

    def __init__(self, address, database, signal_url, key):
        self.address, self.database = address, database
        self.password = secrets.token_urlsafe(9)
        self.admin = admin = Session(address, database, "admin", "admin")
        self._write_settings(signal_url, key)
        self.sales = self._hire("sam", "Sam Sales", "sales_team.group_sale_salesman")
        # Odoo's mrp_account reads journal entries with the rights of the user who makes a backorder
        self.operator = self._hire("olga", "Olga Operator", "mrp.group_mrp_user", "account.group_account_readonly")
        self.packer = self._hire("paul", "Paul Packer", "stock.group_stock_user", "stock.group_tracking_lot")
        self.manager = self._hire("mia", "Mia Manager", "mrp.group_mrp_manager", "stock.group_stock_user")
        self.customer = admin.create("res.partner", {"name": "Cloudprinter.com", "is_company": True})
        [warehouse] = admin.search("stock.warehouse", [], "lot_stock_id", "manufacture_pull_id", limit=1)
        mto = self._ref("stock.route_warehouse0_mto")
        admin.call("stock.route", "write", [mto], {"active": True})
        [pull] = admin.read("stock.rule", [warehouse["manufacture_pull_id"][0]], "route_id")
        self.routes = [mto, pull["route_id"][0]]
        self.paper = admin.create("product.product", {"name": "Paper", "is_storable": True})
        quant = {"product_id": self.paper, "location_id": warehouse["lot_stock_id"][0], "inventory_quantity": 10000}
        admin.call("stock.quant", "action_apply_inventory", [admin.create("stock.quant", quant)])
        press = admin.create("mrp.workcenter", {"name": "Press"})
        bindery = admin.create("mrp.workcenter", {"name": "Bindery"})
        self.book = self._add_product("Photo Book A4", [("Print", press), ("Bind", bindery)])
        self.poster = self._add_product("Poster 50×70", [])
        self.flyer = self._add_product("Flyer A6", [])
        freight = admin.create("product.product", {"name": "Freight", "type": "service"})
        self.carrier = admin.create(
            "delivery.carrier", {"name": "GLS Parcel", "product_id": freight, "cloudprinter_shipping_option": "GLS"}
        )
        self.order_key = secrets.token_hex(16)
        self._write_order_settings()

    def _ref(self, xmlid):
        module, name = xmlid.split(".")
        return self.admin.search("ir.model.data", [("module", "=", module), ("name", "=", name)], "res_id")[0]["res_id"]

    def _write_settings(self, signal_url, key):
        # the connection first: the address must belong to this machine before the key can be used
        self.admin.call("res.company", "write", [1], {"cloudprinter_signal_url": signal_url})
        self.admin.call("res.company", "write", [1], {"cloudprinter_signal_api_key": key, "cloudprinter_hold": False})

    def _write_order_settings(self):
        company = {
            "cloudprinter_order_api_key": self.order_key,
            "cloudprinter_partner_id": self.customer,
            "cloudprinter_confirm_orders": True,
        }
        self.admin.call("res.company", "write", [1], company)
        products = {BOOK: self.book, POSTER: self.poster, FLYER: self.flyer}
        for item, name, _count, _title in ITEMS:
            self.manager.create("cloudprinter.product.mapping", {"name": name, "product_id": products[item]})
        self.manager.create("cloudprinter.carrier.mapping", {"name": "gls_parcel", "carrier_id": self.carrier})

    def _hire(self, login, name, *groups):
        groups = [self._ref(group) for group in ("base.group_user", *groups)]
        values = {"login": login, "name": name, "password": self.password, "group_ids": [[6, 0, groups]]}
        self.admin.create("res.users", values)
        return Session(self.address, self.database, login, self.password)

    def _add_product(self, name, operations):
        product = self.admin.create(
            "product.product", {"name": name, "is_storable": True, "route_ids": [[6, 0, self.routes]]}
        )
        [template] = self.admin.read("product.product", [product], "product_tmpl_id")
        self.admin.create(
            "mrp.bom",
            {
                "product_tmpl_id": template["product_tmpl_id"][0],
                "bom_line_ids": [[0, 0, {"product_id": self.paper, "product_qty": 1}]],
                "operation_ids": [
                    [0, 0, {"name": label, "workcenter_id": center, "time_cycle_manual": 5}]
                    for label, center in operations
                ],
            },
        )
        return product

    # === the work === #

    def receive(self):
        """Post the order twice, as Cloudprinter does when an answer is lost; return the sales order."""
        document = make_document(self.order_key)
        for expected in ("received", "known"):
            answer = push(self.address, document)
            if answer != (200, {"status": expected}):
                raise SetupError(f"The order was not {expected}: {answer}")
        sales = []

        def is_confirmed():
            sales[:] = self.sales.search("sale.order", [("client_order_ref", "=", ORDER), ("state", "=", "sale")], "id")
            return sales

        wait_until(is_confirmed, "Importing the order", timeout=60)
        sale = sales[0]["id"]
        self._describe_order(sale)
        return sale

    def _describe_order(self, sale):
        names = ("name", "partner_id", "commitment_date", "amount_untaxed", "cloudprinter_order_id")
        [row] = self.sales.read("sale.order", [sale], *names)
        [order] = self.manager.read(
            "cloudprinter.order", [row["cloudprinter_order_id"][0]], "consignor", "amount_total"
        )
        say(
            f"    {row['name']} of {row['partner_id'][1]}, to be sent by {row['commitment_date']} in the name of"
            f" {order['consignor']};"
        )
        say(f"    Cloudprinter pays {order['amount_total']:.2f}, its lines and freight are {row['amount_untaxed']:.2f}")

    def get_productions(self, item, *states):
        domain = [("cloudprinter_item_ids.name", "=", item), ("state", "not in", ("done", "cancel"))]
        return [row["id"] for row in self.manager.search("mrp.production", domain, "name", order="id")]

    def make_book(self):
        """Start and finish two work orders in turn, then close the order."""
        [production] = self.get_productions(BOOK)
        orders = self.operator.search("mrp.workorder", [("production_id", "=", production)], "name", order="id")
        for order in orders:
            self.operator.press("mrp.workorder", [order["id"]], "button_start")
            self.operator.press("mrp.workorder", [order["id"]], "button_finish")
        self.operator.press("mrp.production", [production], "button_mark_done", "action_backorder")

    def make_posters(self):
        """Make 60 of 100 today, report a delay, and make the rest with the backorder."""
        [production] = self.get_productions(POSTER)
        [sheet] = self.operator.read("mrp.production", [production], "move_raw_ids")[0]["move_raw_ids"]
        self.operator.call(
            "mrp.production",
            "write",
            [production],
            {"qty_producing": 60, "move_raw_ids": [[1, sheet, {"quantity": 60, "picked": True}]]},
        )
        self.operator.press("mrp.production", [production], "button_mark_done", "action_backorder")
        [item] = self.operator.search("cloudprinter.item", [("name", "=", POSTER)], "name")
        self.operator.call("cloudprinter.item", "report_delay", [item["id"]], 24, "Print error, reprint needed")
        [backorder] = self.get_productions(POSTER)
        self.operator.press("mrp.production", [backorder], "button_mark_done", "action_backorder")

    def cancel_flyers(self, sale):
        """Cancel the item at Cloudprinter and in Odoo, as its file is wrong."""
        [item] = self.manager.search("cloudprinter.item", [("name", "=", FLYER)], "name")
        self.manager.call(
            "cloudprinter.item",
            "report_cancel",
            [item["id"]],
            "CancelPageCount",
            "The file has 3 pages, ordered were 2",
        )
        [line] = self.sales.search("sale.order.line", [("order_id", "=", sale), ("product_id", "=", self.flyer)], "id")
        self.sales.call("sale.order.line", "write", [line["id"]], {"product_uom_qty": 0})
        self.manager.press("mrp.production", self.get_productions(FLYER), "action_cancel")

    def ship(self, sale):
        """Pack and validate everything; type the tracking code when the parcel service has provided it."""
        [picking] = self.packer.search(
            "stock.picking", [("sale_id", "=", sale), ("state", "not in", ("done", "cancel"))], "name"
        )
        self.packer.press("stock.picking", [picking["id"]], "action_assign")
        self.packer.press("stock.picking", [picking["id"]], "action_put_in_pack", "action_put_in_pack")
        self.packer.press("stock.picking", [picking["id"]], "button_validate", "process")
        self.packer.call("stock.picking", "write", [picking["id"]], {"carrier_tracking_ref": "1A2B3C4D5E6F"})


def run_demo(server, template, port=None):
    """Run the demo; with a `port`, keep Odoo running for a browser until Ctrl-C. Return the exit code."""
    key = secrets.token_hex(16)
    with ExitStack() as stack:
        endpoint = stack.enter_context(CloudSignalServer(key))
        say("Odoo with the add-on")
        server.install("demo", template)
        address = stack.enter_context(server.serving("demo", "--max-cron-threads=1", port=port))
        shop = Shop(address, "demo", endpoint.url, key)
        steps = (
            (
                "Cloudprinter posts an order of three items, and Odoo makes a sales order of it",
                lambda: sales.append(shop.receive()),
            ),
            ("Olga prints and binds the photo books", shop.make_book),
            ("Olga makes 60 of 100 posters, reports a delay, makes the rest", shop.make_posters),
            ("Mia cancels the flyers: wrong page count", lambda: shop.cancel_flyers(sales[0])),
            ("Paul packs, ships and types the tracking code", lambda: shop.ship(sales[0])),
        )
        sales = []
        for text, step in steps:
            say(f"  {text}")
            step()
        count = sum(map(len, EXPECTED.values()))
        deadline = time.monotonic() + 60
        while len(endpoint.accepted) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        wait_until(lambda: not _queued(shop), "Writing down the answers", timeout=30)
        problems = _report(shop, endpoint)
        if port:
            say(f"\nOdoo is open at {address} (user admin, password admin; stop it with Ctrl-C).")
            say(f"Olga, Paul, Sam and Mia log in as olga, paul, sam, mia with the password {shop.password}.")
            say("Menu Cloudprinter ▸ Items and Signals; the endpoint is a stand-in on this machine.")
            while True:
                time.sleep(3600)
    return 1 if problems else 0


def _queued(shop):
    return shop.manager.call("cloudprinter.signal", "search_count", [("state", "=", "outgoing")])


def _report(shop, endpoint):
    """Print what the endpoint received and what the ledger says; return what is wrong."""
    rows = shop.manager.search(
        "cloudprinter.signal",
        [],
        "order_id", "item_id", "type", "state", "http_status", "number", "source", "origin",
    )  # fmt: skip
    ledger = {(row["item_id"][1], row["type"]): row for row in rows}
    headings = ("received", "bundle", "order", "item", "type", "happened (UTC)", "answer", "no.", "source", "origin")
    lines = [headings]
    received = {item: [] for item in EXPECTED}
    for signal in endpoint.accepted:
        received[signal["item"]].append(signal["type"])
        row = ledger.get((signal["item"], signal["type"]), {})
        lines.append(
            (
                datetime.fromtimestamp(signal["received"]).strftime("%H:%M:%S.%f")[:-3],
                str(signal["bundle"]),
                signal["order"],
                signal["item"],
                signal["type"],
                signal["datetime"].removesuffix(" GMT"),
                f"{row.get('http_status')} {row.get('state')}",
                str(row.get("number")),
                row.get("source") or "",
                row.get("origin") or "",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    say("\nWhat the endpoint received:\n")
    for line in lines:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    problems = [
        f"item {item}: expected {', '.join(expected)}; received {', '.join(received[item])}"
        for item, expected in EXPECTED.items()
        if received[item] != expected
    ]
    problems += [
        f"{row['type']} of item {row['item_id'][1]} is {row['state']} in the ledger"
        for row in rows
        if row["state"] != "sent" and (row["item_id"][1], row["type"]) in ledger
    ]
    say("")
    for problem in problems:
        say(f"WRONG: {problem}")
    if not problems:
        say(f"All {len(endpoint.accepted)} signals arrived, in order per item, in {len(endpoint.requests)} posts.")
        say("Look at it in a browser with:  make serve")
    return problems
