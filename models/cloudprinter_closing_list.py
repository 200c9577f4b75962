from odoo import api, fields, models
from odoo.exceptions import UserError

from .cloudprinter_closing import KINDS


class CloudprinterClosingList(models.Model):
    """A list of the month's end, and the sentence that explains it."""

    _name = "cloudprinter.closing.list"
    _description = "List of a Cloudprinter Month-End"
    _order = "id"
    _rec_name = "kind"

    closing_id = fields.Many2one("cloudprinter.closing", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="closing_id.company_id", store=True)
    state = fields.Selection(related="closing_id.state")
    kind = fields.Selection(KINDS, "List", required=True, readonly=True)
    line_ids = fields.One2many("cloudprinter.closing.line", "list_id", "Rows", readonly=True)
    count = fields.Integer(compute="_compute_sums")
    sums = fields.Char("Sum", compute="_compute_sums")
    note = fields.Char("Explanation")
    noted_by_id = fields.Many2one("res.users", "Explained By", readonly=True)

    @api.depends("line_ids.amount", "line_ids.change", "line_ids.currency_id")
    def _compute_sums(self):
        for row in self:
            lines = row.line_ids.filtered(lambda line: line.change != "new")
            row.count = len(lines)
            row.sums = row.closing_id._format_sums(lines)

    def write(self, vals):
        if not vals.keys() <= {"note"}:
            raise UserError(self.env._("Only the explanation of a list can be changed."))
        if "closed" in self.mapped("state"):
            raise UserError(self.env._("This month is closed. Its explanations can no longer be changed."))
        return super().write({"note": vals["note"], "noted_by_id": self.env.uid if vals["note"] else False})

    def action_open_lines(self):
        """Show the rows of the list."""
        self.ensure_one()
        if self.kind == "credit_note" and self.state == "draft":
            return self.env["account.move.line"].action_cloudprinter_unassigned()
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        return {**self.line_ids._get_action(), "name": kinds[self.kind]}
