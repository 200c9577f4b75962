from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..statement import CATEGORIES, FITTING

# lines that are about an order with all its items
WHOLE = Domain("item_id", "=", False) & Domain("is_freight", "=", False)


class CloudprinterStatementLine(models.Model):
    """A line of a statement, and what it means."""

    _name = "cloudprinter.statement.line"
    _description = "Line of a Cloudprinter Statement"
    _order = "statement_id desc, number, id"
    _rec_name = "number"

    statement_id = fields.Many2one(
        "cloudprinter.statement", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="statement_id.company_id", store=True)
    number = fields.Integer("Line", readonly=True, aggregator=None)
    order_ref = fields.Char("Order ID", readonly=True)
    item_ref = fields.Char("Item ID", readonly=True)
    reference = fields.Char("Client Reference", readonly=True)
    invoice_ref = fields.Char("Invoice Number", readonly=True)
    order_id = fields.Many2one("cloudprinter.order", "Order", readonly=True, index="btree_not_null")
    item_id = fields.Many2one("cloudprinter.item", "Item", readonly=True, index="btree_not_null")
    is_freight = fields.Boolean(
        "Freight Only", readonly=True, help="The items of the order have their own lines, so this is its freight."
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    has_parts = fields.Boolean(readonly=True, help="The line has items and freight apart.")
    amount_items = fields.Monetary("Items", readonly=True)
    amount_freight = fields.Monetary("Freight", readonly=True)
    amount = fields.Monetary("Stated", readonly=True)
    owed_items = fields.Monetary("Owed for Items", readonly=True)
    owed_freight = fields.Monetary("Owed for Freight", readonly=True)
    difference = fields.Monetary(compute="_compute_difference", store=True, help="Stated − owed.")
    category = fields.Selection(
        [(category.name, category.label) for category in CATEGORIES], "Result", readonly=True, index=True
    )
    is_whole = fields.Boolean(compute="_compute_is_whole")
    is_accepted = fields.Boolean("Accepted", readonly=True, help="A user accepted the line as the statement has it.")
    is_fine = fields.Boolean("In Order", compute="_compute_is_fine", store=True)
    is_settled = fields.Boolean("Settled", readonly=True)
    move_id = fields.Many2one("account.move", "Credit Note", readonly=True)

    @api.depends("amount", "owed_items", "owed_freight")
    def _compute_difference(self):
        for line in self:
            line.difference = line.amount - line.owed_items - line.owed_freight

    @api.depends("order_id", "item_id", "is_freight")
    def _compute_is_whole(self):
        for line in self:
            line.is_whole = line.order_id and not line.item_id and not line.is_freight

    @api.depends("category", "is_accepted")
    def _compute_is_fine(self):
        for line in self:
            line.is_fine = line.is_accepted or line.category in FITTING

    def _describe_for_cloudprinter(self):
        """Return the line with what is wrong about it, in English."""
        what = f"item {self.item_ref}" if self.item_ref else f"order {self.order_ref or self.reference or '?'}"
        name = self.currency_id.name or ""
        reason = {
            "unknown": "we do not know it",
            "company": "it belongs to another company",
            "currency": "it was ordered in another currency",
            "repeated": "it is twice on the statement",
            "settled": "an earlier statement has it too",
            "free": "nothing is owed for it",
            "not_shipped": "it was not shipped in this period",
        }.get(
            self.category,
            f"we expect {name} {self.owed_items:.2f} for items and {name} {self.owed_freight:.2f} for shipping",
        )
        return f"Line {self.number}, {what}, {name} {self.amount:.2f}: {reason}."

    # === actions === #

    def action_accept(self):
        """Accept the lines as the statement has them."""
        self.statement_id.check_access("write")
        accepted = self.sudo().filtered(lambda line: not line.is_fine)
        accepted.is_accepted = True
        for line in accepted.filtered(lambda line: line.statement_id.state == "settled"):
            item = line.item_id
            settled = line.statement_id._find_settled(line.order_id)
            other = settled.filtered(lambda other: other.is_whole or other.item_id == item)  # noqa: B023
            if other:
                raise UserError(
                    self.env._(
                        "Statement %(statement)s has settled order %(order)s since. Query this line.",
                        statement=other.statement_id[:1].name,
                        order=line.order_id.name,
                    )
                )
            line.is_settled = True

    def action_create_invoices(self):
        """Create the invoices of the orders of these lines."""
        return self.order_id.action_create_invoices()

    def action_create_credit_note(self):
        """Propose a credit note of what the statement pays less than is owed: a draft that a user checks and posts.

        :raises UserError: the statement does not pay less
        """
        self.ensure_one()
        self.statement_id.check_access("write")
        order = self.order_id
        customer = (
            order.sudo().sale_order_ids.partner_invoice_id[:1] or self.company_id._cloudprinter_get_customers()[:1]
        )
        if not order or self.move_id or self.currency_id.compare_amounts(self.difference, 0) >= 0 or not customer:
            raise UserError(self.env._("There is nothing to credit for this line."))
        sale_line = self._find_sale_line()
        net = -self.difference
        text = self.env._("Statement %(statement)s, line %(line)s", statement=self.statement_id.name, line=self.number)
        move = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "company_id": self.company_id.id,
                "partner_id": customer.id,
                "currency_id": self.currency_id.id,
                "ref": self.statement_id.name,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": f"{text}\nCloudprinter {order.name}",
                            "quantity": 1,
                            "price_unit": sale_line._cloudprinter_get_price(net, quantity=1) if sale_line else net,
                            "tax_ids": [Command.set(sale_line.tax_ids.ids)],
                            "cloudprinter_order_id": order.id,
                            "cloudprinter_is_claim": True,
                        }
                    )
                ],
            }
        )
        self.sudo().move_id = move
        return move._get_records_action(name=self.env._("Credit Note"))

    def _find_sale_line(self):
        """Return the line of the sales order that has the taxes of this line: that of its item, else the first."""
        lines = self.order_id.sudo().sale_order_ids.order_line.filtered(
            lambda line: not line.display_type and not line.is_downpayment
        )
        return (lines & self.item_id.sudo().sale_line_ids or lines)[:1]
