"""e. The effect of a ledger that has grown over years on the outbox."""

import statistics
from contextlib import ExitStack

from ..environment import say
from .drain import SIGNALS_PER_ORDER, open_shop
from .measure import ratios, spread

ORDERS = 200  # created and sent for real, then multiplied
FACTOR = 1000
SIGNALS = 1000
ORDER, ITEM, SIGNAL, REQUEST = (f"cloudprinter_{name}" for name in ("order", "item", "signal", "request"))
RELATION = "cloudprinter_request_cloudprinter_signal_rel"
# Columns that hold ids of other rows.
REFERENCES = {
    ORDER: {"id": ORDER},
    ITEM: {"id": ITEM, "order_id": ORDER},
    REQUEST: {"id": REQUEST},
    SIGNAL: {"id": SIGNAL, "order_id": ORDER, "item_id": ITEM},
    RELATION: {f"{REQUEST}_id": REQUEST, f"{SIGNAL}_id": SIGNAL},
}


def measure_ledger(bench):
    """e. Enqueueing and draining a thousand signals, with an empty ledger and with a full one."""
    factor = 20 if bench.quick else FACTOR
    full = bench.make_database("bench_full", bench.make_backlog(ORDERS))
    with open_shop(bench, full) as shop:
        shop.drain(0)
    with bench.connected(full) as query:
        rows = _multiply_ledger(query, factor - 1)
    empty = bench.make_database("bench_empty", bench.installed())
    say(f"  e. ledgers of 0 and {rows:,} signals")
    results = {empty: [], full: []}
    with ExitStack() as stack:
        shops = {database: stack.enter_context(open_shop(bench, database)) for database in results}
        for repetition in range(2 * bench.repeat + 1):
            for database in list(shops)[:: -1 if repetition % 2 else 1]:
                results[database].append(_measure_once(shops[database], repetition))
        times = [shops[full].office.run("time_items_list") for _number in range(2 * bench.repeat + 1)][1:]
        items, seconds = times[0][0], [seconds for _items, seconds in times]
        bench.table.add("e", f"the list of Items as it opens, of {items:,}, with its count", f"{spread(seconds, 2)} s")
        median = statistics.median(seconds)
        bench.table.expect("e", "the list of Items opens in at most 0.3 s", f"{median:.2f} s", median <= 0.3)
    # the first of each filled the caches
    by_kind = {database: list(zip(*figures[1:])) for database, figures in results.items()}
    names = (f"enqueue {SIGNALS:,} by the stages of as many items", f"create {SIGNALS:,} with the ORM", "drain them")
    for name, without, with_rows in zip(names, by_kind[empty], by_kind[full]):
        ratio = ratios(with_rows, without)
        bench.table.add("e", f"{name}: nothing in the ledger", f"{spread(without, 3)} s")
        bench.table.add(
            "e", f"{name}: {rows:,} accepted signals", f"{spread(with_rows, 3)} s", f"{spread(ratio, 2)} times"
        )
        median = statistics.median(ratio)
        bench.table.expect("e", f"{name}: at most 1.15 times", f"{median:.2f}", median <= 1.15)


def _measure_once(shop, repetition):
    """Return seconds of the stages' computation, the ORM's create, and the drain."""
    shop.office.run("pause")
    # so short that a single measurement is mostly chance
    created = statistics.median(shop.office.run("time_create", SIGNALS) for _number in range(3))
    item_ids = shop.office.run("make_items", SIGNALS, f"77{repetition:02}")
    enqueued, _transaction = shop.office.run("accept", item_ids)
    shop.wait_until_idle()
    drain = shop.drain(0)
    return enqueued, created, drain.seconds


def _multiply_ledger(query, copies):
    """Copy all orders with their records this many times; return how many accepted signals exist then."""
    [[signals]] = query(f"SELECT count(*) FROM {SIGNAL}")
    name = {"name": "name || '-' || copy"}
    # one of ten is still in production, one of fifty was canceled
    stage = "CASE WHEN copy % 10 = 0 THEN 'registered' WHEN copy % 50 = 1 THEN 'canceled' ELSE stage END"
    values = {ORDER: name, ITEM: {**name, "stage": stage}, SIGNAL: {"number": f"number + copy * {signals}"}}
    multiply_rows(query, REFERENCES, copies, values)
    assert signals == ORDERS * SIGNALS_PER_ORDER
    return query(f"SELECT count(*) FROM {SIGNAL} WHERE state = 'sent'")[0][0]


def multiply_rows(query, references, copies, values, conditions=None):
    """Copy rows that the add-on created, with all their columns, for which the ORM would take hours.

    :param dict references: table → column → the table whose ids it holds, if that one's rows are copied too
    :param dict values: table → column → SQL of the value that differs in each `copy` (a number)
    :param dict conditions: table → SQL of which rows are copied, default all
    """
    copied = {table for columns in references.values() for table in columns.values()}
    strides = {table: query(f"SELECT max(id) FROM {table}")[0][0] for table in copied}
    for table, columns in references.items():
        names = [
            name
            for (name,) in query(
                f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
                " AND is_generated = 'NEVER'"
            )
        ]
        expressions = {name: f'"{name}"' for name in names}
        expressions.update({name: f"{name} + copy * {strides[of]}" for name, of in columns.items()})
        expressions.update(values.get(table, {}))
        quoted = ", ".join(f'"{name}"' for name in names)
        query(
            f"INSERT INTO {table} ({quoted}) SELECT {', '.join(expressions[name] for name in names)}"
            f" FROM {table}, generate_series(1, {copies}) copy WHERE {(conditions or {}).get(table, 'TRUE')}",
            fetch=False,
        )
        if "id" in columns:
            query(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
    query("VACUUM ANALYZE", fetch=False)
