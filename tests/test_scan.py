"""The page *Scan*: what is this, what is its next step, do it. Packers have no rights in manufacturing; operators have
those of packers too, by Odoo's own groups."""

from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from .common import ALL_BUT_PACKED, ORDER, CloudprinterCase

FIRST, SECOND, THIRD = "123456780001", "123456780002", "123456780003"
OTHER_ORDER, OTHER = "999900000000", "999900000001"


class ScanCase(CloudprinterCase):
    """Given: a shop, in which books and posters are in stock if they are not made to order."""

    def open(self, user, *codes):
        """Open the page as a user and scan."""
        self.env.flush_all()
        self.env.invalidate_all()
        return self.scan(Form(self.env["cloudprinter.scan"].with_user(user)), *codes)

    def scan(self, page, *codes):
        for code in codes:
            page.code = code
        self.assertFalse(page.code, "ready for the next one")
        return page

    def tap(self, page, button, answer=None):
        """Press a button; return the page, or the dialog's action if Odoo asks something.

        :param answer: the button of the dialog that is pressed, if there is one
        """
        self.assertIn(button, self.get_buttons(page))
        record = page.save()
        action = getattr(record, f"action_{button}")()
        if answer:
            action = self._answer(action, answer, record.env.user)
        self.env.flush_all()
        self.env.invalidate_all()
        return action if isinstance(action, dict) else Form(record)

    def get_buttons(self, page):
        """Return the names of the buttons that are shown."""
        return [
            name.removeprefix("action_")
            for name, node in (
                (node.get("name"), node) for node in page._view["tree"].iter("button") if node.get("type") == "object"
            )
            if not self.is_hidden(page, node)
        ]

    def is_hidden(self, page, node):
        return node.get("invisible") and safe_eval(node.get("invisible"), dict(page._values))

    def deliver_from_stock(self, *lines, **values):
        """Return the transfer of a sales order of products that are in stock."""
        self.keep_in_stock(self.book | self.poster)
        return self.sell(*lines, **values).picking_ids

    def three(self):
        return self.deliver_from_stock((self.book, 1, FIRST), (self.poster, 2, SECOND), (self.book, 3, THIRD))


@tagged("post_install", "-at_install", "cloudprinter")
class TestScanMaking(ScanCase):
    def test_operator_makes_it(self):
        """From the scan to produced: start and finish of each work order, then the manufacturing order."""
        item = self.sell_one(self.poster)
        production = item.production_ids
        item.order_id.write({"shipping_date": "2026-12-24 10:00:00", "consignor": "Bookshop Nord"})
        page = self.open(self.operator, FIRST)
        self.assertEqual((page.headline, page.item_ref, page.order_ref), ("5 × Poster", FIRST, ORDER))
        self.assertEqual((page.stage, page.reported, page.consignor), ("Confirmed", "New", "Bookshop Nord"))
        self.assertEqual(str(page.ship_by), "2026-12-24 10:00:00")
        for name, center in (("Print", "Press"), ("Cut", "Bindery")):
            self.assertEqual(page.document, f"{production.name} · {name} · {center}")
            self.assertEqual(self.get_buttons(page), ["start", "report_delay", "produce"])
            page = self.tap(page, "start")
            self.assertEqual(self.get_buttons(page), ["report_delay", "finish", "produce"])
            with self.later(minutes=10):
                page = self.tap(page, "finish")
        self.assertEqual(item.stage, "in_production")
        self.assertEqual(self.get_buttons(page), ["report_delay", "produce"])
        page = self.tap(page, "produce")
        self.assertEqual((production.state, item.stage), ("done", "produced"))
        self.assertEqual(self.get_buttons(page), ["report_delay", "ship"])
        self.assert_outbox(item, ALL_BUT_PACKED[:-1])
        self.assertEqual(production.workorder_ids.time_ids.user_id, self.operator, "by the user, not the superuser")

    def test_without_work_orders(self):
        item = self.sell_one(self.book)
        page = self.open(self.operator, FIRST)
        self.assertEqual(self.get_buttons(page), ["start", "report_delay", "produce"])
        page = self.tap(page, "start")
        self.assertEqual(item.stage, "in_production")
        self.tap(page, "produce")
        self.assertEqual(item.stage, "produced")

    def test_codes_of_documents(self):
        item = self.sell_one(self.poster)
        production = item.production_ids
        cut = production.workorder_ids[1]
        page = self.open(self.operator, production.name)
        self.assertEqual((page.item_ref, page.document), (FIRST, f"{production.name} · Print · Press"))
        self.scan(page, cut.barcode)
        self.assertEqual((page.item_ref, page.document), (FIRST, f"{production.name} · Cut · Bindery"))
        self.tap(page, "start")
        self.assertEqual(production.workorder_ids.mapped("state"), ["ready", "progress"])

    def test_how_scanners_write(self):
        item = self.sell_one(self.poster)
        for name, codes in {
            "Ab-1": ("Ab-1", " Ab-1 ", "]Q3Ab-1", "]C1Ab-1", "aB-1", "Ab- 1", "Ab-1\x1d", "Ab-1\n"),
            "AB-1": ("ab-1", "aB-1"),
            "ab-1": ("AB-1", "]d2AB-1"),
            "Ab 1": ("Ab 1", " Ab 1"),
        }.items():
            item.name = name
            for code in codes:
                self.assertEqual(self.open(self.operator, code).item_ref, name, code)
        name = item.production_ids.name
        self.assertEqual(self.open(self.operator, name.lower()).item_ref, item.name)

    def test_exact_id_first(self):
        first, second = (self.sell_one(item=name, order=name) for name in ("ab", "AB"))
        for item in (first, second):
            self.assertEqual(self.open(self.operator, item.name).item_ref, item.name)

    def test_gang_run(self):
        sale = self.sell(*[(self.poster, n, f"1234567800{n:02}") for n in range(1, 5)])
        items = sale.cloudprinter_item_ids.sorted("name")
        (sale.mrp_production_ids - sale.mrp_production_ids[0]).action_cancel()
        production = sale.mrp_production_ids[0]
        items.production_ids = [Command.set(production.ids)]
        page = self.open(self.operator, production.name)
        self.assertEqual((page.item_ref, page.headline), ("4 items", f"{production.product_qty:g} × Poster"))
        self.scan(page, SECOND)
        self.assertEqual((page.item_ref, page.headline), (SECOND, "2 × Poster"))
        self.assertEqual(page.document, f"{production.name} · Print · Press · 4 items")
        self.tap(page, "start")
        self.assertEqual(set(items.mapped("stage")), {"in_production"})
        items[0].with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        page = self.open(self.operator, production.name)
        self.assertIn("finish", self.get_buttons(page), "the others go on")
        page = self.open(self.operator, items[0].name)
        self.assertTrue(page.is_stopped)

    def test_canceled(self):
        """No step, not even by RPC with a page that was opened before."""
        item = self.sell_one(self.poster)
        page = self.open(self.operator, FIRST)
        before = page.save()
        item.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        self.env.flush_all()
        self.env.invalidate_all()
        for method in ("action_start", "action_produce", "action_report_delay"):
            with self.assertRaisesRegex(UserError, "no longer the next step"):
                getattr(before, method)()
        for code in (FIRST, item.production_ids.name, item.production_ids.workorder_ids[0].barcode):
            page = self.open(self.operator, code)
            self.assertTrue(page.is_stopped, code)
            self.assertFalse(self.get_buttons(page))
        item.production_ids.action_cancel()
        item.move_ids.picking_id.action_cancel()
        self.assertTrue(self.open(self.operator, FIRST).is_stopped, "also when nothing is open any more")

    def test_odoo_asks(self):
        """Odoo's own dialogs and errors appear."""
        item = self.sell_one(self.book, quantity=5)
        production = item.production_ids.with_user(self.operator)
        with Form(production) as form:
            form.qty_producing = 2
        action = self.tap(self.open(self.operator, FIRST), "produce")
        self.assertEqual((action["res_model"], action["target"]), ("mrp.production.backorder", "new"))

    def test_blocked_work_center(self):
        item = self.sell_one(self.poster)
        page = self.open(self.operator, FIRST)
        loss = self.env["mrp.workcenter.productivity.loss"].search([("loss_type", "=", "availability")], limit=1)
        self.env["mrp.workcenter.productivity"].create(
            {"workcenter_id": self.press.id, "loss_id": loss.id, "date_start": fields.Datetime.now()}
        )
        record = page.save()
        self.env.invalidate_all()
        with self.assertRaises(UserError):
            record.action_start()
        self.assertNotIn("start", self.get_buttons(self.open(self.operator, FIRST)))
        self.assertEqual(item.stage, "registered")

    def test_delay(self):
        item = self.sell_one(self.poster)
        action = self.tap(self.open(self.operator, FIRST), "report_delay")
        self.assertEqual(action["res_model"], "cloudprinter.report")
        report = self.env["cloudprinter.report"].with_user(self.operator).with_context(**action["context"]).create({})
        self.assertEqual((report.kind, report.line_ids.item_id), ("delay", item))

    def test_order_that_is_still_made(self):
        sale = self.sell((self.book, 1, FIRST), (self.poster, 2, SECOND))
        page = self.open(self.operator, ORDER)
        self.assertFalse(page.item_ids)
        self.assertEqual({item.name for item in page.choice_ids}, {FIRST, SECOND})
        action = sale.cloudprinter_item_ids[0].with_user(self.operator).action_scan()
        record = self.env[action["res_model"]].with_user(self.operator).browse(action["res_id"])
        self.assertEqual(record.item_id, sale.cloudprinter_item_ids[0])
        self.scan(page, SECOND)
        self.assertEqual((page.item_ref, len(page.choice_ids)), (SECOND, 0))
        self.produce(sale.mrp_production_ids)
        self.assertIn("0 of 2 are here", self.open(self.operator, ORDER).checklist)

    def test_one_id_in_two_orders(self):
        items = self.sell_one(order="1") | self.sell_one(order="2")
        page = self.open(self.operator, FIRST)
        self.assertEqual({item.id for item in page.choice_ids}, set(items.ids))
        self.assertFalse(self.get_buttons(page))
        named = items.with_context(cloudprinter_with_order=True).mapped("display_name")
        self.assertEqual(named, [f"{FIRST}, order 1", f"{FIRST}, order 2"])

    def test_camera(self):
        self.sell_one(self.poster)
        page = self.open(self.operator)
        page.camera_item_id = self.env["cloudprinter.item"].search([("name", "=", FIRST)])
        self.assertEqual((page.item_ref, bool(page.camera_item_id)), (FIRST, False))

    def test_hand_scanner(self):
        self.sell_one(self.poster)
        page = self.open(self.operator)
        page._barcode_scanned = FIRST
        self.assertEqual(page.item_ref, FIRST)

    def test_unknown(self):
        self.sell_one(self.poster)
        page = self.open(self.operator, FIRST, "5551234")
        self.assertIn("5551234 is not known in", page.refusal)
        self.assertFalse(page.item_ids, "its buttons would do something with another item")
        self.assertFalse(self.scan(page, FIRST).refusal)
        self.assertFalse(self.scan(page, "  ", "\x1d").refusal)

    def test_not_cloudprinters(self):
        sale = self.sell((self.poster, 5, None), order=False)
        page = self.open(self.operator, sale.mrp_production_ids.name)
        self.assertIn("has no Cloudprinter item", page.refusal)
        self.assertFalse(self.get_buttons(page))

    def test_other_companies(self):
        self.sell_one(self.poster)
        stranger = self.given_stranger("mrp.group_mrp_user,stock.group_stock_user")
        scans = self.env(user=stranger, context={"allowed_company_ids": stranger.company_ids.ids})["cloudprinter.scan"]
        page = self.scan(Form(scans), FIRST)
        self.assertIn("is not known in Other Shop", page.refusal)
        item = self.env["cloudprinter.item"].search([("name", "=", FIRST)])
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", stranger.company_id.id)], limit=1)
        own = self.env["stock.picking"].create({"picking_type_id": warehouse.out_type_id.id})
        for values in (
            {"item_id": item.id},
            {"production_id": item.production_ids.id},
            {"picking_id": item.move_ids.picking_id.id},
            {"picking_id": own.id, "production_id": item.production_ids.id},
        ):
            with self.assertRaises(AccessError), mute_logger("odoo.models"), self.env.cr.savepoint():
                scans.create(values).read(["headline"])

    def test_order_id_in_two_companies(self):
        self.sell_one(self.poster)
        other = self.env["res.company"].create({"name": "Other Shop"})
        self.env["cloudprinter.order"].create({"name": ORDER, "company_id": other.id})
        self.operator.company_ids += other
        scans = self.env["cloudprinter.scan"].with_user(self.operator)
        both, one = (
            Form(scans.with_context(allowed_company_ids=companies.ids))
            for companies in (self.company | other, self.company)
        )
        self.assertIn("in several companies", self.scan(both, ORDER).refusal)
        self.assertEqual(self.scan(one, ORDER).item_ref, FIRST)

    def test_page_is_ones_own(self):
        page = self.open(self.operator).save()
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            page.with_user(self.packer).read(["item_id"])

    def test_few_queries(self):
        """What a scan costs does not depend on how much there is."""
        self.sell_one(self.poster)
        self.open(self.operator, FIRST)
        page = self.open(self.operator)
        self.env.invalidate_all()
        start = self.cr.sql_log_count
        self.scan(page, FIRST)
        self.assertLessEqual(self.cr.sql_log_count - start, 40)


@tagged("post_install", "-at_install", "cloudprinter")
class TestScanPacking(ScanCase):
    def test_packer_packs_an_order(self):
        """Pack and ship are offered only when all items are here; each is scanned once, not each copy."""
        picking = self.three()
        page = self.open(self.packer, ORDER)
        self.assertIn("0 of 3 are here", page.checklist)
        for count, code in enumerate((FIRST, SECOND), 1):
            self.assertEqual(self.get_buttons(page), ["report_delay", "stop_packing"])
            self.scan(page, code)
            self.assertIn(f"{count} of 3 are here", page.checklist)
        self.scan(page, SECOND, ORDER, picking.name)
        self.assertIn("2 of 3 are here", page.checklist, "scanned again")
        self.scan(page, THIRD)
        self.assertIn("3 of 3 are here", page.checklist)
        self.assertEqual(self.get_buttons(page), ["pack", "report_delay", "ship", "stop_packing"])
        page = self.tap(page, "pack", answer="action_put_in_pack")
        self.assertEqual(set(picking.cloudprinter_item_ids.mapped("stage")), {"packed"})
        self.assertNotIn("pack", self.get_buttons(page))
        self.scan(page, "1A2B3C")
        self.assertEqual((page.tracking, bool(page.refusal)), ("1A2B3C", False))
        page = self.tap(page, "ship")
        self.assertEqual((picking.state, picking.carrier_tracking_ref), ("done", "1A2B3C"))
        self.assertEqual(set(picking.cloudprinter_item_ids.mapped("stage")), {"shipped"})
        self.assertFalse(self.get_buttons(page))

    def test_what_belongs_to_another_order(self):
        picking = self.three()
        other = self.deliver_from_stock((self.book, 1, OTHER), order=OTHER_ORDER)
        page = self.open(self.packer, picking.name)
        self.scan(page, OTHER)
        self.assertIn(f"WRONG: {OTHER} belongs to order {OTHER_ORDER}", page.refusal)
        self.assertIn("0 of 3 are here", page.checklist)
        self.scan(page, FIRST)
        self.assertFalse(page.refusal)
        for code in (OTHER, OTHER_ORDER, other.name):
            self.scan(page, code)
            self.assertIn("WRONG", page.refusal)
            self.assertIn("1 of 3 are here", page.checklist, "the page stays")
        self.scan(page, "5551234")
        self.assertIn("is not known", page.refusal)
        self.assertIn("1 of 3 are here", page.checklist)
        page = self.tap(page, "stop_packing")
        self.assertEqual(self.scan(page, OTHER).item_ref, OTHER)

    def test_another_order_before_anything_is_here(self):
        self.three()
        self.deliver_from_stock((self.book, 1, OTHER), order=OTHER_ORDER)
        page = self.open(self.packer, ORDER, OTHER_ORDER)
        self.assertIn("0 of 1 are here", page.checklist)

    def test_canceled_item_is_taken_out(self):
        """It is neither packed nor shipped, even if it was picked before."""
        picking = self.three()
        picking.move_ids.picked = True
        canceled = picking.cloudprinter_item_ids.filtered(lambda item: item.name == SECOND)
        canceled.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        page = self.open(self.packer, ORDER)
        self.assertIn("0 of 2 are here", page.checklist)
        self.scan(page, SECOND)
        self.assertIn(f"STOP: item {SECOND} is canceled", page.refusal)
        self.scan(page, FIRST, THIRD)
        page = self.tap(page, "pack", answer="action_put_in_pack")
        self.assertFalse(canceled.move_ids.move_line_ids.result_package_id)
        self.assertNotIn("pack", self.get_buttons(page))
        self.tap(page, "ship")
        self.assertEqual((picking.state, canceled.stage), ("done", "canceled"))
        self.assertEqual((picking.cloudprinter_item_ids - canceled).mapped("stage"), ["shipped"] * 2)
        self.assertEqual(canceled.move_ids.filtered(lambda move: move.state == "done"), canceled.move_ids.browse())

    def test_canceled_items_that_go_on(self):
        picking = self.three()
        picking.cloudprinter_item_ids.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        picking.with_user(self.packer).action_cloudprinter_go_on()
        page = self.open(self.packer, ORDER, FIRST, SECOND, THIRD)
        self.assertFalse(page.is_stopped)
        self.tap(page, "ship")
        self.assertEqual(picking.state, "done")

    def test_all_canceled(self):
        picking = self.three()
        picking.cloudprinter_item_ids.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        page = self.open(self.packer, ORDER)
        self.assertTrue(page.is_stopped)
        self.assertEqual(self.get_buttons(page), ["stop_packing"])
        record = page.save()
        with self.assertRaises(UserError):
            record.action_ship()

    def test_one_item(self):
        """A single item is packed and shipped without more scans, and the next scan shows the next item."""
        picking = self.deliver_from_stock((self.book, 4, FIRST))
        self.deliver_from_stock((self.book, 1, OTHER), order=OTHER_ORDER)
        page = self.open(self.packer, FIRST)
        self.assertEqual(page.document, picking.name)
        self.assertEqual(self.get_buttons(page), ["pack", "report_delay", "ship"])
        self.assertEqual(self.scan(page, OTHER).item_ref, OTHER)
        self.scan(page, FIRST)
        self.tap(page, "ship")
        self.assertEqual(picking.state, "done")

    def test_begins_with_an_item(self):
        self.three()
        page = self.open(self.packer, SECOND)
        self.assertEqual(self.get_buttons(page), ["begin", "report_delay"])
        page = self.tap(page, "begin")
        self.assertIn("1 of 3 are here", page.checklist)
        self.scan(page, FIRST, THIRD)
        self.assertIn("ship", self.get_buttons(page))

    def test_tracking_afterwards(self):
        first = self.deliver_from_stock((self.book, 1, OTHER), order=OTHER_ORDER)
        self.deliver(first, tracking="TAKEN")
        picking = self.deliver_from_stock((self.book, 1, FIRST))
        self.deliver(picking, tracking=False)
        page = self.open(self.packer, ORDER)
        self.assertEqual(self.get_buttons(page), ["enter_tracking"])
        with self.assertRaisesRegex(UserError, "first"):
            page.save().action_enter_tracking()
        self.scan(page, "TAKEN")
        self.assertEqual(page.tracking_problem, f"This code is also on {first.name}.")
        self.scan(page, "TAKEN,SECOND")
        self.assertEqual(page.tracking_problem, f"This code is also on {first.name}.", "the first code counts")
        inside = {
            "picking_type_id": first.picking_type_id.warehouse_id.int_type_id.id,
            "carrier_tracking_ref": "INSIDE",
        }
        self.env["stock.picking"].create(inside)
        self.scan(page, "INSIDE")
        self.assertFalse(page.tracking_problem, "the internal transfer before a delivery may have its code")
        self.scan(page, "00340434")
        self.assertFalse(page.tracking_problem)
        self.assertIn("tracking code of " + picking.name, page.notice)
        self.tap(page, "enter_tracking")
        self.assertEqual(picking.carrier_tracking_ref, "00340434")
        [shipped] = self.get_outbox(picking.cloudprinter_item_ids, type="ItemShipped")
        self.assertEqual((shipped.state, shipped.tracking), ("outgoing", "00340434"))
        self.assertEqual(self.scan(page, OTHER).item_ref, OTHER, "what is known is no tracking code")

    def test_carrier_afterwards(self):
        """A code that is there is not replaced by what is scanned; only the carrier is missing."""
        picking = self.deliver_from_stock((self.book, 1, FIRST), carrier_id=False)
        self.deliver(picking, tracking="1A2B")
        page = self.open(self.packer, ORDER)
        self.assertEqual(self.get_buttons(page), ["enter_carrier"])
        self.scan(page, "XYZ")
        self.assertIn("is not known", page.refusal)
        page = self.open(self.packer, ORDER)
        self.assertEqual(self.tap(page, "enter_carrier")["res_id"], picking.id)
        self.assertEqual(picking.carrier_tracking_ref, "1A2B")

    def test_other_transfer_of_the_order(self):
        self.keep_in_stock(self.book | self.poster)
        sale = self.sell((self.book, 1, FIRST), (self.poster, 1, SECOND))
        first = sale.picking_ids
        move = first.move_ids.filtered(lambda move: move.cloudprinter_item_id.name == SECOND)
        second = first.copy({"move_ids": []})
        move.picking_id = second
        page = self.open(self.packer, first.name)
        self.scan(page, SECOND)
        self.assertIn(f"{SECOND} belongs to {second.name}", page.refusal)

    def test_steps_before(self):
        self.warehouse.delivery_steps = "pick_ship"
        picking = self.deliver_from_stock((self.book, 1, FIRST))
        page = self.open(self.packer, ORDER, FIRST)
        self.assertIn("ship", self.get_buttons(page))
        self.assertEqual(page.document, picking.name)
        self.tap(page, "ship")
        self.assertEqual(picking.state, "done")
        item = picking.cloudprinter_item_ids
        page = self.open(self.packer, ORDER)
        self.assertEqual(page.document, (item.move_ids.picking_id - picking).name)

    def test_odoo_refuses(self):
        """Nothing is reserved: it is still being made. Odoo says so."""
        self.sell_one(self.book)
        page = self.open(self.packer, ORDER, FIRST)
        record = page.save()
        with self.assertRaises(UserError):
            record.action_ship()

    def test_packer_scans_a_job_ticket(self):
        item = self.sell_one(self.poster)
        page = self.open(self.packer, item.production_ids.name)
        self.assertEqual(page.item_ref, FIRST)
        self.assertEqual(self.get_buttons(page), ["begin", "report_delay"], "what is to be made is not a packer's")
        page = self.open(self.packer, ORDER, item.production_ids.name)
        self.assertIn("1 of 1 are here", page.checklist)

    def test_manager_of_the_app_looks(self):
        """A user with neither right sees what it is."""
        self.sell_one(self.poster)
        manager = new_test_user(self.env, login="cp_app", groups="base.group_user,cloudprinter.group_manager")
        page = self.open(manager, FIRST)
        self.assertEqual(self.get_buttons(page), ["report_delay"])
        self.assertEqual(self.open(manager, ORDER).item_ref, FIRST)

    def test_few_queries(self):
        self.three()
        self.open(self.packer, ORDER, FIRST)
        page = self.open(self.packer, ORDER)
        self.env.invalidate_all()
        start = self.cr.sql_log_count
        self.scan(page, SECOND)
        self.assertLessEqual(self.cr.sql_log_count - start, 40)

    def test_ship_by_of_what_goes_on(self):
        picking = self.three()
        soon, later = fields.Datetime.now() + timedelta(days=1), fields.Datetime.now() + timedelta(days=2)
        first, second, third = picking.cloudprinter_item_ids.sorted("name")
        first.promised_date, second.promised_date, third.promised_date = soon, later, later
        first.with_user(self.manager).report_cancel("CancelUserRequest", "Not needed any more")
        page = self.open(self.packer, ORDER)
        self.assertEqual(fields.Datetime.to_datetime(page.ship_by), later.replace(microsecond=0))
