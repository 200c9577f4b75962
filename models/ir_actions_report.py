import io

from PIL import Image

from odoo import models
from odoo.exceptions import UserError


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        """Override of `base` to print the shipping labels of each delivery before its slip."""
        if not res_ids or self._get_report(report_ref).report_name != "cloudprinter.report_labels_and_slips":
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids=res_ids)
        streams = {}
        for picking in self.env["stock.picking"].browse(res_ids):
            labels = [self._cloudprinter_read_label(label) for label in picking._cloudprinter_get_labels()]
            # one by one: Odoo cannot always tell which pages belong to which delivery
            slip = super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids=picking.ids)
            pages = [*labels, slip[picking.id]["stream"]]
            streams[picking.id] = {"stream": self._merge_pdfs(pages), "attachment": None}
        return streams

    def _cloudprinter_read_label(self, label):
        """Return a shipping label as a stream of a PDF file.

        :raises UserError: Odoo has not fetched it, or it is neither a PDF file nor an image
        """
        attachment = label.attachment_id
        if attachment.mimetype == "application/pdf":
            return io.BytesIO(attachment.raw)
        if (attachment.mimetype or "").startswith("image/"):
            stream = io.BytesIO()
            with Image.open(io.BytesIO(attachment.raw)) as image:
                image.convert("RGB").save(stream, format="pdf")
            return stream
        raise UserError(
            self.env._(
                "%(label)s cannot be printed together with others: it must be fetched into Odoo, and be a PDF file or"
                " an image. Print it from its delivery.",
                label=label.display_name,
            )
        )
