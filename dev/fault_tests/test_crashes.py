"""Processes that are killed while signals are in flight."""

import os
import signal
import threading

import psutil

from ..environment import SetupError
from ..processes import kill
from .common import CONNECTIONS, IN_FLIGHT, FaultCase

RECORDED = """
    SELECT DISTINCT orders.name
      FROM cloudprinter_request_cloudprinter_signal_rel attempt
      JOIN cloudprinter_signal signal ON signal.id = attempt.cloudprinter_signal_id
      JOIN cloudprinter_order orders ON orders.id = signal.order_id
"""


class TestOdooKilled(FaultCase):
    def kill_in(self, function, *arguments):
        """Run a function that ends in SIGKILL; return the POSTs that were accepted without Odoo knowing it."""
        process = self.start_in_odoo(function, *arguments)
        self.assertTrue(process.was_killed())
        return self.unwritten_posts()

    def test_before_the_post(self):
        """Claimed and committed, nothing posted: all are due again after a minute, and the attempts are counted."""
        self.given_orders(30)
        self.kill_in("die_before_post")
        self.assertEqual(self.server.requests, [])
        claimed = self.count("attempt_count > 0")
        self.assertIn(claimed, range(3, 3 * IN_FLIGHT + 1), "the claim was not committed, or is too large")
        self.assertEqual(self.count("attempt_count > 0 AND next_attempt_date <= now() AT TIME ZONE 'UTC'"), 0)
        self.in_odoo("send_when_due")
        self.assertEqual(self.count("attempt_count = 2"), claimed)
        self.assert_ledger("Odoo killed before the POST")

    def test_during_the_post(self):
        """A server is killed when the endpoint has accepted and not yet answered: only these signals are repeated."""
        self.given_orders(40)
        answer = threading.Event()
        self.server.misbehave(times=10)
        self.server.misbehave(until=answer)
        with self.odoo.serving_process(self.database, "--max-cron-threads=1") as (_address, process):
            self.a_minute_goes_by()
            self.eventually(lambda: len(self.server.requests) == 10 + CONNECTIONS, "all connections are in use")
            kill(process)
        answer.set()
        self.server.behave()
        lost_answers = self.unwritten_posts()
        self.assertIn(len(lost_answers), range(CONNECTIONS, IN_FLIGHT + 1))
        with self.serving("--max-cron-threads=1"):
            self.a_minute_goes_by()
            self.eventually(self.all_delivered, "the server that was started again delivers")
        figures = self.assert_ledger("Odoo killed during the POST", lost_answers)
        self.assertEqual(figures.repeats, 3 * len(lost_answers))

    def test_before_answers_are_written(self):
        self.given_orders(40)
        lost_answers = self.kill_in("die_before_answers_are_written")
        self.assertIn(len(lost_answers), range(1, IN_FLIGHT + 1))
        self.in_odoo("send_when_due")
        figures = self.assert_ledger("Odoo killed after the answer", lost_answers)
        self.assertEqual(figures.repeats, 3 * len(lost_answers))

    def test_before_answers_are_committed(self):
        self.given_orders(40)
        lost_answers = self.kill_in("die_before_answers_are_committed")
        self.assertIn(len(lost_answers), range(1, IN_FLIGHT + 1))
        self.assertEqual(self.count("state = 'sent'"), 0)
        self.in_odoo("send_when_due")
        figures = self.assert_ledger("Odoo killed before the commit", lost_answers)
        self.assertEqual(figures.repeats, 3 * len(lost_answers))

    def test_before_answers_are_applied(self):
        """Recorded signals are not posted again; those still in flight are."""
        self.given_orders(40)
        self.kill_in("die_before_answers_are_applied")
        self.assertEqual(self.count("state = 'sent'"), 0)
        recorded = {row[0] for row in self.query(RECORDED)}
        self.assertTrue(recorded)
        lost_answers = {post["bundle"] for post in list(self.server.accepted) if post["order"] not in recorded}
        self.in_odoo("send_when_due")
        figures = self.assert_ledger("Odoo killed after recording", lost_answers)
        self.assertEqual(figures.repeats, 3 * len(lost_answers))

    def test_before_chatter_is_written(self):
        """The next run logs accepted signals that are not in the chatter yet."""
        self.given_orders(10)
        self.kill_in("die_before_chatter_is_written")
        self.in_odoo("send_when_due")
        figures = self.assert_ledger("Odoo killed before the chatter")
        self.assertEqual(figures.repeats, 0)

    def test_order_whose_post_kills_the_process(self):
        """The oldest order kills every process that posts it: it is retried later and later, all others arrive."""
        self.given_orders(30)
        poison = "order_id = (SELECT id FROM cloudprinter_order WHERE name = '1000')"
        lost_answers = set()
        attempts, dates = [], []
        for _death in range(4):
            lost_answers |= self.kill_in("send_with_poison", "1000")
            [[count, date]] = self.query(
                "SELECT max(attempt_count), extract(epoch FROM max(next_attempt_date))::int"
                f" FROM cloudprinter_signal WHERE {poison}"
            )
            attempts.append(int(count))
            dates.append(int(date))
        self.assertEqual(attempts, [1, 2, 3, 4])
        waits = [later - earlier for earlier, later in zip(dates, dates[1:])]
        self.assertEqual(waits, sorted(waits))
        self.assertGreater(waits[-1], 3600)
        self.assertEqual(self.count(f"NOT ({poison}) AND state != 'sent'"), 0, "one order has held others")
        # its cause is fixed
        self.in_odoo("send_when_due")
        self.assert_ledger("one order's POST kills Odoo", lost_answers)


class TestOdooStopped(FaultCase):
    """A normal stop or an administrator's limit: received answers are written, and nothing is repeated."""

    def stop_while_sending(self, *options):
        self.server.misbehave(delay=0.3)
        self.given_orders(60)
        with self.odoo.serving_process(self.database, "--max-cron-threads=1", *options) as (_address, process):
            self.a_minute_goes_by()
            self.eventually(lambda: len(self.server.requests) >= 10, "it sends")
            os.kill(process.pid, signal.SIGTERM)
            process.wait(timeout=60)
        self.assertEqual(self.unwritten_posts(), set())
        left = self.count("state = 'outgoing'")
        self.in_odoo("send_when_due")
        return left

    def test_threads(self):
        left = self.stop_while_sending()
        self.assertGreater(left, 0, "it has stopped before all was sent")
        figures = self.assert_ledger("Odoo stopped")
        self.assertEqual(figures.repeats, 0)

    def test_workers(self):
        self.stop_while_sending("--workers=1")
        figures = self.assert_ledger("Odoo stopped, with workers")
        self.assertEqual(figures.repeats, 0)

    def test_limit_of_scheduled_actions(self):
        """The endpoint is slow and the limit is low: the run ends before Odoo kills it."""
        self.server.misbehave(delay=3)
        self.given_orders(80, ["ItemRegistered"])
        with self.serving("--max-cron-threads=1", "--workers=1", "--limit-time-real-cron=20"):
            self.a_minute_goes_by()
            self.eventually(self.all_delivered, "all are delivered", timeout=300)
        figures = self.assert_ledger("limit of 20 s for scheduled actions")
        self.assertEqual(figures.repeats, 0)

    def test_frozen_process(self):
        """The virtual machine of one server is paused while it sends: another server takes over."""
        self.given_orders(20, ["ItemRegistered"])
        answer = threading.Event()
        self.addCleanup(answer.set)
        self.server.misbehave(times=CONNECTIONS, until=answer)
        frozen = self.ready_process()
        frozen.ask("send_with_lock_idle", 2)
        self.eventually(lambda: len(self.server.requests) == CONNECTIONS, "all connections are in use")
        os.kill(frozen.process.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, frozen.process.pid, signal.SIGCONT)
        lock = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
        self.eventually(lambda: not self.query(lock), "PostgreSQL ends the lock")
        self.in_odoo("send")
        self.assertGreater(self.count("state = 'sent'"), 0)
        os.kill(frozen.process.pid, signal.SIGCONT)
        answer.set()
        frozen.finish()
        self.in_odoo("send_when_due")
        # answers that came while it was frozen may be too late for it
        self.assert_ledger("a frozen server", lost_answers=range(1, CONNECTIONS + 1))


class TestPostgresCrash(FaultCase):
    def test_while_sending(self):
        """One backend is killed, so PostgreSQL ends all sessions and recovers; the running Odoo continues."""
        answer = threading.Event()
        self.addCleanup(answer.set)
        self.server.misbehave(times=10)
        self.server.misbehave(until=answer)
        with self.serving("--max-cron-threads=1"):
            self.given_orders(60)
            self.eventually(lambda: len(self.server.requests) == 10 + CONNECTIONS, "all connections are in use")
            self.stop_processes()
            [backend, *_others] = self.get_backends(self.database)
            others = self.get_backends("postgres")
            os.kill(backend, signal.SIGKILL)
            # until it notices, it answers
            self.eventually(lambda: not any(map(psutil.pid_exists, others)), "PostgreSQL ends all sessions")
            self.eventually(lambda: self.query_if_up("SELECT 1"), "PostgreSQL is back")
            answer.set()
            self.eventually(lambda: self.get_backends("postgres"), "Odoo's cron is back")
            lost_answers = self.unwritten_posts()
            self.assertIn(len(lost_answers), range(CONNECTIONS, IN_FLIGHT + 1))
            self.a_minute_goes_by()
            self.eventually(self.all_delivered, "the server that went on delivers")
        self.assert_ledger("PostgreSQL crashes while sending", lost_answers)

    def get_backends(self, database):
        """Return the process ids of PostgreSQL's sessions with Odoo, none while it recovers."""
        rows = self.query_if_up(
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND application_name LIKE 'odoo%'"
        )
        return [int(row[0]) for row in rows]

    def query_if_up(self, sql):
        """Return the rows, none while PostgreSQL does not respond."""
        try:
            return self.query(sql)
        except SetupError:
            return []
