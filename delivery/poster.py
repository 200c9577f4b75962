"""Post bundles in threads. Independent of the ORM: a bundle has all that a thread needs."""

import functools
import logging
import queue
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from .. import cloudsignal
from ..cloudsignal import Outcome
from .bundle import Attempt
from .schedule import utcnow

_logger = logging.getLogger(__name__)

SAME_MOMENT = 0.01  # seconds
# seconds after which Python lets another thread run: a connection must not be idle while answers are recorded
SWITCH_INTERVAL = 0.001
USUAL_SWITCH_INTERVAL = sys.getswitchinterval()


class _FairLine:
    """Bundles that wait for a connection. The company with the fewest connections goes first."""

    def __init__(self):
        self._lock = threading.Lock()
        self._waiting = []
        self._posting = Counter()  # company id → connections

    def add(self, bundle):
        with self._lock:
            self._waiting.append(bundle)

    @contextmanager
    def taking(self):
        """Yield the next bundle, which counts as being posted until the block ends."""
        with self._lock:
            bundle = min(self._waiting, key=lambda waiting: self._posting[waiting.company_id])
            self._waiting.remove(bundle)
            self._posting[bundle.company_id] += 1
        try:
            yield bundle
        finally:
            with self._lock:
                self._posting[bundle.company_id] -= 1


class Poster:
    """Posts bundles in threads, with one kept-alive client per thread and address.

    :param int connections: number of simultaneous posts
    :param str user_agent: the header's value
    :param float timeout: seconds for one POST as a whole
    :param float deadline: value of time.monotonic() after which nothing is posted
    """

    def __init__(self, connections, user_agent, timeout, deadline):
        self.connections = connections
        self.deadline = deadline
        self._make_client = functools.partial(cloudsignal.Client, user_agent=user_agent, deadline=timeout)
        self._clients = {}  # (thread, address) → Client
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="cloudsignal")
        self._line = _FairLine()
        self._finished = queue.SimpleQueue()
        sys.setswitchinterval(SWITCH_INTERVAL)

    def post(self, bundles):
        """Queue the bundles for posting; `wait` returns the answers.

        :param list bundles: of Bundle, with valid signals
        """
        for bundle in bundles:
            self._line.add(bundle)
            self._threads.submit(self._post_next)

    def wait(self):
        """Wait for a post to end, and for others that end at the same moment: recording them together is faster.

        :returns: list of (Bundle, Attempt), with None for the attempt if the deadline prevented the post
        """
        finished = [self._finished.get()]
        with suppress(queue.Empty):
            while len(finished) < 2 * self.connections:
                finished.append(self._finished.get(timeout=SAME_MOMENT))
        return finished

    def close(self):
        """End all threads without posting the waiting bundles."""
        self._threads.shutdown(cancel_futures=True)
        sys.setswitchinterval(USUAL_SWITCH_INTERVAL)
        for client in self._clients.values():
            client.close()

    def _post_next(self):
        with self._line.taking() as bundle:
            attempt = self._post(bundle) if time.monotonic() < self.deadline else None
        self._finished.put((bundle, attempt))

    def _post(self, bundle):
        body = cloudsignal.body([row.signal for row in bundle.rows])
        try:
            result = self._get_client(bundle.endpoint.url).post(body, bundle.endpoint.key)
        except Exception as error:
            # the run must not lose the other answers; the text of an error might contain the key
            _logger.error("Cloudprinter: unexpected error while posting: %s", type(error).__name__)
            result = cloudsignal.Result(Outcome.NO_ANSWER, message=type(error).__name__)
        return Attempt(bundle, body, result, utcnow())

    def _get_client(self, url):
        place = threading.get_ident(), url
        if place not in self._clients:
            self._clients[place] = self._make_client(url)
        return self._clients[place]
