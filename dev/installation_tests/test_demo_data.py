"""The demo data fill every screen, load without warnings and send nothing."""

import re

from ..process_tests.common import ProcessCase


class TestDemoData(ProcessCase):
    def test_all_is_there(self):
        database = self.copy_database(f"{self.database}_data", self.template)
        # imitate Odoo's own demo data, which take minutes to load
        self.query("UPDATE ir_module_module SET demo = TRUE WHERE state = 'installed'", database)
        log = self.run_odoo(database, "--init=cloudprinter", "--with-demo")
        self.assertIn("cloudprinter_demo.xml", log)
        self.assertEqual(re.findall(r"^.* (?:WARNING|ERROR|CRITICAL) .*$", log, re.MULTILINE), [])

        demo = self.in_odoo("get_demo", database=database)
        for kind, (wanted, found) in demo.items():
            self.assertEqual(set(wanted) - set(found), set(), f"{kind} of which there is none")
        status = self.in_odoo("get_status", database=database)
        self.assertIn("on hold", status["status"]["reason"])
        self.assertFalse(status["key"])
