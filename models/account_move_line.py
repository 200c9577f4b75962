from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    # Claims come as credit notes that are made by hand, so Odoo does not know their order.
    cloudprinter_order_id = fields.Many2one(
        "cloudprinter.order",
        "Cloudprinter Order",
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The order that this line is about, if it was not made from the sales order.",
    )
    cloudprinter_is_claim = fields.Boolean(
        "Agreed Claim",
        copy=False,
        help="A claim of Cloudprinter that was agreed: it reduces what is paid, not what is owed for the order.",
    )

    @api.constrains("cloudprinter_order_id")
    def _check_cloudprinter_order_id(self):
        for line in self:
            # Odoo checks constraints with all rights; a user may only choose an order that they can read
            line.cloudprinter_order_id.sudo(False).check_access("read")
            order = line.cloudprinter_order_id.sudo()
            if order and order.company_id.root_id != line.company_id.sudo().root_id:
                raise ValidationError(
                    self.env._(
                        "Order %(order)s belongs to %(company)s.", order=order.name, company=order.company_id.name
                    )
                )

    @api.model
    def _cloudprinter_get_unassigned_domain(self, companies):
        """Return the domain of the posted lines of Cloudprinter's credit notes that belong to no order yet."""
        return [
            ("company_id", "in", companies.ids),
            ("partner_id", "in", companies._cloudprinter_get_customers().ids),
            ("move_id.move_type", "=", "out_refund"),
            ("parent_state", "=", "posted"),
            ("display_type", "=", "product"),
            ("sale_line_ids", "=", False),
            ("cloudprinter_order_id", "=", False),
        ]

    @api.model
    def action_cloudprinter_unassigned(self):
        """Open the credit notes of Cloudprinter that belong to no order yet."""
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.account_move_line_action_credit")
        return {**action, "domain": self._cloudprinter_get_unassigned_domain(self.env.companies)}
