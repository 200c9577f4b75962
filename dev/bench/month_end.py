"""k. The month's end with 20,000 orders: the list, its filters, a statement, and the lists of the month."""

import statistics

from ..environment import say
from .drain import Broken
from .ledger import multiply_rows
from .measure import spread

ORDERS = 20_000
LINES = 2_000
REFERENCES_OF = {
    "cloudprinter_order": {"id": "cloudprinter_order"},
    "cloudprinter_item": {"id": "cloudprinter_item", "order_id": "cloudprinter_order"},
    "cloudprinter_signal": {
        "id": "cloudprinter_signal",
        "order_id": "cloudprinter_order",
        "item_id": "cloudprinter_item",
    },
    "sale_order": {"id": "sale_order", "cloudprinter_order_id": "cloudprinter_order"},
    "sale_order_line": {
        "id": "sale_order_line",
        "order_id": "sale_order",
        "cloudprinter_item_id": "cloudprinter_item",
    },
    "account_move": {"id": "account_move"},
    "account_move_line": {"id": "account_move_line", "move_id": "account_move"},
    "sale_order_line_invoice_rel": {"order_line_id": "sale_order_line", "invoice_line_id": "account_move_line"},
}
NAMED = {"name": "name || '-' || copy"}
VALUES = {
    "cloudprinter_order": NAMED,
    "cloudprinter_item": {
        **NAMED,
        # one of ten is not shipped yet, one of fifty was canceled
        "stage": "CASE WHEN copy % 10 = 0 THEN 'registered' WHEN copy % 50 = 1 THEN 'canceled' ELSE stage END",
        "shipped_date": "CASE WHEN copy % 10 > 1 THEN shipped_date END",
    },
    "sale_order": NAMED,
    "account_move": {**NAMED, "sequence_number": "sequence_number + copy"},
}
# what an accountant opens: in the table, filter, order
SCREENS = (
    ("the list", "no_test", None),
    ("Shipped, Not Invoiced", "shipped_not_invoiced", None),
    ("Invoiced, Not Shipped", "invoiced_not_shipped", None),
    ("Canceled but Invoiced", "canceled_invoiced", None),
    ("Amount Differs", "amount_differs", None),
    ("Not Reported", "not_reported", None),
    ("Shipped and Returned", "shipped_returned", None),
    ("the list, by difference", "no_test", "amount_difference desc"),
)
SECONDS_OF_SCREEN, SECONDS_OF_STATEMENT = 1, 10


def measure_month_end(bench):
    """k. What accountants open, with 20,000 orders of three items, invoiced and shipped."""
    orders, lines = (1000, 100) if bench.quick else (ORDERS, LINES)
    database = bench.make_database("bench_month_end", bench.installed())
    with bench.in_odoo(database) as office:
        office.run("make_billed_order")
    with bench.connected(database) as query:
        multiply_rows(query, REFERENCES_OF, orders - 1, VALUES)
        counts = [query(f"SELECT count(*) FROM {name}")[0][0] for name in ("cloudprinter_order", "cloudprinter_item")]
    if counts != [orders, 3 * orders]:
        raise Broken(f"there are {counts} orders and items")
    say(f"  k. {orders:,} orders")
    with bench.in_odoo(database) as office:
        slowest = 0
        for what, name, order in SCREENS:
            times = [office.run("time_orders_list", name, order) for _number in range(2 * bench.repeat + 1)][1:]
            bench.table.add("k", f"{what}, of {orders:,} orders", f"{spread(times, 2)} s")
            slowest = max(slowest, statistics.median(times))
        bench.table.expect(
            "k", "list and filters open in at most 1 s", f"{slowest:.2f} s", slowest <= SECONDS_OF_SCREEN
        )
        times = [office.run("time_statement", lines, number) for number in range(bench.repeat)]
        bench.table.add("k", f"import and match a statement of {lines:,} lines", f"{spread(times, 1)} s")
        median = statistics.median(times)
        bench.table.expect(
            "k", f"a statement of {lines:,} lines in at most 10 s", f"{median:.1f} s", median <= SECONDS_OF_STATEMENT
        )
        times = [office.run("time_closing") for _number in range(bench.repeat)]
        bench.table.add("k", "open the month's end", f"{spread(times, 1)} s")
