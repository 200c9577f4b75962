"""Reports for the manager of the app: lead times and signals, without test orders."""

from datetime import datetime, timedelta

from lxml import etree

from odoo.fields import Domain
from odoo.tests import tagged
from odoo.tools import SQL

from .common import ALL_BUT_PACKED, CloudprinterCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestLeadTime(CloudprinterCase):
    def ship(self, name, registered, shipped, promised=None, product=None, **values):
        """Create an item whose signals say that it was registered and shipped then; return its row, if any."""
        order = self.env["cloudprinter.order"].create({"name": name, "shipping_date": promised, **values})
        item = self.env["cloudprinter.item"].create(
            {"name": name, "order_id": order.id, "product_id": (product or self.book).id}
        )
        self.env["cloudprinter.signal"]._insert(
            [
                item._prepare_report("ItemRegistered", event_date=registered),
                item._prepare_report("ItemShipped", event_date=shipped, tracking="1A", shipping_option="GLS"),
            ]
        )
        self.env.flush_all()
        return self.get_lead_time(item)

    def get_lead_time(self, item):
        return self.env["cloudprinter.lead.time"].with_user(self.manager).search([("item_id", "=", item.id)])

    def test_days_from_registered_to_shipped(self):
        start = datetime(2026, 3, 2, 8)
        end = start + timedelta(days=2, hours=12)
        row = self.ship("1", start, end, promised=end + timedelta(hours=1))
        self.assertEqual((row.lead_days, row.late, row.order_id.name, row.product_id), (2.5, 0, "1", self.book))
        late = self.ship("2", start, end, promised=end - timedelta(hours=1), product=self.poster)
        self.assertEqual(late.late, 1)
        self.assertEqual(self.ship("3", start, end).late, 0, "nothing was promised")
        groups = self.env["cloudprinter.lead.time"]._read_group(
            [("order_id.name", "in", ("1", "2", "3"))],
            ["product_id", "shipped_date:week"],
            ["lead_days:avg", "late:sum", "__count"],
        )
        self.assertEqual(
            sorted((product, *rest[1:]) for product, *rest in groups),
            sorted([(self.book, 2.5, 0, 2), (self.poster, 2.5, 1, 1)]),
        )

    def test_share_that_is_on_time(self):
        """Of those with a ship-by date; averages of weeks or products are not added up."""
        start, end = datetime(2026, 3, 2), datetime(2026, 3, 4)
        rows = self.get_lead_time(self.env["cloudprinter.item"])
        for name, promised in (("1", end), ("2", end + timedelta(days=1)), ("3", end - timedelta(days=1)), ("4", None)):
            rows += self.ship(name, start, end, promised=promised)
        [[share]] = rows._read_group([("id", "in", rows.ids)], aggregates=["on_time:avg"])
        self.assertAlmostEqual(share, 200 / 3)
        arch = self.env["cloudprinter.lead.time"].with_user(self.manager).get_view(view_type="graph")["arch"]
        self.assertIn('stacked="0"', arch)

    def test_what_is_left_out(self):
        start, end = datetime(2026, 3, 2), datetime(2026, 3, 4)
        self.assertFalse(self.ship("1", start, end, is_test=True), "test orders")
        row = self.ship("2", start, end)
        item = row.item_id
        registered, shipped = item.sudo().signal_ids.sorted("id")
        shipped.action_discard()
        self.env.flush_all()
        self.assertFalse(self.get_lead_time(item), "discarded")
        shipped._update({"state": "outgoing"})
        registered._update({"origin": "before"})
        self.env.flush_all()
        self.assertFalse(self.get_lead_time(item), "its registration was not observed")

    def test_real_item(self):
        item = self.sell_one()
        self.produce(item.production_ids)
        self.assertFalse(self.get_lead_time(item))
        with self.later(days=1):
            self.deliver(item.move_ids.picking_id)
        self.assertAlmostEqual(self.get_lead_time(item).lead_days, 1, places=2)

    def test_reads_a_period_by_index(self):
        """The years before are not read to report on a week."""
        self.fill_ledger(4000)
        lead_time = self.env["cloudprinter.lead.time"].with_user(self.manager)
        query = lead_time._search([("shipped_date", ">=", "2024-03-01"), ("shipped_date", "<", "2024-03-08")])
        plan = "\n".join(row[0] for row in self.env.execute_query(SQL("EXPLAIN %s", query.select())))
        self.assertIn("cloudprinter_signal_shipped_idx", plan)
        self.assertNotIn("Seq Scan on cloudprinter_signal", plan)
        self.assertGreater(len(lead_time.search(Domain("id", "in", query))), 5)

    def fill_ledger(self, count):
        """Create `count` items, each in an order of its own, with signals spread over the last ten years."""
        self.env.cr.execute(
            """
            INSERT INTO cloudprinter_order (name, company_id)
                 SELECT 'F' || n, %(company)s FROM generate_series(1, %(n)s) n;
            INSERT INTO cloudprinter_item (name, order_id, company_id, product_id, stage)
                 SELECT name, id, company_id, %(product)s, 'shipped' FROM cloudprinter_order WHERE name LIKE 'F%%';
            INSERT INTO cloudprinter_signal
                        (item_id, order_id, company_id, type, state, origin, attempt_count, fault_count,
                         last_attempt_id, event_date)
                 SELECT item.id, item.order_id, item.company_id, kind.type, 'sent', 'observed', 1, 0, 0,
                        timestamp '2016-01-01' + interval '3650 days' * substr(item.name, 2)::int / %(n)s
                        + interval '1 day' * kind.position
                   FROM cloudprinter_item item,
                        unnest(%(types)s) WITH ORDINALITY AS kind(type, position)
                  WHERE item.name LIKE 'F%%';
            ANALYZE cloudprinter_order, cloudprinter_item, cloudprinter_signal
            """,
            {"company": self.company.id, "product": self.book.id, "n": count, "types": ALL_BUT_PACKED},
        )


@tagged("post_install", "-at_install", "cloudprinter")
class TestScorecard(CloudprinterCase):
    ORDERED = datetime(2026, 3, 2, 8)

    def order(self, name, product=None, item=None, **values):
        """Create an item of an order that came in; return it."""
        order = self.env["cloudprinter.order"].create({"name": name, **values})
        item = self.env["cloudprinter.item"].create(
            {"name": name, "order_id": order.id, "product_id": (product or self.book).id, **(item or {})}
        )
        self.env["cloudprinter.order.document"].create(
            {
                "name": name,
                "company_id": self.company.id,
                "order_id": order.id,
                "format": "json",
                "digest": name,
                "received_date": self.ORDERED,
                "state": "done",
            }
        )
        return item

    def report(self, item, signal_type, after, **values):
        """Insert a signal about what happened so long after the order came in."""
        if signal_type == "ItemShipped":
            values = {"tracking": "1A", "shipping_option": "GLS", **values}
        signals = self.env["cloudprinter.signal"]
        return signals._insert([item._prepare_report(signal_type, event_date=self.ORDERED + after, **values)])

    def get_row(self, item):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["cloudprinter.scorecard"].with_user(self.manager).search([("item_id", "=", item.id)])

    def read_totals(self, groupby, *aggregates, domain=()):
        self.env.flush_all()
        scorecard = self.env["cloudprinter.scorecard"].with_user(self.manager)
        domain = [("order_id.name", "=like", "s%"), *domain]
        return {key: values for key, *values in scorecard._read_group(domain, [groupby], aggregates)}

    def test_minutes_to_accept_and_days_to_ship(self):
        item = self.order("s1", shipping_date=self.ORDERED + timedelta(days=2))
        row = self.get_row(item)
        self.assertEqual((row.date, row.product_id, row.on_time), (self.ORDERED, self.book, 0))
        self.report(item, "ItemRegistered", timedelta(minutes=12))
        self.report(item, "ItemShipped", timedelta(days=1, minutes=12))
        row = self.get_row(item)
        self.assertEqual((row.accept_minutes, row.ship_days, row.on_time), (12, 1, 100))
        late = self.order("s2", self.poster, shipping_date=self.ORDERED + timedelta(days=2))
        self.report(late, "ItemRegistered", timedelta(minutes=20))
        self.report(late, "ItemShipped", timedelta(days=3, minutes=20))
        totals = self.read_totals("product_id", "accept_minutes:avg", "ship_days:avg", "on_time:avg")
        self.assertEqual(totals, {self.book: [12, 1, 100], self.poster: [20, 3, 0]})

    def test_nothing_observed_is_no_number(self):
        """What has not happened yet, or was reported before Odoo, does not count as zero."""
        done, before = self.order("s1"), self.order("s2")
        self.report(done, "ItemRegistered", timedelta(minutes=10))
        self.report(before, "ItemRegistered", timedelta(minutes=99))._update({"origin": "before"})
        self.report(before, "ItemShipped", timedelta(days=9))._update({"origin": "before"})
        totals = self.read_totals("company_id", "accept_minutes:avg", "ship_days:avg", "on_time:avg", "__count")
        self.assertEqual(totals, {self.company: [10, False, False, 2]})

    def test_test_orders(self):
        self.assertFalse(self.get_row(self.order("s1", is_test=True)))

    def test_canceled_by_cause(self):
        for name, cause in (("s1", "CancelPageCount"), ("s2", "CancelPageCount"), ("s3", "CancelMiscError")):
            self.order(name).with_user(self.manager).report_cancel(cause, "No")
        self.order("s4")
        totals = self.read_totals("cancel_cause", "canceled:sum", domain=[("canceled", "=", 1)])
        self.assertEqual(totals, {"CancelPageCount": [2], "CancelMiscError": [1]})
        self.assertEqual(self.read_totals("company_id", "canceled:sum")[self.company], [3])

    def test_reorders_and_what_they_cost(self):
        """The client's words do not make another cause of it; the cost is that of the product, in this company."""
        other = self.env["res.company"].create({"name": "Other Shop"})
        self.book.standard_price, self.poster.standard_price = 4, 1.5
        self.book.with_company(other).standard_price = 99
        self.order("s1", item={"quantity": 2, "reorder_cause": "Item damaged: the corner is bent"})
        self.order("s2", self.poster, item={"quantity": 10, "reorder_cause": "Item damaged"})
        self.order("s3", item={"quantity": 1, "reorder_cause": "Lost"})
        self.order("s4", item={"quantity": 50})
        self.assertEqual(
            self.read_totals("reorder_cause", "reordered:sum", "reorder_cost:sum", domain=[("reordered", "=", 1)]),
            {"Item damaged": [2, 2 * 4 + 10 * 1.5], "Lost": [1, 4]},
        )
        self.assertEqual(
            self.read_totals("product_id", "reordered:sum", "reorder_cost:sum"),
            {self.book: [2, 12], self.poster: [1, 15]},
        )
        typed = self.order("s5", is_reorder=True)
        self.assertEqual(self.get_row(typed).reordered, 1, "typed by hand, without a cause")

    def test_canceled_reorder_costs_nothing(self):
        self.book.standard_price = 4
        item = self.order("s1", item={"quantity": 2, "reorder_cause": "Lost"})
        item.with_user(self.manager).report_cancel("CancelMiscError", "No")
        self.assertEqual(self.get_row(item).reorder_cost, 0)

    def test_document_that_came_later_than_its_order(self):
        """A negative time to accept would hide others that were late."""
        item = self.order("s1")
        self.report(item, "ItemRegistered", timedelta(days=-2))
        self.assertEqual(self.read_totals("company_id", "accept_minutes:avg"), {self.company: [False]})

    def test_dozens(self):
        self.poster.standard_price = 2
        item = self.sell_one(self.poster, quantity=1)
        item.sale_line_id.product_uom_id = self.env.ref("uom.product_uom_dozen")
        item.order_id.is_reorder = True
        self.assertEqual(self.get_row(item).reorder_cost, 24)

    def test_item_of_a_sales_order(self):
        """Product and quantity are those of its line."""
        item = self.sell_one(self.poster, quantity=3)
        item.write({"product_id": False, "quantity": 0})
        item.order_id.is_reorder = True
        self.poster.standard_price = 2
        row = self.get_row(item)
        self.assertEqual((row.product_id, row.reorder_cost), (self.poster, 6))

    def test_other_companies(self):
        stranger = self.given_stranger("mrp.group_mrp_manager")
        self.order("s1")
        self.assertFalse(self.env["cloudprinter.scorecard"].with_user(stranger).search([]))


@tagged("post_install", "-at_install", "cloudprinter")
class TestLedgerList(CloudprinterCase):
    def test_by_number(self):
        """Signals that wait are on top; then the last accepted, whatever was recorded last."""
        items = self.accept("o1", "o2", "o3")
        for item, number in zip(items, (1, False, 2)):
            if number:
                item.signal_ids._update({"state": "sent", "number": number, "sent_date": "2026-03-02"})
        action = self.env.ref("cloudprinter.cloudprinter_ledger_action")
        view_id, view_type = action._get_action_dict()["views"][0]
        arch = etree.fromstring(self.env["cloudprinter.signal"].get_view(view_id, view_type)["arch"])
        domain = [("item_id", "in", items.ids)]
        found = self.env["cloudprinter.signal"].search(domain, order=arch.get("default_order"))
        self.assertEqual(found.item_id, items[1] | items[2] | items[0])
