"""State of one run of the sender. Independent of the ORM."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .bundle import SLOTS, Endpoint
from .poster import Poster

LOOK_EVERY = 3.0  # seconds


class Due:
    """What is due, cached for a moment: the more a run has sent, the longer a query of the queue takes.

    :ivar orders: company id → ids of the orders of which a bundle may be claimed, in order; without companies that
        have to be looked up
    :ivar without_single: endpoints without a signal that has to be posted alone, with the kind that was looked for
    :ivar is_fresh: whether everything was just looked up
    :ivar locked_order_ids: orders of which nothing could be claimed because of locks; kept for the whole run
    """

    def __init__(self):
        self.locked_order_ids = set()
        self.forget()

    def forget(self):
        self.orders, self.without_single, self.is_fresh = {}, set(), True
        self._until = time.monotonic() + LOOK_EVERY

    def is_empty(self):
        return not self.orders and not self.without_single

    def is_old(self):
        return time.monotonic() > self._until

    def get_candidates(self, company_ids, singles, busy_order_ids):
        """Return what may be claimed per company: tuples of (company id, order id, id of a signal to post alone).

        :param company_ids: companies that may send bundles
        :param singles: such tuples, with a signal
        :param busy_order_ids: orders of which no bundle may be claimed
        """
        candidates = {company_id: [] for company_id in company_ids}
        for single in singles:
            candidates.setdefault(single[0], []).append(single)
        busy = {*busy_order_ids, *(order_id for _company_id, order_id, _signal_id in singles)}
        for company_id in company_ids:
            order_ids = self.orders.get(company_id, ())
            candidates[company_id] += [(company_id, order_id, None) for order_id in order_ids if order_id not in busy]
        return candidates

    def remove(self, claimed):
        """Remove what was claimed; a company with nothing left has to be looked up again."""
        for company_id, order_id, _signal_id in claimed:
            order_ids = self.orders.get(company_id, [])
            if order_id in order_ids:
                order_ids.remove(order_id)
            if not order_ids:
                self.orders.pop(company_id, None)


@dataclass
class Run:
    """The state of one run.

    :param keep_lock: raises if this is no longer the only sender of the database
    :param settings: what users may change while the sender runs; see `_get_endpoints`
    :param in_flight: bundles that were claimed and not recorded yet
    :param due: what may be claimed
    """

    poster: Poster
    keep_lock: Callable
    bundle_size: int = 100
    settings: list = field(default_factory=list, repr=False)
    endpoints: list[Endpoint] = field(default_factory=list)
    in_flight: list = field(default_factory=list)
    due: Due = field(default_factory=Due)

    def get_in_flight(self, endpoint):
        return [bundle for bundle in self.in_flight if bundle.endpoint is endpoint]

    def get_room(self):
        """Return how many bundles may be claimed.

        0 until half of the slots are free: claiming many at once costs little more than claiming one.
        """
        slots = SLOTS * self.poster.connections
        room = slots - len(self.in_flight)
        return room if room >= slots / 2 else 0
