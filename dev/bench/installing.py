"""m. Installing the add-on into a database with years of work."""

import statistics
import time

from ..environment import say
from .measure import ratios, spread

ORDERS = 100_000  # manufacturing orders, with 300,000 moves and 50,000 transfers


def measure_installing(bench):
    """m. Installing into a hundred thousand manufacturing orders, against a database without any."""
    orders = 2_000 if bench.quick else ORDERS
    big = bench.make_database("bench_big", bench.template)
    with bench.in_odoo(big, "dev.installation_tests.life_scripts") as office:
        office.run("make_years", orders)
    with bench.connected(big) as query:
        query("VACUUM ANALYZE", fetch=False)
    say(f"  m. {orders:,} manufacturing orders")
    times = {bench.template: [], big: []}
    for _repetition in range(bench.repeat):
        for source, seconds in times.items():
            with bench.copied(source) as database:
                start = time.monotonic()
                bench.odoo.run(database, "--init=cloudprinter", what="installing cloudprinter")
                seconds.append(time.monotonic() - start)
    ratio = ratios(times[big], times[bench.template])
    bench.table.add(
        "m", f"install into {orders:,} manufacturing orders", f"{spread(times[big], 1)} s", f"{spread(ratio, 2)} times"
    )
    median = statistics.median(ratio)
    bench.table.expect("m", "at most 1.2 times an empty database", f"{median:.2f}", median <= 1.2)
