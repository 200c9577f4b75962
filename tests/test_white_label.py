"""The recipient learns nothing of the shop: no message, and no name on documents in the parcel."""

from contextlib import ExitStack
from unittest.mock import patch

from lxml import html

from odoo.tests import tagged

from .common import CloudprinterCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestWhiteLabel(CloudprinterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"name": "Bogtryk ApS", "street": "Printer Street 1", "stock_move_email_validation": True})
        cls.recipient = cls.env["res.partner"].create(
            {"name": "Rita Reader", "street": "Home 1", "email": "rita@example.com", "phone": "+4512345678"}
        )

    def setUp(self):
        super().setUp()
        self.has_sms = "sms.sms" in self.env and "stock_sms" in self.env.registry._init_modules
        if self.has_sms:
            self.company.write({"stock_text_confirmation": True, "stock_confirmation_type": "sms"})
            self.company.has_received_warning_stock_sms = False

    def make(self, linked):
        """Return a delivery to the recipient, ready to be validated."""
        sale = self.sell(
            (self.book, 2, "123456780001" if linked else None),
            order="123456780000" if linked else False,
            partner_shipping_id=self.recipient.id,
        )
        sale.cloudprinter_order_id.consignor = "Nordic Books"
        self.produce(sale.mrp_production_ids)
        return sale.picking_ids

    def validate(self, pickings):
        """Validate as in a shop, where stock_sms is not in test mode, and return what Odoo asks for."""
        pickings = pickings.with_user(self.packer)
        pickings.action_assign()
        pickings.move_ids.picked = True
        with patch("odoo.modules.module.current_test", False), ExitStack() as stack:
            if self.has_sms:
                # nothing is sent to Odoo's text message service
                stack.enter_context(patch.object(type(self.env["sms.sms"]), "send"))
            return pickings.button_validate()

    def get_told(self, pickings):
        """Return the messages and texts that the recipient got."""
        messages = self.env["mail.message"].search(
            [("model", "=", "stock.picking"), ("res_id", "in", pickings.ids), ("partner_ids", "in", self.recipient.ids)]
        )
        messages |= self.env["mail.notification"].search([("res_partner_id", "=", self.recipient.id)]).mail_message_id
        return messages.filtered(lambda message: message.res_id in pickings.ids)

    def print_slip(self, picking):
        content, _kind = self.env["ir.actions.report"]._render_qweb_html("stock.report_deliveryslip", picking.ids)
        return " ".join(html.fromstring(content).find(".//main").text_content().split())

    def test_no_message_to_the_recipient(self):
        picking = self.make(linked=True)
        carrier = type(self.carrier)
        with patch.object(carrier, "send_shipping", autospec=True) as ship:
            ship.return_value = [{"exact_price": 1.0, "tracking_number": "1A2B3C"}]
            self.carrier.integration_level = "rate_and_ship"
            picking.picking_type_id.print_label = True
            self.assertIs(self.validate(picking), True, "no dialog about text messages")
        self.assertEqual(ship.call_count, 1, "the carrier is called all the same")
        self.assertEqual((picking.state, picking.carrier_tracking_ref), ("done", "1A2B3C"))
        self.assertFalse(self.get_told(picking))
        if self.has_sms:
            self.assertFalse(self.env["sms.sms"].search([("partner_id", "=", self.recipient.id)]))

    def test_other_deliveries_as_before(self):
        picking = self.make(linked=False)
        action = self.validate(picking)
        if self.has_sms:
            self.assertEqual(action["res_model"], "confirm.stock.sms")
            self.company.has_received_warning_stock_sms = True
            self.validate(picking)
        self.assertEqual(picking.state, "done")
        told = self.get_told(picking)
        self.assertIn("email", told.notification_ids.mapped("notification_type"))
        if self.has_sms:
            self.assertIn("sms", told.notification_ids.mapped("notification_type"))

    def test_both_at_once(self):
        linked, other = self.make(linked=True), self.make(linked=False)
        if self.has_sms:
            self.company.has_received_warning_stock_sms = True
        self.validate(linked | other)
        self.assertEqual((linked | other).mapped("state"), ["done", "done"])
        self.assertFalse(self.get_told(linked))
        self.assertTrue(self.get_told(other))

    def test_what_staff_write_goes_out(self):
        """Only messages that Odoo sends automatically are stopped."""
        picking = self.make(linked=True)
        message = picking.message_post(body="Hello", partner_ids=self.recipient.ids, subtype_xmlid="mail.mt_comment")
        self.assertIn(message, self.get_told(picking))

    def test_slip_of_a_linked_delivery(self):
        picking = self.make(linked=True)
        for state in ("assigned", "done"):
            self.assertEqual(picking.state, state)
            text = self.print_slip(picking)
            for name in ("Bogtryk", "Printer Street"):
                self.assertNotIn(name, text)
            for name in ("Nordic Books", "Rita Reader", "Home 1", "Book", picking.name):
                self.assertIn(name, text)
            if state == "assigned":
                self.deliver(picking)

    def test_slip_without_a_contact(self):
        """Odoo would print the shop's address instead."""
        picking = self.make(linked=True)
        picking.partner_id = False
        picking.move_ids.partner_id = False
        self.assertNotIn("Printer Street", self.print_slip(picking))
        other = self.make(linked=False)
        other.partner_id = False
        other.move_ids.partner_id = False
        self.assertIn("Printer Street", self.print_slip(other))

    def test_slip_of_another_delivery(self):
        picking = self.make(linked=False)
        self.company.company_details = "Bogtryk ApS, Printer Street 1"
        self.assertIn("Bogtryk ApS", self.print_slip(picking))

    def test_slips_of_both(self):
        """Both in one print, each with its own layout."""
        linked, other = self.make(linked=True), self.make(linked=False)
        self.company.company_details = "Bogtryk ApS, Printer Street 1"
        content, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "stock.report_deliveryslip", (linked | other).ids
        )
        articles = html.fromstring(content).xpath("//div[hasclass('article')]")
        self.assertEqual([int(article.get("data-oe-id")) for article in articles], (linked | other).ids)
