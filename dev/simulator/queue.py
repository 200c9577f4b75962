"""The meaning of an `Allowance`: the queue's rules on plain rows. The add-on's SQL is compared with it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from ...delivery import SIGNAL_FARTHEST, is_reached


@dataclass
class Queued:
    """A signal of one company, as the queue sees it.

    :param fault_count: its own failures
    :param next_attempt_date: naive UTC; None if a user asked to send it at once
    :param unapplied: cannot be claimed: its answer is recorded and not applied yet, or a user holds the row
    """

    id: int
    item_id: int
    order_id: int
    company_id: int = 1
    fault_count: int = 0
    alone: bool = False
    last_attempt_id: int = 0
    next_attempt_date: datetime | None = None
    state: str = "outgoing"
    unapplied: bool = False


def is_due(row, now):
    return not row.unapplied and is_reached(row.next_attempt_date, now, SIGNAL_FARTHEST)


def goes_alone(row):
    return row.alone or row.fault_count > 0


def claim(rows, allowance, busy_order_ids, now, bundle_size=100):
    """Return what may be posted now: lists of rows, the single one first, then the bundles.

    :param rows: of one circuit
    :param Allowance allowance: of this circuit
    :param busy_order_ids: orders in flight
    :param datetime now: naive UTC
    :param int bundle_size: most rows that are posted together
    """
    if not (allowance.bundles or allowance.single):
        return []
    queued = sorted((row for row in rows if row.state == "outgoing"), key=lambda row: row.id)
    claims = []
    single = allowance.single and _choose_single(queued, allowance, busy_order_ids, now)
    if single:
        claims.append([single])
    if allowance.bundles:
        busy = {*busy_order_ids, *(row.order_id for row in claims[0])} if claims else set(busy_order_ids)
        claims += _make_bundles(queued, busy, now, bundle_size)
    return claims


def get_wake_date(rows, allowance, now):
    """Return when more could be claimed, with nothing in flight and all claimed that can be now; None if never."""
    dates = [allowance.look_again]
    if allowance.single in ("alone", "any"):
        dates += [
            row.next_attempt_date
            for row in rows
            if row.state == "outgoing" and not is_due(row, now) and row.order_id not in allowance.not_order_ids
        ]
    return min((date for date in dates if date and date > now), default=None)


def _choose_single(queued, allowance, busy_order_ids, now):
    """Return the best by: asked for, no own failure, order's last attempt, newest order, signal's last attempt, age."""
    wanted = [row for row in queued if goes_alone(row)] if allowance.single == "alone" else queued
    wanted = [row for row in wanted if is_due(row, now) and row.order_id not in busy_order_ids]
    if not wanted:
        return None
    tried, first_ids = defaultdict(int), {}
    for row in queued:
        tried[row.order_id] = max(tried[row.order_id], row.last_attempt_id)
        first_ids.setdefault(row.item_id, row.id)

    def may_go(row):
        asked = row.next_attempt_date is None
        is_allowed = allowance.single != "asked" and row.order_id not in allowance.not_order_ids
        return first_ids[row.item_id] == row.id and (asked or is_allowed)

    def rank(row):
        asked = row.next_attempt_date is None
        return not asked, row.fault_count > 0, tried[row.order_id], -row.order_id, row.last_attempt_id, row.id

    return min(filter(may_go, wanted), key=rank, default=None)


def _make_bundles(queued, busy_order_ids, now, bundle_size):
    """Return due bundles by order, without signals that go alone; a row only after all earlier ones of its item.

    New signals go first, as those that were answered before may be the failing ones.
    """
    bundles, waiting_items = defaultdict(list), set()
    for row in queued:
        bundle = bundles[row.order_id] if row.order_id not in busy_order_ids else None
        if (
            bundle is None
            or row.item_id in waiting_items
            or len(bundle) >= bundle_size
            or goes_alone(row)
            or not is_due(row, now)
        ):
            waiting_items.add(row.item_id)
        else:
            bundle.append(row)
    return sorted(
        filter(None, bundles.values()),
        key=lambda bundle: (min(row.last_attempt_id for row in bundle), bundle[0].id),
    )
