"""Run the parts and print the table; started by `make bench`."""

import os
import signal
import sys
import time
import traceback
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg2

from ..environment import PYTHON, SetupError, say
from ..postgres import Postgres
from ..process_tests.common import OdooProcess
from ..processes import LOOPBACK, OdooServer
from . import parse
from .check import measure_check
from .clicks import measure_clicks
from .drain import Broken, measure_backlog, measure_memory
from .endpoint import listening
from .floor import measure_floor
from .installing import measure_installing
from .intake import measure_intake
from .latency import measure_latency
from .ledger import measure_ledger
from .many import measure_many
from .measure import Table
from .month_end import measure_month_end
from .people import measure_people

MEASURE = {
    "a": measure_backlog,
    "c": measure_clicks,
    "d": measure_latency,
    "e": measure_ledger,
    "f": measure_memory,
    "g": measure_many,
    "h": measure_intake,
    "i": measure_people,
    "j": measure_check,
    "k": measure_month_end,
    "l": measure_floor,
    "m": measure_installing,
}


class Bench:
    """Resources shared by all parts: servers, databases, the table."""

    def __init__(self, options, endpoint):
        self.repeat = options.repeat
        self.quick = options.quick
        self.endpoint = endpoint
        self.table = Table()
        self.template = os.environ["CLOUDPRINTER_BENCH_TEMPLATE"]
        self.postgres = Postgres(PYTHON)
        self.postgres.port = int(os.environ["CLOUDPRINTER_BENCH_PORT"])
        odoo = Path(os.environ["PYTHONPATH"].split(os.pathsep)[0])
        self.odoo = OdooServer(PYTHON, odoo, Path(os.environ["CLOUDPRINTER_BENCH_ADDONS"]), self.postgres)
        self._copies = 0

    def drop_all(self):
        for database in self.postgres.databases():
            if database.startswith("bench_"):
                self.postgres.drop(database)

    def install(self, database, *modules):
        """Create a database with `modules` besides those of the template; no scheduled action runs unasked."""
        self.postgres.create(database, self.template)
        self.odoo.run(database, f"--init={','.join(modules)}", what=f"installing {', '.join(modules)}")
        with self.connected(database) as query:
            # the measured ones are triggered
            query("UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + interval '30 days'", fetch=False)
            query("DELETE FROM ir_cron_trigger", fetch=False)
        return database

    def make_database(self, name, source):
        self.postgres.create(name, source)
        return name

    def installed(self):
        """Return the name of a database with the add-on, created at the first call."""
        name = "bench_installed"
        return name if name in self.postgres.databases() else self.install(name, "cloudprinter")

    def make_backlog(self, orders):
        """Return the name of a database with this many orders to report, created at the first call."""
        name = f"bench_backlog_{orders}"
        if name in self.postgres.databases():
            return name
        self.postgres.create(name, self.installed())
        start = time.monotonic()
        with self.in_odoo(name) as office:
            office.run("make_backlog", orders)
        with self.connected(name) as query:
            # as after hours of work in it
            query("VACUUM ANALYZE", fetch=False)
            # but without statistics of an empty ledger: PostgreSQL would take it for empty while it grows
            query("SELECT pg_clear_relation_stats('public', 'cloudprinter_request')", fetch=False)
        say(f"  {orders} orders with their signals were made in {time.monotonic() - start:.0f} s")
        return name

    @contextmanager
    def copied(self, source):
        """Copy a database for the duration of the block."""
        self._copies += 1
        name = f"bench_copy_{self._copies}"
        self.postgres.create(name, source)
        try:
            yield name
        finally:
            self.postgres.drop(name)

    @contextmanager
    def in_odoo(self, database, scripts="dev.bench.shop"):
        """Start a process that runs functions of `scripts` in a database."""
        process = OdooProcess(self.odoo, database, scripts)
        try:
            yield process
        finally:
            process.stop()

    def connect(self, database):
        connection = psycopg2.connect(host=LOOPBACK, port=self.postgres.port, user=self.postgres.user, dbname=database)
        connection.autocommit = True
        return connection

    @contextmanager
    def connected(self, database):
        """Run statements in a database: `query(sql)` returns the rows."""
        connection = self.connect(database)

        def query(sql, fetch=True):
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if fetch else None

        try:
            yield query
        finally:
            connection.close()


def main():
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    code = 0
    durations = []
    with ExitStack() as stack:
        bench = Bench(options, stack.enter_context(listening()))
        bench.drop_all()
        stack.callback(bench.drop_all)
        for part in options.only:
            say(MEASURE[part].__doc__.splitlines()[0])
            began = time.monotonic()
            try:
                MEASURE[part](bench)
            except Exception as error:
                # the figures of the other parts are still useful
                if not isinstance(error, (Broken, SetupError)):
                    traceback.print_exc()
                print(f"BROKEN: {error}", file=sys.stderr, flush=True)
                bench.table.add(part, "BROKEN, see above", "")
                code = 1
            durations.append(f"{part} {time.monotonic() - began:.0f} s")
        print()
        bench.table.print()
    say(f"\nran for {time.monotonic() - start:.0f} s ({', '.join(durations)}); repetitions: {options.repeat}")
    if options.quick:
        say("A quick run: these are no figures.")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
