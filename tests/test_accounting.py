"""Screens of accountants: the ledger, its printout, the orders to reconcile and the invoices."""

from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from lxml import etree, html

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools.safe_eval import safe_eval

from .common import KEY, CloudprinterCase

LEDGER = "cloudprinter.cloudprinter_ledger_action"
ORDERS = "cloudprinter.cloudprinter_order_reconcile_action"


class AccountingCase(CloudprinterCase):
    """Given: two kinds of accountants without other rights, a chart of accounts, and a book for 10."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.company.chart_template:
            cls.env["account.chart.template"].try_loading("generic_coa", cls.company, install_demo=False)
        cls.auditor = new_test_user(
            cls.env, login="cp_auditor", groups="base.group_user,account.group_account_readonly", tz="Europe/Copenhagen"
        )
        cls.accountants = (cls.accountant, cls.auditor)
        (cls.book | cls.poster).write({"list_price": 10, "taxes_id": False})
        cls.keep_in_stock(cls.book)

    @classmethod
    def sell(cls, *lines, recipient=None, **values):
        """Sell to a recipient of its own, as Cloudprinter's orders do."""
        recipient = cls.env["res.partner"].create({"name": "Recipient", "street": "Home 1", "phone": "+4512345678"})
        return super().sell(*lines, partner_shipping_id=recipient.id, **values)

    @classmethod
    def ship(cls, item):
        cls.produce(item.production_ids)
        cls.deliver(item.sale_line_id.order_id.picking_ids.filtered(lambda p: p.state != "done"))

    @classmethod
    def invoice(cls, sales, post=True):
        """Have the accountant press *Create Invoices* in the list of sales orders."""
        moves = sales.with_user(cls.accountant)._create_invoices()
        if post:
            moves.action_post()
        return moves.with_user(cls.env.user)

    def find(self, filter_name, user=None):
        """Return the orders found by a filter of the screen."""
        orders = self.env["cloudprinter.order"].with_user(user or self.accountant)
        arch = etree.fromstring(
            orders.get_view(self.env.ref("cloudprinter.cloudprinter_order_view_search_reconcile").id, "search")["arch"]
        )
        return orders.search(safe_eval(arch.find(f".//filter[@name='{filter_name}']").get("domain")))

    def render(self, records, user=None):
        """Return the text of each printed page of the records."""
        report = self.env.ref(f"cloudprinter.action_report_{records._name.split('.')[1]}_history")
        self.assertEqual(report.binding_model_id.model, records._name, "in the Print menu")
        user = user or self.auditor
        content, kind = report.with_user(user)._render_qweb_html(report.report_name, records.ids)
        self.assertEqual(kind, "html")
        self.pages = html.fromstring(content).xpath("//div[hasclass('page')]")
        return [" ".join(page.text_content().split()) for page in self.pages]


@tagged("post_install", "-at_install", "cloudprinter")
class TestAccess(AccountingCase):
    """Accountants without rights on production, stock and sales meet no access error in any form with data."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["res.company"].create(
            {"name": "Other Shop", "cloudprinter_signal_api_key": KEY, "cloudprinter_signal_url": cls.server.url}
        )
        cls.item = cls.sell_one(product=cls.poster)
        cls.ship(cls.item)
        cls.send()
        cls.sale = cls.item.sale_line_id.order_id
        cls.move = cls.invoice(cls.sale)
        cls.env.invalidate_all()

    def get_menus(self, user):
        menus = self.env["ir.ui.menu"].with_user(user).load_menus(False)
        ours = {
            menu["xmlid"].removeprefix("cloudprinter."): menu["name"]
            for menu in menus.values()
            if menu.get("xmlid", "").startswith("cloudprinter.")
        }
        return ours

    def test_menus(self):
        """Each kind of accountant finds the ledger in the expected menu, exactly once."""
        logs, reports = "ledger_menu", "ledger_report_menu"
        both_have = {"order_reconcile_menu", "closing_menu", "closing_list_menu", "statement_menu"}
        chain = {"ledger_entry_menu", "ledger_check_menu"}
        both = new_test_user(self.env, login="cp_both", groups="account.group_account_user")
        for user, expected in (
            (self.accountant, {reports} | both_have),
            (self.auditor, {logs, *chain} | both_have),
            (both, {logs, *chain} | both_have),
            (self.salesman, set()),
            (self.operator, set()),
            (self.packer, set()),
        ):
            menus = {f"cloudprinter_{name}" for name in expected}
            # packers and operators have their own menus
            own = {"stock_tracking_menu", "stock_scan_menu", "mrp_scan_menu"}
            self.assertEqual(set(self.get_menus(user)) - own, menus, user.login)

    def test_menus_after_one_was_deleted(self):
        self.env.ref("cloudprinter.cloudprinter_ledger_report_menu").unlink()
        self.assertIn("cloudprinter_ledger_menu", self.get_menus(self.auditor))

    def test_every_view(self):
        for user in self.accountants:
            for xmlid in (LEDGER, ORDERS):
                self.open_action(xmlid, user)

    def open_action(self, xmlid, user):
        action = self.env["ir.actions.act_window"].with_user(user)._for_xml_id(xmlid)
        model = self.env[action["res_model"]].with_user(user)
        views = [view for view in action["views"] if view[1] != "form"] + [(action["search_view_id"], "search")]
        views = [(view_id[0] if isinstance(view_id, (tuple, list)) else view_id, kind) for view_id, kind in views]
        descriptions = model.fields_get()
        for kind, view in model.get_views(views)["views"].items():
            arch = etree.fromstring(view["arch"])
            names = [node.get("name") for node in arch.iter("field")]
            if kind == "list":
                spec = {
                    name: {"fields": {"display_name": {}}} if "relation" in descriptions[name] else {} for name in names
                }
                self.assertTrue(model.web_search_read([], spec)["records"])
                self.assertEqual(arch.get("create"), "0")
                for name in names:
                    if descriptions[name].get("sortable"):
                        model.search([], order=name)
            elif kind in ("pivot", "graph"):
                groups = [
                    f"{name}:month" if descriptions[name]["type"] in ("date", "datetime") else name
                    for name in names
                    if descriptions[name].get("groupable")
                ]
                sums = [
                    f"{name}:{descriptions[name]['aggregator']}"
                    for name in names
                    if descriptions[name].get("aggregator")
                ]
                self.assertTrue(model.formatted_read_group([], groups, sums))
            else:
                for node in arch.iter("filter"):
                    with self.subTest(user=user.login, filter=node.get("name")):
                        model.search(safe_eval(node.get("domain") or "[]"))
                        group = safe_eval(node.get("context") or "{}").get("group_by")
                        if group:
                            model.formatted_read_group([], [group], ["__count"])
                        if node.get("date"):
                            model.search(
                                [(node.get("date"), ">=", "2026-01-01"), (node.get("date"), "<", "2100-01-01")]
                            )
                            model.formatted_read_group([], [f"{node.get('date')}:quarter"], ["__count"])

    def test_every_form(self):
        for user in self.accountants:
            for record in (
                self.item,
                self.item.order_id,
                self.item.signal_ids[0],
                self.item.signal_ids.request_ids[0],
                self.move,
            ):
                with self.subTest(user=user.login, model=record._name):
                    self.env.invalidate_all()
                    form = Form(record.with_user(user))
                    self.assertTrue(form._record)

    def test_accountants_decide_nothing(self):
        for user in self.accountants:
            with self.assertRaises(AccessError):
                self.item.signal_ids.with_user(user).action_discard()
            with self.assertRaises(AccessError):
                self.item.order_id.with_user(user).write({"is_test": True})

    def test_amounts_are_for_accountants(self):
        for user in (self.packer, self.operator, self.salesman):
            order = self.item.order_id.with_user(user)
            with self.assertRaises(AccessError):
                order.read(["amount_invoiced"])
            with self.assertRaises(AccessError):
                order.search([("amount_difference", ">", 0)])

    def test_other_company(self):
        """An accountant of another company sees none of this."""
        order = self.env["cloudprinter.order"].create({"name": "9", "company_id": self.other.id})
        for group in ("account.group_account_invoice", "account.group_account_readonly"):
            stranger = new_test_user(
                self.env,
                login=f"other_{group}",
                groups=f"base.group_user,{group}",
                company_id=self.other.id,
                company_ids=[Command.set(self.other.ids)],
            )
            env = self.env(user=stranger, context={"allowed_company_ids": self.other.ids})
            self.assertEqual(env["cloudprinter.order"].search([]), order.with_env(env))
            for model in ("item", "signal", "request"):
                self.assertFalse(env[f"cloudprinter.{model}"].search([]))
            self.assertFalse(env["account.move"].search([("cloudprinter_order_ids", "ilike", "1234")]))
            for record in (self.item, self.item.order_id, self.item.signal_ids[0]):
                with self.assertRaises(AccessError):
                    record.with_env(env).read(["display_name"])
            with self.assertRaises(AccessError):
                env["ir.actions.report"]._render_qweb_html("cloudprinter.report_item_history", self.item.ids)


@tagged("post_install", "-at_install", "cloudprinter")
class TestSignalHistory(AccountingCase):
    """A printout proves that an item was reported as shipped on a day, and that this was accepted."""

    def ship_at(self, moment, **values):
        item = self.sell_one(**values)
        with freeze_time(moment):
            self.produce(item.production_ids)
            self.deliver(item.sale_line_id.order_id.picking_ids)
        with freeze_time(moment + timedelta(minutes=2, seconds=11)):
            self.send()
        return item

    def test_proof(self):
        self.company.resource_calendar_id.tz = "Europe/Copenhagen"
        self.env["res.lang"]._lang_get("en_US").write({"date_format": "%d/%m/%Y", "time_format": "%H:%M:%S"})
        moment = fields.Datetime.to_datetime("2027-11-23 15:00:00")
        item = self.ship_at(moment)
        shipped = self.get_outbox(item, type="ItemShipped")
        for user in self.accountants:
            [page] = self.render(item, user)
            for text in (
                "Cloudprinter Order 123456780000",
                "Item 123456780001",
                f"{shipped.number} ItemShipped 23/11/2027 16:00:00 CET (15:00:00 UTC)",
                f"Observed: {item.sale_line_id.order_id.picking_ids.name}, ",
                "Tracking: 1A2B3C4D5E6F (GLS)",
                "which is not Cloudprinter's address, on 23/11/2027 16:02:11 CET (15:02:11 UTC)",
                "HTTP status 200",
                "Attempts: 1",
            ):
                self.assertIn(text, page, user.login)

    def test_around_midnight(self):
        """Where the local and the UTC day differ, both days are printed."""
        self.company.resource_calendar_id.tz = "Asia/Tokyo"
        self.env["res.lang"]._lang_get("en_US").write({"date_format": "%d/%m/%Y", "time_format": "%H:%M:%S"})
        text = self.company._cloudprinter_format_on_paper(fields.Datetime.to_datetime("2026-11-30 15:30:00"))
        self.assertEqual(text, "01/12/2026 00:30:00 JST (30/11/2026 15:30:00 UTC)")

    def test_one_page_per_order(self):
        one = self.sell_one(order="1", item="11")
        two = self.sell((self.book, 1, "21"), (self.poster, 1, "22"), order="2").order_line.cloudprinter_item_id
        first, second = self.render((one | two).order_id.sorted("id"))
        self.assertIn("Item 11", first)
        self.assertIn("Item 21", second)
        self.assertIn("Item 22", second)
        [limited] = self.render(two.filtered(lambda item: item.name == "22"))
        self.assertIn("Item 22", limited)
        self.assertNotIn("Item 21", limited)
        [of_signal] = self.render(self.get_outbox(two)[:1])
        self.assertIn("Item 21", of_signal)

    def test_what_was_not_accepted(self):
        self.server.misbehave(status=400, body="unknown item")
        item = self.sell_one()
        self.send()
        [page] = self.render(item.order_id)
        self.assertIn("Failed: Refused by Cloudprinter", page)
        self.assertIn("HTTP status 400", page)
        self.assertNotIn("Accepted by Cloudprinter on", page)

    def test_nothing_reported(self):
        order = self.env["cloudprinter.order"].create({"name": "7"})
        [page] = self.render(order)
        self.assertIn("Nothing was reported.", page)

    def test_queries_do_not_grow(self):
        """With more signals of an order; each further order is checked on its own."""
        orders = self.env["cloudprinter.order"].create(
            [{"name": f"{number}", "accepted_date": "2026-01-01"} for number in range(3)]
        )
        self.env["cloudprinter.item"].create(
            [
                {"name": f"{order.name}-{n}", "order_id": order.id}
                for order, count in zip(orders, (5, 5, 50))
                for n in range(count)
            ]
        )
        self.send()
        self.render(orders[0])
        counts = []
        for some in (orders[0], orders[2], orders[:2]):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.render(some)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1] - counts[0], 5, f"for 5 and for 50 signals: {counts}")
        self.assertLessEqual(counts[2] - counts[0], 15, f"for one and for two orders: {counts}")


@tagged("post_install", "-at_install", "cloudprinter")
class TestReconciliation(AccountingCase):
    def price(self, item, amount):
        """Set what Cloudprinter says it pays for the order."""
        values = {"currency_id": self.company.currency_id.id, "amount_items": amount, "amount_total": amount}
        item.order_id.write(values)
        item.amount = amount
        return item.order_id.with_user(self.accountant)

    def test_shipped_date_is_that_of_the_ledger(self):
        item = self.sell_one()
        order = item.order_id
        self.assertFalse(order.shipped_date)
        with freeze_time("2027-03-31 12:00:00"):
            self.ship(item)
        self.env.invalidate_all()
        self.assertEqual(order.shipped_date, fields.Datetime.to_datetime("2027-03-31 12:00:00"))
        self.assertEqual(order.shipped_date, self.get_outbox(item, type="ItemShipped").event_date)
        search = order.with_user(self.auditor).search
        self.assertEqual(search([("shipped_date", ">=", "2027-03-01"), ("shipped_date", "<", "2027-04-01")]), order)
        self.assertFalse(search([("shipped_date", ">=", "2027-04-01")]))
        groups = order.with_user(self.auditor).formatted_read_group(
            [("shipped_date", "!=", False)], ["shipped_date:quarter"], ["__count"]
        )
        self.assertIn("Q1 2027", [group["shipped_date:quarter"][1] for group in groups])

    def test_shipped_when_the_last_item_is(self):
        book, poster = self.sell((self.book, 1, "1"), (self.poster, 1, "2")).order_line.cloudprinter_item_id
        picking = book.move_ids.picking_id
        self.produce(book.production_ids)
        self.deliver(picking)
        order = book.order_id
        self.env.invalidate_all()
        self.assertEqual((book.stage, bool(order.shipped_date)), ("shipped", False))
        poster.with_user(self.manager).report_cancel("CancelMiscError", "The file is wrong")
        self.env.invalidate_all()
        self.assertTrue(order.shipped_date, "canceled items are not awaited")

    def test_shipped_before_it_is_reported(self):
        item = self.sell_one()
        with freeze_time("2027-03-31 12:00:00"):
            self.ship(item)
        with freeze_time("2027-03-31 15:59:00"):
            self.assertFalse(self.find("not_reported"), "it is still queued")
        with freeze_time("2027-03-31 16:01:00"):
            self.assertEqual(self.find("not_reported"), item.order_id)

    def test_month_end(self):
        """Each of the filters finds exactly the orders that it names."""
        filters = (
            "shipped_not_invoiced",
            "invoiced_not_shipped",
            "canceled_invoiced",
            "shipped_returned",
            "amount_differs",
            "not_reported",
        )
        (self.book | self.poster).invoice_policy = "order"
        item = self.sell_one()
        order, sale = item.order_id, item.sale_line_id.order_id
        found = lambda: {name for name in filters if order in self.find(name, self.auditor)}  # noqa: E731
        self.assertEqual(found(), set())
        self.invoice(sale)
        self.assertEqual(found(), {"invoiced_not_shipped"})
        self.ship(item)
        with self.later(hours=5):
            self.assertEqual(found(), {"not_reported"})
        self.send()
        with self.later(hours=5):
            self.assertEqual(found(), set())
        self.price(item, 60)
        self.assertEqual(found(), {"amount_differs", "shipped_not_invoiced"}, "50 of 60 are invoiced")
        self.price(item, 50)
        self.assertEqual(found(), set())
        picking = sale.picking_ids
        packer = self.env["stock.return.picking"].with_user(self.packer)
        source = {"active_id": picking.id, "active_ids": picking.ids, "active_model": "stock.picking"}
        return_wizard = Form(packer.with_context(**source)).save()
        return_wizard.product_return_moves.quantity = 5
        action = return_wizard.action_create_returns()
        self.deliver(self.env["stock.picking"].browse(action["res_id"]), tracking=False)
        self.assertEqual(found(), {"shipped_returned"})

    def test_shipped_not_invoiced(self):
        item = self.sell_one()
        self.ship(item)
        self.send()
        self.assertEqual(self.find("shipped_not_invoiced"), item.order_id)
        move = self.invoice(item.sale_line_id.order_id, post=False)
        self.assertEqual(self.find("shipped_not_invoiced"), item.order_id, "a draft is no invoice")
        move.action_post()
        self.assertFalse(self.find("shipped_not_invoiced"))

    def test_canceled_but_invoiced(self):
        self.book.invoice_policy = "order"
        item = self.sell_one()
        move = self.invoice(item.sale_line_id.order_id)
        item.with_user(self.manager).report_cancel("CancelUserRequest", "The customer does not want it")
        self.assertEqual(self.find("canceled_invoiced"), item.order_id)
        self.assertFalse(self.find("invoiced_not_shipped"), "it has one next step")
        move._reverse_moves([{"invoice_date": fields.Date.today()}], cancel=True)
        self.assertFalse(self.find("canceled_invoiced"))

    def test_amounts(self):
        self.book.invoice_policy = "order"
        item = self.sell_one()
        order = self.price(item, 50)
        self.assertEqual((order.amount_ordered, order.amount_invoiced, order.amount_difference), (50, 0, 0))
        self.price(item, 45)
        self.env.invalidate_all()
        self.assertEqual(order.amount_difference, -5)
        move = self.invoice(item.sale_line_id.order_id)
        self.env.invalidate_all()
        self.assertEqual(
            (order.amount_invoiced, order.invoice_status, order.payment_state), (50, "invoiced", "not_paid")
        )
        self.assertEqual(order.invoice_ids, move.with_user(self.accountant))
        sums = order.formatted_read_group(
            [("id", "=", order.id)], [], ["amount_owed:sum", "amount_ordered:sum", "amount_difference:sum"]
        )
        self.assertEqual([sums[0][f"amount_{n}:sum"] for n in ("owed", "ordered", "difference")], [45, 50, -5])

    def test_other_currency_is_never_equal(self):
        item = self.sell_one()
        currency = self.env.ref("base.EUR") + self.env.ref("base.USD") - self.company.currency_id
        item.order_id.write({"currency_id": currency[0].id, "amount_items": 50})
        item.amount = 50
        self.assertEqual(item.order_id.with_user(self.auditor).amount_difference, 50)
        self.assertEqual(self.find("not_comparable"), item.order_id)
        self.assertEqual(self.find("amount_differs"), item.order_id)

    def test_unknown_amount_does_not_differ(self):
        """An order entered by hand has no amount from Cloudprinter."""
        self.sell_one()
        self.assertFalse(self.find("amount_differs"))

    def test_click_writes_nothing_to_the_order(self):
        item = self.sell_one()
        before = item.order_id.write_date
        with self.later(hours=1):
            self.ship(item)
            self.send()
        self.env.invalidate_all()
        self.assertEqual(item.order_id.write_date, before)

    def test_screen_costs_the_same_for_many(self):
        counts = []
        for number in range(12):
            self.price(self.sell_one(order=f"{number}", item=f"{number}"), 50)
            if number in (0, 11):
                self.env.invalidate_all()
                orders = self.env["cloudprinter.order"].with_user(self.auditor).search([])
                before = self.env.cr.sql_log_count
                orders.read(["shipped_date", "is_unreported", "amount_owed", "amount_difference", "payment_state"])
                counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])

    def test_list_runs_the_query_once(self):
        """The rows of a page and the number of all rows come from one run of the balances."""
        for name in ("1", "2"):
            self.price(self.sell_one(order=name, item=name), 45)
        balance = self.env.registry["cloudprinter.balance"]
        differs = [("amount_difference", "!=", 0)]
        for model in ("cloudprinter.order", "cloudprinter.item"):
            domain = differs if model == "cloudprinter.order" else [("amount_owed", "!=", 0)]
            with patch.object(balance, "_get_query", autospec=True, side_effect=balance._get_query) as get_query:
                page = self.env[model].with_user(self.auditor).web_search_read(domain, {"name": {}}, limit=1)
            self.assertEqual((len(page["records"]), page["length"], get_query.call_count), (1, 2, 1), model)


@tagged("post_install", "-at_install", "cloudprinter")
class TestInvoices(AccountingCase):
    def test_one_invoice_for_many_orders(self):
        self.book.invoice_policy = "order"
        sales = self.env["sale.order"]
        for number in (1, 2, 3):
            sales |= self.sell((self.book, number, f"12345678{number}"), order=f"{number}")
        self.assertEqual(len(sales.partner_shipping_id), 3)
        move = self.invoice(sales)
        self.assertEqual(len(move), 1)
        self.assertEqual(move.partner_shipping_id, self.customer)
        names = move.invoice_line_ids.mapped("name")
        self.assertTrue(names[0].endswith("\nCloudprinter 1 / 123456781"), names)
        self.assertTrue(names[2].endswith("\nCloudprinter 3 / 123456783"), names)
        for user in self.accountants:
            mine = move.with_user(user)
            self.assertEqual(mine.cloudprinter_order_count, 3)
            action = mine.action_cloudprinter_orders()
            found = self.env[action["res_model"]].with_user(user).search(action["domain"])
            self.assertEqual(found, sales.cloudprinter_order_id.with_user(user))

    def test_invoices_are_found_by_ids(self):
        self.book.invoice_policy = "order"
        sale = self.sell((self.book, 1, "987654321"), order="1234")
        self.sell((self.book, 1, "2"), order="3")
        move = self.invoice(sale)
        arch = etree.fromstring(
            move.with_user(self.auditor).get_view(self.env.ref("account.view_account_invoice_filter").id, "search")[
                "arch"
            ]
        )
        domain = arch.find(".//field[@name='cloudprinter_order_ids']").get("filter_domain")
        for user in self.accountants:
            for text, found in (("1234", move), ("4321", move), ("nothing", move.browse())):
                moves = self.env["account.move"].with_user(user).search(safe_eval(domain, {"self": text}))
                self.assertEqual(moves, found.with_user(user), text)

    def test_other_orders_are_invoiced_as_before(self):
        self.book.invoice_policy = "order"
        sale = self.sell((self.book, 1, None), order=False)
        move = self.invoice(sale)
        self.assertEqual(move.partner_shipping_id, sale.partner_shipping_id)
        self.assertNotIn("Cloudprinter", move.invoice_line_ids.name)
        self.assertEqual(move.cloudprinter_order_count, 0)

    def test_test_orders_are_not_invoiced(self):
        self.book.invoice_policy = "order"
        tested = self.sell_one(order="1", item="1").sale_line_id.order_id
        real = self.sell_one(order="2", item="2").sale_line_id.order_id
        self.assertEqual(tested.invoice_status, "to invoice")
        tested.cloudprinter_order_id.is_test = True
        self.assertEqual(tested.invoice_status, "no")
        with self.assertRaisesRegex(UserError, "Cloudprinter test orders are not invoiced"):
            self.invoice(tested)
        # also when a payment makes everything due
        tested._force_lines_to_invoice_policy_order()
        move = self.invoice(tested | real)
        self.assertEqual(move.line_ids.sale_line_ids.order_id, real)
        wizard = self.env["sale.advance.payment.inv"].create(
            {"advance_payment_method": "percentage", "amount": 50, "sale_order_ids": tested.ids}
        )
        with self.assertRaisesRegex(UserError, "Cloudprinter test orders are not invoiced"):
            wizard.create_invoices()

    def test_test_orders_count_nowhere(self):
        item = self.sell_one()
        item.order_id.write({"is_test": True, "currency_id": self.company.currency_id.id, "amount_total": 70})
        order = item.order_id.with_user(self.auditor)
        self.assertEqual((order.amount_owed, order.amount_difference), (0, 0))
        action = self.env["ir.actions.act_window"]._for_xml_id(ORDERS)
        self.assertIn("search_default_no_test", action["context"])
        self.assertNotIn(item.order_id, self.find("no_test"))
        self.assertIn(item.order_id, self.find("test"))
