from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import cloudsignal
from ..models.cloudprinter_order_document import OPEN
from ..tools.rights import check_manager
from .cloudprinter_report import CAUSES


class CloudprinterReject(models.TransientModel):
    """The dialog in which a person says that an order cannot be made, and why.

    Cloudprinter is told for each item that is still open, and what there is of the order in Odoo is cancelled.
    """

    _name = "cloudprinter.reject"
    _description = "Reject an Order of Cloudprinter"

    document_id = fields.Many2one("cloudprinter.order.document", readonly=True)
    order_id = fields.Many2one("cloudprinter.order", readonly=True)
    cause = fields.Selection(CAUSES)
    message = fields.Char(
        "Text in English",
        compute="_compute_message",
        store=True,
        readonly=False,
        help="Shown to Cloudprinter's client.",
    )

    @api.depends("cause")
    def _compute_message(self):
        for wizard in self:
            wizard.message = cloudsignal.CANCEL_CAUSES.get(wizard.cause)

    @api.model
    def _open(self, document=None, order=None):
        """The dialog for a document that is open, with or without an order, or for an order."""
        order = order or document.order_id
        document = document or order.document_ids.filtered(lambda d: d.state in OPEN)[:1]
        cause = order._get_file_cause() if order else False
        wizard = self.create(
            {
                "document_id": document.id,
                "order_id": order.id,
                "cause": cause or ((order or document).is_test and "CancelTestOrder"),
            }
        )
        name = self.env._("Reject Order %s", (order or document).name)
        return wizard._get_records_action(name=name, target="new")

    def action_reject(self):
        """Tell Cloudprinter, and cancel what is open here."""
        self.ensure_one()
        check_manager(self.env)
        if not self.cause:
            raise UserError(self.env._("Choose the cause."))
        order = self.order_id
        if self.document_id:
            self.document_id._check_may_decide(*OPEN)
            order = self.document_id._make_order_to_reject()
        order.check_access("read")
        items = order.item_ids.filtered(lambda item: item.stage not in ("shipped", "canceled"))
        if not items:
            raise UserError(self.env._("Nothing of this order is open any more."))
        items.report_cancel(self.cause, self.message)
        items._cancel_open_documents()
        self.env["cloudprinter.order.document"]._set_rejected(order)
        return {"type": "ir.actions.act_window_close"}
