"""All tests: Odoo's test classes in tests/, and the tests with processes of their own in dev/.

They are divided into jobs that run in parallel, each with its own databases: copies of one in which the
add-on was installed.
"""

import ast
import json
import os
import shutil
import subprocess
import time
from contextlib import ExitStack
from tempfile import TemporaryDirectory

from .environment import ADDONS, DEV, PYTHON, ROOT, say
from .jobs import Job, run_jobs
from .odoo_log import check_log
from .process_tests.common import FORKS, FORKS_OPTIONS
from .processes import free_port, running
from .template import ensure_installed, ensure_pages

# tests often wait: for a browser, an endpoint, a lock
AT_ONCE = 2 * os.cpu_count()
ODOO_JOBS = 3
# it crashes the PostgreSQL that all use
ALONE = "TestPostgresCrash"
DURATIONS = DEV / "durations.json"
COVERAGE = DEV / "coverage" / "data"
PROCESS_TESTS = ("dev/process_tests", "dev/fault_tests")
INSTALLATION_TESTS = "dev/installation_tests"


def run_tests(server, template, tags=None, only="", coverage=False, tools=None):
    """Run all tests, or those with Odoo's test `tags`, or the classes whose name contains `only`.

    :param bool coverage: measure executed lines of the add-on; fewer than pyproject.toml requires is a failure
    :param Future tools: run those of `make installations` and `make contract` too, the latter with this interpreter;
        together they need less time than one after the other
    :return: the exit code; prints `N passed, N failed`
    """
    start = time.monotonic()
    installed = ensure_installed(server, template)
    with ExitStack() as stack:
        if tags:
            jobs = [OdooJob(server, installed, "test", tags)]
        else:
            # installations start without, as compiled web pages still name an add-on that was uninstalled
            browsed = installed if only else ensure_pages(server, installed)
            jobs = get_odoo_jobs(server, browsed, only)
            for folder in PROCESS_TESTS:
                jobs += get_process_jobs(server, template, browsed, folder, only)
            if tools:
                from .contract import preparing_jobs

                jobs += get_process_jobs(server, template, installed, INSTALLATION_TESTS, only)
                jobs += stack.enter_context(preparing_jobs(server, installed, tools.result()))
        return run_with_forks(server, installed, jobs, Run(start, coverage))


def run_process_tests(server, template, folder, only=""):
    """Run the test classes of a folder, or those whose name contains `only`; exit code and output as above."""
    start = time.monotonic()
    installed = ensure_installed(server, template)
    return run_with_forks(server, installed, get_process_jobs(server, template, installed, folder, only), Run(start))


def run_with_forks(server, installed, jobs, run):
    """Run the jobs beside a process that has loaded Odoo, from which tests fork theirs (see `in_odoo.serve`).

    Forked processes do not record executed lines, so `coverage` has processes of their own.
    """
    forking = [job for job in jobs if isinstance(job, ProcessJob) and job.forks]
    if not forking or run.coverage:
        return run.run(jobs)
    database, options = "test_forks", json.dumps(server.bare_options)
    server.postgres.create(database, installed)
    # the path of a socket is short
    with TemporaryDirectory() as folder:
        path = f"{folder}/forks"
        command = [server.python, "-m", "dev.process_tests.in_odoo", options, database, path]
        for job in forking:
            job.options["env"].update({FORKS: path, FORKS_OPTIONS: options})
        with running(command, DEV / "log" / "forks.log", env=server.dev_environment, cwd=ROOT):
            code = run.run(jobs)
    server.postgres.drop(database)
    return code


def find_classes(folder):
    """Return the test classes below `folder`: their names with the path of their file."""
    return {
        node.name: path
        for path in sorted((ROOT / folder).glob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test")
    }


def read_durations():
    """Return the seconds that each test class took in its last run here."""
    return json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}


def get_odoo_jobs(server, installed, only=""):
    """Return jobs of similar length that together run Odoo's test classes."""
    durations = read_durations()
    names = [name for name in find_classes("tests") if only in name]
    shares = [[] for _number in range(min(ODOO_JOBS, len(names)))]
    lengths = [0] * len(shares)
    for name in sorted(names, key=lambda name: -durations.get(name, 5)):
        shortest = lengths.index(min(lengths))
        lengths[shortest] += durations.get(name, 5)
        shares[shortest].append(name)
    return [
        OdooJob(
            server, installed, f"test_{number}", ",".join(f"/cloudprinter:{name}" for name in names), names, seconds
        )
        for number, (names, seconds) in enumerate(zip(shares, lengths))
    ]


def get_process_jobs(server, template, installed, folder, only=""):
    durations = read_durations()
    expected = 60 if folder == INSTALLATION_TESTS else 20
    return [
        ProcessJob(server, template, installed, path, name, durations.get(name, expected))
        for name, path in find_classes(folder).items()
        if only in name
    ]


class TestJob(Job):
    """A process that runs tests and writes their results (see `dev/test_runner.py`)."""

    def __init__(self, server, name, log, arguments, seconds):
        self.results = log.with_suffix(".json")
        command = [server.python, "-m", "dev.test_runner", self.results, *arguments]
        super().__init__(name, command, log, seconds, env=server.dev_environment, cwd=ROOT)

    def start(self):
        self.results.unlink(missing_ok=True)
        super().start()

    def read_result(self):
        """Return the results of the tests. A process that fails without a failed test, or runs none, is a failure."""
        result = {"passed": 0, "failed": 0, "trouble": [], "durations": {}}
        if self.results.exists():
            result = json.loads(self.results.read_text())
        if not result["failed"] and (self.process.returncode or not result["passed"]):
            result["failed"] = 1
            result["trouble"].append(f"The process ended with exit code {self.process.returncode}: {self.log}")
        return result


class OdooJob(TestJob):
    """Odoo's test classes `classes`, named by `tags`, in one Odoo process."""

    def __init__(self, server, installed, database, tags, classes=(), seconds=0):
        self.postgres = server.postgres
        self.installed = installed
        self.database = database
        self.classes = classes
        options = [
            *server.options,
            f"--database={database}",
            f"--test-tags={tags}",
            "--stop-after-init",
            "--max-cron-threads=0",
            f"--screenshots={DEV / 'screenshots'}",
            "--http-interface=127.0.0.1",
            f"--http-port={free_port()}",
        ]
        name = f"{len(classes)} classes of Odoo's kind" if classes else tags
        super().__init__(server, name, DEV / "log" / f"{database}.log", ["odoo", *options], seconds)

    def start(self):
        self.postgres.create(self.database, self.installed)
        super().start()

    def read_result(self):
        result = super().read_result()
        if missing := sorted(set(self.classes) - set(result["durations"])):
            result["failed"] += len(missing)
            result["trouble"].append(f"No test ran of {', '.join(missing)}.")
        if not result["failed"] and (warnings := check_log(self.log)):
            result["failed"] = 1
            result["trouble"].append(f"What a test provokes, it expects (assertLogs, mute_logger):\n{warnings}")
        self.postgres.drop(self.database)
        return result


class ProcessJob(TestJob):
    """A class of `PROCESS_TESTS` or `INSTALLATION_TESTS`, in a process that starts others."""

    def __init__(self, server, template, installed, path, name, seconds):
        # installations change what a process has loaded
        self.forks = not path.is_relative_to(ROOT / INSTALLATION_TESTS)
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        arguments = ["unittest", f"{module}.{name}"]
        super().__init__(server, name, DEV / "log" / f"test-{name}.log", arguments, seconds)
        self.options["env"].update(
            CLOUDPRINTER_TEST_PORT=str(server.postgres.port),
            CLOUDPRINTER_TEST_TEMPLATE=template,
            CLOUDPRINTER_TEST_INSTALLED=installed,
            CLOUDPRINTER_TEST_ADDONS=str(ADDONS),
        )


class Run:
    """Jobs and their results."""

    def __init__(self, start, coverage=False):
        self.start = start
        self.passed = self.failed = 0
        self.trouble = []
        self.durations = read_durations()
        self.coverage = coverage

    def run(self, jobs):
        say(f"Tests, {AT_ONCE} jobs at once")
        if self.coverage:
            shutil.rmtree(COVERAGE.parent, ignore_errors=True)
            COVERAGE.parent.mkdir(parents=True)
            for job in jobs:
                job.measure(COVERAGE)
        run_jobs([job for job in jobs if job.name != ALONE], AT_ONCE, self.report)
        run_jobs([job for job in jobs if job.name == ALONE], 1, self.report)
        DURATIONS.write_text(json.dumps(self.durations, indent=1, sort_keys=True))
        if self.coverage and not report_coverage():
            self.failed += 1
        say(f"\nran for {time.monotonic() - self.start:.0f} s; the logs are in {DEV / 'log'}")
        # once more, as CI keeps only the end of the output
        for text in self.trouble:
            say(shorten(text))
        if not self.passed and not self.failed:
            say("No test ran.")
            return 1
        say(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0

    def report(self, job):
        result = job.read_result()
        passed, failed = result["passed"], result["failed"]
        self.passed += passed
        self.failed += failed
        self.durations.update({name: round(seconds, 1) for name, seconds in result["durations"].items()})
        self.trouble += result["trouble"]
        for text in result["trouble"]:
            say(text)
        say(f"  {passed:4} passed{f', {failed} FAILED' if failed else ''} in {job.seconds:.0f} s: {job.name}")


def shorten(text):
    """Return the first and the last line of a text: the test and its error."""
    lines = text.strip().splitlines()
    return f"  {lines[0][:200]} … {lines[-1][:300]}" if len(lines) > 1 else f"  {text[:500]}"


def report_coverage():
    """Print the add-on's coverage by file, the lowest last; return whether it is high enough."""
    environment = dict(os.environ, COVERAGE_FILE=str(COVERAGE))

    def coverage(*arguments):
        command = [str(PYTHON), "-m", "coverage", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    coverage("combine", "--quiet")
    result = coverage("report", "--sort=-cover", "--skip-covered")
    say(f"\nCoverage of the add-on's Python\n{result.stdout}{result.stderr}")
    return result.returncode == 0
