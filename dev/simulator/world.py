"""An endpoint, companies, the sender and users, simulated event by event."""

import heapq
import random
from collections import Counter, defaultdict
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime, timedelta
from itertools import count
from math import inf

from ...cloudsignal import Outcome, Result
from ...delivery import (
    FAULTS_AT_MOST,
    SLOTS,
    Bundle,
    Circuit,
    Outage,
    Row,
    Verdict,
    allow,
    decide,
    get_wait,
    settle,
    share_slots,
)
from .queue import Queued, claim, get_wake_date

MINUTE, HOUR, DAY = 60, 3600, 86400
START = datetime(2026, 1, 5)
BUDGET = 30  # seconds after which a run posts nothing more
PAUSE = 0.2  # seconds until the triggered scheduled action runs
TIMEOUT = 30  # seconds of a post without an answer


@dataclass
class Rule:
    """Defines the endpoint's answer to some posts. The first matching rule counts; without one the answer is 200.

    :param status: None for no answer
    :param since: seconds since the start; for posts that start in [since, until)
    :param orders: ids; also for bundles that have one of `signals`, which are pairs of order id and position
    :param share: of the matching posts
    :param a_second: match only posts beyond this number of a company in the last second
    :param rows_at_least: match only bundles of at least this many signals
    :param seconds: until the answer, instead of the company's latency
    :param lost: the endpoint accepts, but its answer is lost
    :param kills: the sender's process dies while it posts
    """

    status: int | None = 500
    since: float = 0
    until: float = inf
    companies: frozenset | None = None
    orders: frozenset | None = None
    signals: frozenset | None = None
    key: int | None = None
    share: float = 1
    a_second: int = 0
    rows_at_least: int = 1
    retry_after: float | None = None
    seconds: float | None = None
    lost: bool = False
    kills: bool = False

    @property
    def is_of_some(self):
        """Return whether signals or orders are at fault, not the endpoint."""
        return self.orders is not None or self.signals is not None or self.rows_at_least > 1


@dataclass
class Signal(Queued):
    """A row of the queue, and what the simulation knows of it."""

    number: int = 0  # its position in its order
    created: float = 0
    key_fault: bool = False
    failure_type: str | bool = False
    attempt_count: int = 0
    answer: tuple = ()  # recorded and not applied yet: post, change
    held: bool = False  # held by a user's transaction
    finished: float | None = None
    verdicts: list = field(default_factory=list)  # all its posts: (seconds, word, attempt id)
    delayed: bool = False  # by its own failure

    def update(self, **values):
        for name, value in values.items():
            setattr(self, name, value)
        self.unapplied = bool(self.answer or self.held)


@dataclass(eq=False)
class Post:
    """A bundle in flight, and its result."""

    bundle: Bundle
    signals: list
    key: int
    claimed: float
    start: float | None = None
    end: float | None = None
    status: int | None = None
    retry_after: float | None = None
    accepted: bool = False  # accepted by the endpoint, known or not
    kills: bool = False
    attempt_id: int = 0  # 0 while no attempt is recorded
    verdict: Verdict | None = None
    doubtful: bool = False  # posts that were lost or crashed may have been accepted


def get_default(kind, name):
    """Return the default of a column that is not stored; for a date, one in the distant past."""
    default = next(item.default for item in fields(kind) if item.name == name)
    return START if default is MISSING else default


class World:
    """Runs until nothing more happens, or until `run(until)`. All randomness comes from `seed`.

    :param rules: of the endpoint
    :param latency: seconds of a post, or a dict by company
    :param clocks: (since, until, hours): the sender's clock is ahead by this much meanwhile
    :cvar forget: columns that are not stored, e.g. "circuit.doubt_id", "outage.order_ids", "signal.alone"
    """

    forget = ()
    posts_at_most = 200_000

    def __init__(self, *rules, seed=1, connections=8, latency=0.05, clocks=(), bundle_size=100):
        random.seed(seed)
        self.random = random.Random(seed)
        self.rules = list(rules)
        self.connections, self.bundle_size = connections, bundle_size
        self.latency, self.clocks = latency, clocks
        self.t = 0.0
        self.events, self.numbers = [], count()
        self.order_ids, self.signal_ids, self.attempt_ids = count(1), count(1), count(1)
        self.keys = Counter()
        # survives a crash
        self.left = []  # signals whose answers are recorded and not applied yet
        self.signals, self.queue, self.circuits = {}, defaultdict(dict), defaultdict(Circuit)
        self.orders, self.items = defaultdict(list), defaultdict(list)
        # does not survive a crash
        self.process = 0
        self.running = self.starting = False
        self.deadline, self.posted = 0.0, 0
        self.in_flight, self.unposted = [], []
        # history
        self.posts, self.stops = [], []  # by company, with the attempt's id
        self.notes = defaultdict(list)  # (kind, company): seconds
        self.wake_date, self.timer = None, 0
        for since, until, _hours in clocks:
            self.at(since, self.set_timer)
            self.at(until, self.set_timer)

    # === time === #

    def at(self, seconds, action, *arguments):
        heapq.heappush(self.events, (max(seconds, self.t), next(self.numbers), action, arguments))

    def run(self, until=inf):
        while self.events and self.events[0][0] <= until:
            self.t, _number, action, arguments = heapq.heappop(self.events)
            action(*arguments)
        if until < inf:
            self.t = until

    def now(self):
        """Return the sender's clock, in whole seconds as Odoo writes it."""
        ahead = sum(hours for since, until, hours in self.clocks if since <= self.t < until) if self.clocks else 0
        return START + timedelta(seconds=int(self.t + ahead * HOUR))

    # === what users do === #

    def order(self, at=0, company=1, items=1, each=1, gap=0):
        """Return the id of an order whose items have `each` signals, `gap` seconds apart."""
        order_id = next(self.order_ids)
        for step in range(each if gap else 1):
            numbers = range(step * items, (step + 1) * items) if gap else range(items * each)
            self.at(at + step * gap, self._create, order_id, company, items, numbers)
        return order_id

    def _create(self, order_id, company, items, numbers):
        for number in numbers:
            signal = Signal(
                next(self.signal_ids),
                item_id=order_id * 1000 + number % items,
                order_id=order_id,
                company_id=company,
                next_attempt_date=self.now(),
                number=number,
                created=self.t,
            )
            self.signals[signal.id] = self.queue[company][signal.id] = signal
            self.orders[order_id].append(signal)
            self.items[signal.item_id].append(signal)
        self._wake()

    def discard(self, order_id):
        for signal in self.orders[order_id]:
            if signal.state == "outgoing":
                self._finish(signal, "canceled")

    def send_now(self, order_id):
        for signal in self.orders[order_id]:
            if signal.state == "outgoing":
                signal.next_attempt_date = None
                self.notes["asked", signal.company_id].append(self.t)
        self._wake()

    def hold(self, order_id, seconds):
        """Hold the rows of an order in a user's transaction."""
        signals = self.orders[order_id]
        for signal in signals:
            signal.update(held=True)
            self.notes["held", signal.company_id].append(self.t + seconds)
        self.at(self.t + seconds, self._release, signals)

    def _release(self, signals):
        for signal in signals:
            signal.update(held=False)

    def resume(self, company=1):
        refused = self.circuits[company].refused_order_ids
        self.circuits[company] = Circuit()
        self.notes["resumed", company].append(self.t)
        for signal in self.signals.values():
            if signal.company_id != company:
                continue
            if signal.state == "error" and signal.failure_type == "refused" and signal.order_id in refused:
                signal.state, signal.fault_count, signal.finished = "outgoing", 0, None
                signal.next_attempt_date = self.now()
                self.queue[company][signal.id] = signal
            elif signal.state == "outgoing" and signal.failure_type:
                signal.next_attempt_date = self.now()
        self._wake()

    def change_key(self, company=1):
        self.keys[company] += 1
        self.circuits[company] = Circuit()
        self.notes["resumed", company].append(self.t)
        self._wake()

    def crash(self, restart=5):
        """Kill the process. Its posts in flight may have arrived."""
        for post in self.in_flight:
            for signal in post.signals:
                signal.verdicts.append((self.t, "crash", 0))
                signal.delayed = True
            post.doubtful = True
            self.notes["crash", post.bundle.company_id].append(self.t)
        self.process += 1
        self.running = self.starting = False
        self.in_flight, self.unposted = [], []
        self._wake(restart)

    # === the endpoint === #

    def _answer(self, post):
        company, now = post.bundle.company_id, self.t
        for rule in self.rules:
            if (
                not rule.since <= now < rule.until
                or (rule.companies is not None and company not in rule.companies)
                or (rule.key is not None and post.key != rule.key)
                or len(post.signals) < rule.rows_at_least
                or not self._is_meant(rule, post)
            ):
                continue
            if rule.a_second and self._get_rate(company) < rule.a_second:
                continue
            if rule.share < 1 and self.random.random() >= rule.share:
                continue
            return rule
        return None

    def _get_rate(self, company):
        """Return how many posts were let through in the last second, without the current one."""
        recent = [post for post in self.posts[-200:-1] if post.start > self.t - 1]
        return sum(post.status != 429 and post.bundle.company_id == company for post in recent)

    @staticmethod
    def _is_meant(rule, post):
        if rule.orders is None and rule.signals is None:
            return True
        return (rule.orders is not None and post.bundle.order_id in rule.orders) or (
            rule.signals is not None and any((s.order_id, s.number) in rule.signals for s in post.signals)
        )

    def _post(self, post):
        company = post.bundle.company_id
        post.start = self.t
        self.posts.append(post)
        assert len(self.posts) < self.posts_at_most, "it posts without end"
        seconds = self.latency[company] if isinstance(self.latency, dict) else self.latency
        rule = self._answer(post)
        if rule:
            post.status, post.retry_after = None if rule.lost else rule.status, rule.retry_after
            post.accepted, post.doubtful = rule.lost or rule.status == 200, rule.lost
            post.kills = rule.kills
            seconds = seconds if rule.seconds is None else rule.seconds
        else:
            post.status, post.accepted = 200, True
        post.end = self.t + seconds
        self.at(post.end, self._land, self.process, post)

    # === the sender === #

    def _wake(self, delay=PAUSE):
        if not (self.running or self.starting):
            self.starting = True
            self.at(self.t + delay, self._start, self.process)

    def set_timer(self):
        """Set when Odoo's scheduler runs the action, on its own clock."""
        self.timer += 1
        if self.wake_date and not self.running:
            wait = (self.wake_date - self.now()).total_seconds()
            self.at(self.t + wait, self._look_at_clock, self.timer)

    def _look_at_clock(self, timer):
        if timer == self.timer:
            self._wake()

    def _start(self, process):
        if process != self.process:
            return
        self.starting, self.running = False, True
        self.wake_date = None
        self.timer += 1
        self.deadline, self.posted = self.t + BUDGET, len(self.posts)
        self._expire()
        self._fill()

    def _expire(self):
        """Give up signals that ended each process that posted them."""
        for queue in self.queue.values():
            for signal in [s for s in queue.values() if s.fault_count >= FAULTS_AT_MOST and not s.answer]:
                self._finish(signal, "error", "expired")

    def _fill(self):
        """Apply recorded answers, claim while there is room, post while there are connections; else end the run."""
        left, self.left = self.left, []
        for signal in left:
            self._apply(signal)
        room = SLOTS * self.connections - len(self.in_flight)
        found = self._find() if room and self.t < self.deadline else {}
        claims = {company: claims for company, (_allowance, claims) in found.items()}
        for signals in share_slots(claims, [post.bundle for post in self.in_flight], room):
            self._claim(signals)
            found = {}
        while self.unposted and len(self.in_flight) - len(self.unposted) < self.connections:
            posting = Counter(post.bundle.company_id for post in self.in_flight if post not in self.unposted)
            post = min(self.unposted, key=lambda waiting: posting[waiting.bundle.company_id])
            self.unposted.remove(post)
            if self.t < self.deadline:
                self._post(post)
            else:
                self._give_back(post)
        if not self.in_flight:
            self._end(found or self._find())

    def _find(self):
        """Return what may be claimed: company → its allowance and lists of signals."""
        found, now = {}, self.now()
        for company, queue in self.queue.items():
            if queue:
                in_flight = [post.bundle for post in self.in_flight if post.bundle.company_id == company]
                allowance = allow(self.circuits[company], in_flight, now)
                busy = {bundle.order_id for bundle in in_flight}
                found[company] = allowance, claim(queue.values(), allowance, busy, now, self.bundle_size)
        return found

    def _claim(self, signals):
        self._check_order(signals)
        now, company = self.now(), signals[0].company_id
        # signals of a bundle come back together
        wait = get_wait(signals[0].fault_count + 1)
        for signal in signals:
            signal.attempt_count += 1
            signal.fault_count += 1
            signal.next_attempt_date = now + wait
        rows = tuple(Row(s.id, s.fault_count, s.alone, s.last_attempt_id, s.key_fault) for s in signals)
        post = Post(Bundle(signals[0].order_id, company, rows, now), signals, self.keys[company], self.t)
        self.in_flight.append(post)
        self.unposted.append(post)

    def _check_order(self, signals):
        """Raise if an earlier queued signal of the item would be overtaken."""
        ids = [signal.id for signal in signals]
        assert ids == sorted(ids), "a bundle is not in order"
        for signal in signals:
            for earlier in self.items[signal.item_id]:
                overtaken = earlier.id < signal.id and earlier.state == "outgoing" and earlier.id not in ids
                assert not overtaken, f"{signal.id} overtakes {earlier.id}"

    def _give_back(self, post):
        self.in_flight.remove(post)
        for signal in post.signals:
            if signal.state == "outgoing":
                signal.attempt_count -= 1
                signal.fault_count -= 1
                signal.next_attempt_date = self.now()

    def _land(self, process, post):
        if process != self.process:
            return
        if post.kills:
            self.crash()
            return
        self.in_flight.remove(post)
        company = post.bundle.company_id
        post.attempt_id = next(self.attempt_ids)
        result = Result(Outcome.TRY_LATER, post.status, retry_after=post.retry_after)
        decision = decide(self.circuits[company], post.bundle, post.attempt_id, result, self.now())
        post.verdict = decision.verdict
        # the attempt and the circuit are written at once
        if post.key == self.keys[company]:
            if decision.circuit.stopped and not self.circuits[company].stopped:
                self.stops.append((company, post.attempt_id))
            self.circuits[company] = self._stored(decision.circuit)
        change = settle(post.verdict, post.bundle.rows[0].fault_count, self.now())
        for signal in post.signals:
            signal.verdicts.append((self.t, decision.verdict.value, post.attempt_id))
            signal.update(answer=(post, change))
            self._apply(signal)
        self._fill()

    def _apply(self, signal):
        if signal.held:
            self.left.append(signal)
            return
        post, change = signal.answer
        signal.update(answer=())
        signal.last_attempt_id = post.attempt_id
        if signal.state != "outgoing" and post.verdict is not Verdict.ACCEPTED:
            return
        signal.fault_count, signal.next_attempt_date = change.fault_count, change.next_attempt_date
        signal.alone = signal.alone or change.alone
        signal.failure_type = change.failure_type
        signal.key_fault = change.fault_count > 0 and post.status in (401, 403)
        signal.delayed = signal.delayed or post.verdict is Verdict.OWN
        for name in self.forget:
            table, column = name.split(".")
            if table == "signal" and change.state == "outgoing":
                setattr(signal, column, get_default(Signal, column))
        if change.state != "outgoing":
            self._finish(signal, change.state, change.failure_type)

    def _finish(self, signal, state, failure_type=False):
        signal.state, signal.failure_type, signal.finished = state, failure_type, self.t
        self.queue[signal.company_id].pop(signal.id, None)

    def _stored(self, circuit):
        """Return the circuit as it is read from its columns, without those in `forget`."""
        for name in self.forget:
            table, column = name.split(".")
            if table == "circuit":
                circuit = replace(circuit, **{column: get_default(Circuit, column)})
            elif table == "outage" and circuit.outage:
                circuit = replace(circuit, outage=replace(circuit.outage, **{column: get_default(Outage, column)}))
        return circuit

    def _end(self, found):
        """End the run and wake when more can be claimed."""
        self.running = False
        if any(claims for _allowance, claims in found.values()):
            assert len(self.posts) > self.posted or self.t >= self.deadline, "a hot loop"
            self._wake()
            return
        dates = [
            get_wake_date(self.queue[company].values(), allowance, self.now())
            for company, (allowance, _claims) in found.items()
        ]
        if any(signal.unapplied for queue in self.queue.values() for signal in queue.values()):
            dates.append(self.now() + timedelta(minutes=1))
        self.wake_date = min(filter(None, dates), default=None)
        self.set_timer()
