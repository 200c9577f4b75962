from odoo import api, fields, models

from .mrp_production import STARTED


class MrpWorkorder(models.Model):
    _name = "mrp.workorder"
    _inherit = ["mrp.workorder", "cloudprinter.item.mixin"]

    cloudprinter_item_ids = fields.Many2many(related="production_id.cloudprinter_item_ids", string="Cloudprinter Items")
    cloudprinter_item_ref = fields.Char(related="production_id.cloudprinter_item_ref", string="Cloudprinter Item")

    @api.depends("production_id.cloudprinter_go_on")
    def _compute_cloudprinter_stop(self):
        decided = self.filtered(lambda workorder: workorder.production_id.cloudprinter_go_on)
        decided.cloudprinter_stop = False
        return super(MrpWorkorder, self - decided)._compute_cloudprinter_stop()

    def _cloudprinter_get_tz(self):
        return self.production_id._cloudprinter_get_tz()

    def write(self, vals):
        # all ways of starting and finishing meet here, except that a paused one goes on
        if vals.get("state") in STARTED:
            self.production_id._cloudprinter_check_stop()
        return super().write(vals)
