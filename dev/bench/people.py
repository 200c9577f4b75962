"""i. Users who finish manufacturing orders of the same items at the same time."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from ..environment import DEV, say
from ..processes import free_port
from ..rpc import RpcError, Session
from .drain import Broken
from .endpoint import KEY
from .measure import percentile, ratios, spread

PEOPLE = 4
ORDERS = 8
ITEMS = 12
ROUNDS = 5  # of this many orders, in each repetition
KINDS = ("without", "unlinked", "linked")
LABELS = {
    "without": "without the add-on",
    "unlinked": "not linked",
    "linked": f"each of the same {ITEMS} items",
}
TIMES = 3
REPLAYED = "try again in"  # what Odoo logs when it replays a transaction
# of each item; none, or more than one, would be an error
PRODUCED = """
    SELECT (SELECT count(*) FROM cloudprinter_signal WHERE type = 'ItemProduced' AND item_id = item.id)
      FROM cloudprinter_item item WHERE id IN ({})
"""
OPEN = "SELECT name FROM mrp_production WHERE state != 'done' AND id IN ({})"


class Finished(NamedTuple):
    """How long users have waited, and how often Odoo has replayed their clicks."""

    milliseconds: list
    replays: int


class _Shop:
    """A running server with a process and a session for each user, and the measurements."""

    def __init__(self, address, database, office, query, log):
        self.office = office
        self.query = query
        self.log = log
        # each order has its own product and parts, as users who move the same stock collide in Odoo itself
        self.boms = [office.run("make_bom", 1) for _number in range(ORDERS)]
        self.people = [Session(address, database, login, login) for login in office.run("make_people", PEOPLE)]

    def finish(self, linked):
        """Have the users finish new orders, each user a share of them, one after the other.

        :raises Broken: a click failed, or an item did not get exactly one ItemProduced
        """
        made = self.office.run("make_shared_orders", self.boms, ITEMS if linked else 0)
        before = self._count_replays()
        start = threading.Barrier(PEOPLE)

        def work(number):
            start.wait()
            return [self._click(self.people[number], id_) for id_ in made["productions"][number::PEOPLE]]

        with ThreadPoolExecutor(PEOPLE) as pool:
            times = [ms for of_person in pool.map(work, range(PEOPLE)) for ms in of_person]
        self._check(made)
        return Finished(times, self._count_replays() - before)

    @staticmethod
    def _click(person, production_id):
        start = time.perf_counter()
        try:
            answer = person.press("mrp.production", [production_id], "button_mark_done")
        except RpcError as error:
            raise Broken(f"an order could not be finished: {error}") from error
        if answer is not True:
            raise Broken(f"an order was not finished at once, Odoo asked for {answer}")
        return 1000 * (time.perf_counter() - start)

    def _check(self, made):
        still_open = self.query(OPEN.format(_join(made["productions"])))
        if still_open:
            raise Broken(f"not finished: {still_open}")
        if made["items"]:
            counts = [count for [count] in self.query(PRODUCED.format(_join(made["items"])))]
            if counts != [1] * len(made["items"]):
                raise Broken(f"the items have so many ItemProduced: {counts}")

    def _count_replays(self):
        return self.log.read_text().count(REPLAYED)


def _join(ids):
    return ",".join(map(str, ids))


def measure_people(bench):
    """i. Several users finish manufacturing orders of the same items at the same time."""
    without = bench.make_database("bench_alone", bench.template)
    with_addon = bench.make_database("bench_people", bench.installed())
    rounds = 1 if bench.quick else ROUNDS
    finished = {kind: [] for kind in KINDS}
    with _open_shop(bench, without) as first, _open_shop(bench, with_addon) as second:
        second.office.run("configure", bench.endpoint.url, KEY)
        shops = {"without": first, "unlinked": second, "linked": second}
        for kind in KINDS:
            # until each process of the server has served every user
            for _round in range(2):
                shops[kind].finish(kind == "linked")
        for repetition in range(bench.repeat):
            times = {kind: [] for kind in KINDS}
            replays = dict.fromkeys(KINDS, 0)
            for number in range(rounds):
                first_kind = (repetition + number) % len(KINDS)
                for kind in KINDS[first_kind:] + KINDS[:first_kind]:
                    done = shops[kind].finish(kind == "linked")
                    times[kind] += done.milliseconds
                    replays[kind] += done.replays
            for kind in KINDS:
                finished[kind].append(Finished(times[kind], replays[kind]))
            tails = ", ".join(f"{kind} {_p95(times[kind]):.0f} ms" for kind in KINDS)
            say(f"  i. repetition {repetition + 1}, p95: {tails}")
    _report(bench, finished)


def _p95(times):
    return percentile(times, 0.95)


def _report(bench, finished):
    tails = {kind: [_p95(done.milliseconds) for done in finished[kind]] for kind in KINDS}
    for kind in KINDS:
        halves = [percentile(done.milliseconds, 0.5) for done in finished[kind]]
        ratio = ratios(tails[kind], tails["without"])
        clicks = sum(len(done.milliseconds) for done in finished[kind])
        replays = sum(done.replays for done in finished[kind])
        bench.table.add(
            "i",
            f"{PEOPLE} users finish {ORDERS} orders, {LABELS[kind]}: p50, p95",
            f"{spread(halves)} ms, {spread(tails[kind])} ms",
            "" if kind == "without" else f"p95 {spread(ratio, 1)} times",
            f"{clicks} clicks, {replays} replays",
        )
    median = statistics.median(ratios(tails["linked"], tails["without"]))
    bench.table.expect(
        "i",
        f"finishing orders of shared items: p95 at most {TIMES} times that without the add-on",
        f"{median:.1f}",
        median <= TIMES,
    )


@contextmanager
def _open_shop(bench, database):
    log = DEV / "log" / f"odoo-{database}.log"
    # no scheduled action, so that the sender's load does not affect the clicks
    options = (f"--workers={PEOPLE}", "--max-cron-threads=0", f"--gevent-port={free_port()}")
    with ExitStack() as stack:
        office = stack.enter_context(bench.in_odoo(database))
        query = stack.enter_context(bench.connected(database))
        address = stack.enter_context(bench.odoo.serving(database, *options, log=log))
        yield _Shop(address, database, office, query, log)
