"""Browser tours of users. Without a browser Odoo skips them silently; `make test` ensures that they run."""

from freezegun import freeze_time

from odoo.tests import HttpCase, new_test_user, tagged

from .common import CloudprinterCase
from .test_intake import IntakeCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestBrowser(CloudprinterCase, HttpCase):
    def test_salesperson_links_an_order(self):
        sale = self.sell((self.book, 5, None), order=False)
        self.assertFalse(sale.order_line.cloudprinter_item_id)
        self.start_tour(f"/odoo/sales/{sale.id}", "cloudprinter_link_sale_order", login=self.salesman.login)
        item = sale.order_line.cloudprinter_item_id
        self.assertEqual((item.order_id.name, item.name), ("123456780000", "123456780001"))
        self.assertEqual(item.production_ids, sale.mrp_production_ids)
        self.assert_outbox(item, ["ItemRegistered"])

    def test_manager_sends_again(self):
        item = self.sell_one()
        self.server.misbehave(times=1, status=400)
        self.send()
        self.start_tour(
            "/odoo/action-cloudprinter.cloudprinter_item_action", "cloudprinter_send_again", login=self.manager.login
        )
        self.assertEqual(self.get_outbox(item).state, "outgoing")

    def test_operator_reports_a_delay(self):
        item = self.sell_one(self.poster)
        item.order_id.shipping_date = "2026-12-24 10:00:00"
        action = "mrp.mrp_production_action"
        self.start_tour(
            f"/odoo/action-{action}/{item.production_ids.id}", "cloudprinter_operator", login=self.operator.login
        )
        delay = self.get_outbox(item, type="ItemDelay")
        self.assertEqual((delay.cause, delay.user_id), ("Machine breakdown", self.operator))

    def test_manager_cancels_one_item(self):
        sale = self.sell((self.book, 5, "123456780001"), (self.poster, 2, "123456780002"))
        # canceling a sales order requires access to it
        self.manager.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.start_tour(f"/odoo/sales/{sale.id}", "cloudprinter_cancel_one", login=self.manager.login)
        self.assertEqual(sale.cloudprinter_item_ids.sorted("name").mapped("stage"), ["canceled", "registered"])

    def test_manager_settles_what_needs_attention(self):
        sale = self.sell((self.book, 5, "123456780001"), (self.poster, 2, "123456780002"))
        refused, shipped = sale.cloudprinter_item_ids.sorted("name")
        # the bundle, then its first signal
        self.server.misbehave(times=2, status=400)
        self.send()
        self.produce(shipped.production_ids)
        shipped.move_ids.picking_id.action_assign()
        self.deliver(shipped.move_ids.picking_id, tracking=False)
        self.start_tour(
            "/odoo/action-cloudprinter.cloudprinter_item_action", "cloudprinter_next_steps", login=self.manager.login
        )
        self.assertEqual(self.get_outbox(refused, type="ItemRegistered").state, "outgoing")
        self.assertEqual(shipped.signal_ids.filtered("discard_reason").discard_reason, "Agreed on the phone")

    def test_administrator_releases(self):
        self.company.cloudprinter_hold = True
        item = self.sell_one()
        self.start_tour("/odoo/action-cloudprinter.res_config_settings_action", "cloudprinter_settings", login="admin")
        self.assertFalse(self.company.cloudprinter_hold)
        self.assertEqual(self.server.signals(), [("ItemRegistered", "T1", "T2")], "the test order alone")
        self.send()
        self.assert_received(item, ["ItemRegistered"])

    def test_accountant_proves_it(self):
        """The accountant prints the proof, two clicks from the Invoicing menu."""
        self.company.resource_calendar_id.tz = "UTC"
        self.env["res.lang"]._lang_get("en_US").write({"date_format": "%m/%d/%Y", "time_format": "%H:%M:%S"})
        auditor = new_test_user(
            self.env, login="cp_auditor", groups="base.group_user,account.group_account_readonly", tz="UTC"
        )
        item = self.sell_one()
        with freeze_time("2027-11-23 15:00:00"):
            self.produce(item.production_ids)
            self.deliver(item.sale_line_id.order_id.picking_ids)
        with freeze_time("2027-11-23 15:02:11"):
            self.send()
        self.start_tour("/odoo/action-account.action_account_moves_all", "cloudprinter_proof", login=auditor.login)
        self.authenticate(auditor.login, auditor.login)
        paper = self.url_open(f"/report/html/cloudprinter.report_item_history/{item.id}")
        self.assertIn("Accepted by", paper.text)
        self.assertIn("11/23/2027 15:02:11 UTC", paper.text)

    def ship_from_stock(self, *orders):
        """Ship deliveries that wait for their tracking code; return the items."""
        self.keep_in_stock(self.book)
        items = self.env["cloudprinter.item"]
        for order in orders:
            items += self.sell_one(order=order)
            self.deliver(items[-1].sale_line_id.order_id.picking_ids, tracking=None)
        return items

    def test_packer_types_and_scans(self):
        items = self.ship_from_stock("o1", "o2")
        url = "/odoo/action-cloudprinter.stock_picking_action_tracking"
        self.start_tour(url, "cloudprinter_packer", login=self.packer.login)
        shipped = self.get_outbox(items, type="ItemShipped")
        self.assertEqual(shipped.mapped("tracking"), ["TYPED1", "SCANNED2"])
        self.assertEqual(shipped.mapped("state"), ["outgoing"] * 2)
        self.send()
        codes = [signal["tracking"] for signal in self.server.accepted if signal["type"] == "ItemShipped"]
        self.assertCountEqual(codes, ["TYPED1", "SCANNED2"])

    def test_packer_imports_codes(self):
        items = self.ship_from_stock("o1")
        url = "/odoo/action-cloudprinter.stock_picking_action_tracking"
        self.start_tour(url, "cloudprinter_import_tracking", login=self.packer.login)
        self.assertEqual(self.get_outbox(items, type="ItemShipped").tracking, "CODE1")

    def test_operator_scans(self):
        sale = self.sell((self.poster, 5, "123456780001"), (self.poster, 2, "123456780002"))
        first = sale.cloudprinter_item_ids.sorted("name")[0]
        # for work orders that take less than a second, Odoo reads analytic lines
        self.operator.group_ids += self.env.ref("analytic.group_analytic_accounting")
        self.start_tour(
            "/odoo/action-mrp.mrp_production_action", "cloudprinter_scan_operator", login=self.operator.login
        )
        self.assertEqual(first.stage, "produced")
        self.assert_outbox(first, ["ItemRegistered", "ItemProduce", "ItemProduced"])

    def test_packer_scans_and_ships(self):
        self.keep_in_stock(self.book | self.poster)
        picking = self.sell((self.book, 1, "123456780001"), (self.poster, 2, "123456780002")).picking_ids
        other = self.sell((self.book, 1, "999900000001"), order="999900000000").picking_ids
        url = "/odoo/action-cloudprinter.stock_picking_action_tracking"
        self.start_tour(url, "cloudprinter_scan_packer", login=self.packer.login)
        self.assertEqual((picking.state, picking.carrier_tracking_ref), ("done", "00340434"))
        self.assertEqual(other.state, "assigned")

    def test_manager_links_an_order_in_progress(self):
        self.manager.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        sale = self.sell((self.book, 5, None), order=False, client_order_ref="123456780000")
        self.start_tour(f"/odoo/sales/{sale.id}", "cloudprinter_link_in_progress", login=self.manager.login)
        item = sale.order_line.cloudprinter_item_id
        self.assertEqual(self.get_outbox(item).mapped("origin"), ["before"])

    def test_administrator_releases_what_was_held(self):
        self.company.cloudprinter_hold = True
        item = self.sell_one()
        self.start_tour("/odoo/action-cloudprinter.res_config_settings_action", "cloudprinter_release", login="admin")
        self.assertFalse(self.company.cloudprinter_hold)
        self.assertEqual(self.get_outbox(item).state, "outgoing")


@tagged("post_install", "-at_install", "cloudprinter")
class TestIncomingBrowser(IntakeCase, HttpCase):
    LIST = "/odoo/action-cloudprinter.cloudprinter_order_document_action"

    def wait_for_a_product(self):
        """Create an incoming order that waits for a product to be mapped."""
        document = self.receive(items__2__product="calendar_a3")
        document._import()
        self.assertEqual(document.state, "waiting")
        return document

    def test_manager_maps_a_product(self):
        self._create_product("Wall Calendar")
        document = self.wait_for_a_product()
        # opening the sales order requires access to it
        self.manager.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.start_tour(self.LIST, "cloudprinter_map_product", login=self.manager.login)
        self.assertEqual((document.state, document.sale_order_id.state), ("done", "sale"))

    def test_manager_imports_files(self):
        self.start_tour(self.LIST, "cloudprinter_import_orders", login=self.manager.login)
        document = self.env["cloudprinter.order.document"].search([])
        self.assertEqual((document.name, document.state, document.user_id), ("o1", "done", self.manager))
        self.assertFalse(self.env["ir.attachment"].search([("res_model", "=", "cloudprinter.order.import")]))

    def test_manager_rejects(self):
        document = self.wait_for_a_product()
        self.start_tour(self.LIST, "cloudprinter_reject", login=self.manager.login)
        self.assertEqual(document.state, "rejected")
        signals = self.get_outbox(document.order_id.item_ids)
        self.assertEqual(set(signals.mapped("type")), {"ItemCanceled"})
        self.assertEqual(
            {(signal.cause, signal.message) for signal in signals},
            {("CancelPageCount", "The book has 44 pages, its file has 40")},
        )

    def test_administrator_lets_orders_come_in(self):
        self.company.write(
            {
                "cloudprinter_order_api_key": False,
                "cloudprinter_partner_id": False,
                "cloudprinter_confirm_orders": False,
            }
        )
        self.start_tour(
            "/odoo/action-cloudprinter.res_config_settings_action", "cloudprinter_incoming_settings", login="admin"
        )
        self.assertEqual(self.company.cloudprinter_order_api_key, "00112233445566778899aabbccddeeff")
        self.assertEqual(self.company.cloudprinter_partner_id, self.customer)
        self.assertTrue(self.company.cloudprinter_confirm_orders)
