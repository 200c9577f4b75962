"""The decision table: an answer in a circuit → the new state of the signals and of the circuit."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from ..cloudsignal import Result
from .bundle import Bundle
from .circuit import REFUSED_ORDERS, WITNESSES, Circuit, Outage
from .schedule import FAULTS_AT_MOST, get_wait, spread

FIRST_WAIT = 60  # seconds after a first failure
LAST_WAIT = 600  # seconds between the probes of a long outage
KEY_WAIT = timedelta(minutes=10)


class Verdict(enum.Enum):
    """Outcome of an attempt for its signals."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    OWN = "own"  # the signal itself failed
    APART = "apart"  # the bundle is split: each signal is posted alone
    OUTAGE = "outage"  # failed, which says nothing about the signal


class Decision(NamedTuple):
    verdict: Verdict
    circuit: Circuit


@dataclass(frozen=True)
class Case:
    """One answer, and what was known when it arrived."""

    circuit: Circuit
    bundle: Bundle
    attempt_id: int
    result: Result
    now: datetime

    @property
    def answer(self):
        """Return the kind of answer: "200", "400", "key", "wait" or "failed"."""
        status = self.result.status_code or 0
        if status in (200, 400):
            return str(status)
        if status in (401, 403):
            return "key"
        return "wait" if status == 429 else "failed"

    @property
    def is_bundle(self):
        return len(self.bundle.rows) > 1

    @property
    def failed_again(self):
        """Return whether one of its signals was answered before, and the endpoint has answered something since."""
        return any(0 < row.last_attempt_id < self.circuit.answered_id for row in self.bundle.rows)

    @property
    def is_own(self):
        """Return whether the posted signals are at fault: nothing else has failed since the endpoint answered."""
        return self.failed_again and not self.circuit.outage and not self.circuit.doubt_id

    @property
    def is_second_sign(self):
        """Return whether it was claimed after the outage began: what was already in flight confirms nothing."""
        return self.circuit.outage is not None and self.bundle.date > self.circuit.outage.since


# === what becomes of the circuit === #


def _answered(case):
    """Forget all earlier failures."""
    return Circuit(answered_id=case.attempt_id)


def _refused(case):
    """Forget all earlier failures, but count one more refused order since the last acceptance."""
    orders = _add(case.circuit.refused_order_ids, case.bundle.order_id, REFUSED_ORDERS)
    return Circuit(answered_id=case.attempt_id, refused_order_ids=orders)


def _doubted(case):
    return replace(case.circuit, doubt_id=case.bundle.rows[0].id)


def _failing(case):
    """Begin or continue an outage: probe at growing intervals, or later if the endpoint asks for it."""
    outage = case.circuit.outage or Outage(case.now, case.now)
    # an outage cannot begin after its answer: the clock was wrong
    outage = replace(outage, since=min(outage.since, case.now))
    if case.is_second_sign or not case.circuit.outage:
        age = (case.now - outage.since).total_seconds()
        wait = spread(min(max(age / 4, FIRST_WAIT), LAST_WAIT))
        outage = replace(outage, retry_date=case.now + max(wait, _asked_wait(case) or wait))
    orders = _add(outage.order_ids, case.bundle.order_id, WITNESSES)
    return replace(case.circuit, outage=replace(outage, order_ids=orders))


def _told_to_wait(case):
    """Treat it as a failure, but the first time wait exactly as long as the endpoint asks."""
    outage = _failing(case).outage
    asked = _asked_wait(case)
    if not case.circuit.outage and asked is not None:
        outage = replace(outage, retry_date=case.now + asked)
    return replace(case.circuit, outage=replace(outage, told_to_wait=True))


def _key_refused(case):
    """Treat it as a failure, and note the order; it is tried again if no other order comes."""
    circuit = _failing(case)
    outage = replace(circuit.outage, retry_date=max(circuit.outage.retry_date, case.now + KEY_WAIT))
    orders, order_id = circuit.key_order_ids, case.bundle.order_id
    if not circuit.stopped and (order_id not in orders or not circuit.key_refused_again):
        orders = (*orders, order_id)
    return replace(circuit, outage=outage, key_order_ids=orders)


def _add(order_ids, order_id, at_most):
    return order_ids if order_id in order_ids or len(order_ids) >= at_most else (*order_ids, order_id)


def _asked_wait(case):
    asked = case.result.retry_after
    return None if asked is None else timedelta(seconds=asked)


# === the table === #


class Line(NamedTuple):
    """One line of the table; the first that applies counts.

    :param answers: kinds of answer, see `Case.answer`
    :param applies: given a `Case`, returns whether the line applies
    :param change: given a `Case`, returns its new `Circuit`
    """

    answers: str
    applies: Callable
    verdict: Verdict
    change: Callable


def _always(case):
    return True


LINES = {
    "accepted": Line("200", _always, Verdict.ACCEPTED, _answered),
    "refused bundle": Line("400", lambda c: c.is_bundle or c.circuit.stopped, Verdict.APART, _refused),
    "refused": Line("400", _always, Verdict.REFUSED, _refused),
    "own in a bundle": Line("key failed", lambda c: c.is_own and c.is_bundle, Verdict.APART, _doubted),
    "own": Line("key failed", lambda c: c.is_own, Verdict.OWN, _doubted),
    "failed bundle": Line("failed", lambda c: c.is_bundle and c.failed_again, Verdict.APART, _failing),
    "known key fault": Line("key", lambda c: c.bundle.rows[0].key_fault, Verdict.OUTAGE, _failing),
    "key": Line("key", _always, Verdict.OUTAGE, _key_refused),
    "failed": Line("failed", _always, Verdict.OUTAGE, _failing),
    "wait": Line("wait", _always, Verdict.OUTAGE, _told_to_wait),
}


def decide(circuit, bundle, attempt_id, result, now):
    """Return the verdict and the new circuit for the answer to one POST.

    :param Circuit circuit: before the answer
    :param Bundle bundle: what was posted
    :param int attempt_id: greater than that of any attempt decided before
    :param cloudsignal.Result result: the answer
    :param datetime now: when it arrived, naive UTC
    :rtype: Decision
    """
    case = Case(circuit, bundle, attempt_id, result, now)
    line = next(line for line in LINES.values() if case.answer in line.answers.split() and line.applies(case))
    return Decision(line.verdict, line.change(case))


# === what becomes of a signal === #


class Change(NamedTuple):
    """New values of one signal.

    :param state: "sent", "error" or "outgoing"
    :param failure_type: "refused", "expired", or the verdict's value while it is queued; False if accepted
    :param fault_count: failures of the signal itself
    :param next_attempt_date: naive UTC, None if there is none
    :param alone: whether it is posted alone from now on
    """

    state: str
    failure_type: str | bool
    fault_count: int
    next_attempt_date: datetime | None = None
    alone: bool = False


def settle(verdict, fault_count, date):
    """Return the new values of a signal that is still queued.

    :param Verdict verdict: of the attempt
    :param int fault_count: as claimed, so it includes this attempt, which only counts if the signal itself failed
    :param datetime date: of the answer, naive UTC
    :rtype: Change
    """
    if verdict is Verdict.ACCEPTED:
        return Change("sent", False, fault_count)
    if verdict is Verdict.REFUSED:
        return Change("error", "refused", fault_count)
    if verdict is Verdict.OWN:
        if fault_count >= FAULTS_AT_MOST:
            return Change("error", "expired", fault_count)
        return Change("outgoing", "own", fault_count, date + get_wait(fault_count))
    without = max(fault_count - 1, 0)
    if verdict is Verdict.APART:
        return Change("outgoing", "apart", without, date, alone=True)
    return Change("outgoing", "outage", without, date + get_wait(without))
