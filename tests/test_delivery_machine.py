"""Delivery without a database: named scenarios, the table, and sentences that hold in generated scenarios."""

import random
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..cloudsignal import Outcome, Result
from ..delivery import (
    CIRCUIT_FARTHEST,
    FAULTS_AT_MOST,
    SIGNAL_FARTHEST,
    Bundle,
    Circuit,
    Outage,
    Row,
    Verdict,
    allow,
    circuit,
    decide,
    schedule,
    settle,
    verdict,
)
from ..dev.simulator.queue import Queued, claim, get_wake_date
from ..dev.simulator.scenarios import Scenario
from ..dev.simulator.world import DAY, HOUR, MINUTE, START, Rule, World

thoroughly = settings(deadline=None, derandomize=True, database=None, max_examples=300)

FIRST_SEED, SCENARIOS = 1, 150
A_DAY = DAY / 5000  # between orders of a shop that has 5,000 a day


def get_posts(world, since=0, until=float("inf"), order_id=None, company=None):
    """Return what was posted meanwhile, of this order or company if it is given."""
    return [
        post
        for post in world.posts
        if since <= post.start < until
        and order_id in (None, post.bundle.order_id)
        and company in (None, post.bundle.company_id)
    ]


def get_states(world, order_id):
    return Counter(signal.failure_type or signal.state for signal in world.orders[order_id])


def get_delays(world, order_ids):
    """Return after how many seconds the signals of these orders were accepted, the longest last."""
    signals = [signal for order_id in order_ids for signal in world.orders[order_id]]
    assert all(signal.state == "sent" for signal in signals), "not all are accepted"
    return sorted(signal.finished - signal.created for signal in signals)


def get_last(world, order_ids):
    """Return when the last of these orders was accepted."""
    get_delays(world, order_ids)
    return max(signal.finished for order_id in order_ids for signal in world.orders[order_id])


@tagged("post_install", "-at_install", "cloudprinter")
class TestDeliveryScenarios(BaseCase):
    """What happens in situations that have a name; the latency of a post is 0.05 s unless it is said."""

    # === outages === #

    def test_one_signal_for_a_month(self):
        """One signal, and no endpoint for 30 days."""
        world = World(Rule(None, until=30 * DAY))
        order = world.order()
        world.run(31 * DAY)
        self.assertLess(len(world.posts), 4000)
        self.assertLess(get_last(world, [order]), 30 * DAY + 12 * MINUTE)
        self.assertEqual(world.orders[order][0].fault_count, 1, "the accepted post")

    def test_one_order_a_day(self):
        """The endpoint is out for 10 days."""
        world = World(Rule(500, until=10 * DAY))
        orders = [world.order(day * DAY) for day in range(10)]
        world.run(20 * DAY)
        self.assertLess(len(world.posts), 1400)
        self.assertLess(get_last(world, orders), 10 * DAY + 12 * MINUTE)

    def test_an_hour_of_outage(self):
        """5,000 orders a day: some posts of those in flight and witnesses, then fewer and fewer."""
        world = World(Rule(500, since=HOUR, until=2 * HOUR))
        orders = [world.order(number * A_DAY) for number in range(500)]
        world.run(4 * HOUR)
        self.assertLess(len(get_posts(world, HOUR, 2 * HOUR)), 20)
        self.assertLess(get_last(world, orders), 2 * HOUR + 12 * MINUTE)

    def test_five_seconds_of_outage(self):
        """What failed is posted again after a minute."""
        world = World(Rule(503, since=HOUR, until=HOUR + 5))
        world.order()
        order = world.order(HOUR)
        world.run(2 * HOUR)
        self.assertLess(get_delays(world, [order])[-1], 80)

    def test_one_post_a_minute(self):
        """An outage with Retry-After: 1 is no reason to post each second."""
        world = World(Rule(503, since=HOUR, until=2 * HOUR, retry_after=1))
        orders = [world.order(number * A_DAY) for number in range(400)]
        world.run(4 * HOUR)
        starts = [post.start for post in get_posts(world, HOUR, 2 * HOUR)][5:]
        self.assertGreater(len(starts), 10)
        self.assertGreaterEqual(min(after - before for before, after in zip(starts, starts[1:])), MINUTE)
        self.assertLess(get_last(world, orders), 2 * HOUR + 12 * MINUTE)

    def test_a_later_probe_is_asked_for(self):
        for status in (503, 429):
            with self.subTest(status):
                world = World(Rule(status, until=10 * MINUTE, retry_after=HOUR))
                order = world.order()
                world.run(DAY)
                self.assertEqual(len(world.posts), 2)
                self.assertLess(abs(get_last(world, [order]) - HOUR), MINUTE)

    def test_404_for_all(self):
        """Bundles that meet it stay bundles: 16 with 100 signals each do not come back as 1,600 posts."""
        world = World(Rule(404, since=HOUR, until=3 * HOUR), latency=9)
        world.order()
        orders = [world.order(HOUR, items=100) for _number in range(16)]
        world.run(DAY)
        self.assertLess(len(world.posts), 60)
        self.assertLess(get_last(world, orders), 3 * HOUR + 15 * MINUTE)

    def test_many_bundles_met_the_last_outage(self):
        """So each of them may be the reason for its failure; the second one is an outage nevertheless."""
        world = World(Rule(500, since=100, until=120), Rule(500, since=HOUR, until=2 * HOUR), latency=9)
        world.order()
        orders = [world.order(99, items=2) for _number in range(8)]
        world.rules.append(Rule(None, since=130, until=HOUR - 20, orders=frozenset(orders), seconds=1))
        world.run(DAY)
        self.assertLess(len(get_posts(world, HOUR, 2 * HOUR)), 30)

    def test_fifty_companies(self):
        """Six hours of outage: few posts of each, not all at once, and all are back in 12 minutes."""
        world = World(Rule(None, since=HOUR, until=7 * HOUR))
        for company in range(1, 51):
            for number in range(10):
                world.order(number * HOUR, company)
        world.run(12 * HOUR)
        posts = get_posts(world, HOUR, 7 * HOUR)
        self.assertLess(max(Counter(post.bundle.company_id for post in posts).values()), 50)
        self.assertLess(max(Counter(post.start // 10 for post in get_posts(world, 5.5 * HOUR, 7 * HOUR)).values()), 12)
        late = [s for s in world.signals.values() if s.created <= 7 * HOUR]
        self.assertLess(max(signal.finished for signal in late), 7 * HOUR + 12 * MINUTE)

    def test_own_failures_do_not_grow_in_an_outage(self):
        """A signal with failures of its own does not expire while nothing is answered."""
        world = World(Rule(500, since=DAY, until=31 * DAY))
        bad = world.order(10)
        world.rules.append(Rule(500, until=31 * DAY, orders=frozenset([bad])))
        world.order(0)
        for number in range(20):
            world.order(MINUTE * number)
        world.run(40 * DAY)
        self.assertEqual(get_states(world, bad), {"sent": 1})

    def test_a_killed_bundle_meets_an_outage(self):
        """Twelve signals have failed with the process: only one of them may fail by itself, the second is an outage."""
        world = World(Rule(500, since=100, until=110), Rule(500, since=HOUR, until=2 * HOUR))
        order = world.order(100, items=12)
        world.rules.append(Rule(500, since=150, until=200, orders=frozenset([order]), rows_at_least=2, kills=True))
        world.rules.append(Rule(None, since=200, until=HOUR, orders=frozenset([order]), lost=True))
        world.order(0)
        world.order(120)
        world.run(4 * HOUR)
        self.assertLess(len(get_posts(world, HOUR, HOUR + 8 * MINUTE)), 8)

    # === one of them is bad === #

    def test_bad_signal_in_a_busy_shop(self):
        """It expires after 20 posts and 7.4 days; the others wait for nothing, its item goes on."""
        for status in (500, 403):
            with self.subTest(status):
                world = World()
                orders = [world.order(number * HOUR / 2) for number in range(9 * 48)]
                bad = world.order(HOUR + 1, each=2)
                world.rules.append(Rule(status, signals=frozenset([(bad, 0)])))
                world.run(10 * DAY)
                signal, following = world.orders[bad]
                self.assertEqual((signal.failure_type, following.state), ("expired", "sent"))
                self.assertGreater(signal.finished - signal.created, 7 * DAY)
                self.assertLess(signal.finished - signal.created, 9 * DAY)
                self.assertLess(following.finished - signal.finished, 1)
                self.assertLess(get_delays(world, orders)[-1], 1)

    def test_bad_signal_in_a_quiet_shop(self):
        """One order a day: it expires after 20 days, as each failure takes an answer to another order."""
        for status, posts in ((500, 560), (403, 420)):
            with self.subTest(status):
                world = World()
                bad, *orders = [world.order(day * DAY) for day in range(25)]
                world.rules.append(Rule(status, orders=frozenset([bad])))
                world.run(30 * DAY)
                self.assertEqual(get_states(world, bad), {"expired": 1})
                self.assertGreater(world.orders[bad][0].finished, 19 * DAY)
                self.assertLess(len(world.posts), posts)
                self.assertLess(get_delays(world, orders)[-1], 1)

    def test_bad_signal_in_a_bundle(self):
        """D-2: its neighbours are delivered, it alone expires; whatever the status is."""
        for status in (500, 404, 409, 413, 422, 302, None):
            with self.subTest(status):
                world = World(Rule(status, signals=frozenset([(2, 3)])))
                orders = [world.order(number * HOUR) for number in range(9 * 24)]
                with_bad = orders.pop(1)
                for number in range(29):
                    world._create
                world.run(0)
                world.run(12 * DAY)

    # === the key === #

    def test_wrong_key(self):
        """Three orders tell that the key is refused; with another key all go."""
        world = World(Rule(401, key=0))
        orders = [world.order() for _number in range(100)]
        world.at(DAY, world.change_key)
        world.run(DAY - 1)
        self.assertEqual((len(world.posts), world.circuits[1].stopped), (3, "key_refused"))
        world.run(2 * DAY)
        self.assertLess(get_last(world, orders), DAY + MINUTE)
