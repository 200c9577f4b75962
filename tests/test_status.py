"""Why a signal is not accepted yet, and why nothing is sent."""

from datetime import timedelta

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..models.res_company_status import SEVERITIES
from .common import DeliveryCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestWaitsFor(DeliveryCase):
    """Users who look at a signal see why it is not accepted yet."""

    def test_earlier_signal_of_the_item(self):
        item = self.accept("1")
        registered = item.signal_ids
        started, produced = self.queue_signals(item, "ItemProduce", "ItemProduced")
        self.assertFalse(registered.waits_for)
        self.assertEqual(started.waits_for, "Waits for “Confirmed”")
        self.assertEqual(produced.with_user(self.operator).waits_for, "Waits for “Confirmed”")

    def test_company_that_is_held(self):
        self.company.cloudprinter_hold = True
        self.assertIn("on hold", self.accept("1").signal_ids.waits_for)

    def test_silent_endpoint(self):
        items = self.break_down("1", "2")
        self.assertIn("has not responded correctly since", items[0].signal_ids.waits_for)

    def test_missing_tracking(self):
        shipped = self.queue_signals(self.accept("1"), "ItemPacked")
        shipped._update({"state": "waiting", "failure_type": "missing_tracking"})
        self.assertEqual(shipped.waits_for, "The tracking reference is missing")

    def test_refused(self):
        self.server.misbehave(status=400)
        item = self.accept("1")
        self.send()
        self.assertEqual(item.signal_ids.waits_for, "Refused by Cloudprinter")


@tagged("post_install", "-at_install", "cloudprinter")
class TestStatus(DeliveryCase):
    def get_status(self, *names):
        with freeze_time(self.moment):
            status = self.company.cloudprinter_status()
        return tuple(status[name] for name in names)

    def get_reason(self):
        with freeze_time(self.moment):
            return self.company.cloudprinter_status()["reason"]

    def test_all_is_well(self):
        self.accept("1")
        self.send()
        self.assertFalse(self.get_reason())

    def test_one_order_fails_and_nothing_else_is_queued(self):
        """Nothing shows whether Cloudprinter is available."""
        self.break_down("1")
        self.assertIn("has not accepted the last signal, of order 1, since", self.get_reason())

    def test_silent_endpoint(self):
        self.break_down("1", "2")
        self.assertIn("has not responded correctly since", self.get_reason())
        self.server.behave()
        self.wait(minutes=2)
        self.send()
        self.assertFalse(self.get_reason())

    def test_oldest_due_is_too_old(self):
        """Whatever the cause: no worker, a frozen server that holds the lock, a row that stops every run."""
        cron = self.env.ref("cloudprinter.ir_cron_send")
        self.accept("1")
        for lastcall in (False, self.moment, self.moment + timedelta(minutes=31)):
            with self.subTest(lastcall):
                cron.lastcall = lastcall
                self.assertFalse(self.get_reason())
                with freeze_time(self.moment + timedelta(minutes=31)):
                    reason = self.company.cloudprinter_status()["reason"]
                self.assertIn("Signals due since", reason)

    def test_scheduled_action_fails(self):
        self.env.ref("cloudprinter.ir_cron_send").write({"failure_count": 3, "first_failure_date": self.moment})
        self.assertIn("has failed 3 times since", self.get_reason())

    def test_counts_for_monitoring(self):
        self.server.misbehave(times=1, status=400)
        self.accept("1")
        self.send()
        self.accept("2", "3")
        status = self.company.with_user(self.manager).cloudprinter_status()
        self.assertEqual((status["outgoing"], status["waiting"], status["error"]), (2, 0, 1))
        self.assertTrue(status["oldest_due"])

    def test_codes_and_severities(self):
        """Each reason has a code that does not depend on the language, and says how urgent it is."""
        self.assertEqual(self.get_status("code", "severity"), ("ok", 0))
        self.company.cloudprinter_hold = True
        self.assertEqual(self.get_status("code", "severity"), ("hold", 0), "nothing is held back")
        self.accept("1")
        self.assertEqual(self.get_status("code", "severity"), ("hold", 1))
        self.company.write({"cloudprinter_hold": False, "cloudprinter_fingerprint": "another"})
        self.assertEqual(self.get_status("code", "severity"), ("copy", 2))
        self.company._cloudprinter_bind_to_database()
        cron = self.env.ref("cloudprinter.ir_cron_send")
        cron.active = False
        self.assertEqual(self.get_status("code", "severity"), ("cron_inactive", 2))
        cron.write({"active": True, "failure_count": 3, "first_failure_date": self.moment})
        self.assertEqual(self.get_status("code", "severity"), ("cron_failing", 2))
        cron.failure_count = 0
        self.wait(minutes=31)
        self.assertEqual(self.get_status("code", "severity"), ("signals_late", 2))
        self.server.misbehave(status=500)
        self.send()
        self.assertEqual(self.get_status("code", "severity"), ("order_failing", 1))
        self.accept("2")
        self.send()
        self.assertEqual(self.get_status("code", "severity"), ("outage", 1))
        self.wait(minutes=61)
        self.send()
        self.assertEqual(self.get_status("code", "severity"), ("long_outage", 2))

    def test_refused_signals(self):
        self.server.misbehave(times=1, status=400)
        self.accept("1")
        self.send()
        self.assertEqual(self.get_status("code", "severity", "reason", "error"), ("signals_refused", 1, False, 1))

    def test_dates(self):
        self.assertEqual(self.get_status("last_accepted", "oldest_waiting"), (False, False))
        self.accept("1")
        self.send()
        first = self.moment
        self.assertEqual(self.get_status("last_accepted")[0], first.replace(microsecond=0))
        self.wait(hours=1)
        waiting = self.queue_signals(self.accept("2"), "ItemPacked")
        waiting._update({"state": "waiting", "failure_type": "missing_tracking"})
        self.assertEqual(self.get_status("oldest_waiting", "waiting"), (waiting.event_date, 1))
        self.send()
        self.assertEqual(self.get_status("last_accepted")[0], self.moment.replace(microsecond=0))

    def test_incoming_orders(self):
        """One that waits for a user counts, and is overdue after 15 minutes without an answer."""
        values = {"company_id": self.company.id, "format": "json", "digest": "1", "received_date": self.moment}
        documents = self.env["cloudprinter.order.document"].create(
            [
                {**values, "name": name, "state": state, "failure_type": failure}
                for name, state, failure in (
                    ("1", "waiting", "unmatched"),
                    ("2", "waiting", "changed"),
                    ("3", "received", False),
                    ("4", "done", False),
                )
            ]
        )
        self.assertEqual(self.get_status("code", "orders_waiting", "orders_overdue"), ("ok", 2, 0))
        self.wait(minutes=16)
        names = ("code", "severity", "orders_waiting", "orders_overdue", "reason")
        self.assertEqual(self.get_status(*names), ("orders_overdue", 1, 2, 2, False))
        documents.state = "done"
        self.assertEqual(self.get_status(*names), ("ok", 0, 0, 0, False))

    def test_all_companies_at_once(self):
        """Without ids: sums, the oldest date, the worst code, and each company; only those that the user may see."""
        other = self.env["res.company"].create({"name": "Other Shop", "cloudprinter_signal_url": self.server.url})
        order = self.env["cloudprinter.order"].create(
            {"name": "9", "company_id": other.id, "accepted_date": "2026-01-01"}
        )
        self.env["cloudprinter.item"].create({"name": "9", "order_id": order.id})
        self.accept("1")
        self.env.cr.flush()
        both = new_test_user(
            self.env, login="cp_both", groups="base.group_user", company_ids=[Command.set((self.company | other).ids)]
        )
        status = self.env["res.company"].with_user(both).cloudprinter_status()
        self.assertEqual((status["code"], status["severity"], status["outgoing"]), ("no_key", 1, 2))
        self.assertEqual(
            {(each["id"], each["code"], each["outgoing"]) for each in status["companies"]},
            {(self.company.id, "ok", 1), (other.id, "no_key", 1)},
        )
        mine = self.env["res.company"].with_user(self.packer).cloudprinter_status()
        self.assertEqual([each["id"] for each in mine["companies"]], self.company.ids)
        single = self.company.with_user(self.packer).cloudprinter_status()
        self.assertEqual(set(mine) - {"companies"}, set(single))

    def test_who_may_ask(self):
        portal = new_test_user(self.env, login="cp_portal", groups="base.group_portal")
        for companies in (self.company, self.env["res.company"]):
            with self.assertRaises(AccessError):
                companies.with_user(portal).cloudprinter_status()
        other = self.env["res.company"].create({"name": "Other Shop"})
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_rule"):
            other.with_user(self.packer).cloudprinter_status()

    def test_each_reason_has_a_code(self):
        for obstacle in ("copy", "neutralized", "hold", "no_key", "no_url", "key_refused", "refusals"):
            self.assertIn(obstacle, SEVERITIES)
            self.assertTrue(self.company._cloudprinter_describe_obstacle(obstacle))
