from odoo import fields, models
from odoo.exceptions import AccessError


class CloudprinterOrderDocumentLine(models.Model):
    """An item of an incoming order that waits for a user, who chooses its product."""

    _name = "cloudprinter.order.document.line"
    _description = "Item of an Incoming Order"
    _inherit = ["cloudprinter.discreet.mixin"]
    _order = "id"
    _check_company_auto = True

    document_id = fields.Many2one(
        "cloudprinter.order.document", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="document_id.company_id")
    name = fields.Char("Item ID", required=True, readonly=True)
    title = fields.Char(readonly=True)
    quantity = fields.Integer(readonly=True)
    product_name = fields.Char("Cloudprinter Product", readonly=True)
    product_id = fields.Many2one("product.product", check_company=True, domain=[("sale_ok", "=", True)])
    is_chosen = fields.Boolean(
        "Chosen", readonly=True, help="A user chose the product. Otherwise it is the mapped one."
    )

    def write(self, vals):
        if not self.env.su and vals.keys() != {"product_id"}:
            raise AccessError(self.env._("Only the product of an item can be chosen."))
        if "product_id" in vals:
            vals = {**vals, "is_chosen": bool(vals["product_id"])}
        return super().write(vals)
