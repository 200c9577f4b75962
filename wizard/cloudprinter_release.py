import logging
from collections import Counter

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

_logger = logging.getLogger(__name__)

# When an item became known; its other signals have their own time.
DOCUMENT_DATES = {
    "sale.order": "date_order",
    "mrp.production": "create_date",
    "stock.picking": "create_date",
    "cloudprinter.order": "create_date",
}


class CloudprinterRelease(models.TransientModel):
    """Ends a hold: shows the recorded signals, and marks those that were already reported elsewhere."""

    _name = "cloudprinter.release"
    _description = "Release Signals"

    company_ids = fields.Many2many(
        "res.company",
        string="Companies",
        required=True,
        readonly=True,
        default=lambda self: self.env.company._cloudprinter_holders(),
    )
    choice = fields.Selection(
        [
            ("before", "Older signals were already reported elsewhere"),
            ("all", "Send all"),
        ],
        "Recorded Signals",
        default="before",
        required=True,
    )
    date = fields.Datetime(
        "Older Than",
        default=lambda self: self._default_date(),
        help="Earlier signals were reported by other means, for example in Cloudprinter's dashboard.",
    )
    signal_count = fields.Integer(compute="_compute_counts")
    item_count = fields.Integer(compute="_compute_counts")
    summary = fields.Html(compute="_compute_counts", sanitize=False)

    @api.model
    def _default_date(self):
        dates = self.env.company._cloudprinter_holders().mapped("cloudprinter_key_date")
        return min(filter(None, dates), default=fields.Datetime.now())

    @api.depends("choice", "date", "company_ids")
    def _compute_counts(self):
        for wizard in self:
            recorded = wizard._get_recorded()
            before = wizard._get_reported_before(recorded)
            wizard.signal_count = len(recorded)
            wizard.item_count = len(recorded.item_id)
            wizard.summary = wizard._prepare_summary(recorded, before)

    def _prepare_summary(self, recorded, before):
        """Return a table with the number of signals by type and result."""
        waiting = recorded.filtered(lambda signal: signal.state == "waiting") - before
        columns = [
            (self.env._("Recorded"), recorded),
            (self.env._("Already Reported"), before),
            (self.env._("Sent Now"), recorded - before - waiting),
            (self.env._("Needs Input"), waiting),
        ]
        counts = [Counter(signals.mapped("type")) for _label, signals in columns]
        heading = Markup().join(Markup('<th class="text-end">%s</th>') % label for label, _signals in columns)
        rows = Markup().join(
            Markup("<tr><td>%s</td>%s</tr>")
            % (
                label,
                Markup().join(Markup('<td class="text-end">%s</td>') % (count[signal_type] or "") for count in counts),
            )
            for signal_type, label in self.env["cloudprinter.signal"]._fields["type"]._description_selection(self.env)
            if counts[0][signal_type]
        )
        return rows and Markup(
            '<table class="table table-sm mb-0"><thead><tr><th>%s</th>%s</tr></thead><tbody>%s</tbody></table>'
        ) % (self.env._("Signal"), heading, rows)

    def _get_recorded(self):
        """Return the signals held back, oldest first."""
        return (
            self.env["cloudprinter.signal"]
            .sudo()
            .search_fetch(
                [
                    # in a dialog that is not saved, they are copies of the records
                    ("company_id", "in", self.company_ids._origin._cloudprinter_held().ids),
                    ("state", "in", ("outgoing", "waiting")),
                ],
                ["item_id", "type", "state", "event_date", "attempt_count", "correction_of_id", "res_model", "res_id"],
                order="id",
            )
        )

    def _get_reported_before(self, recorded):
        """Return the signals reported by other means: older ones, and those that precede them in their items."""
        if self.choice != "before" or not self.date:
            return recorded.browse()
        candidates = recorded.filtered(lambda signal: not signal.attempt_count and not signal.correction_of_id)
        old = candidates.filtered(lambda signal: signal.event_date < self.date)
        registered = candidates.filtered(lambda signal: signal.type == "ItemRegistered").grouped("res_model")
        for model, name in DOCUMENT_DATES.items():
            signals = registered.get(model, recorded.browse())
            documents = self.env[model].sudo().search([("id", "in", signals.mapped("res_id")), (name, "<", self.date)])
            ids = set(documents.ids)
            old |= signals.filtered(lambda signal: signal.res_id in ids)  # noqa: B023
        last = {}
        for signal in old:
            item = signal.item_id.id
            last[item] = max(signal.id, last.get(item, 0))
        return candidates.filtered(lambda signal: signal.id <= last.get(signal.item_id.id, 0))

    def action_release(self):
        """Release the hold and send the signals that were not reported elsewhere."""
        self.ensure_one()
        self.company_ids._cloudprinter_check_administrator()
        if self.choice == "before" and not self.date:
            raise UserError(self.env._("Enter the date. Older signals were already reported elsewhere."))
        recorded = self._get_recorded()
        before = self._get_reported_before(recorded)
        before._take_as_reported_before()
        going = (recorded - before).filtered(lambda signal: signal.state == "outgoing")
        self.company_ids.write({"cloudprinter_hold": False})
        _logger.info(
            "Cloudprinter: user %s released companies %s: %s signals were reported before, %s are sent",
            self.env.uid,
            self.company_ids.ids,
            len(before),
            len(going),
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(going)s signals are being sent, %(before)s were already reported.",
                    going=len(going),
                    before=len(before),
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
