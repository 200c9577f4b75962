from odoo import models


class StockPicking(models.Model):
    _inherit = "stock.picking"

    def action_validate_later(self):
        self.with_delay()._validate_now()

    def _validate_now(self):
        self.button_validate()
