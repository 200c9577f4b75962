"""A user's transaction holds rows of the outbox: neither does the sender wait for it, nor the user for a POST."""

import threading

from .common import FaultCase


class TestHeldRows(FaultCase):
    def setUp(self):
        super().setUp()
        # ready before anything is posted: on a busy machine it starts more slowly than the sender waits for an answer
        self.person = self.ready_process()

    def hold(self, *arguments):
        """Hold rows in a user's transaction until `let_go`."""
        self.person.ask("hold", *arguments)
        self.person.wait_for("held")

    def let_go(self):
        self.person.go()
        return self.person.finish()

    def post_and_wait(self, sender, count, **misbehaviour):
        """Let the sender post and wait for the answers, which come when the returned event is set."""
        answer = threading.Event()
        self.addCleanup(answer.set)
        self.server.misbehave(until=answer, **misbehaviour)
        sender.ask("time_send")
        self.eventually(lambda: len(self.server.requests) == count, "all connections are in use")
        return answer

    def finish_delivery(self, fault):
        self.server.behave()
        self.in_odoo("send_when_due")
        figures = self.assert_ledger(fault)
        self.assertEqual(figures.repeats, 0)

    def test_order_cannot_be_claimed(self):
        """The sender skips the order in this run and delivers the others."""
        self.given_orders(20, ["ItemRegistered"])
        sender = self.ready_process()
        self.hold("1000")
        sender.ask("time_send")
        took = sender.finish()
        self.assertEqual(self.count("state = 'outgoing'"), 1)
        self.assertLess(took["claims"], 10)
        self.let_go()
        self.finish_delivery("a user holds an order")

    def test_order_that_would_probe(self):
        """Another order probes instead."""
        self.given_orders(4, ["ItemRegistered"])
        self.server.misbehave(status=500, times=4)
        self.in_odoo("send")
        self.hold("1000")
        self.in_odoo("send", 10)
        self.assertEqual(self.count("state = 'outgoing'"), 1)
        self.let_go()
        self.finish_delivery("a user holds the probe")

    def test_one_signal_of_a_bundle(self):
        """The answer is recorded and the sender ends; nothing else of the bundle is locked for the user."""
        self.given_orders(1, ["ItemRegistered"], 2)
        sender = self.ready_process()
        answer = self.post_and_wait(sender, 1)
        self.hold("1000", 1)
        answer.set()
        sender.finish()
        self.assertEqual(self.count("state = 'sent'"), 0)
        self.assertLess(self.let_go()["waited"], 1, "the user has waited for the sender")
        self.finish_delivery("a user holds one of a bundle")

    def test_what_is_given_back(self):
        """The key is refused while a user holds signals that were claimed and are not posted."""
        self.given_orders(16, ["ItemRegistered"])
        sender = self.ready_process()
        answer = self.post_and_wait(sender, 8, status=401)
        self.hold("1015")
        answer.set()
        sender.finish()
        self.assertGreaterEqual(int(self.query("SELECT count(*) FROM cloudprinter_request")[0][0]), 8)
        self.let_go()
        self.server.behave()
        self.a_minute_goes_by()
        self.finish_delivery("a user holds what is given back")

    def test_twenty_refusals(self):
        """A user holds a refused signal when the company stops, and when an administrator resumes."""
        self.given_orders(30, ["ItemRegistered"])
        self.server.misbehave(status=400)
        self.in_odoo("send")
        self.assertIn(self.count("state = 'error'"), range(19, 27))
        self.hold("1000")
        self.server.behave()
        self.in_odoo("resume")
        self.in_odoo("send_when_due")
        self.assertEqual(self.count("state != 'sent'"), 1)
        self.let_go()
        self.in_odoo("send_again_after_refusals")
        self.finish_delivery("a user holds a refused one")

    def test_answer_while_a_row_is_held_for_long(self):
        """The answer is recorded, others are applied, and nothing is posted again however often the sender runs."""
        self.given_orders(3, ["ItemRegistered"])
        sender = self.ready_process()
        answer = self.post_and_wait(sender, 3)
        self.hold("1000")
        answer.set()
        sender.finish()
        for minutes in (0, 10, 60):
            self.in_odoo("send", minutes)
            self.assertEqual(self.count("state = 'sent'"), 2)
        self.let_go()
        self.finish_delivery("a user holds a row for long")

    def test_all_of_the_oldest_are_held(self):
        """A user holds far more of the oldest signals than a run looks at: the others are sent."""
        self.given_orders(1, ["ItemRegistered"], 300)
        self.hold("1000")
        self.in_odoo("make_orders", 5, ["ItemRegistered"], 1, 2000)
        self.in_odoo("send")
        self.assertEqual(self.count("state = 'sent'"), 5)
        self.let_go()
        self.finish_delivery("a user holds the oldest")

    def test_lock_of_the_sender_is_lost(self):
        """Signals in flight are recorded, then the run ends, and the next one continues."""
        self.given_orders(40, ["ItemRegistered"])
        sender = self.ready_process()
        answer = self.post_and_wait(sender, 8)
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        answer.set()
        sender.finish()
        self.assertEqual(self.count("state = 'sent'"), len(self.server.accepted))
        self.finish_delivery("the sender lost its lock")
