"""Reports for the manager of the app: lead times and signals, without test orders."""

from datetime import datetime, timedelta

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
