"""The helper for the tests of other add-ons."""

from odoo.tests import tagged

from ..tools.testing import trap_signals
from .common import CloudprinterCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestTrapSignals(CloudprinterCase):
    def test_what_a_piece_of_code_would_send(self):
        item = self.sell_one()
        with trap_signals(self.env) as trap:
            item.production_ids.with_user(self.operator).button_mark_done()
        trap.assert_signals([("ItemProduce", "123456780001"), ("ItemProduced", "123456780001")])
        self.assertEqual(self.server.requests, [])

    def test_details(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        with trap_signals(self.env) as trap:
            self.deliver(item.move_ids.picking_id, tracking="1A2B3C")
        shipped = trap.assert_signal("ItemShipped", tracking="1A2B3C", shipping_option="GLS", state="outgoing")
        self.assertEqual(shipped.item_id, item)

    def test_it_fails(self):
        item = self.sell_one()
        with trap_signals(self.env) as trap:
            item.with_user(self.operator).report_delay(24, "Late")
        for check in (
            lambda: trap.assert_signals([]),
            lambda: trap.assert_signal("ItemShipped"),
            lambda: trap.assert_signal("ItemDelay", delay="48"),
        ):
            with self.assertRaises(AssertionError):
                check()

    def test_nothing(self):
        self.sell_one()
        with trap_signals(self.env) as trap:
            self.customer.name = "Another Name"
        trap.assert_signals([])
