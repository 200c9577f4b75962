from odoo import fields, models


class MrpWorkorder(models.Model):
    _name = "mrp.workorder"
    _inherit = ["mrp.workorder", "cloudprinter.item.mixin"]

    cloudprinter_item_ids = fields.Many2many(related="production_id.cloudprinter_item_ids", string="Cloudprinter Items")
    cloudprinter_item_ref = fields.Char(related="production_id.cloudprinter_item_ref", string="Cloudprinter Item")
