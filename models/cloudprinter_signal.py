from collections import defaultdict

from odoo import Command, api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, clean_context, format_datetime

from .. import cloudsignal
from ..rule.stage import TERMINAL
from ..tools.rights import check_manager
from ..tools.text import translate
from .cloudprinter_chatter import SIGNAL_LABELS

MILESTONES_ONLY = "type NOT IN ('ItemDelay', 'ItemError')"
DETAILS = ("tracking", "shipping_option", "cause", "message", "delay")
# Reported to Cloudprinter by other means before Odoo did so: never sent, and never created again.
REPORTED_ELSEWHERE = {"state": "sent", "failure_type": False, "origin": "before"}


class CloudprinterSignal(models.Model):
    """One signal: a row of the outbox until Cloudprinter accepts it, then of the ledger.

    `waiting` (a user must add something) → `outgoing` (queued) → `sent` (accepted with 200).
    `error`: refused, or failed too often on its own. `canceled`: discarded by a user, or withdrawn because it was no
    longer true before it was first posted. The time of the event is fixed when the row is created.

    From the first attempt, or the first decision of a user, it is in the ledger: each change is an entry there.
    """

    _name = "cloudprinter.signal"
    _inherit = ["cloudprinter.evidence"]
    _description = "Cloudprinter Signal"
    _order = "id desc"

    item_id = fields.Many2one("cloudprinter.item", required=True, readonly=True, ondelete="restrict")
    # no related fields: they are computed after the INSERT and would cost each click another UPDATE
    order_id = fields.Many2one("cloudprinter.order", required=True, readonly=True, index=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    type = fields.Selection(
        [(signal_type, signal_type) for signal_type in cloudsignal.SIGNAL_TYPES],
        "Signal",
        required=True,
        readonly=True,
    )
    label = fields.Char("Event", compute="_compute_label", help="What it says, in words.")
    event_date = fields.Datetime("Happened On", required=True, readonly=True, default=fields.Datetime.now)
    tracking = fields.Char()
    shipping_option = fields.Char()
    cause = fields.Char()
    message = fields.Char()
    delay = fields.Char("Delay (Hours)")
    state = fields.Selection(
        [
            ("waiting", "Needs Input"),
            ("outgoing", "Queued"),
            ("sent", "Accepted"),
            ("error", "Failed"),
            ("canceled", "Discarded"),
        ],
        "Status",
        required=True,
        readonly=True,
        default="outgoing",
    )
    failure_type = fields.Selection(
        [
            ("missing_tracking", "The tracking reference is missing"),
            ("missing_option", "The shipping option is missing"),
            ("missing_cause", "The cause is missing"),
            ("short", "Less was shipped than ordered"),
            ("correction", "Changed after it was reported"),
            ("outage", "Cloudprinter was not available"),
            ("own", "Cloudprinter fails on this signal"),
            ("apart", "Sent again separately"),
            ("refused", "Refused by Cloudprinter"),
            ("expired", "Not accepted in 7 days"),
            ("withdrawn", "No longer true"),
            ("discarded", "Discarded by a user"),
        ],
        readonly=True,
    )
    origin = fields.Selection(
        [
            ("observed", "Observed"),
            ("filled", "Filled In"),
            ("manual", "Reported by Hand"),
            ("correction", "Correction"),
            ("before", "Reported Before Odoo"),
        ],
        required=True,
        readonly=True,
        default="manual",
    )
    correction_of_id = fields.Many2one("cloudprinter.signal", readonly=True, index="btree_not_null")
    source = fields.Char(readonly=True, help="The document that caused the signal, under its name at the time.")
    res_model = fields.Char("Source Model", readonly=True)
    res_id = fields.Many2oneReference("Source Record", model_field="res_model", readonly=True)
    user_id = fields.Many2one("res.users", "Caused By", readonly=True, ondelete="restrict")
    attempt_count = fields.Integer("Attempts", required=True, readonly=True, default=0)
    next_attempt_date = fields.Datetime(
        "Next Attempt",
        readonly=True,
        default=fields.Datetime.now,
        help="Empty: immediately, even while Cloudprinter is not available.",
    )
    fault_count = fields.Integer(
        "Own Failures",
        required=True,
        readonly=True,
        default=0,
        help="Attempts that failed while Cloudprinter answered others, or whose answer is unknown.",
    )
    alone = fields.Boolean("Sent Alone", readonly=True, default=False, help="Its bundle was not accepted.")
    last_attempt_id = fields.Integer("Last Attempt", required=True, readonly=True, default=0, aggregator=None)
    released = fields.Boolean(
        readonly=True, default=False, help="A user sends it, although less was shipped than ordered."
    )
    decided = fields.Boolean(
        readonly=True, default=False, help="A user has decided about it, so it is in the ledger before it is posted."
    )
    to_log = fields.Boolean(readonly=True, default=False, help="Its outcome is not in the chatter yet.")
    waits_for = fields.Char("Reason", compute="_compute_waits_for", help="Why the signal has not been accepted yet.")
    sent_date = fields.Datetime("Accepted On", readonly=True)
    http_status = fields.Integer("HTTP Status", readonly=True, aggregator=None)
    answer = fields.Char(readonly=True, size=500)
    discard_reason = fields.Char(readonly=True)
    number = fields.Integer("No.", readonly=True, aggregator=None, help="Assigned on acceptance, without gaps.")
    request_ids = fields.Many2many("cloudprinter.request", string="Attempts Made", readonly=True)

    # Concurrent calls must not create a milestone twice. Corrections and delays may be repeated.
    _milestone_uniq = models.UniqueIndex(
        f"(item_id, type) WHERE correction_of_id IS NULL AND state != 'canceled' AND {MILESTONES_ONLY}",
        "This has already been reported for the item.",
    )
    _number_uniq = models.UniqueIndex("(company_id, number) WHERE number > 0")
    _outgoing_idx = models.Index("(company_id, last_attempt_id, id) WHERE state = 'outgoing'")
    _outgoing_order_idx = models.Index("(order_id, id) WHERE state = 'outgoing'")
    _unsettled_idx = models.Index("(company_id, state) WHERE state IN ('waiting', 'outgoing', 'error')")
    _alone_idx = models.Index("(company_id, id) WHERE state = 'outgoing' AND (alone OR fault_count > 0)")
    _unlogged_idx = models.Index("(id) WHERE to_log")
    _item_idx = models.Index("(item_id, id)")
    _source_idx = models.Index("(res_model, res_id)")
    _canceled_idx = models.Index("(item_id) WHERE type = 'ItemCanceled' AND state = 'sent'")
    # lead times of one period among years of signals
    _shipped_idx = models.Index("(event_date) WHERE type = 'ItemShipped'")
    # scanned in a list of items or orders
    _tracking_idx = models.Index("(tracking) WHERE tracking IS NOT NULL")

    @api.depends("type", "item_id.name")
    def _compute_display_name(self):
        for signal in self:
            signal.display_name = f"{signal.type} {signal.item_id.name}"

    @api.depends("type")
    @api.depends_context("lang")
    def _compute_label(self):
        for signal in self:
            signal.label = self._get_label(signal.type)

    @api.model
    def _get_label(self, signal_type):
        """Return a type in the user's words: who prints does not know the names of the API."""
        return self.env._(SIGNAL_LABELS[signal_type])  # pylint: disable=gettext-variable

    @api.depends("state", "failure_type", "next_attempt_date")
    @api.depends_context("lang")
    def _compute_waits_for(self):
        reasons = dict(self._fields["failure_type"]._description_selection(self.env))
        status = {company: company.cloudprinter_status()["reason"] for company in self.sudo().company_id}
        before = self._get_earlier_in_queue()
        for signal in self:
            signal.waits_for = signal.failure_type and reasons[signal.failure_type]
            if signal.state != "outgoing":
                continue
            earlier = before.get(signal.id)
            if earlier:
                signal.waits_for = self.env._("Waits for “%(signal)s”", signal=self._get_label(earlier))
            elif status[signal.sudo().company_id]:
                signal.waits_for = status[signal.sudo().company_id]
            elif signal.attempt_count and signal.next_attempt_date and signal.failure_type:
                signal.waits_for = self.env._(
                    "%(reason)s. Next attempt: %(date)s",
                    reason=reasons[signal.failure_type],
                    date=format_datetime(self.env, signal.next_attempt_date, dt_format="short"),
                )

    def _get_earlier_in_queue(self):
        """Return, for each signal queued behind others of its item, the type of the first of them.

        :rtype: dict[int, str]
        """
        queue = defaultdict(list)
        rows = (
            self.env["cloudprinter.signal"]
            .sudo()
            ._read_group(
                [("item_id", "in", self.sudo().item_id.ids), ("state", "=", "outgoing")], ["item_id", "type", "id"]
            )
        )
        for item, signal_type, signal in rows:
            queue[item.id].append((signal.id, signal_type))
        return {
            signal.id: min(earlier)[1]
            for signal in self
            if (earlier := [row for row in queue[signal.sudo().item_id.id] if row[0] < signal.id])
        }

    # === constraints === #

    @api.constrains("type", "tracking", "shipping_option", "cause", "message", "delay", "state")
    def _check_payload(self):
        for signal in self:
            # ids are checked on input, and most types have no other field
            if signal.state != "outgoing" or not any(cloudsignal.FIELDS[signal.type]):
                continue
            self._validate(signal._to_cloudsignal(), signal.item_id)

    def _validate(self, signal, item):
        """Raise a ValidationError if the API would not accept this signal of `cloudsignal`."""
        try:
            signal.validate()
        except cloudsignal.SignalError as error:
            raise ValidationError(
                self.env._(
                    "%(signal)s of item %(item)s cannot be sent. %(reason)s",
                    signal=signal.type,
                    item=item.name,
                    reason=translate(self.env, error),
                )
            ) from error

    def _check_ids_are_free(self):
        """Check that the ids can still be corrected: only until the first signal is accepted into the ledger.

        :raises UserError: a signal was accepted, or is in flight
        """
        # signals reported before Odoo were entered by a user, who may have mistyped the id
        accepted = self.filtered(lambda signal: signal.state == "sent" and signal.origin != "before")[:1]
        if accepted:
            raise UserError(
                self.env._(
                    "Cloudprinter has accepted %(signal)s for item %(item)s of order %(order)s."
                    " Its ids can no longer be changed.",
                    signal=accepted.type,
                    item=accepted.item_id.name,
                    order=accepted.order_id.name,
                )
            )

        self._check_not_in_flight()

    def _send_with_new_ids(self):
        """Send the refused signals again after a user has corrected the ids."""
        over = self.item_id.signal_ids.filtered(lambda s: s.state == "sent" and s.type in TERMINAL).item_id
        refused = self.filtered(lambda signal: signal.failure_type == "refused" and signal.item_id not in over)
        if refused:
            refused.action_send()

    def _check_not_in_flight(self):
        """Lock these rows and check that the sender is not posting them.

        :raises UserError: a signal is in flight, or was when Odoo ended
        """
        if not self:
            return
        self.flush_recordset()
        rows = self.env.execute_query(
            SQL(
                # not only a lock: a claim that has read the old ids must fail
                "UPDATE cloudprinter_signal SET next_attempt_date = next_attempt_date"
                " WHERE id IN %s AND state != 'sent'"
                " RETURNING id, attempt_count > 0 AND answer IS NULL AND next_attempt_date > %s",
                tuple(self.ids),
                fields.Datetime.now(),
            )
        )
        in_flight = self.browse(signal_id for signal_id, is_in_flight in rows if is_in_flight)[:1]
        if in_flight:
            raise UserError(self.env._("%s is being sent right now. Try again in a minute.", in_flight.display_name))

    # === CRUD === #

    def _insert(self, vals_list):
        """Override of `cloudprinter.evidence` to derive values, record those sent elsewhere, and wake the sender."""
        # default_* values of the caller must not reach the ledger
        self = self.with_context(clean_context(self.env.context))  # pylint: disable=context-overridden
        self._complete_values(vals_list)
        signals = super()._insert(vals_list)
        signals.filtered(lambda signal: signal.state == "sent")._record("before")
        if any(signal.state == "outgoing" for signal in signals):
            self._wake_sender()
        return signals

    @api.model
    def _complete_values(self, vals_list):
        """Add the values derived from the items, and clean texts for the API."""
        columns = {
            name: field.default(self) if field.default else False
            for name, field in self._fields.items()
            if field.store and field.column_type and name not in models.MAGIC_COLUMNS
        }
        items = self.env["cloudprinter.item"].browse(vals["item_id"] for vals in vals_list)
        for vals, item in zip(vals_list, items):
            vals.update({**columns, **vals, "order_id": item.order_id.id, "company_id": item.company_id.id})
            vals["decided"] = vals["state"] == "sent"
            for name in DETAILS:
                vals[name] = vals[name] and self._clean_text(vals[name])

    def _update_each(self, vals_list, kind="changed"):
        """Override of `cloudprinter.evidence` to record the change of those in the ledger.

        :param str kind: of the entry; anything but a mere change is a decision, and puts signals into the ledger
        """
        if not self:
            return
        companies = {signal.id: signal.company_id.id for signal in self}
        decides = kind not in ("changed", "withdrawn")
        vals_list = [{**vals, "decided": True} if decides else vals for vals in vals_list]
        if any(vals_list):
            super()._update_each(vals_list, kind)
        kept = self.filtered(lambda signal: signal.attempt_count or signal.decided)
        # the entries about their new order have to name their attempts
        kept._record(kind, with_attempts=any("order_id" in vals for vals in vals_list))
        # the chain of the company that had them says where they went
        gone = kept.filtered(lambda signal: signal.company_id.id != companies[signal.id])
        for company_id, signals in gone.grouped(lambda signal: companies[signal.id]).items():
            signals._record(kind, company_id=company_id)

    def _record_ids(self):
        """Record the corrected ids of the orders and items of signals in the ledger."""
        self.filtered(lambda signal: signal.attempt_count or signal.decided)._record("changed")

    def _record(self, kind, **options):
        """Write entries about these signals as they are now, and have the sender number them."""
        if self:
            self.env["cloudprinter.ledger.entry"].sudo()._add(kind, self.ids, **options)

    @api.model
    def _wake_sender(self, at=None):
        """Trigger the cron when this transaction is committed, or at a later time."""
        self.env["ir.cron"]._cloudprinter_wake("ir_cron_send", at)

    @api.model
    def _clean_text(self, text):
        """Return the text on one line, without control characters, as the API accepts it."""
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())

    # === values === #

    @api.model
    def _prepare_source(self, document):
        return {"source": document.display_name, "res_model": document._name, "res_id": document.id}

    @api.model
    def _prepare_shipping(self, picking, order):
        """Return the tracking code and shipping option of a delivery, and the state and reason if one is missing."""
        carrier = picking.carrier_id
        if not carrier and not order.shipping_method:
            # Odoo does not set the carrier on dropshipments
            carrier = picking.sale_id.sudo().carrier_id
        tracking = self._clean_text(picking._cloudprinter_tracking() if picking else "")
        method = order.shipping_method
        if (
            method
            and picking.carrier_id
            and picking.carrier_id not in (order.sale_order_ids.sudo().carrier_id or carrier)
        ):
            # it was sent in another way than planned
            method = ""
        option = self._clean_text(
            picking.cloudprinter_shipping_option
            or carrier.cloudprinter_shipping_option
            or method
            # the name must not depend on the user's language
            or carrier.with_context(lang=None).name
            or ""
        )
        return {"tracking": tracking, "shipping_option": option, **self._prepare_missing(tracking, option)}

    @api.model
    def _prepare_missing(self, tracking, option):
        """Return the state and reason of an ItemShipped with these details."""
        missing = "missing_tracking" if not tracking else "missing_option" if not option else False
        return {"state": "waiting" if missing else "outgoing", "failure_type": missing}

    def _to_cloudsignal(self):
        """Return this row as a `cloudsignal.Signal`, without validating it."""
        self.ensure_one()
        details = {name: self[name] or "" for name in DETAILS}
        return cloudsignal.Signal(self.type, self.order_id.name, self.item_id.name, self.event_date, **details)

    def _get_pickings(self):
        """Return the existing transfers that caused these signals: signal → transfer."""
        signals = self.filtered(lambda signal: signal.res_model == "stock.picking")
        pickings = self.env["stock.picking"].browse(signal.res_id for signal in signals).exists().grouped("id")
        return {signal: pickings[signal.res_id] for signal in signals if signal.res_id in pickings}

    # === life cycle === #

    def _withdraw(self):
        """Withdraw signals that were never posted and are no longer true; they may be created again."""
        self._update({"state": "canceled", "failure_type": "withdrawn"}, "withdrawn")

    def _take_cause(self):
        """Copy the cancellation causes of the items to these ItemCanceled, and send those that waited for one."""
        canceled = self.filtered("item_id.cancel_cause")
        by_text = canceled.grouped(lambda s: (s.item_id.cancel_cause, s.item_id.cancel_message))
        for (cause, message), signals in by_text.items():
            signals._update({"cause": cause, "message": message})
        waiting = canceled.filtered(lambda s: s.state == "waiting")
        if waiting:
            waiting.action_send()

    def _take_as_reported_before(self):
        """Mark signals that were never posted as reported by other means."""
        self._update(REPORTED_ELSEWHERE, "before")

    def _update_tracking(self, pickings):
        """Update the signals of deliveries whose tracking or carrier has changed, or propose corrections.

        :param pickings: transfers that are the source of an ItemShipped
        """
        signals = self.search(
            [
                ("res_model", "=", "stock.picking"),
                ("res_id", "in", pickings.ids),
                ("type", "=", "ItemShipped"),
                ("state", "!=", "canceled"),
            ],
            order="id",
        )
        corrected = self.search([("correction_of_id", "in", signals.ids), ("state", "!=", "canceled")]).correction_of_id
        by_id = {picking.id: picking for picking in pickings}
        changes = {}
        for signal in signals - corrected:
            picking = by_id[signal.res_id]
            details = self._prepare_shipping(picking, signal.order_id)
            if signal.state == "sent":
                # the code of a signal reported before Odoo is unknown unless it was in Odoo then
                known = signal.tracking or signal.origin != "before"
                if known and details["tracking"] and details["tracking"] != signal.tracking:
                    signal._propose_correction(picking, details)
                continue
            before = signal.correction_of_id
            if signal.failure_type == "correction" and (before.tracking, before.res_id) == (
                details["tracking"],
                signal.res_id,
            ):
                # changed back to the accepted code
                signal._withdraw()
                continue
            changes[signal] = signal._get_changes(picking)
        self._apply_changes(changes)
        if "outgoing" in signals.mapped("state"):
            self._wake_sender()

    @api.model
    def _follow_settings(self):
        """Derive again the details of each ItemShipped that was not posted yet."""
        unposted = [("state", "in", ("waiting", "outgoing")), ("type", "=", "ItemShipped"), ("attempt_count", "=", 0)]
        items = self.sudo().search(unposted).item_id
        self.env.add_to_compute(items._fields["stage"], items)

    def _enter_shipping(self, details):
        """Write a tracking code and shipping option that a user entered, on the delivery too if there is one."""
        for signal in self:
            signal._update(details)
            picking = signal.sudo()._get_pickings().get(signal.sudo())
            if picking:
                known = self._prepare_shipping(picking, signal.sudo().order_id)
                names = {"tracking": "carrier_tracking_ref", "shipping_option": "cloudprinter_shipping_option"}
                vals = {names[name]: value for name, value in details.items() if value and value != known[name]}
                if vals:
                    picking.write(vals)

    def _get_changes(self, picking):
        """Return what differs between an ItemShipped that is not accepted and its delivery."""
        details = self.item_id._prepare_shipping(picking, self)
        if self.failure_type == "correction" or self.state == "error" or self.state == details["state"] == "outgoing":
            # it still needs a decision, whatever the details are, or waits for the next attempt
            details.update(state=self.state, failure_type=self.failure_type)
        return {name: value for name, value in details.items() if (self[name] or False) != (value or False)}

    @api.model
    def _apply_changes(self, changes):
        """Write what differs, {signal: values}, with few statements for many signals.

        :returns: whether anything does
        """
        changes = {signal: vals for signal, vals in changes.items() if vals}
        self.browse().union(*changes)._update_each(list(changes.values()))
        return bool(changes)

    def _propose_correction(self, picking, details):
        """Let a user decide whether to report details or a delivery that changed after this was posted."""
        corrections = self.search([("correction_of_id", "=", self.id)], order="id")
        discarded = corrections.filtered(lambda s: s.failure_type == "discarded")[-1:]
        if discarded.res_id == picking.id and discarded.tracking == details["tracking"]:
            return
        corrections.filtered(lambda s: s.state == "waiting")._withdraw()
        self._insert(
            [
                {
                    "item_id": self.item_id.id,
                    "type": self.type,
                    "origin": "correction",
                    "correction_of_id": self.id,
                    "user_id": self.env.uid,
                    **self._prepare_source(picking),
                    **details,
                    "state": "waiting",
                    "failure_type": "correction",
                }
            ]
        )

    def _propose_second_shipment(self, picking):
        """Let a user decide, once per delivery, whether to report that a shipped item was delivered again."""
        corrections = self.search(
            [("item_id", "=", self.item_id.id), ("correction_of_id", "!=", False), ("failure_type", "!=", "withdrawn")],
            order="id",
        )
        if picking.id not in corrections.mapped("res_id"):
            last = corrections.filtered(lambda s: s.state == "sent")[-1:] or self
            last._propose_correction(picking, self._prepare_shipping(picking, self.order_id))

    def _check_may_decide(self):
        if not self.env.su:
            check_manager(self.env)
        self.check_access("read")

    def action_send(self):
        """Queue signals that were refused or waited for a decision; the cron sends them."""
        self._check_may_decide()
        decided = self.filtered(lambda signal: signal.state != "outgoing")
        pickings = self.sudo().filtered(lambda signal: signal.type == "ItemShipped")._get_pickings()
        # prefetch for the checks below
        for records in (self.sudo().item_id, self.sudo().order_id):
            records.fetch(["name"])
        changes = defaultdict(self.sudo().browse)
        for signal in self.sudo():
            if signal.state not in ("waiting", "error", "outgoing") and signal.failure_type != "discarded":
                raise UserError(self.env._("%s is not waiting to be sent.", signal.display_name))
            if not signal.correction_of_id:
                signal.item_id._check_not_over()
            # the first ignores an outage; if it is accepted, the others follow
            vals = {"next_attempt_date": signal.id not in self[:1].ids and fields.Datetime.now(), "fault_count": 0}
            if signal.state != "outgoing":
                vals.update(state="outgoing", failure_type=False)
            if signal.type == "ItemCanceled" and not signal.cause:
                vals.update(cause=signal.item_id.cancel_cause, message=signal.item_id.cancel_message)
                if not vals["cause"]:
                    raise UserError(self.env._("Choose a cancellation cause on item %s first.", signal.item_id.name))
            if signal.type == "ItemShipped":
                if signal.failure_type == "short":
                    signal._update({"released": True})
                picking = pickings.get(signal, self.env["stock.picking"])
                vals.update(signal.item_id._prepare_shipping(picking, signal))
            changes["changed" if signal.state == "outgoing" else "queued", frozenset(vals.items())] += signal
        for (kind, values), signals in changes.items():
            signals._update(dict(values), kind)
        decided._log_decision(self.env._("Decided to send"))
        self._wake_sender()
        return True

    def _log_decision(self, decision):
        """Log the decision about these signals in the chatter of their items."""
        bodies = {
            item.id: f"{decision}: {', '.join(signals.mapped('type'))}"
            for item, signals in self.sudo().grouped("item_id").items()
        }
        if bodies:
            self.item_id._message_log_batch(bodies)

    def action_complete(self):
        """Open the dialog in which the user enters the missing details."""
        self.ensure_one()
        kind = "cancel" if self.type == "ItemCanceled" else "shipped"
        return self.item_id.with_context(default_kind=kind).action_report()

    def action_open_discard(self):
        """Open the dialog that asks for a discard reason."""
        signals = self.filtered(lambda signal: signal.state in ("waiting", "outgoing", "error"))
        if not signals:
            raise UserError(self.env._("There is nothing to discard."))
        name = self.env._("Discard Signals") if len(signals) > 1 else self.env._("Discard %s", signals.display_name)
        return self.env["cloudprinter.discard"]._open_dialog(name, signal_ids=[Command.set(signals.ids)])

    def action_export_ledger(self):
        """Download all signals, attempts and answers of the user's companies as a zip.

        :raises AccessError: the user may not read the whole ledger
        """
        self.env["cloudprinter.ledger.export"]._check_may_export()
        return {"type": "ir.actions.act_url", "url": "/cloudprinter/ledger", "target": "download"}

    def action_discard(self, reason=None):
        """Discard the signals, so that they are not sent. If one in flight is accepted, the acceptance wins.

        :param str reason: for the ledger and the item's chatter
        """
        self._check_may_decide()
        if self.filtered(lambda signal: signal.state == "sent"):
            raise UserError(self.env._("Accepted signals cannot be discarded."))
        # a withdrawn signal must stay so, as it may become true again
        discarded = self.filtered(lambda signal: signal.state != "canceled")
        discarded.sudo()._update(
            {"state": "canceled", "failure_type": "discarded", "discard_reason": reason}, "discarded"
        )
        discarded.sudo().filtered(lambda signal: signal.type == "ItemShipped").item_id._queue_signals()
        discarded._log_decision(
            self.env._("Discarded (%(reason)s)", reason=reason) if reason else self.env._("Discarded")
        )
        return True
