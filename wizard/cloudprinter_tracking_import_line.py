from odoo import fields, models


class CloudprinterTrackingImportLine(models.TransientModel):
    """A line of a file with tracking codes, and the delivery that it matches."""

    _name = "cloudprinter.tracking.import.line"
    _description = "Tracking Code Import Line"
    _order = "number, id"

    import_id = fields.Many2one("cloudprinter.tracking.import", required=True, ondelete="cascade", index=True)
    number = fields.Integer("Line")
    reference = fields.Char("Delivery, Order or Item")
    code = fields.Char("Tracking Code")
    option = fields.Char("Shipping Option")
    picking_id = fields.Many2one("stock.picking", "Delivery")
    signals = fields.Char("Reports", help="The items reported as shipped.")
    problem = fields.Char()
