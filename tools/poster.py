"""Posts bundles in threads. Nothing here knows the ORM: what a thread needs is in the bundle."""

import datetime as dt
import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from .. import cloudsignal
from ..cloudsignal import Outcome

_logger = logging.getLogger(__name__)

# So many refusals in a row, and no acceptance, are no longer about single signals: the company is held.
REFUSALS_AT_MOST = 20


@dataclass(frozen=True)
class Bundle:
    """What is due of one order, claimed."""

    order_id: int
    company_id: int
    url: str
    key: str = field(repr=False)
    key_fingerprint: str
    signals: dict  # row id → cloudsignal.Signal, oldest first
    documents: dict  # row id → documents that are told what becomes of it, as a set of (model, id)


class Attempt(NamedTuple):
    """One POST and its answer; without a body it was found wrong here and never posted."""

    bundle: Bundle
    signal_ids: tuple
    body: dict
    result: cloudsignal.Result
    date: dt.datetime  # of the answer, naive UTC


class Poster:
    """Posts bundles, with one keep-alive client per thread and address.

    :param float deadline: on time.monotonic()'s scale; nothing is posted after it
    :param str user_agent: the header's value
    :param dict refusals: company id → how many answers in a row were refusals before
    """

    def __init__(self, deadline, user_agent, refusals=()):
        self.deadline = deadline
        self.refused_keys = set()
        self.refusals = Counter(refusals)
        self._user_agent = user_agent
        self._local = threading.local()
        self._clients = []

    def post(self, bundle):
        """Post a bundle; a refused one is taken apart, so that one bad signal does not hold the others.

        :returns: list of Attempt, empty when nothing may be posted any more
        """
        if self._must_stop(bundle):
            return []
        valid, attempts = [], []
        for row_id, signal in bundle.signals.items():
            try:
                signal.validate()
            except cloudsignal.SignalError as error:
                refusal = cloudsignal.Result(Outcome.REFUSED, message=str(error))
                attempts.append(Attempt(bundle, (row_id,), {}, refusal, _now()))
            else:
                valid.append((row_id, signal))
        if not valid:
            return attempts
        attempts.append(self._post(bundle, valid))
        if attempts[-1].result.outcome is Outcome.REFUSED and len(valid) > 1:
            for member in valid:
                if self._must_stop(bundle):
                    break
                attempts.append(self._post(bundle, [member]))
                if attempts[-1].result.outcome not in (Outcome.ACCEPTED, Outcome.REFUSED):
                    break
        return attempts

    def _must_stop(self, bundle):
        return (
            time.monotonic() > self.deadline
            or bundle.key_fingerprint in self.refused_keys
            or self.refusals[bundle.company_id] >= REFUSALS_AT_MOST
        )

    def _post(self, bundle, members):
        body = cloudsignal.body([signal for _row_id, signal in members])
        try:
            result = self._get_client(bundle.url).post(body, bundle.key)
        except Exception as error:
            # the answers of others are in this run; the text of an error might hold the key
            _logger.error("Cloudprinter: a post failed in an unexpected way: %s", type(error).__name__)
            result = cloudsignal.Result(Outcome.NO_ANSWER, message=type(error).__name__)
        if result.outcome is Outcome.KEY_REFUSED:
            self.refused_keys.add(bundle.key_fingerprint)
        elif result.outcome is Outcome.REFUSED:
            self.refusals[bundle.company_id] += 1
        elif result.outcome is Outcome.ACCEPTED:
            self.refusals[bundle.company_id] = 0
        return Attempt(bundle, tuple(row_id for row_id, _signal in members), body, result, _now())

    def _get_client(self, url):
        clients = self._local.__dict__
        if url not in clients:
            clients[url] = cloudsignal.Client(url, user_agent=self._user_agent)
            self._clients.append(clients[url])
        return clients[url]

    def close(self):
        for client in self._clients:
            client.close()


def _now():
    """The time as Odoo keeps it: naive UTC, whole seconds."""
    return dt.datetime.now(dt.timezone.utc).replace(tzinfo=None, microsecond=0)
