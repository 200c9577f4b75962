from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..cloudsignal import CANCEL_CAUSES
from ..rule.stage import STAGE_OF, TERMINAL, get_milestones, rank
from ..tools.barcode import draw_bars, draw_qr
from ..tools.rights import check_manager
from .cloudprinter_signal import REPORTED_ELSEWHERE


class CloudprinterItem(models.Model):
    """Adds what users see, decide and report by hand."""

    _inherit = "cloudprinter.item"

    headline = fields.Char("Product and Quantity", compute="_compute_headline", compute_sudo=True)

    # === display === #

    @api.depends_context("cloudprinter_with_order")
    def _compute_display_name(self):
        """Override of `base` to name the order where a user chooses among items: two orders may have the same id."""
        if not self.env.context.get("cloudprinter_with_order"):
            return super()._compute_display_name()
        for item in self:
            item.display_name = self.env._("%(item)s, order %(order)s", item=item.name, order=item.order_id.name)

    def _get_ref(self):
        """Return the item's id, or the number of items: the ids of a gang run would be too many to show."""
        return self.env._("%(count)s items", count=len(self)) if len(self) > 1 else self.name

    def _get_product(self):
        """Return the product that is ordered, made or planned, in this order."""
        self.ensure_one()
        return self.sale_line_ids[:1].product_id or self.product_id or self.production_ids[:1].product_id

    def _describe(self):
        """Return how many of which product the item is, for example "10 × Poster"."""
        self.ensure_one()
        quantity = self._get_ordered()
        return " × ".join(filter(None, (quantity and f"{quantity:.10g}", self._get_product().display_name)))

    @api.depends("product_id", "quantity")
    def _compute_headline(self):
        for item in self:
            item.headline = item._describe()

    def _get_codes(self):
        """Return what papers print of each item: its id as a code, and what it is.

        :rtype: list[dict]
        """
        return [
            {
                "label": self.env._("Item"),
                "name": item.name,
                "text": item._describe(),
                "marks": [
                    mark for mark, is_set in (("TEST", item.is_test), ("CANCELED", item.stage == "canceled")) if is_set
                ],
                "qr": draw_qr(item.name),
                # the codes of a gang run stand side by side
                "bars": draw_bars(item.name) if len(self) == 1 else ("", 0),
            }
            for item in self
        ]

    def _describe_reorder(self):
        """Return why the item is made again, in the words of Cloudprinter and its client, and which item it repeats."""
        self.ensure_one()
        if not self.original_item_id:
            return f"{self.name}: {self.reorder_cause}"
        return self.env._(
            "%(item)s repeats %(original)s of order %(order)s: %(cause)s",
            item=self.name,
            original=self.original_item_id.name,
            order=self.original_item_id.order_id.name,
            cause=self.reorder_cause,
        )

    def _get_action(self):
        """Return the action that opens these items: one as a form, several as a list."""
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.cloudprinter_item_action")
        if len(self) == 1:
            return {**action, "views": [(False, "form")], "res_id": self.id}
        return {**action, "domain": [("id", "in", self.ids)], "context": {}}

    # === next steps === #

    def action_scan(self):
        """Open the page *Scan* with this item at hand."""
        self.ensure_one()
        self.check_access("read")
        return self.env["cloudprinter.scan"]._open(self)

    def action_report(self):
        """Open the dialog for reporting by hand."""
        return self.env["cloudprinter.report"]._open(self)

    def action_send_again(self):
        """Send again the signals that failed, unchanged, and send those that only wait for a decision."""
        signals = self.signal_ids.filtered(
            lambda s: s.state == "error" or (s.state == "waiting" and s.failure_type in ("short", "correction"))
        )
        if not signals:
            raise UserError(self.env._("None of these items is waiting for this decision."))
        return signals.action_send()

    def action_discard(self):
        """Open the dialog for discarding, with a reason, the signals that wait or failed."""
        return self.signal_ids.filtered(lambda s: s.state in ("waiting", "error")).action_open_discard()

    def action_upload_file(self):
        """Open the dialog for uploading a print file that was not fetched."""
        self.ensure_one()
        check_manager(self.env)
        return self.env["cloudprinter.file.upload"]._open(self)

    def action_reprint(self):
        """Create a manufacturing order like the item's last one, without confirming it."""
        self.ensure_one()
        if self.cancel_cause or self.signal_ids.filtered(lambda s: s.type in TERMINAL and s.state == "sent"):
            self._check_not_over()
            raise UserError(self.env._("Item %(item)s is canceled.", item=self.name))
        last = self.production_ids.sorted("id")[-1:]
        product = last.product_id or self.product_id
        if not product:
            raise UserError(self.env._("Enter the product of item %(item)s first.", item=self.name))
        quantity = self._get_ordered() or last.product_uom_qty or 1
        if last and self.sale_line_id and last.product_id != self.sudo().sale_line_id.product_id:
            # a component of a kit: the line does not have its quantity
            quantity = last.product_uom_qty
        return last._cloudprinter_reprint(self, product, quantity)._get_records_action()

    # === canceling documents of canceled items === #

    def action_cancel_open_documents(self):
        """Cancel the open documents of the canceled items."""
        self._check_may_decide()
        items = self._filter_canceled()
        if not items:
            # this may have changed since the button was shown
            raise UserError(self.env._("None of these items is canceled."))
        items._cancel_open_documents()
        return True

    def _cancel_open_documents(self, productions=True, deliveries=True, sale_lines=True):
        """Cancel the chosen kinds of open documents of these items."""
        if productions:
            self._cancel_productions()
        if deliveries:
            self._cancel_deliveries()
        if sale_lines:
            self._cancel_sale_lines()

    def _filter_canceled(self):
        """Return the items that are canceled in Odoo or at Cloudprinter, even if they were reported before Odoo."""
        told = self.sudo().signal_ids.filtered(lambda s: s.type == "ItemCanceled" and s.state == "sent").item_id
        return self.filtered(lambda item: item.stage == "canceled" or item in told)

    def _check_may_decide(self):
        check_manager(self.env)
        self.check_access("write")

    def _cancel_productions(self):
        """Cancel the open manufacturing orders that make nothing but canceled items."""
        # a user who may cancel the item may cancel its manufacturing orders
        productions = self.sudo().production_ids.filtered(lambda mo: mo.state not in ("done", "cancel"))
        canceled = productions.cloudprinter_item_ids._filter_canceled()
        productions = productions.filtered(lambda mo: mo.cloudprinter_item_ids <= canceled)
        productions.action_cancel()

    def _cancel_deliveries(self):
        moves = self.sudo().move_ids._cloudprinter_bound_for_customer()
        moves.filtered(lambda move: move.state not in ("done", "cancel"))._action_cancel()

    def _cancel_sale_lines(self):
        """Cancel sales orders whose lines are all canceled. In the others, set these lines to zero."""
        for sale, lines in self.sudo().sale_line_ids.grouped("order_id").items():
            if sale.state not in ("draft", "sent", "sale") or sale.locked:
                continue
            sold = sale.order_line.filtered(
                lambda line: not line.display_type and not line.is_delivery and line.product_uom_qty
            )
            canceled = sold.cloudprinter_item_id._filter_canceled()
            # a line without an item is not Cloudprinter's, so it keeps the order open
            if all(line.cloudprinter_item_id in canceled and not line.qty_delivered for line in sold):
                sale._action_cancel()
            else:
                # Odoo does not allow an ordered quantity below the delivered one
                lines.filtered(lambda line: not line.qty_delivered).write({"product_uom_qty": 0})

    # === reporting by hand === #

    def report_step(self, signal_type, tracking="", shipping_option=""):
        """Report a milestone by hand: of a test order, or of work that was done outside Odoo.

        Earlier milestones that were never reported are sent first, since the API wants them in order.

        :param str signal_type: any milestone except `ItemCanceled`, for which there is `report_cancel`
        :param str tracking: of `ItemShipped`
        :param str shipping_option: of `ItemShipped`
        :raises UserError: it was already accepted, or a later one is in the outbox
        """
        self._check_may_decide()
        if signal_type not in STAGE_OF or signal_type == "ItemCanceled":
            raise UserError(self.env._("%(signal)s cannot be reported by hand.", signal=signal_type))
        # what a user reports comes after what the same transaction derives
        self.env.cr.flush()
        self._check_not_over()
        details = {}
        if signal_type == "ItemShipped":
            # pasted text may have line breaks
            clean = self.env["cloudprinter.signal"]._clean_text
            details = {"tracking": clean(tracking or ""), "shipping_option": clean(shipping_option or "")}
        rows_of = self._get_milestone_signals()
        vals_list = []
        for item in self:
            rows = rows_of.get(item, self.env["cloudprinter.signal"]).filtered(lambda s: s.state != "canceled")
            if signal_type == "ItemShipped":
                # it was shipped outside Odoo, and its delivery in Odoo canceled
                proposed = rows.filtered(lambda s: s.failure_type == "missing_cause" and not s.attempt_count)
                proposed.sudo()._withdraw()
                rows -= proposed
            own = rows.filtered(lambda s: s.type == signal_type)
            if own:
                # it may wait for the details that are entered now
                own._check_not_in_flight()
                if details:
                    own._enter_shipping(details)
                own.action_send()
                continue
            vals_list += item._prepare_steps(signal_type, details, rows)
        self.env["cloudprinter.signal"].sudo()._insert(vals_list)
        self._queue_signals()
        return True

    def report_delay(self, hours, cause):
        """Report to Cloudprinter that the items will be late.

        :param int hours: from now until they are ready
        :param str cause: English text for Cloudprinter and its client
        :raises ValidationError: hours is not a whole number from 1 to 9999, or the cause is empty
        """
        if not self.env.user.has_groups("mrp.group_mrp_user,stock.group_stock_user,cloudprinter.group_manager"):
            raise AccessError(self.env._("Only manufacturing and inventory users may report a delay."))
        self.check_access("read")
        if not isinstance(cause, str) or not cause.strip():
            raise ValidationError(self.env._("Enter the reason for the delay, in English."))
        hours = str(hours).strip()
        if not hours.isdecimal() or not 1 <= int(hours) <= 9999:
            raise ValidationError(self.env._("Enter the delay in whole hours, from 1 to 9999."))
        self.env.cr.flush()
        self._check_not_over()
        ending = self.sudo().signal_ids.filtered(lambda s: s.type in TERMINAL and s.state == "outgoing")[:1]
        if ending:
            raise UserError(
                self.env._("%(signal)s is already queued. No other signal can follow.", signal=ending.label)
            )
        # the API accepts only ASCII digits
        hours = str(int(hours))
        types = {
            company: company._cloudprinter_config().cloudprinter_delay_type or "ItemDelay"
            for company in self.company_id
        }
        items = self.sudo()
        items.env["cloudprinter.signal"]._insert(
            [item._prepare_report(types[item.company_id], cause=cause, delay=hours) for item in items]
        )
        items.promised_date = fields.Datetime.add(fields.Datetime.now(), hours=int(hours))
        return True

    def report_cancel(self, cause, message):
        """Cancel the items at Cloudprinter. This is final.

        :param str cause: one of the 21 codes
        :param str message: English text for Cloudprinter and its client
        """
        # what a user reports comes after what the same transaction derives
        self.env.cr.flush()
        self._cancel_at_cloudprinter(cause, message)
        return True

    def _cancel_at_cloudprinter(self, cause, message):
        """Cancel the items, without reporting what the current transaction has derived so far."""
        check_manager(self.env)
        self.check_access("read")
        if not isinstance(cause, str) or cause not in CANCEL_CAUSES:
            raise ValidationError(
                self.env._("%(cause)s is not one of Cloudprinter's cancellation causes.", cause=cause or "“”")
            )
        self.sudo().write({"cancel_cause": cause, "cancel_message": message})
        self.order_id._process_documents_again()

    def action_report_changes(self):
        """Report what an update of the add-on found out about the items."""
        self._take_changes()._queue_signals()
        return True

    def action_ignore_changes(self):
        """Record as already reported what an update of the add-on found out about the items."""
        self._take_changes()._make_due_signals(is_asked=True, **REPORTED_ELSEWHERE)
        return True

    def _take_changes(self):
        self._check_may_decide()
        items = self.sudo().filtered("changed_by_update")
        items.changed_by_update = False
        return items

    def _prepare_steps(self, signal_type, details, rows):
        """Return the values of a milestone reported by hand, after those of earlier ones that were never reported.

        :param dict details: fields that only this milestone has
        :param rows: the milestones in the item's outbox
        :raises UserError: a later one is among them
        """
        self.ensure_one()
        reached = max((rank(signal.type) for signal in rows), default=-1)
        if reached > rank(signal_type):
            raise UserError(
                self.env._(
                    "Item %(item)s is already past %(signal)s and cannot go back.",
                    item=self.name,
                    signal=rows._get_label(signal_type),
                )
            )
        reported = self.company_id._cloudprinter_config()._cloudprinter_reported_types()
        missing = [t for t in get_milestones(STAGE_OF[signal_type], reported) if rank(t) > reached]
        return [self._prepare_report(t, **(details if t == signal_type else {})) for t in missing]

    def _prepare_report(self, signal_type, **values):
        """Return the values of a signal reported by hand."""
        self.ensure_one()
        return {
            "item_id": self.id,
            "type": signal_type,
            "origin": "manual",
            "user_id": self.env.uid,
            **self.env["cloudprinter.signal"]._prepare_source(self),
            **values,
        }
