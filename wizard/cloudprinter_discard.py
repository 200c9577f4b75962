from odoo import api, fields, models


class CloudprinterDiscard(models.TransientModel):
    """Dialog in which a user enters why signals are discarded."""

    _name = "cloudprinter.discard"
    _inherit = ["cloudprinter.dialog"]
    _description = "Discard Signals"

    signal_ids = fields.Many2many("cloudprinter.signal", string="Signals", readonly=True)
    signal_count = fields.Integer(compute="_compute_signal_count")
    reason = fields.Char()

    @api.depends("signal_ids")
    def _compute_signal_count(self):
        for dialog in self:
            dialog.signal_count = len(dialog.signal_ids)

    def action_discard(self):
        """Discard the signals with the entered reason."""
        self.ensure_one()
        return self.signal_ids.action_discard(self.reason)
