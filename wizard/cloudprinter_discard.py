from odoo import fields, models


class CloudprinterDiscard(models.TransientModel):
    """Dialog in which a user enters why signals are discarded."""

    _name = "cloudprinter.discard"
    _description = "Discard Signals"

    signal_ids = fields.Many2many("cloudprinter.signal", string="Signals", readonly=True)
    reason = fields.Char()

    def action_discard(self):
        """Discard the signals with the entered reason."""
        self.ensure_one()
        return self.signal_ids.action_discard(self.reason)
