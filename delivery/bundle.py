"""Plain values for what is claimed and posted together, and for the answer."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from ..cloudsignal import Result, Signal
from .circuit import Circuit

SLOTS = 2  # bundles in flight per connection, so that no connection is idle while answers are recorded


@dataclass(eq=False)
class Endpoint:
    """One CloudSignal address and key, and the companies that send with it.

    :param company_id: the company that has the key; branches without their own key use it
    :param company_ids: the companies that may send now
    :param resumed_request: answers up to this attempt are ignored
    """

    company_id: int
    company_ids: list[int]
    url: str
    key: str = field(repr=False)
    key_fingerprint: str
    resumed_request: int
    circuit: Circuit

    def has_settings_of(self, other):
        """Return whether what is known about one endpoint also applies to the other."""
        names = ("url", "key_fingerprint", "resumed_request")
        return all(getattr(self, name) == getattr(other, name) for name in names)


@dataclass(frozen=True)
class Row:
    """A queued signal, as it was claimed.

    :param fault_count: failures of the signal itself; the claim counts as one until the answer is known
    :param alone: whether it is posted alone, because its bundle was split
    :param last_attempt_id: the last attempt whose answer is known, 0 if there is none
    :param key_fault: whether the signal itself has failed, with the answer 401 or 403
    :param signal: what is posted
    """

    id: int
    fault_count: int = 1
    alone: bool = False
    last_attempt_id: int = 0
    key_fault: bool = False
    signal: Signal | None = None

    @property
    def goes_alone(self):
        return self.alone or self.fault_count > 1


@dataclass(frozen=True, eq=False)
class Bundle:
    """The due signals of one order, oldest first, claimed at `date` (naive UTC)."""

    order_id: int
    company_id: int
    rows: tuple[Row, ...]
    date: datetime
    endpoint: Endpoint | None = None

    @property
    def goes_alone(self):
        return self.rows[0].goes_alone


class Attempt(NamedTuple):
    """One POST and its answer.

    :param body: what was posted, without the key
    :param date: of the answer, naive UTC, whole seconds
    """

    bundle: Bundle
    body: dict
    result: Result
    date: datetime


def share_slots(candidates, in_flight, room):
    """Return which candidates are claimed: slots go one by one to the company with the fewest bundles in flight.

    :param dict candidates: company id → list of what may be claimed, in order
    :param in_flight: the bundles in flight
    :param int room: free slots
    :rtype: list
    """
    taken = Counter(bundle.company_id for bundle in in_flight)
    queues = {company_id: iter(waiting) for company_id, waiting in candidates.items()}
    chosen = []
    while queues and len(chosen) < room:
        # ties are broken at random, or the first company would always win
        company_id = min(queues, key=lambda company_id: (taken[company_id], random.random()))
        candidate = next(queues[company_id], None)
        if candidate is None:
            del queues[company_id]
            continue
        taken[company_id] += 1
        chosen.append(candidate)
    return chosen
