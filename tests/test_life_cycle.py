"""What happens to a database beside the flows: upgraded from an older version, exported, uninstalled."""

from odoo.tests import tagged

from odoo.addons.cloudprinter import uninstall_hook

from .common import CloudprinterCase


@tagged("post_install", "-at_install", "cloudprinter")
class TestLifeCycle(CloudprinterCase):
    def test_uninstalling_keeps_what_people_saved(self):
        """Only what names a field of the add-on goes: not a word like it, nor a field that somebody made himself."""
        domains = {
            "of ours": "[('cloudprinter_item_ids.name', '=', '1')]",
            "of theirs": "[('x_cloudprinter_id', '!=', False)]",
            "of a customer": "[('partner_id', 'ilike', 'cloudprinter.com')]",
        }
        filters = self.env["ir.filters"].create(
            [{"name": name, "model_id": "stock.picking", "domain": domain} for name, domain in domains.items()]
        )
        export = self.env["ir.exports"].create({"name": "Transfers", "resource": "stock.picking"})
        lines = self.env["ir.exports.line"].create(
            [
                {"export_id": export.id, "name": name}
                for name in ("name", "x_cloudprinter_id", "cloudprinter_item_ids/name", "move_ids/cloudprinter_item_id")
            ]
        )
        uninstall_hook(self.env)
        self.assertEqual(filters.exists().mapped("name"), ["of theirs", "of a customer"])
        self.assertEqual(lines.exists().mapped("name"), ["name", "x_cloudprinter_id"])
