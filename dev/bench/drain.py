"""The running Odoo server: what its scheduled action sends, how fast, and that all was sent once and in order."""

import statistics
import threading
import time
from contextlib import contextmanager
from itertools import groupby
from typing import NamedTuple

import psutil

from ..environment import say
from ..processes import wait_until
from .endpoint import KEY
from .measure import ratios, spread
from .posters import post_all

CONNECTIONS = 8  # the add-on's default
SLOW = 0.05  # seconds that the endpoint takes to answer
MEMORY_INTERVAL = 0.5  # seconds
SIGNALS_PER_ORDER = 5
# as in production: the sender and the chatter each have a process
WORKERS = ("--workers=1", "--max-cron-threads=2")

OUTBOX = """
    SELECT orders.name, item.name, signal.type, coalesce(signal.tracking, ''), coalesce(signal.shipping_option, ''),
           to_char(signal.event_date, 'YYYY-MM-DD HH24:MI:SS "GMT"')
      FROM cloudprinter_signal signal
      JOIN cloudprinter_item item ON item.id = signal.item_id
      JOIN cloudprinter_order orders ON orders.id = signal.order_id
     WHERE signal.state = 'outgoing'
  ORDER BY orders.id, signal.id
"""
# No job is due, and none runs: Odoo's cron keeps a transaction open meanwhile. (Trying its lock could
# make it miss a job.)
IDLE = """
    SELECT 1
     WHERE NOT EXISTS (SELECT FROM ir_cron_trigger WHERE call_at <= clock_timestamp() AT TIME ZONE 'UTC')
       AND NOT EXISTS (SELECT FROM pg_stat_activity
                        WHERE datname = current_database() AND pid != pg_backend_pid()
                          AND backend_type = 'client backend' AND state != 'idle')
"""
QUEUE = "SELECT 1 FROM cloudprinter_signal WHERE state = 'outgoing' OR to_log LIMIT 1"
LAST_COMMIT = """
    SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float FROM {} WHERE xmin::text::bigint >= {}
"""
NEWEST = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"


class Broken(Exception):
    """The measured process does not work correctly, so a figure would be meaningless."""


class Drain(NamedTuple):
    """What a run of the scheduled actions has done.

    :ivar seconds: until the last answer was recorded
    :ivar told_seconds: until the last outcome was in the chatter
    """

    signals: int
    seconds: float
    messages: int
    told_seconds: float

    @property
    def rate(self):
        return self.signals / self.seconds


class Shop:
    """A running server, ready to send when it is triggered."""

    def __init__(self, bench, database, office):
        self.bench = bench
        self.database = database
        self.office = office
        self.connection = bench.connect(database)

    def execute(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def fetch(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def wait_until_idle(self, timeout=600):
        wait_until(lambda: self.fetch(IDLE), f"an idle scheduled action in {self.database}", timeout=timeout)

    def drain(self, delay, timeout=600):
        """Release held signals and wait until the sender has sent all; check what the endpoint received.

        :param float delay: seconds until the endpoint answers
        """
        endpoint = self.bench.endpoint
        queued = self.fetch(OUTBOX)
        endpoint.start(delay)
        messages = self._count_messages()
        [[newest]] = self.fetch(NEWEST)
        started = self.office.run("release")
        self._wait_until_sent(timeout)
        sent, told = (
            self.fetch(LAST_COMMIT.format(table, newest))[0][0] for table in ("cloudprinter_request", "mail_message")
        )
        check_received(queued, endpoint.accepted())
        return Drain(len(queued), sent - started, self._count_messages() - messages, told - started)

    def _count_messages(self):
        return self.fetch("SELECT count(*) FROM mail_message")[0][0]

    def _wait_until_sent(self, timeout):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.fetch(QUEUE) and self.fetch(IDLE):
                break
            time.sleep(0.2)
        states = self.fetch("SELECT state, count(*) FROM cloudprinter_signal GROUP BY state")
        if [state for state, _count in states] != ["sent"]:
            raise Broken(f"after the drain of {self.database} the signals are {dict(states)}")


@contextmanager
def open_shop(bench, database, *options):
    """Serve `database`, which has the add-on; when the block begins the sender has run once and sent nothing.

    :param options: Odoo's command line, by default one thread for scheduled actions
    """
    with (
        bench.odoo.serving(database, *(options or ["--max-cron-threads=1"])),
        bench.in_odoo(database) as office,
    ):
        office.run("hold", bench.endpoint.url, KEY)
        shop = Shop(bench, database, office)
        try:
            shop.wait_until_idle(timeout=90)
            # pending writes from creating the database are not part of the sender's work
            shop.execute("CHECKPOINT")
            yield shop
        finally:
            shop.connection.close()


def check_received(queued, accepted):
    """Check that each queued signal was accepted once, and those of each item in order.

    :raises Broken: if not
    """
    expected, received = {}, {}
    for order, item, *details in queued:
        expected.setdefault((order, item), []).append(tuple(details))
    for signal in accepted:
        details = (signal["type"], signal.get("tracking", ""), signal.get("shipping_option", ""), signal["datetime"])
        received.setdefault((signal["order"], signal["item"]), []).append(details)
    if expected != received:
        wrong = [key for key in expected.keys() | received.keys() if expected.get(key) != received.get(key)]
        example = min(wrong)
        raise Broken(
            f"{len(wrong)} items were not reported once and in order, for example {example}:"
            f" queued {expected.get(example)}, received {received.get(example)}"
        )


def get_bodies(queued):
    """Return the bundles of the backlog, as the add-on posts them."""
    bodies = []
    for _order, rows in groupby(queued, key=lambda row: row[0]):
        members = []
        for order, item, signal_type, tracking, option, date in rows:
            details = {"tracking": tracking, "shipping_option": option} if tracking else {}
            members.append({"type": signal_type, "order": order, "item": item, **details, "datetime": date})
        bodies.append({"items": members})
    return bodies


def measure_backlog(bench):
    """a. A backlog of orders, each with five milestones of one item, compared with plain threads that post the same."""
    orders = 200 if bench.quick else 4000
    source = bench.make_backlog(orders)
    with bench.connected(source) as query:
        queued = query(OUTBOX)
    bodies = get_bodies(queued)
    results = {SLOW: [], 0: []}
    for repetition in range(bench.repeat):
        for delay, pairs in results.items():
            say(f"  a. repetition {repetition + 1}, endpoint answers in {delay * 1000:.0f} ms")
            bench.endpoint.start(delay)
            seconds = post_all(bodies, bench.endpoint.url, KEY, CONNECTIONS)
            check_received(queued, bench.endpoint.accepted())
            with bench.copied(source) as database, open_shop(bench, database, *WORKERS) as shop:
                pairs.append((shop.drain(delay), len(queued) / seconds))
            drain, ceiling = pairs[-1]
            say(f"     {drain.rate:.0f} of {ceiling:.0f} signals/s; in the chatter after {drain.told_seconds:.0f} s")
    for delay, pairs in results.items():
        drains = [drain for drain, _ceiling in pairs]
        rates, ceilings = [drain.rate for drain in drains], [ceiling for _drain, ceiling in pairs]
        share = ratios(rates, ceilings)
        where = f"{len(queued):,} signals of {orders:,} orders, endpoint answers in {delay * 1000:.0f} ms"
        bench.table.add("a", f"ceiling: {CONNECTIONS} threads, {where}", f"{spread(ceilings)} /s")
        bench.table.add(
            "a",
            f"drain: Odoo's cron, {where}",
            f"{spread(rates)} /s",
            f"{spread(share, 2)} of the ceiling",
            f"{drains[0].messages:,} chatter messages, the last after"
            f" {spread([drain.told_seconds / drain.seconds for drain in drains], 2)} of the time",
        )
        rate = statistics.median(rates)
        if delay:
            share = statistics.median(share)
            bench.table.expect("a", "at 50 ms at least 0.95 of the ceiling", f"{share:.2f}", share >= 0.95)
        else:
            bench.table.expect("a", "at 0 ms at least 1,500 signals/s", f"{rate:,.0f} /s", rate >= 1500)


def measure_memory(bench):
    """f. Memory of the sending process, from a fifth of a large backlog to its end."""
    orders = 1000 if bench.quick else 20000
    source = bench.make_backlog(orders)
    total = orders * SIGNALS_PER_ORDER
    samples = []
    with open_shop(bench, source) as shop:
        server = _find_server(source)
        ended = threading.Event()

        def sample():
            while not ended.wait(MEMORY_INTERVAL):
                samples.append((bench.endpoint.count(), server.memory_info().rss / 2**20))

        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            drain = shop.drain(0, timeout=1800)
        finally:
            ended.set()
            sampler.join()
    early = next(size for count, size in samples if count >= total / 5)
    late = samples[-1][1]
    growth = late - early
    bench.table.add(
        "f",
        f"memory of the Odoo process (RSS), {total:,} signals, at 20 % and at 100 %",
        f"{early:,.0f} MB, {late:,.0f} MB",
        f"{growth:+.1f} MB",
        f"{drain.rate:,.0f} /s; highest {max(size for _count, size in samples):,.0f} MB",
    )
    bench.table.expect("f", "flat: at most 16 MB more from 20 % to 100 %", f"{growth:+.1f} MB", growth <= 16)


def _find_server(database):
    for process in psutil.Process().children():
        if f"--database={database}" in process.cmdline():
            return process
    raise Broken(f"the server of {database} is not among this process's children")
