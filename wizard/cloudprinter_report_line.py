from odoo import api, fields, models

from ..rule.stage import MILESTONES, TERMINAL, rank


class CloudprinterReportLine(models.TransientModel):
    """One item in the report dialog, and whether it is reported."""

    _name = "cloudprinter.report.line"
    _description = "Item to Report to Cloudprinter"

    report_id = fields.Many2one("cloudprinter.report", "Dialog", required=True, index=True, ondelete="cascade")
    item_id = fields.Many2one("cloudprinter.item", "Item", required=True, ondelete="cascade")
    order_id = fields.Many2one(related="item_id.order_id", related_sudo=False)
    product_id = fields.Many2one(related="item_id.product_id", related_sudo=False)
    stage = fields.Selection(related="item_id.stage", related_sudo=False)
    reported_stage = fields.Selection(related="item_id.reported_stage", related_sudo=False)
    is_chosen = fields.Boolean("Report", compute="_compute_is_chosen", store=True, readonly=False, precompute=True)
    problem = fields.Char("Not Possible", compute="_compute_problem")

    @api.constrains("item_id")
    def _check_item_id(self):
        # constraints run as superuser, but the dialog must not reveal items that the user may not read
        self.item_id.sudo(False).check_access("read")

    @api.depends("report_id.kind", "report_id.scope", "report_id.step")
    def _compute_problem(self):
        # a dialog that is not saved must not reveal items that the user may not read
        items = self.item_id._origin.sudo(False)._filtered_access("read")
        rows_of = items._get_milestone_signals()
        for line in self:
            if line.item_id._origin not in items:
                line.problem = False
                continue
            rows = rows_of.get(line.item_id._origin, self.env["cloudprinter.signal"])
            line.problem = line._get_problem(rows.filtered(lambda signal: signal.state != "canceled"))

    def _get_problem(self, rows):
        """Return why the item cannot be reported as selected in the dialog, or False.

        :param rows: its milestone signals
        """
        report = self.report_id
        if report.kind == "cancel" and report.scope == "document":
            return False
        posted = rows.filtered(lambda s: s.attempt_count or s.state == "sent")
        ended = posted.filtered(lambda s: s.type in TERMINAL)[:1]
        if ended:
            return self.env._("%(signal)s has been reported and is final.", signal=ended.type)
        queued = rows.filtered(lambda s: s.type in TERMINAL and s.state == "outgoing")[:1]
        if report.kind == "delay" and queued:
            return self.env._("%(signal)s is sent first and is final.", signal=queued.type)
        if report.kind == "cancel":
            moves = self.item_id.sudo().move_ids._cloudprinter_bound_for_customer()
            if moves.filtered(lambda move: move.state == "done" and move.location_dest_id._is_outgoing()):
                return self.env._("It has already been shipped, at least in part.")
        if report.kind == "step" and report.step:
            step = MILESTONES[report.step]
            if rows.filtered(lambda s: rank(s.type) > rank(step) or (s.type == step and s.state == "sent")):
                return self.env._("This has already been reported.")
        return False

    @api.depends("problem")
    def _compute_is_chosen(self):
        for line in self:
            # an item that the user has deselected stays deselected
            line.is_chosen = not line.problem and (line.is_chosen or not line._origin)
