"""The table of answers, the queue in Python, and sentences that hold in generated scenarios."""

import random
from datetime import timedelta
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..cloudsignal import Outcome, Result
from ..delivery import (
    CIRCUIT_FARTHEST,
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
)
from ..dev.simulator.queue import Queued, claim, get_wake_date
from ..dev.simulator.scenarios import Scenario
from ..dev.simulator.world import HOUR, MINUTE, START

thoroughly = settings(deadline=None, derandomize=True, database=None, max_examples=200)

FIRST_SEED, SCENARIOS = 1, 60


DATE = START + timedelta(days=30)
GOOD = Circuit(answered_id=5)
FAILING = Outage(DATE - timedelta(minutes=2), DATE - timedelta(seconds=1), (1,))
NEW, TRIED = Row(1), Row(1, last_attempt_id=3)
KNOWN = Row(1, fault_count=3, last_attempt_id=4, key_fault=True)
MINUTE_LATER = DATE + timedelta(seconds=MINUTE)

# name: (HTTP status, rows that were posted, the circuit, verdict, the circuit then)
CASES = {
    "accepted": (200, [NEW], Circuit(), "accepted", Circuit(10)),
    "accepted while the company is stopped": (
        200,
        [NEW],
        Circuit(5, key_order_ids=(1, 2, 3)),
        "accepted",
        Circuit(10),
    ),
    "accepted in an outage": (200, [NEW, NEW], Circuit(5, outage=FAILING), "accepted", Circuit(10)),
    "refused": (400, [NEW], Circuit(5, outage=FAILING), "refused", Circuit(10, refused_order_ids=(9,))),
    "refused again": (
        400,
        [TRIED],
        Circuit(5, refused_order_ids=(8, 9)),
        "refused",
        Circuit(10, refused_order_ids=(8, 9)),
    ),
    "refused bundle": (400, [NEW, NEW], GOOD, "apart", Circuit(10, refused_order_ids=(9,))),
    "refused while the company is stopped": (
        400,
        [NEW],
        Circuit(5, refused_order_ids=tuple(range(10, 30))),
        "apart",
        Circuit(10, refused_order_ids=tuple(range(10, 30))),
    ),
    "first failure": (500, [NEW], GOOD, "outage", Circuit(5, outage=Outage(DATE, MINUTE_LATER, (9,)))),
    "first failure, answered before the last answer": (500, [TRIED], GOOD, "own", Circuit(5, doubt_id=1)),
    "the same with 404": (404, [TRIED], GOOD, "own", Circuit(5, doubt_id=1)),
    "the same without an answer": (None, [TRIED], GOOD, "own", Circuit(5, doubt_id=1)),
    "the same with 403": (403, [TRIED], GOOD, "own", Circuit(5, doubt_id=1)),
    "the same in a bundle": (500, [NEW, TRIED], GOOD, "apart", Circuit(5, doubt_id=1)),
    "bundle that was answered before, second failure since an answer": (
        404,
        [NEW, TRIED],
        Circuit(5, doubt_id=7),
        "apart",
        Circuit(5, 7, Outage(DATE, MINUTE_LATER, (9,))),
    ),
    "bundle that was never answered": (
        404,
        [NEW, NEW],
        GOOD,
        "outage",
        Circuit(5, outage=Outage(DATE, MINUTE_LATER, (9,))),
    ),
    "second failure since an answer": (
        500,
        [TRIED],
        Circuit(5, doubt_id=7),
        "outage",
        Circuit(5, 7, Outage(DATE, MINUTE_LATER, (9,))),
    ),
    "failure after its own last answer": (
        500,
        [Row(1, last_attempt_id=5)],
        GOOD,
        "outage",
        Circuit(5, outage=Outage(DATE, MINUTE_LATER, (9,))),
    ),
    "failure in an outage": (
        500,
        [TRIED],
        Circuit(5, outage=FAILING),
        "outage",
        Circuit(5, outage=Outage(FAILING.since, MINUTE_LATER, (1, 9))),
    ),
    "key refused": (
        401,
        [NEW],
        GOOD,
        "outage",
        Circuit(5, outage=Outage(DATE, DATE + timedelta(minutes=10), (9,)), key_order_ids=(9,)),
    ),
    "key refused again": (
        403,
        [NEW],
        Circuit(5, outage=FAILING, key_order_ids=(9,)),
        "outage",
        Circuit(5, outage=Outage(FAILING.since, DATE + timedelta(minutes=10), (1, 9)), key_order_ids=(9, 9)),
    ),
    "key refused for one that is known for it": (
        403,
        [KNOWN],
        Circuit(5, 7),
        "outage",
        Circuit(5, 7, Outage(DATE, MINUTE_LATER, (9,))),
    ),
    "asked to wait": (
        429,
        [TRIED],
        GOOD,
        "outage",
        Circuit(5, outage=Outage(DATE, MINUTE_LATER, (9,), told_to_wait=True)),
    ),
}

statuses = st.sampled_from((None, 200, 302, 400, 401, 403, 404, 413, 429, 500, 503))
orders = st.integers(1, 6)
dates = st.integers(-40 * HOUR, 40 * HOUR).map(lambda seconds: DATE + timedelta(seconds=seconds))
order_ids = st.lists(orders, max_size=6).map(tuple)
outages = st.builds(Outage, dates, dates, st.lists(orders, max_size=5, unique=True).map(tuple), st.booleans())
circuits = st.builds(
    Circuit,
    st.integers(0, 20),
    st.integers(0, 5),
    st.none() | outages,
    order_ids,
    st.lists(st.integers(1, 30), max_size=20, unique=True).map(tuple),
)
rows = st.builds(Row, st.integers(1, 9), st.integers(1, 20), st.booleans(), st.integers(0, 20), st.booleans())
bundles = st.builds(Bundle, orders, st.just(1), st.lists(rows, min_size=1, max_size=4).map(tuple), dates)
results = st.builds(
    lambda status, retry_after: Result(Outcome.TRY_LATER, status, retry_after=retry_after),
    statuses,
    st.none() | st.floats(0, 3600),
)


@tagged("post_install", "-at_install", "cloudprinter")
class TestDeliveryTable(BaseCase):
    @patch.object(schedule, "JITTER", 0)
    def test_cases(self):
        for name, (status, posted, before, word, after) in CASES.items():
            with self.subTest(name):
                bundle = Bundle(9, 1, tuple(posted), DATE)
                decision = decide(before, bundle, 10, Result(Outcome.TRY_LATER, status), DATE)
                self.assertEqual((decision.verdict.value, decision.circuit), (word, after))

    @patch.object(schedule, "JITTER", 0)
    def test_signals(self):
        """The next state of a signal, by verdict and number of its own failures, this one included."""
        for word, fault_count, expected in (
            ("accepted", 1, ("sent", False, 1, None, False)),
            ("refused", 1, ("error", "refused", 1, None, False)),
            ("own", 1, ("outgoing", "own", 1, DATE + timedelta(minutes=1), False)),
            ("own", 5, ("outgoing", "own", 5, DATE + timedelta(hours=6), False)),
            ("own", 20, ("error", "expired", 20, None, False)),
            ("apart", 1, ("outgoing", "apart", 0, DATE, True)),
            ("outage", 1, ("outgoing", "outage", 0, DATE + timedelta(minutes=1), False)),
            ("outage", 20, ("outgoing", "outage", 19, DATE + timedelta(hours=12), False)),
        ):
            with self.subTest(word, fault_count=fault_count):
                self.assertEqual(settle(Verdict(word), fault_count, DATE), expected)

    @thoroughly
    @given(circuits, bundles, results)
    def test_anything_may_happen(self, before, bundle, result):
        random.seed(1)
        decision = decide(before, bundle, 21, result, DATE)
        after = decision.circuit
        answered = result.status_code in (200, 400)
        self.assertEqual(after.answered_id, 21 if answered else before.answered_id)
        self.assertFalse(answered and (after.outage or after.doubt_id or after.key_order_ids))
        if decision.verdict is Verdict.OUTAGE:
            self.assertIsNotNone(after.outage)
            self.assertLessEqual(after.outage.since, DATE)
        if decision.verdict in (Verdict.OWN, Verdict.REFUSED):
            self.assertEqual(len(bundle.rows), 1, "its failure alone")
        if decision.verdict is Verdict.OWN:
            self.assertFalse(before.outage or before.doubt_id)
        if result.status_code == 429:
            self.assertTrue(after.outage.told_to_wait)
        if before.stopped and result.status_code != 200:
            self.assertTrue(after.stopped or result.status_code == 400)
        for row in bundle.rows:
            change = settle(decision.verdict, row.fault_count, DATE)
            self.assertEqual(change.state == "outgoing", change.next_attempt_date is not None)
            self.assertLessEqual(change.fault_count, row.fault_count)
            if change.next_attempt_date:
                self.assertLessEqual(change.next_attempt_date, DATE + SIGNAL_FARTHEST)
        if after.outage and after.outage != before.outage:
            self.assertLessEqual(len(after.outage.order_ids), circuit.WITNESSES)
        allowance = allow(after, [], DATE)
        if allowance.look_again:
            self.assertLessEqual(allowance.look_again, DATE + CIRCUIT_FARTHEST)
            self.assertGreater(allowance.look_again, DATE)
        self.assertFalse(after.stopped and (allowance.bundles or allowance.single))


queued = st.lists(
    st.builds(
        Queued,
        st.just(0),
        st.integers(1, 3),
        st.integers(1, 4),
        st.just(1),
        st.sampled_from((0, 0, 1, 3)),
        st.sampled_from((False, False, True)),
        st.integers(0, 9),
        st.none() | dates,
        st.sampled_from(("outgoing", "outgoing", "sent")),
        st.sampled_from((False, False, False, True)),
    ),
    max_size=12,
)


def number(rows):
    """Assign ids to the rows, and items that belong to one order."""
    for position, row in enumerate(rows, 1):
        row.id, row.item_id = position, row.order_id * 10 + row.item_id
    return rows


@tagged("post_install", "-at_install", "cloudprinter")
class TestDeliveryQueue(BaseCase):
    """The rules of the queue on plain rows, with which the SQL is compared."""

    @thoroughly
    @given(queued.map(number), circuits, st.lists(orders, max_size=2), st.integers(1, 5))
    def test_claims(self, rows, before, busy, bundle_size):
        allowance = allow(before, [], DATE)
        claims = claim(rows, allowance, busy, DATE, bundle_size)
        claimed_orders = [row.order_id for claimed in claims for row in claimed[:1]]
        self.assertEqual(len(claimed_orders), len({*claimed_orders}), "one post of an order")
        self.assertFalse({*claimed_orders}.intersection(busy))
        for claimed in claims:
            self.assertLessEqual(len(claimed), bundle_size)
            self.assertEqual(len({row.order_id for row in claimed}), 1)
            for row in claimed:
                earlier = [e for e in rows if e.item_id == row.item_id and e.id < row.id and e.state == "outgoing"]
                self.assertTrue(all(e in claimed for e in earlier), "nothing is overtaken")
                self.assertFalse(row.unapplied)
        if not allowance.bundles:
            self.assertLessEqual(len(claims), 1)
        if claims and allowance.single == "any":
            self.assertEqual(len(claims[0]), 1)

    @thoroughly
    @given(queued.map(number), circuits)
    def test_wakes_in_time(self, rows, before):
        """While the sender sleeps nothing could be claimed; after waking it does not wake again at once."""
        allowance = allow(before, [], DATE)
        if claim(rows, allowance, [], DATE):
            return
        wake_date = get_wake_date(rows, allowance, DATE)
        self.assertTrue(wake_date is None or wake_date > DATE)
        dates = [row.next_attempt_date for row in rows if row.next_attempt_date]
        for date in (*dates, before.outage.retry_date if before.outage else DATE):
            for now in (date, date + timedelta(seconds=1), date - SIGNAL_FARTHEST, date - CIRCUIT_FARTHEST):
                if DATE < now and (wake_date is None or now < wake_date):
                    self.assertFalse(claim(rows, allow(before, [], now), [], now), "it sleeps too long")

    def test_choice_of_one(self):
        """Ranked by request, own failures, the order's last attempt, newest order, the signal's last attempt, age."""
        for better, worse in (
            ({"next_attempt_date": None, "fault_count": 3}, {}),
            ({}, {"fault_count": 1}),
            ({"last_attempt_id": 3}, {"last_attempt_id": 4}),
            ({"order_id": 2}, {"order_id": 1}),
        ):
            rows = [
                Queued(id=1, item_id=1, **{"order_id": 1, "next_attempt_date": DATE, **worse}),
                Queued(id=2, item_id=2, **{"order_id": 2, "next_attempt_date": DATE, **better}),
            ]
            with self.subTest(f"{better} before {worse}"):
                self.assertEqual(claim(rows, allow(Circuit(), [], DATE), [], DATE), [[rows[1]]])


@tagged("post_install", "-at_install", "cloudprinter")
class TestDeliverySentences(BaseCase):
    def test_generated_scenarios(self):
        """`make simulate` checks more of them and shows all posts of one: --only SEED."""
        for seed in range(FIRST_SEED, FIRST_SEED + SCENARIOS):
            scenario = Scenario(seed)
            with self.subTest(scenario.title):
                self.assertEqual(scenario.run(), {})
