"""Whether an endpoint answers, and what may be posted to it meanwhile."""

from dataclasses import dataclass
from datetime import datetime

from .schedule import CIRCUIT_FARTHEST, is_reached

WITNESSES = 5  # orders that show whether an outage is one
KEY_ORDERS = 3  # different orders in a row for which the key is refused stop the company
REFUSED_ORDERS = 20  # different orders in a row that are refused stop the company
REFUSED_CAREFUL = 10  # of them, from which on one signal is posted at a time


@dataclass(frozen=True)
class Outage:
    """The time since the endpoint first failed without having answered anything since.

    :param retry_date: the next probe, unless an order that has not met the outage goes before it
    :param order_ids: orders that met it, at most `WITNESSES`
    :param told_to_wait: the endpoint answered 429, so no other order is to try before `retry_date`
    """

    since: datetime
    retry_date: datetime
    order_ids: tuple[int, ...] = ()
    told_to_wait: bool = False


@dataclass(frozen=True)
class Circuit:
    """What is known of one endpoint and key since the key was entered or an administrator resumed.

    :param answered_id: the last attempt answered with 200 or 400, 0 if there was none
    :param doubt_id: the signal that has failed of its own since then
    :param outage: None while the endpoint answers
    :param key_order_ids: orders for which the key was refused, without another answer in between; an order that is in
        it twice was refused again
    :param refused_order_ids: orders that were refused since the last acceptance
    """

    answered_id: int = 0
    doubt_id: int = 0
    outage: Outage | None = None
    key_order_ids: tuple[int, ...] = ()
    refused_order_ids: tuple[int, ...] = ()

    @property
    def stopped(self):
        """Why nothing is posted until an administrator does something: "key_refused", "refusals" or ""."""
        if len(set(self.key_order_ids)) >= KEY_ORDERS:
            return "key_refused"
        return "refusals" if len(self.refused_order_ids) >= REFUSED_ORDERS else ""

    @property
    def key_refused_again(self):
        """Whether the key was refused twice for one order: none of these orders is tried again before another one."""
        return len(self.key_order_ids) > len(set(self.key_order_ids))

    @property
    def is_careful(self):
        """Whether one signal is posted at a time."""
        return bool(self.outage or not self.answered_id or len(self.refused_order_ids) >= REFUSED_CAREFUL)


@dataclass(frozen=True)
class Allowance:
    """What may be claimed of one circuit, beside the orders in flight.

    A signal is claimed when it is due, and never before an earlier queued one of its item. A single one is chosen by:
    a user asked for it, no fault of its own, the order least recently tried, the signal least recently tried, the
    oldest.

    :param bundles: orders, with all that is due of them and does not go alone
    :param single: one signal more: "" none; "alone" one of those that go alone; "any"; "asked" one that a user asked to
        send at once
    :param not_order_ids: orders of which a single one is claimed only if a user asked for it
    :param look_again: when more may be allowed, None if that depends on the signals' own dates
    """

    bundles: bool = False
    single: str = ""
    not_order_ids: tuple[int, ...] = ()
    look_again: datetime | None = None


def allow(circuit, in_flight, now):
    """Return what may be claimed now.

    :param Circuit circuit: what is known
    :param in_flight: its bundles that were claimed and are not recorded yet
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
