from odoo import fields, models


class CloudprinterOrderImportLine(models.TransientModel):
    """One file of an import, and its result."""

    _name = "cloudprinter.order.import.line"
    _description = "Import Orders: File"
    _order = "id"

    import_id = fields.Many2one("cloudprinter.order.import", required=True, index=True, ondelete="cascade")
    filename = fields.Char("File")
    order_ref = fields.Char("Order")
    document_id = fields.Many2one("cloudprinter.order.document")
    result = fields.Selection(
        [
            ("done", "Imported"),
            ("received", "Received"),
            ("waiting", "Needs Input"),
            ("known", "Already Known"),
            ("refused", "Refused"),
        ]
    )
    problem = fields.Text("Details")

    def action_open(self):
        """Open the incoming order."""
        self.ensure_one()
        return self.document_id._get_records_action()
