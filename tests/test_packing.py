"""Goods in packages, by every way into and out of them."""

from odoo import Command
from odoo.tests import tagged

from .test_transfers import MADE, WITH_PACKED, TransferCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestPacking(TransferCase):
    """However goods come into packages: one ItemPacked when everything that is to leave is in them."""

    PACKED = WITH_PACKED[:-1]

    def create_package(self, **values):
        return self.env["stock.package"].with_user(self.packer).create({"name": "BOX 1", **values})

    def test_button(self):
        item = self.sell_one()
        self.pack(self.get_open(item))
        self.assert_outbox(item, self.PACKED)
        self.assert_signal(self.get_outbox(item, type="ItemPacked"), "outgoing", source=self.get_open(item).name)
        self.deliver(self.get_open(item))
        self.assert_outbox(item, WITH_PACKED)

    def test_batch(self):
        self.require("stock.picking.batch")
        items = self.sell_one(order="1") | self.sell_one(order="2")
        batches = self.env["stock.picking.batch"].with_user(self.packer)
        batch = batches.create({"picking_ids": [Command.set(items.move_ids.picking_id.ids)]})
        batch.action_confirm()
        self._answer(batch.action_put_in_pack(), "action_put_in_pack", self.packer)
        for item in items:
            self.assert_outbox(item, self.PACKED)

    def test_typed_on_the_line(self):
        item = self.sell_one()
        lines = self.get_open(item).move_line_ids.with_user(self.packer)
        lines.result_package_id = self.create_package()
        self.assert_outbox(item, self.PACKED)

    def test_whole_package_moved(self):
        """The goods were packed at the binding line and are in a package before they are reserved."""
        atlas = self.env["product.product"].create({"name": "Atlas", "is_storable": True})
        self.put_on_stock(atlas, 5, package_id=self.create_package())
        item = self.sell_one(atlas)
        self.get_open(item).with_user(self.packer).action_assign()
        self.assertTrue(item.move_ids.move_line_ids.is_entire_pack)
        self.assert_outbox(item, self.PACKED)

    def test_container_and_unpack(self):
        """A container changes nothing; goods unpacked before the signal was sent are packed again later."""
        item = self.sell_one()
        self.pack(self.get_open(item))
        package = item.move_ids.move_line_ids.result_package_id.with_user(self.packer)
        package.action_put_in_pack(package_id=self.create_package(name="PALLET").id)
        self.assert_outbox(item, self.PACKED)
        first = self.get_outbox(item, type="ItemPacked")
        package.action_remove_package()
        self.assert_outbox(item, ["ItemRegistered"])
        self.assert_signal(first, "canceled", "withdrawn")
        self.pack(self.get_open(item))
        self.assert_outbox(item, self.PACKED)

    def test_unpacked_after_it_was_sent(self):
        item = self.sell_one()
        self.pack(self.get_open(item))
        self.send()
        item.move_ids.move_line_ids.with_user(self.packer).result_package_id = False
        self.pack(self.get_open(item))
        self.assert_outbox(item, self.PACKED)
        self.send()
        self.assert_received(item, self.PACKED)

    def test_part_of_it(self):
        """With 2 of 4 reserved and packed the item is not packed."""
        atlas = self.env["product.product"].create({"name": "Atlas", "is_storable": True})
        self.put_on_stock(atlas, 2)
        item = self.sell_one(atlas, 4)
        self.pack(self.get_open(item))
        self.assert_outbox(item, ["ItemRegistered"])
        self.put_on_stock(atlas, 2)
        self.get_open(item).with_user(self.packer).action_assign()
        self.assert_outbox(item, ["ItemRegistered"])
        self.pack(self.get_open(item))
        self.assertEqual(len(item.move_ids.move_line_ids.result_package_id), 2)
        self.assert_outbox(item, self.PACKED)

    def test_lowered_to_what_is_packed(self):
        atlas = self.env["product.product"].create({"name": "Atlas", "is_storable": True})
        self.put_on_stock(atlas, 2)
        item = self.sell_one(atlas, 4)
        self.pack(self.get_open(item))
        self.assert_outbox(item, ["ItemRegistered"])
        self.order_quantity(item, 2)
        self.assert_outbox(item, self.PACKED)

    def test_in_the_pick_step(self):
        """Goods packed while picking are packed then, and still are when the package moves on."""
        self.warehouse.delivery_steps = "pick_ship"
        item = self.sell_one()
        self.pack(self.get_open(item))
        self.assert_outbox(item, self.PACKED)
        self.deliver(self.get_open(item))
        self.assertEqual(item.stage, "packed")
        self.deliver(self.get_open(item))
        self.assert_outbox(item, WITH_PACKED)

    def test_not_before_it_is_made(self):
        """A transfer is prepared while the rest is still being made."""
        item = self.sell_one(self.poster)
        self.produce(item.production_ids, 2, backorder=True)
        self.pack(self.get_open(item))
        self.assert_outbox(item, ["ItemRegistered", "ItemProduce"])
        self.produce(item.production_ids.filtered(lambda production: production.state != "done"))
        self.get_open(item).with_user(self.packer).action_assign()
        self.assert_outbox(item, MADE)
        self.pack(self.get_open(item))
        self.assert_outbox(item, self.PACKED)

    def test_one_of_two_packages_left(self):
        """Everything that is still to leave is packed, so ItemPacked is not withdrawn."""
        kit = self._create_kit_of_two()
        item = self.sell_one(kit)
        picking = self.get_open(item)
        self.pack(picking)
        self.assert_outbox(item, self.PACKED)
        packed = self.get_outbox(item, type="ItemPacked")
        first, second = picking.move_ids.with_user(self.packer)
        first.picked = True
        self._answer(picking.with_user(self.packer).button_validate(), "process", self.packer)
        self.assertEqual((item.stage, second.state), ("packed", "assigned"))
        self.assert_signal(packed, "outgoing")

    def _create_kit_of_two(self):
        parts = self.env["product.product"].create([{"name": f"Volume {n}", "is_storable": True} for n in (1, 2)])
        kit = self.env["product.product"].create({"name": "Two Volumes", "is_storable": True})
        lines = [Command.create({"product_id": part.id, "product_qty": 1}) for part in parts]
        self.env["mrp.bom"].create(
            {"product_tmpl_id": kit.product_tmpl_id.id, "type": "phantom", "bom_line_ids": lines}
        )
        for part in parts:
            self.put_on_stock(part, 100)
        return kit
