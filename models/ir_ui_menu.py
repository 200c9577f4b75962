from odoo import models


class IrUiMenu(models.Model):
    _inherit = "ir.ui.menu"

    def _load_menus_blacklist(self):
        """Override of `base` to hide the ledger's report menu from users who see it among the logs."""
        hidden = super()._load_menus_blacklist()
        if self.env.user.has_group("account.group_account_readonly"):
            # an error for a deleted menu would keep all users out of Odoo
            menu = self.env.ref("cloudprinter.cloudprinter_ledger_report_menu", raise_if_not_found=False)
            hidden += menu.ids if menu else []
        return hidden
