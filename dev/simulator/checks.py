"""The sentences that hold in each scenario. Exceptions are named in the code.

Sentence 2 (nothing overtakes) is checked by `World` at each claim. Sentence 10 (a fresh process decides the same) holds
as the sender keeps only what is in flight; the scenarios crash it there.
"""

from collections import defaultdict

from ...delivery import FAULTS_AT_MOST
from .world import DAY, HOUR, MINUTE

IN_FLIGHT = 16  # at 8 connections
WITNESSES = 4
KEY_ORDERS = 3
REFUSED_ORDERS = 20
LATE = 12 * MINUTE
ANSWERS, KEY = {200, 400}, {401, 403}


def check(scenario):
    """Return violations: texts by sentence."""
    history, found = History(scenario.world), {}
    for sentence, function in SENTENCES.items():
        problems = list(function(scenario, history))
        if problems:
            found[sentence] = f"{problems[0]} ({len(problems)} times)"
    return found


class History:
    """The history by company: posts in the order of recording, and since when nothing was answered."""

    def __init__(self, world):
        self.recorded, self.started = defaultdict(list), defaultdict(list)
        for post in world.posts:
            self.started[post.bundle.company_id].append(post)
        for company, posts in self.started.items():
            self.recorded[company] = sorted((p for p in posts if p.attempt_id), key=lambda p: p.attempt_id)

    def silences(self, company):
        """Return the runs of posts without an answer between them."""
        silences = [[]]
        for post in self.recorded[company]:
            if post.status in ANSWERS:
                silences.append([])
            else:
                silences[-1].append(post)
        return [silence for silence in silences if silence]


def statuses_of(scenario, signal):
    """Return the statuses with which the endpoint rejects this signal or its order."""
    return {
        rule.status
        for rule in scenario.world.rules
        if (rule.orders and signal.order_id in rule.orders)
        or (rule.signals and (signal.order_id, signal.number) in rule.signals)
    }


def is_bad(scenario, signal):
    return bool(statuses_of(scenario, signal))


def before(scenario, signal):
    """Return the signals of its item up to this one."""
    return [earlier for earlier in scenario.world.items[signal.item_id] if earlier.id <= signal.id]


def has_many_bad_orders(scenario, company):
    """Return whether five orders and a tenth of all are bad: this counts as an outage."""
    orders = [order_id for order_id, _size in scenario.orders[company]]
    bad = [order_id for order_id in orders if any(is_bad(scenario, s) for s in scenario.world.orders[order_id])]
    return len(bad) >= max(5, len(orders) / 10)


def is_limited(scenario):
    return any(rule.status == 429 for rule in scenario.world.rules)


# === the sentences === #


def nothing_is_lost(scenario, history):
    answers = defaultdict(list)
    for post in scenario.world.posts:
        for signal in post.signals:
            answers[signal.id].append(post)
    for signal in scenario.world.signals.values():
        posts = answers[signal.id]
        if signal.state == "sent":
            right = any(post.accepted and post.status == 200 for post in posts)
        elif signal.failure_type == "refused":
            right = any(post.status == 400 and len(post.signals) == 1 for post in posts)
        elif signal.failure_type == "expired":
            right = True
        elif signal.state == "outgoing":
            # while a company is stopped its signals wait; a bad one never expires if it is mostly answered 429
            stopped = scenario.world.circuits[signal.company_id].stopped
            right = stopped or is_limited(scenario) and any(is_bad(scenario, s) for s in before(scenario, signal))
        else:
            right = signal.state == "canceled"
        if not right:
            yield f"signal {signal.order_id}.{signal.number} is {signal.state} {signal.failure_type}"


def expires_only_by_its_own_failures(scenario, history):
    clocks = len(scenario.world.clocks)
    for signal in scenario.world.signals.values():
        if signal.failure_type != "expired":
            continue
        name = f"signal {signal.order_id}.{signal.number}"
        if not is_bad(scenario, signal):
            yield f"{name} expired, and nothing is wrong with it"
        faults = [verdict for verdict in signal.verdicts if verdict[1] in ("own", "crash")]
        if len(faults) != FAULTS_AT_MOST:
            yield f"{name} expired after {len(faults)} failures"
        # a clock that goes ahead and comes back shortens two waits
        if faults[-1][0] - faults[0][0] < 7 * DAY - 2 * clocks * 14.4 * HOUR:
            yield f"{name} expired after {(faults[-1][0] - faults[0][0]) / DAY:.1f} days"
        answered = [post.attempt_id for post in history.recorded[signal.company_id] if post.status in ANSWERS]
        own = [attempt_id for _seconds, word, attempt_id in faults if word == "own"]
        for before, after in zip(own, own[1:]):
            if not any(before < attempt_id < after for attempt_id in answered):
                yield f"{name}: nothing was answered between attempts {before} and {after}"


def an_outage_costs_little(scenario, history):
    world = scenario.world
    for company in scenario.companies:
        for silence in history.silences(company):
            # the first failure may be the fault of what was posted, so it is no outage yet
            failed = silence[1:] if silence[0].verdict.value in ("own", "apart") else silence
            if not failed:
                continue
            began, ended = failed[0].end, silence[-1].start
            later = [post for post in silence if post.claimed > began]
            # another key, Resume and each signal requested by a user start anew; a crash forgets what is in flight
            again = sum(began <= t <= ended for t in world.notes["resumed", company])
            extra = sum(began <= t <= ended for kind in ("asked", "crash") for t in world.notes[kind, company])
            extra += sum(post.verdict.value == "own" for post in silence)
            # a wrong clock makes a date come too early when it changes and when it is corrected
            extra += 2 * sum(began <= t <= ended for clock in world.clocks for t in clock[:2])
            age, probes = 0, 1
            while age < ended - began:
                age += min(max(age / 4, 60), 600)
                probes += 1
            allowed = (1 + again) * (WITNESSES + probes) + extra
            if len(later) > allowed:
                yield (
                    f"{len(later)} posts of company {company} instead of {allowed} in the silence of"
                    f" {ended - began:.0f} s from {began:.0f} s"
                )


def good_signals_are_on_time(scenario, history):
    world = scenario.world
    excused = {company for company in scenario.companies if has_many_bad_orders(scenario, company)}
    for signal in world.signals.values():
        if signal.state != "sent" or signal.delayed or signal.company_id in excused or is_excused(scenario, signal):
            continue
        company = signal.company_id
        ends = [end for of, since, end, _kind in scenario.troubles if of in (None, company) and since < signal.finished]
        ends += [t for kind in ("resumed", "held") for t in world.notes[kind, company] if t < signal.finished]
        base = max(signal.created, *ends, 0)
        late = signal.finished - base
        if late <= LATE:
            continue
        posts = [post for post in world.posts if base <= post.start <= signal.finished]
        own = [post for post in posts if post.bundle.company_id == company]
        # the endpoint may have requested a later probe; each bad order may be probed once before a good one
        bad_orders = {p.bundle.order_id for p in own if any(is_bad(scenario, signal) for signal in p.signals)}
        asked = max([0, *(rule.retry_after or 0 for rule in world.rules)])
        drain = sum(post.end - post.start for post in posts) / world.connections
        drain += sum(post.end - post.start for post in own if post.bundle.goes_alone)
        allowed = LATE * (1 + len(bad_orders)) + asked + drain + MINUTE
        if late > allowed:
            name = f"signal {signal.order_id}.{signal.number}"
            yield f"{name} is late by {late / MINUTE:.0f} instead of {allowed / MINUTE:.0f} min {signal.verdicts[-5:]}"


def is_excused(scenario, signal):
    """Return whether the signal may be late."""
    # later signals of its item wait for it
    waits = any(earlier.delayed or is_bad(scenario, earlier) for earlier in before(scenario, signal))
    # when the key is refused for one signal, its order waits until another one is answered
    key = any(
        is_bad(scenario, other) and KEY.intersection(statuses_of(scenario, other))
        for other in scenario.world.orders[signal.order_id]
    )
    return waits or key or is_limited(scenario)


def no_order_stops_a_company(scenario, history):
    world = scenario.world
    for company, attempt_id in world.stops:
        posts = [post for post in history.recorded[company] if post.attempt_id <= attempt_id]
        resumed = max((t for t in world.notes["resumed", company] if t <= posts[-1].end), default=-1)
        posts = [post for post in posts if post.end >= resumed]
        key, refused = set(), set()
        for post in posts:
            if post.status in KEY:
                key.add(post.bundle.order_id)
            elif post.status == 200:
                key, refused = set(), set()
            elif post.status == 400:
                key = set()
                refused.add(post.bundle.order_id)
        if len(key) < KEY_ORDERS and len(refused) < REFUSED_ORDERS:
            yield f"company {company} stopped after {key} {refused}"


def a_refused_key_stops(scenario, history):
    world = scenario.world
    for company in scenario.companies:
        for silence in history.silences(company):
            key = [post for post in silence if post.status in KEY]
            if not key:
                continue
            later = [post for post in key if post.claimed > key[0].end]
            resumed = sum(key[0].end <= t <= key[-1].start for t in world.notes["resumed", company])
            # a signal that always gets this answer says nothing about the key
            known = sum(post.bundle.rows[0].key_fault or post.verdict.value == "own" for post in key)
            allowed = (1 + resumed) * (KEY_ORDERS + 1) + known
            if len(later) > allowed:
                yield f"{len(later)} posts of company {company} with a refused key instead of {allowed}"


def nothing_is_repeated(scenario, history):
    taken = defaultdict(int)
    for post in scenario.world.posts:
        for signal in post.signals:
            if taken[signal.id]:
                yield f"signal {signal.order_id}.{signal.number} is repeated at {post.start:.0f} s"
            if post.accepted and not post.doubtful and post.attempt_id:
                taken[signal.id] += 1


SENTENCES = {
    "1 nothing is lost": nothing_is_lost,
    "3 expires only by its own failures": expires_only_by_its_own_failures,
    "4 an outage costs little": an_outage_costs_little,
    "5 good signals are on time": good_signals_are_on_time,
    "7 no order stops a company": no_order_stops_a_company,
    "7 a refused key stops": a_refused_key_stops,
    "8 nothing is repeated": nothing_is_repeated,
}
