from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.sql import column_exists, create_column

from ..tools.tracking import get_first_code

# fields of items by which all who may read transfers search for them
SEARCHED_BY = {"name", "order_id.name", "stage", "attention", "promised_date"}
# As `cloudprinter_tracking` in the context: several deliveries are written before their signals are updated.
DEFER_SIGNALS = object()


def _get_paths(domain):
    """Yield the paths of fields that a domain asks for."""
    for condition in domain.iter_conditions():
        if isinstance(condition.value, Domain):
            yield from (f"{condition.field_expr}.{path}" for path in _get_paths(condition.value))
        else:
            yield condition.field_expr


class StockPicking(models.Model):
    _name = "stock.picking"
    _inherit = ["stock.picking", "cloudprinter.stop.mixin"]

    cloudprinter_item_ids = fields.Many2many(
        "cloudprinter.item",
        string="Cloudprinter Items",
        compute="_compute_cloudprinter_item_ids",
        search="_search_cloudprinter_item_ids",
        compute_sudo=True,
    )
    cloudprinter_order_ref = fields.Char(
        "Cloudprinter Order", compute="_compute_cloudprinter_order_ref", compute_sudo=True
    )
    cloudprinter_item_ref = fields.Char(
        "Cloudprinter Item", compute="_compute_cloudprinter_order_ref", compute_sudo=True
    )
    cloudprinter_customs = fields.Char(
        "Customs Value and Weight", compute="_compute_cloudprinter_order_ref", compute_sudo=True
    )
    cloudprinter_has_label = fields.Boolean(compute="_compute_cloudprinter_has_label", compute_sudo=True)
    # Set if this transfer is the source of an ItemShipped. Others need no query when their tracking changes.
    cloudprinter_reports_tracking = fields.Boolean(copy=False, readonly=True)
    cloudprinter_waits_for_tracking = fields.Boolean(
        "Waits for Tracking",
        compute="_compute_cloudprinter_waits_for_tracking",
        search="_search_cloudprinter_waits_for_tracking",
        compute_sudo=True,
        help="Shipped, but not reported to Cloudprinter until the tracking reference or carrier is entered.",
    )
    # what is there already is neither asked for nor replaced by typing
    cloudprinter_has_tracking = fields.Boolean(compute="_compute_cloudprinter_has_tracking", compute_sudo=True)
    cloudprinter_has_option = fields.Boolean(compute="_compute_cloudprinter_has_tracking", compute_sudo=True)
    cloudprinter_same_tracking = fields.Char(
        "Same Code As", compute="_compute_cloudprinter_same_tracking", help="Other deliveries with this tracking code."
    )
    cloudprinter_shipping_option = fields.Char(
        "Shipping Option", copy=False, help="Sent to Cloudprinter instead of the carrier's shipping option."
    )

    def _auto_init(self):
        if not column_exists(self.env.cr, "stock_picking", "cloudprinter_reports_tracking"):
            create_column(self.env.cr, "stock_picking", "cloudprinter_reports_tracking", "bool")
        return super()._auto_init()

    @api.depends("move_ids.cloudprinter_item_id")
    def _compute_cloudprinter_item_ids(self):
        for picking in self:
            picking.cloudprinter_item_ids = picking.move_ids.cloudprinter_item_id

    def _search_cloudprinter_item_ids(self, operator, value):
        if operator in Domain.NEGATIVE_OPERATORS:
            return NotImplemented
        if operator == "in" and False in value:
            linked = Domain("move_ids.cloudprinter_item_id", "!=", False)
            return ~linked | Domain("move_ids.cloudprinter_item_id", "in", value - {False})
        if operator == "any":
            # users who may not read the items search transfers by them too, but by nothing that they must not know
            items = self.env["cloudprinter.item"]
            is_known = SEARCHED_BY.issuperset(_get_paths(Domain(value)))
            operator, value = "any!", items.sudo(is_known or self.env.su)._search(value)
        return Domain("move_ids.cloudprinter_item_id", operator, value)

    @api.depends(
        "cloudprinter_item_ids.name",
        "cloudprinter_item_ids.order_id.customs",
    )
    def _compute_cloudprinter_order_ref(self):
        for picking in self:
            items = picking.cloudprinter_item_ids
            picking.cloudprinter_order_ref = ", ".join(items.order_id.mapped("name")) or False
            picking.cloudprinter_item_ref = items._get_ref()
            picking.cloudprinter_customs = ", ".join(filter(None, items.order_id.mapped("customs"))) or False

    def _compute_cloudprinter_stop(self):
        # what comes back, or goes back into stock, is never stopped
        leaving = self.filtered(
            lambda picking: picking.move_ids.filtered("cloudprinter_item_id")._cloudprinter_bound_for_customer()
        )
        (self - leaving).cloudprinter_stop = False
        return super(StockPicking, leaving)._compute_cloudprinter_stop()

    @api.depends("cloudprinter_item_ids.order_id.file_ids")
    def _compute_cloudprinter_has_label(self):
        for picking in self:
            picking.cloudprinter_has_label = bool(picking._cloudprinter_get_labels())

    def _cloudprinter_get_labels(self):
        return self.cloudprinter_item_ids.order_id.file_ids.filtered("is_label")

    def _cloudprinter_get_files(self):
        return super()._cloudprinter_get_files() | self._cloudprinter_get_labels()

    def action_cloudprinter_print_label(self):
        """Open the label that Cloudprinter made for the parcel, or the list of them if there are several."""
        labels = self._cloudprinter_get_labels()
        if not labels:
            raise UserError(self.env._("Cloudprinter gave no label for this delivery."))
        return labels.action_print() if len(labels) == 1 else labels._get_records_action(name=self.env._("Labels"))

    @api.depends("carrier_tracking_ref", "carrier_id", "cloudprinter_shipping_option")
    def _compute_cloudprinter_waits_for_tracking(self):
        # the fields it depends on have already updated the signals; what is not saved has not
        reporting = self._origin.filtered("cloudprinter_reports_tracking")
        waiting = reporting and self.search(
            [("id", "in", reporting.ids), ("cloudprinter_waits_for_tracking", "=", True)]
        )
        for picking in self:
            picking.cloudprinter_waits_for_tracking = picking._origin in waiting

    @api.depends("carrier_tracking_ref", "carrier_id", "cloudprinter_shipping_option")
    def _compute_cloudprinter_has_tracking(self):
        for picking in self:
            saved = picking._origin
            order = saved.cloudprinter_item_ids.order_id[:1]
            details = self.env["cloudprinter.signal"]._prepare_shipping(saved, order) if saved else {}
            picking.cloudprinter_has_tracking = bool(saved.carrier_tracking_ref)
            picking.cloudprinter_has_option = bool(details.get("shipping_option"))

    @api.depends("carrier_tracking_ref")
    def _compute_cloudprinter_same_tracking(self):
        deliveries = self._cloudprinter_find_by_tracking(self.mapped("carrier_tracking_ref"))
        for picking in self:
            same = deliveries.get(get_first_code(picking.carrier_tracking_ref), self.browse()) - picking._origin
            picking.cloudprinter_same_tracking = ", ".join(same.mapped("name")) or False

    @api.model
    def _cloudprinter_find_by_tracking(self, texts):
        """Return which deliveries have the first of these tracking codes: code → deliveries."""
        codes = list({get_first_code(text) for text in texts} - {""})
        domain = [("carrier_tracking_ref", "in", codes), ("picking_type_code", "=", "outgoing")]
        return self.search_fetch(domain, ["name", "carrier_tracking_ref"]).grouped("carrier_tracking_ref")

    def _search_cloudprinter_waits_for_tracking(self, operator, value):
        if operator != "in":
            return NotImplemented
        # access is checked on the transfers
        waiting = (
            self.env["cloudprinter.signal"]
            .sudo()
            ._search(
                [
                    ("state", "=", "waiting"),
                    ("type", "=", "ItemShipped"),
                    ("res_model", "=", self._name),
                    "|",
                    ("failure_type", "in", ("missing_tracking", "missing_option")),
                    ("tracking", "in", (False, "")),
                ]
            )
        )
        return [("id", "in" if True in value else "not in", waiting.subselect("res_id"))]

    def _cloudprinter_ask(self):
        """Override of `cloudprinter` to ask also before canceled items leave together with others."""
        mixed = self.filtered(lambda picking: picking.cloudprinter_stop == "some")
        moves = mixed._cloudprinter_get_stopped_moves_that_leave()
        items = moves.sudo().cloudprinter_item_id
        moves.picking_id._cloudprinter_raise_question(
            self.env._(
                "STOP: canceled at Cloudprinter: %(items)s. Take this out of %(documents)s and validate again.",
                items=items._join_names([f"{item.name} ({item._describe()})" for item in items]),
                documents=", ".join(moves.picking_id.mapped("display_name")),
            ),
            "cloudprinter.stock_picking_action_take_out",
            self.env._("Take Out"),
        )
        return super()._cloudprinter_ask()

    def _cloudprinter_get_stopped_moves_that_leave(self):
        """Return the moves of canceled items that *Validate* would ship: all of a transfer if none is picked."""
        moves = self.browse().move_ids
        for picking in self:
            moves += picking.move_ids.filtered("picked") or picking.move_ids
        return moves & self._cloudprinter_get_stopped_moves()

    def _cloudprinter_get_stopped_moves(self):
        """Return the open moves of canceled items."""
        return self.move_ids.filtered(
            lambda move: (
                move.state not in ("done", "cancel") and move.sudo().cloudprinter_item_id.attention == "canceled_open"
            )
        )

    def action_cloudprinter_take_out(self):
        """Cancel the deliveries of items that Cloudprinter has canceled, so that the others leave without them."""
        self.check_access("write")
        stopped = self.filtered("cloudprinter_stop")._cloudprinter_get_stopped_moves()
        stopped.sudo().cloudprinter_item_id._cancel_deliveries()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def button_validate(self):
        self.filtered(lambda picking: picking.state != "done")._cloudprinter_check_stop()
        return super().button_validate()

    @api.model
    def get_empty_list_help(self, help_message):
        # Odoo would suggest creating a transfer
        if self.env.context.get("cloudprinter_tracking_list"):
            return help_message
        return super().get_empty_list_help(help_message)

    def copy_data(self, default=None):
        """Override of `stock` to remove the item links from a duplicated transfer, for good."""
        vals_list = super().copy_data(default)
        for vals in vals_list:
            for command in vals.get("move_ids") or []:
                if isinstance(command[2], dict) and command[2].get("cloudprinter_item_id"):
                    command[2].update(cloudprinter_item_id=False, cloudprinter_apart=True)
        return vals_list

    def write(self, vals):
        if self.env.context.get("cloudprinter_tracking_list") and "carrier_tracking_ref" in vals:
            self._cloudprinter_check_has_no_tracking(vals["carrier_tracking_ref"])
        res = super().write(vals)
        if vals.keys().isdisjoint(("carrier_tracking_ref", "carrier_id", "cloudprinter_shipping_option")):
            return res
        if self.env.context.get("cloudprinter_tracking") is not DEFER_SIGNALS:
            self._cloudprinter_update_signals()
        return res

    def _cloudprinter_check_has_no_tracking(self, code):
        """Check that no other code is replaced where codes are only typed and scanned, one after the other."""
        for picking in self:
            if picking.carrier_tracking_ref and picking.carrier_tracking_ref != code:
                raise UserError(
                    self.env._(
                        "%(delivery)s already has the code %(code)s. Change it on the delivery.",
                        delivery=picking.name,
                        code=picking.carrier_tracking_ref,
                    )
                )

    def action_cloudprinter_enter_tracking(self):
        """Open the dialog of one field in which the tracking code is typed or scanned, or else the carrier."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Carrier of %s", self.name)
            if self.carrier_tracking_ref
            else self.env._("Tracking Code of %s", self.name),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref("cloudprinter.stock_picking_view_form_tracking").id, "form")],
            "view_mode": "form",
            "target": "new",
            "context": {"cloudprinter_tracking_list": True, "dialog_size": "medium"},
        }

    def action_cloudprinter_tracking_entered(self):
        """Close the dialog, and say which other delivery has the same code: a scanner leaves no time to read it."""
        close = {"type": "ir.actions.act_window_close"}
        if not self.cloudprinter_same_tracking:
            return close
        message = self.env._(
            "The code %(code)s of %(delivery)s is also on %(others)s.",
            code=self.carrier_tracking_ref,
            delivery=self.name,
            others=self.cloudprinter_same_tracking,
        )
        params = {"type": "warning", "sticky": True, "message": message, "next": close}
        return {"type": "ir.actions.client", "tag": "display_notification", "params": params}

    def _cloudprinter_update_signals(self):
        reporting = self.filtered("cloudprinter_reports_tracking")
        if reporting:
            self.env["cloudprinter.signal"].sudo()._update_tracking(reporting)

    def _cloudprinter_enter_tracking(self, vals_list):
        """Write the tracking code of each delivery, then update all their signals together."""
        # checked once for all, then written as superuser
        self.check_access("write")
        for picking, vals in zip(self.sudo().with_context(cloudprinter_tracking=DEFER_SIGNALS), vals_list):
            picking.write(vals)
        self._cloudprinter_update_signals()

    def _cloudprinter_tracking(self):
        """Return the tracking code for the API: the first one, or the carrier's text for untracked services."""
        self.ensure_one()
        return get_first_code(self.carrier_tracking_ref) or (self.carrier_id.cloudprinter_untracked or "").strip()

    def _add_delivery_cost_to_so(self):
        """Override of `stock_delivery` to add nothing where the order document says what Cloudprinter pays."""
        if self.sale_id.sudo().cloudprinter_order_id.has_freight:
            return None
        return super()._add_delivery_cost_to_so()

    # === white label: the recipient must not learn about the shop === #

    def message_post_with_source(self, source_ref, **kwargs):
        """Override of `mail` to suppress the confirmation email to the recipient.

        It cannot be suppressed earlier, as the caller in `stock` also calls the carriers.
        """
        if not isinstance(source_ref, str):
            templates = list(self.company_id.sudo().stock_mail_confirmation_template_id)
            if source_ref in templates:
                self = self.filtered(lambda picking: not picking.cloudprinter_item_ids)
        return super().message_post_with_source(source_ref, **kwargs)

    def _message_sms_with_template(
        self, template=False, template_xmlid=False, template_fallback="", partner_ids=False, **kwargs
    ):
        """Override of `sms` to suppress the text message of `stock_sms`, which need not be installed."""
        if self.cloudprinter_item_ids:
            return self.env["mail.message"]
        return super()._message_sms_with_template(template, template_xmlid, template_fallback, partner_ids, **kwargs)

    def _check_warn_sms(self):
        """Override of `stock_sms` to skip its dialog for text messages that are not sent."""
        others = self.filtered(lambda picking: not picking.cloudprinter_item_ids)
        return super(StockPicking, others)._check_warn_sms()
