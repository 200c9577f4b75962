from odoo import fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..cloudsignal import CANCEL_CAUSES
from ..rule.stage import STAGE_OF, TERMINAL, get_milestones, rank
from ..tools.rights import check_manager
from .cloudprinter_signal import LEDGER_TOKEN, REPORTED_ELSEWHERE


class CloudprinterItem(models.Model):
    """What people see, decide and report on items by hand."""

    _inherit = "cloudprinter.item"

    # === what documents show === #

    def _get_ref(self):
        """The item's id, or how many there are: a gang run is no list of ids."""
        return self.env._("%(count)s items", count=len(self)) if len(self) > 1 else self.name

    def _get_action(self):
        """Open these items: one as a form, several as a list."""
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.cloudprinter_item_action")
        if len(self) == 1:
            return {**action, "views": [(False, "form")], "res_id": self.id}
        return {**action, "domain": [("id", "in", self.ids)], "context": {}}

    # === what a person does next === #

    def action_report(self):
        """Open the dialog in which a person reports something by hand."""
        return self.env["cloudprinter.report"]._open(self)

    def action_send_again(self):
        """Send what was refused or failed as it was, and what waits for nothing but a decision."""
        signals = self.signal_ids.filtered(
            lambda s: s.state == "error" or (s.state == "waiting" and s.failure_type in ("short", "correction"))
        )
        if not signals:
            raise UserError(self.env._("Nothing of these items waits for this decision."))
        return signals.action_send()

    def action_discard(self):
        """Open the dialog in which a person says why what waits is not sent."""
        return self.signal_ids.filtered(lambda s: s.state in ("waiting", "error")).action_open_discard()

    def action_reprint(self):
        """Make the item again: a manufacturing order like its last one, still to be confirmed."""
        self.ensure_one()
        if self.cancel_cause or self.signal_ids.filtered(lambda s: s.type in TERMINAL and s.state == "sent"):
            self._check_not_over()
            raise UserError(self.env._("Item %(item)s is canceled.", item=self.name))
        last = self.production_ids.sorted("id")[-1:]
        product = last.product_id or self.product_id
        if not product:
            raise UserError(self.env._("Enter the product of item %(item)s first.", item=self.name))
        quantity = self._get_ordered_and_left()[0] or last.product_uom_qty or 1
        if last and self.sale_line_id and last.product_id != self.sudo().sale_line_id.product_id:
            # a part of a kit, of which the line does not know how many there are in it
            quantity = last.product_uom_qty
        return last._cloudprinter_reprint(self, product, quantity)._get_records_action()

    # === cancelling here what is cancelled at Cloudprinter === #

    def action_cancel_open_documents(self):
        """Cancel what is still open in Odoo of items that are cancelled."""
        self._check_may_decide()
        items = self._filter_canceled()
        if not items:
            # it was when the button was shown
            raise UserError(self.env._("None of these items is canceled."))
        items._cancel_open_documents()
        return True

    def _cancel_open_documents(self, productions=True, deliveries=True, sale_lines=True):
        """Cancel what is open in Odoo of these items, as far as it is wanted."""
        if productions:
            self._cancel_productions()
        if deliveries:
            self._cancel_deliveries()
        if sale_lines:
            self._cancel_sale_lines()

    def _filter_canceled(self):
        """Those that are cancelled here, or of which Cloudprinter knows it, also from before Odoo."""
        told = self.sudo().signal_ids.filtered(lambda s: s.type == "ItemCanceled" and s.state == "sent").item_id
        return self.filtered(lambda item: item.stage == "canceled" or item in told)

    def _check_may_decide(self):
        check_manager(self.env)
        self.check_access("write")

    def _cancel_productions(self):
        """Cancel the open manufacturing orders in which nothing else is made."""
        # who may cancel the item may cancel what is made for it
        productions = self.sudo().production_ids.filtered(lambda mo: mo.state not in ("done", "cancel"))
        canceled = productions.cloudprinter_item_ids._filter_canceled()
        productions = productions.filtered(lambda mo: mo.cloudprinter_item_ids <= canceled)
        productions.action_cancel()

    def _cancel_deliveries(self):
        moves = self.sudo().move_ids._cloudprinter_bound_for_customer()
        moves.filtered(lambda move: move.state not in ("done", "cancel"))._action_cancel()

    def _cancel_sale_lines(self):
        """Sales orders of which everything is cancelled are cancelled, of the others these lines are set to zero."""
        for sale, lines in self.sudo().sale_line_ids.grouped("order_id").items():
            if sale.state not in ("draft", "sent", "sale") or sale.locked:
                continue
            sold = sale.order_line.filtered(
                lambda line: not line.display_type and not line.is_delivery and line.product_uom_qty
            )
            canceled = sold.cloudprinter_item_id._filter_canceled()
            # a line without an item is the customer's business with the shop alone
            if all(line.cloudprinter_item_id in canceled and not line.qty_delivered for line in sold):
                sale._action_cancel()
            else:
                # Odoo lets nobody order less than was delivered
                lines.filtered(lambda line: not line.qty_delivered).write({"product_uom_qty": 0})

    # === what a person reports === #

    def report_step(self, signal_type, tracking="", shipping_option=""):
        """Report a milestone by hand: of a test order, or of work that was done outside of Odoo.

        Earlier ones that were never reported go before it, as the API wants them in order.

        :param str signal_type: one of the milestones but `ItemCanceled`, for which there is `report_cancel`
        :param str tracking: of `ItemShipped`
        :param str shipping_option: of `ItemShipped`
        :raises UserError: it was accepted already, or a later one is in the outbox
        """
        self._check_may_decide()
        if signal_type not in STAGE_OF or signal_type == "ItemCanceled":
            raise UserError(self.env._("%(signal)s cannot be reported by hand.", signal=signal_type))
        self._check_not_over()
        details = {}
        if signal_type == "ItemShipped":
            # what is pasted has line breaks
            clean = self.env["cloudprinter.signal"]._clean_text
            details = {"tracking": clean(tracking or ""), "shipping_option": clean(shipping_option or "")}
        rows_of = self._get_milestone_signals()
        vals_list = []
        for item in self:
            rows = rows_of.get(item, self.env["cloudprinter.signal"]).filtered(lambda s: s.state != "canceled")
            own = rows.filtered(lambda s: s.type == signal_type)
            if own:
                # it waits for what is entered now
                own._check_not_in_flight()
                if details:
                    own.write(details)
                own.action_send()
                continue
            vals_list += item._prepare_steps(signal_type, details, rows)
        self.env["cloudprinter.signal"].sudo().create(vals_list)
        return True

    def report_delay(self, hours, cause):
        """Tell Cloudprinter that the items will be late.

        :param int hours: from now until they are ready
        :param str cause: English text for Cloudprinter and its client
        :raises ValidationError: hours are no whole number from 1 to 9999, or the cause is empty
        """
        if not self.env.user.has_groups("mrp.group_mrp_user,stock.group_stock_user,cloudprinter.group_manager"):
            raise AccessError(self.env._("Only manufacturing and inventory users may report a delay."))
        self.check_access("read")
        if not isinstance(cause, str) or not cause.strip():
            raise ValidationError(self.env._("Write the reason of the delay, in English."))
        hours = str(hours).strip()
        if not hours.isdecimal() or not 1 <= int(hours) <= 9999:
            raise ValidationError(self.env._("Enter the delay in whole hours, from 1 to 9999."))
        self._check_not_over()
        ending = self.sudo().signal_ids.filtered(lambda s: s.type in TERMINAL and s.state == "outgoing")[:1]
        if ending:
            raise UserError(self.env._("%(signal)s is on its way. Nothing follows it.", signal=ending.display_name))
        # the API takes no other digits than these
        hours = str(int(hours))
        types = {
            company: company._cloudprinter_config().cloudprinter_delay_type or "ItemDelay"
            for company in self.company_id
        }
        items = self.sudo()
        items.env["cloudprinter.signal"].create(
            [item._prepare_report(types[item.company_id], cause=cause, delay=hours) for item in items]
        )
        items.promised_date = fields.Datetime.add(fields.Datetime.now(), hours=int(hours))
        return True

    def report_cancel(self, cause, message):
        """Cancel the items at Cloudprinter. This cannot be taken back there.

        :param str cause: one of the 21 codes
        :param str message: English text for Cloudprinter and its client
        """
        check_manager(self.env)
        self.check_access("read")
        if not isinstance(cause, str) or cause not in CANCEL_CAUSES:
            raise ValidationError(
                self.env._("%(cause)s is none of Cloudprinter's cancellation causes.", cause=cause or "“”")
            )
        self.sudo().write({"cancel_cause": cause, "cancel_message": message})
        return True

    def action_report_changes(self):
        """Report what an update of the add-on has found out about the items."""
        self._take_changes()._queue_signals()
        return True

    def action_ignore_changes(self):
        """Take what an update of the add-on has found out about the items as reported before."""
        items = self._take_changes().with_context(cloudprinter_ledger=LEDGER_TOKEN)
        items._make_due_signals(**REPORTED_ELSEWHERE)
        return True

    def _take_changes(self):
        self._check_may_decide()
        items = self.sudo().filtered("changed_by_update")
        items.changed_by_update = False
        return items

    def _prepare_steps(self, signal_type, details, rows):
        """Values of a milestone that a person reports, after those of the earlier ones that were never reported.

        :param dict details: fields that only this milestone has
        :param rows: the milestones in the item's outbox
        :raises UserError: a later one is among them
        """
        self.ensure_one()
        reached = max((rank(signal.type) for signal in rows), default=-1)
        if reached > rank(signal_type):
            raise UserError(
                self.env._(
                    "Item %(item)s is beyond %(signal)s already. Nothing goes back.",
                    item=self.name,
                    signal=signal_type,
                )
            )
        reported = self.company_id._cloudprinter_config()._cloudprinter_reported_types()
        missing = [t for t in get_milestones(STAGE_OF[signal_type], reported) if rank(t) > reached]
        return [self._prepare_report(t, **(details if t == signal_type else {})) for t in missing]

    def _prepare_report(self, signal_type, **values):
        """Values of a signal that a person reports."""
        self.ensure_one()
        return {
            "item_id": self.id,
            "type": signal_type,
            "origin": "manual",
            "user_id": self.env.uid,
            **self.env["cloudprinter.signal"]._prepare_source(self),
            **values,
        }
