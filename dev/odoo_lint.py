"""Run Odoo's `test_lint` on the add-on alone; started by `make lint` in Odoo's environment.

Its tests check all add-ons that they find, which is only this one here; in the registry they
check the models of a database with the add-on.
"""

import json
import sys
from unittest.mock import PropertyMock, patch

# As in Odoo's own list of fields that are covered by an index on several columns.
INDEXED = {"cloudprinter.signal.item_id"}  # first column of _item_idx


def main(options, database):
    from odoo.modules import Manifest
    from odoo.modules.registry import Registry
    from odoo.tests import loader
    from odoo.tests.suite import OdooSuite
    from odoo.tools import config

    from odoo.addons.test_lint.tests import test_index

    config.parse_config([*json.loads(options), "-d", database, "--no-http"], setup_logging=True)
    Registry(database)
    config["test_enable"] = True
    addon = Manifest.for_addon("cloudprinter")
    tests = [
        test
        for module in loader.get_test_modules("test_lint")
        # this tests Odoo's checkers, not add-ons
        if not module.__name__.endswith(".test_checkers")
        for test in loader.get_module_test_cases(module)
    ]
    with (
        patch.object(test_index, "BTREE_INDEX_IGNORE_FIELDS", test_index.BTREE_INDEX_IGNORE_FIELDS | INDEXED),
        patch.object(Manifest, "all_addon_manifests", lambda: [addon]),
        # pylint also checks Odoo itself
        patch.object(type(config), "root_path", PropertyMock(return_value=addon.path)),
    ):
        result = loader.run_suite(OdooSuite(tests))
    print(f"\nRAN {result.testsRun} tests", flush=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
