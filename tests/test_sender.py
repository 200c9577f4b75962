"""The sender: bundles, order, answers, attempts, and what users see of it."""

import json
from datetime import timedelta
from unittest.mock import patch

import odoo
from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..delivery import Poster
from ..models import cloudprinter_ledger
from ..models.cloudprinter_sender import LOCK
from .common import KEY, ORDER, CloudprinterCase, SignalCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestSender(SignalCase):
    def assert_states(self, items, expected):
        """Assert the `expected` signals of (type, state, reason), oldest first."""
        signals = self.get_outbox(items)
        self.assertEqual([(s.type, s.state, s.failure_type) for s in signals], expected)

    # === what is sent === #

    def test_single_signal_is_flat(self):
        item = self.accept_order(ORDER, "123456780001")
        self.send()
        self.assertEqual(
            self.server.requests[-1]["body"],
            {
                "type": "ItemRegistered",
                "order": ORDER,
                "item": "123456780001",
                "datetime": f"{self.get_outbox(item).event_date} GMT",
            },
        )
        self.assertEqual(self.get_outbox(item).request_ids.outcome, "accepted")

    def test_bundle_per_order(self):
        """With two orders each gets its own POST, oldest signal first."""
        first = self.accept_order("100", "1", "2")
        second = self.accept_order("200", "1")
        self.queue_signals(first, "ItemProduce", "ItemProduced")
        self.send()
        bodies = {}
        for request in self.server.requests:
            members = request["body"].get("items", [request["body"]])
            bodies[members[0]["order"]] = [(member["item"], member["type"]) for member in members]
        self.assertEqual(
            bodies["100"],
            [
                ("1", "ItemRegistered"),
                ("2", "ItemRegistered"),
                ("1", "ItemProduce"),
                ("1", "ItemProduced"),
                ("2", "ItemProduce"),
                ("2", "ItemProduced"),
            ],
        )
        self.assertEqual(bodies["200"], [("1", "ItemRegistered")])
        self.assertEqual(second.reported_stage, "registered")

    def test_bundle_size(self):
        self.env["ir.config_parameter"].set_param("cloudprinter.bundle_size", "2")
        item = self.accept(ORDER)
        self.queue_signals(item, "ItemProduce", "ItemProduced", "ItemPacked")
        self.send()
        self.assertEqual([len(r["body"].get("items", [1])) for r in self.server.requests], [2, 2])
        self.assert_received(item, ["ItemRegistered", "ItemProduce", "ItemProduced", "ItemPacked"])

    @mute_logger(cloudprinter_ledger.__name__)
    def test_time_is_the_same_on_every_attempt(self):
        item = self.accept(ORDER)
        self.server.misbehave(times=1, status=500)
        self.send()
        with self.later(minutes=5):
            self.send()
        times = {request["body"]["datetime"] for request in self.server.requests}
        self.assertEqual(len(self.server.requests), 2)
        self.assertEqual(times, {f"{self.get_outbox(item).event_date} GMT"})

    # === answers === #

    def test_accepted(self):
        item = self.accept(ORDER)
        self.server.misbehave(garbage=True)
        self.send()
        signal = self.get_outbox(item)
        self.assert_states(item, [("ItemRegistered", "sent", False)])
        self.assertEqual((signal.http_status, signal.number, signal.attempt_count), (200, 1, 1))
        self.assertTrue(signal.sent_date)

    def test_refused_alone(self):
        """The server's words are on the row and in the chatter; a user corrects and sends again."""
        item = self.accept_order(ORDER, "123456780001")
        self.server.misbehave(times=1, status=400, body='{"error": {"info": "item is unknown"}}')
        self.send()
        self.assert_states(item, [("ItemRegistered", "error", "refused")])
        signal = self.get_outbox(item)
        self.assertEqual(signal.answer, "item is unknown")
        self.assertEqual(item.attention, "refused")
        self.assertIn(item, self.env["cloudprinter.item"].search([("attention", "=", "refused")]))
        self.assertIn("refused Confirmed for item 123456780001: item is unknown", item.message_ids[0].preview)
        item.with_user(self.manager).name = "123456780002"
        signal.with_user(self.manager).action_send()
        self.send()
        self.assert_states(item, [("ItemRegistered", "sent", False)])
        self.assertEqual(self.server.accepted[-1]["item"], "123456780002")
        self.assertNotEqual(item.attention, "refused")

    def test_refused_in_a_bundle(self):
        """One bad signal never holds the others: the bundle is taken apart."""
        items = self.accept_order(ORDER, "1", "bad", "3")
        self.server.misbehave(
            status=400,
            body='{"error": {"info": "item bad is unknown"}}',
            match=lambda body: '"bad"' in json.dumps(body),
        )
        self.send()
        self.assertEqual(self.get_outbox(items).mapped("state"), ["sent", "error", "sent"])
        self.assertEqual([len(r["body"].get("items", [1])) for r in self.server.requests], [3, 1, 1, 1])
        self.assertEqual(self.get_outbox(items).mapped("attempt_count"), [2, 2, 2])
        self.assertEqual(self.get_outbox(items, state="sent").mapped("number"), [1, 2])

    @mute_logger(cloudprinter_ledger.__name__)
    def test_try_again_later(self):
        """Any other answer, or none, leads to a retry, later each time."""
        for number, failure in enumerate(
            [{"status": 500}, {"status": 302, "redirect": "http://127.0.0.1:1/"}, {"status": 404}, {"cut": "before"}]
        ):
            with self.subTest(failure):
                item = self.accept(f"{number}")
                self.server.misbehave(times=1, **failure)
                self.send()
                self.assert_states(item, [("ItemRegistered", "outgoing", "outage")])
                signal = self.get_outbox(item)
                wait = (signal.next_attempt_date - fields.Datetime.now()).total_seconds()
                self.assertTrue(55 <= wait <= 73, wait)
                self.send()
                self.assert_states(item, [("ItemRegistered", "outgoing", "outage")])
                with self.later(minutes=2):
                    self.send()
                self.assert_states(item, [("ItemRegistered", "sent", False)])
                self.assertEqual(signal.attempt_count, 2)

    @mute_logger(cloudprinter_ledger.__name__)
    def test_wakes_itself_for_the_next_attempt(self):
        self.accept(ORDER)
        self.server.misbehave(times=1, status=500)
        self.env["ir.cron.trigger"].search([]).unlink()
        self.send()
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", self.env.ref("cloudprinter.ir_cron_send").id)])
        self.assertIn(self.company._cloudprinter_circuit().outage.retry_date, triggers.mapped("call_at"))

    # === order === #

    @mute_logger(cloudprinter_ledger.__name__)
    def test_nothing_overtakes(self):
        """Later signals of the item wait for the retry of an earlier one; other items continue."""
        one, two = self.accept_order(ORDER, "1", "2")
        self.server.misbehave(status=500, match=lambda body: '"1"' in json.dumps(body))
        self.send()
        self.queue_signals(one, "ItemProduce", "ItemProduced")
        self.send()
        self.assertEqual(self.get_outbox(one).mapped("attempt_count"), [1, 0, 0])
        self.server.behave()
        with self.later(minutes=3):
            self.send()
        self.assert_received(one, ["ItemRegistered", "ItemProduce", "ItemProduced"])
        self.assert_received(two, ["ItemRegistered"])

    def test_refused_does_not_block_for_ever(self):
        item = self.accept(ORDER)
        self.server.misbehave(times=1, status=400)
        self.send()
        self.queue_signals(item, "ItemProduce", "ItemProduced")
        self.send()
        self.assert_received(item, ["ItemProduce", "ItemProduced"])

    # === which process sends === #

    def test_one_sender_per_database(self):
        """While another process holds the lock, nothing is sent, and the sender comes back."""
        item = self.accept(ORDER)
        with odoo.sql_db.db_connect(self.env.cr.dbname).cursor() as other:
            other.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            self.assertTrue(other.fetchone()[0])
            self.send()
        self.assertEqual(self.server.requests, [])
        self.send()
        self.assert_received(item, ["ItemRegistered"])

    def test_accepted_wins_over_discarded(self):
        """A user discards the signal while it is in flight; Cloudprinter has it, so it is accepted."""
        item = self.accept(ORDER)
        sender = type(self.env["cloudprinter.sender"])
        record = sender._record

        def discard_first(self, run, finished):
            self.env["cloudprinter.signal"].search([("item_id", "=", item.id)]).action_discard()
            self.env.flush_all()
            return record(self, run, finished)

        with patch.object(sender, "_record", discard_first):
            self.send()
        self.assert_states(item, [("ItemRegistered", "sent", False)])

    def test_send_again_while_it_is_on_its_way(self):
        """A user presses Send on a signal in flight: it is not posted twice at the same time."""
        slow, _other = self.accept("1", "2")
        self.server.misbehave(times=1, delay=1, match=lambda body: body["order"] == "1")
        sender = type(self.env["cloudprinter.sender"])
        record = sender._record

        def press_send_first(self, run, finished):
            self.env["cloudprinter.signal"].search(
                [("item_id", "=", slow.id), ("state", "=", "outgoing")]
            ).action_send()
            self.env.flush_all()
            return record(self, run, finished)

        with patch.object(sender, "_record", press_send_first):
            self.send()
        self.assert_received(slow, ["ItemRegistered"])

    def test_budget_is_spent(self):
        """Signals that were claimed but not posted in time are due again at once, and the attempt does not count."""
        item = self.accept(ORDER)
        sender = "odoo.addons.cloudprinter.models.cloudprinter_sender"
        with patch.object(Poster, "_post", lambda *_arguments: None), patch(f"{sender}.BUDGET", 0.5):
            self.send()
        self.assertEqual(self.server.requests, [])
        self.assertEqual(self.get_outbox(item).attempt_count, 0)
        self.send()
        self.assert_received(item, ["ItemRegistered"])

    # === what keeps signals === #

    def test_obstacles(self):
        """On hold, without a key or in a copy of the database signals are only recorded, and the reason is shown."""
        fingerprint = self.company.cloudprinter_fingerprint
        for field, value, good, words in (
            ("cloudprinter_hold", True, False, "on hold"),
            ("cloudprinter_signal_api_key", False, KEY, "API key is missing"),
            ("cloudprinter_signal_url", False, self.server.url, "address is not valid"),
            ("cloudprinter_fingerprint", "another database", fingerprint, "copy of the database"),
        ):
            with self.subTest(field):
                item = self.accept(field)
                self.company[field] = value
                self.send()
                self.assertEqual(self.server.requests, [])
                self.assertIn(words, self.company.cloudprinter_status()["reason"])
                # a new key would start on hold
                self.company.write({"cloudprinter_hold": False, field: good})
                self.send()
                self.assert_states(item, [("ItemRegistered", "sent", False)])
                self.server.requests.clear()

    def test_hold_while_it_runs(self):
        """A user holds the signals during a run: those that are not in flight stay queued."""
        self.env["ir.config_parameter"].set_param("cloudprinter.connections", "1")
        items = self.accept(*"12345678")
        sender = type(self.env["cloudprinter.sender"])
        record = sender._record

        def hold_first(self, run, finished):
            self.env.company.cloudprinter_hold = True
            self.env.flush_all()
            return record(self, run, finished)

        with patch.object(sender, "_record", hold_first):
            self.send()
        self.assertLessEqual(len(self.server.requests), 2, "what was claimed before")
        self.assertEqual(len(self.get_outbox(items, state="outgoing")), 8 - len(self.server.requests))

    def test_address_that_cannot_be_used(self):
        """However the address came there, other companies do not lose their answers."""
        self.accept(ORDER)
        self.env.cr.execute("UPDATE res_company SET cloudprinter_signal_url = 'nonsense'")
        self.env.invalidate_all()
        self.send()
        self.assertEqual(self.server.requests, [])
        self.assertIn("address is not valid", self.company.cloudprinter_status()["reason"])

    @mute_logger("odoo.sql_db", cloudprinter_ledger.__name__)
    def test_attempt_that_cannot_be_recorded(self):
        """An attempt that the database refuses does not cost others their answers."""
        one, two = self.accept("1", "2")
        ledger = type(self.env["cloudprinter.ledger"])
        write = ledger._write_attempts

        def break_first(self, attempts):
            if any(attempt.bundle.order_id == one.order_id.id for attempt in attempts):
                self.env.cr.execute("SELECT 1 / 0")
            return write(self, attempts)

        with patch.object(ledger, "_write_attempts", break_first):
            self.send()
        self.assert_states(one, [("ItemRegistered", "outgoing", False)])
        self.assert_states(two, [("ItemRegistered", "sent", False)])

    @mute_logger("odoo.addons.cloudprinter.delivery.poster", cloudprinter_ledger.__name__)
    def test_post_that_fails_in_an_unexpected_way(self):
        item = self.accept(ORDER)
        with patch.object(Poster, "_get_client", side_effect=RuntimeError(f"a text with {KEY}")):
            self.send()
        self.assert_states(item, [("ItemRegistered", "outgoing", "outage")])
        self.assertEqual(self.get_outbox(item).request_ids.error, "RuntimeError")

    def test_neutralized(self):
        self.accept(ORDER)
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "True")
        self.send()
        self.assertEqual(self.server.requests, [])

    def test_moved_server(self):
        """After a move the administrator declares this the live database."""
        item = self.accept(ORDER)
        self.company.cloudprinter_fingerprint = "the old server"
        self.company.action_cloudprinter_this_is_live()
        self.send()
        self.assert_states(item, [("ItemRegistered", "sent", False)])

    # === the ledger === #

    def test_number_without_gaps_per_company(self):
        items = self.accept(*"1234")
        self.server.misbehave(times=1, status=400)
        self.send()
        self.send()
        numbers = self.get_outbox(items, state="sent").mapped("number")
        self.assertEqual(sorted(numbers), list(range(1, len(numbers) + 1)))

    @mute_logger("odoo.addons.cloudprinter.models.cloudprinter_sender")
    def test_a_row_that_cannot_be_sent(self):
        """Whatever wrote the row, it becomes an error with a reason, and nothing else waits for it."""
        one, two = self.get_outbox(self.accept_order(ORDER, "1", "2"))
        self.env.cr.execute("UPDATE cloudprinter_signal SET type = 'ItemShipped' WHERE id = %s", [one.id])
        self.env.invalidate_all()
        self.send()
        self.assertEqual((one.state, two.state), ("error", "sent"))
        self.assertIn("tracking", one.answer)
        self.assertFalse(one.request_ids, "nothing was posted for it")


@tagged("post_install", "-at_install", "cloudprinter")
class TestReporting(CloudprinterCase):
    """Reports that users make by hand."""

    def test_delay(self):
        item = self.accept(ORDER)
        item.with_user(self.operator).report_delay(24, "Print error, reprint needed")
        self.send()
        delay = self.server.accepted[-1]
        self.assertEqual(
            {name: delay[name] for name in ("type", "cause", "delay")},
            {"type": "ItemDelay", "cause": "Print error, reprint needed", "delay": "24"},
        )
        self.assertAlmostEqual((item.promised_date - fields.Datetime.now()).total_seconds(), 24 * 3600, delta=60)
        self.company.cloudprinter_delay_type = "ItemError"
        item.with_user(self.packer).report_delay(48, "Again")
        self.send()
        self.assertEqual([s["type"] for s in self.server.accepted], ["ItemRegistered", "ItemDelay", "ItemError"])

    def test_bad_input_is_shown_where_it_is_typed(self):
        item = self.accept(ORDER)
        manager = item.with_user(self.manager)
        for call, words in (
            (lambda: manager.report_delay("soon", "Late"), "delay"),
            (lambda: manager.report_delay(-1, "Late"), "delay"),
            (lambda: manager.report_delay(0, "Late"), "delay"),
            (lambda: manager.report_delay(1.5, "Late"), "delay"),
            (lambda: manager.report_delay(24, " "), "reason"),
            (lambda: manager.report_cancel("CancelBecause", "text"), "CancelBecause"),
            (lambda: manager.report_cancel(False, "text"), "cause"),
            (lambda: manager.report_cancel("CancelPageCount", " "), "message"),
        ):
            with self.subTest(words):
                with self.assertRaises(UserError) as caught:
                    call()
                self.assertIn(words, str(caught.exception))
        self.assert_outbox(item, ["ItemRegistered"])

    def test_cancel(self):
        item = self.sell_one()
        item.with_user(self.manager).report_cancel("CancelPageCount", "The file has 3 pages")
        self.assertEqual(item.stage, "canceled")
        self.assertEqual(item.attention, "canceled_open", "it is still being made")
        self.send()
        self.assert_received(item, ["ItemRegistered", "ItemCanceled"])
        self.assertEqual(self.server.accepted[-1]["cause"], "CancelPageCount")
        item.production_ids.with_user(self.operator).action_cloudprinter_go_on()
        self.produce(item.production_ids)
        self.assert_outbox(item, ["ItemRegistered", "ItemCanceled"], "nothing follows a terminal signal automatically")

    def test_cancel_after_a_part_has_left(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        self.deliver(item.sale_line_id.order_id.picking_ids, 2)
        with self.assertRaises(UserError) as caught:
            item.with_user(self.manager).report_cancel("CancelMiscError", "Too late")
        self.assertIn("cannot be canceled", str(caught.exception))

    def test_cancel_is_final_once_posted(self):
        """Until it is posted the cause may change; afterwards nothing changes and nothing follows."""
        self.company.cloudprinter_hold = True
        item = self.accept(ORDER)
        manager = item.with_user(self.manager)
        manager.report_cancel("CancelMiscError", "one")
        manager.report_cancel("CancelPageCount", "two")
        canceled = self.get_outbox(item, type="ItemCanceled")
        self.assertEqual((canceled.cause, canceled.message), ("CancelPageCount", "two"))
        self.company.cloudprinter_hold = False
        self.send()
        for call in (
            lambda: manager.report_cancel("CancelBookSize", "three"),
            lambda: manager.write({"cancel_cause": False, "cancel_message": False}),
            lambda: manager.report_delay(24, "Late"),
        ):
            with self.assertRaises(UserError):
                call()

    def test_what_is_withdrawn_may_come_again(self):
        """Discarding a withdrawn signal does not suppress it for good."""
        self.company.cloudprinter_hold = True
        item = self.sell_one()
        self.produce(item.production_ids)
        second = item.production_ids.copy()
        second.action_confirm()
        second.cloudprinter_item_ids = item
        self.env.cr.flush()
        withdrawn = item.signal_ids.filtered(lambda signal: signal.type == "ItemProduced")
        self.assertEqual(withdrawn.failure_type, "withdrawn")
        withdrawn.with_user(self.manager).action_discard()
        self.produce(second)
        self.assert_outbox(item, ["ItemRegistered", "ItemProduce", "ItemProduced"])

    def test_ids_are_kept_while_a_signal_is_on_its_way(self):
        """The ledger never names an id that Cloudprinter did not receive."""
        item = self.accept(ORDER)
        signal = self.get_outbox(item)
        # as the sender does before it posts
        self.env.cr.execute(
            "UPDATE cloudprinter_signal SET attempt_count = 1, answer = NULL, next_attempt_date = %s WHERE id = %s",
            [fields.Datetime.now() + timedelta(minutes=1), signal.id],
        )
        self.env.invalidate_all()
        with self.assertRaises(UserError) as caught:
            item.with_user(self.manager).name = "other"
        self.assertIn("being sent right now", str(caught.exception))
        signal._update({"failure_type": "outage", "answer": "HTTP 500"})
        item.with_user(self.manager).name = "other"

    def test_reported_stage(self):
        """Cloudprinter's stage may differ from Odoo's."""
        items = self.env["cloudprinter.item"]
        item = self.sell_one()
        self.assertEqual((item.stage, item.reported_stage), ("registered", "new"))
        self.send()
        self.produce(item.production_ids)
        self.assertEqual((item.stage, item.reported_stage), ("produced", "registered"))
        self.assertIn(item, items.search([("reported_stage", "=", "registered")]))
        self.assertNotIn(item, items.search([("reported_stage", "in", ("new", "produced"))]))
        self.assertIn(item, items.search([("reported_stage", "!=", "produced")]))
        self.send()
        self.assertEqual(item.reported_stage, "produced")

    def test_changed_by_an_update(self):
        """An update of the add-on reports nothing; a user reports it, or records that it was reported before."""
        one, two = self.sell((self.book, 1, "1"), (self.book, 1, "2")).order_line.cloudprinter_item_id
        with patch.object(self.registry, "ready", False):
            self.produce((one | two).production_ids)
        for item in (one, two):
            self.assert_outbox(item, ["ItemRegistered"])
            self.assertEqual(item.attention, "changed_by_update")
        with self.assertRaises(AccessError):
            one.with_user(self.operator).action_report_changes()
        one.with_user(self.manager).action_report_changes()
        two.with_user(self.manager).action_ignore_changes()
        self.send()
        self.assert_received(one, ["ItemRegistered", "ItemProduce", "ItemProduced"])
        self.assert_received(two, ["ItemRegistered"])
        self.assertEqual(self.get_outbox(two).mapped("origin"), ["observed", "before", "before"])
        self.assertEqual(two.reported_stage, "produced")
        self.assertFalse((one | two).filtered("attention"))

    def test_what_is_discarded_stays_so(self):
        """A signal that a user discarded is not created again by the next click or the daily check."""
        self.company.cloudprinter_hold = True
        item = self.sell_one()
        self.produce(item.production_ids)
        self.get_outbox(item, type="ItemProduced").with_user(self.manager).action_discard()
        with self.enter_registry_test_mode():
            self.env.ref("cloudprinter.ir_cron_check_open_items").method_direct_trigger()
        self.assertEqual(
            [(s.type, s.state) for s in self.get_outbox(item)],
            [("ItemRegistered", "outgoing"), ("ItemProduce", "outgoing"), ("ItemProduced", "canceled")],
        )
