from odoo import Command, api, fields, models
from odoo.exceptions import UserError

# states of manufacturing orders and work orders
STARTED = ("progress", "to_close", "done")
FACTS = {
    "draft": "draft",
    "confirmed": "open",
    "progress": "started",
    "to_close": "started",
    "done": "done",
    "cancel": "cancel",
}


class MrpProduction(models.Model):
    _name = "mrp.production"
    _inherit = ["mrp.production", "cloudprinter.stop.mixin"]

    cloudprinter_item_ids = fields.Many2many(
        "cloudprinter.item",
        "cloudprinter_item_mrp_production_rel",
        "production_id",
        "item_id",
        string="Cloudprinter Items",
        copy=False,
        help="The items made by this order; several if they are printed together.",
    )
    cloudprinter_order_ref = fields.Char(
        "Cloudprinter Order",
        compute="_compute_cloudprinter_refs",
        readonly=False,
        copy=False,
        help="Cloudprinter's order id. Only needed without a sales order.",
    )
    cloudprinter_item_ref = fields.Char(
        "Cloudprinter Item",
        compute="_compute_cloudprinter_refs",
        readonly=False,
        copy=False,
        help="Cloudprinter's item id. Only needed without a sales order.",
    )
    cloudprinter_quantities = fields.Text(
        "Cloudprinter Items and Quantities",
        compute="_compute_cloudprinter_quantities",
        help="How many of each are made together.",
    )
    cloudprinter_specification = fields.Text(
        "Ordered As", compute="_compute_cloudprinter_specification", help="What Cloudprinter ordered, for the operator."
    )

    @api.depends("cloudprinter_item_ids.name", "cloudprinter_item_ids.order_id.name")
    def _compute_cloudprinter_refs(self):
        for production in self:
            items = production.cloudprinter_item_ids.sudo()
            production.cloudprinter_order_ref = ", ".join(sorted(set(items.order_id.mapped("name"))))
            production.cloudprinter_item_ref = items._get_ref()

    @api.depends("cloudprinter_item_ids.name", "cloudprinter_item_ids.ordered_quantity")
    def _compute_cloudprinter_quantities(self):
        for production in self:
            items = production.cloudprinter_item_ids.sudo()
            production.cloudprinter_quantities = len(items) > 1 and "\n".join(
                f"{item.name}: {item.ordered_quantity:.10g}" for item in items
            )

    @api.depends("cloudprinter_item_ids.title", "cloudprinter_item_ids.specification")
    def _compute_cloudprinter_specification(self):
        for production in self:
            # items printed together share the paper, but each has its own title
            items = production.cloudprinter_item_ids.sudo()
            titles = [item.title for item in items if item.title]
            specifications = dict.fromkeys(item.specification for item in items if item.specification)
            production.cloudprinter_specification = "\n".join(
                filter(None, [items._join_names(titles), *specifications])
            )

    @api.constrains("cloudprinter_item_ids")
    def _check_cloudprinter_company(self):
        for production in self:
            production.cloudprinter_item_ids._check_document_company(production.company_id, production)

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._cloudprinter_take_refs(vals, self.browse()) for vals in vals_list])

    def write(self, vals):
        # all ways of starting and finishing meet here, except by what is consumed
        if vals.get("state") in STARTED or vals.get("qty_producing"):
            self._cloudprinter_check_stop()
        if "cloudprinter_item_ref" in vals or "cloudprinter_order_ref" in vals:
            for production in self:
                super(MrpProduction, production).write(production._cloudprinter_take_refs(vals, production))
                production._cloudprinter_carry_link()
            return True
        return super().write(vals)

    def _cloudprinter_carry_link(self):
        """Link the item that was entered here to the other documents of the same thing, where they have none.

        These are the parts into which this order was split, and its sales order line, which carries it on.

        :raises UserError: the sales order has another Cloudprinter order
        """
        item = self.cloudprinter_item_ids
        if len(item) != 1:
            return
        line = self.sale_line_id.sudo()
        if line and not line.cloudprinter_item_id and not item.sudo().sale_line_ids:
            if self in line._cloudprinter_productions():
                line._cloudprinter_take_item(item)
        parts = self.production_group_id.production_ids.filtered(
            lambda production: (
                production.product_id == self.product_id
                and production.state != "cancel"
                and not production.cloudprinter_item_ids
            )
        )
        parts.cloudprinter_item_ids = [Command.link(item.id)]

    def _cloudprinter_remove_link(self, item):
        """Remove an item whose ids were emptied here from where `_cloudprinter_carry_link` has linked it."""
        item.sale_line_ids.cloudprinter_item_id = False
        parts = self.production_group_id.production_ids & item.production_ids
        parts.cloudprinter_item_ids = [Command.unlink(item.id)]

    def action_merge(self):
        # in a larger order, what was canceled would be one item of several, of which the others go on
        self._cloudprinter_check_stop()
        # linked afterwards: a default in the context would reach the orders of sub-assemblies
        items = self.cloudprinter_item_ids
        action = super().action_merge()
        if items:
            self.browse(action["res_id"]).cloudprinter_item_ids = [Command.link(item.id) for item in items]
        return action

    def _get_backorder_mo_vals(self):
        vals = super()._get_backorder_mo_vals()
        if self.cloudprinter_item_ids:
            vals["cloudprinter_item_ids"] = [Command.set(self.cloudprinter_item_ids.ids)]
            # the decision was about all of it
            vals["cloudprinter_go_on"] = self.cloudprinter_go_on
        return vals

    def _cloudprinter_take_refs(self, vals, production):
        """Replace the entered ids in `vals` with a link to the item, which is created if needed.

        :returns: the new values
        :raises UserError: only one of the two ids is given, or several items are made together
        """
        if "cloudprinter_item_ref" not in vals and "cloudprinter_order_ref" not in vals:
            return vals
        vals = dict(vals)
        items = production.cloudprinter_item_ids.sudo()
        clean_id = self.env["cloudprinter.order"]._clean_id
        order_ref = clean_id(vals.pop("cloudprinter_order_ref", production.cloudprinter_order_ref))
        item_ref = clean_id(vals.pop("cloudprinter_item_ref", production.cloudprinter_item_ref))
        if (order_ref, item_ref) == (
            production.cloudprinter_order_ref or "",
            production.cloudprinter_item_ref or "",
        ):
            return vals
        if len(items) > 1:
            raise UserError(self.env._("This order makes several items. Change their ids on the items themselves."))
        if not order_ref and not item_ref:
            if items and production._cloudprinter_owns(items):
                items.signal_ids._check_ids_are_free()
                production._cloudprinter_remove_link(items)
            vals["cloudprinter_item_ids"] = [Command.clear()]
            return vals
        if not order_ref or not item_ref:
            raise UserError(self.env._("Enter both the Cloudprinter order id and the item id."))
        company = self.env["res.company"].browse(vals.get("company_id")) or production.company_id or self.env.company
        product = self.env["product.product"].browse(vals.get("product_id")) or production.product_id
        unit = self.env["uom.uom"].browse(vals.get("product_uom_id")) or production.product_uom_id or product.uom_id
        quantity = vals.get("product_qty") or production.product_qty or 0
        if unit and product:
            quantity = unit._compute_quantity(quantity, product.uom_id)
        current = items if items and production._cloudprinter_owns(items) else items.browse()
        item = self.env["cloudprinter.item"]._get_for_refs(
            company, order_ref, item_ref, current, {"product_id": product.id, "quantity": quantity}
        )
        vals["cloudprinter_item_ids"] = [Command.set(item.ids)]
        return vals

    def _cloudprinter_owns(self, item):
        """Return whether a new id here corrects the item: it is made only here or for its sales order line.

        Otherwise another order was linked manually and has the right id, and only the link of this one changes.
        """
        self.ensure_one()
        if item.sale_line_ids:
            return self in item.sale_line_ids[:1]._cloudprinter_productions()
        return not item.production_ids - self.production_group_id.production_ids

    def _cloudprinter_reprint(self, items, product, quantity):
        """Create a draft manufacturing order that makes items again.

        :param quantity: in the product's unit
        """
        return self.create(
            {
                "product_id": product.id,
                "product_qty": quantity,
                "product_uom_id": product.uom_id.id,
                "company_id": self.company_id.id or items.company_id.id,
                "cloudprinter_item_ids": [Command.set(items.ids)],
                **({"bom_id": self.bom_id.id, "picking_type_id": self.picking_type_id.id} if self else {}),
                "origin": self.origin or items._get_ref(),
            }
        )

    def _cloudprinter_fact(self):
        """Return the state for the stage rule: draft, open, started, done or cancel."""
        self.ensure_one()
        if self.state == "to_close" and not self.qty_producing:
            # the state is "To Close" also if all work orders were canceled and nothing was started
            if set(self.workorder_ids.mapped("state")) == {"cancel"}:
                return "open"
        if self.state in FACTS:
            return FACTS[self.state]
        # a state from another add-on, such as a quality check, does not mean that the order is finished
        begun = self.qty_producing or {"progress", "done"}.intersection(self.workorder_ids.mapped("state"))
        return "started" if begun else "open"

    def _cloudprinter_start_date(self):
        """Return when the first work order started, in naive UTC, or False.

        Only their time logs know: the start of a work order is its plan until a user starts it.
        """
        return min(self.workorder_ids.time_ids.mapped("date_start"), default=False)
