from odoo import Command, api, fields, models
from odoo.exceptions import UserError, ValidationError

CORRECTIONS_AT_MOST = 6
PRICE_DIGITS = 7


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    cloudprinter_item_id = fields.Many2one(
        "cloudprinter.item", "Cloudprinter Item Record", copy=False, index="btree_not_null", ondelete="restrict"
    )
    cloudprinter_item_ref = fields.Char(
        "Cloudprinter Item",
        compute="_compute_cloudprinter_item_ref",
        inverse="_inverse_cloudprinter_item_ref",
        copy=False,
        help="Cloudprinter's item id. The order id is entered above.",
    )

    @api.depends("cloudprinter_item_id.name")
    def _compute_cloudprinter_item_ref(self):
        for line in self:
            line.cloudprinter_item_ref = line.cloudprinter_item_id.sudo().name

    @api.depends("order_id.cloudprinter_order_id.is_test")
    def _compute_qty_to_invoice(self):
        """Override of `sale` to exclude test orders from invoicing."""
        super()._compute_qty_to_invoice()
        self.filtered(lambda line: line.order_id._cloudprinter_is_test()).qty_to_invoice = 0

    def _inverse_cloudprinter_item_ref(self):
        for line in self:
            ref = self.env["cloudprinter.order"]._clean_id(line.cloudprinter_item_ref)
            # shown after saving
            line.cloudprinter_item_ref = ref or False
            current = line.cloudprinter_item_id.sudo()
            if ref == (current.name or ""):
                continue
            if not ref:
                current.signal_ids._check_ids_are_free()
                line.cloudprinter_item_id = False
                continue
            order = line.order_id.cloudprinter_order_id.sudo()
            if not order:
                raise UserError(
                    self.env._("Enter the Cloudprinter order id of %(sale)s first.", sale=line.order_id.display_name)
                )
            item = self.env["cloudprinter.item"]._get_for_refs(
                order.company_id,
                order.name,
                ref,
                current,
                {"product_id": line.product_id.id, "quantity": line._cloudprinter_quantity()},
            )
            line.cloudprinter_item_id = item

    def _cloudprinter_quantity(self):
        """Return the ordered quantity in the product's unit."""
        self.ensure_one()
        return self.product_uom_id._compute_quantity(self.product_uom_qty, self.product_id.uom_id)

    @api.constrains("cloudprinter_item_id")
    def _check_cloudprinter_item_id(self):
        for line in self:
            item = line.cloudprinter_item_id.sudo()
            item._check_document_company(line.company_id, line.order_id)
            taken = item.sale_line_ids - line
            if taken:
                raise ValidationError(
                    self.env._(
                        "Item %(item)s is already linked to a line of %(sale)s.",
                        item=item.name,
                        sale=taken[0].order_id.display_name,
                    )
                )

    # === amounts === #

    def _cloudprinter_write_net(self, net):
        """Enter the price with which the line amounts to `net` without taxes.

        Odoo's tax engine gives the price, which is then corrected by what the line reads, because an engine that
        computes backwards does not know each kind of tax, nor each way to round.

        :param float net: in the currency of the order, rounded
        """
        self.ensure_one()
        quantity, currency = self.product_uom_qty, self.currency_id
        if not quantity:
            return
        price = self._cloudprinter_get_price(net)
        for step in range(CORRECTIONS_AT_MOST):
            self.price_unit = price
            missing = net - self.price_subtotal
            if currency.is_zero(missing):
                break
            if step < 2:
                price += self._cloudprinter_get_price(net) - self._cloudprinter_get_price(self.price_subtotal)
            else:
                price += missing / quantity / 2
        # a user reads it: as few digits as possible, unless what they leave out adds up over the lines of the order
        globally = self.company_id.tax_calculation_rounding_method == "round_globally"
        for digits in range(currency.decimal_places, PRICE_DIGITS):
            self.price_unit = round(price, digits)
            left_out = abs(self.price_unit - price) * quantity
            if currency.is_zero(net - self.price_subtotal) and not (globally and left_out > currency.rounding / 100):
                return
        self.price_unit = price

    def _cloudprinter_get_price(self, net, quantity=None):
        """Return the unit price with which the line amounts to about `net`, with the taxes that a price includes.

        :param float quantity: of another line with the same taxes, which has no discount
        """
        taxes = self.env["account.tax"]
        discount = 0 if quantity else self.discount
        quantity = quantity or self.product_uom_qty
        line = self._prepare_base_line_for_taxes_computation(
            quantity=quantity, price_unit=net / quantity, discount=0, special_mode="total_excluded"
        )
        taxes._add_tax_details_in_base_line(line, self.company_id, rounding_method="round_globally")
        included = sum(
            data["raw_tax_amount_currency"]
            for data in line["tax_details"]["taxes_data"]
            if data["tax"].price_include and not data["tax"].has_negative_factor
        )
        return (net + included) / quantity / (1 - discount / 100)

    # === links === #

    def write(self, vals):
        if "cloudprinter_item_id" not in vals:
            res = super().write(vals)
            if "product_uom_qty" in vals:
                self.cloudprinter_item_id.sudo().order_id._process_documents_again()
            return res
        before = {line: line.cloudprinter_item_id for line in self}
        res = super().write(vals)
        for line, item in before.items():
            line._cloudprinter_carry_link(item)
        return res

    def _cloudprinter_carry_link(self, before):
        """Update the link of the manufacturing orders and stock moves of this line that had the item before.

        Moves whose item was chosen by a user keep it.
        """
        item = self.cloudprinter_item_id
        if item == before:
            return
        moves = self.move_ids.filtered(lambda m: m.cloudprinter_item_id == before and not m.cloudprinter_apart)
        moves.cloudprinter_item_id = item
        productions = self._cloudprinter_productions()
        if before:
            productions.cloudprinter_item_ids = [Command.unlink(before.id)]
        if item:
            missing = productions.filtered(lambda production: item not in production.cloudprinter_item_ids)
            missing.cloudprinter_item_ids = [Command.link(item.id)]

    def _cloudprinter_take_item(self, item):
        """Link the item that was entered on a manufacturing order of this line.

        :raises UserError: the sales order has another Cloudprinter order
        """
        sale = self.order_id
        if not sale.cloudprinter_order_id:
            sale.cloudprinter_order_id = item.sudo().order_id
        elif sale.cloudprinter_order_id != item.sudo().order_id:
            raise UserError(
                self.env._(
                    "%(sale)s has the Cloudprinter order id %(order)s. Enter that id here, or change it on the sales"
                    " order.",
                    sale=sale.display_name,
                    order=sale.cloudprinter_order_id.name,
                )
            )
        self.cloudprinter_item_id = item

    def _cloudprinter_productions(self):
        """Return the manufacturing orders of this line, without those of sub-assemblies and subcontractors."""
        self.ensure_one()
        line = self.sudo()
        referenced = line.order_id.stock_reference_ids.production_ids.filtered(lambda mo: mo.sale_line_id == line)
        moves = self.env["stock.move"].sudo().browse(line.move_ids._rollup_move_origs())
        productions = referenced | moves.production_id.filtered(
            lambda mo: mo.product_id in line.move_ids.product_id | line.product_id
        )
        # the operation type for subcontracting is archived
        return productions.filtered("picking_type_id.active")

    def _prepare_invoice_line(self, **optional_values):
        """Override of `sale` to add the Cloudprinter order and item to each line of a collective invoice."""
        vals = super()._prepare_invoice_line(**optional_values)
        order = self.order_id.cloudprinter_order_id.sudo()
        if order and not self.display_type:
            ids = filter(None, [order.name, self.cloudprinter_item_id.sudo().name])
            vals["name"] = f"{vals['name']}\nCloudprinter {' / '.join(ids)}"
        return vals
