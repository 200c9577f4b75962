"""What `make bench` measures works; the durations are not checked."""

from ..bench.floor import FILL, SEARCHES
from ..demo import MILESTONES
from .common import KEY, ProcessCase


class TestBench(ProcessCase):
    scripts = "dev.bench.shop"

    def test_backlog(self):
        self.in_odoo("hold", self.server.url, KEY)
        self.in_odoo("make_backlog", 3)
        self.in_odoo("release")
        queued = self.query("SELECT type FROM cloudprinter_signal WHERE state = 'outgoing' ORDER BY id")
        self.assertEqual([signal_type for [signal_type] in queued], sorted(3 * MILESTONES, key=MILESTONES.index))

    def test_clicks(self):
        self.configure()
        bom = self.in_odoo("make_bom", 2)
        for linked in (False, True):
            times = self.in_odoo("time_clicks", bom, linked)
            self.assertTrue(times)
            self.assertTrue(all(milliseconds > 0 for of_click in times.values() for milliseconds in of_click))

    def test_many_at_once(self):
        self.configure()
        for count in (0, 3):
            self.assertGreater(self.in_odoo("time_gang", count), 0)
        for action in ("report_delay", "report_cancel", "action_send", "action_discard"):
            self.assertGreater(self.in_odoo("time_bulk", action, 2), 0)

    def test_orders_coming_in(self):
        self.in_odoo("configure_orders", KEY)
        for first, confirm in ((1, False), (3, True)):
            self.assertEqual(len(self.in_odoo("time_import", first, 2, confirm)), 2)

    def test_floor(self):
        # other tests leave orders without dates
        database = self.create_database("test_bench_floor")
        product = self.in_odoo("make_full_shop", 2, database=database)
        self.query(FILL.format(items=200, product=product), database)
        self.assertGreater(self.in_odoo("time_overview", database=database), 0)
        for code in self.in_odoo("make_scanned", database=database).values():
            self.assertGreater(self.in_odoo("time_scan", code, database=database), 0)
        for model, xmlid in SEARCHES.items():
            self.assertGreater(self.in_odoo("time_search", model, xmlid, "1", database=database), 0)
