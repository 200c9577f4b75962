"""Signals that follow the documents until they are posted, whatever users change and however they work."""

from datetime import timedelta

from odoo import Command, fields
from odoo.tests import Form, tagged

from ..tools.tracking import get_first_code
from .common import ALL_BUT_PACKED
from .test_manufacturing import ManufacturingCase
from .test_transfers import WITH_PACKED, TransferCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestSentAgain(TransferCase):
    """A return of a return brings goods to the customer: it is a delivery."""

    def test_before_it_was_reported(self):
        item = self.sell_one()
        delivery = self.get_open(item)
        self.deliver(delivery, tracking=None)
        self.assert_signal(self.get_shipped(item), "waiting", "missing_tracking")
        again = self.take_back(self.take_back(delivery, 5), 5)
        self.assertEqual(item.stage, "shipped")
        self.assert_signal(self.get_shipped(item), "waiting", "missing_tracking", source=again.name)
        again.with_user(self.packer).carrier_tracking_ref = "SECOND"
        self.assert_signal(self.get_shipped(item), "outgoing", tracking="SECOND")

    def test_after_it_was_reported(self):
        item = self.sell_one()
        delivery = self.get_open(item)
        self.deliver(delivery, tracking="FIRST")
        self.send()
        again = self.take_back(self.take_back(delivery, 5), 5)
        again.with_user(self.packer).carrier_tracking_ref = "SECOND"
        self.assert_signal(self.get_shipped(item)[-1], "waiting", "correction", tracking="SECOND")

    def test_is_not_more(self):
        """3 of 5 are sent, come back and are sent again: 3 of 5 have left."""
        item = self.sell_one()
        delivery = self.get_open(item)
        self.deliver(delivery, 3, backorder=False)
        self.take_back(self.take_back(delivery, 3), 3)
        self.assert_signal(self.get_shipped(item), "waiting", "short")

    def test_exchange_is_not_more(self):
        """3 of 5 are sent, come back and are exchanged: 3 of 5 have left."""
        for steps in ("ship_only", "pick_pack_ship"):
            with self.subTest(steps):
                self.warehouse.delivery_steps = "ship_only"
                item = self.sell_one(order=steps)
                delivery = self.get_open(item)
                self.deliver(delivery, 3, backorder=False)
                self.warehouse.delivery_steps = steps
                self.take_back(delivery, 3, exchange=True)
                while picking := self.get_open(item)[:1]:
                    self.deliver(picking)
                self.assertEqual(item.stage, "shipped")
                self.assert_signal(self.get_shipped(item), "waiting", "short")


@tagged("post_install", "-at_install", "cloudprinter")
class TestDetailsFollow(TransferCase):
    """Until ItemShipped is posted, what it says follows the documents."""

    def given_short(self, left=2, **values):
        """Return an item of which less was shipped than the 5 that were ordered, and its ItemShipped."""
        item = self.sell_one(**values)
        self.deliver(self.get_open(item), left, backorder=False)
        self.assert_signal(self.get_shipped(item), "waiting", "short")
        return item, self.get_shipped(item)

    def test_ordered_quantity_is_lowered(self):
        item, signal = self.given_short()
        self.order_quantity(item, 2)
        self.assert_signal(signal, "outgoing")
        self.order_quantity(item, 5)
        self.assertEqual(item.stage, "registered", "Odoo delivers the rest")

    def test_done_quantity_is_corrected(self):
        item, signal = self.given_short()
        line = self.get_pickings(item).move_line_ids
        line.quantity = 5
        self.env.cr.flush()
        self.assert_signal(signal, "outgoing")
        line.quantity = 1
        self.env.cr.flush()
        self.assert_signal(signal, "waiting", "short")

    def test_line_is_added_to_a_done_delivery(self):
        item, signal = self.given_short()
        [line] = self.get_pickings(item).move_line_ids
        extra = line.copy({"quantity": 3, "move_id": line.move_id.id, "picking_id": line.picking_id.id})
        extra.picked = True
        self.env.cr.flush()
        self.assert_signal(signal, "outgoing")

    def test_tolerance_is_changed(self):
        _item, signal = self.given_short(left=4)
        self.company.cloudprinter_short_tolerance = 30
        self.env.cr.flush()
        self.assert_signal(signal, "outgoing")

    def test_decision_of_a_manager_stays(self):
        """*Report as Shipped* on a short shipment survives that the item is derived again."""
        item, signal = self.given_short()
        item.with_user(self.manager).action_next_step()
        self.assert_signal(signal, "outgoing")
        self.get_pickings(item).move_line_ids.quantity = 1
        self.check_daily()
        self.assert_signal(signal, "outgoing")

    def test_correction_of_a_short_shipment(self):
        """It was released, reported and got another code: sending the correction needs no second decision."""
        item, _signal = self.given_short()
        item.with_user(self.manager).action_next_step()
        self.send()
        self.get_pickings(item).with_user(self.packer).carrier_tracking_ref = "CORRECTED"
        self.env.cr.flush()
        self.assertEqual(item.attention, "correction")
        item.with_user(self.manager).action_next_step()
        self.assert_signal(self.get_shipped(item)[-1], "outgoing", tracking="CORRECTED")

    def test_short_shipment_reported_by_hand(self):
        """A manager who reports *Shipped* has decided: what was refused is sent again as it is."""
        item = self.sell_one()
        item.with_user(self.manager).report_step("ItemShipped", "1A2B3C", "GLS")
        signal = self.get_shipped(item)
        signal.sudo()._update({"state": "error", "failure_type": "refused"})
        signal.with_user(self.manager).action_send()
        self.assert_signal(signal, "outgoing", tracking="1A2B3C")

    def test_facts_of_an_earlier_version(self):
        """What an older version stored does not say that the item is packed: a new carrier withdraws nothing."""
        item = self.sell_one()
        self.pack(self.get_open(item))
        self.deliver(self.get_open(item))
        self.assert_outbox(item, WITH_PACKED)
        self.env.cr.execute("UPDATE cloudprinter_item SET facts = '1×move done final' WHERE id = %s", [item.id])
        self.env.invalidate_all()
        self.carrier.cloudprinter_shipping_option = "GLS Express"
        self.env.cr.flush()
        self.assert_outbox(item, WITH_PACKED)

    def test_text_of_an_untracked_service(self):
        """It is entered when deliveries wait for their codes already: all of them are sent."""
        items = self.sell_one(item="1", order="1") + self.sell_one(item="2", order="2")
        for item in items:
            self.deliver(self.get_open(item), tracking=None)
        self.assertEqual(self.get_shipped(items).mapped("failure_type"), ["missing_tracking"] * 2)
        self.carrier.cloudprinter_untracked = "Letter"
        self.env.cr.flush()
        for signal in self.get_shipped(items):
            self.assert_signal(signal, "outgoing", tracking="Letter")

    def test_shipping_option_of_the_carrier(self):
        item = self.sell_one()
        self.deliver(self.get_open(item))
        self.carrier.cloudprinter_shipping_option = "GLS Express"
        self.env.cr.flush()
        self.assert_signal(self.get_shipped(item), "outgoing", shipping_option="GLS Express")

    def test_destination_of_an_open_delivery(self):
        item = self.sell_one()
        move = self.get_open(item).move_ids
        for destination in (self.stock, self.customers):
            move.location_dest_id = destination
            self.env.cr.flush()
            facts = item.facts
            self.env.add_to_compute(item._fields["stage"], item)
            self.assertEqual(item.facts, facts, "up to date")

    def test_daily_check(self):
        """It derives what changed without the ORM, also of an ItemShipped that waits."""
        item, signal = self.given_short()
        self.env.cr.execute("UPDATE sale_order_line SET product_uom_qty = 2 WHERE id = %s", [item.sale_line_id.id])
        self.env.invalidate_all()
        self.check_daily()
        self.assert_signal(signal, "outgoing")

    def test_option_of_the_service_that_was_used(self):
        """The order asked for one service, and the parcel went with another."""
        ups = self.env["delivery.carrier"].create({"name": "UPS Standard", "product_id": self.carrier.product_id.id})
        for option, expected in (("UPS", "UPS"), (False, "UPS Standard")):
            with self.subTest(option=option):
                ups.cloudprinter_shipping_option = option
                item = self.sell_one(order=f"ups {option}")
                item.order_id.shipping_method = "gls_std"
                picking = self.get_open(item)
                picking.with_user(self.packer).carrier_id = ups
                self.deliver(picking, tracking="1Z999")
                self.assert_signal(self.get_shipped(item), "outgoing", shipping_option=expected)

    def test_details_entered_in_the_dialog(self):
        """They are written on the delivery, so that there is one truth."""
        self.carrier.cloudprinter_shipping_option = "GLS"
        item = self.sell_one()
        self.deliver(self.get_open(item), tracking=None)
        item.with_user(self.manager).report_step("ItemShipped", "TYPED", "Express")
        self.assert_signal(self.get_shipped(item), "outgoing", tracking="TYPED", shipping_option="Express")
        self.assertEqual(self.get_pickings(item).carrier_tracking_ref, "TYPED")
        self.env.add_to_compute(item._fields["stage"], item)
        self.env.cr.flush()
        self.assert_signal(self.get_shipped(item), "outgoing", tracking="TYPED", shipping_option="Express")


@tagged("post_install", "-at_install", "cloudprinter")
class TestEnough(TransferCase):
    """When an item without a sales order, or a kit, has left completely."""

    def deliver_by_hand(self, item, *quantities):
        for quantity in quantities:
            picking = self.create_delivery(item, quantity)
            picking.action_confirm()
            self.deliver(picking)

    def test_earlier_mistake(self):
        """A transfer canceled before the first one left is no statement about the rest."""
        item = self.create_item(100)
        mistake = self.create_delivery(item, 100)
        mistake.action_confirm()
        mistake.action_cancel()
        self.deliver_by_hand(item, 96)
        self.assertNotEqual(item.stage, "shipped")
        rest = self.create_delivery(item, 4)
        rest.action_confirm()
        rest.action_cancel()
        self.env.cr.flush()
        self.assertEqual(item.stage, "shipped", "the rest was given up")

    def test_rounding(self):
        for whole, parts in ((0.9, (0.3, 0.6)), (0.8, (0.1,) * 8)):
            with self.subTest(whole=whole):
                item = self.create_item(whole, name=f"{whole}")
                self.deliver_by_hand(item, *parts)
                self.assertEqual(item.stage, "shipped")
                self.assert_signal(self.get_shipped(item), "outgoing")

    def create_part(self, name):
        part = self.env["product.product"].create({"name": name, "is_storable": True})
        self.put_on_stock(part, 100)
        return part

    def create_kit(self, name, *parts):
        """Return the bill of materials of a kit of one of each part."""
        kit = self.env["product.product"].create({"name": name, "is_storable": True})
        lines = [Command.create({"product_id": part.id, "product_qty": 1}) for part in parts]
        return self.env["mrp.bom"].create(
            {"product_tmpl_id": kit.product_tmpl_id.id, "type": "phantom", "bom_line_ids": lines}
        )

    def given_kit(self):
        """Return the bill of materials of a kit of cover and block, and an item of 5 kits."""
        bom = self.create_kit("Book in Parts", self.create_part("Cover"), self.create_part("Block"))
        return bom, self.sell_one(bom.product_tmpl_id.product_variant_id)

    def test_kit_of_which_a_part_came_back(self):
        """The cover is delivered and returned, then the block is delivered: all that was ordered was sent."""
        _bom, item = self.given_kit()
        first = self.get_open(item)
        cover = first.move_ids[0].with_user(self.packer)
        cover.quantity, cover.picked = 5, True
        self._answer(first.with_user(self.packer).button_validate(), "process", self.packer)
        self.take_back(first, 5)
        self.deliver(self.get_open(item))
        self.assertEqual(item.stage, "shipped")
        self.assert_signal(self.get_shipped(item), "outgoing")

    def test_kit_whose_bill_of_materials_has_changed(self):
        bom, item = self.given_kit()
        bom.bom_line_ids[0].product_qty = 2
        self.deliver(self.get_open(item))
        self.assert_signal(self.get_shipped(item), "outgoing")

    def test_component_twice_and_kit_in_a_kit(self):
        """The same sheet is in two lines of the kit, and in a kit of the kit."""
        sheet = self.create_part("Sheet")
        inner = self.create_kit("Cover of Sheets", sheet, self.create_part("Foil")).product_tmpl_id.product_variant_id
        bom = self.create_kit("Book of Sheets", sheet, sheet, inner)
        for left, backorder, expected in ((None, True, "outgoing"), (2, False, "waiting")):
            with self.subTest(left=left):
                item = self.sell_one(bom.product_tmpl_id.product_variant_id, order=f"{left}")
                self.deliver(self.get_open(item), left, backorder=backorder)
                self.assert_signal(self.get_shipped(item), expected, expected == "waiting" and "short")
        self.order_quantity(item, 2)
        self.assert_signal(self.get_shipped(item), "outgoing")

    def test_kit_that_is_delivered_by_a_new_transfer(self):
        """The first transfer was canceled by mistake, and the sales order confirmed again."""
        _bom, item = self.given_kit()
        sale = item.sale_line_id.order_id.with_user(self.salesman)
        sale._action_cancel()
        sale.action_draft()
        sale.action_confirm()
        self.deliver(self.get_open(item))
        self.assert_signal(self.get_shipped(item), "outgoing")

    def test_short_kit(self):
        _bom, item = self.given_kit()
        self.deliver(self.get_open(item), 2, backorder=False)
        self.assert_signal(self.get_shipped(item), "waiting", "short")
        self.order_quantity(item, 2)
        self.assert_signal(self.get_shipped(item), "outgoing")

    def test_kits_by_the_dozen(self):
        kit = self.create_kit("Book in Parts", self.create_part("Cover")).product_tmpl_id.product_variant_id
        for left, backorder, expected in ((None, True, "outgoing"), (2, False, "waiting")):
            with self.subTest(left=left):
                item = self.sell_one(kit, quantity=1, order=f"{left}", confirm=False)
                item.sale_line_id.product_uom_id = self.env.ref("uom.product_uom_dozen")
                item.sale_line_id.order_id.action_confirm()
                self.assertEqual(item.ordered_quantity, 12)
                self.deliver(self.get_open(item), left, backorder=backorder)
                self.assert_signal(self.get_shipped(item), expected, expected == "waiting" and "short")


@tagged("post_install", "-at_install", "cloudprinter")
class TestOneTransaction(TransferCase):
    """The same work in one transaction or in many gives the same signals, while none is posted."""

    def work(self, item, *steps, together):
        """Do the steps, each a transaction of its own or all in one."""
        for step in steps:
            step(item)
            if not together:
                self.env.cr.flush()
        self.env.cr.flush()

    def assert_same(self, expected, *steps, **values):
        before = None
        for together in (False, True):
            with self.subTest(together=together):
                item = self.sell_one(order=f"{together}", **values)
                self.work(item, *steps, together=together)
                self.assert_outbox(item, expected)
                details = [(s.tracking, s.shipping_option, s.state) for s in self.get_outbox(item)]
                if together:
                    self.assertEqual(details, before)
                before = details

    def press(self, item, method):
        getattr(self.get_open(item).with_user(self.packer), method)()

    def put_in_pack(self, item):
        action = self.get_open(item).with_user(self.packer).action_put_in_pack()
        self._answer(action, "action_put_in_pack", self.packer)

    def validate(self, item):
        picking = self.get_open(item).with_user(self.packer)[:1]
        picking.action_assign()
        picking.carrier_tracking_ref = "1A2B3C"
        self._answer(picking.button_validate(), "process", self.packer)

    def cancel(self, item):
        self.get_open(item).with_user(self.packer).action_cancel()

    def test_packed_and_shipped(self):
        self.assert_same(WITH_PACKED, self.put_in_pack, self.validate)

    def test_pack_step_and_ship_step(self):
        self.warehouse.delivery_steps = "pick_pack_ship"
        self.assert_same(WITH_PACKED, self.validate, self.validate, self.validate)

    def test_not_packed(self):
        self.assert_same(ALL_BUT_PACKED, self.validate)

    def test_packed_and_unpacked(self):
        def unpack(item):
            item.move_ids.move_line_ids.result_package_id = False

        self.assert_same(ALL_BUT_PACKED, self.put_in_pack, unpack, self.validate)

    def test_made_and_canceled(self):
        """What was made of a canceled item is of no interest, as long as it was not posted."""

        def produce(item):
            item.production_ids.with_user(self.operator).button_mark_done()

        self.assert_same(["ItemRegistered", "ItemCanceled"], produce, self.cancel, product=self.poster)

    def test_canceled_by_a_user(self):
        def report_cancel(item):
            item.with_user(self.manager).report_cancel("CancelUserRequest", "Canceled")

        self.assert_same(["ItemRegistered", "ItemCanceled"], self.put_in_pack, report_cancel)

    def test_part_without_a_package(self):
        """A part that was shipped without a package means that the item was not packed."""

        def ship_part(item):
            picking = self.get_open(item).with_user(self.packer)
            picking.move_ids.quantity, picking.move_ids.picked = 2, True
            self.validate(item)

        self.assert_same(ALL_BUT_PACKED, ship_part, self.put_in_pack, self.validate)

    def test_posted_packing_stays(self):
        """Signals that were posted in between are not taken back."""
        item = self.sell_one()
        self.put_in_pack(item)
        self.send()
        self.get_open(item).move_line_ids.result_package_id = False
        self.validate(item)
        self.env.cr.flush()
        self.assert_outbox(item, WITH_PACKED)

    def test_warehouse_has_fewer_steps_now(self):
        """Packing was done when the warehouse had three steps: nothing is withdrawn."""
        self.warehouse.delivery_steps = "pick_pack_ship"
        item = self.sell_one()
        self.validate(item)
        self.validate(item)
        self.env.cr.flush()
        self.assert_outbox(item, WITH_PACKED[:-1])
        self.warehouse.delivery_steps = "pick_ship"
        self.check_daily()
        self.assert_outbox(item, WITH_PACKED[:-1])
        self.validate(item)
        self.env.cr.flush()
        self.assert_outbox(item, WITH_PACKED)


@tagged("post_install", "-at_install", "cloudprinter")
class TestReportedByHand(ManufacturingCase):
    def test_delay_comes_after_what_happened_before(self):
        """Confirmed, started and delayed in one call."""
        production = self.make(product=self.poster, confirm=False)
        production.action_confirm()
        production.workorder_ids[0].button_start()
        item = production.cloudprinter_item_ids
        item.with_user(self.manager).report_delay(24, "Machine breakdown")
        self.env.cr.flush()
        self.assert_outbox(item, ["ItemRegistered", "ItemProduce", "ItemDelay"])

    def test_start_is_when_work_began(self):
        """Planned three days ago, produced today: the plan is not reported."""
        production = self.make(product=self.poster)
        planned = fields.Datetime.now() - timedelta(days=3)
        production.workorder_ids.date_start = planned
        self.produce(production)
        signal = self.get_outbox(production.cloudprinter_item_ids, type="ItemProduce")
        self.assertGreater(signal.event_date, planned + timedelta(days=2))

    def test_start_of_the_first_work_order(self):
        production = self.make(product=self.poster)
        production.workorder_ids[0].button_start()
        self.env.cr.flush()
        [log] = production.workorder_ids.time_ids
        signal = self.get_outbox(production.cloudprinter_item_ids, type="ItemProduce")
        self.assertEqual(signal.event_date, log.date_start)


@tagged("post_install", "-at_install", "cloudprinter")
class TestOutsideOdoo(TransferCase):
    def test_shipped_outside_odoo(self):
        """The parcel left outside Odoo, and its delivery was canceled: *Shipped* replaces the cancellation."""
        item = self.sell_one()
        self.get_open(item).with_user(self.packer).action_cancel()
        self.env.cr.flush()
        self.assert_signal(self.get_outbox(item)[-1], "waiting", "missing_cause")
        item.with_user(self.manager).report_step("ItemShipped", "1A2B3C", "GLS")
        self.env.cr.flush()
        self.assert_outbox(item, ALL_BUT_PACKED)
        self.send()
        self.assert_received(item, ALL_BUT_PACKED)

    def test_cancellation_by_a_user_stays(self):
        item = self.sell_one()
        item.with_user(self.manager).report_cancel("CancelUserRequest", "Canceled")
        self.env.cr.flush()
        with self.assertRaisesRegex(Exception, "past"):
            item.with_user(self.manager).report_step("ItemShipped", "1A2B3C", "GLS")

    def test_move_without_a_transfer(self):
        """*Enter Tracking* opens the dialog, as there is no transfer."""
        item = self.create_item(1)
        move = self.env["stock.move"].create(
            {
                "product_id": self.book.id,
                "product_uom_qty": 1,
                "location_id": self.stock.id,
                "location_dest_id": self.customers.id,
                "cloudprinter_item_id": item.id,
            }
        )
        move._action_confirm()
        move.quantity, move.picked = 1, True
        move._action_done()
        self.env.cr.flush()
        self.assert_signal(self.get_shipped(item), "waiting", "missing_tracking")
        dialog = Form.from_action(self.env(user=self.manager), item.with_user(self.manager).action_next_step())
        dialog.tracking, dialog.shipping_option = "1A2B3C", "GLS"
        dialog.save().action_report()
        self.assert_signal(self.get_shipped(item), "outgoing", tracking="1A2B3C")

    def test_first_code(self):
        for text, code in {
            "A1": "A1",
            " A1 , A2": "A1",
            "A1; A2": "A1",
            "A1 + A2": "A1",
            "A1\nA2": "A1",
            '"A1"': "A1",
            "„A1“; A2": "A1",
            "A1 / A2": "A1",
            "A1/2": "A1/2",
            "00 340 434": "00 340 434",
            "https://track.example/?id=123,456": "",
            "HTTPS://track.example A1": "A1",
            "A1 (www.track.example/A1)": "A1",
            ",;": "",
            False: "",
        }.items():
            self.assertEqual(get_first_code(text), code, text)

    def test_address_is_no_code(self):
        item = self.sell_one()
        self.deliver(self.get_open(item), tracking="https://track.example/?id=123,456")
        self.assert_signal(self.get_shipped(item), "waiting", "missing_tracking")
