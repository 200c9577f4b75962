"""An endpoint with all kinds of failures. Time is moved, not waited for."""

import tempfile
import threading
from pathlib import Path

from ..cloudsignal_server import CloudSignalServer
from ..process_tests.common import KEY
from ..processes import free_port
from .certificates import write_certificate
from .common import IN_FLIGHT, MILESTONES, FaultCase

FIRST, LAST = MILESTONES[:2], MILESTONES[2]
LATER = 15 * 60  # minutes, longer than any wait for the next attempt


class TestEndpoint(FaultCase):
    """Each failure hits the first POST of five orders, or all POSTs. While it lasts, work in the shop continues."""

    def send(self, minutes=0, trusted=None):
        self.in_odoo("send", minutes, trusted)

    def send_while_work_goes_on(self, **misbehaviour):
        """Let the endpoint misbehave once; then add a signal to each item, which is sent at once if possible."""
        self.given_orders(5, FIRST)
        self.server.misbehave(times=1, **misbehaviour)
        self.send()
        self.server.behave()
        self.in_odoo("report_all", LAST)
        self.send()

    def assert_failed_once(self):
        [[failures]] = self.query(
            "SELECT count(*) FROM cloudprinter_request WHERE outcome IN ('no_answer', 'try_later')"
        )
        self.assertEqual(int(failures), 1)

    def posts_without_answer(self):
        return {request["bundle"] for request in self.server.requests if not request["answered"]}

    # === no answer, or an incomplete one === #

    def test_never_answers(self):
        """It accepts and never answers: other signals are delivered meanwhile, this one is repeated."""
        answer = threading.Event()
        self.addCleanup(answer.set)
        self.send_while_work_goes_on(until=answer)
        self.assert_failed_once()
        self.assertGreaterEqual(self.count("state = 'sent'"), 4 * len(FIRST))
        lost_answers = self.posts_without_answer()
        self.send(LATER)
        figures = self.assert_ledger("accepts, never answers", lost_answers)
        self.assertEqual(figures.repeats, len(FIRST))

    def test_cuts_before_accepting(self):
        self.send_while_work_goes_on(cut="before")
        self.assert_failed_once()
        self.send(LATER)
        self.assert_ledger("cuts before accepting")

    def test_cuts_after_accepting(self):
        self.send_while_work_goes_on(cut="after")
        self.assert_failed_once()
        self.send(LATER)
        figures = self.assert_ledger("cuts after accepting", self.posts_without_answer())
        self.assertEqual(figures.repeats, len(FIRST))

    def test_cuts_in_the_first_line_of_the_answer(self):
        self.send_while_work_goes_on(cut="head")
        self.assert_failed_once()
        self.send(LATER)
        figures = self.assert_ledger("cuts in the answer's first line", self.posts_without_answer())
        self.assertEqual(figures.repeats, len(FIRST))

    def test_cuts_in_the_body_of_the_answer(self):
        """The 200 has arrived, so nothing is repeated."""
        self.send_while_work_goes_on(cut="body")
        self.assertEqual(len(self.posts_without_answer()), 1)
        self.send(LATER)
        self.assert_ledger("cuts in the answer's body")

    def test_nothing_listens(self):
        port = free_port()
        self.given_orders(5)
        self.in_odoo("configure", f"http://127.0.0.1:{port}/cloudsignal/2.0/status/", KEY)
        self.send()
        self.assertEqual(self.errors(), {"connection refused"})
        with CloudSignalServer(KEY, port) as self.server:
            self.send(LATER)
            self.assert_ledger("nothing listens")

    # === other answers === #

    def test_out_of_order_for_an_hour(self):
        """500 to everything for an hour: most orders are not even tried, and all are delivered afterwards."""
        self.given_orders(200, FIRST)
        self.server.misbehave(status=500)
        self.in_odoo("send_every", 2, 60)
        self.assertEqual(self.server.accepted, [])
        # those in flight at the beginning, then at most one order in 48 seconds that was not tried yet
        tried = {str(request["body"]) for request in self.server.requests}
        with self.subTest("circuit"):
            self.assertLessEqual(len(tried), IN_FLIGHT + 60 * 60 / 48)
        self.server.behave()
        self.in_odoo("report_all", LAST)
        self.in_odoo("send_when_due")
        self.assert_ledger("answers 500 for an hour")

    def test_fails_for_one_order(self):
        """500 to the oldest signal of an order: other orders are delivered, and later signals of its items wait."""
        self.given_orders(5, FIRST)
        self.server.misbehave(status=500, match=lambda body: "'1000'" in str(body) and FIRST[0] in str(body))
        self.send()
        self.in_odoo("report_all", LAST)
        self.in_odoo("send_every", 2, 20)
        self.assertEqual(self.count("state = 'sent'"), 4 * len(MILESTONES))
        self.server.behave()
        self.send(LATER)
        self.assert_ledger("answers 500 to one order")

    def test_asks_to_wait(self):
        """429 to everything with "Retry-After: 1800": no POST for half an hour, then all are delivered."""
        self.given_orders(40)
        self.server.misbehave(status=429, retry_after=1800)
        self.send()
        asked = len(self.server.requests)
        self.assertGreater(asked, 0)
        self.server.behave()
        self.send(20)
        self.assertEqual(len(self.server.requests), asked)
        self.send(40)
        self.assert_ledger("429 with Retry-After")

    def test_answers_garbage(self):
        """200 with bytes that are no JSON counts as 200."""
        self.send_while_work_goes_on(garbage=True)
        self.send(LATER)
        self.assert_ledger("200 with garbage")

    def test_redirects(self):
        """The address of the redirect, which would receive the key, is never requested."""
        with CloudSignalServer(KEY) as elsewhere:
            self.send_while_work_goes_on(redirect=elsewhere.url)
            self.assert_failed_once()
            self.send(LATER)
            self.assertEqual(elsewhere.requests, [])
        self.assert_ledger("302 to elsewhere")

    def test_answers_a_megabyte(self):
        """It is not read to its end, and neither the acceptance nor the one before is lost."""
        self.send_while_work_goes_on(body="x" * 1024 * 1024)
        self.send(LATER)
        self.assert_ledger("200 with a megabyte")
        self.assert_answers_are_short()

    def test_fails_with_a_megabyte(self):
        self.send_while_work_goes_on(status=500, body="x" * 1024 * 1024)
        self.assert_failed_once()
        self.send(LATER)
        self.assert_ledger("500 with a megabyte")
        self.assert_answers_are_short()

    def assert_answers_are_short(self):
        [[longest]] = self.query("SELECT max(length(response)) FROM cloudprinter_request")
        self.assertIn(int(longest), range(1000, 4001))

    def test_certificate_has_expired(self):
        """Neither key nor signals are sent; with a new certificate all are delivered."""
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            expired, renewed, trusted = (Path(folder) / name for name in ("expired", "renewed", "trusted"))
            trusted.write_bytes(write_certificate(expired, days=-1) + write_certificate(renewed, days=30))
            self.given_orders(5)
            with CloudSignalServer(KEY, port, certificate=expired) as server:
                self.in_odoo("configure", server.url, KEY)
                self.send(trusted=str(trusted))
                self.assertEqual(server.requests, [])
            self.assertEqual(self.errors(), {"the certificate could not be verified"})
            with CloudSignalServer(KEY, port, certificate=renewed) as self.server:
                self.send(LATER, trusted=str(trusted))
                self.assert_ledger("expired certificate")

    def errors(self):
        return {row[0] for row in self.query("SELECT DISTINCT error FROM cloudprinter_request")}

    # === refusals === #

    def test_refuses_one_signal_of_a_bundle(self):
        """The bundle is taken apart: the others are accepted, each once."""
        self.given_orders(2, items=5)
        self.server.misbehave(status=400, match=lambda body: "1000-2" in str(body))
        self.send()
        self.assertEqual(self.count("state = 'error' AND failure_type = 'refused'"), len(MILESTONES))
        figures = self.assert_ledger("refuses one item's signals", refused={"1000-2"})
        self.assertEqual((figures.accepted, figures.repeats), (9 * len(MILESTONES), 0))

    def test_refuses_a_bundle_after_accepting_a_part(self):
        """It has accepted the signals before the refused one: they are repeated, and this is counted."""
        self.given_orders(2, items=5)
        self.server.misbehave(
            status=400,
            match=lambda body: "1000-2" in str(body),
            accept=lambda signal: signal["item"] < "1000-2",
        )
        self.send()
        refused_bundle = {request["bundle"] for request in self.server.requests if request["status"] == 400}
        figures = self.assert_ledger("refuses after accepting a part", refused_bundle, refused={"1000-2"})
        self.assertEqual(figures.repeats, 2 * len(MILESTONES))
        self.assertEqual(self.count("attempt_count = 2"), 5 * len(MILESTONES))
