"""Every way in which goods leave Odoo, and the signals that follow: complete, in order, once."""

from odoo import Command
from odoo.tests import new_test_user, tagged

from .common import ALL_BUT_PACKED, CloudprinterCase

MADE = ALL_BUT_PACKED[:-1]
WITH_PACKED = [*MADE, "ItemPacked", "ItemShipped"]


class TransferCase(CloudprinterCase):
    """Given: books in stock, as their production does not matter, and posters made to order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stock = cls.warehouse.lot_stock_id
        cls.customers = cls.env.ref("stock.stock_location_customers")
        cls.keep_in_stock(cls.book)
        # with these installed, Odoo reads analytic and purchase lines with the rights of the user who cancels or splits
        for user, module, group in (
            (cls.operator, "account", "account.group_account_readonly"),
            (cls.salesman, "purchase", "purchase.group_purchase_user"),
        ):
            if module in cls.env.registry._init_modules:
                user.group_ids += cls.env.ref(group)

    def get_pickings(self, item):
        """Return the transfers of an item, oldest first."""
        return item.move_ids.picking_id.sorted("id")

    def get_open(self, item):
        return self.get_pickings(item).filtered(lambda picking: picking.state not in ("done", "cancel"))

    def create_delivery(self, item, quantity, product=None, **values):
        """Create a draft transfer by hand, as the packer."""
        return (
            self.env["stock.picking"]
            .with_user(self.packer)
            .create(
                {
                    "picking_type_id": self.warehouse.out_type_id.id,
                    "location_id": self.stock.id,
                    "location_dest_id": self.customers.id,
                    "carrier_id": self.carrier.id,
                    "move_ids": [
                        Command.create(
                            {
                                "product_id": (product or self.book).id,
                                "product_uom_qty": quantity,
                                "location_id": values.get("location_id", self.stock.id),
                                "location_dest_id": values.get("location_dest_id", self.customers.id),
                                "cloudprinter_item_id": item.id,
                            }
                        )
                    ],
                    **values,
                }
            )
        )

    def create_item(self, quantity=0, name="123456780009"):
        """Create an item without a sales order, as the manager."""
        order = self.env["cloudprinter.order"].with_user(self.manager).create({"name": f"O{name}"})
        values = {"order_id": order.id, "name": name, "quantity": quantity, "product_id": self.book.id}
        return self.env["cloudprinter.item"].with_user(self.manager).create(values).with_user(self.env.user)

    def order_quantity(self, item, quantity):
        """Change the quantity on the confirmed order as the salesman."""
        item.sale_line_id.with_user(self.salesman).product_uom_qty = quantity
        self.env.cr.flush()

    def require(self, model):
        if model not in self.env:
            self.skipTest(f"{model} is not installed")

    def get_shipped(self, item):
        return self.get_outbox(item, type="ItemShipped")

    def assert_signal(self, signal, state, failure_type=False, **values):
        self.assertEqual((signal.state, signal.failure_type), (state, failure_type))
        for name, value in values.items():
            self.assertEqual(signal[name], value, name)


@tagged("post_install", "-at_install", "cloudprinter")
class TestDelivery(TransferCase):
    def test_steps(self):
        """The packing step reports packed; the steps before it, and a pick step, report nothing."""
        for steps, stages, expected in (
            ("ship_only", ["shipped"], ALL_BUT_PACKED),
            ("pick_ship", ["registered", "shipped"], ALL_BUT_PACKED),
            ("pick_pack_ship", ["registered", "packed", "shipped"], WITH_PACKED),
        ):
            with self.subTest(steps):
                self.warehouse.delivery_steps = steps
                item = self.sell_one(order=steps)
                for stage in stages:
                    self.assertNotEqual(item.stage, "shipped")
                    self.deliver(self.get_open(item))
                    self.assertEqual(item.stage, stage)
                self.assertFalse(self.get_open(item))
                self.assert_outbox(item, expected)
                self.assertEqual(self.get_shipped(item).source, self.get_pickings(item)[-1].name)

    def test_steps_made_to_order(self):
        self.warehouse.delivery_steps = "pick_pack_ship"
        item = self.sell_one(self.poster)
        self.produce(item.production_ids)
        self.assert_outbox(item, MADE)
        for expected in (MADE, WITH_PACKED[:-1], WITH_PACKED):
            self.deliver(self.get_open(item))
            self.assert_outbox(item, expected)

    def test_resupplied_by_another_warehouse(self):
        """Moves between the warehouses report nothing, whatever the steps."""
        self.warehouse.delivery_steps = "pick_pack_ship"
        for code, steps, expected in (
            ("W1", "ship_only", ALL_BUT_PACKED),
            ("W2", "pick_ship", ALL_BUT_PACKED),
            ("W3", "pick_pack_ship", WITH_PACKED),
        ):
            with self.subTest(steps):
                shop = self.env["stock.warehouse"].create(
                    {
                        "name": steps,
                        "code": code,
                        "delivery_steps": steps,
                        "resupply_wh_ids": [Command.set(self.warehouse.ids)],
                    }
                )
                self.book.route_ids = self.mto | shop.resupply_route_ids
                item = self.sell_one(order=f"resupplied {steps}", warehouse_id=shop.id)
                travelled = self.env["stock.location"]
                while pickings := self._get_ready(item):
                    own = pickings[0].picking_type_id.warehouse_id == shop
                    if not own or pickings[0].picking_type_code == "incoming":
                        self.assertEqual(item.stage, "registered")
                    travelled |= pickings[0].location_dest_id
                    self.deliver(pickings[0])
                self.assertIn("transit", travelled.mapped("usage"))
                self.assertEqual(item.stage, "shipped")
                self.assert_outbox(item, expected)
                self.assertIn(f"{code}/OUT/", self.get_shipped(item).source)

    def _get_ready(self, item):
        """Return what can be moved next, of all that brings the item to the customer."""
        moves = self.env["stock.move"].browse(item.move_ids._rollup_move_origs()) | item.move_ids
        return moves.filtered(lambda move: move.state == "assigned").picking_id

    def test_partial_steps(self):
        """One part is in the packing step, another already shipped: nothing is reported before all of it is."""
        self.warehouse.delivery_steps = "pick_pack_ship"
        item = self.sell_one()
        pick = self.get_open(item)
        self.deliver(pick, 2)
        rest, pack = self.get_open(item).sorted(lambda picking: picking.picking_type_id != self.warehouse.pick_type_id)
        self.deliver(pack)
        self.deliver(self.get_open(item) - rest)
        self.assert_outbox(item, ["ItemRegistered"])
        self.deliver(rest)
        self.deliver(self.get_open(item))
        self.assert_outbox(item, WITH_PACKED[:-1])
        self.deliver(self.get_open(item))
        self.assert_outbox(item, WITH_PACKED)

    def test_backorders(self):
        """There is one ItemShipped, with the last delivery."""
        item = self.sell_one()
        for quantity, tracking, expected in (
            (2, "FIRST", ["ItemRegistered"]),
            (2, "SECOND", ["ItemRegistered"]),
            (None, "LAST", ALL_BUT_PACKED),
        ):
            self.deliver(self.get_open(item), quantity, tracking=tracking)
            self.assert_outbox(item, expected)
        self.assert_signal(self.get_shipped(item), "outgoing", tracking="LAST", source=self.get_pickings(item)[-1].name)
        self.send()
        self.assert_received(item, ALL_BUT_PACKED)

    def test_batch(self):
        self.require("stock.picking.batch")
        items = self.sell_one(order="1") | self.sell_one(order="2")
        pickings = items.move_ids.picking_id
        batches = self.env["stock.picking.batch"].with_user(self.packer)
        batch = batches.create({"picking_ids": [Command.set(pickings.ids)]})
        batch.action_cancel()
        self.env.cr.flush()
        self.assertEqual(set(items.mapped("stage")), {"registered"}, "the transfers stay open")
        batch = batches.create({"picking_ids": [Command.set(pickings.ids)]})
        batch.action_confirm()
        pickings.with_user(self.packer).carrier_tracking_ref = "1A2B3C"
        batch.action_done()
        for item in items:
            self.assert_outbox(item, ALL_BUT_PACKED)

    def test_draft_validated(self):
        """A transfer is created by hand and validated without being confirmed."""
        item = self.create_item()
        delivery = self.create_delivery(item, 5)
        self.assertEqual((item.stage, delivery.state), ("new", "draft"))
        delivery.carrier_tracking_ref = "1A2B3C"
        delivery.button_validate()
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assert_signal(self.get_shipped(item), "outgoing", source=delivery.name)

    def test_deliveries_made_by_hand(self):
        """Without a sales order the item's quantity tells when all is shipped, else the first delivery does."""
        for quantity, deliveries, expected in (
            (5, [5], [True]),
            (5, [2, 3], [False, True]),
            (5, [2, 2, 2], [False, False, True]),
            (0, [2], [True]),
        ):
            with self.subTest(quantity=quantity, deliveries=deliveries):
                item = self.create_item(quantity, name=f"{quantity} {deliveries}")
                for delivered, shipped in zip(deliveries, expected):
                    self.deliver(self.create_delivery(item, delivered))
                    self.assertEqual(bool(self.get_shipped(item)), shipped)
                self.assert_outbox(item, ALL_BUT_PACKED)
                self.assert_signal(self.get_shipped(item), "outgoing")

    def test_several_items_of_one_order(self):
        sale = self.sell((self.book, 1, "1"), (self.book, 2, "2"), (self.poster, 1, None))
        first, second = sale.order_line.cloudprinter_item_id.sorted("name")
        picking = sale.picking_ids.with_user(self.packer)
        picking.carrier_tracking_ref = "1A2B3C"
        move = picking.move_ids.filtered(lambda move: move.cloudprinter_item_id == first)
        move.quantity = 1
        move.picked = True
        self._answer(picking.button_validate(), "process", self.packer)
        self.assert_outbox(first, ALL_BUT_PACKED)
        self.assert_outbox(second, ["ItemRegistered"])

    def test_kit(self):
        """Cover and block of a kit leave separately: the item is shipped with the last of them."""
        cover, block = self.env["product.product"].create(
            [{"name": name, "is_storable": True} for name in ("Cover", "Block")]
        )
        kit = self.env["product.product"].create({"name": "Boxed Set", "is_storable": True})
        self.env["mrp.bom"].create(
            {
                "product_tmpl_id": kit.product_tmpl_id.id,
                "type": "phantom",
                "bom_line_ids": [
                    Command.create({"product_id": cover.id, "product_qty": 1}),
                    Command.create({"product_id": block.id, "product_qty": 3}),
                ],
            }
        )
        self.put_on_stock(cover, 100)
        for order, backorder, expected in (("1", True, ["ItemRegistered"]), ("2", False, ALL_BUT_PACKED)):
            with self.subTest(backorder=backorder):
                item = self.sell_one(kit, 2, order=order)
                self.assertEqual(len(item.move_ids), 2)
                self.deliver(self.get_open(item), backorder=backorder)
                self.assert_outbox(item, expected)
        self.assert_signal(self.get_shipped(item), "waiting", "short")
        self.put_on_stock(block, 100)
        item = self.env["cloudprinter.item"].search([("order_id.name", "=", "1")])
        self.deliver(self.get_open(item))
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assert_signal(self.get_shipped(item), "outgoing")

    def test_dropship(self):
        """The vendor prints and ships: linked by its sales line; the middle milestones are filled in."""
        route = self.env.ref("stock_dropshipping.route_drop_shipping", raise_if_not_found=False)
        if not route:
            self.skipTest("stock_dropshipping is not installed")
        buyer = new_test_user(self.env, login="cp_buyer", groups="base.group_user,purchase.group_purchase_user")
        vendor = self.env["res.partner"].create({"name": "Other Printer"})
        poster = self.env["product.product"].create(
            {
                "name": "Large Poster",
                "is_storable": True,
                "route_ids": [Command.set(route.ids)],
                "seller_ids": [Command.create({"partner_id": vendor.id, "price": 10})],
            }
        )
        item = self.sell_one(poster)
        item.order_id.shipping_method = "ups_saver"  # Odoo gives a dropshipment no carrier
        purchase = self.env["purchase.order"].search([("partner_id", "=", vendor.id)])
        purchase.with_user(buyer).button_confirm()
        self.env.cr.flush()
        self.assertEqual(item.move_ids.picking_code, "dropship")
        self.assert_outbox(item, ["ItemRegistered"])
        self.deliver(self.get_open(item))
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assert_signal(self.get_shipped(item), "outgoing", shipping_option="ups_saver")

    def test_scrap_in_the_transfer(self):
        """Scrapped goods are not shipped."""
        item = self.sell_one()
        picking = self.get_open(item)
        scrap = self.env["stock.scrap"].with_user(self.packer)
        scrap.create({"product_id": self.book.id, "scrap_qty": 1, "picking_id": picking.id}).action_validate()
        self.env.cr.flush()
        self.assertEqual(item.stage, "registered")
        self.deliver(picking)
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assert_signal(self.get_shipped(item), "outgoing")

    def test_posted_is_final(self):
        """After ItemShipped was sent nothing becomes due automatically, whatever happens in Odoo."""
        item = self.sell_one()
        self.deliver(self.get_open(item))
        self.send()
        self.take_back(self.get_pickings(item), 5)
        item.sale_line_id.order_id.with_user(self.salesman).action_cancel()
        self.env.cr.flush()
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.send()
        self.assert_received(item, ALL_BUT_PACKED)


@tagged("post_install", "-at_install", "cloudprinter")
class TestQuantity(TransferCase):
    """Less or more than was ordered is delivered."""

    def test_short_beyond_tolerance(self):
        for left, expected in ((94, ("waiting", "short")), (95, ("outgoing", False)), (99, ("outgoing", False))):
            with self.subTest(left=left):
                item = self.sell_one(quantity=100, order=str(left))
                self.deliver(self.get_open(item), left, backorder=False)
                self.assert_outbox(item, ALL_BUT_PACKED)
                self.assert_signal(self.get_shipped(item), *expected)
                self.assertEqual(item.attention, expected[1])

    def test_tolerance_is_a_choice(self):
        self.company.cloudprinter_short_tolerance = 0
        item = self.sell_one(quantity=100)
        self.deliver(self.get_open(item), 99, backorder=False)
        self.assert_signal(self.get_shipped(item), "waiting", "short")

    def test_parts_that_add_up(self):
        """0.7 and 0.1 are 0.8, although computers say that they are a little less."""
        self.company.cloudprinter_short_tolerance = 0
        item = self.sell_one(quantity=0.8)
        self.deliver(self.get_open(item), 0.7, backorder=True)
        self.deliver(self.get_open(item), 0.1)
        self.assertEqual(self.get_shipped(item).state, "outgoing")

    def test_short_is_reported_by_the_manager(self):
        for tracking, state, failure_type in (("1A2B3C", "outgoing", False), (None, "waiting", "missing_tracking")):
            with self.subTest(tracking=tracking):
                item = self.sell_one(order=str(tracking))
                self.deliver(self.get_open(item), 2, backorder=False, tracking=tracking)
                signal = self.get_shipped(item)
                self.assert_signal(signal, "waiting", "short")
                self.send()
                self.assert_received(item, MADE)
                signal.with_user(self.manager).action_send()
                self.assert_signal(signal, state, failure_type)
                self.get_pickings(item).with_user(self.packer).carrier_tracking_ref = "1A2B3C"
                self.send()
                self.assert_received(item, ALL_BUT_PACKED)

    def test_code_typed_while_the_manager_decides(self):
        item = self.sell_one()
        self.deliver(self.get_open(item), 2, backorder=False, tracking=None)
        self.get_pickings(item).with_user(self.packer).carrier_tracking_ref = "1A2B3C"
        signal = self.get_shipped(item)
        self.assert_signal(signal, "waiting", "short", tracking="1A2B3C")
        signal.with_user(self.manager).action_send()
        self.assert_signal(signal, "outgoing")

    def test_over_delivery(self):
        item = self.sell_one()
        self.deliver(self.get_open(item), 7)
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assert_signal(self.get_shipped(item), "outgoing")

    def test_lowered(self):
        """Before or after a partial delivery: all of the final quantity is shipped, so nothing is short."""
        item = self.sell_one(order="before")
        self.order_quantity(item, 3)
        self.deliver(self.get_open(item))
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assert_signal(self.get_shipped(item), "outgoing")

        item = self.sell_one(order="after")
        self.deliver(self.get_open(item), 2, tracking="FIRST")
        self.assert_outbox(item, ["ItemRegistered"])
        self.order_quantity(item, 2)
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assert_signal(self.get_shipped(item), "outgoing", tracking="FIRST", source=self.get_pickings(item)[0].name)

    def test_raised_before_shipping_was_sent(self):
        """ItemShipped is withdrawn and comes again when the rest is shipped."""
        item = self.sell_one()
        self.deliver(self.get_open(item), tracking="FIRST")
        first = self.get_shipped(item)
        self.order_quantity(item, 7)
        self.assert_signal(first, "canceled", "withdrawn")
        self.assert_outbox(item, ["ItemRegistered"], "what was filled in for it as well")
        self.deliver(self.get_open(item), tracking="SECOND")
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.send()
        self.assertEqual(self.server.accepted[-1]["tracking"], "SECOND")

    def test_zeroed(self):
        """Odoo cannot cancel a line: the quantity is set to 0, and the manufacturing order stays open."""
        item = self.sell_one(self.poster)
        self.order_quantity(item, 0)
        self.assertEqual(self.get_pickings(item).state, "cancel")
        self.assertEqual(item.attention, "delivery_canceled")
        self.assert_outbox(item, ["ItemRegistered"])
        item.production_ids.with_user(self.operator).action_cancel()
        self.assert_outbox(item, ["ItemRegistered", "ItemCanceled"])
        self.assertEqual(item.attention, "missing_cause")


@tagged("post_install", "-at_install", "cloudprinter")
class TestReturn(TransferCase):
    def test_return(self):
        """A returned item stays shipped, even if the return keeps the delivery's operation type."""
        for return_type in (self.warehouse.in_type_id, self.env["stock.picking.type"]):
            with self.subTest(return_type=return_type.name):
                self.warehouse.out_type_id.return_picking_type_id = return_type
                item = self.sell_one(order=str(return_type.id))
                delivery = self.get_open(item)
                self.deliver(delivery)
                returned = self.take_back(delivery, 5)
                self.assertEqual(returned.picking_type_id, return_type or self.warehouse.out_type_id)
                self.assertEqual(item.stage, "shipped")
                self.assert_outbox(item, ALL_BUT_PACKED)
                self.assert_signal(self.get_shipped(item), "outgoing", source=delivery.name)

    def test_return_before_the_rest(self):
        """In the end all that was ordered was shipped; a return does not make it a short shipment."""
        item = self.sell_one()
        first = self.get_open(item)
        self.deliver(first, 2)
        self.take_back(first, 2)
        self.assert_outbox(item, ["ItemRegistered"])
        self.deliver(self.get_open(item), tracking="REST")
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.assert_signal(self.get_shipped(item), "outgoing", tracking="REST")

    def test_exchange(self):
        """Before ItemShipped is sent it is withdrawn until the new goods leave; afterwards a user is asked."""
        for sent in (False, True):
            with self.subTest(sent=sent):
                item = self.sell_one(order=str(sent))
                delivery = self.get_open(item)
                self.deliver(delivery, tracking="FIRST")
                if sent:
                    self.send()
                self.take_back(delivery, 5, exchange=True)
                self.assertEqual(len(self.get_open(item)), 1)
                self.assert_outbox(item, ALL_BUT_PACKED if sent else ["ItemRegistered"])
                self.deliver(self.get_open(item), tracking="SECOND")
                self.assertEqual(item.stage, "shipped")
                if sent:
                    self.assert_outbox(item, [*ALL_BUT_PACKED, "ItemShipped"])
                    self.assert_signal(self.get_shipped(item)[-1], "waiting", "correction", tracking="SECOND")
                else:
                    self.assert_outbox(item, ALL_BUT_PACKED)
                    self.assert_signal(self.get_shipped(item), "outgoing", tracking="SECOND")

    def test_return_to_a_vendor(self):
        """It uses the delivery's operation type but does not go to the customer."""
        item = self.create_item()
        suppliers = self.env.ref("stock.stock_location_suppliers")
        receipt = self.create_delivery(
            item,
            5,
            picking_type_id=self.warehouse.in_type_id.id,
            location_id=suppliers.id,
            location_dest_id=self.stock.id,
        )
        self.deliver(receipt)
        returned = self.take_back(receipt, 5)
        self.assertEqual(returned.picking_type_id, self.warehouse.out_type_id)
        self.assertEqual(returned.move_ids.cloudprinter_item_id, item)
        self.assertEqual(item.stage, "new")
        self.assert_outbox(item, [])
