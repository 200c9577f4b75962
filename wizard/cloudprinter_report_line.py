from odoo import api, fields, models

from ..rule.stage import MILESTONES, TERMINAL, rank


class CloudprinterReportLine(models.TransientModel):
    """One item in the report dialog, and whether it is reported."""

    _name = "cloudprinter.report.line"
    _description = "Item to Report to Cloudprinter"

    report_id = fields.Many2one("cloudprinter.report", "Dialog", required=True, index=True, ondelete="cascade")
    item_id = fields.Many2one("cloudprinter.item", "Item", required=True, ondelete="cascade")
    product = fields.Char(compute="_compute_product")
    is_chosen = fields.Boolean("Report", default=True)
    is_reported = fields.Boolean(readonly=True)
    problem = fields.Char("Not Possible", compute="_compute_problem")

    @api.constrains("item_id")
    def _check_item_id(self):
        # constraints run as superuser, but the dialog must not reveal items that the user may not read
        self.item_id.sudo(False).check_access("read")

    def _get_readable(self):
        """Return the items that the user may read: a dialog that is not saved must not reveal others."""
        return self.item_id._origin.sudo(False)._filtered_access("read")

    @api.depends("item_id")
    def _compute_product(self):
        readable = self._get_readable()
        for line in self:
            item = (line.item_id._origin & readable).with_prefetch(readable.ids).sudo()
            product = item.sale_line_ids.product_id or item.product_id or item.production_ids.product_id
            line.product = product[:1].display_name

    @api.depends("item_id", "report_id.kind", "report_id.scope", "report_id.step", "report_id.ready_date")
    def _compute_problem(self):
        readable = self._get_readable()
        rows_of = readable._get_milestone_signals()
        for line in self:
            item = (line.item_id._origin & readable).with_prefetch(readable.ids)
            rows = rows_of.get(item, self.env["cloudprinter.signal"])
            line.problem = bool(item) and line._get_problem(
                item, rows.filtered(lambda signal: signal.state != "canceled")
            )

    def _get_problem(self, item, rows):
        """Return why an item cannot be reported as selected in the dialog, or False.

        :param rows: its milestone signals
        """
        report = self.report_id
        if report.kind == "cancel" and report.scope == "document":
            return False
        posted = rows.filtered(lambda s: s.attempt_count or s.state == "sent")
        ended = posted.filtered(lambda s: s.type in TERMINAL)[:1]
        if ended:
            return self.env._("%(signal)s has been reported and is final.", signal=ended.label)
        queued = rows.filtered(lambda s: s.type in TERMINAL and s.state == "outgoing")[:1]
        if report.kind == "delay" and queued:
            return self.env._("%(signal)s is sent first and is final.", signal=queued.label)
        if report.kind == "delay" and report.ready_date and item.promised_date == report.ready_date:
            # reported by a dialog that was closed before it was through, or by another user
            return self.env._("It has this ship-by date already.")
        if report.kind == "cancel":
            moves = item.sudo().move_ids._cloudprinter_bound_for_customer()
            if moves.filtered(lambda move: move.state == "done" and move.location_dest_id._is_outgoing()):
                return self.env._("It has already been shipped, at least in part.")
        if report.kind == "step" and report.step:
            step = MILESTONES[report.step]
            if rows.filtered(lambda s: rank(s.type) > rank(step) or (s.type == step and s.state == "sent")):
                return self.env._("This has already been reported.")
        return False
