"""Why a signal is not accepted yet, and why nothing is sent."""

from datetime import timedelta

from freezegun import freeze_time

from odoo.tests import tagged

from .common import DeliveryCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestWaitsFor(DeliveryCase):
    """Users who look at a signal see why it is not accepted yet."""

    def test_earlier_signal_of_the_item(self):
        item = self.accept("1")
        registered = item.signal_ids
        started, produced = self.queue_signals(item, "ItemProduce", "ItemProduced")
        self.assertFalse(registered.waits_for)
        self.assertEqual(started.waits_for, "Waits for ItemRegistered")
        self.assertEqual(produced.with_user(self.operator).waits_for, "Waits for ItemRegistered")

    def test_company_that_is_held(self):
        self.company.cloudprinter_hold = True
        self.assertIn("on hold", self.accept("1").signal_ids.waits_for)

    def test_silent_endpoint(self):
        items = self.break_down("1", "2")
        self.assertIn("has not responded correctly since", items[0].signal_ids.waits_for)

    def test_missing_tracking(self):
        shipped = self.queue_signals(self.accept("1"), "ItemPacked")
        shipped.write({"state": "waiting", "failure_type": "missing_tracking"})
        self.assertEqual(shipped.waits_for, "The tracking reference is missing")

    def test_refused(self):
        self.server.misbehave(status=400)
        item = self.accept("1")
        self.send()
        self.assertEqual(item.signal_ids.waits_for, "Refused by Cloudprinter")


@tagged("post_install", "-at_install", "cloudprinter")
class TestStatus(DeliveryCase):
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
