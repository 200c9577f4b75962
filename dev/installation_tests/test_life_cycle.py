"""Installing, going live, upgrading, exporting and uninstalling."""

import ast
import csv
import hashlib
import io
import json
import signal
import subprocess
import sys
import tarfile
import zipfile

from ..environment import DEV, ROOT
from ..process_tests.common import KEY, TIMEOUT
from ..processes import wait_until
from ..rpc import RpcError, Session
from .life_cycle import RELEASES, LifeCase, make_archive
from .schema import DESCRIPTION, SCHEMA, describe, differences

LEDGER_TABLES = ("cloudprinter_order", "cloudprinter_item", "cloudprinter_signal", "cloudprinter_request")
ALL = {**SCHEMA, **DESCRIPTION}


class UpgradeCase(LifeCase):
    """Upgrades from a version kept as an archive; the tests are in the classes below."""

    archive = None
    queued = 100  # signals
    entries = ("begin", "found", "name")  # kinds in the ledger after the upgrade

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        archive = (RELEASES / cls.archive).read_bytes()
        cls.old = cls.of_archive(archive, cls.archive)
        cls.fresh = cls.database
        scripts = (ROOT / "dev" / "installation_tests" / "life_scripts.py").read_bytes()
        prepared = cls.postgres.keep(f"release_{cls.archive[-14:-7]}", (cls.template, archive, scripts), cls.prepare)
        cls.database = cls.copy_database(f"test_{cls.__name__.lower()}_old", prepared)

    @classmethod
    def prepare(cls, name):
        """Use the old version."""
        cls.postgres.create(name, cls.template)
        cls.run_odoo(name, "--init=cloudprinter", odoo=cls.old)
        cls.in_odoo("configure", cls.server.url, KEY, database=name, odoo=cls.old)
        cls.server.misbehave(times=1, status=400, body='{"error": {"info": "unknown item"}}')
        cls.in_odoo("fill_old", KEY, database=name)
        cls.stop_processes()

    def drain(self, database, odoo=None):
        """Have all queued signals sent; return the signals that were posted."""
        self.server.requests.clear()
        self.in_odoo("hold", False, database=database, odoo=odoo)
        self.in_odoo("send", database=database)
        self.stop_processes()
        bodies = [request["body"] for request in self.server.requests]
        self.server.requests.clear()
        return sorted(json.dumps(signal) for body in bodies for signal in body.get("items", [body]))

    def read_ledger(self, columns):
        """Return the rows of the ledger, in the columns that both versions have."""
        return {
            table: self.query(f"SELECT {', '.join(names)} FROM {table} ORDER BY id") for table, names in columns.items()
        }

    def get_columns(self):
        gone = {"shipped_date", "expiry_date", "retry_date"}
        return {
            table: sorted(
                {
                    row[0]
                    for row in self.query(
                        f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
                    )
                }
                - gone
            )
            for table in LEDGER_TABLES
        }

    def upgrade(self):
        return self.run_odoo(self.database, "--update=cloudprinter")

    def check_upgrade(self):
        # the key is saved with the old version in this database, which makes it the live one
        self.in_odoo("configure", self.server.url, KEY, odoo=self.old)
        self.in_odoo("hold", True)
        settings = self.in_odoo("get_settings")
        copy = self.copy_database(f"{self.database}_copy")
        self.in_odoo("configure", self.server.url, KEY, database=copy, odoo=self.old)
        as_old = self.drain(copy, self.old)
        self.assertEqual(len(as_old), self.queued, "queued in the old version")
        columns = self.get_columns()
        ledger = self.read_ledger(columns)
        self.upgrade()

        self.assertEqual(self.server.requests, [], "sent by the upgrade")
        self.assertEqual(self.read_ledger(columns), ledger)
        self.assertEqual(self.in_odoo("get_changed_by_update"), [])
        self.assertEqual(self.in_odoo("check_ledger"), [[], [*self.entries]], "chained by the upgrade")
        after = self.in_odoo("get_settings")
        self.assertEqual(
            {name: after[name] for name in settings if name != "cloudprinter_key_date"},
            {name: settings[name] for name in settings if name != "cloudprinter_key_date"},
        )
        self.assertFalse(after["is a copy"])
        self.assertEqual(after["cron"], [False, 7, "Ours"])
        # of a fresh installation
        self.assertEqual(self.get_differences(), [])
        self.assertEqual(self.get_other_records(), [])
        numbers = self.query("SELECT max(number) FROM cloudprinter_signal")
        as_new = self.drain(self.database)
        self.assertEqual(as_new, as_old)
        self.assertEqual(
            self.query("SELECT count(*), max(number) - min(number) + 1 FROM cloudprinter_signal WHERE number > 0"),
            [[str(int(numbers[0][0]) + self.queued)] * 2],
            "the ledger's numbers have no gap",
        )
        problems, kinds = self.in_odoo("check_ledger")
        self.assertEqual(problems, [])
        self.assertIn("accepted", kinds)

    def get_differences(self):
        """Return how a fresh and the upgraded database differ in the schema and in Odoo's data of the add-on."""
        # those that a user has changed have other names; see `get_other_records`
        kinds = {kind: sql for kind, sql in ALL.items() if kind not in ("record rules", "scheduled actions")}
        found = [describe(lambda sql: self.query(sql, name), kinds) for name in (self.fresh, self.database)]  # noqa: B023
        # both orders of the two columns are indexed, whichever of them is the primary key
        same = "cloudprinter_request_cloudprinter_signal_rel"
        return [
            line for line in differences(*found) if same not in line and "cloudprinter_request_cloudpri_" not in line
        ]

    def get_other_records(self):
        """Return what differs from a fresh installation: external id, field, and both values."""
        fresh, upgraded = (self.in_odoo("get_records", database=name) for name in (self.fresh, self.database))
        ours = {"cloudprinter.ir_cron_send", "ir_cron_send", "cloudprinter_item_rule_company"}
        differences = []
        for name in sorted((fresh.keys() | upgraded.keys()) - ours):
            new, old = fresh.get(name, {}), upgraded.get(name, {})
            differences += [
                (name, field, new.get(field), old.get(field))
                for field in sorted(new.keys() | old.keys())
                if new.get(field) != old.get(field)
            ]
        return differences


class TestUpgradeOfFirst(UpgradeCase):
    """From the first released data model."""

    archive = "19.0.1.0.0-bf6f127.tar.xz"

    def test_upgrade(self):
        self.check_upgrade()

    def upgrade(self):
        """Kill the upgrade in the middle and run it again."""
        self.stop_processes()
        log = DEV / "log" / f"{self.database}-killed.log"
        command = self.odoo.command(
            self.database, "--update=cloudprinter", "--stop-after-init", "--max-cron-threads=0", "--no-http"
        )
        with log.open("w") as output:
            process = subprocess.Popen([str(part) for part in command], env=self.odoo.environment, stderr=output)
        wait_until(
            lambda: "cloudprinter/views/stock_picking_views.xml" in log.read_text(), "the upgrade", timeout=TIMEOUT
        )
        process.send_signal(signal.SIGKILL)
        self.assertEqual(process.wait(), -signal.SIGKILL, "it was over already")
        super().upgrade()
        # this model had no other time of an attempt
        self.assertEqual(self.query("SELECT count(*) FROM cloudprinter_request WHERE date != create_date"), [["0"]])


class TestUpgradeOfSecond(UpgradeCase):
    """From a later data model with the same version number."""

    archive = "19.0.1.0.0-6a34809.tar.xz"

    def test_upgrade(self):
        self.check_upgrade()


class TestUpgradeOfThird(UpgradeCase):
    """From the last version without a chain of entries."""

    archive = "19.0.1.1.0-c0b617b.tar.xz"

    def test_upgrade(self):
        """Given orders of two items for 7.01: the upgrade shares it out to the items."""
        self.query(
            "UPDATE cloudprinter_order SET amount_items = 7.01, currency_id = 1 WHERE id IN (SELECT item.order_id"
            " FROM cloudprinter_item item JOIN sale_order_line line ON line.cloudprinter_item_id = item.id"
            " GROUP BY item.order_id HAVING count(*) = 2 AND min(line.price_subtotal) > 0) RETURNING id"
        )
        self.check_upgrade()
        amounts = self.query(
            "SELECT item.order_id, sum(item.amount), min(item.amount) > 0, count(*) FROM cloudprinter_item item"
            " JOIN cloudprinter_order orders ON orders.id = item.order_id AND orders.amount_items = 7.01 GROUP BY 1"
        )
        self.assertEqual({tuple(row[1:]) for row in amounts}, {("7.01", "t", "2")})

    def test_other_rule(self):
        """The new version finds other stages: nothing is reported automatically, a user is asked."""
        copy = self.copy_database(f"{self.database}_rule")
        self.in_odoo("forget_stages", "000001000001", database=copy, odoo=self.old)
        before = self.query("SELECT id, state FROM cloudprinter_signal ORDER BY id", copy)
        self.run_odoo(copy, "--update=cloudprinter")
        self.assertEqual(self.query("SELECT id, state FROM cloudprinter_signal ORDER BY id", copy), before)
        self.assertEqual(self.in_odoo("get_changed_by_update", database=copy), ["000001000001"])


class TestUpgradeOfLast(UpgradeCase):
    """From the version before this one."""

    archive = "19.0.1.2.0-a2d0e2c.tar.xz"
    queued = 104
    entries = ("accepted", "begin", "name", "refused", "settings")

    def test_upgrade(self):
        self.check_upgrade()

    def test_demo_data(self):
        """Given its demo data, an example of all that it stores: each row is kept as it is.

        A user has chosen the product of an item that is not mapped; the other item has the mapped one.
        """
        archive = (RELEASES / self.archive).read_bytes()
        prepared = self.postgres.keep("demo_a2d0e2c", (self.template, archive), self.prepare_demo)
        database = self.copy_database(f"{self.database}_demo", prepared)
        name = self.in_odoo("choose_product", database=database, odoo=self.old)
        tables = self.get_stored(database)
        rows = self.read_stored(database, tables)
        self.run_odoo(database, "--update=cloudprinter")
        for table, kept in self.read_stored(database, tables).items():
            self.assertEqual(kept, rows[table], table)
        self.assertEqual(self.in_odoo("check_ledger", database=database)[0], [])
        chosen = "SELECT product_name FROM cloudprinter_order_document_line WHERE is_chosen"
        self.assertEqual(self.query(chosen, database), [["calendar_a3_wiro"]])
        products = ["Photo Book A4", "Poster 50×70"]
        self.assertEqual(self.in_odoo("import_again", name, database=database), ["done", products])

    def prepare_demo(self, name):
        self.postgres.create(name, self.template)
        self.query("UPDATE ir_module_module SET demo = TRUE WHERE state = 'installed'", name)
        self.run_odoo(name, "--init=cloudprinter", "--with-demo", odoo=self.old)

    def get_stored(self, database):
        """Return the tables and columns of the add-on, and its columns in Odoo's tables."""
        return dict(
            self.query(
                "SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY column_name)"
                " FROM information_schema.columns WHERE table_schema = 'public'"
                " AND (table_name LIKE 'cloudprinter%' OR column_name LIKE 'cloudprinter%') GROUP BY 1",
                database,
            )
        )

    def read_stored(self, database, tables):
        return {
            table: self.query(f"SELECT stored::text FROM (SELECT {names} FROM {table}) stored ORDER BY 1", database)
            for table, names in tables.items()
        }


class TestBigDatabase(LifeCase):
    """Given: 10,000 manufacturing orders, 30,000 moves, 5,000 transfers, sales orders and contacts."""

    odoo_tables = ("mrp_production", "stock_move", "stock_picking", "sale_order", "sale_order_line", "res_partner")

    @classmethod
    def create_database(cls, name):
        """Create the database without the add-on, which the test installs."""
        scripts = (ROOT / "dev" / "installation_tests" / "life_scripts.py").read_bytes()
        return cls.copy_database(name, cls.postgres.keep("big", (cls.template, scripts), cls.prepare))

    @classmethod
    def prepare(cls, name):
        cls.postgres.create(name, cls.template)
        cls.in_odoo("make_years", 10_000, database=name)
        cls.in_odoo("check_read", database=name)
        cls.query("ANALYZE", name)
        cls.in_odoo("make_progress", 300, database=name)
        cls.stop_processes()
        cls.query("VACUUM ANALYZE", name)

    def get_files(self):
        """Return which file holds each table and index: a table that is rewritten gets another file."""
        return dict(
            self.query(
                "SELECT relname, relfilenode FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"
            )
        )

    def get_written_rows(self):
        names = ", ".join(f"'{name}'" for name in self.odoo_tables)
        rows = self.query(
            f"SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE relname IN ({names})"
        )
        return {name: int(count) for name, count in rows}

    def test_install_and_go_live(self):
        files, written = self.get_files(), self.get_written_rows()
        self.run_odoo(self.database, "--init=cloudprinter")
        now = self.get_files()
        self.assertEqual({name: now.get(name) for name in files}, files, "rewritten")
        # Odoo writes the contacts of the two users who become managers
        at_most = {"res_partner": 2}
        for name, count in self.get_written_rows().items():
            self.assertLessEqual(count - written[name], at_most.get(name, 0), f"rows of {name}")
        self.go_live()

    def go_live(self):
        """Link 300 orders in progress: nothing reported before is sent, everything afterwards is."""
        sales = [
            int(row[0])
            for row in self.query(
                "SELECT id FROM sale_order WHERE client_order_ref BETWEEN '00001000' AND '00002000' ORDER BY id"
            )
        ]
        self.assertEqual(len(sales), 300)
        self.in_odoo("configure", self.server.url, KEY)
        self.in_odoo("hold", True)
        self.assertEqual(self.in_odoo("link_all", sales), 300)
        # 100 were produced, 50 of them shipped
        self.assertEqual(
            self.query("SELECT type, state, origin, count(*) FROM cloudprinter_signal GROUP BY 1, 2, 3 ORDER BY 1"),
            [
                ["ItemProduce", "sent", "before", "100"],
                ["ItemProduced", "sent", "before", "100"],
                ["ItemRegistered", "sent", "before", "300"],
                ["ItemShipped", "sent", "before", "50"],
            ],
        )
        # work continues while signals are held: 5 of the produced orders are shipped
        self.in_odoo("deliver", sales[50:55])
        self.in_odoo("send")
        self.assertEqual(self.server.requests, [])
        self.in_odoo("release", "before")
        # and 5 of the others are produced
        self.in_odoo("produce", sales[200:205])
        self.in_odoo("send")
        expected = [("ItemShipped", number) for number in range(50, 55)]
        expected += [(kind, number) for number in range(200, 205) for kind in ("ItemProduce", "ItemProduced")]
        expected = [(kind, f"{1000 + number:08}0000", f"{1000 + number:08}0001") for kind, number in expected]
        self.assertEqual(sorted(self.server.signals()), sorted(expected))


class TestLedgerAndUninstall(LifeCase):
    """Given: a database with an example of everything that the add-on stores."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.configure()
        refused = {"match": lambda body: "000010300000" in str(body), "status": 400}
        cls.server.misbehave(**refused, body='{"error": {"info": "=unknown item"}}')
        cls.sales = cls.in_odoo("fill")
        cls.in_odoo("send")
        cls.received = [request["body"] for request in cls.server.requests]
        document = (ROOT / "tests" / "order_documents" / "order_v2.2.json").read_text()
        cls.in_odoo("fill_rest", KEY, document)
        cls.in_odoo("produce", cls.sales[:1])

    def test_export(self):
        """An accountant with invoicing rights only can export; others cannot."""
        self.in_odoo("make_user", "biller", "account.group_account_invoice")
        self.in_odoo("make_user", "packer", "stock.group_stock_user")
        self.in_odoo("spoil_message", '=HYPERLINK("http://example.com")')
        with self.serving("--max-cron-threads=0") as address:
            packer = Session(address, self.database, "packer", "packer")
            with self.assertRaises(RpcError):
                packer.call("cloudprinter.signal", "action_export_ledger", [])
            self.assertEqual(packer.get("/cloudprinter/ledger")[0], 403)
            biller = Session(address, self.database, "biller", "biller")
            action = biller.call("cloudprinter.signal", "action_export_ledger", [])
            status, headers, content = biller.get(action["url"])
        self.assertEqual(status, 200)
        self.assertRegex(headers["Content-Disposition"], r"cloudprinter_ledger_\d{4}-\d\d-\d\d\.zip")
        self.assertNotIn(KEY.encode(), content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(files.pop("manifest.json"))
        self.assertTrue(files.pop("verify.py").startswith(b"#!"))
        self.assertEqual(manifest["exported_by"], "biller")
        self.assertEqual(manifest["files"].keys(), files.keys())
        for name, content in files.items():
            self.assertEqual(manifest["files"][name]["sha256"], hashlib.sha256(content).hexdigest(), name)
            self.assertNotIn(KEY.encode(), content)

        signals = [json.loads(line) for line in files["signals.jsonl"].splitlines()]
        attempts = [json.loads(line) for line in files["attempts.jsonl"].splitlines()]
        table = list(csv.DictReader(io.StringIO(files["signals.csv"].decode("utf-8-sig")), delimiter=";"))
        counts = [
            int(row[0])
            for row in self.query(
                "SELECT count(*) FROM cloudprinter_signal UNION ALL SELECT count(*) FROM cloudprinter_request"
            )
        ]
        self.assertEqual([len(signals), len(attempts)], counts)
        self.assertEqual(len(table), len(signals))
        self.assertEqual(
            [manifest["files"][name]["rows"] for name in ("signals.csv", "signals.jsonl", "attempts.jsonl")],
            [len(table), *counts],
        )
        # each row has the values of the database
        columns = "id, nullif(number, 0), event_date"
        sent = {row[0]: row[1:] for row in self.query(f"SELECT {columns} FROM cloudprinter_signal")}
        for row, signal_row in zip(table, signals):
            self.assertEqual(row["ID"], str(signal_row["id"]))
            self.assertEqual([row["No."], row["Happened On (UTC)"]], sent[row["ID"]])
        posted = [attempt["body"] for attempt in attempts]
        self.assertEqual(sorted(map(json.loads, posted), key=str), sorted(self.received, key=str))
        failed = [row for row in table if row["Status"] == "Failed"]
        self.assertEqual([row["Answer"][:1] for row in failed], ["'"] * len(failed))
        self.assertTrue(failed)
        self.assertEqual({cell[:1] for row in table for cell in row.values()} & set("=+-@"), set())

    def test_uninstall(self):
        """Nothing of the add-on is left, Odoo keeps working, and the add-on can be installed again."""
        self.in_odoo("make_ledger_rows", 10_000)
        self.in_odoo("uninstall")
        self.stop_processes()
        found = [describe(lambda sql: self.query(sql, name), ALL) for name in (self.template, self.database)]  # noqa: B023
        # a second currency brings them
        expected = [
            "+ implied groups: Role / User > Basic Pricelists",
            "+ implied groups: Role / User > Multi Currencies",
        ]
        self.assertEqual(differences(*found), expected)
        self.assertEqual(self.get_traces(), {"ir_module_module", "ir_model_data", "mail_message", "res_partner"})
        self.assertEqual(self.in_odoo("work_on", self.sales), ["done", "sale"])
        self.stop_processes()

        self.run_odoo(self.database, "--init=cloudprinter")
        for table, column in (("sale_order", "order_id"), ("sale_order_line", "item_id"), ("stock_move", "item_id")):
            self.assertEqual(self.query(f"SELECT count(cloudprinter_{column}) FROM {table}"), [["0"]], table)
        self.assertEqual(self.query("SELECT count(*) FROM cloudprinter_item_mrp_production_rel"), [["0"]])
        self.assertEqual(self.in_odoo("get_outbox"), [])
        self.in_odoo("sell", 3000, 1)
        self.assertEqual(self.in_odoo("get_outbox"), [["000030000001", "ItemRegistered", "outgoing"]])

    def get_traces(self):
        """Return the tables in which the add-on is still named."""
        tables, table = set(), None
        for line in self.postgres.dump(self.database).splitlines():
            if line.startswith("COPY "):
                table = line.split()[1].removeprefix("public.")
            elif "cloudprinter" in line.lower():
                tables.add(table)
        return tables


class TestReleaseArchive(LifeCase):
    """The release contains only the add-on, and works without the repository."""

    # requirements of Odoo 19 itself, among the add-on's imports
    OF_ODOO = {
        *("PIL", "asn1crypto", "dateutil", "lxml", "markupsafe", "openpyxl", "psycopg2", "pytz", "reportlab"),
        *("requests", "urllib3", "werkzeug"),
    }

    @classmethod
    def create_database(cls, name):
        return cls.copy_database(name, cls.template)

    def test_archive(self):
        archive = make_archive()
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            names = tar.getnames()
            sources = {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.name.endswith(".py")}
        top = {name.split("/")[0] for name in names}
        self.assertEqual(
            {name for name in top if name.startswith(".")} | top & {"dev", "tests", "Makefile", "pyproject.toml"}, set()
        )
        self.assertLessEqual({"LICENSE", "README.md", "requirements.txt", "__manifest__.py", "migrations"}, top)
        allowed = {*self.OF_ODOO, *(ROOT / "requirements.txt").read_text().split(), "odoo", *sys.stdlib_module_names}
        imported = {name: sorted(get_imported(source) - allowed) for name, source in sources.items()}
        self.assertEqual({name: modules for name, modules in imported.items() if modules}, {})

        odoo = self.of_archive(archive, "now")
        log = self.run_odoo(self.database, "--init=cloudprinter", odoo=odoo)
        self.assertEqual([line for line in log.splitlines() if " WARNING " in line or " ERROR " in line], [])
        with odoo.serving(self.database, "--max-cron-threads=0") as address:
            admin = Session(address, self.database, "admin", "admin")
            self.assertEqual(admin.call("cloudprinter.item", "search_count", []), 0)
            views = admin.call("cloudprinter.item", "get_views", [[False, "list"], [False, "form"]])
            self.assertIn("form", views["views"])
            self.assertEqual(admin.get("/odoo")[0], 200)


def get_imported(source):
    """Return the names of the packages from which a module imports by absolute name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found
