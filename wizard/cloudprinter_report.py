import math
import time
from datetime import timedelta

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import clean_context, format_datetime

from .. import cloudsignal
from ..models.cloudprinter_item import STAGE_LABELS
from ..rule.stage import MILESTONES

OTHER_REASON = "Other"
# The value is sent in English; the label is translated.
DELAY_REASONS = [
    ("Machine breakdown", "Machine breakdown"),
    ("Material missing", "Material missing"),
    ("Reprint needed", "Reprint needed"),
    ("Problem with the file", "Problem with the file"),
    ("High workload", "High workload"),
    ("Public holiday", "Public holiday"),
    ("Carrier did not collect", "Carrier did not collect"),
    (OTHER_REASON, "Other"),
]
FREQUENT_CAUSES = (
    "CancelUserRequest",
    "CancelFilesCorrupt",
    "CancelDownloadError",
    "CancelPageCount",
    "CancelInvalidAddress",
    "CancelMiscError",
)
STEPS = ("registered", "in_production", "produced", "packed", "shipped")
# Frequent causes first.
CAUSES = sorted(cloudsignal.CANCEL_CAUSES.items(), key=lambda cause: cause[0] not in FREQUENT_CAUSES)
SECONDS = 2  # after which the user is told how far the work is
ITEMS_AT_ONCE = 20
# documents that can be canceled without their items
CANCELABLE = ("mrp.production", "stock.picking", "sale.order")


class CloudprinterReport(models.TransientModel):
    """Dialog in which a user reports about items, opened from the items or from Odoo's documents.

    `kind` says what the dialog is for; the user does not choose it.
    """

    _name = "cloudprinter.report"
    _inherit = ["cloudprinter.dialog"]
    _description = "Report to Cloudprinter"

    kind = fields.Selection(
        [
            ("delay", "A delay"),
            ("cancel", "A cancellation"),
            ("shipped", "Shipped"),
            ("step", "A step"),
        ],
        "Report",
        required=True,
        default="delay",
    )
    line_ids = fields.One2many("cloudprinter.report.line", "report_id", "Items")
    is_single = fields.Boolean(compute="_compute_problem")
    problem = fields.Char(compute="_compute_problem", help="Why the only item cannot be reported.")
    has_problems = fields.Boolean(compute="_compute_problem")
    res_model = fields.Char()
    res_id = fields.Many2oneReference(model_field="res_model")
    is_manager = fields.Boolean(compute="_compute_is_manager")
    # delay
    reason = fields.Selection(DELAY_REASONS)
    ready_date = fields.Datetime("New Ship-By Date")
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
    tracking = fields.Char("Tracking Code", compute="_compute_shipping", store=True, readonly=False)
    shipping_option = fields.Char(compute="_compute_shipping", store=True, readonly=False)
    asks_tracking = fields.Boolean(compute="_compute_asked")
    asks_option = fields.Boolean(compute="_compute_asked")
    # another step
    step = fields.Selection([(stage, label) for stage, label in STAGE_LABELS if stage in STEPS])
    preview = fields.Text("Cloudprinter Is Told", compute="_compute_preview")
    signal = fields.Text(compute="_compute_preview")

    @api.model
    def _open(self, items, document=None):
        """Open the dialog for items. `default_kind` in the context selects the kind of report.

        :param document: the document from which it is opened, if it is a single one
        :raises UserError: there is no item
        """
        if not items:
            raise UserError(self.env._("None of these documents is linked to a Cloudprinter item."))
        document = document if document and len(document) == 1 else self.env["cloudprinter.item"]
        given = {name: self.env.context.get(f"default_{name}") for name in ("kind", "cause", "message")}
        values = {name: value for name, value in given.items() if value}
        kind = values.setdefault("kind", "delay")
        if document and kind == "cancel" and set(items.mapped("stage")) == {"canceled"}:
            # nothing is left to report
            return document.action_cancel()
        values["line_ids"] = [Command.create({"item_id": item.id}) for item in items]
        if document:
            values.update(res_model=document._name, res_id=document.id)
        if document._name == "sale.order":
            values["cause"] = "CancelUserRequest"
        if kind == "cancel" and not self._is_manager():
            values["scope"] = "document"
        if kind == "delay":
            values["ready_date"] = fields.Datetime.to_string(self._propose_date(items))
        return self._open_dialog(self._get_title(kind, items, document), **values)

    @api.model
    def _get_title(self, kind, items, document):
        """Return the words of the button that opens the dialog."""
        if kind == "delay":
            return self.env._("Report a Delay")
        if kind == "step":
            return self.env._("Report Manually")
        if kind == "cancel":
            if document:
                return self.env._("Cancel %s", document.display_name)
            return self.env._("Cancel Items") if len(items) > 1 else self.env._("Cancel Item")
        known = self._get_known_shipping(items)
        if known.get("tracking") and not known.get("shipping_option"):
            return self.env._("Enter Option")
        if known.get("shipping_option") and not known.get("tracking"):
            return self.env._("Enter Tracking")
        return self.env._("Report as Shipped")

    @api.model
    def _propose_date(self, items):
        """Return a full hour, a day after the last date that was promised, or after now if that is over.

        If only some of the items were delayed to the last date, it is the one for the others too.
        """
        last = max([fields.Datetime.now(), *filter(None, items.mapped("promised_date"))])
        delayed = items.filtered(lambda item: item.promised_date == last != item.order_id.shipping_date)
        if delayed and delayed != items:
            return last
        return last.replace(minute=0, second=0) + timedelta(days=1, hours=bool(last.minute or last.second))

    @api.model
    def _is_manager(self):
        return self.env.user.has_group("cloudprinter.group_manager")

    def _compute_is_manager(self):
        self.is_manager = self._is_manager()

    @api.depends("line_ids.problem")
    def _compute_problem(self):
        for report in self:
            report.is_single = len(report.line_ids) == 1
            report.problem = report.is_single and report.line_ids.problem
            report.has_problems = any(report.line_ids.mapped("problem"))

    @api.depends("kind", "reason", "cause")
    def _compute_message(self):
        for report in self:
            if report.kind == "delay":
                report.message = report.reason if report.reason != OTHER_REASON else False
            elif report.kind == "cancel":
                report.message = cloudsignal.CANCEL_CAUSES.get(report.cause)
            else:
                report.message = False

    @api.depends("kind", "step", "line_ids.item_id")
    def _compute_shipping(self):
        """Take the values from the delivery if there is only one item."""
        for report in self:
            known = self._get_known_shipping(report._get_items()) if report._is_shipped() else {}
            report.tracking = known.get("tracking")
            report.shipping_option = known.get("shipping_option")

    @api.depends("kind", "step", "line_ids.item_id")
    def _compute_asked(self):
        """Ask only for what is missing if the rest is known."""
        for report in self:
            is_shipped, known = report._is_shipped(), self._get_known_shipping(report._get_items())
            has_tracking, has_option = known.get("tracking"), known.get("shipping_option")
            report.asks_tracking = is_shipped and (has_option or not has_tracking)
            report.asks_option = is_shipped and (has_tracking or not has_option)

    def _is_shipped(self):
        return self.kind == "shipped" or (self.kind == "step" and self.step == "shipped")

    @api.model
    def _get_known_shipping(self, items):
        """Return the tracking code and shipping option of the delivery of a single item, else {}."""
        # the dialog must not reveal items that the user may not read
        if len(items) != 1 or not items.sudo(False).has_access("read"):
            return {}
        item = items.sudo()
        return self.env["cloudprinter.signal"]._prepare_shipping(item._get_last_delivery()[0], item.order_id)

    # for display only, never sent
    @api.depends(
        "kind",
        "scope",
        "ready_date",
        "message",
        "cause",
        "tracking",
        "shipping_option",
        "step",
        "line_ids.is_chosen",
        "line_ids.problem",
    )
    @api.depends_context("lang", "tz")
    def _compute_preview(self):
        for report in self:
            items = report._get_chosen().item_id._origin
            values = report._prepare_signal(items[:1])
            report.signal = False
            if report.kind == "cancel" and report.scope == "document":
                report.preview = self.env._("Nothing. The items stay open at Cloudprinter.")
            elif not items:
                report.preview = self.env._("Nothing: no item is selected.")
            elif not report._is_shipped() and not (report.message or report.step):
                # nothing to say yet
                report.preview = False
            else:
                names = items._join_names(items.mapped("name"))
                details = [f"{name}: {value}" for name, value in values.items() if name != "type" and value]
                report.signal = "\n".join([f"{values['type'] or '…'}  {names}", *details])
                report.preview = report._describe(
                    self.env._("Items %s", names) if len(items) > 1 else self.env._("Item %s", names)
                )

    def _describe(self, items):
        """Return what Cloudprinter is told, as a sentence.

        :param str items: their names
        """
        values = {
            "items": items,
            "date": format_datetime(self.env, self.ready_date, dt_format="short") if self.ready_date else "…",
            "text": (self.message or "…").rstrip("."),
            "tracking": self.tracking or "…",
            "option": self.shipping_option or "…",
            "step": dict(self._fields["step"]._description_selection(self.env)).get(self.step, "…"),
        }
        if self.kind == "delay":
            return self.env._("%(items)s will be ready on %(date)s: “%(text)s”.", **values)
        if self.kind == "cancel":
            return self.env._("%(items)s will not be delivered: “%(text)s”. This cannot be undone.", **values)
        if self._is_shipped():
            return self.env._("%(items)s left with %(option)s, tracking code %(tracking)s.", **values)
        return self.env._("%(items)s: %(step)s.", **values)

    def _prepare_signal(self, item):
        """Return the signal that the dialog describes, with the API's field names."""
        if self.kind == "delay":
            signal_type = item.company_id._cloudprinter_config().cloudprinter_delay_type if item else ""
            hours = self._get_hours()
            return {"type": signal_type, "cause": self.message, "delay": str(hours) if hours > 0 else ""}
        if self.kind == "cancel":
            return {"type": "ItemCanceled", "cause": self.cause, "message": self.message}
        if self._is_shipped():
            return {"type": "ItemShipped", "tracking": self.tracking, "shipping_option": self.shipping_option}
        return {"type": MILESTONES.get(self.step)}

    def _get_items(self):
        # in a dialog that is not saved, they are copies of the records
        return self.line_ids.item_id._origin

    def _get_chosen(self):
        """Return the lines that are reported, or were reported by this dialog."""
        return self.line_ids.filtered(lambda line: line.is_reported or (line.is_chosen and not line.problem))

    def _get_hours(self):
        """Return the hours until the new date, rounded up: the API has no dates."""
        left = self.ready_date - fields.Datetime.now() if self.ready_date else timedelta()
        return math.ceil(left.total_seconds() / 3600)

    def action_report(self):
        """Create the signals and show a notification."""
        self.ensure_one()
        # default_* values of the caller must not reach new records
        self = self.with_context(clean_context(self.env.context))  # pylint: disable=context-overridden
        if self.kind == "cancel" and self.scope == "document":
            return self._cancel_document()
        if self.kind == "step" and not self.step:
            raise UserError(self.env._("Choose the step to report."))
        lines = self._get_chosen()
        if not lines:
            raise UserError(self.problem or self.env._("Select at least one item."))
        end = time.monotonic() + SECONDS
        for part in self._divide(lines.filtered(lambda line: not line.is_reported)):
            self._report(part.item_id)
            part.is_reported = True
            done = lines.filtered("is_reported")
            if len(done) < len(lines) and time.monotonic() > end:
                return self._go_on(len(done), len(lines))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self._get_result(lines.item_id),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _go_on(self, done, count):
        """Return the action that says how far the work is, and has the browser go on with it in another transaction."""
        action = self.env.ref("cloudprinter.cloudprinter_report_action_go_on")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": self.env._("%(done)s of %(count)s are done.", done=done, count=count),
                "next": {
                    "type": "ir.actions.server",
                    "id": action.id,
                    "context": {"active_model": self._name, "active_id": self.id, "active_ids": self.ids},
                },
            },
        }

    @api.model
    def _divide(self, lines):
        """Yield lines in parts, with whole orders: their documents are canceled together."""
        part = lines.browse()
        for of_order in lines.grouped(lambda line: line.item_id.order_id).values():
            part += of_order
            if len(part) >= ITEMS_AT_ONCE:
                yield part
                part = lines.browse()
        if part:
            yield part

    def _report(self, items):
        if self.kind == "delay":
            self._report_delay(items)
        elif self.kind == "cancel":
            items.report_cancel(self.cause, self.message)
            items._cancel_open_documents(self.settle_productions, self.settle_deliveries, self.settle_sale_lines)
        elif self._is_shipped():
            items.report_step("ItemShipped", self.tracking, self.shipping_option)
        else:
            items.report_step(MILESTONES[self.step])

    def _report_delay(self, items):
        hours = self._get_hours()
        if hours < 1:
            raise UserError(self.env._("Enter a new ship-by date in the future."))
        items.report_delay(hours, self.message)
        # not the full hours that Cloudprinter is told
        items.sudo().promised_date = self.ready_date

    def _get_result(self, items):
        reason = items.company_id[:1].cloudprinter_status()["reason"]
        if reason:
            return self.env._("Recorded for %(items)s. %(reason)s", items=items._get_ref(), reason=reason)
        return self.env._("Cloudprinter will be informed about %(items)s.", items=items._get_ref())

    def _cancel_document(self):
        """Cancel only the document; a new manufacturing order replaces a canceled one."""
        if self.res_model not in CANCELABLE or not self.res_id:
            raise UserError(self.env._("There is no document to cancel."))
        document = self.env[self.res_model].browse(self.res_id)
        # items canceled while the dialog was open are not made again
        items = document.cloudprinter_item_ids.filtered(lambda item: item.stage != "canceled")
        again = self.env["mrp.production"]
        if document._name == again._name and items:
            again = document._cloudprinter_reprint(items, document.product_id, document.product_uom_qty)
        document.action_cancel()
        return again._get_records_action() if again else {"type": "ir.actions.act_window_close"}
