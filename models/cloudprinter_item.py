import logging

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import clean_context

from ..cloudsignal import CANCEL_CAUSES, TEXT_AT_MOST
from ..rule.stage import MAKING, MILESTONES, STAGE_OF, STAGES, TERMINAL, Facts, derive_stage
from ..tools.rights import check_values

_logger = logging.getLogger(__name__)

STAGE_LABELS = [
    ("new", "New"),
    ("registered", "Confirmed"),
    ("in_production", "In Production"),
    ("produced", "Produced"),
    ("packed", "Packed"),
    ("shipped", "Shipped"),
    ("canceled", "Canceled"),
]
# what a document of Cloudprinter gave
GIVEN = {"amount", "reorder_cause", "original_item_id"}


class CloudprinterItem(models.Model):
    """An item of a Cloudprinter order.

    Its stage is derived from Odoo's documents, and the signals that are due are put into the outbox in the same
    transaction. Two transactions that change different facts of an item conflict on its row, because both write
    `facts`, and Odoo replays the second. `cloudprinter_item_outbox.py` keeps the outbox, and
    `cloudprinter_item_decision.py` has what users see, report and decide.
    """

    _name = "cloudprinter.item"
    _description = "Cloudprinter Item"
    _inherit = ["mail.thread", "mail.activity.mixin", "cloudprinter.discreet.mixin"]
    _order = "promised_date, id"
    _rec_names_search = ["name", "order_id.name"]

    name = fields.Char("Item ID", required=True, index="trigram", copy=False)
    order_id = fields.Many2one("cloudprinter.order", "Order", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="order_id.company_id", store=True)
    accepted_date = fields.Datetime(related="order_id.accepted_date", store=True)
    product_id = fields.Many2one("product.product")
    quantity = fields.Float(digits="Product Unit", help="Only used if no sales order line is linked.")
    currency_id = fields.Many2one(related="order_id.currency_id")
    amount = fields.Monetary(
        readonly=True,
        tracking=True,
        help="Its share of what Cloudprinter pays for the items of the order, without taxes.",
    )
    title = fields.Char(readonly=True, help="The name that Cloudprinter's client gave it.")
    specification = fields.Text(readonly=True, help="Pages and options, as Cloudprinter ordered them.")
    reorder_cause = fields.Char(readonly=True, help="Reason for the reorder, which is at the print partner's expense.")
    original_item_id = fields.Many2one(
        "cloudprinter.item",
        "Reorder of",
        readonly=True,
        index="btree_not_null",
        help="The item that is reprinted.",
    )
    sale_line_ids = fields.One2many("sale.order.line", "cloudprinter_item_id", "Linked Sales Order Lines")
    sale_line_id = fields.Many2one(
        "sale.order.line", "Sales Order Line", compute="_compute_sale_line_id", search="_search_sale_line_id"
    )
    production_ids = fields.Many2many(
        "mrp.production",
        "cloudprinter_item_mrp_production_rel",
        "item_id",
        "production_id",
        string="Manufacturing Orders",
        copy=False,
    )
    move_ids = fields.One2many("stock.move", "cloudprinter_item_id", "Stock Moves")
    signal_ids = fields.One2many("cloudprinter.signal", "item_id", "Signals")
    file_ids = fields.One2many("cloudprinter.order.file", "item_id", "Files")
    stage = fields.Selection(
        STAGE_LABELS,
        compute="_compute_stage",
        store=True,
        index=True,
        group_expand="_group_expand_stage",
        help="The progress of this item in Odoo.",
    )
    facts = fields.Char(compute="_compute_stage", store=True, help="What the stage is derived from.")
    # stored, because accountants search in all orders; the click that ships writes this row anyway
    shipped_date = fields.Datetime(
        "Shipped On",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="As reported to Cloudprinter, otherwise as recorded in Odoo.",
    )
    is_returned = fields.Boolean("Returned", readonly=True, copy=False, help="All or some of it came back.")
    # For computed fields that are only shown. If they depended on the stage, Odoo would look for them at each write of
    # a move or manufacturing order, linked or not.
    derived = fields.Boolean(compute="_compute_derived")
    cancel_cause = fields.Selection(
        [(code, f"{code}: {text}") for code, text in CANCEL_CAUSES.items()], copy=False, tracking=True
    )
    cancel_message = fields.Char(copy=False, help="Shown to Cloudprinter's client. Write it in English.")
    reported_stage = fields.Selection(
        STAGE_LABELS,
        "Reported",
        compute="_compute_reported_stage",
        search="_search_reported_stage",
        help="What Cloudprinter has accepted.",
    )
    is_test = fields.Boolean(related="order_id.is_test", string="Test Order")
    promised_date = fields.Datetime(
        "Ship By",
        compute="_compute_promised_date",
        store=True,
        readonly=False,
        help="The order's shipping date, or the new date after the last reported delay.",
    )
    changed_by_update = fields.Boolean(readonly=True, copy=False)
    nothing_sent_reason = fields.Char(
        "Why Nothing Is Sent",
        compute="_compute_nothing_sent_reason",
        help="Applies to the whole company, not only to this item.",
    )

    _name_uniq = models.Constraint(
        "unique (order_id, name)", "An item with this Cloudprinter id already exists in this order."
    )
    _changed_idx = models.Index("(id) WHERE changed_by_update")
    # what is to be shipped, among years of items; Odoo's `not in` also asks for items without a stage
    _open_idx = models.Index("(company_id, promised_date) WHERE stage IS NULL OR stage NOT IN ('shipped', 'canceled')")

    # === stage === #

    @api.depends(
        "accepted_date",
        "cancel_cause",
        "quantity",
        "sale_line_ids.product_uom_qty",
        "production_ids.state",
        "move_ids.state",
        "move_ids.location_dest_id",
        "move_ids.move_line_ids.result_package_id",
    )
    def _compute_stage(self):
        try:
            self._derive_stage()
        except psycopg2.Error:
            raise
        except Exception:
            # users' work must go on; the daily check derives them again
            _logger.exception("Cloudprinter: the stage of items %s could not be derived", self.ids)

    def _derive_stage(self):
        # one manufacturing order may be for hundreds of items
        states = {production.id: production._cloudprinter_fact() for production in self.production_ids}
        productions = {item.id: tuple(states[id_] for id_ in item.production_ids._ids) for item in self}
        # while an item is being made, packages do not matter until something has reached the customer
        packable = self.filtered(
            lambda item: (
                not MAKING.intersection(productions[item.id])
                or any(move.state == "done" and move.location_dest_id._is_outgoing() for move in item.move_ids)
            )
        )
        packed = packable.move_ids._cloudprinter_filter_packed()
        for item in self:
            facts = item._collect_facts(productions[item.id], packed)
            values = {"stage": derive_stage(facts), "facts": facts.as_text()}
            if values["stage"] == "shipped" and not item.shipped_date:
                # `_record_shipping` writes that of the signal, if it is another
                values["shipped_date"] = item._get_last_delivery()[1]
            if item._set_derived(values):
                item.modified(["derived"])

    def _set_derived(self, values):
        """Write what follows from the documents, as if it were computed: all of it is one UPDATE.

        An UPDATE without a change would make unrelated transactions conflict.

        :returns: names of the fields that were changed
        """
        changed = [name for name, value in values.items() if self[name] != value]
        with self.env.protecting([self._fields[name] for name in changed], self):
            for name in changed:
                self[name] = values[name]
        return changed

    def _compute_derived(self):
        """Mark that the stage or facts were derived: `_derive_stage` says when they change."""
        self.derived = True

    @api.model
    def _get_stage_of(self, productions, moves, packed):
        """Return the stage that an item with these documents would have.

        :param packed: the moves that are completely in packages
        """
        bound = moves._cloudprinter_bound_for_customer()
        return derive_stage(
            Facts(
                productions=tuple(production._cloudprinter_fact() for production in productions),
                moves=tuple(move._cloudprinter_fact(packed=move in packed) for move in bound),
            )
        )

    def _collect_facts(self, productions, packed):
        """Return the facts about one item that its stage is derived from.

        :param tuple productions: the facts of its manufacturing orders
        :param packed: the moves of all items that are completely in packages
        """
        self.ensure_one()
        bound = self.move_ids._cloudprinter_bound_for_customer()
        moves = tuple(move._cloudprinter_fact(packed=move in packed) for move in bound)
        return Facts(
            accepted=bool(self.accepted_date),
            canceled=bool(self.cancel_cause),
            productions=productions,
            moves=moves,
            enough=self._left_enough(bound),
        )

    def _left_enough(self, bound):
        """Return whether the item's quantity reached the customer, or the rest of it was given up.

        With a sales order line, Odoo keeps open moves for what is still to come. Without one, the rest was given up by
        a transfer that was done with less than planned, or by canceling one that was made after the first that left.

        :param bound: the moves to the customer
        """
        done = bound._cloudprinter_sent_first().filtered(lambda move: move.state == "done")
        if not done or not self.quantity or self.sale_line_ids:
            return True
        left = sum(move._cloudprinter_quantity() for move in done)
        if done.product_id[:1].uom_id.compare(left, self.quantity) >= 0:
            return True
        return any(
            move.product_uom.compare(move.quantity, move.product_uom_qty) < 0
            if move in done
            else move.state == "cancel" and move.id > min(done.ids)
            for move in bound
        )

    def _compute_field_value(self, field):
        res = super()._compute_field_value(field)
        # Odoo passes any one of the fields that are computed together
        if self._fields["stage"] in self.pool.field_computed[field]:
            self.filtered("id")._queue_signals()
        return res

    # === other computed fields === #

    @api.model
    def _group_expand_stage(self, values, domain):
        """Return the stages in the order of the work. Empty ones would push the others off the screen."""
        return [stage for stage, _label in STAGE_LABELS if stage in values]

    @api.depends("sale_line_ids")
    def _compute_sale_line_id(self):
        for item in self:
            item.sale_line_id = item.sale_line_ids[:1]

    def _search_sale_line_id(self, operator, value):
        return [("sale_line_ids", operator, value)]

    @api.depends("order_id.shipping_date")
    def _compute_promised_date(self):
        for item in self:
            item.promised_date = item.order_id.shipping_date

    @api.depends("company_id")
    @api.depends_context("lang")
    def _compute_nothing_sent_reason(self):
        for company, items in self.grouped("company_id").items():
            items.nothing_sent_reason = company and company.sudo().cloudprinter_status()["reason"]

    @api.depends("signal_ids.state", "signal_ids.type")
    def _compute_reported_stage(self):
        groups = self.env["cloudprinter.signal"]._read_group(
            [("item_id", "in", self.ids), ("state", "=", "sent"), ("type", "in", list(STAGE_OF))],
            ["item_id"],
            ["type:array_agg"],
        )
        reached = {item: max((STAGE_OF[t] for t in types), key=STAGES.index) for item, types in groups}
        for item in self:
            item.reported_stage = reached.get(item._origin, "new")

    def _search_reported_stage(self, operator, value):
        if operator != "in":
            return NotImplemented
        accepted = [("state", "=", "sent")]
        domains = []
        for stage in value:
            if stage not in STAGES:
                continue
            later = [MILESTONES[s] for s in STAGES[STAGES.index(stage) + 1 :] if s in MILESTONES]
            domain = Domain("signal_ids", "not any", [*accepted, ("type", "in", later)])
            if stage in MILESTONES:
                domain &= Domain("signal_ids", "any", [*accepted, ("type", "=", MILESTONES[stage])])
            domains.append(domain)
        return Domain.OR(domains)

    # === ids === #

    @api.constrains("name")
    def _check_name(self):
        for item in self:
            if not item.name:
                raise ValidationError(self.env._("Enter the Cloudprinter item id."))

    @api.constrains("production_ids")
    def _check_production_ids(self):
        self.production_ids._check_cloudprinter_company()

    def _check_not_over(self):
        """Check that no signal has ended the items.

        :raises UserError: the shipping or cancellation of an item was accepted
        """
        ended = self.signal_ids.filtered(lambda s: s.state == "sent" and s.type in TERMINAL)[:1]
        if ended:
            raise UserError(
                self.env._(
                    "Cloudprinter has accepted %(signal)s for item %(item)s. No other signal can follow.",
                    signal=ended.label,
                    item=ended.item_id.name,
                )
            )

    def _check_document_company(self, company, document):
        """Check that a document may be linked: one of a branch may, one of an unrelated company may not.

        :raises ValidationError: one of the items belongs to a company unrelated to `company`
        """
        foreign = self.sudo().filtered(lambda item: item.company_id.root_id != company.sudo().root_id)[:1]
        if foreign:
            raise ValidationError(
                self.env._(
                    "Item %(item)s belongs to %(company)s. It cannot be linked to %(document)s of %(other)s.",
                    item=foreign.name,
                    company=foreign.company_id.name,
                    document=document.sudo().display_name,
                    other=company.sudo().name,
                )
            )

    @api.constrains("cancel_cause", "cancel_message")
    def _check_cancel(self):
        for item in self:
            if item.cancel_cause and item.stage != "canceled":
                raise ValidationError(
                    self.env._("Item %s has already been shipped, at least in part. It cannot be canceled.", item.name)
                )
            if item.cancel_cause and not (item.cancel_message or "").strip():
                raise ValidationError(
                    self.env._("Enter a message for item %s that tells Cloudprinter why it is canceled.", item.name)
                )
            if len(item.cancel_message or "") > TEXT_AT_MOST:
                raise ValidationError(
                    self.env._(
                        "The message for item %(item)s is longer than %(most)s characters.",
                        item=item.name,
                        most=TEXT_AT_MOST,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["name"] = self.env["cloudprinter.order"]._clean_id(vals.get("name"))
            self._check_derived(vals)
            check_values(self, vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_derived(vals)
        check_values(self, vals)
        if "name" in vals:
            vals = dict(vals, name=self.env["cloudprinter.order"]._clean_id(vals["name"]))
        changed = self._filter_with_other_ids(vals)
        changed.signal_ids.sudo()._check_ids_are_free()
        cancels = not vals.keys().isdisjoint(("cancel_cause", "cancel_message"))
        cancellations = self._get_open_cancellations() if cancels else self.env["cloudprinter.signal"]
        res = super().write(vals)
        # another item may take the id that this one had
        changed.flush_recordset(["order_id", "name"])
        if "order_id" in vals:
            self._take_along_to_order()
        elif changed:
            changed.signal_ids.sudo()._record_ids()
        changed.signal_ids.sudo()._send_with_new_ids()
        cancellations._take_cause()
        return res

    def _filter_with_other_ids(self, vals):
        """Return the items whose Cloudprinter ids these values change."""
        if "name" not in vals and "order_id" not in vals:
            return self.browse()
        return self.filtered(
            lambda item: (
                item.name != vals.get("name", item.name) or item.order_id.id != vals.get("order_id", item.order_id.id)
            )
        )

    def _get_open_cancellations(self):
        """Return the ItemCanceled signals that are not posted yet: their cause and message may still change.

        :raises UserError: one was posted
        """
        signals = self.sudo().signal_ids.filtered(lambda s: s.type == "ItemCanceled" and not s.correction_of_id)
        posted = signals.filtered(lambda s: s.attempt_count and s.state != "canceled")[:1]
        if posted:
            raise UserError(
                self.env._("Cloudprinter was informed that item %s is canceled. This is final.", posted.item_id.name)
            )
        signals._check_not_in_flight()
        # the user wants to cancel now, even if the signal was discarded before
        signals.filtered(lambda s: s.failure_type == "discarded")._withdraw()
        return signals.filtered(lambda s: s.state in ("waiting", "outgoing"))

    def _take_along_to_order(self):
        """Move the signals and files of the items to their new order.

        :raises ValidationError: it is of a company to which the documents of an item do not belong
        """
        for item in self.sudo():
            for document in [*item.sale_line_ids.order_id, *item.production_ids, *item.move_ids]:
                item._check_document_company(document.company_id, document)
        signals = self.sudo().signal_ids
        signals._update({"order_id": self.order_id.id, "company_id": self.company_id.id})
        self.sudo().file_ids.order_id = self.order_id

    def unlink(self):
        # the precommit hook must not look for them
        self.env.cr.precommit.data.get("cloudprinter.items", set()).difference_update(self.ids)
        return super().unlink()

    def _check_derived(self, vals):
        if not {"stage", "facts", "company_id", "accepted_date"}.isdisjoint(vals):
            raise UserError(self.env._("The stage follows from the documents and cannot be set by hand."))
        if not GIVEN.isdisjoint(vals):
            orders = self.order_id | self.order_id.browse(filter(None, [vals.get("order_id")]))
            orders._check_may_change_what_was_given()

    @api.model
    def _get_for_refs(self, company, order_ref, item_ref, current, defaults):
        """Return the item with two entered ids: the existing one, else `current` with corrected ids, else a new one.

        :param current: the item that is linked now, or an empty recordset
        :param dict defaults: values for a new item
        """
        # the caller may write the document with the ids; defaults in the context must not reach new records
        items = self.sudo().with_context(clean_context(self.env.context))  # pylint: disable=context-overridden
        orders = self.env["cloudprinter.order"].sudo()
        order_ref, item_ref = orders._clean_id(order_ref), orders._clean_id(item_ref)
        before = current.order_id
        if current and before.name == order_ref:
            order = before
        else:
            order = orders._get_or_create(order_ref, company)
        found = order.item_ids.filtered(lambda item: item.name == item_ref)
        if found:
            if found != current:
                current.signal_ids.sudo()._check_ids_are_free()
            return found.with_env(self.env)
        if not current:
            return items.create({**defaults, "order_id": order.id, "name": item_ref}).with_env(self.env)
        current.sudo().write({"order_id": order.id, "name": item_ref})
        if before != order and not before.item_ids and not before.sale_order_ids:
            before.sudo().unlink()
        return current
