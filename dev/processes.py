"""Servers that live as long as a `with` block: the process that started them stops them, also on Ctrl-C."""

import ctypes
import functools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from .environment import DEV, ROOT, SetupError, run

LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1


def free_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def _die_with_parent(stop_signal):
    # macOS has none
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, stop_signal)


@contextmanager
def running(command, log, stop_signal=signal.SIGTERM, **options):
    """Run a server in a process group of its own while the block runs.

    :param Path log: where its output goes
    :param stop_signal: asks it to stop; after 20 s it is killed
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=functools.partial(_die_with_parent, stop_signal),
            **options,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(stop_signal)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def kill(process):
    """Kill a server of `running` and all its children at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(ready, what, process=None, timeout=60, log=None):
    """Poll `ready()` until it is true.

    :raises SetupError: the process ended, or `timeout` seconds went by
    """
    deadline = time.monotonic() + timeout
    while not ready():
        if process and process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log and log.exists() else ""
            raise SetupError(f"{what} did not start.\n{tail}")
        time.sleep(0.1)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


class OdooServer:
    """A way to run Odoo: its command line, environment and database.

    :param addons: the folder of add-ons, and `others` more of them
    """

    def __init__(self, python, odoo, addons, postgres, *others):
        self.python = python
        self.odoo, self.addons = odoo, addons
        self.postgres = postgres
        # Chromium writes into the home folder
        home = DEV / "home"
        home.mkdir(parents=True, exist_ok=True)
        self.environment = dict(os.environ, PYTHONPATH=str(odoo), HOME=str(home))
        paths = [odoo / "addons"] if (odoo / "addons" / "sale_mrp").exists() else []
        self.options = [
            f"--addons-path={','.join(str(path) for path in (*paths, addons, *others))}",
            f"--data-dir={DEV / 'data'}",
            f"--db_host={LOOPBACK}",
            f"--db_port={postgres.port}",
            f"--db_user={postgres.user}",
            # a user's configuration file would be read otherwise
            f"--config={self._empty_config()}",
        ]

    def add_queue_job(self, folder, workers):
        """Add queue_job, of `environment.ensure_queue_job`, to this Odoo, with this many jobs at once."""
        self.options[0] += f",{folder / 'odoo' / 'addons'}"
        # after Odoo itself, as this folder also has a part of its package
        self.environment["PYTHONPATH"] += f"{os.pathsep}{folder}"
        self.environment["ODOO_QUEUE_JOB_CHANNELS"] = f"root:{workers}"

    @staticmethod
    def _empty_config():
        path = DEV / "odoo.conf"
        path.write_text("[options]\n")
        return path

    @staticmethod
    def _program():
        """Return a file that starts Odoo: with `--workers` Odoo starts itself again, which a package cannot."""
        path = DEV / "bin" / "odoo"
        path.parent.mkdir(exist_ok=True)
        path.write_text("import odoo.cli\n\nodoo.cli.main()\n")
        return path

    def command(self, database, *options, program=("-m", "odoo")):
        return [self.python, *program, "server", *self.options, f"--database={database}", *options]

    @property
    def bare_options(self):
        """Return the options without the configuration file, for code that configures Odoo itself."""
        return [str(option) for option in self.options if not option.startswith("--config")]

    @property
    def dev_environment(self):
        """Return the environment of programs of dev/ that also use Odoo."""
        return dict(self.environment, PYTHONPATH=os.pathsep.join([self.environment["PYTHONPATH"], str(ROOT)]))

    def run(self, database, *options, what=None, log=None):
        """Run Odoo's command in `database` to its end, without web server and scheduled actions.

        :param str what: shown while it runs, default the options
        :returns: the path of its log
        :raises SetupError: it failed
        """
        log = log or DEV / "log" / f"{database}.log"
        command = self.command(database, *options, "--stop-after-init", "--max-cron-threads=0", "--no-http")
        run(command, what or " ".join(options), log=log, env=self.environment)
        return log

    def install(self, database, template, *options):
        """Create `database` from `template` with the add-on; return the path of the installation's log."""
        self.postgres.create(database, template)
        log = DEV / "log" / f"{database}-install.log"
        return self.run(database, "--init=cloudprinter", *options, what="installing cloudprinter", log=log)

    def run_code(self, database, code, what):
        """Run Python in Odoo's shell, with `env`."""
        command = [self.python, "-m", "odoo", "shell", *self.options, f"--database={database}", "--no-http"]
        run(command, what, log=DEV / "log" / f"{database}-shell.log", stdin=code, env=self.environment)

    def neutralize(self, database):
        """Neutralize `database` with Odoo's own command."""
        command = [self.python, "-m", "odoo", "neutralize", *self.options, f"--database={database}"]
        run(command, f"neutralizing {database}", log=DEV / "log" / f"{database}.log", env=self.environment)

    @contextmanager
    def serving(self, database, *options, port=None, log=None):
        """Serve `database` on loopback; yield the base address."""
        with self.serving_process(database, *options, port=port, log=log) as (address, _process):
            yield address

    @contextmanager
    def serving_process(self, database, *options, port=None, log=None):
        """Serve `database` on loopback; yield the base address and the process, which may be killed with `kill`."""
        port = port or free_port()
        log = log or DEV / "log" / f"odoo-{database}.log"
        log.unlink(missing_ok=True)
        command = self.command(
            database,
            "--http-interface=127.0.0.1",
            f"--http-port={port}",
            f"--db-filter=^{database}$",
            *options,
            program=[self._program()],
        )
        with running(command, log, env=self.environment) as process:
            address = f"http://{LOOPBACK}:{port}"
            wait_until(lambda: answers(f"{address}/web/health"), "Odoo", process, 90, log)
            yield address, process
