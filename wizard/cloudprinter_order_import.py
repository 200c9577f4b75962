from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from .. import order_document

FILES_AT_MOST = 100


class CloudprinterOrderImport(models.TransientModel):
    """Takes order documents that somebody has as files, as if Cloudprinter had sent them.

    For shops without a public address, and for what was not received.
    """

    _name = "cloudprinter.order.import"
    _description = "Import Orders"

    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    attachment_ids = fields.Many2many("ir.attachment", string="Order Documents", help="JSON or XML, one order each.")
    line_ids = fields.One2many("cloudprinter.order.import.line", "import_id", "What Happened", readonly=True)

    def action_import(self):
        """Take in each file by itself, and show what has become of it."""
        self.ensure_one()
        if not self.env.user.has_group("cloudprinter.group_manager"):
            raise AccessError(self.env._("Only managers of Cloudprinter may import orders."))
        files = self.attachment_ids.sorted("id")
        if not files:
            raise UserError(self.env._("Drop one or more order documents."))
        if len(files) > FILES_AT_MOST:
            raise UserError(
                self.env._("These are %(count)s files. Import at most %(most)s.", count=len(files), most=FILES_AT_MOST)
            )
        vals_list = [{"import_id": self.id, "filename": file.name, **self._import_file(file)} for file in files]
        self.line_ids.create(vals_list)
        # they hold the key
        files.unlink()
        return self._get_records_action(name=self.env._("Import Orders"), target="new")

    def _import_file(self, file):
        """Store one document and take it in.

        :returns: values of a line
        """
        try:
            document = order_document.read(file.raw or b"")
        except order_document.DocumentError as error:
            return {"result": "refused", "problem": str(error)}
        own = self.company_id.sudo().cloudprinter_order_api_key
        if own and document.key and own != document.key:
            return {
                "result": "refused",
                "problem": self.env._("The document is for another print partner: its key is not this company's."),
            }
        documents = self.env["cloudprinter.order.document"].sudo()
        is_new = documents._receive(self.company_id, document, self.env.user)
        stored = documents.search(
            [
                ("company_id", "=", self.company_id.id),
                ("name", "=", document.order.id),
                ("digest", "=", document.digest),
            ]
        )
        if is_new:
            stored._delay()
            stored._take_in()
        return {
            "document_id": stored.id,
            "result": "known" if not is_new else "done" if stored.state in ("done", "checking") else "waiting",
            "problem": stored.problem,
        }
