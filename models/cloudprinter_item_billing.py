from odoo import fields, models
from odoo.tools import SQL

from .cloudprinter_balance import ITEM_COLUMNS
from .cloudprinter_order_billing import ACCOUNTANTS, _amount


class CloudprinterItem(models.Model):
    """What accountants see of an item. Freight and down payments belong to its order."""

    _inherit = "cloudprinter.item"

    billing_currency_id = fields.Many2one(related="order_id.billing_currency_id")
    amount_owed = _amount("amount_owed", "Owed", help="Without taxes and freight; nothing if canceled or reordered.")
    amount_invoiced = _amount("amount_invoiced", "Invoiced", help="On posted invoices, less credit notes.")
    amount_to_accrue = _amount("amount_to_accrue", "To Accrue", help="Shipped, and not invoiced.")
    amount_to_defer = _amount("amount_to_defer", "To Defer", help="Invoiced, and not shipped.")
    amount_to_credit = _amount("amount_to_credit", "To Credit", help="Invoiced, and canceled.")
    statement_line_ids = fields.One2many(
        "cloudprinter.statement.line", "item_id", "Statement Lines", groups=ACCOUNTANTS
    )

    def _compute_billing(self):
        balance = self.env["cloudprinter.balance"]
        balance._prepare_database()
        columns = SQL(", ").join(SQL.identifier("found", name) for name in ITEM_COLUMNS)
        query = balance._get_query("item", self._origin.order_id.ids)
        rows = self.env.execute_query(SQL("SELECT found.item_id, %s FROM (%s) found", columns, query))
        values = {item_id: row for item_id, *row in rows}
        # the user may have access to only some of the fields
        for item in self.sudo():
            item.update(dict(zip(ITEM_COLUMNS, values.get(item._origin.id, [0] * len(ITEM_COLUMNS)))))

    def _field_to_sql(self, alias, field_expr, query=None):
        """Override of `base` to search, group, sort and sum by amounts, which are not stored."""
        if field_expr not in ITEM_COLUMNS:
            return super()._field_to_sql(alias, field_expr, query)
        self._check_field_access(self._fields[field_expr], "read")
        balance = self.env["cloudprinter.balance"]
        balance._prepare_database()
        join = query.make_alias(alias, "balance")
        own_id = SQL("%s = %s", SQL.identifier(join, "item_id"), SQL.identifier(alias, "id"))
        query.add_join("LEFT JOIN", join, SQL("(%s)", balance._get_query("item")), own_id)
        return SQL.identifier(join, field_expr)
