from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import cloudsignal
from .cloudprinter_report import CAUSES


class CloudprinterReject(models.TransientModel):
    """The dialog in which a person says that an order cannot be made, and why.

    Cloudprinter is told for each item that is still open, and what there is of the order in Odoo is cancelled.
    """

    _name = "cloudprinter.reject"
    _description = "Reject an Order of Cloudprinter"

    document_id = fields.Many2one("cloudprinter.order.document", readonly=True)
    order_id = fields.Many2one("cloudprinter.order", readonly=True)
    cause = fields.Selection([(code, cloudsignal.CANCEL_CAUSES[code]) for code in CAUSES])
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
        order = order or document.order_id
        document = document or order.document_ids.filtered(lambda d: d.state in ("received", "checking", "waiting"))[:1]
        cause = order._get_file_cause() if order else False
        wizard = self.create(
            {
                "document_id": document.id,
                "order_id": order.id,
                "cause": cause or (document.is_test and "CancelTestOrder"),
            }
        )
        return wizard._get_records_action(name=self.env._("Reject the Order"), target="new")

    def action_reject(self):
        """Tell Cloudprinter, and cancel what is open here."""
        self.ensure_one()
        if not self.cause:
            raise UserError(self.env._("Choose the cause."))
        document = self.document_id
        order = self.order_id
        if document:
            document._check_may_decide("received", "checking", "waiting")
            order = order or document._make_order_to_reject()
        items = order.item_ids.filtered(lambda item: item.stage not in ("shipped", "canceled"))
        if not items:
            raise UserError(self.env._("Nothing of this order is open any more."))
        items.report_cancel(self.cause, self.message)
        items._settle_productions()
        items._settle_deliveries()
        items._settle_sale_lines()
        document._set_rejected(order)
        return {"type": "ir.actions.act_window_close"}
