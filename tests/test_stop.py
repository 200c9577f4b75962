"""STOP: what Cloudprinter has canceled is not started or finished, unless a user decided so."""

from unittest.mock import patch

from lxml import etree

from odoo import Command
from odoo.exceptions import AccessError, RedirectWarning
from odoo.tests import Form, HttpCase, new_test_user, tagged

from .common import ALL_BUT_PACKED, CloudprinterCase
from .test_transfers import TransferCase


class StopCase(TransferCase):
    """Given: an item that is made in two work orders and was then canceled at Cloudprinter."""

    def setUp(self):
        super().setUp()
        self.item = self.sell_one(self.poster)
        self.production = self.item.production_ids.with_user(self.operator)
        self.picking = self.item.move_ids.picking_id.with_user(self.packer)
        self.cancel(self.item)

    def cancel(self, item):
        item.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        self.send()

    def make(self, state):
        """Bring the manufacturing order into a state, as Odoo does without users."""
        production = self.production.sudo()
        if state == "draft":
            production.state = "draft"
        elif state == "progress":
            production.action_start()
        elif state == "to_close":
            production.qty_producing = production.product_qty
            production.workorder_ids.button_finish()
        self.env.cr.flush()
        self.assertEqual(production.state, state)

    def assert_stopped(self, act):
        with self.assertRaises(RedirectWarning) as caught:
            act()
        self.env.invalidate_all()
        return caught.exception.args


@tagged("post_install", "-at_install", "cloudprinter")
class TestStop(StopCase):
    def test_no_way_to_start_or_finish(self):
        workorder = self.production.workorder_ids[0]
        productions = self.production.with_context(active_model="mrp.production", active_ids=self.production.ids)
        workorders = workorder.with_context(active_model="mrp.workorder", active_ids=workorder.ids)
        pickings = self.picking.with_context(active_model="stock.picking", active_ids=self.picking.ids)

        def run(action, records):
            return records.env["ir.actions.server"].browse(records.env.ref(action).id).run()

        self.picking.sudo().move_ids.write({"quantity": 5, "picked": True})
        for act in (
            workorder.button_start,
            workorder.button_finish,
            workorder.action_mark_as_done,
            lambda: workorder.set_state("progress"),
            lambda: workorder.set_state("done"),
            lambda: workorder.write({"state": "progress"}),
            lambda: workorder.write({"duration": 30}),
            lambda: workorder.write({"qty_producing": 1}),
            lambda: run("mrp.action_start_workorders", workorders),
            self.production.action_start,
            self.production.button_mark_done,
            lambda: self.production.write({"state": "progress"}),
            lambda: self.production.write({"qty_producing": 1}),
            lambda: run("mrp.action_production_order_mark_done", productions),
            self.picking.button_validate,
            lambda: run("stock.action_validate_picking", pickings),
            lambda: self.picking.move_ids.write({"state": "done"}),
        ):
            self.assert_stopped(act)
        self.assertEqual(self.production.state, "confirmed")
        self.assertNotIn("progress", self.production.workorder_ids.mapped("state"))
        self.assertNotEqual(self.picking.state, "done")

    def test_no_way_to_consume(self):
        """Odoo starts an order of which components are consumed, without any button."""
        production = self.production
        component = production.move_raw_ids
        line = component.move_line_ids
        self.assertTrue(line, "reserved")
        values = {"product_id": self.paper.id, "product_uom_qty": 1, "quantity": 1, "picked": True}
        of_component = {"move_id": component.id, "product_id": self.paper.id, "quantity": 1, "picked": True}
        where = {"location_id": component.location_id.id, "location_dest_id": component.location_dest_id.id}

        def consume_in_form():
            with Form(production) as form, form.move_raw_ids.edit(0) as edited:
                edited.picked = True

        def produce_in_form():
            with Form(production) as form:
                form.qty_producing = 2

        for act in (
            consume_in_form,
            produce_in_form,
            lambda: component.write({"picked": True}),
            lambda: component.with_context(force_manual_consumption=True).write({"quantity": 3}),
            lambda: line.write({"picked": True}),
            lambda: line.create({**of_component, **where}),
            lambda: production.write({"move_raw_ids": [Command.update(component.id, {"picked": True})]}),
            lambda: production.write({"move_raw_ids": [Command.create({**values, **where})]}),
            lambda: component.create({**values, **where, "raw_material_production_id": production.id}),
        ):
            self.assert_stopped(act)
        self.assertEqual((production.state, component.picked), ("confirmed", False))

    def test_serial_numbers(self):
        """They say how many are being produced."""
        book = self._create_product("Numbered Book", tracking="serial")
        for quantity, item in ((1, "1"), (2, "2")):
            item = self.sell_one(book, quantity, order=item, item=item)
            production = item.production_ids.with_user(self.operator)
            self.cancel(item)
            with self.subTest(quantity=quantity):
                if quantity == 1:
                    self.assert_stopped(production.action_generate_serial)
                    continue
                wizard = Form.from_action(production.env, production.action_generate_serial())
                wizard.lot_name = "N1"
                wizard.lot_quantity = 2
                wizard = wizard.save()
                wizard.action_generate_serial_numbers()
                self.assert_stopped(wizard.action_apply)

    def test_batch_of_transfers(self):
        if "stock.picking.batch" not in self.env:
            self.skipTest("stock_picking_batch is not installed")
        self.picking.sudo().move_ids.write({"quantity": 5, "picked": True})
        batch = self.env["stock.picking.batch"].with_user(self.packer).create({"picking_ids": self.picking.ids})
        batch.action_confirm()
        self.assert_stopped(batch.action_done)

    def test_preparing_is_free(self):
        """What is reserved, planned or ticked is neither started nor shipped."""
        self.production.do_unreserve()
        self.production.action_assign()
        self.production.move_raw_ids.quantity = 3
        self.production.button_plan()
        self.production.sudo().button_mark_done()
        self.picking.do_unreserve()
        self.picking.action_assign()
        self.picking.move_ids.write({"quantity": 5, "picked": True})
        self.env.cr.flush()
        self.assertEqual(self.picking.state, "assigned")

    def test_paused_work_order(self):
        """Odoo writes no state when it goes on, only the time log of the user who works on it."""
        item = self.sell_one(self.poster, order="2", item="2")
        workorder = item.production_ids.workorder_ids[0].with_user(self.operator)
        workorder.button_start()
        workorder.button_pending()
        self.cancel(item)
        self.assert_stopped(workorder.button_start)
        log = workorder._prepare_timeline_vals(0, workorder.date_start)
        self.assert_stopped(lambda: workorder.write({"time_ids": [Command.create(log)]}))

    def test_rest_of_an_order_that_goes_on(self):
        """What a user decided for an order holds for the part of it that is made later."""
        self.production.action_cloudprinter_go_on()
        self.produce(self.production, 2, backorder=True)
        rest = self.item.production_ids.with_user(self.operator) - self.production
        self.assertEqual((self.production.state, rest.product_qty), ("done", 3))
        self.produce(rest)
        self.assertEqual(rest.state, "done")

    def test_goods_go_back_into_stock(self):
        """A canceled item that was picked already is put back without a question."""
        self.warehouse.delivery_steps = "pick_ship"
        picking = self.sell((self.book, 1, "back"), order="2").picking_ids[0]
        item = picking.cloudprinter_item_ids
        self.deliver(picking)
        self.assertEqual(picking.state, "done")
        self.cancel(item)
        self.assertEqual(item.attention, "canceled_open")
        self.take_back(picking, 1)

    def test_user_decides_to_go_on(self):
        """The question names the document; its button records who decided, and the work is done as usual."""
        message, action, _label, context = self.assert_stopped(self.production.button_mark_done)
        self.assertIn(self.production.name, message)
        self.env["ir.actions.server"].with_user(self.operator).with_context(**context).browse(action).run()
        self.env.cr.flush()
        self.assertFalse(self.production.cloudprinter_stop)
        self.assertFalse(self.production.workorder_ids[0].cloudprinter_stop)
        changes = self.production.sudo().message_ids.tracking_value_ids.field_id.mapped("name")
        self.assertIn("cloudprinter_go_on", changes)
        self.produce(self.production)
        self.assertEqual(self.production.state, "done")

        self.assertEqual(self.picking.cloudprinter_stop, "all", "the delivery is a decision of its own")
        self.picking.action_cloudprinter_go_on()
        self.deliver(self.picking)
        self.assertEqual(self.picking.state, "done")
        self.assert_received(self.item, ["ItemRegistered", "ItemCanceled"])

    def test_only_what_is_stopped_needs_a_decision(self):
        other = self.sell_one(self.poster, order="2", item="other").production_ids.with_user(self.operator)
        other.action_cloudprinter_go_on()
        self.assertFalse(other.cloudprinter_go_on)
        self.assert_stopped((self.production | other).button_mark_done)
        self.produce(other)
        self.assertEqual(other.state, "done")

    def test_scheduled_actions_and_other_modules_go_on(self):
        self.production.sudo().workorder_ids[0].button_start()
        self.production.sudo().button_mark_done()
        self.assertEqual(self.production.state, "done")

    def test_what_the_question_costs(self):
        """Documents without items pay at most the query for their items, which is needed for their stage too."""
        unlinked = self.env["mrp.production"].create({"product_id": self.poster.id}).with_user(self.operator)
        transfer = self.env["stock.picking"].create({"picking_type_id": self.warehouse.out_type_id.id})
        linked = self.sell_one(self.poster, order="2", item="2").production_ids.with_user(self.operator)
        for document, most in ((unlinked, 1), (transfer.with_user(self.packer), 0), (linked, 4)):
            self.env.flush_all()
            self.env.invalidate_all()
            document.mapped("state")
            if document._name == "stock.picking":
                document.move_ids.mapped("state")
            before = self.env.cr.sql_log_count
            document._cloudprinter_check_stop()
            self.assertLessEqual(self.env.cr.sql_log_count - before, most, document)

    def test_what_is_over_is_not_stopped(self):
        self.production.sudo().button_mark_done()
        self.env.cr.flush()
        self.assertEqual(self.item.attention, "canceled_open", "the delivery is open")
        self.assertFalse(self.production.cloudprinter_stop)
        self.assertEqual(self.picking.cloudprinter_stop, "all")

    def test_gang_run_goes_on(self):
        """Only some of its items are canceled."""
        other = self.sell_one(self.poster, order="2", item="other")
        self.production.sudo().cloudprinter_item_ids = [Command.link(other.id)]
        self.assertEqual(self.production.cloudprinter_stop, "some")
        self.production.workorder_ids[0].button_start()
        self.assertEqual(self.production.state, "progress")

    def test_primary_buttons_of_other_modules_are_hidden_too(self):
        for document, action in ((self.production, "button_plan"), (self.picking, "action_assign")):
            view = self.env["ir.ui.view"].browse(document.get_view(view_type="form")["id"])
            self.env["ir.ui.view"].create(
                {
                    "name": "other module",
                    "model": document._name,
                    "inherit_id": view.id,
                    "arch": f"""<header position="inside">
                        <button name="{action}" type="object" string="Other" class="oe_highlight"/>
                    </header>""",
                }
            )
            arch = etree.fromstring(document.get_view(view_type="form")["arch"])
            primary = arch.xpath("/form/header//button[contains(@class, 'highlight') or contains(@class, 'primary')]")
            self.assertGreater(len(primary), 1)
            for button in primary:
                self.assertIn("cloudprinter_stop == 'all'", button.get("invisible"))


@tagged("post_install", "-at_install", "cloudprinter")
class TestNotStopped(CloudprinterCase):
    def test_many_components(self):
        """Odoo writes each component for itself. The stage is not derived each time, which would read all of them."""
        papers = self.env["product.product"].create([{"name": f"Paper {n}", "is_storable": True} for n in range(9)])
        for paper in papers:
            self.put_on_stock(paper)
        self.poster.product_tmpl_id.bom_ids.bom_line_ids = [
            Command.create({"product_id": paper.id}) for paper in papers
        ]
        production = self.sell_one(self.poster).production_ids.with_user(self.operator)
        items = self.registry["cloudprinter.item"]
        with patch.object(items, "_derive_stage", autospec=True, side_effect=items._derive_stage) as derive:
            production.workorder_ids[0].button_start()
            self.env.cr.flush()
        self.assertEqual(production.move_raw_ids.mapped("picked"), [True] * 10)
        self.assertLessEqual(derive.call_count, 2)


@tagged("post_install", "-at_install", "cloudprinter")
class TestSomeCanceled(StopCase):
    """Given: two items in one transfer, of which one was then canceled at Cloudprinter."""

    def setUp(self):
        super().setUp()
        sale = self.sell((self.book, 1, "stays"), (self.book, 2, "leaves"), order="2")
        self.picking = sale.picking_ids.with_user(self.packer)
        self.canceled, self.other = sale.order_line.cloudprinter_item_id
        self.cancel(self.canceled)

    def answer(self, action, context):
        action = self.env["ir.actions.server"].with_user(self.packer).browse(action)
        return action.with_context(**context).run()

    def assert_only_the_other_left(self):
        self.env.cr.flush()
        self.send()
        self.assertEqual(self.picking.state, "done")
        self.assertEqual(self.canceled.move_ids.mapped("state"), ["cancel"])
        self.assertEqual((self.canceled.stage, self.other.stage), ("canceled", "shipped"))
        self.assertFalse(self.canceled.attention)
        self.assert_received(self.canceled, ["ItemRegistered", "ItemCanceled"])
        self.assert_received(self.other, ALL_BUT_PACKED)

    def test_validate_asks(self):
        """The question names item and transfer; its button takes the item out, and no dialog follows."""
        self.picking.carrier_tracking_ref = "1A2B3C"
        message, action, label, context = self.assert_stopped(self.picking.button_validate)
        self.assertIn("stays (1 × Book)", message)
        self.assertNotIn("leaves", message)
        self.assertIn(self.picking.name, message)
        self.assertEqual(label, "Take Out")
        self.answer(action, context)
        self.assertTrue(self.picking.button_validate())
        self.assert_only_the_other_left()

    def test_all_ways_ask(self):
        self.picking.move_ids.picked = True
        for act in (
            self.picking.button_validate,
            self.picking.with_context(skip_backorder=True).button_validate,
            lambda: self.picking.move_ids.write({"state": "done"}),
        ):
            self.assert_stopped(act)

    def test_taken_out_by_hand(self):
        """Nothing is asked where only the others are picked; a decision is needed for the rest alone."""
        self.picking.carrier_tracking_ref = "1A2B3C"
        self.other.move_ids.with_user(self.packer).picked = True
        self._answer(self.picking.button_validate(), "process", self.packer)
        self.env.cr.flush()
        self.assertEqual((self.picking.state, self.other.stage), ("done", "shipped"))
        rest = self.canceled.move_ids.picking_id.with_user(self.packer)
        self.assertEqual(rest.cloudprinter_stop, "all")
        self.assert_stopped(rest.button_validate)

    def test_in_steps(self):
        """What is taken out of the first step is not waited for in the last one."""
        self.warehouse.delivery_steps = "pick_ship"
        sale = self.sell((self.book, 1, "3"), (self.book, 2, "4"), order="3")
        canceled = sale.order_line[0].cloudprinter_item_id
        self.cancel(canceled)
        picking = sale.picking_ids.filtered(lambda each: each.picking_type_code == "internal").with_user(self.packer)
        _message, action, _label, context = self.assert_stopped(picking.button_validate)
        self.answer(action, context)
        self.deliver(picking, tracking=False)
        self.deliver(sale.picking_ids - picking)
        self.assertEqual(set(sale.picking_ids.mapped("state")), {"done"})
        self.assertNotIn("done", canceled.move_ids.mapped("state"))

    def test_taking_out_needs_the_right_to_write(self):
        stranger = new_test_user(self.env, login="cp_stranger", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.picking.with_user(stranger).action_cloudprinter_take_out()

    def test_what_goes_on_is_not_taken_out(self):
        self.cancel(self.other)
        self.picking.action_cloudprinter_go_on()
        self.picking.action_cloudprinter_take_out()
        self.assertNotIn("cancel", self.picking.move_ids.mapped("state"))


@tagged("post_install", "-at_install", "cloudprinter")
class TestStopInTheBrowser(StopCase, HttpCase):
    def count_primary(self, document, action, user, tour="cloudprinter_stopped_form"):
        self.env.cr.flush()
        self.start_tour(f"/odoo/action-{action}/{document.id}", tour, login=user.login)

    def test_manufacturing_order_has_no_primary_button(self):
        for state in ("draft", "confirmed", "progress", "to_close"):
            with self.subTest(state), self.env.cr.savepoint() as savepoint:
                if state != "confirmed":
                    self.make(state)
                self.count_primary(self.production, "mrp.mrp_production_action", self.operator)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_transfer_has_no_primary_button(self):
        action = "stock.action_picking_tree_all"
        self.count_primary(self.picking, action, self.packer)
        self.production.sudo().button_mark_done()
        self.env.cr.flush()
        self.assertEqual(self.picking.state, "assigned")
        self.count_primary(self.picking, action, self.packer)
        self.picking.sudo().do_unreserve()
        self.count_primary(self.picking, action, self.packer)

    def test_work_order_has_no_primary_button(self):
        workorder = self.production.workorder_ids[0]
        self.count_primary(workorder, "mrp.mrp_workorder_todo", self.operator)

    def test_operator_goes_on_by_decision(self):
        """One click and its confirmation more than for other orders, and the usual buttons are back."""
        self.count_primary(self.production, "mrp.mrp_production_action", self.operator, "cloudprinter_go_on")
        self.assertTrue(self.production.cloudprinter_go_on)

    def test_lists_and_cards(self):
        for action, tour, user in (
            ("mrp.mrp_production_action", "cloudprinter_stopped_list", self.operator),
            ("stock.action_picking_tree_all", "cloudprinter_stopped_list", self.packer),
            ("mrp.mrp_workorder_todo", "cloudprinter_stopped_work_orders", self.operator),
        ):
            with self.subTest(action):
                self.start_tour(f"/odoo/action-{action}", tour, login=user.login)
        self.assertTrue(self.production.cloudprinter_go_on, "decided in the dialog of the work order's status")
