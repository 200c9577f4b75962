"""What Cloudprinter has accepted is kept; failed attempts are deleted after a time."""

from datetime import datetime

import psycopg2
from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import DeliveryCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestEvidence(DeliveryCase):
    """Accepted signals and attempts cannot be changed or deleted, whatever the rights of the user."""

    def setUp(self):
        super().setUp()
        self.signal = self.accept("1").signal_ids
        self.send()
        self.request = self.signal.request_ids
        system = new_test_user(self.env, login="cp_system", groups="base.group_system,cloudprinter.group_manager")
        contexts = [{}, {"cloudprinter_ledger": True}, {"cloudprinter_ledger": "LEDGER_TOKEN"}, {"install_mode": True}]
        self.envs = [
            self.env(user=user, su=su, context={**self.env.context, **context})
            for user in (self.manager, system, self.env.ref("base.user_root"))
            for su in ({False, user == self.env.ref("base.user_root")})
            for context in contexts
        ]

    def test_sent_signal(self):
        for env in self.envs:
            signal = self.signal.with_env(env)
            for vals in ({"state": "error"}, {"tracking": "X"}, {"number": 7}, {"request_ids": False}):
                with self.subTest(uid=env.uid, su=env.su, vals=vals), self.assertRaises(AccessError):
                    signal.write(vals)
            with self.assertRaises(AccessError):
                signal.unlink()

    def test_attempt(self):
        for env in self.envs:
            request = self.request.with_env(env)
            for vals in ({"response": "X"}, {"signal_ids": False}, {"date": "2020-01-01"}):
                with self.subTest(uid=env.uid, su=env.su, vals=vals), self.assertRaises(AccessError):
                    request.write(vals)
            with self.assertRaises(AccessError):
                request.unlink()

    def test_acceptance_cannot_be_made_up(self):
        waiting = self.accept("2").signal_ids
        for env in self.envs:
            with self.assertRaises(AccessError):
                waiting.with_env(env).write({"state": "sent"})
            with self.assertRaises(AccessError):
                waiting.with_env(env).write({"number": 1000})
            with self.assertRaises(AccessError):
                self.request.with_env(env).create({"company_id": self.company.id, "outcome": "accepted"})
            with self.assertRaises(AccessError):
                waiting.with_env(env).create(
                    {"item_id": waiting.item_id.id, "type": "ItemProduced", "state": "sent", "number": 9}
                )

    def test_documents_of_the_ledger_stay(self):
        for record in (self.signal.item_id, self.signal.order_id):
            with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.IntegrityError):
                record.unlink()


@tagged("post_install", "-at_install", "cloudprinter")
class TestVacuum(DeliveryCase):
    def vacuum(self):
        """Run Odoo's daily clean-up until nothing is left to delete."""
        calls = 0
        with freeze_time(self.moment):
            while self.env["cloudprinter.request"]._gc_requests()[1]:
                calls += 1
        return calls

    def test_failed_attempts_are_kept_as_long_as_the_company_says(self):
        self.company.cloudprinter_retention_days = 30
        signal = self.break_down("1").signal_ids
        self.server.behave()
        self.wait(minutes=2)
        self.send()
        self.assertEqual(signal.request_ids.mapped("outcome"), ["accepted", "try_later"])
        self.wait(days=29)
        self.vacuum()
        self.assertEqual(len(signal.request_ids), 2)
        self.wait(days=2)
        self.vacuum()
        self.assertEqual(signal.request_ids.mapped("outcome"), ["accepted"])
        self.assertEqual((signal.answer, signal.http_status, signal.attempt_count), (False, 200, 2))

    def test_acceptances_are_kept_for_ten_calendar_years(self):
        signal = self.accept("1").signal_ids
        self.send()
        year = signal.sent_date.year
        self.moment = datetime(year + 10, 12, 31, 23, 59)
        self.vacuum()
        self.assertTrue(signal.request_ids)
        self.moment = datetime(year + 11, 1, 1)
        self.vacuum()
        self.assertFalse(signal.request_ids)
        self.assertEqual((signal.state, signal.number), ("sent", 1), "the signal itself is kept for ever")

    def test_what_needs_attention_is_kept(self):
        self.server.misbehave(status=400)
        signal = self.accept("1").signal_ids
        self.send()
        self.wait(days=1000)
        self.vacuum()
        self.assertTrue(signal.request_ids)
        signal.action_discard()
        self.server.behave()
        self.accept("2")
        self.send()
        self.vacuum()
        self.assertFalse(signal.request_ids)

    def test_company_is_still_stopped(self):
        """A company stays stopped when its attempts are deleted."""
        self.company.cloudprinter_retention_days = 1
        self.server.misbehave(status=401)
        items = self.accept("1", "2", "3")
        self.send()
        items.signal_ids.action_discard()
        self.wait(days=2)
        self.vacuum()
        self.assertFalse(items.signal_ids.request_ids)
        self.assertEqual(self.company._cloudprinter_obstacle(), "key_refused")

    def test_a_part_at_a_time(self):
        signal = self.accept("1").signal_ids
        self.env["cloudprinter.request"]._insert(
            [{"company_id": self.company.id, "outcome": "try_later", "date": "2020-01-01"} for _each in range(2500)]
        )
        self.assertEqual(self.vacuum(), 3)
        self.assertFalse(self.env["cloudprinter.request"].search([("outcome", "=", "try_later")]))
        self.assertTrue(signal.exists())
