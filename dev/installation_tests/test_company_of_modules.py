"""Odoo with the fewest modules, with many, and with add-ons of others that hook into the same methods."""

import re
from contextlib import contextmanager
from pathlib import Path

from ..demo import BOOK, FLYER, ITEMS, MILESTONES, POSTER, Shop
from ..environment import DEV, PYTHON, ensure_queue_job
from ..process_tests.common import KEY, ProcessCase
from ..processes import OdooServer, wait_until
from ..rpc import RpcError
from ..template import MODULES, ensure_template

FEWEST = ("sale_mrp", "stock_delivery")
# Odoo's modules that use the same orders, transfers and manufacturing orders
MANY = (
    *MODULES,
    "delivery_stock_picking_batch",
    "mrp_landed_costs",
    "mrp_product_expiry",
    "mrp_repair",
    "point_of_sale",
    "project_mrp_sale",
    "purchase_requisition_stock",
    "sale_loyalty_delivery",
    "sale_margin",
    "sale_project",
    "sale_timesheet",
    "stock_fleet",
    "stock_maintenance",
)
# add-ons of others: the first two are here, the last is from OCA
OTHERS = ("quality_example", "validate_later_example", "queue_job")
FAILED = "A quality check has failed."
EXAMPLES = Path(__file__).parent / "addons"
# with the following lines, for example a traceback
TROUBLE = re.compile(r"^\S+ \S+ \d+ (?:WARNING|ERROR|CRITICAL) .*(?:\n(?!\d{4}-\d\d-\d\d ).*)*", re.MULTILINE)
RESULT = re.compile(r"0 failed, 0 error\(s\) of ([1-9]\d*) tests")


class ModulesCase(ProcessCase):
    """Given: `cls.installed`, a database with other modules, and the log of its installation.

    Each test has its own copy of it.
    """

    @classmethod
    def create_database(cls, name):
        cls.installed = f"{name}_installed"
        for database in (name, cls.installed):
            cls.addClassCleanup(cls.postgres.drop, database)
        return name

    @classmethod
    def make_database(cls, template, *modules):
        """Install modules into a copy of a template, one after the other, and keep the log."""
        cls.postgres.create(cls.installed, template)
        cls.install_log = "".join(cls.run_odoo(cls.installed, f"--init={module}") for module in modules)

    def setUp(self):
        super().setUp()
        self.postgres.create(self.database, self.installed)

    def get_installed(self):
        return {name for [name] in self.query("SELECT name FROM ir_module_module WHERE state = 'installed'")}

    def assert_no_trouble(self, log, but=()):
        """:param but: texts shown to a user, which Odoo logs as warnings"""
        self.assertIn(" INFO ", log, "the log is a log")
        self.assertEqual([line for line in TROUBLE.findall(log) if not any(text in line for text in but)], [])

    def assert_tests_pass(self, *names):
        """Assert that the tests in `tests/` pass in this database."""
        tags = ",".join(f"/cloudprinter:{name}" for name in names)
        log = self.run_odoo(self.database, f"--test-tags={tags}")
        self.assertRegex(log, RESULT)

    @contextmanager
    def working(self, *options, refused=()):
        """Run a shop in the server, whose log is checked at the end."""
        # in a fresh database all of Odoo's own jobs are due and would run first
        self.query("UPDATE ir_cron SET active = false WHERE cron_name NOT LIKE 'Cloudprinter%'")
        with self.serving("--max-cron-threads=1", *options) as address:
            yield Shop(address, self.database, self.server.url, KEY)
            # wait for running jobs: Odoo interrupts them when it stops, and each would log an error
            self.query("UPDATE ir_cron SET active = false")
        self.assert_no_trouble((DEV / "log" / f"odoo-{self.database}.log").read_text(), refused)

    def make_all(self, shop, answer=None):
        """Produce everything that is ordered."""
        for item, _product, _count, _title in ITEMS:
            for production in shop.get_productions(item):
                shop.operator.press("mrp.production", [production], "button_mark_done", answer)

    def pack(self, shop, sale):
        """Put everything into a package; return the delivery."""
        [picking] = shop.packer.search("stock.picking", [("sale_id", "=", sale), ("state", "!=", "cancel")], "name")
        shop.packer.press("stock.picking", [picking["id"]], "action_assign")
        shop.packer.press("stock.picking", [picking["id"]], "action_put_in_pack", "action_put_in_pack")
        shop.packer.call("stock.picking", "write", [picking["id"]], {"carrier_tracking_ref": "1A2B3C4D5E6F"})
        return picking["id"]

    def received(self, item):
        return [signal["type"] for signal in self.server.accepted if signal["item"] == item]

    def assert_received(self, expected):
        """Assert what has arrived at Cloudprinter for each item, within a minute."""
        items = (BOOK, POSTER, FLYER)
        wait_until(lambda: sum(map(len, map(self.received, items))) >= 3 * len(expected), "Sending")
        self.assertEqual({item: self.received(item) for item in items}, dict.fromkeys(items, expected))


class TestAlone(ModulesCase):
    """Only the modules on which the add-on depends."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_database(ensure_template(cls.odoo, "alone", FEWEST), "cloudprinter")

    def test_installing(self):
        self.assert_no_trouble(self.install_log)
        absent = {"stock_picking_batch", "stock_dropshipping", "mrp_subcontracting", "purchase"}
        self.assertFalse(self.get_installed() & absent)

    def test_main_way(self):
        with self.working() as shop:
            sale = shop.receive()
            self.make_all(shop)
            picking = self.pack(shop, sale)
            shop.packer.press("stock.picking", [picking], "button_validate", "process")
            self.assert_received(MILESTONES)

    def test_screens(self):
        screens = ("every_menu_of_the_add_on", "every_screen_of_odoo_with_our_fields")
        self.assert_tests_pass(*(f"TestScreens.test_{name}_opens" for name in screens))


class CompanyCase(ModulesCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.odoo = OdooServer(PYTHON, cls.odoo.odoo, cls.odoo.addons, cls.postgres, EXAMPLES)
        cls.odoo.add_queue_job(ensure_queue_job(), 1)

    @classmethod
    def ensure_others(cls, kind, modules):
        sources = [path.read_text() for path in sorted(EXAMPLES.rglob("*.*")) if path.suffix in (".py", ".xml")]
        return ensure_template(cls.odoo, kind, modules, inputs=sources)

    def work_with_others(self):
        """Checks open dialogs, fail and roll back; a job of queue_job validates the transfer."""
        with self.working("--load=base,rpc,web,queue_job", refused=[FAILED]) as shop:
            sale = shop.receive()
            [production] = shop.get_productions(POSTER)
            [sheet] = shop.operator.read("mrp.production", [production], "move_raw_ids")[0]["move_raw_ids"]
            used = {"quantity": 100, "picked": True}
            made = {"qty_producing": 100, "move_raw_ids": [[1, sheet, used]]}
            shop.operator.call("mrp.production", "write", [production], made)
            [checked] = shop.operator.read("mrp.production", [production], "state")
            self.assertEqual(checked["state"], "quality", "a state that Odoo does not know")
            [poster] = shop.manager.search("cloudprinter.item", [("name", "=", POSTER)], "stage", "attention")
            self.assertEqual((poster["stage"], poster["attention"]), ("in_production", False))
            self.make_all(shop, "action_pass")
            picking = self.pack(shop, sale)
            shop.packer.press("stock.picking", [picking], "button_validate", "action_fail")
            with self.assertRaisesRegex(RpcError, FAILED):
                shop.packer.press("stock.picking", [picking], "button_validate")
            self.assert_received(MILESTONES[:-1])
            checks = shop.packer.search("quality.example.check", [("picking_id", "=", picking)], "state")
            shop.packer.call("quality.example.check", "write", [check["id"] for check in checks], {"state": "pass"})
            shop.packer.call("stock.picking", "action_validate_later", [picking])
            self.assert_received(MILESTONES)


class TestInCompany(CompanyCase):
    """Many of Odoo's modules, and add-ons of others that were installed first."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_database(cls.ensure_others("company", MANY + OTHERS), "cloudprinter")

    def test_installing(self):
        self.assert_no_trouble(self.install_log)
        self.assertLessEqual({"cloudprinter", *MANY, *OTHERS}, self.get_installed())

    def test_main_way(self):
        self.work_with_others()


class TestOthersComeLater(CompanyCase):
    """The same add-ons, installed after ours."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_database(ensure_template(cls.odoo, "alone", FEWEST), "cloudprinter", ",".join(OTHERS))

    def test_installing(self):
        self.assert_no_trouble(self.install_log)

    def test_main_way(self):
        self.work_with_others()
