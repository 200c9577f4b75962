"""How items are linked to Odoo's documents along the way."""

from odoo import Command
from odoo.tests import Form, tagged

from .common import ALL_BUT_PACKED
from .test_links import ITEM, PRODUCED, REGISTERED, STARTED, LinkCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestTravel(LinkCase):
    def test_steps_of_the_route(self):
        """With one, two or three steps only the last reports shipped, and the packing step reports packed."""
        packed = [*PRODUCED, "ItemPacked", "ItemShipped"]
        for steps, count, expected in (
            ("ship_only", 1, ALL_BUT_PACKED),
            ("pick_ship", 2, ALL_BUT_PACKED),
            ("pick_pack_ship", 3, packed),
        ):
            with self.subTest(steps):
                self.warehouse.delivery_steps = steps
                item = self.sell_one(order=steps)
                self.produce(item.production_ids)
                for step in range(count):
                    self.assertNotIn("ItemShipped", self.get_outbox(item).mapped("type"))
                    pickings = self.get_open_pickings(item)
                    self.assertEqual(len(pickings), 1, f"step {step}")
                    self.deliver(pickings)
                self.assertFalse(self.get_open_pickings(item))
                self.assert_outbox(item, expected)

    def test_steps_of_manufacturing(self):
        """Pick components, make, store: neither pick nor store goes to the customer."""
        self.warehouse.manufacture_steps = "pbm_sam"
        item = self.sell_one()
        production = item.production_ids
        self.deliver(production.picking_ids.filtered(lambda p: p.state != "done")[0], tracking=False)
        self.assert_outbox(item, REGISTERED)
        self.produce(production)
        self.assert_outbox(item, PRODUCED)
        store = production.picking_ids.filtered(lambda picking: picking.state not in ("done", "cancel"))
        self.deliver(store, tracking=False)
        self.assert_outbox(item, PRODUCED)
        self.deliver(item.sale_line_id.order_id.picking_ids.filtered(lambda p: p.picking_type_code == "outgoing"))
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_second_line_of_the_same_product(self):
        """The same product with other artwork gets a manufacturing order and a move of its own."""
        sale = self.sell((self.book, 5, "a1")).with_user(self.salesman)
        line = {"product_id": self.book.id, "product_uom_qty": 3}
        sale.order_line = [Command.create({**line, "cloudprinter_item_ref": "a2"}), Command.create(line)]
        self.type_item(sale.order_line[2], "a3")
        for line in sale.sudo().order_line:
            item = line.cloudprinter_item_id
            self.assertEqual(item.production_ids.mapped("product_qty"), [line.product_uom_qty])
            self.assertEqual(item.move_ids._cloudprinter_bound_for_customer().product_uom_qty, line.product_uom_qty)
            self.assert_outbox(item, REGISTERED)

    def test_changed_quantity(self):
        """Raised, then lowered below what was ordered; linked before or after: no receipt appears, all is shipped."""
        receipts = self.env["stock.picking"].search_count([("picking_type_code", "=", "incoming")])
        for typed in ("before", "after", "between"):
            with self.subTest(typed):
                sale = self.sell((self.book, 5, ITEM if typed == "before" else None), order=typed)
                line = sale.order_line.with_user(self.salesman)
                if typed == "after":
                    self.type_item(line, ITEM)
                line.product_uom_qty = 8
                if typed == "between":
                    self.type_item(line, ITEM)
                item = line.cloudprinter_item_id
                self.assertEqual(sum(item.production_ids.mapped("product_qty")), 8)
                line.product_uom_qty = 3
                self.env.cr.flush()
                now = self.env["stock.picking"].search_count([("picking_type_code", "=", "incoming")])
                self.assertEqual(now, receipts)
                open_moves = item.move_ids._cloudprinter_bound_for_customer().filtered(lambda m: m.state != "cancel")
                self.assertEqual(open_moves.mapped("product_uom_qty"), [3])
                self.assert_outbox(item, REGISTERED)
                self.produce(item.production_ids)
                # Odoo itself does not link the added quantity to the manufacturing order: it is taken from stock
                open_moves.procure_method = "make_to_stock"
                self.deliver_all(item)
                self.assert_outbox(item, ALL_BUT_PACKED)

    def test_lowered_quantity_of_a_move_linked_by_hand(self):
        """The move has an item that its line does not: it is lowered as usual, and no receipt appears."""
        item = self.make().cloudprinter_item_ids
        sale = self.sell((self.book, 5, None), order=False)
        sale.picking_ids.with_user(self.packer).move_ids.cloudprinter_item_id = item
        sale.with_user(self.salesman).order_line.product_uom_qty = 3
        self.env.cr.flush()
        self.assertEqual(sale.picking_ids.move_ids.mapped("product_uom_qty"), [3])
        self.assertEqual(sale.picking_ids.mapped("picking_type_code"), ["outgoing"])

    def _deliver_by_hand(self, items, product):
        """Enter a delivery with a line per item as the packer, and set the items on them."""
        # Odoo's `stock_delivery` asks for this right when a partner is chosen
        self.packer.group_ids += self.env.ref("base.group_partner_manager")
        form = Form(self.env["stock.picking"].with_user(self.packer), view="stock.view_picking_form")
        form.partner_id = self.customer
        form.picking_type_id = self.warehouse.out_type_id
        form.carrier_id = self.carrier
        for item in items:
            with form.move_ids.new() as move:
                move.product_id = product
                move.product_uom_qty = 5
                move.cloudprinter_item_id = item
        picking = form.save()
        picking.action_confirm()
        return picking

    def test_without_sales_orders(self):
        """Ids typed on manufacturing orders, items set on a manual delivery; two items of a product stay apart."""
        productions = self.make(item="a1") | self.make(item="a2")
        items = productions.cloudprinter_item_ids
        self.produce(productions)
        picking = self._deliver_by_hand(items, self.book)
        self.assertEqual(picking.move_ids.mapped("product_uom_qty"), [5, 5])
        self.assertEqual(picking.move_ids.cloudprinter_item_id, items)
        self.deliver(picking)
        for item in items:
            self.assert_outbox(item, ALL_BUT_PACKED)

    def test_backorder_of_a_delivery(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        picking = item.sale_line_id.order_id.picking_ids
        self.deliver(picking, 2)
        self.assert_outbox(item, PRODUCED)
        self.assertEqual(picking.backorder_ids.move_ids.cloudprinter_item_id, item)
        self.deliver(picking.backorder_ids)
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_manufacturing_of_a_sold_item(self):
        """Backorder, split and merge of a made-to-order item keep the link and the path to the delivery."""
        item = self.sell_one()
        self.produce(item.production_ids, 2, backorder=True)
        rest = item.production_ids[1].with_user(self.operator)
        self.assertEqual((rest.product_qty, rest.state), (3, "confirmed"))
        wizard = Form.from_action(rest.env, rest.action_split())
        wizard.max_batch_size = 2
        wizard.save().action_split()
        self.assertEqual(item.production_ids.mapped("product_qty"), [2, 2, 1])
        item.production_ids[1:].with_user(self.operator).action_merge()
        merged = item.production_ids.filtered(lambda production: production.state == "confirmed")
        self.assertEqual(merged.product_qty, 3)
        self.assert_outbox(item, STARTED)
        self.produce(merged)
        self.assert_outbox(item, PRODUCED)
        self.deliver(item.sale_line_id.order_id.picking_ids)
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_duplicates(self):
        """Duplicate creates another document, not another part of the item."""
        item = self.sell_one()
        sale = item.sale_line_id.order_id
        before = item.facts, item.production_ids, item.move_ids._cloudprinter_bound_for_customer()
        copies = [
            sale.with_user(self.salesman).copy(),
            item.production_ids.with_user(self.operator).copy(),
            sale.picking_ids.with_user(self.packer).copy(),
        ]
        self.assertEqual(self.get_links(copies[0]), (False, [False]))
        for copy in copies:
            copy.action_confirm()
        self.env.cr.flush()
        self.assertFalse(copies[0].sudo().order_line.move_ids.cloudprinter_item_id)
        self.assertFalse(copies[0].sudo().stock_reference_ids.production_ids.cloudprinter_item_ids)
        self.assertFalse(copies[1].cloudprinter_item_ids)
        self.assertFalse(copies[2].move_ids.cloudprinter_item_id)
        after = item.facts, item.production_ids, item.move_ids._cloudprinter_bound_for_customer()
        self.assertEqual(after, before)
        self.assert_outbox(item, REGISTERED)

    def test_typed_late(self):
        """Existing manufacturing orders and moves are linked, and what happened already is reported."""
        stories = {
            "confirmed": (lambda sale, mo: None, REGISTERED),
            "half produced": (lambda sale, mo: self.produce(mo, 2, backorder=True), STARTED),
            "produced": (lambda sale, mo: self.produce(mo), PRODUCED),
            "half delivered": (lambda sale, mo: (self.produce(mo), self.deliver(sale.picking_ids, 2)), PRODUCED),
            "delivered": (lambda sale, mo: (self.produce(mo), self.deliver(sale.picking_ids)), ALL_BUT_PACKED),
        }
        for story, (happened, expected) in stories.items():
            with self.subTest(story):
                sale = self.sell((self.book, 5, None), order=story)
                happened(sale, sale.stock_reference_ids.production_ids)
                item = self.type_item(sale.order_line, ITEM)
                self.assert_outbox(item, expected)
                self.produce(item.production_ids.filtered(lambda production: production.state != "done"))
                self.deliver_all(item)
                self.assert_outbox(item, ALL_BUT_PACKED)

    def test_kit(self):
        """The components of a kit belong to the item: all are made and all must leave, linked early or late."""
        kit = self.env["product.product"].create({"name": "Book with Poster", "is_storable": True})
        self.env["mrp.bom"].create(
            {
                "product_tmpl_id": kit.product_tmpl_id.id,
                "type": "phantom",
                "bom_line_ids": [
                    Command.create({"product_id": product.id, "product_qty": 1}) for product in (self.book, self.poster)
                ],
            }
        )
        for late in (False, True):
            with self.subTest(late=late):
                sale = self.sell((kit, 5, None if late else ITEM), order=f"kit-{late}")
                item = self.type_item(sale.order_line, ITEM)
                self.assertEqual(item.production_ids.product_id, self.book | self.poster)
                self.assertEqual(sale.picking_ids.move_ids.mapped("cloudprinter_item_id"), item)
                self.assertEqual(len(item.move_ids._cloudprinter_bound_for_customer()), 2)
                self.produce(item.production_ids[0])
                self.assert_outbox(item, STARTED)
                self.produce(item.production_ids[1])
                self.assert_outbox(item, PRODUCED)
                self.deliver_all(item)
                self.assert_outbox(item, ALL_BUT_PACKED)

    def test_scrapped_at_the_door(self):
        """A finished book is spoiled while it is packed: the replacement is made for the same item."""
        item = self.sell_one()
        self.produce(item.production_ids)
        self.send()
        picking = item.sale_line_id.order_id.picking_ids.with_user(self.packer)
        scrap = Form.from_action(picking.env, picking.button_scrap())
        scrap.product_id = self.book
        scrap.scrap_qty = 1
        scrap.should_replenish = True
        scrap.save().action_validate()
        self.env.cr.flush()
        self.assertEqual(item.production_ids.mapped("product_qty"), [5, 1])
        self.assertEqual(item.stage, "in_production")
        self.assert_outbox(item, PRODUCED)
