"""What happens to a database beside the flows: upgrades from an older version, export, uninstallation."""

import runpy
from pathlib import Path

from odoo import Command
from odoo.tests import tagged

from odoo.addons.cloudprinter import uninstall_hook

from .common import SignalCase

MIGRATIONS = Path(__file__).parent.parent / "migrations"


@tagged("post_install", "-at_install", "cloudprinter")
class TestLifeCycle(SignalCase):
    def test_uninstalling_keeps_what_users_saved(self):
        """Only what names a field of the add-on is removed: not similar words, nor custom fields."""
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

    def test_uninstalling_removes_the_type_of_to_dos(self):
        """This also works if users have planned activities of this type."""
        kind = self.env.ref("cloudprinter.mail_activity_type_cloudprinter")
        step = {"activity_type_id": kind.id, "summary": "Ask"}
        self.env["mail.activity.plan"].create(
            {"name": "Start", "res_model": "sale.order", "template_ids": [Command.create(step)]}
        )
        before = self.env["mail.activity.type"].create(
            {"name": "Proof", "chaining_type": "trigger", "triggered_next_type_id": kind.id}
        )
        self.env.flush_all()
        uninstall_hook(self.env)
        # as Odoo does afterwards
        kind.unlink()
        self.assertFalse(kind.exists())
        self.assertTrue(before.exists())

    def test_upgrading_dates_the_key_of_branches(self):
        """The first version recorded attempts, not when the key was entered; a branch posts with its parent's key."""
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        production = self.env["mrp.production"].create(
            {
                "product_id": self.env["product.product"].create({"name": "Book"}).id,
                "company_id": branch.id,
                "cloudprinter_order_ref": "1",
                "cloudprinter_item_ref": "2",
            }
        )
        production.with_context(allowed_company_ids=branch.ids).action_confirm()
        self.send()
        attempt = self.env["cloudprinter.request"].search([("company_id", "=", branch.id)])
        self.assertTrue(attempt)
        self.company.cloudprinter_key_date = False
        self.env.flush_all()
        migrate = runpy.run_path(MIGRATIONS / "19.0.1.1.0" / "post-migration.py")["migrate"]
        migrate(self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()
        self.assertEqual(self.company.cloudprinter_key_date, attempt.date)
        self.assertFalse(branch.cloudprinter_key_date)
