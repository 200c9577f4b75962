"""Links of items that Odoo's own writes do not replace, and items that nothing will make or ship."""

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .common import ALL_BUT_PACKED, ORDER, CloudprinterCase
from .test_links import ITEM, LinkCase
from .test_transfers import TransferCase

REGISTERED, PRODUCED = ALL_BUT_PACKED[:1], ALL_BUT_PACKED[:3]


@tagged("post_install", "-at_install", "cloudprinter")
class TestMoveKeepsItem(TransferCase):
    """Odoo writes the sales order line on moves that have an item already."""

    def sell_two(self):
        """Sell two items of one product; return the order and both items."""
        sale = self.sell((self.book, 5, "A"), (self.book, 5, "B"))
        return sale, *sale.order_line.cloudprinter_item_id

    def choose_order(self, picking, sale):
        """Choose the sales order in the form of a transfer, as the packer with sales rights."""
        picking.sudo().write({"sale_id": sale.id})
        self.env.cr.flush()

    def test_order_is_chosen_on_a_transfer(self):
        """Items A and B of one product: the transfer of B stays B's, though Odoo takes the first line."""
        sale, first, second = self.sell_two()
        sale.picking_ids.with_user(self.packer).action_cancel()
        picking = self.create_delivery(second, 5)
        self.choose_order(picking, sale)
        picking.action_confirm()
        self.deliver(picking)
        self.assertEqual(picking.move_ids.cloudprinter_item_id, second)
        self.assert_outbox(second, ALL_BUT_PACKED)
        self.assertEqual(second.stage, "shipped")
        self.assert_signal(self.get_outbox(first)[-1], "waiting", "missing_cause", type="ItemCanceled")

    def test_product_is_added_to_a_transfer(self):
        """The packer adds a product to the transfer of an order without items, and sets the item."""
        sale = self.sell((self.book, 5, None), order=False)
        item = self.create_item(2)
        # Odoo adds a line to the sales order, with the packer's rights
        self.packer.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        picking = sale.picking_ids.with_user(self.packer)
        picking.move_ids = [
            Command.create(
                {
                    "product_id": self.paper.id,
                    "product_uom_qty": 2,
                    "location_id": self.stock.id,
                    "location_dest_id": self.customers.id,
                    "cloudprinter_item_id": item.id,
                }
            )
        ]
        self.deliver(picking)
        self.assertEqual(picking.move_ids.cloudprinter_item_id, item)
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_order_without_ids_is_chosen(self):
        item = self.create_item(5)
        picking = self.create_delivery(item, 5)
        self.choose_order(picking, self.sell((self.book, 5, None), order=False))
        picking.action_confirm()
        self.deliver(picking)
        self.assertEqual(picking.move_ids.cloudprinter_item_id, item)
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_rest_by_a_hand_made_transfer(self):
        """A was accepted. The rest of B, sent by hand, makes B complete and changes nothing of A."""
        sale, first, second = self.sell_two()
        moves = sale.picking_ids.move_ids.with_user(self.packer)
        for move in moves:
            move.quantity = 5 if move.cloudprinter_item_id == first else 2
            move.picked = True
        self.deliver(sale.picking_ids, backorder=False)
        self.assert_signal(self.get_shipped(second), "waiting", "short")
        self.send()
        picking = self.create_delivery(second, 3)
        self.choose_order(picking, sale)
        picking.action_confirm()
        self.deliver(picking, tracking="REST")
        self.assertEqual(self.get_shipped(first).mapped("state"), ["sent"])
        self.assert_signal(self.get_shipped(second), "outgoing", tracking="REST")

    def test_exchange(self):
        """B was sent by a hand-made transfer of which Odoo takes the first line. The new goods are for B too."""
        for steps in ("ship_only", "pick_pack_ship"):
            with self.subTest(steps):
                sale = self.sell((self.book, 5, "A"), (self.book, 5, "B"), order=steps)
                first, second = sale.order_line.cloudprinter_item_id
                picking = self.create_delivery(second, 5)
                self.choose_order(picking, sale)
                picking.action_confirm()
                self.deliver(picking)
                before = second.move_ids | first.move_ids
                self.warehouse.delivery_steps = steps
                self.take_back(picking, 5, exchange=True)
                new = (second.move_ids | first.move_ids) - before
                self.assertEqual(new.cloudprinter_item_id, second)

    def test_duplicate_stays_out(self):
        """Whatever happens to the id of its line, a duplicated delivery is not linked to the item."""
        item = self.sell_one()
        line = item.sale_line_id
        copy = self.get_open(item).with_user(self.packer).copy()
        copy.action_confirm()
        for ref in (False, ITEM, "corrected"):
            line.with_user(self.salesman).cloudprinter_item_ref = ref
            self.env.cr.flush()
            self.assertFalse(copy.move_ids.cloudprinter_item_id, ref)
        item = line.cloudprinter_item_id
        self.deliver(self.get_open(item))
        self.assertEqual(item.stage, "shipped")
        copy.move_ids.with_user(self.packer).cloudprinter_item_id = item
        self.assertEqual(copy.move_ids.cloudprinter_item_id, item, "a user may still link it")

    def test_line_gets_another_item(self):
        """The moves that had the line's item follow it; a move that a user linked to another item does not."""
        sale = self.sell((self.book, 5, None))
        other = self.create_item(5)
        mine = self.create_delivery(other, 1)
        self.choose_order(mine, sale)
        for ref in ("1", "2", False, "3"):
            sale.order_line.with_user(self.salesman).cloudprinter_item_ref = ref
            self.env.cr.flush()
            item = sale.order_line.cloudprinter_item_id
            moves = sale.picking_ids.move_ids - mine.move_ids
            self.assertEqual((moves.cloudprinter_item_id, mine.move_ids.cloudprinter_item_id), (item, other), ref)


@tagged("post_install", "-at_install", "cloudprinter")
class TestTypedOnOneOfSeveral(LinkCase):
    def test_on_a_part_of_a_split_order(self):
        """2 of 6 were made with a backorder before the ids were typed: the backorder belongs to the item too."""
        production = self.make(order=False, item=False, product_qty=6)
        self.produce(production, 2, backorder=True)
        production.write({"cloudprinter_order_ref": ORDER, "cloudprinter_item_ref": ITEM})
        self.env.cr.flush()
        item = production.cloudprinter_item_ids
        self.assertEqual(len(item.production_ids), 2)
        self.assert_outbox(item, ALL_BUT_PACKED[:2])
        self.produce(item.production_ids - production)
        self.assert_outbox(item, PRODUCED)

    def test_on_the_production_of_a_sale(self):
        """The sales order line gets the item, so that its delivery is reported."""
        sale = self.sell((self.book, 5, None), order=False)
        production = sale.sudo().stock_reference_ids.production_ids
        production.with_user(self.operator).write({"cloudprinter_order_ref": ORDER, "cloudprinter_item_ref": ITEM})
        self.env.cr.flush()
        item = production.cloudprinter_item_ids
        self.assertEqual((item.sale_line_id, sale.cloudprinter_order_ref), (sale.order_line, ORDER))
        self.produce(production)
        self.deliver_all(item)
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_on_the_production_of_another_order(self):
        """The sales order has another Cloudprinter order: the user is told, and nothing is linked."""
        sale = self.sell((self.book, 5, None), order="another")
        production = sale.sudo().stock_reference_ids.production_ids
        with self.refused(UserError, "another"):
            production.with_user(self.operator).write({"cloudprinter_order_ref": ORDER, "cloudprinter_item_ref": ITEM})

    def test_typed_the_wrong_way_round(self):
        """Both ids are corrected in one save, in either order of the lines."""
        for reverse in (False, True):
            with self.subTest(reverse=reverse):
                sale = self.sell((self.book, 5, "1"), (self.book, 2, "2"), order=f"swap {reverse}")
                items = sale.order_line.cloudprinter_item_id
                commands = [
                    Command.update(line.id, {"cloudprinter_item_ref": ref})
                    for line, ref in zip(sale.order_line, ("2", "1"))
                ]
                sale.with_user(self.salesman).order_line = commands[::-1] if reverse else commands
                self.env.cr.flush()
                self.assertEqual(sale.order_line.mapped("cloudprinter_item_ref"), ["2", "1"])
                self.assertEqual(sale.order_line.cloudprinter_item_id, items)
                for line in sale.order_line:
                    self.assertEqual(line.move_ids.cloudprinter_item_id, line.cloudprinter_item_id)
                    self.assertEqual(line.cloudprinter_item_id.production_ids.sale_line_id, line)

    def test_chain_of_corrections(self):
        """One line takes the id that another line of the same save gives up, in any order of the lines."""
        for reverse in (False, True):
            with self.subTest(reverse=reverse):
                sale = self.sell((self.book, 5, "1"), (self.book, 2, "2"), (self.book, 3, "3"), order=f"{reverse}")
                refs = ["2", "4", False]
                commands = [
                    Command.update(line.id, {"cloudprinter_item_ref": ref}) for line, ref in zip(sale.order_line, refs)
                ]
                new = Command.create({"product_id": self.book.id, "cloudprinter_item_ref": "3"})
                sale.with_user(self.salesman).order_line = [new, *(commands[::-1] if reverse else commands)]
                self.env.cr.flush()
                self.assertEqual(sale.order_line.mapped("cloudprinter_item_ref"), [*refs, "3"])
                for line in sale.order_line[:2]:
                    self.assertEqual(line.move_ids.cloudprinter_item_id, line.cloudprinter_item_id)

    def test_exchange_of_three(self):
        sale = self.sell((self.book, 5, "1"), (self.book, 2, "2"), (self.book, 3, "3"), (self.book, 1, "4"))
        items = sale.order_line.cloudprinter_item_id
        refs = ["2", "3", "1", "5"]
        sale.with_user(self.salesman).order_line = [
            Command.update(line.id, {"cloudprinter_item_ref": ref}) for line, ref in zip(sale.order_line, refs)
        ]
        self.env.cr.flush()
        self.assertEqual(sale.order_line.mapped("cloudprinter_item_ref"), refs)
        self.assertEqual(sale.order_line.cloudprinter_item_id, items)

    def test_emptied_on_the_production_of_a_sale(self):
        """Ids that were typed on a manufacturing order are removed with it from the line and from its parts."""
        sale = self.sell((self.book, 6, None), order=False)
        production = sale.sudo().stock_reference_ids.production_ids.with_user(self.operator)
        production.write({"cloudprinter_order_ref": ORDER, "cloudprinter_item_ref": ITEM})
        self.produce(production, 2, backorder=True)
        item = production.cloudprinter_item_ids
        production.write({"cloudprinter_order_ref": "", "cloudprinter_item_ref": ""})
        self.env.cr.flush()
        self.assertFalse(item.production_ids or item.sale_line_ids or item.move_ids)
        self.assert_outbox(item, [])

    def test_emptied_on_a_part_of_a_split_order(self):
        production = self.make(product_qty=6)
        self.produce(production, 2, backorder=True)
        item = production.cloudprinter_item_ids
        production.write({"cloudprinter_order_ref": "", "cloudprinter_item_ref": ""})
        self.assertFalse(item.production_ids)

    def test_id_of_another_line(self):
        """Only one of two ids is changed, to that of the other: both items cannot be the same."""
        sale = self.sell((self.book, 5, "1"), (self.book, 2, "2"))
        with self.refused(UserError, "already linked"), self.env.cr.savepoint():
            sale.with_user(self.salesman).order_line = [
                Command.update(sale.order_line[0].id, {"cloudprinter_item_ref": "2"})
            ]


@tagged("post_install", "-at_install", "cloudprinter")
class TestForgottenItem(CloudprinterCase):
    """An open item that nothing will make or ship needs a user."""

    def assert_forgotten(self, item, expected=True):
        self.env.cr.flush()
        self.env.invalidate_all()
        kind = "forgotten" if expected else False
        self.assertEqual((item.attention, item.stage in ("new", "registered")), (kind, True))
        found = self.env["cloudprinter.item"].with_user(self.manager).search([("attention", "=", "forgotten")])
        self.assertEqual(item in found, expected)

    def test_quotation(self):
        sale = self.sell((self.book, 5, "1"), confirm=False)
        item = sale.order_line.cloudprinter_item_id
        self.assert_forgotten(item, False)
        sale.with_user(self.salesman)._action_cancel()
        self.assert_forgotten(item)
        sale.with_user(self.salesman).action_draft()
        self.assert_forgotten(item, False)

    def test_quotation_is_deleted(self):
        sale = self.sell((self.book, 5, "1"), confirm=False)
        item = sale.order_line.cloudprinter_item_id
        sale.with_user(self.salesman)._action_cancel()
        sale.sudo().unlink()
        self.assert_forgotten(item)

    def test_line_of_a_service(self):
        proof = self.env["product.product"].create({"name": "Proof", "type": "service"})
        sale = self.sell((proof, 1, "1"))
        self.assert_forgotten(sale.order_line.cloudprinter_item_id)

    def test_no_document(self):
        order = self.env["cloudprinter.order"].create({"name": ORDER})
        item = self.env["cloudprinter.item"].create({"name": "1", "order_id": order.id, "product_id": self.book.id})
        self.assert_forgotten(item)
        production = self.env["mrp.production"].with_user(self.operator).create({"product_id": self.book.id})
        production.cloudprinter_item_ids = item
        self.assert_forgotten(item, False)
        order.is_test = True
        production.cloudprinter_item_ids = False
        self.assert_forgotten(item, False)

    def test_next_step(self):
        """The button opens the dialog for canceling the item at Cloudprinter."""
        order = self.env["cloudprinter.order"].create({"name": ORDER})
        item = self.env["cloudprinter.item"].create({"name": "1", "order_id": order.id})
        action = item.with_user(self.manager).action_next_step()
        dialog = Form.from_action(self.env(user=self.manager), action)
        self.assertEqual((action["res_model"], dialog.kind), ("cloudprinter.report", "cancel"))
