"""Bundles are posted in threads, and companies take turns."""

import time
from collections import Counter
from datetime import datetime

from odoo.tests import BaseCase, tagged

from odoo.addons.cloudprinter.dev.cloudsignal_server import CloudSignalServer

from ..cloudsignal import Signal
from ..delivery import Bundle, Circuit, Endpoint, Poster, Row, share_slots
from .common import KEY

NOW = datetime(2026, 1, 1)


def make_bundle(order_id, company_id, endpoint=None):
    signal = Signal("ItemProduced", f"{order_id}", f"{order_id}-1", NOW)
    return Bundle(order_id, company_id, (Row(order_id, signal=signal),), NOW, endpoint)


@tagged("post_install", "-at_install", "cloudprinter")
class TestPoster(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = CloudSignalServer(KEY)
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.endpoint = Endpoint(1, [1], cls.server.url, KEY, "", 0, Circuit())

    def setUp(self):
        super().setUp()
        self.server.behave()
        self.server.accepted.clear()

    def post(self, *bundles, connections=1, deadline=None):
        """Return the results of the bundles, in the order in which they ended."""
        deadline = time.monotonic() + 60 if deadline is None else deadline
        poster = Poster(connections, "tests", timeout=10, deadline=deadline)
        self.addCleanup(poster.close)
        poster.post(bundles)
        finished = []
        while len(finished) < len(bundles):
            finished += poster.wait()
        return finished

    def test_companies_take_turns(self):
        """One company has many orders and a slow endpoint: another one waits only for a free connection."""
        self.server.misbehave(delay=0.1)
        slow = [make_bundle(number, 1, self.endpoint) for number in range(6)]
        fast = [make_bundle(number, 2, self.endpoint) for number in (10, 11)]
        self.post(*slow, *fast, connections=2)
        arrived = [signal["order"] for signal in self.server.accepted]
        # in turn they would be the last; which of two connections is quicker does not matter
        self.assertLess(max(arrived.index("10"), arrived.index("11")), 7, arrived)

    def test_deadline(self):
        """Nothing is posted after the deadline."""
        [(bundle, attempt)] = self.post(make_bundle(1, 1, self.endpoint), deadline=time.monotonic() - 1)
        self.assertEqual((bundle.order_id, attempt), (1, None))
        self.assertEqual(self.server.accepted, [])


@tagged("post_install", "-at_install", "cloudprinter")
class TestSlots(BaseCase):
    def test_least_in_flight_goes_first(self):
        """Slots are shared evenly, given what is in flight, whichever company has more to send."""
        for in_flight, waiting, room, expected in (
            ({}, {1: 300, 2: 5}, 16, {1: 11, 2: 5}),
            ({}, {1: 300, 2: 300}, 16, {1: 8, 2: 8}),
            ({1: 15}, {1: 300, 2: 300}, 1, {2: 1}),
            ({1: 8}, {1: 300, 2: 300, 3: 300}, 8, {2: 4, 3: 4}),
            ({1: 2}, {1: 3}, 16, {1: 3}),
            ({}, {}, 16, {}),
        ):
            with self.subTest(in_flight=in_flight, waiting=waiting, room=room):
                bundles = [make_bundle(0, company) for company, count in in_flight.items() for _each in range(count)]
                candidates = {company: [(company, number) for number in range(n)] for company, n in waiting.items()}
                chosen = share_slots(candidates, bundles, room)
                self.assertEqual(Counter(company for company, _number in chosen), expected)
                for company in expected:
                    numbers = [number for one, number in chosen if one == company]
                    self.assertEqual(numbers, sorted(numbers), "the first goes first")
