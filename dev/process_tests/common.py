"""Databases with the add-on, Odoo processes in them, and a shop for the tests."""

import json
import os
import signal
import socket
import subprocess
import unittest
from pathlib import Path

from ..cloudsignal_server import CloudSignalServer
from ..environment import DEV, PYTHON
from ..postgres import Postgres
from ..processes import OdooServer, wait_until

KEY = "13b37bb1ed6d3403e158abe719b4f6d0"
TIMEOUT = 120  # seconds after which a step fails
# the socket of `in_odoo.serve`, and the options of Odoo with which it was started
FORKS, FORKS_OPTIONS = "CLOUDPRINTER_TEST_FORKS", "CLOUDPRINTER_TEST_FORKS_OPTIONS"


class ProcessCase(unittest.TestCase):
    """Given: `cls.database`, a fresh one with the add-on, a key and the stand-in server's address."""

    scripts = "dev.process_tests.scripts"

    @classmethod
    def setUpClass(cls):
        cls.template = os.environ["CLOUDPRINTER_TEST_TEMPLATE"]
        cls.postgres = Postgres(PYTHON)
        cls.postgres.port = int(os.environ["CLOUDPRINTER_TEST_PORT"])
        odoo = Path(os.environ["PYTHONPATH"].split(os.pathsep)[0])
        cls.odoo = OdooServer(PYTHON, odoo, Path(os.environ["CLOUDPRINTER_TEST_ADDONS"]), cls.postgres)
        cls.server = CloudSignalServer(KEY)
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.processes = {}
        cls.database = cls.create_database(f"test_{cls.__name__.lower()}")

    def setUp(self):
        self.server.behave()
        self.server.accepted.clear()
        self.server.requests.clear()

    @classmethod
    def create_database(cls, name):
        """Create a database with the add-on that is dropped after the class."""
        return cls.copy_database(name, os.environ["CLOUDPRINTER_TEST_INSTALLED"])

    @classmethod
    def copy_database(cls, name, source=None):
        """Copy `source`, by default the class's database, until the end of the class; return its name."""
        cls.stop_processes()
        cls.postgres.create(name, source or cls.database)
        cls.addClassCleanup(cls.postgres.drop, name)
        cls.addClassCleanup(cls.stop_processes)
        return name

    @classmethod
    def run_odoo(cls, database, *options, odoo=None):
        """Run Odoo's command to its end, optionally with another version of the add-on; return its log."""
        cls.stop_processes()
        return (odoo or cls.odoo).run(database, *options).read_text()

    @classmethod
    def configure(cls, database=None):
        """Save the stand-in's address and key in the company, as the settings form does."""
        cls.in_odoo("configure", cls.server.url, KEY, database=database)

    @classmethod
    def in_odoo(cls, function, *arguments, database=None, odoo=None):
        """Run a function of the scripts in Odoo, commit, and return its result.

        :param OdooServer odoo: with another version of the add-on, from `stop_processes` to `stop_processes`
        """
        database = database or cls.database
        process = cls.processes.get(database)
        if not process:
            process = cls.processes[database] = OdooProcess(odoo or cls.odoo, database, cls.scripts)
        return process.run(function, *arguments)

    def start_in_odoo(self, function, *arguments):
        """Run a function in a process of its own, which may stop at a line and wait for the test."""
        process = OdooProcess(self.odoo, self.database, self.scripts)
        self.addCleanup(process.stop)
        process.ask(function, *arguments)
        return process

    @classmethod
    def stop_processes(cls):
        """End processes that hold connections or have loaded an older version of the add-on."""
        while cls.processes:
            cls.processes.popitem()[1].stop()

    def serving(self, *options):
        return self.odoo.serving(self.database, *options)

    @classmethod
    def query(cls, sql, database=None):
        return cls.postgres.query(database or cls.database, sql)


class ForkedProcess:
    """A process of `in_odoo.serve`, used as a `subprocess.Popen`."""

    def __init__(self, path, request, log):
        self.connection = socket.socket(socket.AF_UNIX)
        # it may still be loading Odoo
        wait_until(lambda: self.connection.connect_ex(path) == 0, "the process to fork from", timeout=TIMEOUT)
        (stdin, write), (read, stdout) = os.pipe(), os.pipe()
        socket.send_fds(self.connection, [json.dumps(request).encode()], [stdin, stdout, log.fileno()])
        os.close(stdin)
        os.close(stdout)
        self.stdin, self.stdout = os.fdopen(write, "w"), os.fdopen(read)
        self.answers = self.connection.makefile()
        self.pid = int(self.answers.readline())
        self.returncode = None

    def wait(self, timeout=None):
        if self.returncode is None:
            self.connection.settimeout(timeout)
            self.returncode = int(self.answers.readline())
            self.answers.close()
            self.connection.close()
        return self.returncode


class OdooProcess:
    """A process that runs functions of a module, such as `scripts.py`, in one database, one after the other."""

    def __init__(self, odoo, database, module="dev.process_tests.scripts"):
        self.log = DEV / "log" / f"{database}-process.log"
        options = json.dumps(odoo.bare_options)
        with self.log.open("a") as log:
            if (forks := os.environ.get(FORKS)) and options == os.environ[FORKS_OPTIONS]:
                self.process = ForkedProcess(forks, [database, module], log)
            else:
                self.process = subprocess.Popen(
                    [str(odoo.python), "-m", "dev.process_tests.in_odoo", options, database, module],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )

    def _tell(self, text):
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def run(self, function, *arguments):
        self.ask(function, *arguments)
        return self.finish()

    def ask(self, function, *arguments):
        self._tell(json.dumps([function, *arguments]))

    def wait_for(self, word):
        """Read until the process prints `word`."""
        line = self.process.stdout.readline()
        if line.strip() != word:
            raise AssertionError(f"expected {word}, got {line}; its log is {self.log}")

    def go(self):
        self._tell("go")

    def finish(self):
        """Return the function's result."""
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the process ended; its log is {self.log}")
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["result"]

    def was_killed(self):
        """Wait for the process to end; return whether SIGKILL ended it."""
        return self.process.wait(timeout=TIMEOUT) == -signal.SIGKILL

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=TIMEOUT)
        self.process.stdout.close()
