from odoo import fields, models


class CloudprinterDiscard(models.TransientModel):
    """The dialog in which a person says why signals are not sent."""

    _name = "cloudprinter.discard"
    _description = "Discard Signals"

    signal_ids = fields.Many2many("cloudprinter.signal", string="Signals", readonly=True)
    reason = fields.Char()

    def action_discard(self):
        """Discard the signals for the reason that was entered."""
        self.ensure_one()
        return self.signal_ids.action_discard(self.reason)
