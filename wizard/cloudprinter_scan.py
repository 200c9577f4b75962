import re

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..tools.tracking import get_first_code

MAKER, PACKER = "mrp.group_mrp_user", "stock.group_stock_user"
OVER = ("done", "cancel")
# the order in which an order's transfers are worked on
READY = ("assigned", "confirmed", "waiting", "draft")
# what scanners send before a code, if they are set to say its kind
KIND_OF_CODE = re.compile(r"^\][A-Za-z][0-9A-Za-z]")


class CloudprinterScan(models.TransientModel):
    """Page for operators and packers who scan: what is this, what is its next step, do it.

    It shows what is at hand: a transfer that is being packed, else an item, else a manufacturing order. Scanning only
    changes what is shown; the buttons do what Odoo's own buttons do, with the rights of the user.
    """

    _name = "cloudprinter.scan"
    _description = "Scan"
    _inherit = "barcodes.barcode_events_mixin"

    code = fields.Char()
    camera_item_id = fields.Many2one("cloudprinter.item", "Camera")
    # what is at hand
    item_id = fields.Many2one("cloudprinter.item", "Item")
    production_id = fields.Many2one("mrp.production", "Manufacturing Order")
    workorder_id = fields.Many2one("mrp.workorder", "Work Order")
    picking_id = fields.Many2one("stock.picking", "Packing", help="The transfer that is being packed.")
    here_ids = fields.Many2many(
        "cloudprinter.item", "cloudprinter_scan_here_rel", string="Are Here", help="What was scanned of the transfer."
    )
    choice_ids = fields.Many2many("cloudprinter.item", "cloudprinter_scan_choice_rel", string="Which One?")
    tracking = fields.Char("Tracking Code")
    # only until the next scan or click
    refusal = fields.Char(store=False)
    notice = fields.Char(store=False)
    # what is shown of it
    item_ids = fields.Many2many("cloudprinter.item", string="Items", compute="_compute_item_ids", compute_sudo=True)
    headline = fields.Char("Product and Quantity", compute="_compute_shown", compute_sudo=True)
    title = fields.Char(compute="_compute_shown", compute_sudo=True)
    item_ref = fields.Char("Item ID", compute="_compute_shown", compute_sudo=True)
    order_ref = fields.Char("Order ID", compute="_compute_shown", compute_sudo=True)
    stage = fields.Char(compute="_compute_shown", compute_sudo=True)
    reported = fields.Char("Reported to Cloudprinter", compute="_compute_shown", compute_sudo=True)
    ship_by = fields.Datetime(compute="_compute_shown", compute_sudo=True)
    consignor = fields.Char("Sender on Label", compute="_compute_shown", compute_sudo=True)
    reorder = fields.Text(compute="_compute_shown", compute_sudo=True)
    attention = fields.Text("Needs Attention", compute="_compute_shown", compute_sudo=True)
    is_stopped = fields.Boolean(compute="_compute_shown", compute_sudo=True)
    document = fields.Char("Next Step Of", compute="_compute_steps")
    steps = fields.Char("Next Steps", compute="_compute_steps")
    checklist = fields.Html(compute="_compute_checklist", sanitize=False)
    tracking_problem = fields.Char(compute="_compute_tracking_problem")

    @api.model
    def _open(self, item):
        """Return the action that opens the page with an item at hand."""
        action = self.env["ir.actions.act_window"]._for_xml_id("cloudprinter.cloudprinter_scan_action")
        return {**action, "res_id": self.create({"item_id": item.id}).id, "target": "main"}

    # === what is shown === #

    def _compute_display_name(self):
        self.display_name = self.env._("Scan")

    @api.depends("item_id", "production_id", "workorder_id", "picking_id")
    def _compute_item_ids(self):
        for scan in self:
            document = scan.picking_id or scan.item_id or scan.workorder_id or scan.production_id
            # the page must not reveal what the user may not read
            for record in filter(None, (scan.picking_id, scan.item_id, scan.workorder_id, scan.production_id)):
                record.sudo(False).check_access("read")
            is_item = document._name == "cloudprinter.item"
            scan.item_ids = document if is_item else document.sudo().cloudprinter_item_ids

    @api.depends("item_ids")
    def _compute_shown(self):
        labels = dict(self.env["cloudprinter.item"]._fields["stage"]._description_selection(self.env))
        for scan in self:
            items, production = scan._get_items(), scan.production_id
            going = scan._get_going()
            orders = items.order_id
            if production and len(items) > 1:
                scan.headline = f"{production.product_qty:.10g} × {production.product_id.display_name}"
            else:
                scan.headline = items._join_names([item._describe() for item in items])
            scan.title = items._join_names([title for title in items.mapped("title") if title])
            scan.item_ref = items._get_ref()
            scan.order_ref = items._join_names(orders.mapped("name"))
            scan.stage, scan.reported = (
                ", ".join(labels[stage] for stage in dict.fromkeys(items.mapped(name)) if stage)
                for name in ("stage", "reported_stage")
            )
            scan.ship_by = min(filter(None, going.mapped("promised_date")), default=False)
            scan.consignor = items._join_names([name for name in orders.mapped("consignor") if name])
            scan.reorder = "\n".join(item._describe_reorder() for item in items if item.reorder_cause)
            scan.attention = "\n".join(items._describe_attention())
            scan.is_stopped = bool(items) and not going

    def _get_items(self):
        """Return the items at hand, which users see with every document that they may read."""
        return self.item_ids._origin.sudo()

    def _get_going(self):
        """Return the items at hand that are made and shipped: not canceled, or by the decision of a user."""
        items = self._get_items()
        if self._get_production().cloudprinter_go_on or self._get_picking().cloudprinter_go_on:
            return items
        return items - items._filter_canceled()

    @api.depends("picking_id", "here_ids")
    def _compute_checklist(self):
        for scan in self:
            scan.checklist = bool(scan.picking_id) and scan._render_checklist()

    def _render_checklist(self):
        """Return how many items of the transfer are here, and which."""
        expected, here = self._get_expected(self.picking_id), self._get_here()
        rows = []
        for item in self._get_items():
            if item not in expected:
                css, icon, sign = "text-danger text-decoration-line-through", "fa-ban", self.env._("STOP: canceled")
            elif item in here:
                css, icon, sign = "text-success fw-bold", "fa-check-square-o", self.env._("Is here")
            else:
                css, icon, sign = "", "fa-square-o", self.env._("Missing")
            rows.append(
                Markup(
                    '<li class="{css}"><i class="fa fa-fw {icon}" role="img" aria-label="{sign}" title="{sign}"></i>'
                    " {name} <small>{text}</small></li>"
                ).format(css=css, icon=icon, sign=sign, name=item.name, text=item._describe())
            )
        count = self.env._("%(here)s of %(all)s are here", here=len(expected & here), all=len(expected))
        return Markup(
            '<div class="fs-2 fw-bold {css}">{count}</div><ul class="list-unstyled fs-4 mb-0">{rows}</ul>'
        ).format(css="text-success" if expected <= here else "", count=count, rows=Markup("").join(rows))

    @api.depends("tracking", "picking_id", "item_id")
    def _compute_tracking_problem(self):
        for scan in self:
            picking = scan.tracking and scan._get_picking()
            deliveries = picking and picking._cloudprinter_find_by_tracking([scan.tracking])
            others = deliveries and deliveries.get(get_first_code(scan.tracking), picking.browse()) - picking
            scan.tracking_problem = bool(others) and self.env._(
                "This code is also on %s.", ", ".join(others.mapped("name"))
            )

    # === what comes next === #

    @api.depends("item_id", "production_id", "workorder_id", "picking_id", "here_ids", "item_ids")
    def _compute_steps(self):
        for scan in self:
            document, steps = scan._get_steps()
            scan.document = " · ".join(document)
            scan.steps = ",".join(steps)

    def _get_steps(self):
        """Return what the user may do next, and with which document.

        :returns: words for the document; the steps, see the buttons of the form
        """
        items = self._get_items()
        document, steps = [], []
        if self._get_going():
            user = self.env.user
            if user.has_group(MAKER) and not self.picking_id:
                document, steps = self._get_production_steps()
            if user.has_group(PACKER) and not steps:
                document, steps = self._get_delivery_steps()
            is_open = any(item.stage not in ("shipped", "canceled") for item in items)
            if is_open and user.has_groups(f"{MAKER},{PACKER},cloudprinter.group_manager"):
                steps.append("delay")
        if self._is_packing():
            steps.append("leave")
        return document, steps

    def _get_production(self):
        """Return the manufacturing order at hand, or the first open one of the item."""
        if self.production_id:
            return self.production_id
        productions = self.item_id.sudo().production_ids.sudo(False)._filtered_access("read")
        going = productions.filtered(lambda production: production.state not in OVER)
        return going.sorted(lambda each: (each.state not in ("progress", "to_close"), each.id))[:1]

    def _get_workorder(self):
        """Return the work order at hand, or the first one that is not finished."""
        if self.workorder_id and self.workorder_id.state not in OVER:
            return self.workorder_id
        workorders = self._get_production().workorder_ids.filtered(lambda workorder: workorder.state not in OVER)
        return workorders.sorted(lambda workorder: workorder.state != "progress")[:1]

    def _get_production_steps(self):
        production = self._get_production()
        if not production or production.state in OVER:
            return [], []
        if production.state == "draft":
            return [production.name], ["confirm"]
        workorder = self._get_workorder()
        steps = ["produce"]
        if workorder and workorder.working_state != "blocked":
            # as in Odoo's list of work orders
            steps.append("finish" if workorder.is_user_working else "start")
        elif not workorder and production.state == "confirmed":
            steps.append("start")
        words = [production.name]
        if workorder:
            words += [workorder.name, workorder.workcenter_id.name]
        together = production.sudo().cloudprinter_item_ids
        if len(together) > 1:
            words.append(together._get_ref())
        return words, steps

    def _get_picking(self):
        """Return the transfer that is being packed, or the one with which the item goes on or went out."""
        return self.picking_id or self._find_picking(self.item_id)

    def _find_picking(self, items):
        """Return the first open transfer of items to the customer that the user may see, otherwise the last one."""
        if not items or not self.env["stock.picking"].has_access("read"):
            return self.env["stock.picking"]
        moves = items.sudo().move_ids._cloudprinter_bound_for_customer()
        pickings = moves.picking_id.sudo(False)._filtered_access("read").filtered(lambda p: p.state != "cancel")
        going = pickings.filtered(lambda picking: picking.state != "done")
        if going:
            return going.sorted(lambda picking: (READY.index(picking.state), picking.id))[:1]
        return pickings.sorted(lambda picking: (not picking.cloudprinter_waits_for_tracking, -picking.id))[:1]

    def _get_expected(self, picking):
        """Return the items that leave with a transfer: not canceled, or by the decision of a user."""
        items = picking.sudo().cloudprinter_item_ids
        return items if picking.cloudprinter_go_on else items - items._filter_canceled()

    def _get_lines(self, picking):
        """Return the lines that are packed: not those of canceled items, which stay here."""
        expected = self._get_expected(picking)
        return picking.move_line_ids.filtered(lambda line: not line.move_id.sudo().cloudprinter_item_id - expected)

    def _get_here(self):
        return self.here_ids._origin.sudo() | self.item_id.sudo()

    def _is_packing(self):
        return bool(self.picking_id) and self.picking_id.state not in OVER

    def _get_delivery_steps(self):
        picking = self._get_picking()
        if not picking or picking.state in ("draft", "cancel"):
            return [], []
        steps = []
        if picking.state == "done":
            if picking.cloudprinter_waits_for_tracking:
                # the code, or else the carrier
                steps.append("carrier" if picking.carrier_tracking_ref else "tracking")
        else:
            expected = self._get_expected(picking)
            if not self.picking_id and (len(expected) > 1 or picking.state != "assigned"):
                return [picking.name], ["begin"]
            if not expected <= self._get_here():
                return [picking.name], []
            steps.append("ship" if picking.picking_type_code == "outgoing" else "validate")
            if self.env.user.has_group("stock.group_tracking_lot") and not all(
                line.result_package_id for line in self._get_lines(picking)
            ):
                steps.append("pack")
            if picking.picking_type_code == "outgoing" and not picking.carrier_tracking_ref:
                steps.append("code")
        if steps and picking.picking_type_code == "outgoing" and picking.cloudprinter_has_label:
            steps.append("label")
        return [picking.name], steps

    # === scanning === #

    @api.onchange("code")
    def _onchange_code(self):
        if self.code:
            self.on_barcode_scanned(self.code)
            self.code = False

    @api.onchange("camera_item_id")
    def _onchange_camera_item_id(self):
        if self.camera_item_id:
            self._take(self.camera_item_id, self.camera_item_id.name)
            self.camera_item_id = False

    def on_barcode_scanned(self, barcode):
        """Show what was scanned, or check that it belongs to what is being packed."""
        text = self._clean(barcode)
        if text:
            self._take(self._find(text), text)

    @api.model
    def _clean(self, text):
        """Return a code without what scanners and users add to it."""
        text = "".join(letter for letter in KIND_OF_CODE.sub("", text.strip()) if letter.isprintable())
        return text.strip()

    @api.model
    def _find(self, text):
        """Return what the user may read that has this id: items, else an order, else a document."""
        joined = "".join(text.split())
        ids = list(dict.fromkeys([text, joined, joined.upper(), joined.lower(), joined.swapcase()]))
        workorder_id = joined.rpartition("/")[2]
        for model, domain in (
            ("cloudprinter.item", [("name", "in", ids)]),
            ("cloudprinter.order", [("name", "in", ids)]),
            ("mrp.production", [("name", "in", ids)]),
            # the barcode ends with it, and has no index
            (
                "mrp.workorder",
                [("id", "=", int(workorder_id)), ("barcode", "in", ids)]
                if workorder_id.isdecimal() and len(workorder_id) < 10
                else None,
            ),
            ("stock.picking", [("name", "in", ids)]),
        ):
            records = self.env[model]
            if domain and records.has_access("read"):
                found = records.search(domain, limit=10)
                field = "barcode" if model == "mrp.workorder" else "name"
                if found:
                    return found.filtered(lambda record: record[field] == text) or found  # noqa: B023
        return self.env["cloudprinter.item"]

    def _take(self, found, text):
        """Go on with what was scanned."""
        self.refusal = self.notice = False
        self.choice_ids = False
        if self._is_packing():
            self._check_in(found, text)
        else:
            self._look_up(found, text)

    def _look_up(self, found, text):
        if not found:
            if not self._take_tracking(text):
                self._show()
                self.refusal = self._describe_unknown(text)
            return
        self._show()
        if len(found.company_id) > 1 and found._name != "cloudprinter.item":
            self.refusal = self.env._(
                "%(id)s is in several companies: %(companies)s. Select one of them.",
                id=text,
                companies=", ".join(found.company_id.mapped("name")),
            )
        elif found._name == "cloudprinter.item":
            self._show_items(found)
        elif found._name == "cloudprinter.order":
            self._show_order(found)
        elif not found[:1].sudo().cloudprinter_item_ids:
            self.refusal = self.env._("%s has no Cloudprinter item.", found[:1].display_name)
        elif found._name == "stock.picking":
            self.picking_id = found[:1]
        else:
            self._show_work(found[:1])

    def _show(self):
        """Put away what was at hand."""
        self.item_id = self.production_id = self.workorder_id = self.picking_id = False
        self.here_ids = self.choice_ids = False
        self.tracking = False

    def _show_order(self, order):
        """Pack an order that is ready for it; show its items to users who still make them."""
        user = self.env.user
        picking = user.has_group(PACKER) and self._find_picking(order.item_ids)
        if picking and (picking.state in ("assigned", "done") or not user.has_group(MAKER)):
            self.picking_id = picking
        else:
            self._show_items(order.item_ids)

    def _show_items(self, items):
        if len(items) > 1:
            self.choice_ids = items
        else:
            self.item_id = items
        if not items:
            self.refusal = self.env._("This order has no items.")

    def _show_work(self, document):
        """Show a manufacturing order or work order, and its item if it makes only one."""
        production = document.production_id if document._name == "mrp.workorder" else document
        self.production_id = production
        self.workorder_id = document if document != production else False
        if len(production.cloudprinter_item_ids) == 1:
            self.item_id = production.cloudprinter_item_ids

    def _take_tracking(self, text):
        """Take a code that is nothing else as the tracking code of the delivery at hand, if that is what is missing.

        It is entered when the user presses the button: what was reported to Cloudprinter cannot be taken back.
        """
        if {"tracking", "code"}.isdisjoint(self._get_steps()[1]):
            return False
        self.tracking = text
        self.notice = self.env._(
            "%(code)s is taken as the tracking code of %(delivery)s.", code=text, delivery=self._get_picking().name
        )
        return True

    def _describe_unknown(self, text):
        return self.env._(
            "%(id)s is not known in %(companies)s.",
            id=text,
            companies=", ".join(self.env.companies.mapped("name")),
        )

    # === packing === #

    def _check_in(self, found, text):
        """Tick what was scanned if it belongs to the transfer that is being packed, and refuse it otherwise."""
        picking = self.picking_id
        mine = self._get_items()
        if not found:
            # items of another company may be in the transfer
            found = mine.filtered(lambda item: item.name == text)
        if not found:
            if not self._take_tracking(text):
                self.refusal = self._describe_unknown(text)
        elif found == picking or (found._name == "cloudprinter.order" and found <= mine.order_id):
            # the paper of what is being packed
            return
        elif found._name in ("cloudprinter.order", "stock.picking") and not self.here_ids:
            # nothing is begun yet
            self._look_up(found, text)
        else:
            items = found.sudo()
            if found._name != "cloudprinter.item":
                items = found.sudo().item_ids if found._name == "cloudprinter.order" else items.cloudprinter_item_ids
            self._tick(items, mine, text)

    def _tick(self, items, mine, text):
        ours = items & mine
        item = ours[:1]
        if not ours:
            self._refuse(items, text)
        elif len(ours) > 1:
            self.refusal = self.env._("%s has several items. Scan the code of the item.", text)
        elif item not in self._get_expected(self.picking_id):
            self.refusal = self.env._("STOP: item %s is canceled at Cloudprinter. Take it out.", item.name)
        elif item in self._get_here():
            self.notice = self.env._("Item %s is already here.", item.name)
        else:
            self.here_ids = self.here_ids._origin | item.sudo(False)

    def _refuse(self, items, text):
        """Refuse what does not belong to the transfer that is being packed."""
        orders = self._get_items().order_id
        other = self.env._("another order")
        if items.order_id & orders:
            other = self._find_picking(items).name or other
        elif items:
            other = self.env._("order %s", ", ".join(items.order_id.mapped("name")))
        self.refusal = self.env._(
            "WRONG: %(id)s belongs to %(other)s. You are packing %(delivery)s of order %(order)s.",
            id=text,
            other=other,
            delivery=self.picking_id.name,
            order=", ".join(orders.mapped("name")),
        )

    # === doing it === #

    def _check_step(self, step):
        """Check that a step is still the next one: others may have done it, or Cloudprinter may have canceled.

        :raises UserError: it is not
        """
        self.ensure_one()
        if step not in self._get_steps()[1]:
            raise UserError(self.env._("This is no longer the next step. Scan it again."))

    def action_confirm(self):
        self._check_step("confirm")
        return self._get_production().action_confirm()

    def action_start(self):
        """Start the work order, or a manufacturing order without any."""
        self._check_step("start")
        workorder = self._get_workorder()
        return workorder.button_start() if workorder else self._get_production().action_start()

    def action_finish(self):
        self._check_step("finish")
        return self._get_workorder().button_finish()

    def action_produce(self):
        self._check_step("produce")
        return self._get_production().button_mark_done()

    def action_begin(self):
        """Begin to pack the item's transfer."""
        self._check_step("begin")
        picking, item = self._get_picking(), self.item_id
        self._show()
        self.write({"picking_id": picking.id, "here_ids": [Command.set(item.ids)]})
        return True

    def action_stop_packing(self):
        self.ensure_one()
        self._show()
        return True

    def action_pack(self):
        self._check_step("pack")
        return self._get_lines(self._get_picking()).action_put_in_pack()

    def action_ship(self):
        """Validate the transfer, without the items that are canceled."""
        self.ensure_one()
        picking = self._get_picking()
        self._check_step("ship" if picking.picking_type_code == "outgoing" else "validate")
        if self.tracking and not picking.carrier_tracking_ref:
            picking.carrier_tracking_ref = self._clean(self.tracking)
        if picking.cloudprinter_stop == "some":
            picking.action_cloudprinter_take_out()
        return picking.button_validate()

    def action_enter_tracking(self):
        """Enter the tracking code of a delivery that has left."""
        self._check_step("tracking")
        if not self.tracking:
            raise UserError(self.env._("Scan or type the tracking code first."))
        self._get_picking().carrier_tracking_ref = self._clean(self.tracking)
        self.tracking = False
        return True

    def action_enter_carrier(self):
        """Open the dialog for the carrier of a delivery that has left."""
        self._check_step("carrier")
        return self._get_picking().action_cloudprinter_enter_tracking()

    def action_print_label(self):
        self._check_step("label")
        return self._get_picking().action_cloudprinter_print_label()

    def action_report_delay(self):
        self._check_step("delay")
        items = self._get_items().sudo(False).filtered(lambda item: item.stage not in ("shipped", "canceled"))
        return items.with_context(default_kind="delay").action_report()
