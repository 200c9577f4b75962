from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from .. import cloudsignal
from ..models.cloudprinter_item import STAGE_LABELS
from ..rule.stage import MILESTONES

# The value is sent in English; the label is translated.
DELAY_REASONS = [
    ("Machine breakdown", "Machine breakdown"),
    ("Material missing", "Material missing"),
    ("Reprint needed", "Reprint needed"),
    ("Problem with the file", "Problem with the file"),
    ("High workload", "High workload"),
    ("Public holiday", "Public holiday"),
    ("Carrier did not collect", "Carrier did not collect"),
]
FREQUENT_CAUSES = (
    "CancelUserRequest",
    "CancelFilesCorrupt",
    "CancelDownloadError",
    "CancelPageCount",
    "CancelInvalidAddress",
    "CancelMiscError",
)
STEPS = ("registered", "in_production", "produced", "packed")
# Frequent causes first.
CAUSES = sorted(cloudsignal.CANCEL_CAUSES.items(), key=lambda cause: cause[0] not in FREQUENT_CAUSES)


class CloudprinterReport(models.TransientModel):
    """Dialog in which a user reports about items, opened from the items or from Odoo's documents."""

    _name = "cloudprinter.report"
    _description = "Report to Cloudprinter"

    kind = fields.Selection(
        [
            ("delay", "A delay"),
            ("cancel", "A cancellation"),
            ("shipped", "Shipped"),
            ("step", "Another step"),
        ],
        "Report",
        required=True,
        default="delay",
    )
    line_ids = fields.One2many("cloudprinter.report.line", "report_id", "Items")
    res_model = fields.Char()
    res_id = fields.Many2oneReference(model_field="res_model")
    is_manager = fields.Boolean(compute="_compute_is_manager")
    # delay
    reason = fields.Selection(DELAY_REASONS)
    hours = fields.Integer("Ready in (Hours)", default=24)
    # cancellation
    scope = fields.Selection(
        [("item", "Cancel the items at Cloudprinter"), ("document", "Cancel only this document")],
        "What to Cancel",
        required=True,
        default="item",
    )
    cause = fields.Selection(CAUSES)
    settle_productions = fields.Boolean("Open manufacturing orders", default=True)
    settle_deliveries = fields.Boolean("Open deliveries", default=True)
    settle_sale_lines = fields.Boolean("Sales order lines, with their deliveries", default=True)
    # delay and cancellation
    message = fields.Char(
        "Text in English",
        compute="_compute_message",
        store=True,
        readonly=False,
        help="Shown to Cloudprinter's client.",
    )
    # shipped
    tracking = fields.Char("Tracking Reference", compute="_compute_shipping", store=True, readonly=False)
    shipping_option = fields.Char(compute="_compute_shipping", store=True, readonly=False)
    # another step
    step = fields.Selection([(stage, label) for stage, label in STAGE_LABELS if stage in STEPS])
    preview = fields.Text("Will Be Sent", compute="_compute_preview")

    @api.model
    def _open(self, items, document=None):
        """Open the dialog for items. `default_kind` in the context selects the kind of report.

        :param document: the document from which it is opened, if it is a single one
        :raises UserError: there is no item
        """
        if not items:
            raise UserError(self.env._("None of these documents is linked to a Cloudprinter item."))
        document = document if document and len(document) == 1 else self.env["cloudprinter.item"]
        if document and self.env.context.get("default_kind") == "cancel" and set(items.mapped("stage")) == {"canceled"}:
            # nothing is left to report
            return document.action_cancel()
        values = {"line_ids": [Command.create({"item_id": item.id}) for item in items]}
        if document:
            values.update(res_model=document._name, res_id=document.id)
        if document._name == "sale.order":
            values["cause"] = "CancelUserRequest"
        if not self._is_manager() and self.env.context.get("default_kind") == "cancel":
            values["scope"] = "document"
        report = self.create(values)
        titles = {"delay": self.env._("Report a Delay"), "cancel": self.env._("Cancellation")}
        name = titles.get(report.kind, self.env._("Report to Cloudprinter"))
        # default_* values were used for the dialog and must not reach records created from it
        return report._get_records_action(name=name, target="new", context={})

    @api.model
    def _is_manager(self):
        return self.env.user.has_group("cloudprinter.group_manager")

    def _compute_is_manager(self):
        self.is_manager = self._is_manager()

    @api.depends("kind", "reason", "cause")
    def _compute_message(self):
        for report in self:
            if report.kind == "delay":
                report.message = report.reason
            elif report.kind == "cancel":
                report.message = cloudsignal.CANCEL_CAUSES.get(report.cause)
            else:
                report.message = False

    @api.depends("kind")
    def _compute_shipping(self):
        """Take the values from the delivery if there is only one item."""
        for report in self:
            report.tracking = report.shipping_option = False
            item = report.line_ids.item_id
            # the dialog must not reveal items that the user may not read
            if report.kind == "shipped" and len(item) == 1 and item._origin.sudo(False).has_access("read"):
                item = item._origin.sudo()
                picking = item._get_last_delivery()[0]
                details = self.env["cloudprinter.signal"]._prepare_shipping(picking, item.order_id)
                report.update({name: details[name] for name in ("tracking", "shipping_option")})

    # for display only, never sent
    @api.depends(
        "kind", "scope", "hours", "message", "cause", "tracking", "shipping_option", "step", "line_ids.is_chosen"
    )
    def _compute_preview(self):
        for report in self:
            items = report.line_ids.filtered("is_chosen").item_id
            values = report._prepare_signal(items[:1])
            if not items:
                report.preview = self.env._("Nothing: no item is selected.")
            elif not values:
                report.preview = self.env._("Nothing. The items stay open at Cloudprinter.")
            else:
                names = items._join_names(items.mapped("name"))
                details = [f"{name}: {value}" for name, value in values.items() if name != "type" and value]
                report.preview = "\n".join([f"{values['type'] or '…'}  {names}", *details])

    def _prepare_signal(self, item):
        """Return the signal that the dialog describes, with the API's field names, or {} if none is sent."""
        if self.kind == "delay":
            signal_type = item.company_id._cloudprinter_config().cloudprinter_delay_type if item else ""
            return {"type": signal_type, "cause": self.message, "delay": str(self.hours)}
        if self.kind == "cancel":
            if self.scope == "document":
                return {}
            return {"type": "ItemCanceled", "cause": self.cause, "message": self.message}
        if self.kind == "shipped":
            return {"type": "ItemShipped", "tracking": self.tracking, "shipping_option": self.shipping_option}
        return {"type": MILESTONES.get(self.step)}

    def action_report(self):
        """Create the signals and show a notification."""
        self.ensure_one()
        items = self.line_ids.filtered("is_chosen").item_id
        if self.kind == "cancel" and self.scope == "document":
            return self._cancel_document()
        if not items:
            raise UserError(self.env._("Select at least one item."))
        if self.kind == "delay":
            items.report_delay(self.hours, self.message)
        elif self.kind == "cancel":
            items.report_cancel(self.cause, self.message)
            items._cancel_open_documents(self.settle_productions, self.settle_deliveries, self.settle_sale_lines)
        elif self.kind == "shipped":
            items.report_step("ItemShipped", self.tracking, self.shipping_option)
        else:
            if not self.step:
                raise UserError(self.env._("Choose the step to report."))
            items.report_step(MILESTONES[self.step])
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self._get_result(items),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _get_result(self, items):
        reason = items.company_id[:1].cloudprinter_status()["reason"]
        if reason:
            return self.env._("Recorded for %(items)s. %(reason)s", items=items._get_ref(), reason=reason)
        return self.env._("Cloudprinter will be informed about %(items)s.", items=items._get_ref())

    def _cancel_document(self):
        """Cancel only the document; a new manufacturing order replaces a canceled one."""
        if self.res_model not in ("mrp.production", "stock.picking", "sale.order") or not self.res_id:
            raise UserError(self.env._("There is no document to cancel."))
        document = self.env[self.res_model].browse(self.res_id)
        # items canceled while the dialog was open are not made again
        items = document.cloudprinter_item_ids.filtered(lambda item: item.stage != "canceled")
        again = self.env["mrp.production"]
        if document._name == again._name and items:
            again = document._cloudprinter_reprint(items, document.product_id, document.product_uom_qty)
        document.action_cancel()
        return again._get_records_action() if again else {"type": "ir.actions.act_window_close"}
