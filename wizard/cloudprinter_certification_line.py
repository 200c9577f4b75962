from odoo import fields, models


class CloudprinterCertificationLine(models.TransientModel):
    """A case of a print partner's test, with the order that shows it."""

    _name = "cloudprinter.certification.line"
    _description = "Case of a Cloudprinter Certification Run"

    certification_id = fields.Many2one("cloudprinter.certification", required=True, ondelete="cascade")
    name = fields.Char("Case", required=True, readonly=True)
    needs = fields.Text("What It Needs", readonly=True)
    result = fields.Selection(
        [("passed", "Passed"), ("open", "Not Yet"), ("failed", "Failed")], required=True, readonly=True
    )
    order_ref = fields.Char("Order ID", readonly=True)
    item_ref = fields.Char("Item ID", readonly=True)
    date = fields.Datetime("On", readonly=True)
    number = fields.Integer("Ledger No.", readonly=True)
