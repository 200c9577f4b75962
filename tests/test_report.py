"""The dialog for manual reports, and decisions about items."""

from ast import literal_eval
from datetime import timedelta

from freezegun import freeze_time
from lxml import etree

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from ..models.cloudprinter_item_attention import ATTENTION
from .common import ALL_BUT_PACKED, ORDER, CloudprinterCase


class DialogCase(CloudprinterCase):
    def open(self, records, kind, user=None):
        """Press the button of that kind and return the dialog's form."""
        records = records.with_user(user or self.manager).with_context(default_kind=kind)
        action = (
            records.action_report() if records._name == "cloudprinter.item" else records.action_cloudprinter_report()
        )
        return Form.from_action(self.env(user=user or self.manager), action)

    def choose(self, form, **values):
        """Fill in the dialog, press its button and return the button's result."""
        for name, value in values.items():
            setattr(form, name, value)
        return form.save().action_report()

    def untick(self, form, item):
        for index in range(len(form.line_ids)):
            with form.line_ids.edit(index) as line:
                if line.item_id == item:
                    line.is_chosen = False

    def get_problem(self, form):
        """Return why the only item cannot be reported."""
        self.assertTrue(form.is_single)
        return form.problem

    def in_hours(self, hours):
        return fields.Datetime.now() + timedelta(hours=hours)


@tagged("post_install", "-at_install", "cloudprinter")
class TestDelay(DialogCase):
    def test_operator_reports_a_delay_of_their_order(self):
        item = self.sell_one()
        form = self.open(item.production_ids, "delay", self.operator)
        form.reason = "Machine breakdown"
        form.ready_date = self.in_hours(48)
        self.assertRegex(form.preview, "^Item 123456780001 will be ready on .*: “Machine breakdown”.$")
        answer = self.choose(form)
        self.assertIn("123456780001", answer["params"]["message"])
        delay = self.get_outbox(item, type="ItemDelay")
        self.assertEqual((delay.cause, delay.delay, delay.user_id), ("Machine breakdown", "48", self.operator))
        self.send()
        self.assert_received(item, ["ItemRegistered", "ItemDelay"])

    def test_reason_is_sent_in_english(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.operator.lang = "de_DE"
        item = self.sell_one()
        self.choose(self.open(item.production_ids, "delay", self.operator), reason="Material missing")
        self.assertEqual(self.get_outbox(item, type="ItemDelay").cause, "Material missing")

    def test_the_text_may_be_another(self):
        item = self.accept(ORDER)
        form = self.open(item, "delay", self.operator)
        form.reason = "Public holiday"
        self.choose(form, message="Closed on Christmas Day")
        self.assertEqual(self.get_outbox(item, type="ItemDelay").cause, "Closed on Christmas Day")

    def test_many_orders_at_once(self):
        sale = self.sell(*[(self.book, 1, f"12345678000{n}") for n in range(1, 4)])
        form = self.open(sale.mrp_production_ids, "delay", self.operator)
        self.assertFalse(form.is_single)
        self.choose(form, reason="Public holiday", ready_date=self.in_hours(72))
        self.assertEqual(self.get_outbox(sale.cloudprinter_item_ids, type="ItemDelay").mapped("delay"), ["72"] * 3)

    def test_what_is_over_cannot_be_ticked(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id)
        self.send()
        form = self.open(item, "delay", self.operator)
        self.assertIn("final", self.get_problem(form))
        with self.assertRaisesRegex(UserError, "final"):
            form.save().action_report()

    def test_what_cannot_be_reported_is_left_out(self):
        sale = self.sell((self.book, 5, "123456780001"), (self.poster, 2, "123456780002"))
        book, poster = sale.cloudprinter_item_ids.sorted("name")
        book.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        self.env.cr.flush()
        form = self.open(sale.mrp_production_ids, "delay", self.operator)
        self.assertTrue(form.has_problems)
        form.reason = "Public holiday"
        self.assertIn("Item 123456780002 ", form.preview)
        self.untick(form, poster)
        self.assertEqual(form.preview, "Nothing: no item is selected.")
        with self.assertRaisesRegex(UserError, "Select at least one"):
            self.choose(form)

    def test_hours_are_counted_from_now_and_rounded_up(self):
        item = self.sell_one()
        for minutes, hours in ((1, "1"), (60, "1"), (61, "2"), (24 * 60, "24")):
            with self.subTest(minutes=minutes), freeze_time("2027-03-01 10:20:30"):
                date = self.in_hours(minutes / 60)
                self.choose(self.open(item, "delay"), reason="High workload", ready_date=date)
                self.assertEqual(self.get_outbox(item, type="ItemDelay")[-1].delay, hours)
                self.assertEqual(item.promised_date, date, "what the user entered, not full hours")

    def test_proposed_date(self):
        """A full hour, one day after what was promised, or after now."""
        item = self.sell_one()
        for promised, expected in (
            (False, "2027-03-02 11:00:00"),
            ("2027-02-01 10:00:00", "2027-03-02 11:00:00"),
            ("2027-03-05 16:00:00", "2027-03-06 16:00:00"),
        ):
            with self.subTest(promised), freeze_time("2027-03-01 10:20:30"):
                item.promised_date = promised
                self.assertEqual(self.open(item, "delay").ready_date, fields.Datetime.to_datetime(expected))

    def test_date_is_over(self):
        form = self.open(self.sell_one(), "delay", self.operator)
        form.reason = "High workload"
        form.ready_date = self.in_hours(-1)
        with self.assertRaisesRegex(UserError, "in the future"):
            form.save().action_report()

    def test_work_order(self):
        """It is reported from the form of a work order, and from several in the list."""
        sale = self.sell((self.poster, 1, "123456780001"), (self.poster, 2, "123456780002"))
        workorder, other = (production.workorder_ids[:1] for production in sale.mrp_production_ids)
        self.choose(self.open(workorder, "delay", self.operator), reason="Machine breakdown")
        item = workorder.cloudprinter_item_ids
        self.assertEqual(self.get_outbox(sale.cloudprinter_item_ids, type="ItemDelay").item_id, item)
        action = self.env.ref("cloudprinter.mrp_workorder_action_report").with_user(self.operator)
        context = {"active_model": "mrp.workorder", "active_ids": (workorder | other).ids}
        form = Form.from_action(self.env(user=self.operator), action.with_context(**context).run())
        self.choose(form, reason="Public holiday")
        delays = self.get_outbox(sale.cloudprinter_item_ids, type="ItemDelay")
        self.assertEqual(delays.mapped("item_id"), sale.cloudprinter_item_ids)
        self.assertEqual(len(delays), 2, "the first item has this ship-by date already")

    def test_nothing_follows_a_queued_cancellation(self):
        """Cloudprinter receives the cancellation first and would refuse the delay."""
        item = self.sell_one()
        item.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        self.env.cr.flush()
        form = self.open(item.production_ids, "delay", self.operator)
        self.assertIn("Canceled is sent first", self.get_problem(form))

    def test_button_is_only_for_those_who_may(self):
        for user, expected in ((self.operator, 1), (self.packer, 1), (self.salesman, 0)):
            views = self.env["cloudprinter.item"].with_user(user).get_views([(False, "list")])
            arch = views["views"]["list"]["arch"]
            self.assertEqual(arch.count('string="Report a Delay"'), expected, user.login)

    def test_item_that_was_shipped_while_the_dialog_was_open(self):
        item = self.sell_one()
        form = self.open(item, "delay", self.operator)
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id)
        with self.assertRaisesRegex(UserError, "Shipped is sent first"):
            self.choose(form, reason="Public holiday")

    def test_a_reason_is_needed(self):
        item = self.accept(ORDER)
        with self.assertRaises(AssertionError):
            self.open(item, "delay", self.operator).save()

    def test_nothing_is_linked(self):
        sale = self.sell((self.book, 1, None), order=False)
        with self.assertRaisesRegex(UserError, "None of these documents"):
            self.open(sale.mrp_production_ids, "delay", self.operator)


@tagged("post_install", "-at_install", "cloudprinter")
class TestCancel(DialogCase):
    def test_sales_order_is_canceled_with_all_that_belongs_to_it(self):
        """The customer calls: nothing is printed or delivered, and Cloudprinter is informed."""
        sale = self.sell((self.book, 5, "123456780001"), (self.poster, 2, "123456780002"))
        form = self.open(sale, "cancel", self.manager)
        self.assertEqual(form.cause, "CancelUserRequest")
        self.choose(form)
        items = sale.cloudprinter_item_ids
        self.assertEqual(set(items.mapped("stage")), {"canceled"})
        self.assertEqual(sale.state, "cancel")
        self.assertEqual(set(items.production_ids.mapped("state")), {"cancel"})
        self.assertEqual(sale.picking_ids.state, "cancel")
        self.assertFalse(any(items.mapped("attention")))
        self.send()
        for item in items:
            self.assert_received(item, ["ItemRegistered", "ItemCanceled"])

    def test_what_is_not_cloudprinters_stays(self):
        sale = self.sell((self.book, 5, "123456780001"), (self.poster, 2, None))
        book, poster = sale.order_line
        self.choose(self.open(sale, "cancel"))
        self.assertEqual(book.cloudprinter_item_id.stage, "canceled")
        self.assertEqual((sale.state, book.product_uom_qty, poster.product_uom_qty), ("sale", 0, 2))
        self.assertNotIn("cancel", poster.move_ids.mapped("state"))

    def test_only_what_is_canceled_is_settled(self):
        """The button is pressed on an outdated page."""
        item = self.sell_one()
        with self.assertRaisesRegex(UserError, "None of these items is canceled"):
            item.with_user(self.manager).action_cancel_open_documents()
        self.assertEqual((item.stage, item.sale_line_id.product_uom_qty), ("registered", 5))
        self.assertNotIn("cancel", item.move_ids.mapped("state"))

    def test_one_item_of_an_order(self):
        sale = self.sell((self.book, 5, "123456780001"), (self.poster, 2, "123456780002"))
        book, poster = sale.cloudprinter_item_ids.sorted("name")
        form = self.open(sale, "cancel", self.manager)
        self.untick(form, poster)
        self.choose(form, cause="CancelPageCount")
        self.assertEqual((book.stage, poster.stage), ("canceled", "registered"))
        self.assertEqual(book.sale_line_id.product_uom_qty, 0)
        self.assertEqual(book.production_ids.state, "cancel")
        self.assertEqual(poster.production_ids.state, "confirmed")
        self.assertEqual(sale.state, "sale")
        self.assertEqual(sale.picking_ids.move_ids.filtered(lambda m: m.state != "cancel").product_id, self.poster)

    def test_only_what_is_ticked_is_canceled_here(self):
        item = self.sell_one()
        form = self.open(item, "cancel")
        self.choose(form, cause="CancelMiscError", settle_productions=False, settle_sale_lines=False)
        self.assertEqual(item.stage, "canceled")
        self.assertEqual(item.production_ids.state, "confirmed")
        self.assertEqual(item.sale_line_id.product_uom_qty, 5)
        self.send()
        self.env.invalidate_all()
        self.assertEqual(item.attention, "canceled_open")
        # the screen of another manager still shows what was needed before
        shown = item.with_user(self.manager).with_context(attention_kinds=["refused", "expired"])
        with self.assertRaisesRegex(UserError, "already been handled"):
            shown.action_next_step()
        item.with_user(self.manager).with_context(attention_kinds=["canceled_open"]).action_next_step()
        self.assertEqual(item.production_ids.state, "cancel")
        self.assertFalse(item.attention)
        with self.assertRaisesRegex(UserError, "already been handled"):
            item.with_user(self.manager).action_next_step()

    def test_buttons_of_the_next_step(self):
        """Each kind of attention has one button in the list and in the form, in the user's language."""
        self.env["res.lang"]._activate_lang("de_DE")
        for view_type in ("list", "form"):
            with self.subTest(view_type=view_type):
                views = self.env["cloudprinter.item"].with_user(self.manager).with_context(lang="de_DE")
                arch = etree.fromstring(views.get_view(view_type=view_type)["arch"])
                buttons = arch.xpath("//button[@name='action_next_step']")
                kinds = [kind for button in buttons for kind in literal_eval(button.get("context"))["attention_kinds"]]
                self.assertEqual(sorted(kinds), sorted(ATTENTION))
                self.assertIn("Neu drucken", [button.get("string") for button in buttons])

    def test_one_of_a_gang_run(self):
        sale = self.sell((self.book, 1, "123456780001"), (self.book, 1, "123456780002"))
        first, second = sale.cloudprinter_item_ids.sorted("name")
        production = sale.mrp_production_ids[:1]
        (sale.mrp_production_ids - production).action_cancel()
        production.cloudprinter_item_ids = [Command.set((first | second).ids)]
        form = self.open(production, "cancel")
        self.untick(form, second)
        self.choose(form, cause="CancelUserRequest")
        self.assertEqual((first.stage, second.stage), ("canceled", "registered"))
        self.assertEqual(production.state, "confirmed", "the other one is still printed")

    def test_only_this_manufacturing_order(self):
        item = self.sell_one()
        production = item.production_ids
        action = self.choose(self.open(production, "cancel"), scope="document")
        again = self.env["mrp.production"].browse(action["res_id"])
        self.assertEqual((production.state, again.state, again.product_qty), ("cancel", "draft", 5))
        self.assertEqual(again.cloudprinter_item_ids, item)
        self.assertEqual(item.stage, "registered")
        self.assert_outbox(item, ["ItemRegistered"])
        again.with_user(self.manager).action_confirm()
        self.produce(again)
        self.deliver(item.move_ids.picking_id)
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_nothing_is_made_again_of_what_was_canceled_meanwhile(self):
        item = self.sell_one()
        production = item.production_ids
        form = self.open(production, "cancel")
        item.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        self.choose(form, scope="document")
        self.assertEqual(production.state, "cancel")
        self.assertFalse(self.env["mrp.production"].search([("id", ">", production.id)]))

    def test_unticked_stays_unticked(self):
        sale = self.sell((self.book, 5, "123456780001"), (self.poster, 2, "123456780002"))
        book, poster = sale.cloudprinter_item_ids.sorted("name")
        form = self.open(sale, "cancel")
        self.untick(form, poster)
        form.scope = "document"
        form.scope = "item"
        self.choose(form)
        self.assertEqual((book.stage, poster.stage), ("canceled", "registered"))

    def test_dialog_without_a_document(self):
        values = {"kind": "cancel", "scope": "document", "line_ids": [Command.create({"item_id": self.sell_one().id})]}
        for document in ({}, {"res_model": "mrp.workorder", "res_id": 1}, {"res_model": "stock.picking"}):
            report = self.env["cloudprinter.report"].with_user(self.operator).create({**values, **document})
            with self.assertRaisesRegex(UserError, "no document"):
                report.action_report()

    def test_operator_cancels_only_their_document(self):
        item = self.sell_one()
        form = self.open(item.production_ids, "cancel", self.operator)
        self.assertEqual(form.scope, "document")
        report = form.save()
        report.scope = "item"
        report.write({"cause": "CancelMiscError", "message": "x"})
        with self.assertRaises(AccessError):
            report.action_report()

    def test_salesperson_cancels_their_order_and_a_manager_decides(self):
        sale = self.sell((self.book, 5, "123456780001"))
        # Odoo's purchase_stock requires access to purchase orders to cancel a sales order
        self.salesman.group_ids += self.env.ref("stock.group_stock_user")
        self.choose(self.open(sale, "cancel", self.salesman))
        self.assertEqual(sale.state, "cancel")
        item = sale.cloudprinter_item_ids
        self.assertEqual(item.attention, "delivery_canceled")
        action = item.with_user(self.manager).action_next_step()
        self.choose(Form.from_action(self.env(user=self.manager), action), cause="CancelUserRequest")
        self.assertEqual(item.production_ids.state, "cancel")
        self.assertEqual(self.get_outbox(item, type="ItemCanceled").state, "outgoing")

    def test_canceled_before_needs_no_dialog(self):
        item = self.sell_one()
        form = self.open(item, "cancel")
        self.choose(form, cause="CancelMiscError", settle_productions=False)
        production = item.production_ids.with_user(self.operator)
        production.with_context(default_kind="cancel").action_cloudprinter_report()
        self.assertEqual(production.state, "cancel")

    def test_what_has_left_cannot_be_ticked(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id, tracking=False)
        form = self.open(item, "cancel")
        self.assertIn("already been shipped", self.get_problem(form))


@tagged("post_install", "-at_install", "cloudprinter")
class TestByHand(DialogCase):
    def make_test_order(self):
        order = self.env["cloudprinter.order"].with_user(self.manager).create({"name": "900", "is_test": True})
        return self.env["cloudprinter.item"].with_user(self.manager).create({"name": "901", "order_id": order.id})

    def test_test_order_is_reported_step_by_step(self):
        item = self.make_test_order()
        for step in ("registered", "in_production", "produced", "packed"):
            self.choose(self.open(item, "step"), step=step)
        self.choose(self.open(item, "step"), step="shipped", tracking="TEST", shipping_option="TEST")
        self.send()
        self.assert_received(item, ["ItemRegistered", "ItemProduce", "ItemProduced", "ItemPacked", "ItemShipped"])
        self.assertEqual(set(item.signal_ids.mapped("origin")), {"manual"})

    def test_what_was_skipped_goes_before(self):
        item = self.make_test_order()
        self.choose(self.open(item, "shipped"), tracking="TEST", shipping_option="TEST")
        with self.enter_registry_test_mode():
            self.env.ref("cloudprinter.ir_cron_check_open_items").method_direct_trigger()
        self.assert_outbox(item, ALL_BUT_PACKED, "and the daily check takes none of them back")

    def test_nothing_goes_back(self):
        self.company.cloudprinter_report_produce = False
        item = self.make_test_order()
        self.choose(self.open(item, "step"), step="packed")
        form = self.open(item, "step")
        form.step = "in_production"
        self.assertIn("already been reported", self.get_problem(form))
        form.step = "shipped"
        self.assertFalse(form.problem, "another step may be chosen")
        with self.assertRaisesRegex(UserError, "already past"):
            item.with_user(self.manager).report_step("ItemProduce")

    def test_shipped_by_hand_completes_what_waits(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id, tracking=False)
        self.assertEqual(item.attention, "missing_tracking")
        form = self.open(item, "shipped")
        self.assertEqual(form.shipping_option, "GLS", "what the delivery says")
        self.choose(form, tracking="ABC")
        self.send()
        self.assert_received(item, ALL_BUT_PACKED)
        self.assertEqual(self.get_outbox(item, type="ItemShipped").tracking, "ABC")

    def test_pasted_code_has_a_line_break(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id, tracking=False)
        item.with_user(self.manager).report_step("ItemShipped", " 1A\n2B\t", "GLS\n")
        shipped = self.get_outbox(item, type="ItemShipped")
        self.assertEqual((shipped.state, shipped.tracking, shipped.shipping_option), ("outgoing", "1A 2B", "GLS"))

    def test_work_in_odoo_goes_on_after_it(self):
        item = self.sell_one()
        self.choose(self.open(item, "step"), step="produced")
        self.produce(item.production_ids)
        self.deliver(item.move_ids.picking_id)
        self.send()
        self.assert_received(item, ALL_BUT_PACKED)

    def test_managers_only(self):
        item = self.accept(ORDER)
        for user in (self.operator, self.packer, self.salesman, self.accountant):
            with self.assertRaises(AccessError):
                item.with_user(user).report_step("ItemProduced")

    def test_unknown_step(self):
        item = self.accept(ORDER)
        for signal_type in ("ItemCanceled", "ItemDelay", "x", None):
            with self.assertRaises(UserError):
                item.with_user(self.manager).report_step(signal_type)

    def test_reprint_of_a_part_of_a_kit(self):
        card = self._create_product("Card")
        box = self.env["product.product"].create({"name": "Box of Cards", "is_storable": True})
        self.env["mrp.bom"].create(
            {
                "product_tmpl_id": box.product_tmpl_id.id,
                "type": "phantom",
                "bom_line_ids": [Command.create({"product_id": card.id, "product_qty": 4})],
            }
        )
        item = self.sell_one(box, quantity=5)
        item.production_ids.action_cancel()
        action = item.with_user(self.manager).action_reprint()
        again = self.env["mrp.production"].browse(action["res_id"])
        self.assertEqual((again.product_id, again.product_qty), (card, 20))

    def test_reprint(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        action = item.with_user(self.manager).action_reprint()
        again = self.env["mrp.production"].browse(action["res_id"])
        self.assertEqual((again.state, again.product_qty, again.cloudprinter_item_ids), ("draft", 5, item))
        self.assertTrue(again.move_raw_ids, "with its bill of materials")
        item.move_ids.picking_id.action_cancel()
        self.assertFalse(self.get_outbox(item, type="ItemCanceled"), "it is printed again")


@tagged("post_install", "-at_install", "cloudprinter")
class TestDecide(DialogCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keep_in_stock(cls.book)

    def refuse(self):
        item = self.sell_one()
        self.server.misbehave(times=1, status=400)
        self.send()
        self.assertEqual(item.attention, "refused")
        return item

    def test_send_again_as_it_was(self):
        item = self.refuse()
        before = self.get_outbox(item).event_date
        item.with_user(self.manager).action_next_step()
        self.send()
        self.assert_received(item, ["ItemRegistered"])
        self.assertEqual(self.get_outbox(item).event_date, before)
        self.assertFalse(item.attention)

    def test_correcting_an_id_sends_what_was_refused(self):
        item = self.refuse()
        item.with_user(self.manager).name = "123456780009"
        self.send()
        self.assert_received(item, ["ItemRegistered"])

    def test_correcting_the_order_id_sends_what_was_refused(self):
        item = self.refuse()
        item.order_id.with_user(self.manager).name = "987"
        self.send()
        self.assert_received(item, ["ItemRegistered"])

    def test_order_id_is_corrected_although_an_item_is_over(self):
        item = self.refuse()
        self.env["cloudprinter.signal"]._insert(
            [{"item_id": item.id, "type": "ItemDelay", "state": "error", "failure_type": "refused"}]
        )
        item._report_before({item: "shipped"})
        item.order_id.with_user(self.manager).name = "123456780099"
        self.assertEqual(item.order_id.name, "123456780099")

    def test_discard_with_a_reason(self):
        item = self.refuse()
        action = item.with_user(self.manager).action_discard()
        form = Form.from_action(self.env(user=self.manager), action)
        with self.assertRaises(AssertionError):
            form.save()
        form.reason = "Agreed on the phone"
        form.save().action_discard()
        signal = item.signal_ids
        self.assertEqual((signal.state, signal.discard_reason), ("canceled", "Agreed on the phone"))
        self.assertIn("Agreed on the phone", item.message_ids[0].body)
        self.assertEqual(item.message_ids[0].author_id, self.manager.partner_id)
        self.send()
        self.assert_received(item, [])

    def test_send_after_all(self):
        item = self.refuse()
        item.signal_ids.with_user(self.manager).action_discard("By mistake")
        item.signal_ids.with_user(self.manager).action_send()
        self.send()
        self.assert_received(item, ["ItemRegistered"])

    def test_short_shipment_is_reported(self):
        item = self.sell_one(quantity=100)
        self.deliver(item.move_ids.picking_id, quantity=50, backorder=False)
        self.assertEqual(item.attention, "short")
        item.with_user(self.manager).action_next_step()
        self.send()
        self.assert_received(item, ALL_BUT_PACKED)

    def test_correction_is_sent(self):
        item = self.sell_one()
        self.deliver(item.move_ids.picking_id)
        self.send()
        item.move_ids.picking_id.with_user(self.packer).carrier_tracking_ref = "OTHER"
        self.assertEqual(item.attention, "correction")
        item.with_user(self.manager).action_next_step()
        self.send()
        self.assert_received(item, [*ALL_BUT_PACKED, "ItemShipped"])

    def test_missing_tracking_leads_to_the_transfer(self):
        item = self.sell_one()
        self.deliver(item.move_ids.picking_id, tracking=False)
        action = item.with_user(self.packer).action_next_step()
        form = Form.from_action(self.env(user=self.packer), action)
        form.carrier_tracking_ref = "1A2B3C"
        form.save().action_cloudprinter_tracking_entered()
        self.assertEqual(self.get_outbox(item, type="ItemShipped").tracking, "1A2B3C")

    def test_nothing_to_decide(self):
        item = self.accept(ORDER)
        for method in ("action_send_again", "action_discard"):
            with self.assertRaises(UserError):
                getattr(item.with_user(self.manager), method)()

    def test_managers_only(self):
        item = self.refuse()
        for user in (self.operator, self.packer, self.salesman):
            for method in ("action_send_again", "action_discard", "action_cancel_open_documents"):
                with self.assertRaises(AccessError):
                    getattr(item.with_user(user), method)()
