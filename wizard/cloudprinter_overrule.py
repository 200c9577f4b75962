from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from ..tools.rights import check_manager


class CloudprinterOverrule(models.TransientModel):
    """Dialog in which a user enters why files are printed in spite of what was found in them."""

    _name = "cloudprinter.overrule"
    _inherit = ["cloudprinter.dialog"]
    _description = "Print Files All the Same"

    file_ids = fields.Many2many("cloudprinter.order.file", string="Files", readonly=True)
    reason = fields.Char()

    @api.model
    def _open(self, files):
        """Open the dialog for files."""
        return self._open_dialog(self.env._("Print All the Same"), file_ids=[Command.set(files.ids)])

    def action_overrule(self):
        """Accept the files with the entered reason."""
        self.ensure_one()
        check_manager(self.env)
        self.file_ids.check_access("read")
        reason = (self.reason or "").strip()
        if not reason:
            raise UserError(self.env._("Enter a reason."))
        self.file_ids._overrule(reason)
        return {"type": "ir.actions.act_window_close"}
