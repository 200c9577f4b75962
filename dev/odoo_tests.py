"""`make odoo-tests`: run the tests of Odoo's own modules in a database without the add-on and in one with it.

All of them run when everything is loaded, including those that Odoo runs while it installs their module, as
the add-on would not be there yet. Those that need a browser or a server are skipped and listed.
"""

import json
import re
import subprocess
import sys

from .environment import DEV, ROOT, say

MODULES = "mrp,stock,sale_mrp,stock_delivery,sale_stock"
FAILED = re.compile(r"(?:FAIL|ERROR): (?:Subtest |setUpClass \()?(?:[\w.]+\.)?(\w+\.\w+)")


def run_odoo_tests(server, template, modules=None):
    """Print what fails with the add-on, without it, or both; return 0 if the add-on causes no failure."""
    modules = modules or MODULES
    databases = {"without": "odoo_tests_without", "with": "odoo_tests_with"}
    failed = {}
    for kind, database in databases.items():
        if kind == "with":
            server.install(database, template)
        else:
            server.postgres.create(database, template)
        log = DEV / "log" / f"{database}.log"
        say(f"Tests of {modules} {kind} the add-on")
        command = [server.python, "-m", "dev.odoo_tests", json.dumps(server.bare_options), database, modules]
        with log.open("w") as output:
            subprocess.run(
                [str(part) for part in command],
                cwd=ROOT,
                env=server.dev_environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        text = log.read_text()
        failed[kind] = set(FAILED.findall(text))
        for line in text.splitlines():
            if line.startswith(("RAN ", "LEFT OUT")):
                say(f"  {line}")
        if "\nRAN " not in text:
            say(f"  They were not run to their end: {log}")
            return 1
        server.postgres.drop(database)
    for name in sorted(failed["with"] | failed["without"]):
        say(f"  {name:70} {' and '.join(kind for kind in databases if name in failed[kind])}")
    return 1 if failed["with"] - failed["without"] else 0


def main(options, database, modules):
    """Run in Odoo's environment."""
    from odoo.modules.registry import Registry
    from odoo.tests import HttpCase, loader
    from odoo.tests.suite import OdooSuite
    from odoo.tools import config

    config.parse_config([*json.loads(options), "-d", database, "--no-http"], setup_logging=True)
    Registry(database)
    # only now, as some would run while it loads
    config["test_enable"] = True
    tests = [
        test
        for name in modules.split(",")
        for module in loader.get_test_modules(name)
        for test in loader.get_module_test_cases(module)
        if "standard" in getattr(test, "test_tags", ())
    ]
    left_out = {type(test).__name__ for test in tests if isinstance(test, HttpCase)}
    tests = [test for test in tests if not isinstance(test, HttpCase)]
    result = loader.run_suite(OdooSuite(sorted(tests, key=lambda test: getattr(test, "test_sequence", 0))))
    print(f"\nLEFT OUT, as they need a server or a browser: {', '.join(sorted(left_out))}")
    print(f"RAN {result.testsRun} tests, {result.failures_count} failed, {result.errors_count} with errors", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
