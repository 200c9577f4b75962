from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class CloudprinterBalanceMixin(models.AbstractModel):
    """Fields that are columns of a query with one row per record, as those of the balance. None of them is stored."""

    _name = "cloudprinter.balance.mixin"
    _description = "Columns of the Cloudprinter Balance"

    _balance_of = None  # `order` or `item`
    _balance_columns = ()

    def _get_balance_orders(self):
        """Return the orders of saved records."""
        raise NotImplementedError

    def _compute_billing(self):
        query = self.env["cloudprinter.balance"]._get_query(self._balance_of, self._origin._get_balance_orders().ids)
        # the user may have access to only some of the fields
        self.sudo()._read_columns(self._balance_columns, query)

    def _read_columns(self, names, query):
        """Set fields to the columns of a query with one row per record."""
        own_id = SQL.identifier("found", f"{self._balance_of}_id")
        columns = SQL(", ").join(SQL.identifier("found", name) for name in names)
        rows = (
            self.env.execute_query(SQL("SELECT %s, %s FROM (%s) found", own_id, columns, query)) if self._origin else []
        )
        values = {record_id: row for record_id, *row in rows}
        for record in self:
            record.update(dict(zip(names, values.get(record._origin.id, [False] * len(names)))))

    def _join_column(self, alias, field_expr, query, name, rows):
        """Join `rows`, a query with one row per record, as `name`, and return the SQL of a field that is its column."""
        column, part_of_value = fields.parse_field_expr(field_expr)
        field = self._fields[column]
        self._check_field_access(field, "read")
        join = query.make_alias(alias, name)
        own_id = SQL("%s = %s", SQL.identifier(join, f"{self._balance_of}_id"), SQL.identifier(alias, "id"))
        query.add_join("LEFT JOIN", join, SQL("(%s)", rows), own_id)
        sql = SQL.identifier(join, column)
        return field.property_to_sql(sql, part_of_value, self, alias, query) if part_of_value else sql

    def _field_to_sql(self, alias, field_expr, query=None):
        """Override of `base` to search, group, sort and sum by columns of the balance."""
        if fields.parse_field_expr(field_expr)[0] not in self._balance_columns:
            return super()._field_to_sql(alias, field_expr, query)
        rows = self.env["cloudprinter.balance"]._get_query(self._balance_of)
        return self._join_column(alias, field_expr, query, "balance", rows)

    @api.model
    @api.readonly
    def web_search_read(self, domain, specification, offset=0, limit=None, order=None, count_limit=None):
        """Override of `web` to run the query of the balance once for the rows and for their number."""
        if any(condition.field_expr in self._balance_columns for condition in Domain(domain).iter_conditions()):
            domain = [("id", "in", self.search(domain, order="id").ids)]
        return super().web_search_read(domain, specification, offset, limit, order, count_limit)
