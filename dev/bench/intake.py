"""h. Incoming orders: how fast they are imported, what timing reveals of the key, and the effect of old orders."""

import statistics
import time
from contextlib import ExitStack, contextmanager
from itertools import count

from ..environment import say
from ..processes import free_port
from .drain import Broken
from .endpoint import KEY
from .ledger import multiply_rows
from .measure import interval, percentile, ratios, spread
from .pushers import Pusher, make_document, push_steadily

RATE = 50  # documents a second
SECONDS = 30
RUNS_AT_MOST = 2  # of this many seconds each, with and without the scheduled action
MS = 200  # p95 at this rate
WARM_UP = 40  # documents, for both workers
PAIRS = 400  # of requests
GROWN = 100_000  # orders, each with its document, items, files, address, sales order and its lines
BLOCKS, BLOCK = 8, 6  # documents imported, alternating between the two databases
FLAT = 1.1
# As in a shop, but scheduled actions run only where they are measured.
WORKERS = "--workers=2"
DOCUMENT, ORDER, ITEM, FILE = (f"cloudprinter_{name}" for name in ("order_document", "order", "item", "order_file"))
PARTNER, SALE, LINE = "res_partner", "sale_order", "sale_order_line"
# Columns that hold ids of other rows.
REFERENCES = {
    PARTNER: {"id": PARTNER},
    ORDER: {"id": ORDER},
    DOCUMENT: {"id": DOCUMENT, "order_id": ORDER},
    ITEM: {"id": ITEM, "order_id": ORDER},
    FILE: {"id": FILE, "order_id": ORDER, "item_id": ITEM},
    SALE: {"id": SALE, "cloudprinter_order_id": ORDER, "partner_shipping_id": PARTNER},
    LINE: {"id": LINE, "order_id": SALE, "cloudprinter_item_id": ITEM},
}
READERS = "cloudprinter_address_digest IS NOT NULL"
NUMBERED = "{0} || '-' || copy"
VALUES = {
    PARTNER: {
        "name": "name || ' ' || copy",
        "complete_name": "complete_name || ' ' || copy",
        "cloudprinter_address_digest": "md5(cloudprinter_address_digest || copy)",
        "street": "street || copy",
        "email": "copy || email",
        "email_normalized": "copy || email_normalized",
    },
    ORDER: {"name": NUMBERED.format("name")},
    DOCUMENT: {"name": NUMBERED.format("name"), "digest": "md5(digest || copy)"},
    ITEM: {"name": NUMBERED.format("name")},
    FILE: {"url": NUMBERED.format("url")},
    SALE: {"name": NUMBERED.format("name"), "client_order_ref": NUMBERED.format("client_order_ref")},
}


def measure_intake(bench):
    """h. Incoming orders: accepted over HTTP and turned into sales orders, with and without years of old ones."""
    source = bench.make_database("bench_orders", bench.installed())
    with bench.in_odoo(source) as office:
        office.run("configure_orders", KEY)
    # numbers of the documents, unique across databases
    numbers = count(10_000_000, 100_000)
    _measure_accept(bench, source, numbers)
    _measure_growth(bench, source, numbers)


@contextmanager
def _serving(bench, database, crons=0):
    options = (WORKERS, f"--gevent-port={free_port()}", f"--max-cron-threads={crons}")
    with bench.odoo.serving(database, *options) as address, bench.connected(database) as query:
        yield address, query


def _warm_up(address, number):
    pusher = Pusher(address)
    for index in range(WARM_UP):
        _time_push(pusher, make_document(number + index))


def _time_push(pusher, content, status=200):
    start = time.perf_counter()
    answered = pusher.push(content)
    milliseconds = 1000 * (time.perf_counter() - start)
    if answered != status:
        raise Broken(f"a document was answered by {answered}, not {status}")
    return milliseconds


def _measure_accept(bench, source, numbers):
    rows = {
        0: "no scheduled action runs",
        1: "the scheduled action makes sales orders meanwhile",
    }
    for crons, what in rows.items():
        accepted = []
        with bench.copied(source) as database, _serving(bench, database, crons) as (address, query):
            _warm_up(address, next(numbers))
            query("CHECKPOINT", fetch=False)
            for run in range(1 if bench.quick else min(bench.repeat, RUNS_AT_MOST)):
                say(f"  h. {RATE} documents/s, {what}, run {run + 1}")
                accepted.append(_load(bench, address, query, numbers))
            if not crons:
                _measure_keys(bench, address, numbers)
            # the scheduled action has nothing left to do and ends
            query(f"DELETE FROM {DOCUMENT} WHERE state = 'received'", fetch=False)
        _report_accept(bench, accepted, crons, what)


def _load(bench, address, query, numbers):
    """Return milliseconds of all, the rate, and how many sales orders were created meanwhile."""
    documents = f"SELECT count(*) FROM {DOCUMENT}"
    sales = f"SELECT count(*) FROM {SALE}"
    [[before]], [[sales_before]] = query(documents), query(sales)
    answers, seconds = push_steadily(address, next(numbers), RATE, 3 if bench.quick else SECONDS)
    [[after]], [[sales_after]] = query(documents), query(sales)
    errors = [status for _ms, status in answers if status != 200]
    if errors or after - before != len(answers):
        raise Broken(f"of {len(answers)} documents {after - before} were stored; answers other than 200: {errors[:5]}")
    return [ms for ms, _status in answers], len(answers) / seconds, sales_after - sales_before


def _report_accept(bench, accepted, crons, what):
    shares = (0.5, 0.95, 0.99)
    p50, p95, p99 = ([percentile(times, share) for times, _rate, _sales in accepted] for share in shares)
    documents = sum(len(times) for times, _rate, _sales in accepted)
    notes = [f"{documents:,} documents, no error, all stored", f"Odoo with {WORKERS}"]
    if crons:
        notes.append(f"{sum(sales for _times, _rate, sales in accepted):,} sales orders made")
    rate = statistics.median(rate for _times, rate, _sales in accepted)
    bench.table.add("h", f"accept {RATE} documents/s, {what}", f"{spread(p50, 1)} ms p50", f"{rate:.1f} /s", notes[0])
    bench.table.add("h", "    p95", f"{spread(p95, 1)} ms", "", notes[1])
    bench.table.add("h", "    p99", f"{spread(p99, 1)} ms", "", "".join(notes[2:]))
    measured = statistics.median(p95)
    bench.table.expect("h", f"p95 at most {MS} ms at {RATE} documents/s, {what}", f"{measured:.0f} ms", measured <= MS)


def _measure_keys(bench, address, numbers):
    """Measure whether a refusal tells how much of a key is right. One that is known is answered otherwise anyway."""
    known = make_document(next(numbers))
    near = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")
    contents = {key: known.replace(KEY.encode(), key.encode()) for key in (KEY[::-1], near)}
    times = {key: [] for key in contents}
    pusher = Pusher(address)
    for repetition in range(20 if bench.quick else PAIRS):
        for key, content in list(contents.items())[:: -1 if repetition % 2 else 1]:
            times[key].append(_time_push(pusher, content, 401))
    far, nearly = times.values()
    differences = [ms - other for ms, other in zip(nearly, far)]
    low, high = interval(differences)
    ratio = statistics.median(nearly) / statistics.median(far)
    bench.table.add("h", "a document with a wrong key", f"{statistics.median(far):.2f} ms")
    bench.table.add(
        "h",
        "the same with only the last character wrong, difference",
        f"{statistics.median(differences):+.3f} ms [{low:+.3f}..{high:+.3f}]",
        f"{ratio:.3f}",
        f"{len(differences)} pairs",
    )
    bench.table.expect(
        "h",
        "wrong key: the interval of the difference contains 0, or within 5 %",
        f"[{low:+.3f}..{high:+.3f}] ms, {ratio:.3f}",
        low <= 0 <= high or abs(ratio - 1) <= 0.05,
    )


def _measure_growth(bench, source, numbers):
    orders = 1000 if bench.quick else GROWN
    empty = bench.make_database("bench_no_orders", source)
    full = bench.make_database("bench_many_orders", source)
    with bench.in_odoo(full) as office:
        office.run("time_import", next(numbers), 1, False)
    start = time.monotonic()
    with bench.connected(full) as query:
        multiply_rows(query, REFERENCES, orders - 1, VALUES, {PARTNER: READERS})
        counts = [query(f"SELECT count(*) FROM {table}")[0][0] for table in (DOCUMENT, ORDER, SALE)]
        counts += query(f"SELECT count(*) FROM {PARTNER} WHERE {READERS} AND NOT active")[0]
    if counts != [orders] * 4:
        raise Broken(f"there are {counts} documents, orders, sales orders and addresses instead of {orders}")
    say(f"  h. {orders:,} orders were made in {time.monotonic() - start:.0f} s")
    _measure_growth_of_accepting(bench, empty, full, numbers, orders)
    _measure_growth_of_taking_in(bench, empty, full, numbers, orders)


def _measure_growth_of_accepting(bench, empty, full, numbers, orders):
    times = {empty: [], full: []}
    with ExitStack() as stack:
        addresses = {database: stack.enter_context(_serving(bench, database))[0] for database in times}
        for address in addresses.values():
            _warm_up(address, next(numbers))
        number = next(numbers)
        pushers = {database: Pusher(address) for database, address in addresses.items()}
        for repetition in range(20 if bench.quick else PAIRS):
            content = make_document(number + repetition)
            for database in list(times)[:: -1 if repetition % 2 else 1]:
                times[database].append(_time_push(pushers[database], content))
    _report_growth(bench, "accept a document", times[empty], times[full], orders, interval_too=True)


def _measure_growth_of_taking_in(bench, empty, full, numbers, orders):
    blocks, block = (2, 3) if bench.quick else (BLOCKS, BLOCK)
    with bench.in_odoo(empty) as first, bench.in_odoo(full) as second:
        offices = {empty: first, full: second}
        for confirm in (False, True):
            times = {empty: [], full: []}
            for repetition in range(blocks + 1):
                number = next(numbers)
                for database in list(offices)[:: -1 if repetition % 2 else 1]:
                    measured = offices[database].run("time_import", number, block, confirm)
                    times[database].append(statistics.median(measured))
            # the first of each filled the caches
            what = "and confirm it" if confirm else "without confirming it"
            _report_growth(bench, f"make the sales order {what}", times[empty][1:], times[full][1:], orders)


def _report_growth(bench, what, without, with_orders, orders, interval_too=False):
    # single requests vary too much for a comparison in pairs
    ratio = statistics.median(with_orders) / statistics.median(without)
    note = f"of blocks {spread(ratios(with_orders, without), 2)}"
    if interval_too:
        low, high = interval([ms - other for ms, other in zip(with_orders, without)])
        note = f"difference [{low:+.2f}..{high:+.2f}] ms"
    bench.table.add("h", f"{what}: no order before", f"{spread(without, 2)} ms")
    bench.table.add("h", f"{what}: {orders:,} orders before", f"{spread(with_orders, 2)} ms", f"{ratio:.3f}", note)
    bench.table.expect("h", f"{what}: at most {FLAT} times", f"{ratio:.3f}", ratio <= FLAT)
