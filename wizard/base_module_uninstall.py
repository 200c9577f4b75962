from odoo import api, fields, models
from odoo.exceptions import UserError


class BaseModuleUninstall(models.TransientModel):
    _inherit = "base.module.uninstall"

    cloudprinter_is_lost = fields.Boolean(compute="_compute_cloudprinter_is_lost")
    cloudprinter_without_export = fields.Boolean("Uninstall Without an Export")

    @api.depends("module_ids")
    def _compute_cloudprinter_is_lost(self):
        """Find out whether the ledger would be deleted although something was recorded since its last export."""
        entries = self.env["cloudprinter.ledger.entry"].sudo()

        def find_last(company, domain):
            return entries.search([("company_id", "=", company.id), *domain], order="id desc", limit=1).id or 0

        for wizard in self:
            wizard.cloudprinter_is_lost = "cloudprinter" in wizard._get_modules().mapped("name") and any(
                find_last(company, [("order_id", "!=", False)]) > find_last(company, [("kind", "=", "export")])
                for company in self.env["res.company"].sudo().search([])  # pylint: disable=no-search-all
            )

    def action_uninstall(self):
        """Override of `base` to ask for an export of the ledger first."""
        if self.cloudprinter_is_lost and not self.cloudprinter_without_export:
            raise UserError(
                self.env._("Export the ledger of all companies first: it is evidence, and is deleted with the add-on.")
            )
        return super().action_uninstall()

    def action_cloudprinter_export_ledger(self):
        """Download the ledger of all companies of the user."""
        return self.env["cloudprinter.signal"].action_export_ledger()
