import logging

from odoo import SUPERUSER_ID, api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import float_compare

from ..rule.stage import STAGE_OF, TERMINAL, get_milestones, is_packed, plan_signals
from .cloudprinter_signal import REPORTED_ELSEWHERE

_logger = logging.getLogger(__name__)


class CloudprinterItem(models.Model):
    """Keeps the outbox in line with the stage: the signals that are due, with their documents, times and details."""

    _inherit = "cloudprinter.item"

    # without corrections and withdrawn signals; what a click asks and what it makes read them once
    milestone_signal_ids = fields.Many2many(
        "cloudprinter.signal", compute="_compute_milestone_signal_ids", compute_sudo=True
    )

    def _queue_signals(self):
        """Queue the items, so that their due signals are created once, just before the commit."""
        precommit = self.env.cr.precommit
        queued = precommit.data.setdefault("cloudprinter.items", set())
        if not queued:
            precommit.add(self.browse().sudo()._make_queued_signals)
        queued.update(self.ids)

    def _make_queued_signals(self):
        """Create the due signals of the queued items, as a precommit hook.

        Only conflicts between transactions are raised: other errors must not block the users' work.
        """
        items = self.browse(sorted(self.env.cr.precommit.data.pop("cloudprinter.items", ())))
        # errors from pending writes of other code are not caught here
        self.env.cr.flush()
        try:
            with self.env.cr.savepoint():
                items._make_due_signals()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception:
            if len(items) > 1:
                # one faulty item must not cost the others their signals
                for item in items:
                    item._queue_signals()
                    item._make_queued_signals()
                return
            _logger.exception(
                "Cloudprinter: could not create signals for item %s; the daily check will try again", items.ids
            )

    @api.depends("signal_ids.type", "signal_ids.correction_of_id", "signal_ids.failure_type")
    def _compute_milestone_signal_ids(self):
        signals = self.env["cloudprinter.signal"].search_fetch(
            [
                ("item_id", "in", self.ids),
                ("type", "in", list(STAGE_OF)),
                ("correction_of_id", "=", False),
                ("failure_type", "!=", "withdrawn"),
            ],
            [
                "item_id",
                "type",
                "state",
                "failure_type",
                "attempt_count",
                "origin",
                "event_date",
                "res_model",
                "res_id",
            ],
        )
        rows = signals.grouped("item_id")
        for item in self:
            item.milestone_signal_ids = rows.get(item._origin, signals.browse())

    def _get_milestone_signals(self):
        """Return the signals for the items' milestones, by item, without corrections and withdrawn signals."""
        return {item: item.milestone_signal_ids for item in self.sudo()}

    def _make_due_signals(self, is_asked=False, **overrides):
        """Bring the outbox in line with the stage. May be called any number of times.

        :param bool is_asked: create them even while modules are installed or updated
        :param overrides: values that new signals get instead of their own
        """
        signals = self.env["cloudprinter.signal"].sudo()
        rows = self._get_milestone_signals()
        reported = {
            company: company._cloudprinter_config()._cloudprinter_reported_types() for company in self.company_id
        }
        vals_list = []
        for item in self:
            live = rows.get(item, signals)
            posted = live.filtered(lambda s: s.attempt_count or s.state == "sent" or s.origin in ("manual", "before"))
            if item.stage == "shipped":
                live -= item._follow_last_delivery(live.filtered(lambda s: s.type == "ItemShipped"), posted)
            plan = plan_signals(
                item.stage,
                set(live.mapped("type")),
                set(posted.mapped("type")),
                reported[item.company_id],
                packed=is_packed(item.facts),
                called_off=bool(item.cancel_cause),
            )
            if (plan.create or plan.withdraw) and not self.pool.ready and not is_asked:
                # an upgrade may change the rule: a user decides what is reported about the past
                item.changed_by_update = True
            if item.changed_by_update:
                continue
            if plan.withdraw:
                live.filtered(lambda s: s.type in plan.withdraw)._withdraw()  # noqa: B023
            if plan.create:
                vals_list += item._prepare_signals(plan.create, max(live.mapped("event_date"), default=None))
        if vals_list:
            created = signals._insert([{**vals, **overrides} for vals in vals_list]).grouped("item_id")
            rows = {item: rows.get(item, signals) + created.get(item, signals) for item in self}
        self._record_shipping(rows)

    def _record_shipping(self, rows):
        """Write when the items were shipped, and whether something of them came back. Only what differs is written.

        The first signal tells, because its date does not change, even if something is exchanged a month later.

        :param dict rows: item → the signals for its milestones
        """
        for item in self:
            shipped = rows.get(item, self.env["cloudprinter.signal"]).filtered(
                lambda s: s.type == "ItemShipped" and s.failure_type != "withdrawn"
            )
            date = False
            if item.stage == "shipped" or any(signal.state != "canceled" for signal in shipped):
                date = min(shipped.mapped("event_date"), default=False) or item._get_last_delivery()[1]
            back = item.move_ids.filtered(lambda move: move.state == "done" and move.location_id.usage == "customer")
            changed = item._set_derived({"shipped_date": date, "is_returned": bool(back)})
            if changed:
                item.modified(changed)

    def _report_before(self, known):
        """Record what was reported to Cloudprinter before Odoo did so: none of it is sent, what follows is.

        :param dict known: item → the stage that Cloudprinter knows
        """
        signals = self.env["cloudprinter.signal"].sudo()
        rows = self._get_milestone_signals()
        vals_list, recorded = [], signals.browse()
        for item in self:
            reported = item.company_id._cloudprinter_config()._cloudprinter_reported_types()
            told = get_milestones(known[item], reported)
            live = rows.get(item, signals)
            recorded += live.filtered(
                lambda s: s.type in told and s.state in ("waiting", "outgoing") and not s.attempt_count  # noqa: B023
            )
            missing = set(told) - set(live.mapped("type"))
            planned = [(signal_type, "before") for signal_type in told if signal_type in missing]
            # later milestones limit how late these can have happened
            ahead = [(t, "observed") for t in get_milestones(item.stage, reported) if t not in told]
            if planned:
                vals_list += item._prepare_signals(planned + ahead, False)[: len(planned)]
        recorded._take_as_reported_before()
        self._queue_signals()
        if vals_list:
            signals._insert([{**vals, **REPORTED_ELSEWHERE} for vals in vals_list])

    def _follow_last_delivery(self, shipped, posted):
        """Keep the ItemShipped of a shipped item in line with its last delivery, until it is posted.

        Withdraw it if the item was shipped again, to replace it. If it was posted, a user decides.

        :param shipped: the live ItemShipped, or an empty recordset
        :returns: the withdrawn signal, or an empty recordset
        """
        nothing = shipped.browse()
        if not shipped or shipped.res_model != "stock.picking":
            return nothing
        picking, _date = self._get_last_delivery()
        if not picking or shipped.res_id == picking.id:
            follows = shipped not in posted and shipped.state != "canceled"
            if follows and shipped._apply_changes({shipped: shipped._get_changes(picking)}):
                shipped._wake_sender()
            return nothing
        if shipped in posted:
            picking.sudo().cloudprinter_reports_tracking = True
            shipped._propose_second_shipment(picking)
            return nothing
        shipped._withdraw()
        return shipped

    # === values of signals === #

    def _prepare_signals(self, planned, not_before):
        """Return the values for the planned milestones, oldest first, with times that never go backwards.

        :param list planned: of (signal type, origin), in the API's order
        :param datetime not_before: the latest time in the item's outbox
        """
        now = fields.Datetime.now()
        # Odoo switches to the superuser when it confirms and procures
        user_id = self.env.uid if self.env.uid != SUPERUSER_ID else self.env.transaction.default_env.uid
        vals_list = []
        latest = now
        for signal_type, origin in reversed(planned):
            document, event_date = self._get_source(signal_type)
            latest = min(event_date or now, latest)
            vals_list.insert(
                0,
                {
                    "item_id": self.id,
                    "type": signal_type,
                    "origin": origin,
                    "event_date": max(latest, not_before) if not_before else latest,
                    "user_id": user_id,
                    **self.env["cloudprinter.signal"]._prepare_source(document),
                    **self._prepare_details(signal_type, document),
                },
            )
        return vals_list

    def _get_source(self, signal_type):
        """Return the document that caused a milestone, and when it happened there (naive UTC) or False."""
        productions = self.production_ids.filtered(lambda production: production.state != "cancel")
        if signal_type == "ItemRegistered":
            sale = self.sale_line_ids.order_id[:1]
            return sale or productions[:1] or self.move_ids.picking_id[:1] or self.order_id, self.accepted_date
        if signal_type == "ItemProduce" and productions:
            dates = {production: production._cloudprinter_start_date() for production in productions}
            started = [production for production in productions if dates[production]]
            if started:
                first = min(started, key=dates.get)
                return first, dates[first]
            active = productions.filtered(lambda production: production._cloudprinter_fact() in ("started", "done"))
            return (active or productions)[0], False
        if signal_type == "ItemProduced" and productions:
            # an imported one may have no date
            last = max(
                productions,
                key=lambda mo: (
                    mo.state == "done",
                    mo.date_finished or mo.create_date,
                    mo.backorder_sequence,
                    mo.id,
                ),
            )
            return last, last.state == "done" and last.date_finished
        if signal_type in ("ItemPacked", "ItemShipped"):
            picking, date = self._get_last_delivery()
            if picking:
                return picking, signal_type == "ItemShipped" and date
        return self.sale_line_ids.order_id[:1] or productions[:1] or self.production_ids[:1] or self.order_id, False

    def _get_last_delivery(self):
        """Return the transfer with which the last of the item reaches the customer, and when it was done or False."""
        bound = self.move_ids._cloudprinter_bound_for_customer()
        done = bound.filtered(lambda move: move.state == "done" and move.location_dest_id._is_outgoing())
        if done:
            last = max(done, key=lambda move: (move.date, move.id))
            return last.picking_id, last.picking_id.date_done or last.date
        return bound.filtered(lambda move: move.state != "cancel").picking_id[-1:], False

    def _prepare_details(self, signal_type, document):
        """Return the values that only some types have, and the state if any of them is missing."""
        if signal_type == "ItemCanceled":
            if self.cancel_cause:
                return {"cause": self.cancel_cause, "message": self.cancel_message}
            return {"state": "waiting", "failure_type": "missing_cause"}
        if signal_type != "ItemShipped":
            return {}
        picking = document if document._name == "stock.picking" else self.env["stock.picking"]
        if picking and not picking.cloudprinter_reports_tracking:
            picking.sudo().cloudprinter_reports_tracking = True
        return self._prepare_shipping(picking)

    def _prepare_shipping(self, picking, signal=None):
        """Return the details of an ItemShipped, and its state and reason if one is missing or less was shipped.

        :param picking: the delivery, or an empty recordset
        :param signal: the signal that has been created already, if any: what a user has decided stays, and
            what was entered without a delivery
        """
        signals = self.env["cloudprinter.signal"]
        details = signals._prepare_shipping(picking, self.order_id)
        if signal and not picking:
            tracking = details["tracking"] or signal.tracking
            option = details["shipping_option"] or signal.shipping_option
            details = {"tracking": tracking, "shipping_option": option}
            details.update(signals._prepare_missing(tracking, option))
        decided = signal and (signal.released or signal.correction_of_id or signal.origin == "manual")
        if not decided and self._is_short():
            details.update(state="waiting", failure_type="short")
        return details

    def _is_short(self):
        """Return whether less was shipped than ordered, beyond the company's tolerance."""
        ordered, left = self._get_ordered(), self._get_left()
        tolerance = self.company_id._cloudprinter_config().cloudprinter_short_tolerance
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        return bool(ordered) and float_compare(left, ordered * (1 - tolerance / 100), precision_digits=digits) < 0

    def _get_ordered(self):
        """Return the ordered quantity in the product's unit, in which it is made, counted and packed."""
        line = self.sale_line_ids[:1]
        if line:
            return line._cloudprinter_quantity()
        return self.quantity or sum(self._get_first_moves().mapped("product_qty"))

    def _get_left(self):
        """Return the shipped quantity in the product's unit. Returned goods count as shipped."""
        moves = self._get_first_moves()
        line = self.sale_line_ids[:1]
        if line and moves.product_id != line.product_id:
            return moves._cloudprinter_kits_left(line)
        return sum(move._cloudprinter_quantity() for move in moves if move.state == "done")

    def _get_first_moves(self):
        """Return the moves to the customer, without those that replace what was sent before."""
        return self.move_ids._cloudprinter_bound_for_customer()._cloudprinter_sent_first()

    # === daily check === #

    @api.model
    def _cron_check_open_items(self):
        """Derive again what changed without the ORM: stages, and signals that are missing or not posted yet. Daily."""
        ended = [
            ("type", "in", TERMINAL),
            "|",
            "|",
            ("state", "=", "sent"),
            ("attempt_count", ">", 0),
            ("failure_type", "=", "discarded"),
        ]
        open_items = self.search(["|", ("stage", "not in", ("shipped", "canceled")), ("signal_ids", "not any", ended)])
        stage = self._fields["stage"]
        for start in range(0, len(open_items), 500):
            batch = open_items[start : start + 500]
            self.env.add_to_compute(stage, batch)
            batch._recompute_recordset(["stage"])
            remaining = len(open_items) - start - len(batch)
            self.env["ir.cron"]._commit_progress(len(batch), remaining=remaining)
