"""Unit tests of the fields that Odoo has no widget for, run by Odoo's own runner (`static/tests/unit/`)."""

from odoo.tests import HttpCase, tagged


@tagged("post_install", "-at_install", "cloudprinter")
class TestJavaScript(HttpCase):
    def test_fields(self):
        self.browser_js(
            f"/web/tests?headless&loglevel=2&preset=desktop&timeout=15000&id={self.get_suite('@cloudprinter')}",
            "",
            "",
            login="admin",
            timeout=300,
            success_signal="[HOOT] Test suite succeeded",
        )

    def get_suite(self, name):
        """Return the id that Odoo's runner gives to a suite."""
        number = 0
        for letter in name:
            number = (number * 31 + ord(letter)) & 0xFFFFFFFF
        return f"{number:08x}"
