"""Concurrent work: servers, users, and an administrator who ends idle sessions."""

import threading

from ..environment import DEV
from ..rpc import RpcError, Session
from .common import CONNECTIONS, FaultCase

CRON = "--max-cron-threads=1"


class TestTwoSenders(FaultCase):
    pressed = 0  # signals that a user has sent again

    def test_two_servers_and_a_user(self):
        """Two servers of one database are woken for 400 orders; a user presses *Send* on signals in flight."""
        self.server.misbehave(delay=0.05)
        sender = self.ready_process()
        with self.serving(CRON) as address, self.odoo.serving(self.database, CRON, log=DEV / "log" / "second.log"):
            person = Session(address, self.database, "admin", "admin")
            self.given_orders(400, ["ItemRegistered", "ItemProduce"])
            # Odoo lets one server at a time run the job; this one does not ask
            sender.ask("send_beside_the_cron")
            self.eventually(lambda: self.press_send(person), "all are delivered")
            sender.finish()
        self.assertGreater(self.pressed, 0)
        self.assert_ledger("two senders, a user presses Send")

    def press_send(self, person):
        """Press *Send* on signals in flight; return whether all are delivered."""
        in_flight = [("state", "=", "outgoing"), ("attempt_count", ">", 0)]
        signals = person.search("cloudprinter.signal", in_flight, "id", limit=CONNECTIONS)
        try:
            person.call("cloudprinter.signal", "action_send", [signal["id"] for signal in signals])
            self.pressed += len(signals)
        except RpcError as error:
            # accepted between the look and the click
            self.assertIn("not waiting to be sent", str(error))
        return self.all_delivered()


class TestPeopleMeanwhile(FaultCase):
    def test_discarded_and_corrected_while_posted(self):
        """Two users change signals in flight and have not committed when they are accepted: accepted wins."""
        made = self.in_odoo("make_item")
        self.in_odoo("finish_production_alone", made["productions"][0])
        [delivery] = self.in_odoo("make_deliveries", made["item"], 1)
        self.in_odoo("send")
        self.in_odoo("deliver", delivery, "1A2B3C")
        self.given_orders(2, ["ItemRegistered"])
        sender, manager, packer = (self.ready_process() for _process in range(3))
        answer, last_answer = threading.Event(), threading.Event()
        self.addCleanup(answer.set)
        self.addCleanup(last_answer.set)
        self.server.misbehave(until=last_answer, match=lambda body: body["order"] == "1001")
        self.server.misbehave(until=answer)

        self.server.requests.clear()
        sender.ask("send")
        self.eventually(lambda: len(self.server.requests) == 3, "all three are in flight")
        manager.ask("discard_and_hold", "1000")
        packer.ask("correct_tracking_and_hold", delivery, "4D5E6F")
        for person in (manager, packer):
            person.wait_for("held")
        self.assertFalse(any(request["answered"] for request in self.server.requests), "they have waited for the POST")

        answer.set()
        self.eventually(lambda: sum(request["answered"] for request in self.server.requests) == 2, "two answers")
        last_answer.set()
        self.eventually(lambda: self.count("state = 'sent'") == 4, "the answer whose row is not held is written")
        for person in (manager, packer):
            person.go()
            person.finish()
        sender.finish()
        self.in_odoo("send_when_due")
        self.assertEqual(len(self.server.requests), 3)
        self.assert_ledger("discarded, corrected while posted")
        shipped = "type = 'ItemShipped' AND tracking ="
        self.assertEqual(self.count(f"{shipped} '1A2B3C' AND state = 'sent'"), 1, "the ledger has what was posted")
        self.assertEqual(self.count(f"{shipped} '4D5E6F' AND state = 'waiting'"), 1, "the correction is proposed")


class TestIdleSessions(FaultCase):
    def test_idle_transactions_are_ended(self):
        """The administrator ends transactions that idle for a second; the endpoint takes three to answer."""
        self.server.misbehave(delay=3)
        with self.serving(CRON):
            self.in_odoo("wake_up")
            # a setting of new sessions; Odoo itself takes longer to load
            self.query(f'ALTER DATABASE "{self.database}" SET idle_in_transaction_session_timeout = 1000')
            self.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{self.database}' AND pid != pg_backend_pid()"
            )
            self.given_orders(20)
            self.eventually(self.all_delivered, "all are delivered")
        self.assert_ledger("idle sessions are ended")
