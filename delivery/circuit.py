"""Track whether an endpoint answers, and what may be posted to it."""

from dataclasses import dataclass
from datetime import datetime

from .schedule import CIRCUIT_FARTHEST, is_reached

WITNESSES = 5  # orders that confirm an outage
KEY_ORDERS = 3  # a refused key for this many different orders in a row stops the company
REFUSED_ORDERS = 20  # this many different refused orders in a row stop the company
REFUSED_CAREFUL = 10  # from this many on, one signal is posted at a time


@dataclass(frozen=True)
class Outage:
    """The period since the endpoint first failed, without any answer since.

    :param retry_date: the next probe, unless an order that is not affected yet goes first
    :param order_ids: affected orders, at most `WITNESSES`
    :param told_to_wait: the endpoint answered 429, so no other order is tried before `retry_date`
    """

    since: datetime
    retry_date: datetime
    order_ids: tuple[int, ...] = ()
    told_to_wait: bool = False


@dataclass(frozen=True)
class Circuit:
    """What is known about one endpoint and key since the key was entered or an administrator resumed sending.

    :param answered_id: the last attempt answered with 200 or 400, 0 if there was none
    :param doubt_id: the signal whose own failure was found since then, 0 if there was none
    :param outage: None while the endpoint answers
    :param key_order_ids: orders for which the key was refused, without another answer in between; an order that
        appears twice was refused again
    :param refused_order_ids: orders refused since the last acceptance
    """

    answered_id: int = 0
    doubt_id: int = 0
    outage: Outage | None = None
    key_order_ids: tuple[int, ...] = ()
    refused_order_ids: tuple[int, ...] = ()

    @property
    def stopped(self):
        """Return why nothing is posted until an administrator acts: "key_refused", "refusals" or ""."""
        if len(set(self.key_order_ids)) >= KEY_ORDERS:
            return "key_refused"
        return "refusals" if len(self.refused_order_ids) >= REFUSED_ORDERS else ""

    @property
    def key_refused_again(self):
        """Return whether the key was refused twice for one order: then another order has to be tried first."""
        return len(self.key_order_ids) > len(set(self.key_order_ids))

    @property
    def is_careful(self):
        """Return whether one signal is posted at a time."""
        return bool(self.outage or not self.answered_id or len(self.refused_order_ids) >= REFUSED_CAREFUL)


@dataclass(frozen=True)
class Allowance:
    """What may be claimed for one circuit, besides the orders in flight.

    A signal is claimed when it is due, and never before an earlier queued one of its item. A single one is chosen by
    these criteria: requested by a user, no failure of its own, order least recently tried, signal least recently tried,
    oldest.

    :param bundles: whether orders may be claimed, with all their due signals that are not posted alone
    :param single: one more signal: "" none; "alone" one that is posted alone; "any"; "asked" one that a user asked to
        send at once
    :param not_order_ids: orders of which a single signal is claimed only if a user asked for it
    :param look_again: when more may be allowed, None if that depends on the signals' own dates
    """

    bundles: bool = False
    single: str = ""
    not_order_ids: tuple[int, ...] = ()
    look_again: datetime | None = None


def allow(circuit, in_flight, now):
    """Return what may be claimed now.

    :param Circuit circuit: what is known about the endpoint
    :param in_flight: its bundles that were claimed and not recorded yet
    :param datetime now: naive UTC
    :rtype: Allowance
    """
    if circuit.stopped:
        return Allowance()
    if not circuit.is_careful:
        single = "" if any(bundle.goes_alone for bundle in in_flight) else "alone"
        return Allowance(bundles=True, single=single)
    if in_flight:
        return Allowance()
    outage = circuit.outage
    if not outage or is_reached(outage.retry_date, now, CIRCUIT_FARTHEST):
        return Allowance(single="any", not_order_ids=circuit.key_order_ids if circuit.key_refused_again else ())
    if outage.told_to_wait or len(outage.order_ids) >= WITNESSES:
        return Allowance(single="asked", look_again=outage.retry_date)
    return Allowance(
        single="any", not_order_ids=(*outage.order_ids, *circuit.key_order_ids), look_again=outage.retry_date
    )
