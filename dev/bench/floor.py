"""l. What users of a full shop wait for: the overview, a scan, an id in the search box of a list."""

import statistics

from ..environment import say
from .measure import spread

ITEMS = 100_000  # of a hundred days, two in an order; those of the last ten days are open
MS = 150
REPETITIONS = 15
SEARCHES = {
    "stock.picking": "stock.view_picking_internal_search",
    "mrp.production": "mrp.view_mrp_production_filter",
    "mrp.workorder": "mrp.view_mrp_production_workorder_form_view_filter",
    "sale.order": "sale.view_sales_order_filter",
    "cloudprinter.item": "cloudprinter.cloudprinter_item_view_search",
    "cloudprinter.order": "cloudprinter.cloudprinter_order_view_search",
    "cloudprinter.signal": "cloudprinter.cloudprinter_signal_view_search",
}
# all shipped items have four accepted signals, open ones the first; the last hundred are queued, some are refused
FILL = """
    INSERT INTO cloudprinter_order (name, company_id, accepted_date, shipping_date)
         SELECT lpad(n::text, 10, '0') || '00', 1, day, day + interval '5 days'
           FROM generate_series(1, {items} / 2) n,
                LATERAL (SELECT now() AT TIME ZONE 'UTC' - interval '100 days' * (1 - 2.0 * n / {items}) AS day) d;
    INSERT INTO cloudprinter_item
                (name, order_id, company_id, product_id, quantity, accepted_date, promised_date, stage, facts,
                 shipped_date)
         SELECT (o.name::bigint + n)::text, o.id, 1, {product}, 1, o.accepted_date, o.shipping_date,
                CASE WHEN open THEN 'in_production' ELSE 'shipped' END, '',
                CASE WHEN NOT open THEN o.shipping_date - interval '1 day' * (o.id % 7 - 1) END
           FROM (SELECT *, row_number() OVER (ORDER BY id) > 0.45 * {items} AS open FROM cloudprinter_order) o,
                generate_series(1, 2) n;
    INSERT INTO cloudprinter_signal
                (item_id, order_id, company_id, type, state, origin, attempt_count, fault_count, last_attempt_id,
                 event_date, sent_date, http_status, number, create_date, tracking)
         SELECT item.id, order_id, 1, kind.type, 'sent', 'observed', 1, 0, 0,
                COALESCE(CASE kind.type WHEN 'ItemShipped' THEN shipped_date END,
                         accepted_date + interval '1 hour' * kind.position),
                accepted_date + interval '1 day' * kind.position, 200,
                row_number() OVER (ORDER BY item.id, kind.position), accepted_date,
                CASE kind.type WHEN 'ItemShipped' THEN '0034' || item.name END
           FROM cloudprinter_item item,
                unnest('{{ItemRegistered,ItemProduce,ItemProduced,ItemShipped}}'::text[])
                WITH ORDINALITY AS kind(type, position)
          WHERE stage = 'shipped' OR position < 3;
    UPDATE cloudprinter_signal
       SET state = CASE WHEN id % 50 = 0 THEN 'error' ELSE 'outgoing' END, number = NULL, sent_date = NULL,
           failure_type = CASE WHEN id % 50 = 0 THEN 'refused' END, create_date = now() AT TIME ZONE 'UTC'
     WHERE id > (SELECT max(id) - 500 FROM cloudprinter_signal);
    INSERT INTO cloudprinter_order_document
                (name, company_id, order_id, format, digest, version, received_date, state)
         SELECT name, 1, id, 'json', name, 1, accepted_date - interval '5 minutes',
                CASE WHEN id % 5000 = 0 THEN 'waiting' ELSE 'done' END
           FROM cloudprinter_order;
"""


def measure_floor(bench):
    """l. Overview, scans and searches of a shop with a hundred thousand items and as many documents."""
    count = 2_000 if bench.quick else ITEMS
    database = bench.make_database("bench_floor", bench.installed())
    with bench.in_odoo(database) as office:
        product = office.run("make_full_shop", count)
    with bench.connected(database) as query:
        query(FILL.format(items=count, product=product), fetch=False)
        query("VACUUM ANALYZE", fetch=False)
    say(f"  l. {count:,} items")
    rounds = 2 if bench.quick else REPETITIONS
    with bench.in_odoo(database) as office:
        # the first of each filled the caches
        times = [office.run("time_overview") for _number in range(rounds)][1:]
        bench.table.add("l", f"all numbers of the overview, of {count:,} items", f"{spread(times, 1)} ms")
        _expect(bench, "the overview opens", times)
        codes = office.run("make_scanned")
        for kind, code in codes.items():
            times = [office.run("time_scan", code) for _number in range(rounds)][1:]
            bench.table.add("l", f"a scan of {kind}, among {count:,} of each", f"{spread(times, 1)} ms")
            _expect(bench, f"a scan of {kind}", times)
        for model, xmlid in SEARCHES.items():
            times = [office.run("time_search", model, xmlid, codes["an item"]) for _number in range(rounds)][1:]
            bench.table.add("l", f"an item's id in the search box of {model}", f"{spread(times, 1)} ms")


def _expect(bench, what, times):
    median = statistics.median(times)
    bench.table.expect("l", f"{what} in at most {MS} ms", f"{median:.0f} ms", median <= MS)
