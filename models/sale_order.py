from odoo import Command, api, fields, models
from odoo.exceptions import UserError, ValidationError


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "cloudprinter.item.mixin"]

    cloudprinter_order_id = fields.Many2one(
        "cloudprinter.order", "Cloudprinter Order Record", copy=False, index="btree_not_null", ondelete="restrict"
    )
    cloudprinter_order_ref = fields.Char(
        "Cloudprinter Order",
        compute="_compute_cloudprinter_order_ref",
        readonly=False,
        copy=False,
        help="Cloudprinter's order id. Enter it here, and the item ids on the lines.",
    )
    cloudprinter_shipping_date = fields.Datetime(
        "Cloudprinter: Ship By",
        compute="_compute_cloudprinter_shipping_date",
        inverse="_inverse_cloudprinter_shipping_date",
        help="When Cloudprinter wants the order shipped.",
    )
    cloudprinter_is_received = fields.Boolean(compute="_compute_cloudprinter_shipping_date")
    cloudprinter_item_ids = fields.One2many(related="cloudprinter_order_id.item_ids", string="Cloudprinter Items")

    # finds orders entered manually with only Cloudprinter's id as the customer reference
    _cloudprinter_typed_idx = models.Index(
        "(client_order_ref) WHERE client_order_ref IS NOT NULL AND cloudprinter_order_id IS NULL"
    )

    @api.depends("cloudprinter_order_id.name")
    def _compute_cloudprinter_order_ref(self):
        for order in self:
            order.cloudprinter_order_ref = order.cloudprinter_order_id.sudo().name

    @api.depends("cloudprinter_order_id.shipping_date", "cloudprinter_order_id.document_id")
    def _compute_cloudprinter_shipping_date(self):
        for sale in self:
            order = sale.cloudprinter_order_id.sudo()
            sale.cloudprinter_shipping_date = order.shipping_date
            sale.cloudprinter_is_received = bool(order.document_id)

    def _inverse_cloudprinter_shipping_date(self):
        for sale in self:
            order = sale.cloudprinter_order_id.sudo()
            if sale.cloudprinter_shipping_date == order.shipping_date:
                continue
            if order.document_id or not order:
                raise UserError(
                    self.env._(
                        "The ship-by date can be entered only with an order id, if Cloudprinter did not give it."
                    )
                )
            order.shipping_date = sale.cloudprinter_shipping_date

    @api.constrains("cloudprinter_order_id")
    def _check_cloudprinter_order_id(self):
        for sale in self:
            order = sale.cloudprinter_order_id.sudo()
            if order and order.company_id.root_id != sale.company_id.sudo().root_id:
                raise ValidationError(
                    self.env._(
                        "Order %(order)s belongs to %(company)s.", order=order.name, company=order.company_id.name
                    )
                )
            taken = order.sale_order_ids - sale
            if taken:
                raise ValidationError(
                    self.env._(
                        "Order %(order)s is already linked to %(sale)s.", order=order.name, sale=taken[0].display_name
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        # a new sales order does not know the date of its order
        known = [
            {name: value for name, value in vals.items() if value or name != "cloudprinter_shipping_date"}
            for vals in vals_list
        ]
        return super().create([self._cloudprinter_take_ref(vals) for vals in known])

    def write(self, vals):
        if vals.get("order_line"):
            self._cloudprinter_correct_items(vals["order_line"])
        if "cloudprinter_order_ref" in vals:
            for order in self:
                super(SaleOrder, order).write(order._cloudprinter_take_ref(vals))
        else:
            super().write(vals)
        if not vals.keys().isdisjoint(("state", "cloudprinter_order_id", "cloudprinter_order_ref")):
            self.cloudprinter_order_id.sudo()._process_documents_again()
        return True

    def unlink(self):
        orders = self.cloudprinter_order_id.sudo()
        res = super().unlink()
        orders._process_documents_again()
        return res

    def _prepare_invoice(self):
        vals = super()._prepare_invoice()
        if self.cloudprinter_order_id:
            # different recipients must not split the invoice
            vals["partner_shipping_id"] = self.partner_id.id
        return vals

    def _get_invoiceable_lines(self, final=False):
        lines = super()._get_invoiceable_lines(final)
        if self.env.context.get("cloudprinter_keep_returned"):
            lines = lines.filtered(lambda line: line.is_downpayment or line.display_type or line.qty_to_invoice > 0)
        return lines.browse() if self._cloudprinter_is_test() else lines

    def _cloudprinter_create_invoices(self):
        """Create the invoices of these orders, with down payments deducted.

        Returned parcels are not credited, as Odoo would do in the same step: Cloudprinter pays for them.
        """
        return self.with_context(cloudprinter_keep_returned=True)._create_invoices(final=True)

    def _nothing_to_invoice_error_message(self):
        if self and all(order._cloudprinter_is_test() for order in self):
            return self.env._("Cloudprinter test orders are not invoiced.")
        return super()._nothing_to_invoice_error_message()

    def _create_down_payment_lines_from_base_lines(self, *args, **kwargs):
        if self._cloudprinter_is_test():
            raise UserError(self.env._("Cloudprinter test orders are not invoiced."))
        return super()._create_down_payment_lines_from_base_lines(*args, **kwargs)

    def _cloudprinter_settle_total(self):
        """Move the price of a line by less than a cent, where the order does not amount to the sum of its lines.

        This happens with taxes that prices include, if the company rounds them for the whole order.
        """
        missing = sum(self.order_line.mapped("price_subtotal")) - self.amount_untaxed
        if self.currency_id.is_zero(missing):
            return
        lines = self.order_line.filtered(
            lambda line: line.product_uom_qty and any(line.tax_ids.mapped("price_include"))
        )
        line = max(lines, key=lambda line: line.price_subtotal, default=lines)
        if line:
            line.price_unit += (self.currency_id.rounding if missing > 0 else -self.currency_id.rounding) / (
                2 * line.product_uom_qty
            )

    def _cloudprinter_is_test(self):
        return self.cloudprinter_order_id.sudo().is_test

    def _cloudprinter_correct_items(self, commands):
        """Correct first the item ids that another line asks for in the same save.

        Lines that ask for each other's items exchange them.

        :param list commands: of the field `order_line`
        """
        clean_id = self.env["cloudprinter.order"]._clean_id
        typed = {}
        for command, line_id, values in (command for command in commands if len(command) == 3):
            if command in (Command.CREATE, Command.UPDATE) and "cloudprinter_item_ref" in values:
                typed[line_id or object()] = clean_id(values["cloudprinter_item_ref"])
        if len(typed) < 2:
            return
        lines = self.order_line.filtered(lambda line: line.id in typed and line.cloudprinter_item_id)
        line_of = {line.sudo().cloudprinter_item_id.name: line for line in lines}
        # the lines that ask for the item of another, and these others
        taken = {line_of[ref] for line_id, ref in typed.items() if ref in line_of and line_of[ref].id != line_id}
        while taken:
            free = {line for line in taken if line_of.get(typed[line.id]) not in taken}
            if not free:
                break
            for line in free:
                line.cloudprinter_item_ref = typed[line.id]
            taken -= free
        exchanged = lines.browse().union(*taken)
        items = {line: line_of[typed[line.id]].cloudprinter_item_id for line in exchanged}
        exchanged.sudo().cloudprinter_item_id.signal_ids._check_ids_are_free()
        exchanged.cloudprinter_item_id = False
        for line, item in items.items():
            line.cloudprinter_item_id = item

    def _cloudprinter_take_ref(self, vals):
        """Replace the entered order id in `vals` with a link, which must exist before the lines are written.

        :returns: the new values
        :raises UserError: the id can no longer be changed
        """
        if "cloudprinter_order_ref" not in vals:
            return vals
        vals = dict(vals)
        ref = self.env["cloudprinter.order"]._clean_id(vals.pop("cloudprinter_order_ref"))
        current = self.cloudprinter_order_id.sudo()
        if ref == (current.name or ""):
            return vals
        if not ref:
            self.order_line.filtered("cloudprinter_item_id").write({"cloudprinter_item_ref": False})
            vals["cloudprinter_order_id"] = False
            return vals
        company = self.env["res.company"].browse(vals.get("company_id")) or self.company_id or self.env.company
        order = current._correct_name(ref) if current else self.env["cloudprinter.order"]._get_or_create(ref, company)
        vals["cloudprinter_order_id"] = order.id
        return vals
