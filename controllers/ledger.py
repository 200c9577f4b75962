import tempfile

from werkzeug.wsgi import wrap_file

from odoo import fields, http
from odoo.http import Response, content_disposition, request


class LedgerController(http.Controller):
    @http.route("/cloudprinter/ledger", type="http", auth="user", methods=["GET"], readonly=True)
    def export(self):
        """The ledger as a zip: made in a temporary file, which no size of it fills the memory with."""
        if "cloudprinter.ledger.export" not in request.env:
            # another database of a server that loads the add-on
            raise request.not_found()
        # closed, and so deleted, with the answer
        file = tempfile.TemporaryFile()
        request.env["cloudprinter.ledger.export"]._write_zip(file)
        size = file.tell()
        file.seek(0)
        name = f"cloudprinter_ledger_{fields.Date.to_string(request.env.cr.now())}.zip"
        return Response(
            wrap_file(request.httprequest.environ, file),
            headers=[
                ("Content-Type", "application/zip"),
                ("Content-Length", size),
                ("Content-Disposition", content_disposition(name)),
                ("Cache-Control", "no-store"),
            ],
            direct_passthrough=True,
        )
