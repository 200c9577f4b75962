import io
from contextlib import suppress

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
            with suppress(OSError, ValueError, Image.DecompressionBombError):
                return _write_pdf(attachment.raw)
        raise UserError(
            self.env._(
                "%(label)s cannot be printed together with others: it must be fetched into Odoo, and be a PDF file or"
                " an image. Print it from its delivery.",
                label=label.display_name,
            )
        )


def _write_pdf(picture):
    """Return a picture as a PDF file in its own size: what is transparent is white, as on paper.

    :raises OSError, ValueError: it is damaged, or of a kind that cannot be read
    """
    stream = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        drawn = image.convert("RGBA")
        page = Image.new("RGB", image.size, "white")
        page.paste(drawn, mask=drawn)
        dots_per_inch = max(72, float(image.info.get("dpi", [0])[0]))
    page.save(stream, format="pdf", resolution=dots_per_inch)
    return stream
