from odoo import fields, models

from ..models.cloudprinter_statement_column import LABELS


class CloudprinterStatementImportColumn(models.TransientModel):
    """A column of the file, and what it is."""

    _name = "cloudprinter.statement.import.column"
    _description = "Column of a Cloudprinter Statement to Import"

    import_id = fields.Many2one("cloudprinter.statement.import", required=True, ondelete="cascade")
    name = fields.Char("Heading", required=True, readonly=True)
    column = fields.Selection(LABELS, "Is")
