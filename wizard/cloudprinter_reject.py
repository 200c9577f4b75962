from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import cloudsignal
from ..rule.gate import OPEN
from ..tools.rights import check_manager
from .cloudprinter_report import CAUSES


class CloudprinterReject(models.TransientModel):
    """Dialog in which a user rejects an order and enters the cause.

    Each open item is reported as canceled to Cloudprinter, and the open documents of the order in Odoo are canceled.
    """

    _name = "cloudprinter.reject"
    _inherit = ["cloudprinter.dialog"]
    _description = "Reject a Cloudprinter Order"

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
        """Open the dialog for an order, or for an open document with or without an order."""
        order = order or document.order_id
        document = document or order.document_ids.filtered(lambda d: d.state in OPEN)[:1]
        cause, message = order._get_file_cause() if order else ("", "")
        values = {
            "document_id": document.id,
            "order_id": order.id,
            "cause": cause or ((order or document).is_test and "CancelTestOrder"),
        }
        if message:
            values["message"] = message
        return self._open_dialog(self.env._("Reject Order %s", (order or document).name), **values)

    def action_reject(self):
        """Report the open items as canceled and cancel their open documents."""
        self.ensure_one()
        check_manager(self.env)
        if not self.cause:
            raise UserError(self.env._("Choose a cause."))
        order = self.order_id
        if self.document_id:
            self.document_id._check_may_decide(*OPEN)
            order = self.document_id._make_order_to_reject()
        order.check_access("read")
        items = order.item_ids.filtered(lambda item: item.stage not in ("shipped", "canceled"))
        if not items:
            raise UserError(self.env._("This order has no open items."))
        # items that are rejected were never confirmed
        items._cancel_at_cloudprinter(self.cause, self.message)
        items._cancel_open_documents()
        self.env["cloudprinter.order.document"]._set_rejected(order)
        return {"type": "ir.actions.act_window_close"}
