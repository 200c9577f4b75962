from odoo import api, models


class StockMoveLine(models.Model):
    _inherit = "stock.move.line"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.filtered("picked").move_id._cloudprinter_check_stop()
        lines.move_id._cloudprinter_derive_again()
        return lines

    def write(self, vals):
        if vals.get("picked"):
            self.move_id._cloudprinter_check_stop()
        res = super().write(vals)
        if "quantity" in vals or "product_uom_id" in vals:
            self.move_id._cloudprinter_derive_again()
        return res

    def unlink(self):
        moves = self.move_id
        res = super().unlink()
        moves._cloudprinter_derive_again()
        return res
