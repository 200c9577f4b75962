"""Canceled transfers, sales orders and manufacturing orders, and the documents that stay open beside them."""

from odoo.tests import tagged

from .common import ALL_BUT_PACKED
from .test_transfers import MADE, TransferCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestCanceled(TransferCase):
    """In Odoo a canceled document leaves others open; nothing is reported until no document is open."""

    def cancel_sale(self, item):
        item.sale_line_id.order_id.with_user(self.salesman).action_cancel()
        self.env.cr.flush()

    def cancel_production(self, item):
        item.production_ids.with_user(self.operator).action_cancel()
        self.env.cr.flush()

    def assert_waits_for_the_cause(self, item, before=("ItemRegistered",)):
        self.assert_outbox(item, [*before, "ItemCanceled"])
        self.assert_signal(self.get_outbox(item, type="ItemCanceled"), "waiting", "missing_cause")
        self.assertEqual((item.stage, item.attention), ("canceled", "missing_cause"))

    def give_cause(self, item):
        item.with_user(self.manager).report_cancel("CancelUserRequest", "Canceled by phone.")
        self.env.cr.flush()

    def test_delivery_canceled(self):
        item = self.sell_one(self.poster)
        self.cancel_sale(item)
        self.assertEqual((item.stage, item.attention), ("registered", "delivery_canceled"))
        self.assertEqual(self.env["cloudprinter.item"].search([("attention", "=", "delivery_canceled")]), item)
        self.assert_outbox(item, ["ItemRegistered"])

    def test_delivery_canceled_after_a_part_was_picked(self):
        self.warehouse.delivery_steps = "pick_ship"
        item = self.sell_one(self.poster)
        self.produce(item.production_ids, 2, backorder=True)
        self.deliver(self.get_open(item), 2)
        self.cancel_sale(item)
        self.assertEqual((item.stage, item.attention), ("in_production", "delivery_canceled"))

    def test_production_canceled(self):
        item = self.sell_one(self.poster)
        self.cancel_production(item)
        self.assertEqual((item.stage, item.attention), ("registered", "production_canceled"))
        self.assertEqual(self.env["cloudprinter.item"].search([("attention", "=", "production_canceled")]), item)
        self.assert_outbox(item, ["ItemRegistered"])

    def test_both_canceled(self):
        for first, second in (("sale", "production"), ("production", "sale")):
            with self.subTest(first=first):
                item = self.sell_one(self.poster, order=first)
                getattr(self, f"cancel_{first}")(item)
                getattr(self, f"cancel_{second}")(item)
                self.assert_waits_for_the_cause(item)
                self.send()
                self.assert_received(item, ["ItemRegistered"])
                self.give_cause(item)
                self.send()
                self.assert_received(item, ["ItemRegistered", "ItemCanceled"])
                canceled = self.server.accepted[-1]
                self.assertEqual((canceled["cause"], canceled["message"]), ("CancelUserRequest", "Canceled by phone."))
                self.assertFalse(item.attention)

    def test_ways_to_cancel_a_delivery(self):
        def mass_cancel(item):
            orders = item.sale_line_id.order_id
            wizard = self.env["sale.mass.cancel.orders"].with_user(self.salesman)
            wizard.with_context(active_ids=orders.ids).create({}).action_mass_cancel()

        for name, cancel in (
            ("transfer", lambda item: self.get_open(item).with_user(self.packer).action_cancel()),
            ("sale", self.cancel_sale),
            ("mass", mass_cancel),
            ("zeroed", lambda item: self.order_quantity(item, 0)),
        ):
            with self.subTest(name):
                item = self.sell_one(order=name)
                cancel(item)
                self.env.cr.flush()
                self.assert_waits_for_the_cause(item)

    def test_canceled_after_it_was_made(self):
        item = self.sell_one(self.poster)
        self.produce(item.production_ids)
        self.cancel_sale(item)
        self.assert_waits_for_the_cause(item)

    def test_canceled_after_it_was_reported_as_made(self):
        item = self.sell_one(self.poster)
        self.produce(item.production_ids)
        self.send()
        self.cancel_sale(item)
        self.assert_waits_for_the_cause(item, MADE)

    def test_canceled_after_a_part_was_delivered(self):
        """A part was delivered and the rest canceled: this is a short shipment."""
        item = self.sell_one()
        self.deliver(self.get_open(item), 2)
        self.cancel_sale(item)
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assert_signal(self.get_shipped(item), "waiting", "short")

    def test_replaced_before_the_cause_was_given(self):
        """A delivery was canceled by mistake: a new delivery withdraws ItemCanceled."""
        item = self.sell_one()
        self.get_open(item).with_user(self.packer).action_cancel()
        self.assert_waits_for_the_cause(item)
        canceled = self.get_outbox(item, type="ItemCanceled")
        delivery = self.create_delivery(item, 5)
        delivery.action_confirm()
        self.assert_outbox(item, ["ItemRegistered"])
        self.assert_signal(canceled, "canceled", "withdrawn")
        self.deliver(delivery)
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_posted_is_final(self):
        """Once the cancellation is posted nothing more is due, also if users decide to go on."""
        item = self.sell_one(self.poster)
        self.give_cause(item)
        self.send()
        told = ["ItemRegistered", "ItemCanceled"]
        self.assert_received(item, told)
        self.assertEqual((item.stage, item.attention), ("canceled", "canceled_open"))
        self.assertEqual(self.env["cloudprinter.item"].search([("attention", "=", "canceled_open")]), item)
        item.production_ids.with_user(self.operator).action_cloudprinter_go_on()
        self.produce(item.production_ids)
        self.assertEqual(item.attention, "canceled_open", "the delivery is open")
        self.get_open(item).with_user(self.packer).action_cloudprinter_go_on()
        self.deliver(self.get_open(item))
        self.assertFalse(item.attention)
        self.assert_outbox(item, told)

    def test_made_again_after_it_was_reported(self):
        """The item is made again although the cause was given on the signal and all documents had been closed."""
        item = self.sell_one()
        self.cancel_sale(item)
        canceled = self.get_outbox(item, type="ItemCanceled").with_user(self.manager)
        canceled.sudo()._update({"cause": "CancelUserRequest", "message": "Canceled by phone."})
        canceled.action_send()
        self.send()
        self.assert_received(item, ["ItemRegistered", "ItemCanceled"])
        self.assertFalse(item.attention)
        delivery = self.create_delivery(item, 5)
        delivery.action_confirm()
        self.env.cr.flush()
        self.assertEqual(item.attention, "canceled_open")
        self.assert_outbox(item, ["ItemRegistered", "ItemCanceled"])
