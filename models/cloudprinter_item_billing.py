from odoo import fields, models

from .cloudprinter_balance import ITEM_COLUMNS
from .cloudprinter_order_billing import ACCOUNTANTS, _amount


class CloudprinterItem(models.Model):
    """What accountants see of an item. Freight and down payments belong to its order."""

    _name = "cloudprinter.item"
    _inherit = ["cloudprinter.item", "cloudprinter.balance.mixin"]

    _balance_of = "item"
    _balance_columns = ITEM_COLUMNS

    billing_currency_id = fields.Many2one(related="order_id.billing_currency_id")
    amount_owed = _amount("amount_owed", "Owed", help="Without taxes and freight; nothing if canceled or reordered.")
    amount_invoiced = _amount("amount_invoiced", "Invoiced", help="On posted invoices, less credit notes.")
    amount_to_accrue = _amount("amount_to_accrue", "To Accrue", help="Shipped, and not invoiced.")
    amount_to_defer = _amount("amount_to_defer", "To Defer", help="Invoiced, and not shipped.")
    amount_to_credit = _amount("amount_to_credit", "To Credit", help="Invoiced, and canceled.")
    statement_line_ids = fields.One2many(
        "cloudprinter.statement.line", "item_id", "Statement Lines", groups=ACCOUNTANTS
    )

    def _get_balance_orders(self):
        return self.order_id
