from odoo import api, fields, models

from ..statement.table import normalize

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

    @api.model
    def _get_chosen(self, company):
        """Return how the company mapped headings: heading → column, "" to leave it out."""
        columns = self.search([("company_id", "=", company.id)])
        return {column.name: "" if column.column == "none" else column.column for column in columns}

    @api.model
    def _remember(self, company, chosen):
        """Remember how headings were mapped.

        :param dict chosen: heading → column of `LABELS`
        """
        known = self.search([("company_id", "=", company.id)]).grouped("name")
        for heading, column in chosen.items():
            name = normalize(heading)
            if name in known:
                known[name].column = column
            else:
                self.create({"company_id": company.id, "name": name, "column": column})
