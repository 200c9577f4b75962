"""What the chatter says about accepted and failed signals."""

from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import DeliveryCase

CHATTER_LOG = "odoo.addons.cloudprinter.models.cloudprinter_chatter"


@tagged("post_install", "-at_install", "cloudprinter")
class TestChatter(DeliveryCase):
    def given_outcomes(self, *names, **values):
        """Return items that have one signal each, with an outcome that is not in the chatter yet."""
        items = self.accept(*names)
        self.write_row(items.signal_ids, state="error", failure_type="refused", answer="no such item", to_log=True)
        self.write_row(items.signal_ids, **values)
        return items

    def write_row(self, signals, **values):
        """Write columns of signals as the sender does, a minute ago unless `write_date` is given."""
        values.setdefault("write_date", fields.Datetime.subtract(fields.Datetime.now(), minutes=1, seconds=1))
        columns = ", ".join(f"{name} = %s" for name in values)
        self.env.cr.execute(
            f"UPDATE cloudprinter_signal SET {columns} WHERE id = ANY(%s)", [*values.values(), signals.ids]
        )
        self.env.invalidate_all()

    def log_outcomes(self):
        """Run the scheduled action."""
        with self.enter_registry_test_mode():
            self.env.ref("cloudprinter.ir_cron_log").method_direct_trigger()
        self.env.invalidate_all()

    def get_notes(self, record):
        return [note.body for note in record.message_ids.sorted("id") if "Cloudprinter" in note.body]

    def get_calls(self):
        """Return when the scheduled action is called again."""
        cron = self.env.ref("cloudprinter.ir_cron_log")
        return self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]).mapped("call_at")

    def test_sender_calls_it(self):
        """It is called at the end of a run that has recorded an outcome, and not by one that has nothing to tell."""
        self.accept("1")
        self.get_calls()
        with patch.object(type(self.env["cloudprinter.chatter"]), "_cron_log", lambda self: None):
            self.send()
        self.assertEqual(len(self.get_calls()), 1)
        self.send()
        self.env["ir.cron.trigger"].search([]).unlink()
        self.send()
        self.assertFalse(self.get_calls())

    def test_restart(self):
        """Odoo was stopped before the outcome was logged: it is logged later, and once."""
        item = self.accept("1")
        with patch.object(type(self.env["cloudprinter.chatter"]), "_cron_log", lambda self: None):
            self.send()
        self.assertEqual((item.signal_ids.state, self.get_notes(item)), ("sent", []))
        self.log_outcomes()
        [note] = self.get_notes(item)
        self.assertIn("accepted", note)
        self.log_outcomes()
        self.assertEqual(self.get_notes(item), [note])

    def test_problems_only(self):
        self.company.cloudprinter_chatter = "problems"
        accepted = self.accept("1")
        self.send()
        refused = self.given_outcomes("2")
        self.log_outcomes()
        self.assertEqual((len(self.get_notes(accepted)), len(self.get_notes(refused))), (0, 1))

    def test_document_with_more_to_come(self):
        """Signals of one document share a note: what is due or in flight is waited for, at most a minute."""
        now = fields.Datetime.now()
        tomorrow = fields.Datetime.add(now, hours=10)
        for state, pending in {
            "due": {"next_attempt_date": now},
            "in flight": {"next_attempt_date": tomorrow, "attempt_count": 1, "answer": None},
        }.items():
            with self.subTest(state):
                first, second = self.given_outcomes(f"{state} 1", f"{state} 2", write_date=now)
                document = {"res_model": self.company.partner_id._name, "res_id": self.company.partner_id.id}
                before = self.get_notes(self.company.partner_id)
                self.write_row(first.signal_ids + second.signal_ids, write_date=now, **document)
                self.write_row(second.signal_ids, state="outgoing", to_log=False, failure_type=None, **pending)
                self.log_outcomes()
                self.assertFalse(self.get_notes(first))
                self.assertTrue(self.get_calls())
                self.write_row(first.signal_ids)
                self.log_outcomes()
                self.assertEqual(len(self.get_notes(first)), 1, "a minute later")
                self.assertEqual(len(self.get_notes(self.company.partner_id)), len(before) + 1)

    def test_document_that_waits_for_its_next_attempt(self):
        """A failed signal that is tried again later is not waited for."""
        now = fields.Datetime.now()
        first, second = self.given_outcomes("1", "2", write_date=now)
        self.write_row(first.signal_ids + second.signal_ids, write_date=now, res_model="res.partner", res_id=1)
        later = fields.Datetime.add(now, hours=10)
        failed = {"attempt_count": 1, "answer": "500", "next_attempt_date": later}
        self.write_row(second.signal_ids, state="outgoing", to_log=False, failure_type=None, **failed)
        self.log_outcomes()
        self.assertEqual(len(self.get_notes(first)), 1)

    def test_one_note_for_a_document(self):
        """Four orders are printed together: their document gets one note, whatever the size of a batch."""
        document = self.env["res.partner"].create({"name": "A document"})
        items = self.given_outcomes(*"1234", res_model="res.partner", res_id=document.id)
        with patch(f"{CHATTER_LOG}.BATCH", 1):
            self.log_outcomes()
        [note] = self.get_notes(document)
        for item in items:
            self.assertIn(f"item {item.name}", note)
            self.assertEqual(len(self.get_notes(item)), 1)

    def test_document_is_gone(self):
        item = self.given_outcomes("1", res_model="mrp.production", res_id=999999999)
        other = self.given_outcomes("2", res_model="no.such.model", res_id=1)
        self.log_outcomes()
        self.assertEqual((len(self.get_notes(item)), len(self.get_notes(other))), (1, 1))

    def test_conflict_while_reading(self):
        """A user's transaction stands in the way: the run ends without an error and is called again."""
        item = self.given_outcomes("1")
        with patch(f"{CHATTER_LOG}.Queue.find_unlogged", side_effect=SerializationFailure):
            self.log_outcomes()
        self.assertTrue(self.get_calls())
        self.log_outcomes()
        self.assertEqual(len(self.get_notes(item)), 1)

    @mute_logger(CHATTER_LOG)
    def test_note_that_cannot_be_written(self):
        """Another add-on breaks the chatter of one document: the others get their notes, and nothing is repeated."""
        document = self.env["res.partner"].create({"name": "A document"})
        item = self.given_outcomes("1", res_model="res.partner", res_id=document.id)
        with patch.object(type(document), "_message_log_batch", side_effect=ValueError("broken")):
            self.log_outcomes()
        self.assertEqual(len(self.get_notes(item)), 1)
        self.assertFalse(item.signal_ids.to_log)

    @mute_logger(CHATTER_LOG)
    def test_outcome_that_cannot_be_logged(self):
        """It keeps no other out of the chatter, does not call the action again at once, and is logged later."""
        first, second = self.given_outcomes("1", "2")
        get_line = type(self.env["cloudprinter.chatter"])._get_line

        def get_line_or_fail(self, signal):
            if signal == first.signal_ids:
                raise ValueError("broken")
            return get_line(self, signal)

        with patch.object(type(self.env["cloudprinter.chatter"]), "_get_line", get_line_or_fail):
            self.log_outcomes()
        self.assertEqual((len(self.get_notes(first)), len(self.get_notes(second))), (0, 1))
        self.assertFalse(self.get_calls())
        self.log_outcomes()
        self.assertEqual((len(self.get_notes(first)), len(self.get_notes(second))), (1, 1))

    def test_queued_again(self):
        """A user sends a refused signal again before its refusal is logged: it has no outcome any more."""
        item = self.given_outcomes("1", state="outgoing", failure_type=None)
        self.log_outcomes()
        self.assertEqual((self.get_notes(item), item.signal_ids.to_log), ([], False))

    def test_html_in_ids_and_answers(self):
        """Text from outside is escaped."""
        item = self.given_outcomes("<b>1</b>", answer="<script>alert(1)</script> & co")
        self.log_outcomes()
        [note] = self.get_notes(item)
        self.assertIn("&lt;b&gt;1&lt;/b&gt;", note)
        self.assertNotIn("<script", note)
