"""Every way to manufacture in Odoo, and the signals in the outbox afterwards, each exactly once."""

from odoo import Command
from odoo.exceptions import RedirectWarning
from odoo.tests import Form, tagged

from .common import ALL_BUT_PACKED, ORDER, CloudprinterCase

REGISTERED = ["ItemRegistered"]
STARTED = [*REGISTERED, "ItemProduce"]
PRODUCED = [*STARTED, "ItemProduced"]
CANCELED = [*REGISTERED, "ItemCanceled"]


class ManufacturingCase(CloudprinterCase):
    """Given: an operator without rights on sales, who types Cloudprinter's ids on manufacturing orders."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator.group_ids += cls.env.ref("mrp.group_mrp_routings")
        # without this right Odoo's `mrp_account` refuses backorders
        cls.operator.group_ids += cls.env.ref("account.group_account_readonly")

    def make(self, item="123456780001", product=None, quantity=5, confirm=True):
        """Create a manufacturing order without a sales order."""
        ids = {"cloudprinter_order_ref": ORDER, "cloudprinter_item_ref": item} if item else {}
        values = {"product_id": (product or self.book).id, "product_qty": quantity, **ids}
        production = self.env["mrp.production"].with_user(self.operator).create(values)
        if confirm:
            production.action_confirm()
        self.env.cr.flush()
        return production

    def split(self, production, size):
        """Use the *Split* dialog with a maximum batch size."""
        wizard = Form.from_action(production.env, production.action_split())
        wizard.max_batch_size = size
        wizard.save().action_split()

    def merge(self, productions):
        return productions.browse(productions.action_merge()["res_id"])

    def scrap(self, production, product, quantity=1):
        """Use the *Scrap* dialog of a manufacturing order with *Replenish* ticked."""
        # the button in the form is for stock users
        self.operator.group_ids += self.env.ref("stock.group_stock_user")
        scrap = Form.from_action(production.env, production.button_scrap())
        scrap.product_id = product
        scrap.scrap_qty = quantity
        scrap.should_replenish = True
        scrap.save().action_validate()
        self.env.cr.flush()


@tagged("post_install", "-at_install", "cloudprinter")
class TestManufacturingStates(ManufacturingCase):
    # === confirmed === #

    def test_confirm_from_form(self):
        form = Form(self.env["mrp.production"].with_user(self.operator))
        form.product_id = self.book
        form.cloudprinter_order_ref = ORDER
        form.cloudprinter_item_ref = "123456780001"
        production = form.save()
        item = production.cloudprinter_item_ids
        self.assertEqual((item.stage, item.name, item.order_id.name), ("new", "123456780001", ORDER))
        self.assert_outbox(item, [])
        production.action_confirm()
        self.assertEqual(item.stage, "registered")
        self.assert_outbox(item, REGISTERED)

    def test_confirm_by_selling_to_order(self):
        item = self.sell_one()
        self.assertEqual(len(item.production_ids), 1)
        self.assert_outbox(item, REGISTERED)

    def test_draft_with_quantity_typed(self):
        """Odoo skips Confirmed when a quantity is typed into a draft."""
        production = self.make(confirm=False)
        production.qty_producing = 2
        self.assertEqual(production.state, "progress")
        self.assert_outbox(production.cloudprinter_item_ids, STARTED)
        self.assertEqual(self.get_outbox(production.cloudprinter_item_ids).mapped("origin"), ["filled", "observed"])

    def test_unlinked_makes_nothing(self):
        before = self.env["cloudprinter.signal"].search_count([])
        production = self.make(item=None, product=self.poster)
        production.workorder_ids[0].button_start()
        self.produce(production)
        self.assertFalse(production.cloudprinter_item_ids)
        self.assertEqual(self.env["cloudprinter.signal"].search_count([]), before)

    # === started === #

    def test_start_of_a_work_order(self):
        """Button, status list and typed duration all start production; a second start adds nothing."""
        ways = {
            "button": lambda order: order.button_start(),
            "status": lambda order: order.set_state("progress"),
            "duration": lambda order: order.write({"duration": 7}),
            "ready to done by button": lambda order: order.button_finish(),
            "ready to done by status": lambda order: order.set_state("done"),
            "ready to done by list": lambda order: order.action_mark_as_done(),
        }
        for number, (way, start) in enumerate(ways.items()):
            with self.subTest(way):
                production = self.make(f"start-{number}", self.poster)
                start(production.workorder_ids[0])
                self.assert_outbox(production.cloudprinter_item_ids, STARTED)
                production.workorder_ids[1].button_start()
                self.assert_outbox(production.cloudprinter_item_ids, STARTED)

    def test_all_work_orders_done(self):
        """The last work order moves nothing into stock: produced is reported when the order is done."""
        production = self.make(product=self.poster)
        item = production.cloudprinter_item_ids
        production.workorder_ids.button_start()
        production.workorder_ids.button_finish()
        self.assertEqual(production.state, "to_close")
        self.assert_outbox(item, STARTED)
        self.produce(production)
        self.assert_outbox(item, PRODUCED)

    def test_all_work_orders_canceled(self):
        """Odoo shows *To Close*, but production has not started."""
        production = self.make(product=self.poster)
        item = production.cloudprinter_item_ids
        production.workorder_ids.action_cancel()
        self.assertEqual(production.state, "to_close")
        self.assert_outbox(item, REGISTERED)
        self.produce(production)
        self.assert_outbox(item, PRODUCED)

    def test_start_without_work_orders(self):
        ways = {
            "button": lambda production: production.action_start(),
            "quantity": lambda production: self._type_quantity(production, 2),
            "all of the quantity": lambda production: self._type_quantity(production, 5),
            "RPC": lambda production: production.write({"state": "progress"}),
        }
        for number, (way, start) in enumerate(ways.items()):
            with self.subTest(way):
                production = self.make(f"start-{number}")
                start(production)
                self.assert_outbox(production.cloudprinter_item_ids, STARTED)

    def _type_quantity(self, production, quantity):
        with Form(production) as form:
            form.qty_producing = quantity

    def test_quantity_changed_while_work_order_is_done(self):
        """Odoo reopens the work order: nothing goes back, nothing is reported twice."""
        production = self.make(product=self.poster)
        item = production.cloudprinter_item_ids
        production.workorder_ids.button_start()
        production.workorder_ids.button_finish()
        wizard = production.env["change.production.qty"].create({"mo_id": production.id, "product_qty": 9})
        wizard.change_prod_qty()
        self.assertIn("progress", production.workorder_ids.mapped("state"))
        self.assert_outbox(item, STARTED)
        self.produce(production, 9)
        self.assert_outbox(item, PRODUCED)

    # === produced === #

    def test_produce_all(self):
        production = self.make(product=self.poster)
        self.produce(production)
        item = production.cloudprinter_item_ids
        self.assert_outbox(item, PRODUCED)
        self.assertEqual(self.get_outbox(item).mapped("origin"), ["observed", "filled", "observed"])

    def test_mark_as_done_from_the_list(self):
        linked = self.make("list-1") | self.make("list-2", self.poster)
        draft = self.make("list-3", confirm=False)
        (linked | draft | self.make(item=None)).button_mark_done()
        for item in (linked | draft).cloudprinter_item_ids:
            self.assert_outbox(item, PRODUCED)

    def test_more_or_less_than_planned(self):
        for quantity in (3, 8):
            with self.subTest(quantity):
                production = self.make(f"quantity-{quantity}")
                self.produce(production, quantity)
                self.assertEqual(production.qty_produced, quantity)
                self.assert_outbox(production.cloudprinter_item_ids, PRODUCED)

    def test_rpc_write_of_the_state(self):
        production = self.make()
        production.write({"state": "done"})
        self.assert_outbox(production.cloudprinter_item_ids, PRODUCED)

    def test_backorder(self):
        """Produced is reported after the last backorder, whether Odoo asks for it or always creates it."""
        for answer in ("ask", "always"):
            with self.subTest(answer):
                production = self.make(f"backorder-{answer}")
                item = production.cloudprinter_item_ids
                production.picking_type_id.sudo().create_backorder = answer
                self.produce(production, 2, backorder=True)
                self.assertEqual(item.production_ids.mapped("state"), ["done", "confirmed"])
                self.assert_outbox(item, STARTED)
                self.produce(item.production_ids[1])
                self.assert_outbox(item, PRODUCED)

    def test_split(self):
        production = self.make()
        item = production.cloudprinter_item_ids
        self.split(production, 2)
        self.assertEqual(item.production_ids.mapped("product_qty"), [2, 2, 1])
        self.assert_outbox(item, REGISTERED)
        for part, expected in zip(item.production_ids, [STARTED, STARTED, PRODUCED], strict=True):
            self.produce(part)
            self.assert_outbox(item, expected)

    def test_merge(self):
        """The merged order makes all items; no item is canceled although Odoo cancels the two merged orders."""
        for confirm, expected in ((True, REGISTERED), (False, [])):
            with self.subTest(confirm=confirm):
                names = (f"first-{confirm}", f"second-{confirm}")
                first, second = (self.make(name, confirm=confirm) for name in names)
                items = first.cloudprinter_item_ids | second.cloudprinter_item_ids
                merged = self.merge(first | second)
                self.assertEqual(merged.cloudprinter_item_ids, items)
                self.assertEqual((first | second).mapped("state"), ["cancel"] * 2)
                for item in items:
                    self.assert_outbox(item, expected)
                self.produce(merged)
                for item in items:
                    self.assert_outbox(item, PRODUCED)

    def test_merge_with_an_unlinked_order(self):
        linked = self.make()
        item = linked.cloudprinter_item_ids
        self.assertEqual(self.merge(linked | self.make(item=None)).cloudprinter_item_ids, item)
        self.assert_outbox(item, REGISTERED)

    def test_merged_after_it_was_canceled(self):
        """What is canceled would be produced with the rest: the user is asked first."""
        canceled, other = self.make(item="A"), self.make(item="B")
        canceled.cloudprinter_item_ids.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed")
        self.send()
        self.assertEqual(canceled.cloudprinter_stop, "all")
        with self.assertRaises(RedirectWarning):
            self.merge(canceled | other)

    def test_done_without_a_date(self):
        """As after an import."""
        productions = self.make(quantity=2) | self.make(quantity=3)
        productions[0].button_mark_done()
        self.env.flush_all()
        self.env.cr.execute("UPDATE mrp_production SET date_finished = NULL WHERE id = %s", [productions[0].id])
        self.env.invalidate_all()
        productions[1].button_mark_done()
        self.assert_outbox(productions.cloudprinter_item_ids, ["ItemRegistered", "ItemProduce", "ItemProduced"])

    def test_unbuild_stays_reported(self):
        production = self.make()
        self.produce(production)
        Form.from_action(production.env, production.button_unbuild()).save().action_validate()
        self.assertEqual(production.unbuild_ids.state, "done")
        self.assert_outbox(production.cloudprinter_item_ids, PRODUCED)

    # === canceled === #

    def test_cancel(self):
        """The only order of an item without a delivery is canceled: a user must give the cause."""
        production = self.make()
        production.action_cancel()
        item = production.cloudprinter_item_ids
        self.assert_outbox(item, CANCELED)
        self.assertEqual(self.get_outbox(item)[-1].failure_type, "missing_cause")
        self.assertEqual(item.attention, "missing_cause")

    def test_cancel_of_a_draft(self):
        production = self.make(confirm=False)
        production.action_cancel()
        self.assert_outbox(production.cloudprinter_item_ids, CANCELED)

    def test_cancel_does_not_cancel_the_delivery(self):
        item = self.sell_one()
        item.production_ids.with_user(self.operator).action_cancel()
        self.assert_outbox(item, REGISTERED)
        self.assertEqual(item.attention, "production_canceled")

    def test_cancel_of_a_partly_consumed_order(self):
        """Odoo marks it as done when a part was made before."""
        for made, state, expected in ((0, "cancel", CANCELED), (2, "done", PRODUCED)):
            with self.subTest(made=made):
                production = self.make(f"consumed-{made}")
                production.sudo().bom_id.consumption = "flexible"
                if made:
                    self._type_quantity(production, made)
                    production._post_inventory()
                else:
                    production.move_raw_ids.write({"quantity": 5, "picked": True})
                    production.move_raw_ids._action_done()
                item = production.cloudprinter_item_ids
                self.assert_outbox(item, STARTED)
                production.action_cancel()
                self.assertEqual(production.state, state)
                self.assert_outbox(item, expected)

    def test_cancel_with_the_delivery(self):
        """`stock.cancel_moves_origin`: only a recomputation shows that the manufacturing order is canceled."""
        self.env["ir.config_parameter"].set_param("stock.cancel_moves_origin", "True")
        self.mto.rule_ids.propagate_cancel = True
        item = self.sell_one()
        item.sale_line_id.order_id.picking_ids.with_user(self.packer).action_cancel()
        self.assertEqual(item.production_ids.state, "cancel")
        self.assert_outbox(item, CANCELED)

    def test_canceled_delivery_alone(self):
        item = self.sell_one()
        item.sale_line_id.order_id.picking_ids.with_user(self.packer).action_cancel()
        self.assertEqual(item.production_ids.state, "confirmed")
        self.assert_outbox(item, REGISTERED)
        self.assertEqual(item.attention, "delivery_canceled")

    def test_unlink(self):
        """A deleted order was a mistake: nothing is reported of it, unless something was reported before."""
        for confirm in (False, True):
            with self.subTest(confirm=confirm):
                production = self.make(f"unlink-{confirm}", confirm=confirm)
                item = production.cloudprinter_item_ids
                production.unlink()
                self.assert_outbox(item, [])
                self.assertEqual(item.stage, "new")

    def test_unlink_after_acceptance(self):
        production = self.make()
        item = production.cloudprinter_item_ids
        self.send()
        production.unlink()
        self.assert_outbox(item, REGISTERED)
        self.make(item.name)
        self.assert_outbox(item, REGISTERED)


@tagged("post_install", "-at_install", "cloudprinter")
class TestManufacturingRoutes(ManufacturingCase):
    def test_cover_and_block(self):
        """Two orders make one item: it is started with the first and produced with the last."""
        cover = self.make(product=self.poster)
        block = self.make()
        item = cover.cloudprinter_item_ids
        self.assertEqual(item.production_ids, cover | block)
        self.produce(cover)
        self.assert_outbox(item, STARTED)
        self.produce(block)
        self.assert_outbox(item, PRODUCED)

    def test_gang_run(self):
        """One order makes several items of two Cloudprinter orders: each has its own signals."""
        production = self.make("gang-1")
        others = self.env["cloudprinter.item"]
        for order in (ORDER, "another"):
            order = self.env["cloudprinter.order"]._get_or_create(order, self.company)
            others += others.create({"order_id": order.id, "name": "gang-2"})
        production.cloudprinter_item_ids = [Command.link(item.id) for item in others]
        items = production.cloudprinter_item_ids
        self.assertEqual(len(items), 3)
        for item in items:
            self.assert_outbox(item, REGISTERED)
        self.produce(production, 2, backorder=True)
        for item in items:
            self.assert_outbox(item, STARTED)
        self.produce(items[0].production_ids - production)
        for item in items:
            self.assert_outbox(item, PRODUCED)

    def test_reprint_after_scrap(self):
        """The reprint is made for the same item, and canceling the first attempt does not cancel the item."""
        item = self.sell_one()
        first = item.production_ids.with_user(self.operator)
        self.produce(first)
        self.send()
        self.scrap(first, self.book)
        again = item.production_ids - first
        self.assertEqual((again.product_qty, again.state), (1, "confirmed"))
        self.assertEqual(item.stage, "in_production")
        self.assert_outbox(item, PRODUCED)
        picking = item.sale_line_id.order_id.picking_ids
        picking.with_user(self.packer).action_cancel()
        self.assert_outbox(item, PRODUCED, "the reprint is open")
        self.produce(again)
        self.assert_outbox(item, [*PRODUCED, "ItemCanceled"], "made, but nothing is to be delivered any more")

    def test_reprint_of_a_gang_run(self):
        production = self.make("gang-1")
        order = production.cloudprinter_item_ids.order_id
        other = self.env["cloudprinter.item"].create({"order_id": order.id, "name": "gang-2"})
        production.cloudprinter_item_ids = [Command.link(other.id)]
        items = production.cloudprinter_item_ids
        self.produce(production)
        self.assert_outbox(other, PRODUCED)
        self.scrap(production, self.book)
        again = items.production_ids - production
        self.assertEqual(again.cloudprinter_item_ids, items)
        self.assert_outbox(other, STARTED, "not yet sent, so it is taken back")
        self.produce(again)
        self.assert_outbox(other, PRODUCED)

    def test_scrapped_component(self):
        """A spoiled component is made again, but is not linked to the item."""
        plate = self._create_product("Plate", routes=self.manufacture)
        self.env["stock.quant"]._update_available_quantity(plate, self.warehouse.lot_stock_id, 100)
        self.book.bom_ids.bom_line_ids = [Command.create({"product_id": plate.id, "product_qty": 1})]
        production = self.make()
        self.scrap(production, plate)
        replenishment = self.env["mrp.production"].search([("product_id", "=", plate.id)])
        self.assertEqual(len(replenishment), 1)
        self.assertFalse(replenishment.cloudprinter_item_ids)
        self.assert_outbox(production.cloudprinter_item_ids, REGISTERED)

    def test_sub_assembly_is_not_linked(self):
        """This holds if the item is typed before confirmation, later, or on a backorder."""
        block = self._create_product("Block")
        self.book.bom_ids.bom_line_ids = [Command.create({"product_id": block.id, "product_qty": 1})]
        for late in (False, True):
            with self.subTest(late=late):
                sale = self.sell((self.book, 5, None if late else "early"), order=f"order-{late}")
                if late:
                    sale.with_user(self.salesman).order_line.cloudprinter_item_ref = "late"
                item = sale.order_line.cloudprinter_item_id
                child = self.env["mrp.production"].search([("product_id", "=", block.id)], order="id desc", limit=1)
                self.assertEqual(item.production_ids.product_id, self.book)
                self.produce(child, 2, backorder=True)
                self.assertFalse(
                    self.env["mrp.production"].search([("product_id", "=", block.id)]).cloudprinter_item_ids
                )
                self.assert_outbox(item, REGISTERED)
                self.produce(child.production_group_id.production_ids - child)
                self.produce(item.production_ids)
                self.assert_outbox(item, PRODUCED)

    def _subcontract(self, product):
        """Have the product bought to order from a binder."""
        binder = self.env["res.partner"].create({"name": "Binder"})
        product.bom_ids.write({"type": "subcontract", "subcontractor_ids": [Command.set(binder.ids)]})
        product.seller_ids = [Command.create({"partner_id": binder.id, "price": 1})]
        product.route_ids = self.mto | self.warehouse.buy_pull_id.route_id

    def _receive(self, product):
        orders = (
            self.env["purchase.order.line"].search([("product_id", "=", product.id), ("state", "=", "draft")]).order_id
        )
        orders.button_confirm()
        picking = orders.picking_ids.with_user(self.packer)
        picking.button_validate()
        self.env.cr.flush()

    def test_subcontracted(self):
        """An unlinked receipt reports nothing; a linked item's middle milestones are filled in when it is shipped."""
        if "purchase.order" not in self.env or "subcontractor_ids" not in self.env["mrp.bom"]:
            self.skipTest("needs mrp_subcontracting_purchase")
        self._subcontract(self.book)
        before = self.env["cloudprinter.signal"].search_count([])
        self.sell((self.book, 5, None), order=False)
        self._receive(self.book)
        self.assertEqual(self.env["cloudprinter.signal"].search_count([]), before)
        for when in ("early", "late", "very late"):
            with self.subTest(when):
                sale = self.sell((self.book, 5, when if when == "early" else None), order=f"order {when}")
                if when == "late":
                    sale.with_user(self.salesman).order_line.cloudprinter_item_ref = when
                self._receive(self.book)
                if when == "very late":
                    sale.with_user(self.salesman).order_line.cloudprinter_item_ref = when
                item = sale.order_line.cloudprinter_item_id
                self.assertFalse(item.production_ids)
                self.assert_outbox(item, REGISTERED)
                self.deliver(sale.picking_ids.filtered(lambda picking: picking.picking_type_code == "outgoing"))
                self.assert_outbox(item, ALL_BUT_PACKED)
                self.assertEqual(self.get_outbox(item).mapped("origin"), ["observed", "filled", "filled", "observed"])

    def test_forgotten_open_order_does_not_block_shipping(self):
        """The book was taken from stock."""
        item = self.sell_one()
        picking = item.sale_line_id.order_id.picking_ids
        picking.move_ids.move_orig_ids = False
        picking.move_ids.procure_method = "make_to_stock"
        self.env["stock.quant"]._update_available_quantity(self.book, self.warehouse.lot_stock_id, 5)
        self.deliver(picking)
        self.assertEqual(item.production_ids.state, "confirmed")
        self.assertEqual(item.stage, "shipped")
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.produce(item.production_ids)
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_company_chooses_what_is_reported(self):
        for number, (produce, produced) in enumerate(((True, False), (False, True), (False, False))):
            with self.subTest(produce=produce, produced=produced):
                self.company.write({"cloudprinter_report_produce": produce, "cloudprinter_report_produced": produced})
                item = self.sell_one(order=f"choice-{number}")
                self.produce(item.production_ids, 2, backorder=True)
                self.produce(item.production_ids[1])
                self.deliver(item.sale_line_id.order_id.picking_ids)
                chosen = [*["ItemProduce"] * produce, *["ItemProduced"] * produced]
                self.assert_outbox(item, ["ItemRegistered", *chosen, "ItemShipped"])
