import base64
import binascii
import tempfile

from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import preflight
from ..tools.rights import check_manager

# as Cloudprinter names them
TYPES = [("product", "The only file"), ("cover", "Cover"), ("book", "Pages")]


class CloudprinterFileUpload(models.TransientModel):
    """Dialog in which a user uploads a print file that was not fetched, or a corrected one, to have it checked."""

    _name = "cloudprinter.file.upload"
    _inherit = ["cloudprinter.dialog"]
    _description = "Upload a Print File"

    item_id = fields.Many2one("cloudprinter.item", required=True, readonly=True)
    file_id = fields.Many2one(
        "cloudprinter.order.file",
        "Instead of",
        domain="[('item_id', '=', item_id), '|', ('state', '!=', 'fetched'),"
        " ('check_state', 'in', ('doubt', 'wrong'))]",
        help="The file of the order that could not be fetched, or is wrong.",
    )
    type = fields.Selection(TYPES, required=True, default="product")
    content = fields.Binary("File", attachment=False)
    name = fields.Char("File Name")

    @api.model
    def _open(self, item):
        """Open the dialog for an item."""
        missing = item.file_ids.filtered(lambda file: file.state != "fetched" or file.check_state == "wrong")
        return self._open_dialog(self.env._("Upload File"), item_id=item.id, file_id=missing[:1].id)

    def action_upload(self):
        """Attach the file to the item and check it, then show what was found."""
        self.ensure_one()
        check_manager(self.env)
        self.item_id.check_access("read")
        if not self.content:
            raise UserError(self.env._("Choose a file."))
        try:
            content = base64.b64decode(self.content)
        except binascii.Error as error:
            raise UserError(self.env._("Choose a file.")) from error
        file = self._get_file()
        facts = None
        if preflight.is_available():
            with tempfile.TemporaryFile() as target:
                target.write(content)
                target.flush()
                target.seek(0)
                facts = preflight.read_raw(target)
        file._attach(content, facts)
        file.order_id._process_documents_again()
        return file.sudo(False)._get_records_action(name=file.display_name)

    def _get_file(self):
        """Return the file record: the one that was not fetched or is wrong, or a new one.

        :raises UserError: the file was fetched and is right meanwhile, or belongs to another item
        """
        item, file = self.item_id.sudo(), self.file_id.sudo()
        if not file:
            extension = (self.name or "").rpartition(".")[2]
            values = {"order_id": item.order_id.id, "item_id": item.id, "type": self.type, "format": extension[:10]}
            return file.create(values)
        if file.item_id != item or (file.state == "fetched" and file.check_state not in ("doubt", "wrong")):
            raise UserError(self.env._("This has already been handled. Reload the page."))
        return file
