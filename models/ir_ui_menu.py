from odoo import models


class IrUiMenu(models.Model):
    _inherit = "ir.ui.menu"

    def _load_menus_blacklist(self):
        """Who finds the ledger among the logs needs no second entry among the reports."""
        hidden = super()._load_menus_blacklist()
        if self.env.user.has_group("account.group_account_readonly"):
            # an administrator may have deleted it, and nobody could open Odoo any more
            menu = self.env.ref("cloudprinter.cloudprinter_ledger_report_menu", raise_if_not_found=False)
            hidden += menu.ids if menu else []
        return hidden
