from odoo import models
from odoo.exceptions import AccessError


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    def _check_access(self, operation):
        """Override of `base` to keep the file of a statement as it was imported: users may only read it."""
        refused = super()._check_access(operation)
        if operation not in ("write", "unlink"):
            return refused
        files = self.sudo().filtered(lambda attachment: attachment.res_model == "cloudprinter.statement")
        statements = files and self.env["cloudprinter.statement"].sudo().search([("attachment_id", "in", files.ids)])
        kept = self.browse(statements.attachment_id.ids) if statements else self.browse()
        if not kept:
            return refused
        return (
            kept | refused[0] if refused else kept,
            lambda: AccessError(self.env._("The file of a statement cannot be changed.")),
        )
