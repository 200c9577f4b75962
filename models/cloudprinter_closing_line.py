from odoo import fields, models
from odoo.tools import float_compare


class CloudprinterClosingLine(models.Model):
    """A row of a list of the month's end, as it was when the month was closed."""

    _name = "cloudprinter.closing.line"
    _description = "Row of a Cloudprinter Month-End"
    _order = "id"
    _rec_name = "order_id"

    list_id = fields.Many2one("cloudprinter.closing.list", "Belongs to", required=True, index=True, ondelete="cascade")
    closing_id = fields.Many2one(related="list_id.closing_id", store=True, index=True)
    company_id = fields.Many2one(related="closing_id.company_id", store=True)
    kind = fields.Selection(related="list_id.kind", store=True, string="List")
    part = fields.Selection(
        [
            ("order", "Whole order"),
            ("item", "Item"),
            ("freight", "Freight"),
            ("advance", "Paid in advance"),
            ("move", "Credit note"),
            ("statement", "Statement"),
        ],
        "About",
        required=True,
    )
    order_id = fields.Many2one("cloudprinter.order", "Order", ondelete="restrict")
    item_id = fields.Many2one("cloudprinter.item", "Item", ondelete="restrict")
    move_line_id = fields.Many2one("account.move.line", "Credit Note Line", ondelete="set null")
    statement_id = fields.Many2one("cloudprinter.statement", ondelete="restrict")
    currency_id = fields.Many2one("res.currency")
    amount = fields.Monetary()
    amount_now = fields.Monetary("Now", help="What it is now, after the month was closed.")
    change = fields.Selection(
        [("new", "New"), ("changed", "Changed"), ("gone", "Gone")],
        help="What has become of the row since the month was closed.",
    )

    def _get_key(self):
        """Return what the row is about: a tuple of the fields of `KEY`."""
        return (
            self.kind, self.part, self.order_id.id, self.item_id.id, self.move_line_id.id, self.statement_id.id,
        )  # fmt: skip

    def _is_kept(self):
        """Return whether the row was there when its month was closed."""
        return self.closing_id.state == "closed" and self.change != "new"

    def _write_now(self, amount):
        """Write what the amount is now, None if the row would no longer be there."""
        if self.change == "new" and amount is None:
            self.unlink()
            return
        change = "gone" if amount is None else self.change
        if self.change != "new" and amount is not None:
            digits = self.currency_id.decimal_places if self.currency_id else 2
            change = "changed" if float_compare(amount, self.amount, digits) else False
        self.write({"amount_now": amount or 0, "change": change})

    def _get_action(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.cloudprinter_closing_line_action")
        return {**action, "domain": [("id", "in", self.ids)]}
