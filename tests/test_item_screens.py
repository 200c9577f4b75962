"""What screens show of items, and the ways from them to their documents."""

from lxml import etree

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import Form, HttpCase, tagged

from .common import CloudprinterCase
from .test_intake import IntakeCase

ITEMS = "/odoo/action-cloudprinter.cloudprinter_item_action"


@tagged("post_install", "-at_install", "cloudprinter")
class TestItemScreens(CloudprinterCase):
    def test_what_is_reported_is_said_where_it_differs(self):
        item = self.sell_one(self.poster)
        self.assertEqual(item.stage_text, "Confirmed")
        self.send()
        self.produce(item.production_ids)
        self.assertEqual(item.stage_text, "Produced, reported Confirmed")
        self.send()
        self.assertEqual(item.stage_text, "Produced")

    def test_bars_count_what_is_urgent(self):
        late, refused, fine = (self.sell_one(order=name, item=name) for name in ("late", "refused", "fine"))
        late.promised_date = fields.Datetime.subtract(fields.Datetime.now(), days=1)
        refused.promised_date = late.promised_date
        fine.promised_date = fields.Datetime.add(fields.Datetime.now(), days=1)
        self.env["cloudprinter.signal"]._insert(
            [{"item_id": refused.id, "type": "ItemDelay", "state": "error", "failure_type": "refused"}]
        )
        items = (late | refused | fine).with_user(self.manager)
        self.assertEqual(items.mapped("urgency"), ["late", "attention", False])
        mine = [("id", "in", items.ids)]
        bar = {"field": "urgency", "colors": {"attention": "danger", "late": "warning"}}
        self.assertEqual(items.read_progress_bar(mine, "stage", bar), {"registered": {"attention": 1, "late": 1}})
        self.assertEqual(items.search(mine, order="urgency, promised_date"), refused | late | fine, "as in the list")
        for value, expected in (("late", late), ("attention", refused), (False, fine)):
            self.assertEqual(items.search([*mine, ("urgency", "=", value)]), expected)

    def test_ways_to_the_documents(self):
        item = self.sell_one(self.poster).with_user(self.manager)
        self.assertEqual((item.production_count, item.picking_count), (1, 1))
        for action, document in (
            (item.action_open_sale_orders(), item.sudo().sale_line_id.order_id),
            (item.action_open_productions(), item.sudo().production_ids),
            (item.action_open_pickings(), item.sudo().move_ids.picking_id),
        ):
            self.assertEqual((action["res_model"], action["res_id"]), (document._name, document.id))

    def test_deadline_ends_with_the_shipping(self):
        self.keep_in_stock(self.book)
        item = self.sell_one()
        item.order_id.shipping_date = "2026-12-24 10:00:00"
        picking = item.move_ids.picking_id
        self.assertTrue(picking.cloudprinter_ship_by)
        self.deliver(picking)
        self.assertFalse(picking.cloudprinter_ship_by)

    def test_people_who_print_see_no_types_of_the_api(self):
        """In forms of documents and items: the words; the types in developer mode."""
        item = self.sell_one(self.poster)
        for record, user in (
            (item, self.operator),
            (item.order_id, self.operator),
            (item.production_ids, self.operator),
            (item.move_ids.picking_id, self.packer),
        ):
            arch = etree.fromstring(record.with_user(user).get_view(view_type="form")["arch"])
            signals = arch.xpath("//field[@name='signal_ids' or @name='cloudprinter_signal_ids']")
            self.assertTrue([field for each in signals for field in each.xpath(".//field[@name='label']")], record)
            types = [field for each in signals for field in each.xpath(".//field[@name='type']")]
            self.assertEqual({field.get("column_invisible") for field in types}, {"1"}, record)
        labels = self.env["cloudprinter.signal"].with_user(self.operator).browse(item.signal_ids.ids).mapped("label")
        self.assertEqual(labels, ["Confirmed"])

    def test_no_seconds_in_banners(self):
        item = self.sell_one(self.poster)
        item.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        self.send()
        self.assertNotRegex(item.production_ids.cloudprinter_attention, r":\d\d:\d\d")
        self.assertRegex(item.production_ids.cloudprinter_attention, r"\d:\d\d")

    def test_gang_run_shows_ids_and_quantities(self):
        sale = self.sell((self.poster, 240, "123456780001"), (self.poster, 60, "123456780002"))
        production = sale.mrp_production_ids[:1]
        production.cloudprinter_item_ids = [Command.set(sale.cloudprinter_item_ids.ids)]
        self.assertEqual(
            production.with_user(self.operator).cloudprinter_quantities, "123456780001: 240\n123456780002: 60"
        )
        self.assertFalse(
            self.sell_one(order="2", item="3").production_ids.cloudprinter_quantities, "one is shown by its id"
        )

    def test_a_dozen_is_twelve_wherever_it_is_counted(self):
        """Lists, cards, papers and *Scan* count pieces, whatever the unit of the sales order line is."""
        item = self.sell_one(self.poster, quantity=1)
        item.sale_line_id.product_uom_id = self.env.ref("uom.product_uom_dozen")
        self.assertEqual(item.ordered_quantity, 12)
        [code] = item._get_codes()
        self.assertEqual((item.headline, code["text"]), ("12 × Poster", "12 × Poster"))

    def test_dozens_of_an_id_that_is_typed_later(self):
        sale = self.sell((self.poster, 2, None), confirm=False)
        sale.order_line.product_uom_id = self.env.ref("uom.product_uom_dozen")
        sale.order_line.cloudprinter_item_ref = "123456780001"
        item = sale.order_line.cloudprinter_item_id
        sale.unlink()
        self.assertEqual(item.ordered_quantity, 24)

    def test_typed_order_can_be_late(self):
        sale = self.sell((self.book, 5, "123456780001"), confirm=False).with_user(self.salesman)
        with Form(sale) as form:
            form.cloudprinter_shipping_date = "2020-01-01 10:00:00"
        sale.action_confirm()
        item = sale.cloudprinter_item_ids
        self.assertEqual(str(item.promised_date), "2020-01-01 10:00:00")
        self.assertEqual(item.urgency, "late")

    def test_order_id_and_date_are_typed_together(self):
        with Form(self.env["sale.order"].with_user(self.salesman)) as form:
            form.partner_id = self.customer
            form.cloudprinter_order_ref = "o9"
            form.cloudprinter_shipping_date = "2027-01-01 10:00:00"
        order = form.record.cloudprinter_order_id.sudo()
        self.assertEqual((order.name, str(order.shipping_date)), ("o9", "2027-01-01 10:00:00"))

    def test_verdict_says_how_far_it_came(self):
        item = self.sell_one(self.poster)
        self.produce(item.production_ids)
        self.send()
        verdict = item.order_id._get_history(item.signal_ids)["verdicts"][item.id]
        self.assertRegex(verdict, r"^Produced, accepted by .* on .*\. All 3 signals were accepted\.$")


@tagged("post_install", "-at_install", "cloudprinter")
class TestReceivedOrder(IntakeCase):
    def test_date_that_cloudprinter_gave_is_not_typed(self):
        sale = self.import_orders().sale_order_id.with_user(self.salesman)
        self.assertTrue(sale.cloudprinter_is_received)
        with self.assertRaises(UserError):
            sale.cloudprinter_shipping_date = "2020-01-01 10:00:00"

    def test_reorder_leads_to_the_original(self):
        original = self.sell_one(order="1", item="1")
        item = self.sell_one(self.poster, order="2", item="2")
        item.sudo().write({"reorder_cause": "Damaged", "original_item_id": original.id})
        for document in (item.production_ids, item.production_ids.workorder_ids[0], item.move_ids.picking_id):
            self.assertEqual(document.cloudprinter_original_id, original)
            self.assertIn("Damaged", document.cloudprinter_reorder)


class ScreenCase(CloudprinterCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.item = self.sell_one(self.poster)
        self.item.order_id.shipping_date = "2020-01-01 10:00:00"


@tagged("post_install", "-at_install", "cloudprinter")
class TestScreensWide(ScreenCase):
    browser_size = "1440x900"

    def test_manager_uses_the_item(self):
        self.start_tour(f"{ITEMS}/{self.item.id}", "cloudprinter_item_form", login=self.manager.login)
        self.assertEqual(len(self.item.production_ids), 2, "reprinted")

    def test_manager_sees_the_columns(self):
        self.start_tour(ITEMS, "cloudprinter_item_cards", login=self.manager.login)


@tagged("post_install", "-at_install", "cloudprinter")
class TestScreensSmall(ScreenCase):
    browser_size = "1024x768"

    def test_manager_uses_the_item(self):
        self.start_tour(f"{ITEMS}/{self.item.id}", "cloudprinter_item_form", login=self.manager.login)

    def test_operator_starts_work_in_the_list(self):
        url = "/odoo/action-mrp.mrp_workorder_todo"
        self.start_tour(url, "cloudprinter_workorder_list", login=self.operator.login)


@tagged("post_install", "-at_install", "cloudprinter")
class TestScreensOnPhones(ScreenCase, IntakeCase):
    browser_size = "390x844"
    touch_enabled = True

    def test_cards(self):
        document = self.receive(items__2__product="calendar_a3")
        document._import()
        for action, tour, user in (
            ("cloudprinter.cloudprinter_item_action", "cloudprinter_phone_items", self.manager),
            ("cloudprinter.cloudprinter_order_action", "cloudprinter_phone_orders", self.manager),
            ("cloudprinter.cloudprinter_order_document_action", "cloudprinter_phone_incoming", self.manager),
            ("mrp.mrp_workorder_todo", "cloudprinter_phone_documents", self.operator),
            ("mrp.mrp_production_action", "cloudprinter_phone_documents", self.operator),
            ("stock.action_picking_tree_all", "cloudprinter_phone_documents", self.packer),
        ):
            with self.subTest(action):
                self.start_tour(f"/odoo/action-{action}", tour, login=user.login)
