"""All tests: Odoo's own classes in tests/, then those with processes, in dev/process_tests/ and dev/fault_tests/."""

import os
import re
import subprocess
import time

from .environment import ADDONS, DEV, ROOT, say
from .process_tests.common import INSTALLED
from .processes import free_port

STARTED = re.compile(r"odoo\.addons\.cloudprinter\.tests\.(\w+): Starting (\w+)\.(\w+)")
LEVEL = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ (\w+) ")
RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")


def run_tests(server, template, tags=None):
    """Run all tests, or those with Odoo's test `tags`; returns the exit code and prints `N passed, N failed`."""
    start = time.monotonic()
    passed, failed = _run_odoo_tests(server, template, tags)
    if not tags:
        for folder in ("dev/process_tests", "dev/fault_tests"):
            more, worse = _run_process_tests(server, template, folder)
            passed, failed = passed + more, failed + worse
    return _report(start, passed, failed)


def run_fault_tests(server, template, pattern=None):
    """Run the fault tests, or those whose name has `pattern`; the exit code and what is printed as above."""
    start = time.monotonic()
    return _report(start, *_run_process_tests(server, template, "dev/fault_tests", pattern))


def _report(start, passed, failed):
    say(f"\nran for {time.monotonic() - start:.0f} s; the logs are in {DEV / 'log'}")
    if not passed and not failed:
        say("No test ran.")
        return 1
    say(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _run_odoo_tests(server, template, tags):
    say("Odoo's test classes")
    server.postgres.create("test", template)
    port = free_port()
    command = server.command(
        "test",
        "--init=cloudprinter",
        f"--test-tags={tags or '/cloudprinter'}",
        "--stop-after-init",
        "--max-cron-threads=0",
        f"--screenshots={DEV / 'screenshots'}",
        "--http-interface=127.0.0.1",
        f"--http-port={port}",
    )
    log = DEV / "log" / "test.log"
    ran = bad = 0
    shown_class = None
    in_trouble = False
    with (
        log.open("w") as output,
        subprocess.Popen(
            [str(part) for part in command],
            env=server.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        try:
            for line in process.stdout:
                output.write(line)
                if level := LEVEL.match(line):
                    in_trouble = level[1] in ("ERROR", "CRITICAL")
                if in_trouble:
                    print(line, end="", flush=True)
                elif (started := STARTED.search(line)) and started[2] != shown_class:
                    shown_class = started[2]
                    say(f"  {started[1]}: {shown_class}")
                if result := RESULT.search(line):
                    bad += int(result[1]) + int(result[2])
                    ran += int(result[3])
        except BaseException:
            process.terminate()
            raise
    if process.returncode and not bad:
        say(f"Odoo ended with exit code {process.returncode}.")
        bad += 1
    return max(ran - bad, 0), bad


def _run_process_tests(server, template, folder, pattern=None):
    say(f"Tests with processes of their own: {folder}")
    # it may be of an older version of the add-on
    server.postgres.drop(INSTALLED)
    environment = dict(
        server.environment,
        PYTHONPATH=os.pathsep.join([server.environment["PYTHONPATH"], str(ROOT)]),
        CLOUDPRINTER_TEST_PORT=str(server.postgres.port),
        CLOUDPRINTER_TEST_TEMPLATE=template,
        CLOUDPRINTER_TEST_ADDONS=str(ADDONS),
    )
    output = []
    command = [str(server.python), "-m", "unittest", "discover", "-v", "-s", folder, "-t", "."]
    with subprocess.Popen(
        [*command, "-k", pattern] if pattern else command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            for line in process.stdout:
                output.append(line)
                print(line, end="", flush=True)
        except BaseException:
            process.terminate()
            raise
    text = "".join(output)
    ran = re.search(r"^Ran (\d+) tests?", text, re.MULTILINE)
    # a test that is skipped here is one that did not run
    trouble = sum(int(count) for count in re.findall(r"(?:failures|errors|skipped)=(\d+)", text))
    count = int(ran[1]) if ran else 0
    if process.returncode and not trouble:
        trouble = 1
    return max(count - trouble, 0), trouble
