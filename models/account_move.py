from odoo import api, fields, models
from odoo.fields import Domain


class AccountMove(models.Model):
    _inherit = "account.move"

    cloudprinter_order_ids = fields.Many2many(
        "cloudprinter.order",
        string="Cloudprinter Orders",
        compute="_compute_cloudprinter_order_ids",
        search="_search_cloudprinter_order_ids",
    )
    cloudprinter_order_count = fields.Integer(
        "Number of Cloudprinter Orders", compute="_compute_cloudprinter_order_ids"
    )

    @api.depends("line_ids.sale_line_ids", "line_ids.cloudprinter_order_id")
    def _compute_cloudprinter_order_ids(self):
        lines = self.sudo().line_ids
        orders = lines.sale_line_ids.order_id.cloudprinter_order_id | lines.cloudprinter_order_id
        readable = orders.with_env(self.env)._filtered_access("read")
        for move in self:
            lines = move.sudo().line_ids
            linked = lines.sale_line_ids.order_id.cloudprinter_order_id | lines.cloudprinter_order_id
            move.cloudprinter_order_ids = linked.with_env(self.env) & readable
            move.cloudprinter_order_count = len(move.cloudprinter_order_ids)

    def _search_cloudprinter_order_ids(self, operator, value):
        if operator in Domain.NEGATIVE_OPERATORS:
            return NotImplemented
        if operator == "in" and False in value:
            # moves without lines have no orders either
            linked = self._search_cloudprinter_order_ids("any", Domain.TRUE)
            return ~linked | self._search_cloudprinter_order_ids("in", value - {False})
        if operator.startswith("any"):
            domain = value
        else:
            domain = [("id" if operator == "in" else "display_name", operator, value)]
        # the user may lack access to the sales orders; only the Cloudprinter orders are searched with the user's rights
        own = Domain("cloudprinter_order_id", "any!", self.env["cloudprinter.order"]._search(domain))
        return Domain("line_ids", "any!", own | Domain("sale_line_ids", "any!", Domain("order_id", "any!", own)))

    def action_cloudprinter_orders(self):
        """Show the Cloudprinter orders that the invoice bills."""
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.cloudprinter_order_reconcile_action")
        return {**action, "domain": [("id", "in", self.cloudprinter_order_ids.ids)], "context": {}}
