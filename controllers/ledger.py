import tempfile

from werkzeug.wsgi import wrap_file

from odoo import fields, http
from odoo.http import Response, content_disposition, request


class LedgerController(http.Controller):
    @http.route("/cloudprinter/ledger", type="http", auth="user", methods=["GET"])
    def export(self):
        """Return the ledger as a zip, written to a temporary file to limit memory use."""
        if "cloudprinter.ledger.export" not in request.env:
            # a database without the add-on, on a server that loads it for all databases
            raise request.not_found()
        # closed, and so deleted, with the response
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
