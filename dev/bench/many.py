"""g. Many items at once: a gang run, and bulk actions of a user on a thousand items."""

import statistics

from .measure import ratios, spread

GANG = 200
REPETITIONS = 15
ITEMS = 1000
SECONDS = 5
ACTIONS = ("report_delay", "report_cancel", "action_send", "action_discard")


def measure_many(bench):
    """g. A manufacturing order of many items, and bulk actions."""
    database = bench.make_database("bench_many", bench.installed())
    with bench.in_odoo(database) as office:
        gang, alone = [], []
        for count in (GANG, 0):
            office.run("time_gang", count)
        office.run("forget_the_past")
        for repetition in range(2 if bench.quick else REPETITIONS):
            for count, times in ((GANG, gang), (0, alone))[:: -1 if repetition % 2 else 1]:
                times.append(office.run("time_gang", count))
        ratio = ratios(gang, alone)
        bench.table.add("g", "start a work order, not linked", f"{spread(alone, 1)} ms")
        bench.table.add("g", f"start one of {GANG} items", f"{spread(gang, 1)} ms", f"{spread(ratio, 2)} times")
        median = statistics.median(ratio)
        bench.table.expect(
            "g", f"a gang run of {GANG} items starts in at most 2.0 times", f"{median:.2f}", median <= 2.0
        )
        items = 50 if bench.quick else ITEMS
        slowest = 0
        for action in ACTIONS:
            times = [office.run("time_bulk", action, items) for _number in range(bench.repeat)]
            bench.table.add("g", f"{action} on {items:,} items", f"{spread(times, 2)} s")
            slowest = max(slowest, statistics.median(times))
        bench.table.expect("g", f"bulk actions in less than {SECONDS} s", f"{slowest:.2f} s", slowest < SECONDS)
