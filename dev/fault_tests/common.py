"""Signals to be delivered, and the comparison at the end of each fault test."""

import atexit
import time

from ..process_tests.common import OdooProcess, ProcessCase
from .ledger import compare, read_rows, unwritten

MILESTONES = ["ItemRegistered", "ItemProduce", "ItemProduced"]
CONNECTIONS = 8
IN_FLIGHT = 2 * CONNECTIONS  # most bundles that are claimed at the same time

UNTOLD = """
    SELECT item.name, count(*),
           (SELECT coalesce(sum(array_length(string_to_array(body, 'accepted <b>'), 1) - 1), 0)
              FROM mail_message WHERE model = 'cloudprinter.item' AND res_id = item.id)
      FROM cloudprinter_item item
      JOIN cloudprinter_signal signal ON signal.item_id = item.id AND signal.state = 'sent'
  GROUP BY item.id
    HAVING count(*) != (SELECT coalesce(sum(array_length(string_to_array(body, 'accepted <b>'), 1) - 1), 0)
                          FROM mail_message WHERE model = 'cloudprinter.item' AND res_id = item.id)
"""

table = []


class FaultCase(ProcessCase):
    """Given: a database with nothing to send, and a company that may send to `self.server`."""

    scripts = "dev.fault_tests.scripts"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # otherwise a crash of PostgreSQL would lose the last commits, independent of the add-on
        cls.query(f'ALTER DATABASE "{cls.database}" SET synchronous_commit = on')
        # the sequences of a copied database are crash-safe from the next checkpoint on
        cls.query("CHECKPOINT")
        # in a fresh database all of Odoo's own jobs are due and would run first
        cls.query("UPDATE ir_cron SET active = false WHERE cron_name NOT LIKE 'Cloudprinter%'")

    def setUp(self):
        super().setUp()
        for table_name in ("ledger_entry", "ledger_head", "request", "signal", "item", "order"):
            self.query(f"DELETE FROM cloudprinter_{table_name}")
        self.configure()
        self.in_odoo("answer_once")

    # === given === #

    def given_orders(self, orders, types=MILESTONES, items=1):
        self.in_odoo("make_orders", orders, types, items)

    def ready_process(self):
        """Start an Odoo process and return it."""
        process = OdooProcess(self.odoo, self.database, self.scripts)
        self.addCleanup(process.stop)
        process.run("wake_up")
        return process

    def a_minute_goes_by(self):
        """Make claimed and failed signals due again, and notify a running server."""
        self.in_odoo("resume")

    # === waiting === #

    def eventually(self, condition, what, timeout=90):
        """Poll until `condition()` is true."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"not within {timeout} s: {what}")
            time.sleep(0.05)

    def all_delivered(self):
        """Return whether no signal is queued, and each outcome is in the chatter."""
        return self.count("state = 'outgoing' OR to_log") == 0

    def count(self, condition):
        return int(self.query(f"SELECT count(*) FROM cloudprinter_signal WHERE {condition}")[0][0])

    # === then === #

    def unwritten_posts(self):
        """Return the numbers of accepted POSTs whose acceptance Odoo does not know."""
        return unwritten(read_rows(self.query), list(self.server.accepted))

    def assert_ledger(self, fault, lost_answers=(), refused=()):
        """Assert that Odoo's ledger and the server's record agree (see `compare`), and add a line to the table."""
        figures = compare(read_rows(self.query), list(self.server.accepted), lost_answers, refused)
        self.assertGreater(figures.accepted, 0, "nothing happened")
        self.assertEqual(self.query(UNTOLD), [], "each accepted signal has one line in the chatter of its item")
        self.assertEqual(self.in_odoo("check_ledger"), [], "signals and attempts are what the chained ledger says")
        table.append((fault, figures))
        return figures


@atexit.register
def print_table():
    if not table:
        return
    width = max(len(fault) for fault, _figures in table)
    print(f"\n{'fault':{width}} | signals | accepted | repeats | lost | out of order")
    for fault, figures in table:
        print(
            f"{fault:{width}} | {figures.signals:7} | {figures.accepted:8} | {figures.repeats:7} |"
            f" {figures.lost:4} | {figures.out_of_order:12}",
            flush=True,
        )
