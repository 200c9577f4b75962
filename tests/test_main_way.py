"""The main flow: what happens in Odoo reaches Cloudprinter."""

from odoo.tests import tagged

from .common import ALL_BUT_PACKED, KEY, ORDER, CloudprinterCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestMainWay(CloudprinterCase):
    def test_from_sale_to_shipped(self):
        """An item is sold, produced, packed and shipped by users with only the rights of their role."""
        item = self.sell_one(self.poster)
        self.assertEqual(item.stage, "registered")
        self.assert_outbox(item, ["ItemRegistered"])
        production = item.production_ids
        production.workorder_ids[0].with_user(self.operator).button_start()
        self.assertEqual(item.stage, "in_production")
        self.assert_outbox(item, ["ItemRegistered", "ItemProduce"])
        self.produce(production)
        self.assertEqual(item.stage, "produced")
        picking = item.sale_line_id.order_id.picking_ids
        self.pack(picking)
        self.assertEqual(item.stage, "packed")
        self.deliver(picking)
        self.assertEqual(item.stage, "shipped")
        types = ["ItemRegistered", "ItemProduce", "ItemProduced", "ItemPacked", "ItemShipped"]
        self.assert_outbox(item, types)
        self.assertEqual(self.get_outbox(item).mapped("origin"), ["observed"] * 5)
        self.assertEqual(
            self.get_outbox(item).mapped("source"),
            [item.sale_line_id.order_id.name, production.name, production.name, picking.name, picking.name],
        )

        self.send()
        self.assert_received(item, types)
        shipped = self.server.accepted[-1]
        self.assertEqual(
            {name: shipped[name] for name in ("type", "order", "item", "tracking", "shipping_option")},
            {
                "type": "ItemShipped",
                "order": ORDER,
                "item": "123456780001",
                "tracking": "1A2B3C4D5E6F",
                "shipping_option": "GLS",
            },
        )
        self.assertEqual(len(self.server.requests), 1, "what is due of one order is one bundle")
        signals = self.get_outbox(item)
        self.assertEqual(set(signals.mapped("state")), {"sent"})
        self.assertEqual(signals.mapped("number"), [1, 2, 3, 4, 5])
        self.assertEqual(item.reported_stage, "shipped")
        self.assertFalse(item.attention)
        self.assertIn("Cloudprinter accepted Shipped for item 123456780001", picking.message_ids[0].preview)
        self.assertNotIn(KEY, str(signals.request_ids.read()))

    def test_odoo_skips_states(self):
        """Produce All on a confirmed order: skipped milestones are filled in, in order, except packing."""
        item = self.sell_one()
        self.produce(item.production_ids)
        self.deliver(item.sale_line_id.order_id.picking_ids)
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assertEqual(self.get_outbox(item).mapped("origin"), ["observed", "filled", "observed", "observed"])
        self.send()
        self.assert_received(item, ALL_BUT_PACKED)
