from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import clean_context

from ..rule.gate import OPEN
from ..tools.barcode import draw_bars, draw_qr
from ..tools.rights import check_values

# Only code that holds this object changes what a document of Cloudprinter gave.
DOCUMENT_TOKEN = object()
GIVEN = {
    "amount_items",
    "amount_shipping",
    "amount_tax",
    "amount_total",
    "currency_id",
    "has_freight",
    "has_item_amount",
    "is_reorder",
    "is_test",
}


class CloudprinterOrder(models.Model):
    """An order of Cloudprinter that the shop produces. Its id comes from Cloudprinter and is kept as text.

    `cloudprinter_order_billing.py` has what accountants see of it.
    """

    _name = "cloudprinter.order"
    _description = "Cloudprinter Order"
    _inherit = ["cloudprinter.discreet.mixin", "mail.thread"]
    _order = "id desc"

    name = fields.Char("Order ID", required=True, index="trigram", copy=False)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company, index=True
    )
    item_ids = fields.One2many("cloudprinter.item", "order_id", "Items")
    signal_ids = fields.One2many("cloudprinter.signal", "order_id", "Signals")
    file_ids = fields.One2many("cloudprinter.order.file", "order_id", "Files")
    sale_order_ids = fields.One2many("sale.order", "cloudprinter_order_id", "Linked Sales Orders")
    # the document whose content the order has
    document_id = fields.Many2one(
        "cloudprinter.order.document", "Incoming Document", readonly=True, index="btree_not_null", copy=False
    )
    document_ids = fields.One2many("cloudprinter.order.document", "order_id", "Incoming Documents")
    sale_order_id = fields.Many2one(
        "sale.order", "Sales Order", compute="_compute_sale_order_id", search="_search_sale_order_id"
    )
    reference = fields.Char("Client Reference", copy=False)
    shipping_method = fields.Char(help="Cloudprinter's code for the carrier and service.")
    shipping_date = fields.Datetime("Ship By")
    priority = fields.Char()
    consignor = fields.Char(help="The sender to be printed on the label.")
    customs = fields.Char("Customs Value and Weight", readonly=True, help="As Cloudprinter declares them.")
    is_test = fields.Boolean("Test Order", tracking=True)
    is_reorder = fields.Boolean("Reorder", tracking=True)
    original_order = fields.Char("Original Order ID")
    currency_id = fields.Many2one("res.currency", tracking=True)
    amount_items = fields.Monetary(tracking=True)
    amount_shipping = fields.Monetary(tracking=True)
    has_item_amount = fields.Boolean(readonly=True, help="The document says what Cloudprinter pays for the items.")
    has_freight = fields.Boolean(readonly=True, help="The document says what Cloudprinter pays for shipping.")
    amount_tax = fields.Monetary(tracking=True)
    amount_total = fields.Monetary(tracking=True)
    accepted_date = fields.Datetime("Accepted On", copy=False)
    has_open_items = fields.Boolean(compute="_compute_has_open_items")
    production_count = fields.Integer("Manufacturing Orders", compute="_compute_document_counts")
    picking_count = fields.Integer("Transfers", compute="_compute_document_counts")

    _name_uniq = models.Constraint(
        "unique (company_id, name)", "An order with this Cloudprinter id already exists in this company."
    )
    # few: they are left out of many numbers
    _test_idx = models.Index("(id) WHERE is_test")

    @api.depends("sale_order_ids")
    def _compute_sale_order_id(self):
        for order in self:
            order.sale_order_id = order.sale_order_ids[:1]

    def _search_sale_order_id(self, operator, value):
        return [("sale_order_ids", operator, value)]

    @api.depends("item_ids.derived")
    def _compute_has_open_items(self):
        for order in self:
            order.has_open_items = any(item.stage not in ("shipped", "canceled") for item in order.item_ids)

    @api.depends("item_ids")
    def _compute_document_counts(self):
        # all who read the order may see the counts; Odoo checks the access to the documents when they are opened
        items = self._origin.sudo().item_ids
        items_of = items.grouped("order_id")
        for order in self:
            mine = items_of.get(order._origin, items.browse())
            order.production_count = len(mine.production_ids)
            order.picking_count = len(mine.move_ids.picking_id)

    @api.constrains("name")
    def _check_name(self):
        for record in self:
            if not record.name:
                raise ValidationError(self.env._("Enter the Cloudprinter order id."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            check_values(self, vals)
            vals["name"] = self._clean_id(vals.get("name"))
        return super().create(vals_list)

    def write(self, vals):
        check_values(self, vals)
        if any(order.item_ids and order.company_id.id != vals["company_id"] for order in self if "company_id" in vals):
            raise UserError(self.env._("The company of an order cannot be changed once it has items."))
        if not GIVEN.isdisjoint(vals):
            self._check_may_change_what_was_given()
        changed = self.browse()
        if "name" in vals:
            vals = dict(vals, name=self._clean_id(vals["name"]))
            changed = self.filtered(lambda order: order.name != vals["name"])
            changed.signal_ids._check_ids_are_free()
        res = super().write(vals)
        changed.signal_ids.sudo()._record_ids()
        if "document_id" in vals:
            # other pages may be ordered
            self.sudo().file_ids._judge()
        changed.signal_ids.sudo()._send_with_new_ids()
        if vals.get("shipping_method"):
            waiting = self.signal_ids.sudo().filtered(lambda signal: signal.state == "waiting")
            waiting.filtered(lambda signal: signal.failure_type == "missing_option").action_send()
        return res

    def _check_may_change_what_was_given(self):
        """Check that no document gave what is about to be changed.

        :raises UserError: a document gave it
        """
        given = self.sudo().filtered("document_ids")[:1]
        if given and self.env.context.get("cloudprinter_document") is not DOCUMENT_TOKEN:
            raise UserError(
                self.env._(
                    "Order %s came from Cloudprinter. Its amounts, its currency, and whether it is a test or a reorder"
                    " cannot be changed.",
                    given.name,
                )
            )

    def _get_codes(self):
        """Return what papers print of each order: its id as a code."""
        return [
            {"label": self.env._("Order"), "name": order.name, "qr": draw_qr(order.name), "bars": draw_bars(order.name)}
            for order in self
        ]

    def _get_live_sale(self):
        """Return the sales order that was not canceled, or none."""
        return self.sale_order_ids.filtered(lambda sale: sale.state != "cancel")

    def _process_documents_again(self):
        """Look again at the newest documents of these orders, since a fact may have changed."""
        if self:
            documents = self.env["cloudprinter.order.document"].sudo()
            domain = [("company_id", "in", self.company_id.ids), ("name", "in", self.mapped("name"))]
            documents.search([*domain, ("state", "in", OPEN)])._process_again()

    # === actions === #

    def action_open_sale_orders(self):
        return self.sale_order_ids._get_records_action(name=self.env._("Sales Orders"))

    def action_open_productions(self):
        return self.item_ids.action_open_productions()

    def action_open_pickings(self):
        return self.item_ids.action_open_pickings()

    def action_open_documents(self):
        return self.document_ids._get_records_action(name=self.env._("Incoming Orders"))

    def action_reject(self):
        """Open the dialog for rejecting the order with a reason."""
        self.ensure_one()
        return self.env["cloudprinter.reject"]._open(order=self)

    # === ids === #

    @api.model
    def _clean_id(self, value):
        """Return an id in the form in which it is stored. Cloudprinter's ids are opaque texts of one line.

        :param value: the id as a user or a program entered it
        :returns: the id, trimmed, or an empty text
        :raises ValidationError: it cannot be an id
        """
        text = "" if value is None or value is False else str(value).strip()
        if not text.isprintable() or len(text) > 255:
            raise ValidationError(
                self.env._(
                    "Enter the id as Cloudprinter gave it. It may have at most 255 characters, and no line breaks or"
                    " control characters."
                )
            )
        return text

    @api.model
    def _get_or_create(self, name, company):
        """Return the order with Cloudprinter's id `name` in `company`, and create it if necessary.

        :raises ValidationError: the id is empty, or cannot be one
        """
        name = self._clean_id(name)
        if not name:
            raise ValidationError(self.env._("Enter the Cloudprinter order id."))
        # the caller may write the document with the id; defaults in the context must not reach new records
        orders = self.sudo().with_context(clean_context(self.env.context))  # pylint: disable=context-overridden
        found = orders.search([("company_id", "=", company.id), ("name", "=", name)])
        return found or orders.create({"name": name, "company_id": company.id})

    def _correct_name(self, name):
        """Correct the order's id: rename the order, or return the order that already has this id.

        :raises UserError: signals with the old id were accepted, or both orders exist and this one has items
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
                    "Order %(new)s already exists, and order %(old)s has its own items."
                    " Clear the item ids first, then enter the other order id.",
                    new=name,
                    old=self.name,
                )
            )
        return other

    # === files === #

    def _get_needed_files(self):
        """Return the files of these orders, without those of canceled items."""
        return self.sudo().file_ids.filtered(lambda file: file.item_id.stage != "canceled")

    def _on_files_settled(self):
        """Accept these orders, or notify a user of what failed, now that no file is left to download."""
        self._process_documents_again()

    def _get_file_cause(self):
        """Return the cancellation cause and English text for the files that failed or are wrong, or empty texts."""
        failures = self.sudo().file_ids.filtered(lambda file: file.state == "error").mapped("failure_type")
        if failures:
            return "CancelFilesCorrupt" if "corrupt" in failures else "CancelDownloadError", ""
        return self._get_needed_files()._get_rejection()
