from odoo import fields, models


class CloudprinterOrderImportLine(models.TransientModel):
    """One file of an import, and what has become of it."""

    _name = "cloudprinter.order.import.line"
    _description = "Import Orders: File"
    _order = "id"

    import_id = fields.Many2one("cloudprinter.order.import", required=True, ondelete="cascade")
    filename = fields.Char("File")
    document_id = fields.Many2one("cloudprinter.order.document", "Order")
    result = fields.Selection(
        [("done", "Taken In"), ("waiting", "Needs Input"), ("known", "Known Already"), ("refused", "Refused")]
    )
    problem = fields.Text("What Is Needed")
