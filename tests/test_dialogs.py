"""Dialogs: what they ask for, what they say, and the dialog in which a tracking code is entered."""

from unittest.mock import patch

from lxml import etree

from odoo.exceptions import UserError
from odoo.tests import Form, HttpCase, tagged

from ..wizard import cloudprinter_report
from .common import ALL_BUT_PACKED, ORDER, CloudprinterCase
from .test_report import DialogCase
from .test_tracking import TrackingCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestDialogs(DialogCase):
    def press_button(self, record, method, kind=None):
        """Press a button as the manager and return the action."""
        record = record.with_user(self.manager)
        return getattr(record.with_context(default_kind=kind) if kind else record, method)()

    def get_asked(self, form):
        """Return the names of the fields that the dialog shows and that may be filled in."""
        names = form._view["tree"].xpath("//field[not(ancestor::field)]/@name")
        return {
            name
            for name in names
            if not form._get_modifier(name, "invisible") and not form._get_modifier(name, "readonly")
        }

    def test_nothing_is_red_at_first(self):
        """Odoo shows required fields of a saved record in red; these dialogs open as new records."""
        item = self.sell_one()
        self.server.misbehave(times=1, status=400)
        self.send()
        for action in (
            *(self.press_button(item, "action_report", kind) for kind in ("delay", "cancel", "step", "shipped")),
            self.press_button(item, "action_discard"),
            self.press_button(item, "action_upload_file"),
            self.press_button(item.order_id, "action_reject"),
        ):
            with self.subTest(action["name"]):
                self.assertNotIn("res_id", action)
                self.assertEqual(action["target"], "new")
                self.assertEqual(Form.from_action(self.env(user=self.manager), action)._values["id"], False)

    def test_title_says_what_it_is_for(self):
        sale = self.sell((self.book, 5, "1"), (self.poster, 2, "2"))
        items = sale.cloudprinter_item_ids
        item = items.sorted("name")[0]
        production = item.production_ids
        self.manager.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        for record, method, kind, title in (
            (item, "action_report", "delay", "Report a Delay"),
            (production, "action_cloudprinter_report", "delay", "Report a Delay"),
            (production.workorder_ids or production, "action_cloudprinter_report", "delay", "Report a Delay"),
            (item, "action_report", "cancel", "Cancel Item"),
            (items, "action_report", "cancel", "Cancel Items"),
            (production, "action_cloudprinter_report", "cancel", f"Cancel {production.name}"),
            (sale, "action_cloudprinter_report", "cancel", f"Cancel {sale.name}"),
            (item, "action_report", "step", "Report Manually"),
            (item.order_id, "action_reject", None, f"Reject Order {ORDER}"),
        ):
            with self.subTest(title):
                self.assertEqual(self.press_button(record, method, kind)["name"], title)

    def test_only_the_missing_field_is_asked(self):
        self.keep_in_stock(self.book)
        for order, tracking, carrier, title, asked in (
            ("1", "1A2B", False, "Enter Option", {"shipping_option"}),
            ("2", False, True, "Enter Tracking", {"tracking"}),
            ("3", False, False, "Report as Shipped", {"tracking", "shipping_option"}),
            ("4", "1A2B", True, "Report as Shipped", {"tracking", "shipping_option"}),
        ):
            with self.subTest(title, order=order):
                item = self.sell_one(order=order, **({} if carrier else {"carrier_id": False}))
                self.deliver(item.move_ids.picking_id, tracking=tracking)
                action = self.press_button(item, "action_report", "shipped")
                self.assertEqual(action["name"], title)
                form = Form.from_action(self.env(user=self.manager), action)
                self.assertEqual(self.get_asked(form), asked)

    def test_kind_is_not_asked(self):
        item = self.accept(ORDER)
        for kind, asked in (
            ("delay", {"reason", "ready_date"}),
            ("cancel", {"cause", "settle_productions", "settle_deliveries", "settle_sale_lines"}),
            ("step", {"step"}),
        ):
            with self.subTest(kind):
                form = self.open(item, kind)
                self.assertEqual(self.get_asked(form), asked)
        form = self.open(item, "delay")
        form.reason = "Other"
        self.assertEqual(self.get_asked(form), {"reason", "ready_date", "message"})
        self.assertFalse(form.message, "the user writes it")
        with self.assertRaises(AssertionError):
            form.save()

    def test_what_cloudprinter_is_told(self):
        sale = self.sell((self.book, 5, "1"), (self.poster, 2, "2"))
        one, both = sale.cloudprinter_item_ids.sorted("name")[0], sale.cloudprinter_item_ids
        form = self.open(one, "delay")
        form.reason = "High workload"
        form.ready_date = "2099-12-01 10:00:00"
        self.assertRegex(form.preview, r"^Item 1 will be ready on 12/1/99.*: “High workload”.$")
        form = self.open(both, "cancel")
        form.cause = "CancelUserRequest"
        self.assertRegex(form.preview, "^Items 1, 2 will not be delivered: “.*”. This cannot be undone.$")
        form = self.open(one.production_ids, "cancel")
        form.scope = "document"
        self.assertEqual(form.preview, "Nothing. The items stay open at Cloudprinter.")
        form = self.open(one, "step")
        for step, expected in (
            ("registered", "Item 1: Confirmed."),
            ("in_production", "Item 1: In Production."),
            ("produced", "Item 1: Produced."),
            ("packed", "Item 1: Packed."),
            ("shipped", "Item 1 left with GLS, tracking code …."),
        ):
            form.step = step
            self.assertEqual(form.preview, expected)
        form.tracking = "1A2B"
        self.assertEqual(form.preview, "Item 1 left with GLS, tracking code 1A2B.")

    def test_words_of_the_api_are_for_developers(self):
        item = self.sell_one()

        def fill_in():
            form = self.open(item, "delay", self.operator)
            form.reason = "High workload"
            form.ready_date = self.in_hours(30)
            return form

        self.assertTrue(fill_in()._get_modifier("signal", "invisible"))
        with self.debug_mode():
            form = fill_in()
            self.assertFalse(form._get_modifier("signal", "invisible"))
            self.assertEqual(form.signal, "ItemDelay  123456780001\ncause: High workload\ndelay: 30")

    def test_list_is_only_for_several(self):
        sale = self.sell((self.book, 5, "1"), (self.poster, 2, "2"))
        self.assertNotIn("line_ids", self.get_asked(self.open(sale.cloudprinter_item_ids[:1], "delay")))
        form = self.open(sale.cloudprinter_item_ids, "delay")
        self.assertIn("line_ids", self.get_asked(form))
        with form.line_ids.edit(0) as line:
            self.assertEqual(line.product, self.book.display_name)

    def test_discarding_one_signal_shows_no_list(self):
        item = self.sell_one()
        action = self.press_button(item.signal_ids, "action_open_discard")
        self.assertEqual(action["name"], "Discard ItemRegistered 123456780001")
        self.assertEqual(self.get_asked(Form.from_action(self.env(user=self.manager), action)), {"reason"})

    def test_long_work_says_how_far_it_is(self):
        """Each part is a transaction of its own; the browser goes on until all is done."""
        sales = [self.sell((self.book, 1, f"{order}1"), (self.book, 1, f"{order}2"), order=order) for order in "ab"]
        items = sales[0].cloudprinter_item_ids | sales[1].cloudprinter_item_ids
        form = self.open(items, "cancel")
        form.cause = "CancelUserRequest"
        report = form.save()
        with patch.multiple(cloudprinter_report, SECONDS=-1, ITEMS_AT_ONCE=1):
            answer = report.action_report()["params"]
            self.assertEqual(answer["message"], "2 of 4 are done.")
            self.assertEqual([sale.state for sale in sales], ["cancel", "sale"], "an order is one part")
            following = self.env["ir.actions.server"].with_user(self.manager).browse(answer["next"]["id"])
            answer = following.with_context(**answer["next"]["context"]).run()["params"]
        self.assertIn("4 items", answer["message"])
        self.assertEqual(set(items.mapped("stage")), {"canceled"})
        self.assertEqual(len(self.get_outbox(items, type="ItemCanceled")), 4)

    def test_closed_before_it_was_through(self):
        """Opened again, the dialog reports what is left, and nothing twice."""
        for kind, values, signal_type in (
            ("delay", {"reason": "High workload"}, "ItemDelay"),
            ("step", {"step": "in_production"}, "ItemProduce"),
            ("cancel", {"cause": "CancelUserRequest"}, "ItemCanceled"),
        ):
            with self.subTest(kind):
                items = self.env["cloudprinter.item"]
                for order in (f"{kind}-1", f"{kind}-2"):
                    items |= self.sell((self.book, 1, order), order=order).cloudprinter_item_ids
                for is_first in (True, False):
                    form = self.open(items, kind)
                    for name, value in values.items():
                        form[name] = value
                    report = form.save()
                    with patch.multiple(cloudprinter_report, SECONDS=-1 if is_first else 60, ITEMS_AT_ONCE=1):
                        report.action_report()
                    told = self.get_outbox(items, type=signal_type)
                    self.assertEqual(told.item_id, items[:1] if is_first else items)
                self.assertEqual(len(told), 2)
                if kind == "delay":
                    self.assertEqual(len(set(items.mapped("promised_date"))), 1)

    def test_date_that_an_item_has_already(self):
        item = self.sell_one()
        item.with_user(self.manager).report_delay(48, "High workload")
        form = self.open(item, "delay")
        form.reason = "Material missing"
        self.assertFalse(form.problem)
        form.ready_date = item.promised_date
        self.assertEqual(form.problem, "It has this ship-by date already.")
        with self.assertRaisesRegex(UserError, "already"):
            form.save().action_report()
        self.assertEqual(len(self.get_outbox(item, type="ItemDelay")), 1)

    def test_values_reach_only_the_dialog(self):
        """What the dialog was opened with is no default of the records that it creates."""
        item = self.sell_one()
        production = item.production_ids.with_user(self.manager).with_context(default_kind="cancel")
        action = production.action_cloudprinter_report()
        # as the web client merges the contexts
        action["context"] = {"default_kind": "cancel", "default_name": "x", **action["context"]}
        form = Form.from_action(self.env(user=self.manager), action)
        form.scope = "document"
        again = self.env["mrp.production"].browse(form.save().action_report()["res_id"])
        self.assertNotEqual(again.name, "x")
        self.assertEqual(again.cloudprinter_item_ids, item)


@tagged("post_install", "-at_install", "cloudprinter")
class TestEnterTracking(TrackingCase):
    def open(self, picking, user=None):
        """Press *Enter Tracking Code* and return the form of the dialog."""
        user = user or self.packer
        action = picking.with_user(user).action_cloudprinter_enter_tracking()
        return Form.from_action(self.env(user=user), action)

    def enter(self, picking, code):
        form = self.open(picking)
        form.carrier_tracking_ref = code
        return form.save().action_cloudprinter_tracking_entered()

    def test_one_field(self):
        _item, picking, signal = self.ship()
        action = picking.with_user(self.packer).action_cloudprinter_enter_tracking()
        self.assertEqual(action["name"], f"Tracking Code of {picking.name}")
        form = self.open(picking)
        self.assertFalse(form._get_modifier("carrier_tracking_ref", "readonly"))
        self.assertTrue(form._get_modifier("carrier_id", "invisible"))
        self.assertEqual(self.enter(picking, "1A2B3C")["type"], "ir.actions.act_window_close")
        self.assert_goes(signal, "1A2B3C")

    def test_missing_carrier_is_asked_too(self):
        _item, picking, signal = self.ship(carrier_id=False)
        form = self.open(picking)
        form.carrier_tracking_ref = "1A2B3C"
        form.save()
        self.assert_waits(signal, "missing_option")
        action = picking.with_user(self.packer).action_cloudprinter_enter_tracking()
        self.assertEqual(action["name"], f"Carrier of {picking.name}")
        form = self.open(picking)
        form.carrier_id = self.carrier
        self.assertFalse(form._get_modifier("carrier_id", "invisible"), "it stays until it is saved")
        form.save()
        self.assert_goes(signal, "1A2B3C")

    def test_code_that_is_there_is_not_replaced(self):
        _item, picking, signal = self.ship()
        late = self.open(picking)
        self.enter(picking, "FIRST")
        with self.assertRaises(AssertionError):
            self.open(picking).carrier_tracking_ref = "SECOND"
        late.carrier_tracking_ref = "SECOND"
        with self.assertRaisesRegex(UserError, f"{picking.name} already has the code FIRST"):
            late.save()
        self.assert_goes(signal, "FIRST")
        # on the delivery itself it can be changed
        self.type_code(picking, "THIRD")
        self.assert_goes(signal, "THIRD")

    def test_code_of_another_delivery_is_said(self):
        _item, first, _signal = self.ship(order="1")
        _item, second, signal = self.ship(order="2")
        self.enter(first, "1A2B3C")
        form = self.open(second)
        self.assertFalse(form.cloudprinter_same_tracking)
        form.carrier_tracking_ref = "1A2B3C, MORE"
        self.assertEqual(form.cloudprinter_same_tracking, first.name)
        form.carrier_tracking_ref = "ANOTHER"
        self.assertFalse(form.cloudprinter_same_tracking)
        answer = self.enter(second, "1A2B3C")
        self.assertIn(f"1A2B3C of {second.name} is also on {first.name}", answer["params"]["message"])
        self.assertEqual(answer["params"]["next"]["type"], "ir.actions.act_window_close")
        self.assert_goes(signal, "1A2B3C", "GLS")

    def test_list_says_it_too(self):
        _item, first, _signal = self.ship(order="1")
        _item, second, _signal = self.ship(order="2")
        self.enter(first, "1A2B3C")
        view = self.env.ref("cloudprinter.stock_picking_view_list_tracking")
        listed = second.with_user(self.packer).with_context(cloudprinter_tracking_list=True)
        answer = listed.onchange(
            {"carrier_tracking_ref": "1A2B3C"},
            ["carrier_tracking_ref"],
            {"carrier_tracking_ref": {}, "cloudprinter_same_tracking": {}, "cloudprinter_has_tracking": {}}
            | {"cloudprinter_waits_for_tracking": {}},
        )["value"]
        self.assertEqual(answer["cloudprinter_same_tracking"], first.name)
        self.assertFalse(answer.get("cloudprinter_has_tracking"), "it may still be corrected")
        self.assertTrue(answer.get("cloudprinter_waits_for_tracking", True), "it is not saved yet")
        self.assertIn('readonly="cloudprinter_has_tracking"', view.arch)
        with self.assertRaisesRegex(UserError, "already has the code"):
            first.with_user(self.packer).with_context(cloudprinter_tracking_list=True).carrier_tracking_ref = "OTHER"

    def test_cards_are_for_phones(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.stock_picking_action_tracking")
        self.assertEqual([kind for _id, kind in action["views"]], ["list", "kanban"])
        views = self.env["stock.picking"].with_user(self.packer).get_views(action["views"])["views"]
        self.assertIn("action_cloudprinter_enter_tracking", views["kanban"]["arch"])

    def test_banner_has_a_button(self):
        _item, picking, _signal = self.ship()
        arch = self.env["stock.picking"].with_user(self.packer).get_view(view_type="form")["arch"]
        buttons = etree.fromstring(arch).xpath(
            "//div[hasclass('alert')]/button[@name='action_cloudprinter_enter_tracking']"
        )
        self.assertEqual([button.get("string") for button in buttons], ["Enter Tracking Code", "Enter Carrier"])
        self.assertTrue(picking.with_user(self.packer).cloudprinter_waits_for_tracking)


class DialogTours:
    """Tours of each dialog, run on screens of three sizes."""

    allow_inherited_tests_method = True

    def ship_two(self):
        self.keep_in_stock(self.book)
        items = self.env["cloudprinter.item"]
        for order in ("o1", "o2"):
            items += self.sell_one(order=order)
            self.deliver(items[-1].sale_line_id.order_id.picking_ids, tracking=None)
        return items

    def test_operator_reports_a_delay_from_a_work_order(self):
        item = self.sell_one(self.poster)
        workorder = item.production_ids.workorder_ids[:1]
        self.start_tour(
            f"/odoo/action-mrp.mrp_workorder_todo/{workorder.id}", "cloudprinter_delay", login=self.operator.login
        )
        delay = self.get_outbox(item, type="ItemDelay")
        self.assertEqual((delay.cause, delay.user_id), ("Machine breakdown", self.operator))
        self.assertGreater(int(delay.delay), 24)

    def test_manager_reports_by_hand_and_cancels(self):
        item = self.sell_one()
        url = f"/odoo/action-cloudprinter.cloudprinter_item_action/{item.id}"
        self.start_tour(url, "cloudprinter_report_manually", login=self.manager.login)
        self.assert_outbox(item, ["ItemRegistered", "ItemProduce"])
        self.start_tour(url, "cloudprinter_cancel_item", login=self.manager.login)
        self.assertEqual((item.stage, item.cancel_cause), ("canceled", "CancelUserRequest"))

    def test_packer_enters_the_code_after_validation(self):
        self.keep_in_stock(self.book)
        item = self.sell_one()
        picking = item.move_ids.picking_id
        self.deliver(picking, tracking=None)
        self.start_tour(f"/odoo/deliveries/{picking.id}", "cloudprinter_enter_tracking", login=self.packer.login)
        self.assertEqual(self.get_outbox(item, type="ItemShipped").tracking, "SCANNED1")


@tagged("post_install", "-at_install", "cloudprinter")
class TestDialogsWide(DialogTours, CloudprinterCase, HttpCase):
    browser_size = "1440x900"


@tagged("post_install", "-at_install", "cloudprinter")
class TestDialogsTablet(DialogTours, CloudprinterCase, HttpCase):
    browser_size = "1024x768"


@tagged("post_install", "-at_install", "cloudprinter")
class TestDialogsPhone(DialogTours, CloudprinterCase, HttpCase):
    browser_size = "390x844"
    touch_enabled = True

    def test_packer_enters_codes_on_cards(self):
        items = self.ship_two()
        url = "/odoo/action-cloudprinter.stock_picking_action_tracking"
        self.start_tour(url, "cloudprinter_tracking_cards", login=self.packer.login)
        shipped = self.get_outbox(items, type="ItemShipped")
        self.assertEqual(shipped.mapped("tracking"), ["SAME", "SAME"])
        self.send()
        self.assert_received(items[0], ALL_BUT_PACKED)
