from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .cloudprinter_item_attention import ATTENTION, OPEN

NEEDS_ATTENTION = Domain("attention", "!=", False)
LATE = OPEN & Domain("promised_date", "<", "now")
IN_TIME = ~OPEN | Domain("promised_date", ">=", "now") | Domain("promised_date", "=", False)


class CloudprinterItem(models.Model):
    """Adds what screens show of an item, and the ways to its documents."""

    _inherit = "cloudprinter.item"

    stage_text = fields.Char(
        "Progress",
        compute="_compute_stage_text",
        help="The stage in Odoo, and what Cloudprinter has accepted if it differs.",
    )
    ordered_quantity = fields.Float(
        "Ordered", compute="_compute_ordered_quantity", compute_sudo=True, digits="Product Unit"
    )
    urgency = fields.Selection(
        [("attention", "Needs Attention"), ("late", "Late")],
        compute="_compute_urgency",
        search="_search_urgency",
    )
    production_count = fields.Integer("Manufacturing", compute="_compute_document_counts", compute_sudo=True)
    picking_count = fields.Integer("Transfers", compute="_compute_document_counts", compute_sudo=True)

    @api.depends("derived", "signal_ids.state")
    @api.depends_context("lang")
    def _compute_stage_text(self):
        labels = dict(self._fields["stage"]._description_selection(self.env))
        for item in self:
            item.stage_text = labels.get(item.stage)
            if item.reported_stage != item.stage and item.reported_stage != "new":
                item.stage_text = self.env._(
                    "%(stage)s, reported %(reported)s",
                    stage=labels.get(item.stage),
                    reported=labels[item.reported_stage],
                )

    @api.depends("derived", "quantity")
    def _compute_ordered_quantity(self):
        for item in self:
            item.ordered_quantity = item._get_ordered()

    @api.depends("attention", "promised_date")
    def _compute_urgency(self):
        late = self.filtered_domain(LATE)
        for item in self:
            item.urgency = "attention" if item.attention else item in late and "late"

    def _search_urgency(self, operator, value):
        if operator != "in":
            return NotImplemented
        domains = {
            "attention": NEEDS_ATTENTION,
            "late": LATE & ~NEEDS_ATTENTION,
            False: IN_TIME & ~NEEDS_ATTENTION,
        }
        return Domain.OR([domains[each] for each in value if each in domains])

    def _field_to_sql(self, alias, field_expr, query=None):
        """Override of `base` to sort and count by what is urgent: what needs attention, what is late, the others."""
        if field_expr != "urgency":
            return super()._field_to_sql(alias, field_expr, query)
        return SQL(
            "CASE WHEN %(id)s = ANY(%(attention)s) THEN 'attention'"
            " WHEN %(promised)s < %(now)s AND %(stage)s NOT IN ('shipped', 'canceled') THEN 'late' END",
            id=SQL.identifier(alias, "id"),
            attention=[item_id for ids in self._find_attention(ATTENTION).values() for item_id in ids],
            promised=self._field_to_sql(alias, "promised_date", query),
            now=fields.Datetime.now(),
            stage=self._field_to_sql(alias, "stage", query),
        )

    @api.depends("derived")
    def _compute_document_counts(self):
        for item in self:
            item.production_count = len(item.production_ids)
            item.picking_count = len(item.move_ids.picking_id)

    def action_open_sale_orders(self):
        return self.sale_line_ids.order_id._get_records_action(name=self.env._("Sales Orders"))

    def action_open_productions(self):
        return self.production_ids._get_records_action(name=self.env._("Manufacturing Orders"))

    def action_open_pickings(self):
        return self.move_ids.picking_id._get_records_action(name=self.env._("Transfers"))
