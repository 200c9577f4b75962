"""Delivery without a database: named scenarios, the table, and sentences that hold in generated scenarios."""

from collections import Counter
from contextlib import ExitStack, nullcontext
from dataclasses import fields
from datetime import timedelta
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from ..delivery import (
    FAULTS_AT_MOST,
    Circuit,
    Outage,
    Row,
    circuit,
    schedule,
    verdict,
)
from ..dev.simulator import queue
from ..dev.simulator.world import DAY, HOUR, MINUTE, Rule, World

A_DAY = DAY / 5000  # seconds between orders of a shop with 5,000 orders a day


def get_posts(world, since=0, until=float("inf"), order_id=None, company=None):
    """Return what was posted meanwhile, optionally of this order or company."""
    return [
        post
        for post in world.posts
        if since <= post.start < until
        and order_id in (None, post.bundle.order_id)
        and company in (None, post.bundle.company_id)
    ]


def get_names(kind):
    return [field.name for field in fields(kind)]


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
    """Named situations; a post takes 0.05 s unless stated otherwise."""

    # === outages === #

    def test_one_signal_for_a_month(self):
        """One signal is queued, and the endpoint is unavailable for 30 days."""
        world = World(Rule(None, until=30 * DAY))
        order = world.order()
        world.run(31 * DAY)
        self.assertLess(len(world.posts), 4000)
        self.assertLess(get_last(world, [order]), 30 * DAY + 12 * MINUTE)
        self.assertEqual(world.orders[order][0].fault_count, 1, "the accepted post")

    def test_one_order_a_day(self):
        """The endpoint is unavailable for 10 days."""
        world = World(Rule(500, until=10 * DAY))
        orders = [world.order(day * DAY) for day in range(10)]
        world.run(20 * DAY)
        self.assertLess(len(world.posts), 1400)
        self.assertLess(get_last(world, orders), 10 * DAY + 12 * MINUTE)

    def test_an_hour_of_outage(self):
        """A shop with 5,000 orders a day posts the signals in flight and a few witnesses, then less and less often."""
        world = World(Rule(500, since=HOUR, until=2 * HOUR))
        orders = [world.order(number * A_DAY) for number in range(410)]
        world.run(4 * HOUR)
        self.assertLess(len(get_posts(world, HOUR, 2 * HOUR)), 20)
        self.assertLess(get_last(world, orders), 2 * HOUR + 12 * MINUTE)

    def test_short_outages(self):
        for seconds in (5, 200):
            with self.subTest(seconds):
                world = World(Rule(503, since=HOUR, until=HOUR + seconds))
                world.order()
                order = world.order(HOUR)
                world.run(2 * HOUR)
                self.assertLess(get_last(world, [order]), HOUR + seconds + 80)

    def test_one_post_a_minute(self):
        """In an outage, Retry-After: 1 does not lead to one post a second."""
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
        """Bundles that meet the outage stay bundles: 16 with 100 signals each do not come back as 1,600 posts."""
        world = World(Rule(404, since=HOUR, until=3 * HOUR), latency=9)
        world.order()
        orders = [world.order(HOUR, items=100) for _number in range(16)]
        world.run(DAY)
        self.assertLess(len(world.posts), 60)
        self.assertLess(get_last(world, orders), 3 * HOUR + 15 * MINUTE)

    def test_twenty_companies(self):
        """In six hours of outage each company makes few posts, not all at once, and all recover in 12 minutes."""
        world = World(Rule(None, since=HOUR, until=7 * HOUR))
        for company in range(1, 21):
            for at in (0, HOUR, HOUR + 1, 2 * HOUR):
                world.order(at, company)
        world.run(12 * HOUR)
        posts = Counter(post.bundle.company_id for post in get_posts(world, HOUR, 7 * HOUR))
        self.assertLess(max(posts.values()), 50)
        self.assertLess(max(Counter(post.start // 10 for post in get_posts(world, 5 * HOUR, 7 * HOUR)).values()), 10)
        self.assertLess(get_last(world, world.orders), 7 * HOUR + 12 * MINUTE)

    def test_no_outage_expires_anything(self):
        """A signal that fails once a month on its own is accepted, however often it meets the outage."""
        world = World(Rule(500, since=HOUR, until=31 * DAY))
        world.order()
        order, *_others = [world.order(MINUTE), world.order(5 * MINUTE), world.order(10 * MINUTE)]
        world.rules.insert(0, Rule(500, until=HOUR, orders=frozenset([order])))
        world.run(40 * DAY)
        self.assertEqual(get_states(world, order), {"sent": 1})
        self.assertGreater(len(get_posts(world, order_id=order)), 50)

    def test_known_to_fail(self):
        """Three signals have failed on their own when the outage begins: this does not lead to more posts."""
        world = World(Rule(500, since=HOUR, until=2 * HOUR))
        orders = [world.order(number * MINUTE) for number in range(70)]
        world.rules.insert(0, Rule(500, until=HOUR, orders=frozenset(orders[10:40:10])))
        world.run(DAY)
        self.assertLess(len(get_posts(world, HOUR, 2 * HOUR)), 25)

    def test_a_killed_bundle_meets_an_outage(self):
        """Twelve signals may each be the failing one: the first failure may be its own, the second is an outage."""
        world = World(Rule(500, since=100, until=110), Rule(500, since=210, until=HOUR))
        world.order()
        order = world.order(100, items=12)
        world.order(120)
        world.rules.append(Rule(kills=True, rows_at_least=12))
        world.order(200)
        world.run(4 * HOUR)
        self.assertLess(len(get_posts(world, 210, 210 + 8 * MINUTE)), 10)
        self.assertEqual(get_states(world, order), {"sent": 12})

    def test_bundles_that_met_an_outage_meet_another_one(self):
        """Each bundle may be the cause of its failure: again, the second failure is an outage."""
        world = World(Rule(500, since=100, until=110), Rule(500, since=150, until=2 * HOUR), latency=0.01)
        world.order()
        orders = [world.order(100, items=2) for _number in range(100)]
        world.rules.append(Rule(429, since=120, until=140, rows_at_least=2, retry_after=1))
        world.order(120)
        world.run(DAY)
        self.assertLess(len(get_posts(world, 150, 2 * HOUR)), 50)
        self.assertLess(get_last(world, orders), 2 * HOUR + 12 * MINUTE)

    # === one of them is bad === #

    def test_bad_signal_in_a_busy_shop(self):
        """The signal expires after 20 posts and 7.4 days; others do not wait; then its item continues."""
        for status in (500, 403):
            with self.subTest(status):
                world = World()
                orders = [world.order(number * HOUR) for number in range(9 * 24)]
                bad = world.order(HOUR + 1, each=2)
                world.rules.append(Rule(status, signals=frozenset([(bad, 0)])))
                world.run(10 * DAY)
                signal, following = world.orders[bad]
                self.assertEqual((signal.failure_type, following.state), ("expired", "sent"))
                self.assertGreater(signal.finished - signal.created, 7 * DAY)
                self.assertLess(signal.finished - signal.created, 9 * DAY)
                self.assertLess(following.finished - signal.finished, 1)
                self.assertLess(get_delays(world, orders)[-1], 1)

    def test_it_takes_20_failures_and_7_days(self):
        """This holds even if all waits are as short as possible and something is answered every five minutes."""
        with patch.object(schedule, "JITTER", 0):
            world = World()
            bad = world.order()
            world.rules.append(Rule(500, orders=frozenset([bad])))
            for number in range(2_500):
                world.order(number * 5 * MINUTE)
            world.run(8 * DAY)
        signal = world.orders[bad][0]
        self.assertEqual(get_states(world, bad), {"expired": 1})
        self.assertEqual(len([word for _seconds, word, _attempt in signal.verdicts if word == "own"]), 20)
        self.assertGreater(signal.finished, 7 * DAY)

    def test_bad_signal_in_a_quiet_shop(self):
        """With one order a day it expires after 20 days, as a failure counts only after an answer to another order."""
        for status, posts in ((500, 560), (403, 430)):
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
        """D-2: the other 29 signals are accepted and it alone expires, whatever the status."""
        for status in (500, 404, 409, 413, 422, 302, None):
            with self.subTest(status):
                world = World(Rule(status, signals=frozenset([(2, 3)])))
                orders = [world.order(), world.order(HOUR, items=30)]
                orders += [world.order(number * HOUR) for number in range(2, 9 * 24)]
                world.run(10 * DAY)
                self.assertEqual(get_states(world, 2), {"sent": 29, "expired": 1})
                accepted = [signal.finished for signal in world.orders[2] if signal.state == "sent"]
                self.assertLess(max(accepted), HOUR + 3 * MINUTE)
                self.assertFalse(any(signal.delayed for signal in world.orders[2] if signal.state == "sent"))
                self.assertLess(get_delays(world, orders[2:])[-1], 1)

    def test_bad_signal_in_the_only_order(self):
        """The other signals of the bundle do not wait for another order."""
        world = World(Rule(500, signals=frozenset([(1, 3)])))
        world.order(items=10)
        world.run(HOUR)
        self.assertEqual(get_states(world, 1), {"sent": 9, "outage": 1})
        self.assertLess(max(signal.finished or 0 for signal in world.orders[1]), 3 * MINUTE)

    def test_bundles_that_are_too_large(self):
        """Bundles that fail together a second time are all taken apart."""
        world = World(Rule(413, rows_at_least=3))
        world.order()
        orders = [world.order(HOUR, items=3 + number % 4) for number in range(40)]
        world.run(DAY)
        self.assertLess(get_last(world, orders), HOUR + 5 * MINUTE)

    def test_bad_order_after_a_good_one(self):
        """The order tried least recently is the next probe: ten signals do not wait behind twelve bad ones."""
        world = World(Rule(500, since=100, until=HOUR))
        world.order()
        good, bad = world.order(100, items=10), world.order(101, items=12)
        world.rules.append(Rule(500, orders=frozenset([bad])))
        world.run(DAY)
        self.assertLess(get_last(world, [good]), HOUR + 30 * MINUTE)

    def test_a_tenth_of_all_orders(self):
        """5,000 orders a day, of which a tenth always fails: 99 % of the others wait less than 10 seconds."""
        world = World()
        orders = [world.order(number * A_DAY) for number in range(600)]
        bad = frozenset(orders[5::10])
        world.rules.append(Rule(500, orders=bad))
        world.run(600 * A_DAY + HOUR)
        delays = get_delays(world, [order for order in orders if order not in bad])
        self.assertLess(delays[int(0.99 * len(delays))], 10)

    def test_signal_that_kills_the_process(self):
        """It is posted 20 times and expires; the others are sent soon, and only those in flight are repeated."""
        world = World(Rule(kills=True, orders=frozenset([5])))
        orders = [world.order() for _number in range(100)]
        world.run(20 * DAY)
        self.assertEqual((get_states(world, 5), len(get_posts(world, order_id=5))), ({"expired": 1}, 20))
        self.assertLess(get_last(world, [order for order in orders if order != 5]), 2 * MINUTE)
        self.assertLess(len(world.posts), 20 + 99 + 16)

    # === refused === #

    def test_refused_signal_in_a_bundle(self):
        world = World(Rule(400, signals=frozenset([(2, 3)])))
        world.order()
        world.order(HOUR, items=10)
        world.run(DAY)
        self.assertEqual(get_states(world, 2), {"sent": 9, "refused": 1})
        self.assertEqual(len(get_posts(world, order_id=2)), 11)

    def test_order_with_25_refused_items(self):
        """D-4: refused items of one order do not stop the company."""
        world = World()
        bad, *orders = world.order(items=25), world.order(1), world.order(HOUR)
        world.rules.append(Rule(400, orders=frozenset([bad])))
        world.run(DAY)
        self.assertEqual(get_states(world, bad), {"refused": 25})
        self.assertLess(get_delays(world, orders)[-1], 10)

    def test_all_orders_are_refused(self):
        """After 20 orders the company stops; a 200 that arrives while it stops resumes it."""
        world = World(Rule(400, since=100, until=DAY))
        world.order()
        orders = [world.order(HOUR, items=2) for _number in range(100)]
        world.at(2 * DAY, world.resume)
        world.run(DAY)
        self.assertEqual(world.circuits[1].stopped, "refusals")
        self.assertLess(len(world.posts), 28)
        self.assertLess(sum(signal.state == "error" for signal in world.signals.values()), 12)
        world.run(3 * DAY)
        self.assertLess(get_last(world, orders), 2 * DAY + MINUTE)

    def test_refusals_in_flight_when_the_company_stops(self):
        """They stay queued, so that they are not lost if the cause is a general one."""
        world = World(Rule(400, since=100), connections=32)
        world.order()
        for _number in range(60):
            world.order(HOUR)
        world.run(DAY)
        self.assertEqual(sum(signal.state == "error" for signal in world.signals.values()), 20)

    # === the key === #

    def test_wrong_key(self):
        """Three orders show that the key is refused; with another key all are sent."""
        world = World(Rule(401, key=0))
        orders = [world.order() for _number in range(100)]
        world.at(DAY, world.change_key)
        world.run(DAY - 1)
        self.assertEqual((len(world.posts), world.circuits[1].stopped), (3, "key_refused"))
        world.run(2 * DAY)
        self.assertLess(get_last(world, orders), DAY + MINUTE)

    def test_wrong_key_with_one_order_a_day(self):
        world = World(Rule(401, key=0))
        orders = [world.order(day * DAY) for day in range(9)]
        world.at(6.5 * DAY, world.change_key)
        world.run(6.4 * DAY)
        self.assertEqual((len(world.posts), world.circuits[1].stopped), (4, "key_refused"))
        world.run(10 * DAY)
        self.assertLess(get_last(world, orders[:6]), 6.5 * DAY + MINUTE)

    def test_wrong_key_and_one_order(self):
        """The order is retried once, then it waits for another order."""
        world = World(Rule(403))
        world.order()
        world.run(30 * DAY)
        self.assertEqual(len(world.posts), 2)

    def test_key_is_refused_for_five_minutes(self):
        world = World(Rule(403, until=5 * MINUTE))
        order = world.order()
        world.run(DAY)
        self.assertLess(get_last(world, [order]), 12 * MINUTE)

    def test_key_is_revoked(self):
        """The key is revoked; signals in between fail for other reasons."""
        world = World()
        orders = [world.order(number * MINUTE) for number in range(200)]
        world.rules += [Rule(401, since=HOUR), Rule(500, orders=frozenset(orders[5:50:5]))]
        world.run(DAY)
        self.assertEqual(world.circuits[1].stopped, "key_refused")
        self.assertLess(len(get_posts(world, HOUR)), 8)

    def test_key_is_refused_for_one_order(self):
        """D-8: a firewall blocks one order. It backs off, and the key is not blamed."""
        world = World()
        orders = [world.order(number * MINUTE) for number in range(100)]
        bad = orders.pop(50)
        world.rules.append(Rule(403, orders=frozenset([bad])))
        world.run(2 * HOUR)
        self.assertLess(len(get_posts(world, order_id=bad)), 6)
        self.assertFalse(world.stops)
        self.assertLess(get_delays(world, orders)[-1], 1)

    def test_key_is_refused_for_some_orders(self):
        """Six orders whose refusals are known one by one do not stop the company when they come together."""
        world = World()
        orders = [world.order(number * HOUR) for number in range(8 * 24)]
        bad = frozenset(orders[1:60:10])
        world.rules.append(Rule(403, orders=bad))
        world.run(9 * DAY)
        self.assertFalse(world.stops)
        self.assertLess(get_delays(world, [order for order in orders if order not in bad])[-1], 1)

    # === 429 === #

    def test_rate_limit(self):
        """Three posts a second, Retry-After: 1. Posts that were in flight do not prolong the wait."""
        world = World(Rule(429, a_second=3, retry_after=1))
        orders = [world.order() for _number in range(100)]
        world.run(DAY)
        self.assertLess(get_last(world, orders), 5 * MINUTE)
        self.assertLess(len(world.posts), 800)

    def test_told_to_wait(self):
        """No other order is tried while the company waits."""
        world = World(Rule(429, since=HOUR, until=2 * HOUR, retry_after=10 * MINUTE))
        orders = [world.order(number * MINUTE) for number in range(100)]
        world.run(DAY)
        self.assertEqual(len(get_posts(world, HOUR, 2 * HOUR)), 6)
        self.assertLess(get_last(world, orders), 2 * HOUR + 12 * MINUTE)

    # === companies, users, rows, clocks, processes === #

    def test_slow_company(self):
        """D-7: one company's endpoint takes 9 s and has 300 orders; the other company does not wait for them."""
        world = World(latency={1: 9, 2: 0.05})
        for company in (1, 2):
            world.order(company=company)
        slow = [world.order(HOUR, company=1) for _number in range(300)]
        fast = [world.order(HOUR, company=2) for _number in range(5)]
        world.run(2 * HOUR)
        self.assertLess(get_delays(world, fast)[-1], 1)
        self.assertLess(get_delays(world, slow)[-1], 300 * 9 / 8 * 1.3)

    def test_ten_slow_companies(self):
        """They have 60 orders each and come first; the five of each of 20 others wait only for free connections."""
        world = World(latency={company: 9 if company <= 10 else 0.05 for company in range(1, 31)})
        for company in range(1, 31):
            world.order(company=company)
        for number in range(600):
            world.order(HOUR, company=1 + number % 10)
        fast = [world.order(HOUR + 5, company=11 + number % 20) for number in range(100)]
        world.run(2 * HOUR)
        self.assertLess(get_delays(world, fast)[-1], 80)

    def test_rows_that_a_user_holds(self):
        """D-9: the answer is kept and applied when the rows are free; nothing is posted again."""
        world = World(latency=9)
        world.order()
        order = world.order(HOUR, each=2)
        world.at(HOUR + 5, world.hold, order, 45)
        world.order(HOUR + 10)
        world.run(DAY)
        self.assertEqual(len(world.posts), 3)
        self.assertLess(get_last(world, [order]), HOUR + 3 * MINUTE)

    def test_user_sends_now(self):
        """In an outage each request of a user is one post; nothing else changes."""
        world = World(Rule(500, until=DAY))
        order = world.order()
        world.run(12 * HOUR)
        before = len(world.posts)
        world.send_now(order)
        world.run(12 * HOUR + 2)
        self.assertEqual(len(world.posts), before + 1)
        world.run(2 * DAY)
        self.assertLess(get_last(world, [order]), DAY + 12 * MINUTE)

    def test_user_discards_what_is_in_flight(self):
        """The acceptance takes precedence."""
        for status, state in ((200, "sent"), (500, "canceled")):
            world = World(Rule(status), latency=9)
            order = world.order()
            world.at(5, world.discard, order)
            world.run(DAY)
            self.assertEqual((world.orders[order][0].state, len(world.posts)), (state, 1))

    def test_clock_is_30_hours_ahead(self):
        """D-14: signals that fail meanwhile do not wait for 30 hours."""
        for status in (500, 429):
            with self.subTest(status):
                world = World(Rule(status, since=100, until=200), clocks=[(90, 200, 30)])
                world.order()
                orders = [world.order(100), world.order(101, items=2), world.order(HOUR)]
                world.run(2 * DAY)
                self.assertLess(get_last(world, orders), HOUR + MINUTE)

    def test_outage_begins_by_a_clock_that_is_ahead(self):
        """When the clock is right again, the endpoint is probed at the usual intervals."""
        world = World(Rule(500, since=100, until=20 * HOUR), clocks=[(90, 400, 10)])
        orders = [world.order(number) for number in range(300)]
        world.run(DAY)
        self.assertLess(len(get_posts(world, HOUR, 20 * HOUR)), 125)
        self.assertLess(get_last(world, orders), 20 * HOUR + 12 * MINUTE)


def without_line(name):
    """Treat the answers of this line as any other failure."""
    lines = {key: line for key, line in verdict.LINES.items() if key != name}
    if name != "failed":
        lines["failed"] = lines["failed"]._replace(answers="200 400 key wait failed")
    return patch.dict(verdict.LINES, lines, clear=True)


def without_column(name):
    return patch.object(World, "forget", (name,))


def without_constant(name, value, *modules):
    """Give a constant an unusable value in all modules that have it."""
    stack = ExitStack()
    for module in modules:
        stack.enter_context(patch.object(module, name, value))
    return stack


NEVER = 10**6
FAR = timedelta(days=10000)

# each element, how to disable it, and the scenario that fails then
NEEDED = {
    # lines of the table
    "accepted": (lambda: without_line("accepted"), "wrong_key"),
    "refused bundle": (lambda: without_line("refused bundle"), "refused_signal_in_a_bundle"),
    "refused": (lambda: without_line("refused"), "refused_signal_in_a_bundle"),
    "own in a bundle": (lambda: without_line("own in a bundle"), "bad_signal_in_a_bundle"),
    "failed bundle": (lambda: without_line("failed bundle"), "bundles_that_are_too_large"),
    "own": (lambda: without_line("own"), "bad_signal_in_a_busy_shop"),
    "known key fault": (lambda: without_line("known key fault"), "key_is_refused_for_some_orders"),
    "key": (lambda: without_line("key"), "wrong_key"),
    "failed": (lambda: without_line("failed"), "short_outages"),
    "wait": (lambda: without_line("wait"), "told_to_wait"),
    # columns of the circuit
    "circuit.answered_id": (lambda: without_column("circuit.answered_id"), "slow_company"),
    "circuit.doubt_id": (lambda: without_column("circuit.doubt_id"), "a_killed_bundle_meets_an_outage"),
    "circuit.outage": (lambda: without_column("circuit.outage"), "an_hour_of_outage"),
    "circuit.key_order_ids": (lambda: without_column("circuit.key_order_ids"), "wrong_key"),
    "circuit.refused_order_ids": (lambda: without_column("circuit.refused_order_ids"), "all_orders_are_refused"),
    "outage.since": (lambda: without_column("outage.since"), "short_outages"),
    "outage.retry_date": (lambda: without_column("outage.retry_date"), "an_hour_of_outage"),
    "outage.order_ids": (lambda: without_column("outage.order_ids"), "an_hour_of_outage"),
    "outage.told_to_wait": (lambda: without_column("outage.told_to_wait"), "told_to_wait"),
    # columns of a signal
    "signal.fault_count": (lambda: without_column("signal.fault_count"), "bad_signal_in_a_busy_shop"),
    "signal.alone": (lambda: without_column("signal.alone"), "bad_signal_in_a_bundle"),
    "signal.last_attempt_id": (lambda: without_column("signal.last_attempt_id"), "bad_order_after_a_good_one"),
    "signal.key_fault": (lambda: without_column("signal.key_fault"), "key_is_refused_for_some_orders"),
    "signal.next_attempt_date": (lambda: without_column("signal.next_attempt_date"), "bad_signal_in_a_busy_shop"),
    # what is known of a post
    "bundle.date": (
        lambda: patch.object(verdict.Case, "is_second_sign", True),
        "rate_limit",
    ),
    # constants
    "WITNESSES": (lambda: without_constant("WITNESSES", 2, circuit, verdict), "a_tenth_of_all_orders"),
    "WITNESSES, few": (lambda: without_constant("WITNESSES", NEVER, circuit, verdict), "an_hour_of_outage"),
    "KEY_ORDERS": (lambda: without_constant("KEY_ORDERS", 1, circuit), "key_is_refused_for_one_order"),
    "KEY_ORDERS, few": (lambda: without_constant("KEY_ORDERS", NEVER, circuit), "wrong_key"),
    "REFUSED_ORDERS": (lambda: without_constant("REFUSED_ORDERS", 1, circuit, verdict), "order_with_25_refused_items"),
    "REFUSED_ORDERS, few": (
        lambda: without_constant("REFUSED_ORDERS", NEVER, circuit, verdict),
        "all_orders_are_refused",
    ),
    "REFUSED_CAREFUL": (lambda: without_constant("REFUSED_CAREFUL", NEVER, circuit), "all_orders_are_refused"),
    "FIRST_WAIT": (lambda: without_constant("FIRST_WAIT", 0, verdict), "one_post_a_minute"),
    "LAST_WAIT": (lambda: without_constant("LAST_WAIT", 7000, verdict), "one_order_a_day"),
    "KEY_WAIT": (lambda: without_constant("KEY_WAIT", timedelta(), verdict), "key_is_refused_for_five_minutes"),
    "SCHEDULE": (lambda: without_constant("SCHEDULE", FAULTS_AT_MOST * (60,), schedule), "bad_signal_in_a_busy_shop"),
    "FAULTS_AT_MOST": (
        lambda: without_constant("FAULTS_AT_MOST", FAULTS_AT_MOST - 1, verdict),
        "it_takes_20_failures_and_7_days",
    ),
    "JITTER": (lambda: without_constant("JITTER", 0, schedule), "twenty_companies"),
    "SIGNAL_FARTHEST": (lambda: without_constant("SIGNAL_FARTHEST", FAR, queue), "clock_is_30_hours_ahead"),
    "CIRCUIT_FARTHEST": (lambda: without_constant("CIRCUIT_FARTHEST", FAR, circuit), "clock_is_30_hours_ahead"),
}


@tagged("post_install", "-at_install", "cloudprinter")
class TestDeliveryNeedsAll(BaseCase):
    def test_nothing_is_superfluous(self):
        for name, (be_without, scenario) in NEEDED.items():
            method = f"test_{scenario}"
            case = TestDeliveryScenarios(method)
            case.subTest = nullcontext
            with self.subTest(name), be_without(), patch.object(World, "posts_at_most", 3000):
                # without a line no other line may apply instead
                with self.assertRaises((AssertionError, StopIteration)):
                    getattr(case, method)()

    def test_each_has_its_scenario(self):
        """Elements that are added later must be listed here, too."""
        columns = [f"circuit.{name}" for name in get_names(Circuit)] + [f"outage.{name}" for name in get_names(Outage)]
        columns += [f"signal.{name}" for name in get_names(Row) if name not in ("id", "signal")]
        constants = [
            name
            for module in (circuit, schedule, verdict)
            for name in vars(module)
            if name.isupper() and name != "LINES"
        ]
        self.assertFalse({*verdict.LINES, *columns, *constants}.difference(NEEDED))
