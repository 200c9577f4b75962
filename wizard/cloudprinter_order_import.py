import logging
import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from .. import order_document
from ..tools.discreet import log_failure
from ..tools.rights import check_manager
from ..tools.text import translate

_logger = logging.getLogger(__name__)

FILES_AT_MOST = 100
SECONDS = 2  # of processing while the user waits; a worker processes the rest
# a document in another state is still to be processed
RESULTS = {"waiting": "waiting", **dict.fromkeys(("done", "kept", "checking", "replaced", "rejected"), "done")}
FILES_STAY = timedelta(hours=1)  # after a dialog was closed without importing


class CloudprinterOrderImport(models.TransientModel):
    """Imports order documents from files, as if Cloudprinter had sent them.

    For shops without a public address, and for documents that were not received. The files contain Cloudprinter's key:
    they belong to no record, so that only the user who uploaded them can read them, and are deleted afterwards.
    """

    _name = "cloudprinter.order.import"
    _description = "Import Orders"

    attachment_ids = fields.Many2many("ir.attachment", string="Order Documents", help="JSON or XML, one order each.")
    line_ids = fields.One2many("cloudprinter.order.import.line", "import_id", "What Happened", readonly=True)
    processed_count = fields.Integer("Processed", compute="_compute_counts")
    line_count = fields.Integer(compute="_compute_counts")

    @api.depends("line_ids.result")
    def _compute_counts(self):
        for wizard in self:
            wizard.line_count = len(wizard.line_ids)
            wizard.processed_count = len(wizard.line_ids.filtered(lambda line: line.result != "received"))

    def action_import(self):
        """Import each file separately and show the results."""
        self.ensure_one()
        check_manager(self.env)
        files = self.attachment_ids.sorted("id")
        if not files:
            raise UserError(self.env._("Drop one or more order documents."))
        if len(files) > FILES_AT_MOST:
            raise UserError(
                self.env._("There are %(count)s files. Import at most %(most)s.", count=len(files), most=FILES_AT_MOST)
            )
        deadline = time.monotonic() + SECONDS
        vals_list = []
        for file in files:
            values = self._import_file(file, is_in_time=time.monotonic() < deadline)
            vals_list.append({"import_id": self.id, "filename": file.name, **values})
            # do not keep all files in memory
            file.invalidate_recordset(["raw"])
        self.line_ids.create(vals_list)
        files.unlink()
        return self._show()

    def action_refresh(self):
        """Show what the worker has done meanwhile."""
        self.ensure_one()
        check_manager(self.env)
        for line in self.line_ids.filtered(lambda line: line.result == "received"):
            line.write(self._describe_result(line.document_id))
        return self._show()

    def _show(self):
        return self._get_records_action(name=self.env._("Import Orders"), target="new")

    def action_close(self):
        """Close the dialog and reload the list."""
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _import_file(self, file, is_in_time=True):
        """Store and import one document; an error does not affect the other files.

        :returns: values of a line
        """
        try:
            with self.env.cr.savepoint():
                return self._import_document(self._read(file), is_in_time)
        except order_document.DocumentError as error:
            problem = translate(self.env, error)
            if not error.place:
                problem = self.env._("The file %(reason)s.", reason=problem)
            return {"result": "refused", "problem": problem}
        except UserError as error:
            return {"result": "refused", "problem": str(error)}
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # for example if Cloudprinter is sending the same order; Odoo repeats the whole import
            raise
        except Exception:
            log_failure(_logger, "Cloudprinter: file %s could not be imported", file.id)
            return {
                "result": "refused",
                "problem": self.env._("Unexpected error. See the server log."),
            }

    def _read(self, file):
        if file.file_size > order_document.SIZE_AT_MOST:
            raise UserError(self.env._("Larger than %s bytes.", order_document.SIZE_AT_MOST))
        document = order_document.read(file.raw or b"")
        if document.key:
            owner = self.env["res.company"].sudo()._cloudprinter_get_by_order_keys({document.key})
            # a shop that only imports files has no key
            if owner != self.env.company and (owner or self.env.company.sudo().cloudprinter_order_api_key):
                raise UserError(
                    self.env._(
                        "The order is for another company: its key is not that of %(company)s.",
                        company=self.env.company.name,
                    )
                )
        return document

    def _import_document(self, document, is_in_time):
        documents = self.env["cloudprinter.order.document"].sudo()
        is_new = documents._receive(self.env.company, document, self.env.user)
        stored = documents._get_newest(self.env.company, document.order.id)
        if is_new and is_in_time:
            stored._delay()
            stored._import()
        values = {"order_ref": stored.name, "document_id": stored.id, **self._describe_result(stored)}
        return values if is_new else {**values, "result": "known"}

    @api.model
    def _describe_result(self, document):
        return {"result": RESULTS.get(document.state, "received"), "problem": document.problem}

    @api.autovacuum
    def _gc_files(self):
        """Delete the files of dialogs that were closed without importing them."""
        self.env["ir.attachment"].search(
            [("res_model", "=", self._name), ("create_date", "<", fields.Datetime.now() - FILES_STAY)]
        ).unlink()
