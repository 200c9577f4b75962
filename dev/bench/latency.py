"""d. From a user's commit to the endpoint."""

import random
import time

from ..environment import say
from .drain import Broken, open_shop
from .measure import percentile

SAMPLES = 50
TIMEOUT = 30  # seconds


def measure_latency(bench):
    """d. From the commit of one signal to its arrival, on an idle system."""
    samples = 5 if bench.quick else SAMPLES
    database = bench.make_database("bench_latency", bench.installed())
    delays = []
    # a fixed seed; the pauses only need to be irregular
    chance = random.Random(1)
    with open_shop(bench, database) as shop:
        shop.office.run("release")
        item_ids = shop.office.run("make_items", samples + 1, "5555")
        say(f"  d. {samples} signals, one at a time")
        for item_id in item_ids:
            shop.wait_until_idle(timeout=TIMEOUT)
            time.sleep(chance.uniform(0.2, 0.5))
            bench.endpoint.start(0)
            _seconds, transaction = shop.office.run("accept", [item_id])
            [[committed]] = shop.fetch(
                f"SELECT extract(epoch FROM pg_xact_commit_timestamp('{transaction}'::xid8::xid))::float"
            )
            _wait_for_one(bench.endpoint)
            delays.append(1000 * (bench.endpoint.accepted()[0]["received"] - committed))
        shop.wait_until_idle(timeout=TIMEOUT)
        if bench.endpoint.count() != 1:
            raise Broken("a signal arrived more than once")
    # the first one opened the database connection and loaded modules
    delays = delays[1:]
    p50, p95 = percentile(delays, 0.5), percentile(delays, 0.95)
    figure = f"{p50:.0f} ms, {p95:.0f} ms ({min(delays):.0f}..{max(delays):.0f})"
    bench.table.add("d", f"commit to receipt on an idle system, p50 and p95 of {len(delays)}", figure)
    bench.table.expect("d", "p95 at most 0.5 s", f"{p95 / 1000:.3f} s", p95 <= 500)


def _wait_for_one(endpoint):
    deadline = time.monotonic() + TIMEOUT
    while not endpoint.count():
        if time.monotonic() > deadline:
            raise Broken(f"a signal did not arrive within {TIMEOUT} s")
        time.sleep(0.02)
