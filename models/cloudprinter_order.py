from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import clean_context


class CloudprinterOrder(models.Model):
    """One order of Cloudprinter, which the shop produces. Its id is Cloudprinter's and is kept as text."""

    _name = "cloudprinter.order"
    _description = "Cloudprinter Order"
    _order = "id desc"

    name = fields.Char("Order ID", required=True, index="trigram", copy=False)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company, index=True
    )
    item_ids = fields.One2many("cloudprinter.item", "order_id", "Items")
    signal_ids = fields.One2many("cloudprinter.signal", "order_id", "Signals")
    sale_order_ids = fields.One2many("sale.order", "cloudprinter_order_id", "Linked Sales Orders")
    sale_order_id = fields.Many2one(
        "sale.order", "Sales Order", compute="_compute_sale_order_id", search="_search_sale_order_id"
    )
    reference = fields.Char("Client Reference", copy=False)
    shipping_method = fields.Char(help="Cloudprinter's code of carrier and service.")
    shipping_date = fields.Datetime("Ship By")
    priority = fields.Char()
    consignor = fields.Char(help="The sender to be printed on the label.")
    is_test = fields.Boolean("Test Order")
    is_reorder = fields.Boolean("Reorder")
    original_order = fields.Char("Original Order ID")
    currency_id = fields.Many2one("res.currency")
    amount_items = fields.Monetary()
    amount_shipping = fields.Monetary()
    amount_tax = fields.Monetary()
    amount_total = fields.Monetary()
    accepted_date = fields.Datetime("Accepted On", copy=False)
    shipped_date = fields.Datetime("Shipped On", copy=False)

    _name_uniq = models.Constraint(
        "unique (company_id, name)", "An order with this Cloudprinter id already exists in this company."
    )

    @api.depends("sale_order_ids")
    def _compute_sale_order_id(self):
        for order in self:
            order.sale_order_id = order.sale_order_ids[:1]

    def _search_sale_order_id(self, operator, value):
        return [("sale_order_ids", operator, value)]

    @api.model
    def _clean_id(self, value):
        """Cloudprinter's ids are opaque, but they are texts of one line.

        :param value: what a person or another program entered
        :returns: the id, trimmed, or an empty text
        :raises ValidationError: it cannot be an id
        """
        text = "" if value is None or value is False else str(value).strip()
        if not text.isprintable() or len(text) > 255:
            raise ValidationError(
                self.env._(
                    "Enter the id as Cloudprinter gave it; it has at most 255 characters, and no line breaks or"
                    " control characters."
                )
            )
        return text

    @api.constrains("name")
    def _check_name(self):
        for record in self:
            if not record.name:
                raise ValidationError(self.env._("Enter the Cloudprinter order id."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["name"] = self._clean_id(vals.get("name"))
        return super().create(vals_list)

    def write(self, vals):
        if any(order.item_ids and order.company_id.id != vals["company_id"] for order in self if "company_id" in vals):
            raise UserError(self.env._("The company of an order cannot be changed once it has items."))
        changed = self.browse()
        if "name" in vals:
            vals = dict(vals, name=self._clean_id(vals["name"]))
            changed = self.filtered(lambda order: order.name != vals["name"])
            changed.signal_ids._check_ids_are_free()
        res = super().write(vals)
        changed.signal_ids.sudo()._send_with_new_ids()
        if vals.get("shipping_method"):
            waiting = self.signal_ids.sudo().filtered(lambda signal: signal.state == "waiting")
            waiting.filtered(lambda signal: signal.failure_type == "missing_option").action_send()
        return res

    @api.model
    def _get_or_create(self, name, company):
        """The order with Cloudprinter's id `name` in `company`.

        :raises ValidationError: the id is empty, or cannot be one
        """
        name = self._clean_id(name)
        if not name:
            raise ValidationError(self.env._("Enter the Cloudprinter order id."))
        # the caller has the right to the document on which the id is typed
        orders = self.sudo().with_context(clean_context(self.env.context))
        found = orders.search([("company_id", "=", company.id), ("name", "=", name)])
        return found or orders.create({"name": name, "company_id": company.id})

    def _correct_name(self, name):
        """Give the order the id that a person typed: rename it, or return the order that has this id already.

        :raises UserError: signals with the old id were accepted
        """
        self.ensure_one()
        name = self._clean_id(name)
        if name == self.name:
            return self
        other = self.sudo().search([("company_id", "=", self.company_id.id), ("name", "=", name)])
        if not other:
            self.sudo().name = name
            return self
        if self.item_ids:
            raise UserError(
                self.env._(
                    "Order %(new)s exists already, and order %(old)s has items of its own."
                    " Empty the item ids first, then enter the other order id.",
                    new=name,
                    old=self.name,
                )
            )
        return other
