"""The tracking code and the shipping option of ItemShipped: awaited, read, changed, corrected."""

from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_delivery.models.delivery_carrier import DeliveryCarrier

from ..models import cloudprinter_ledger
from ..models.cloudprinter_sender import CloudprinterSender
from .common import ALL_BUT_PACKED, CloudprinterCase


class TrackingCase(CloudprinterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keep_in_stock(cls.book)

    @classmethod
    def ship(cls, tracking=None, **values):
        """Sell and deliver one item; return it, its last delivery and its ItemShipped."""
        item = cls.sell_one(**values)
        picking = item.sale_line_id.order_id.picking_ids
        cls.deliver(picking, tracking=tracking)
        return item, picking, cls.get_shipped(item)

    @classmethod
    def get_shipped(cls, item):
        return cls.get_outbox(item, type="ItemShipped")

    def type_code(self, picking, code):
        """Type a code on the transfer as the packer."""
        picking.with_user(self.packer).carrier_tracking_ref = code
        self.env.cr.flush()

    def assert_waits(self, signal, failure_type):
        self.assertEqual((signal.state, signal.failure_type), ("waiting", failure_type))
        self.assertEqual(signal.item_id.attention, failure_type)

    def assert_goes(self, signal, tracking, option="GLS"):
        self.assertEqual((signal.state, signal.failure_type), ("outgoing", False))
        self.assertEqual((signal.tracking, signal.shipping_option), (tracking, option))

    def get_sent_codes(self):
        self.send()
        return [signal["tracking"] for signal in self.server.accepted if signal["type"] == "ItemShipped"]


@tagged("post_install", "-at_install", "cloudprinter")
class TestTracking(TrackingCase):
    def test_waits_for_the_code_and_goes_by_itself(self):
        item, picking, signal = self.ship()
        self.assert_waits(signal, "missing_tracking")
        self.assertEqual(self.env["cloudprinter.item"].search([("attention", "=", "missing_tracking")]), item)
        self.send()
        self.assert_received(item, ALL_BUT_PACKED[:-1])
        happened = signal.event_date
        with self.later(hours=15):
            self.type_code(picking, "1A2B3C")
            self.assert_goes(signal, "1A2B3C")
            self.send()
        self.assert_received(item, ALL_BUT_PACKED)
        self.assertEqual(signal.event_date, happened, "it happened when it left, not when the code was typed")
        self.assertFalse(item.attention)

    def test_one_code_releases_every_item_of_the_delivery(self):
        sale = self.sell((self.book, 2, "1"), (self.book, 3, "2"))
        self.deliver(sale.picking_ids, tracking=None)
        signals = self.get_shipped(sale.order_line.cloudprinter_item_id)
        self.assertEqual(signals.mapped("failure_type"), ["missing_tracking"] * 2)
        self.type_code(sale.picking_ids, "1A2B3C")
        self.assertEqual(signals.mapped("tracking"), ["1A2B3C"] * 2)
        self.assertEqual(self.get_sent_codes(), ["1A2B3C"] * 2)

    def test_code_typed_before_validation(self):
        item = self.sell_one()
        picking = item.sale_line_id.order_id.picking_ids
        self.type_code(picking, "EARLY")
        self.assert_outbox(item, ["ItemRegistered"])
        self.deliver(picking, tracking=None)
        self.assert_goes(self.get_shipped(item), "EARLY")

    def test_which_code_is_read(self):
        """The API accepts one code; the field may contain more or less than that."""
        _item, picking, signal = self.ship()
        for typed, expected in (
            ("FIRST,SECOND", "FIRST"),
            ("FIRST , SECOND", "FIRST"),
            ("  1A2B3C \t", "1A2B3C"),
            (" ,SECOND", "SECOND"),
            ("00340434 161094", "00340434 161094"),
            ("№ 12/ä", "№ 12/ä"),
            ("1A\n2B", "1A"),
        ):
            with self.subTest(typed):
                self.type_code(picking, typed)
                self.assert_goes(signal, expected)
        for typed in (" ", ",", False):
            with self.subTest(typed):
                self.type_code(picking, typed)
                self.assert_waits(signal, "missing_tracking")

    def test_which_shipping_option_is_read(self):
        """The carrier's own option is used, else that of the order's method, else the carrier's name."""
        for number, (option, method, carrier, expected) in enumerate(
            (
                ("GLS", "ups_saver", True, "GLS"),
                (False, "ups_saver", True, "ups_saver"),
                (False, False, True, "GLS Parcel"),
                (False, "ups_saver", False, "ups_saver"),
            )
        ):
            with self.subTest(option=option, method=method, carrier=carrier):
                self.carrier.cloudprinter_shipping_option = option
                item = self.sell_one(order=f"o{number}", **({} if carrier else {"carrier_id": False}))
                item.order_id.shipping_method = method
                self.deliver(item.sale_line_id.order_id.picking_ids)
                self.assert_goes(self.get_shipped(item), "1A2B3C4D5E6F", expected)

    def test_missing_option(self):
        """Without carrier and method the signal waits; either of them, given later, releases it."""
        _item, picking, signal = self.ship("1A2B3C", carrier_id=False)
        self.assert_waits(signal, "missing_option")
        picking.with_user(self.packer).carrier_id = self.carrier
        self.assert_goes(signal, "1A2B3C")

        item, picking, signal = self.ship("4D5E6F", order="2", carrier_id=False)
        item.order_id.with_user(self.manager).shipping_method = "ups_saver"
        self.assert_goes(signal, "4D5E6F", "ups_saver")

    def test_both_missing(self):
        _item, picking, signal = self.ship(carrier_id=False)
        self.assert_waits(signal, "missing_tracking")
        self.type_code(picking, "1A2B3C")
        self.assert_waits(signal, "missing_option")

    def test_untracked_service(self):
        self.carrier.cloudprinter_untracked = "Letter, no tracking"
        _item, picking, signal = self.ship()
        self.assert_goes(signal, "Letter, no tracking")
        self.type_code(picking, "1A2B3C")
        self.assert_goes(signal, "1A2B3C")

    def test_code_of_the_carriers_integration(self):
        """An integration writes the code while the transfer is validated, and again for a second parcel."""
        self.carrier.integration_level = "rate_and_ship"
        self.warehouse.out_type_id.print_label = True
        answer = [{"exact_price": 5.0, "tracking_number": "LABEL1"}]
        with patch.object(DeliveryCarrier, "fixed_send_shipping", lambda self, pickings: answer):
            item, picking, signal = self.ship()
            self.assertEqual(picking.carrier_tracking_ref, "LABEL1")
            self.assert_goes(signal, "LABEL1")
            self.assert_outbox(item, ALL_BUT_PACKED)
            self.assertEqual(self.get_sent_codes(), ["LABEL1"])
            answer[0]["tracking_number"] = "LABEL2"
            picking.with_user(self.packer).send_to_shipper()
        self.assertEqual(picking.carrier_tracking_ref, "LABEL1,LABEL2")
        self.assert_outbox(item, ALL_BUT_PACKED, "the first code has not changed")

    def test_steps_before_the_delivery(self):
        """Odoo writes the carrier's code on every transfer of the chain; only that of the last one counts."""
        self.warehouse.delivery_steps = "pick_pack_ship"
        item = self.sell_one()
        pickings = self.env["stock.picking"]
        for _step in range(3):
            pickings |= item.sale_line_id.order_id.picking_ids
            self.deliver(pickings[-1], tracking=None)
        signal = self.get_shipped(item)
        self.assertEqual(len(pickings), 3)
        for picking in pickings[:2]:
            self.type_code(picking, "INTERNAL")
            self.assert_waits(signal, "missing_tracking")
        self.type_code(pickings[2], "1A2B3C")
        self.assertEqual(self.get_sent_codes(), ["1A2B3C"])
        self.type_code(pickings[0], "OTHER")
        self.assert_outbox(item, [*ALL_BUT_PACKED[:-1], "ItemPacked", "ItemShipped"])

    def test_last_of_several_deliveries(self):
        item = self.sell_one()
        sale = item.sale_line_id.order_id
        first = sale.picking_ids
        self.deliver(first, 2, tracking="FIRST")
        second = sale.picking_ids - first
        self.deliver(second, 2, tracking="SECOND")
        self.deliver(sale.picking_ids - first - second, tracking="LAST")
        self.assert_goes(self.get_shipped(item), "LAST")
        self.type_code(first, "CHANGED")
        self.assert_goes(self.get_shipped(item), "LAST")
        self.assertEqual(self.get_sent_codes(), ["LAST"])
        self.type_code(second, "CHANGED")
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_changed_before_it_was_sent(self):
        item, picking, signal = self.ship("WRONG")
        self.type_code(picking, "RIGHT")
        picking.with_user(self.packer).carrier_id = self.carrier.copy({"cloudprinter_shipping_option": "UPS"})
        self.assert_goes(signal, "RIGHT", "UPS")
        self.assert_outbox(item, ALL_BUT_PACKED)

    @mute_logger(cloudprinter_ledger.__name__)
    def test_changed_while_it_could_not_be_delivered(self):
        """After an attempt without an answer, the next attempt has the right code."""
        item, picking, signal = self.ship("WRONG")
        self.server.misbehave(status=503)
        self.send()
        self.assertEqual((signal.state, signal.attempt_count), ("outgoing", 1))
        self.type_code(picking, "RIGHT")
        self.server.behave()
        with self.later(hours=1):
            self.assertEqual(self.get_sent_codes(), ["RIGHT"])
        self.assert_outbox(item, ALL_BUT_PACKED)

    def test_changed_while_it_was_being_posted(self):
        """The ledger shows what was sent; the new code is proposed as a correction."""
        for number, (typed, corrections) in enumerate((("NEW", ["NEW"]), (False, []))):
            with self.subTest(typed=typed):
                item, picking, signal = self.ship("OLD", order=f"o{number}")
                make_bundles = CloudprinterSender._make_bundles

                def claim_and_type(sender, *args):
                    bundles = make_bundles(sender, *args)  # noqa: B023
                    if bundles:
                        picking.with_env(sender.env(user=self.packer)).carrier_tracking_ref = typed  # noqa: B023
                    return bundles

                with patch.object(CloudprinterSender, "_make_bundles", claim_and_type):
                    self.send()
                self.assertEqual(self.server.accepted[-1]["tracking"], "OLD")
                self.assertEqual((signal.state, signal.failure_type, signal.tracking), ("sent", False, "OLD"))
                others = self.get_shipped(item) - signal
                self.assertEqual(others.mapped("tracking"), corrections)
                self.assertEqual(item.attention, "correction" if corrections else False)

    def test_shipment_canceled_before_it_was_sent(self):
        """Odoo empties the reference: the code is void, so the signal waits for that of the next label."""
        _item, picking, signal = self.ship("VOID")
        with patch.object(DeliveryCarrier, "fixed_cancel_shipment", lambda self, pickings: None):
            picking.with_user(self.packer).cancel_shipment()
        self.assert_waits(signal, "missing_tracking")
        self.assertEqual(self.get_sent_codes(), [])
        self.type_code(picking, "LABEL2")
        self.assertEqual(self.get_sent_codes(), ["LABEL2"])


@tagged("post_install", "-at_install", "cloudprinter")
class TestCorrection(TrackingCase):
    """Only a user can correct what Cloudprinter has accepted."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.item, cls.picking, cls.reported = cls.ship("OLD")
        cls.send()
        cls.sent = [*cls.server.accepted]

    def setUp(self):
        super().setUp()
        self.server.accepted.extend(self.sent)
        self.assertEqual(self.get_sent_codes(), ["OLD"])

    def get_correction(self):
        return self.get_shipped(self.item).filtered(lambda s: s.correction_of_id and s.state != "canceled")

    def assert_proposed(self, code):
        correction = self.get_correction()
        self.assertEqual(len(correction), 1)
        self.assertEqual((correction.tracking, correction.origin), (code, "correction"))
        self.assertEqual(correction.correction_of_id, self.reported)
        self.assert_waits(correction, "correction")
        return correction

    def test_proposed_once_and_sent_by_a_user(self):
        self.type_code(self.picking, "NEW")
        correction = self.assert_proposed("NEW")
        self.assertEqual(correction.user_id, self.packer)
        self.assertEqual(self.reported.tracking, "OLD", "the ledger keeps what was sent")
        self.type_code(self.picking, "NEWER")
        self.assertEqual(self.assert_proposed("NEWER"), correction, "the next change updates it")
        self.assertEqual(self.get_sent_codes(), ["OLD"], "never automatically")
        correction.with_user(self.manager).action_send()
        self.assertEqual(self.get_sent_codes(), ["OLD", "NEWER"])
        self.assertEqual(correction.number, self.reported.number + 1)
        self.assertFalse(self.item.attention)

    def test_next_change_corrects_the_correction(self):
        self.type_code(self.picking, "NEW")
        first = self.get_correction()
        first.with_user(self.manager).action_send()
        self.send()
        self.type_code(self.picking, "NEWER")
        second = self.get_correction() - first
        self.assertEqual((second.tracking, second.correction_of_id), ("NEWER", first))
        self.type_code(self.picking, "NEW")
        self.assertFalse(self.get_correction() - first, "changed back to what Cloudprinter has")

    def test_discarded(self):
        self.type_code(self.picking, "NEW")
        correction = self.get_correction()
        correction.with_user(self.manager).action_discard()
        self.assertEqual((correction.state, correction.failure_type), ("canceled", "discarded"))
        self.assertFalse(self.item.attention)
        self.type_code(self.picking, "NEW,SECOND")
        self.assertFalse(self.get_correction(), "what was discarded is not proposed again")
        self.type_code(self.picking, "OTHER")
        self.assert_proposed("OTHER")
        self.assertEqual(self.get_sent_codes(), ["OLD"])

    def test_changed_back(self):
        self.type_code(self.picking, "NEW")
        self.type_code(self.picking, "OLD")
        self.assertFalse(self.get_correction())
        self.assertFalse(self.item.attention)
        self.type_code(self.picking, "NEW")
        self.assert_proposed("NEW")

    def test_no_change_for_cloudprinter(self):
        """Odoo appends codes of further parcels, and empties the field when a label is canceled."""
        for typed in ("OLD,SECOND", " OLD ", "OLD , SECOND,THIRD", False):
            with self.subTest(typed):
                self.type_code(self.picking, typed)
                self.assert_outbox(self.item, ALL_BUT_PACKED)
        self.picking.with_user(self.packer).carrier_id = False
        self.assert_outbox(self.item, ALL_BUT_PACKED)

    def test_label_canceled_and_made_again(self):
        with patch.object(DeliveryCarrier, "fixed_cancel_shipment", lambda self, pickings: None):
            self.picking.with_user(self.packer).cancel_shipment()
        self.type_code(self.picking, "LABEL2")
        self.assert_proposed("LABEL2")

    def test_operator_and_packer_may_not_decide(self):
        self.type_code(self.picking, "NEW")
        for user in (self.packer, self.salesman, self.accountant):
            for decision in ("action_send", "action_discard"):
                with self.subTest(user=user.login, decision=decision), self.assertRaises(UserError):
                    getattr(self.get_correction().with_user(user), decision)()


@tagged("post_install", "-at_install", "cloudprinter")
class TestSecondShipment(TrackingCase):
    """A shipped item is delivered again, here because more of it was ordered."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.item, cls.first, cls.reported = cls.ship("FIRST")
        cls.sale = cls.item.sale_line_id.order_id

    def deliver_more(self, tracking="SECOND"):
        delivered = self.sale.picking_ids
        self.item.sale_line_id.with_user(self.salesman).product_uom_qty += 2
        self.deliver(self.sale.picking_ids - delivered, tracking=tracking)
        return self.sale.picking_ids - delivered

    def get_proposals(self):
        return self.get_shipped(self.item).filtered(lambda s: s.correction_of_id and s.state == "waiting")

    def test_before_the_first_was_sent(self):
        """Nothing was sent yet: the signal is made again, with the code of the last delivery."""
        second = self.deliver_more()
        signal = self.get_shipped(self.item)
        self.assert_goes(signal, "SECOND")
        self.assertEqual(signal.source, second.name)
        self.assertEqual(self.get_sent_codes(), ["SECOND"])

    def test_proposed_to_a_user(self):
        self.send()
        second = self.deliver_more()
        proposal = self.get_proposals()
        self.assertEqual(len(proposal), 1)
        self.assert_waits(proposal, "correction")
        self.assertEqual((proposal.tracking, proposal.source), ("SECOND", second.name))
        self.type_code(second, "SECOND2")
        self.assertEqual(self.get_proposals().tracking, "SECOND2")
        self.type_code(self.first, "FIRST2")
        self.assertEqual(self.get_proposals().tracking, "SECOND2", "the last delivery's code counts")
        self.assertEqual(self.get_sent_codes(), ["FIRST"])
        proposal.with_user(self.manager).action_send()
        self.assertEqual(self.get_sent_codes(), ["FIRST", "SECOND2"])

    def test_discarded_stays_discarded(self):
        self.send()
        second = self.deliver_more()
        self.get_proposals().with_user(self.manager).action_discard()
        self.item.quantity += 1  # evaluated again
        self.type_code(second, "SECOND,THIRD")
        self.assertFalse(self.get_proposals())
        third = self.deliver_more("THIRD")
        self.assertEqual(self.get_proposals().source, third.name)

    def test_third_replaces_the_second(self):
        self.send()
        self.deliver_more()
        self.deliver_more("THIRD")
        self.assertEqual(self.get_proposals().mapped("tracking"), ["THIRD"])

    def test_sent_before_its_code_is_there(self):
        self.send()
        second = self.deliver_more(tracking=None)
        proposal = self.get_proposals()
        self.assert_waits(proposal, "correction")
        proposal.with_user(self.manager).action_send()
        self.assert_waits(proposal, "missing_tracking")
        self.type_code(second, "SECOND")
        self.assertEqual(self.get_sent_codes(), ["FIRST", "SECOND"])
