"""Updating to the same version, or to one with another rule."""

from ..process_tests.common import ProcessCase


class TestUpdate(ProcessCase):
    def test_update_makes_no_signal(self):
        """A new version of the rule finds other stages: nothing is reported, a user is asked."""
        self.in_odoo("make_item", 2)
        self.run_odoo(self.database, "--update=cloudprinter")
        self.assertEqual(self.in_odoo("get_outbox"), [["123456780001", "ItemRegistered", "outgoing"]])
        self.in_odoo("forget_stage")
        self.run_odoo(self.database, "--update=cloudprinter")
        self.assertEqual(self.in_odoo("get_outbox"), [])
        self.assertEqual(self.in_odoo("get_status")["attention"], ["changed_by_update"])
