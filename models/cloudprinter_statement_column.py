from odoo import api, fields, models

from ..statement.table import normalize
from ..tools.rights import check_values

LABELS = [
    ("order", "Order ID"),
    ("item", "Item ID"),
    ("reference", "Client reference"),
    ("invoice", "Invoice number"),
    ("items", "Amount for items"),
    ("freight", "Amount for freight"),
    ("net", "Total without taxes"),
    ("tax", "Taxes"),
    ("total", "Total"),
    ("currency", "Currency"),
    ("none", "Leave out"),
]


class CloudprinterStatementColumn(models.Model):
    """What a column of statements is: mapped once by a user, by its heading."""

    _name = "cloudprinter.statement.column"
    _description = "Column of Cloudprinter Statements"

    name = fields.Char("Heading", required=True)
    column = fields.Selection(LABELS, "Is", required=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)

    _name_uniq = models.Constraint("unique (company_id, name)", "This heading is already mapped.")

    def write(self, vals):
        check_values(self, vals)
        return super().write(vals)

    @api.model
    def _get_chosen(self, company):
        """Return how the company mapped headings: heading → column, "" to leave it out."""
        columns = self.search([("company_id", "=", company.id)])
        return {column.name: "" if column.column == "none" else column.column for column in columns}

    @api.model
    def _remember(self, company, chosen):
        """Remember how headings were mapped.

        :param chosen: pairs of a heading and a column of `LABELS`; the first counts if headings differ only in case
            and spaces, because such a file is read by the first of them
        """
        known = self.search([("company_id", "=", company.id)]).grouped("name")
        columns = {}
        for heading, column in chosen:
            columns.setdefault(normalize(heading), column)
        for name, column in columns.items():
            if name in known:
                known[name].column = column
            else:
                self.create({"company_id": company.id, "name": name, "column": column})
