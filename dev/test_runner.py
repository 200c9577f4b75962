"""Runs tests in this process and writes what came of them to a file.

    python -m dev.test_runner RESULT unittest NAME      a class, by its dotted name
    python -m dev.test_runner RESULT odoo OPTIONS…      Odoo's server, with --test-tags and --stop-after-init

The file has JSON: numbers `passed` and `failed`, a list `trouble` of texts that explain the failures, and `durations`,
the seconds of each class. There is no file if the process ends before the tests.
"""

import json
import sys
import time
import unittest
from collections import defaultdict
from pathlib import Path


class Outcome:
    """What came of the tests so far. A skipped test counts as failed: it has shown nothing."""

    def __init__(self):
        self.count = 0
        self.trouble = []
        self.durations = defaultdict(float)
        self._since = time.monotonic()

    def add(self, test):
        """Count a test that has ended. What its class needed before it is part of its duration."""
        now = time.monotonic()
        self.count += 1
        self.durations[type(test).__name__] += now - self._since
        self._since = now

    def fail(self, test, text):
        self.trouble.append(f"{test}: {text}")

    def write(self, path):
        failed = len(self.trouble)
        values = {"passed": max(self.count - failed, 0), "failed": failed}
        path.write_text(json.dumps({**values, "trouble": self.trouble, "durations": self.durations}))


def make_result(base, outcome):
    """Return a subclass of `base`, a class of test results, that tells `outcome` what happens."""

    class Result(base):
        def stopTest(self, test):
            super().stopTest(test)
            outcome.add(test)

        def addError(self, test, err):
            super().addError(test, err)
            outcome.fail(test, self._exc_info_to_string(err, test))

        def addFailure(self, test, err):
            super().addFailure(test, err)
            outcome.fail(test, self._exc_info_to_string(err, test))

        def addSubTest(self, test, subtest, err):
            # unittest only keeps it, while Odoo's calls one of the two above
            before = len(outcome.trouble)
            super().addSubTest(test, subtest, err)
            if err is not None and len(outcome.trouble) == before:
                outcome.fail(subtest, self._exc_info_to_string(err, test))

        def addSkip(self, test, reason):
            super().addSkip(test, reason)
            outcome.fail(test, f"skipped: {reason}")

        def addUnexpectedSuccess(self, test):
            super().addUnexpectedSuccess(test)
            outcome.fail(test, "passed, though it is expected to fail")

    return Result


def run_unittest(outcome, name):
    tests = unittest.defaultTestLoader.loadTestsFromName(name)
    unittest.TextTestRunner(verbosity=2, resultclass=make_result(unittest.TextTestResult, outcome)).run(tests)
    return 0


def run_odoo(outcome, *options):
    import odoo.cli
    from odoo.tests import loader

    loader.OdooTestResult = make_result(loader.OdooTestResult, outcome)
    sys.argv = ["odoo", "server", *options]
    return odoo.cli.main()


def main(path, kind, *arguments):
    outcome = Outcome()
    try:
        return {"unittest": run_unittest, "odoo": run_odoo}[kind](outcome, *arguments)
    finally:
        outcome.write(Path(path))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
