from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, clean_context

from odoo.addons.account.models.account_move import PAYMENT_STATE_SELECTION
from odoo.addons.sale.models.sale_order import INVOICE_STATUS

from ..tools.rights import check_values

ACCOUNTANTS = "account.group_account_invoice,account.group_account_readonly"
# Fields by the query that computes them, see `_get_reconciliation_sql`.
RECONCILED = {
    "shipping": ("shipped_date", "is_unreported", "is_returned"),
    "billing": (
        "odoo_currency_id",
        "amount_odoo",
        "amount_invoiced",
        "amount_difference",
        "invoice_status",
        "payment_state",
    ),
}


def _search_reconciled(name):
    """Return the search method of a field of `RECONCILED`."""

    def search(orders, operator, value):
        if operator in Domain.NEGATIVE_OPERATORS:
            return NotImplemented
        condition = orders._fields[name].condition_to_sql
        return Domain.custom(to_sql=lambda model, alias, query: condition(name, operator, value, model, alias, query))

    return search


class CloudprinterOrder(models.Model):
    """An order of Cloudprinter that the shop produces. Its id comes from Cloudprinter and is kept as text."""

    _name = "cloudprinter.order"
    _description = "Cloudprinter Order"
    _inherit = ["cloudprinter.discreet.mixin"]
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
    is_test = fields.Boolean("Test Order")
    is_reorder = fields.Boolean("Reorder")
    original_order = fields.Char("Original Order ID")
    currency_id = fields.Many2one("res.currency")
    amount_items = fields.Monetary()
    amount_shipping = fields.Monetary()
    has_freight = fields.Boolean(readonly=True, help="The document says what Cloudprinter pays for shipping.")
    amount_tax = fields.Monetary()
    amount_total = fields.Monetary()
    accepted_date = fields.Datetime("Accepted On", copy=False)
    # Fields for reconciliation. None is stored: otherwise shipping an item, or sending, would write to the order and
    # wait for other transactions there.
    shipped_date = fields.Datetime(
        "Shipped On",
        compute="_compute_shipping",
        search=_search_reconciled("shipped_date"),
        help="When the last of its items was shipped: as reported to Cloudprinter, otherwise as recorded in Odoo.",
    )
    is_unreported = fields.Boolean(
        "Not Reported",
        compute="_compute_shipping",
        search=_search_reconciled("is_unreported"),
        help="An item was shipped in Odoo, but Cloudprinter has not accepted its shipping signal.",
    )
    is_returned = fields.Boolean("Returned", compute="_compute_shipping", search=_search_reconciled("is_returned"))
    odoo_currency_id = fields.Many2one("res.currency", "Currency in Odoo", compute="_compute_billing")
    amount_odoo = fields.Monetary(
        "Ordered in Odoo",
        compute="_compute_billing",
        search=_search_reconciled("amount_odoo"),
        currency_field="odoo_currency_id",
        groups=ACCOUNTANTS,
    )
    amount_invoiced = fields.Monetary(
        "Invoiced in Odoo",
        compute="_compute_billing",
        search=_search_reconciled("amount_invoiced"),
        currency_field="odoo_currency_id",
        groups=ACCOUNTANTS,
        help="On posted invoices, less credit notes.",
    )
    amount_difference = fields.Monetary(
        "Difference",
        compute="_compute_billing",
        search=_search_reconciled("amount_difference"),
        groups=ACCOUNTANTS,
        help="The amount at Cloudprinter minus the amount invoiced, or ordered if nothing is invoiced yet.",
    )
    invoice_status = fields.Selection(
        INVOICE_STATUS, compute="_compute_billing", search=_search_reconciled("invoice_status"), groups=ACCOUNTANTS
    )
    payment_state = fields.Selection(
        PAYMENT_STATE_SELECTION,
        "Payment Status",
        compute="_compute_billing",
        search=_search_reconciled("payment_state"),
        groups=ACCOUNTANTS,
        help="The status of the posted invoice that is furthest from being paid.",
    )
    invoice_ids = fields.Many2many(
        "account.move", string="Invoices", compute="_compute_invoice_ids", groups=ACCOUNTANTS
    )
    has_open_items = fields.Boolean(compute="_compute_has_open_items")
    production_count = fields.Integer("Manufacturing Orders", compute="_compute_document_counts")
    picking_count = fields.Integer("Transfers", compute="_compute_document_counts")

    _name_uniq = models.Constraint(
        "unique (company_id, name)", "An order with this Cloudprinter id already exists in this company."
    )

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
        items = self.sudo().item_ids
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

    def _get_live_sale(self):
        """Return the sales order that was not canceled, or none."""
        return self.sale_order_ids.filtered(lambda sale: sale.state != "cancel")

    def _process_documents_again(self):
        """Look again at the newest documents of these orders, since a fact may have changed."""
        if self:
            documents = self.env["cloudprinter.order.document"].sudo()
            domain = [("company_id", "in", self.company_id.ids), ("name", "in", self.mapped("name"))]
            documents.search([*domain, ("state", "=", "waiting")])._process_again()

    # === actions === #

    def action_open_sale_orders(self):
        return self.sale_order_ids._get_records_action(name=self.env._("Sales Orders"))

    def action_open_productions(self):
        return self.item_ids.production_ids._get_records_action(name=self.env._("Manufacturing Orders"))

    def action_open_pickings(self):
        return self.item_ids.move_ids.picking_id._get_records_action(name=self.env._("Transfers"))

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

    def _are_files_there(self):
        """Return whether all files to be downloaded are there. Files of canceled items do not matter."""
        return {"waiting", "error"}.isdisjoint(self._get_needed_files().mapped("state"))

    def _on_files_settled(self):
        """Accept these orders, or notify a user of what failed, now that no file is left to download."""
        self.sudo().document_ids._on_files_settled()

    def _get_file_cause(self):
        """Return the cancellation cause and English text for the files that failed or are wrong, or empty texts."""
        failures = self.sudo().file_ids.filtered(lambda file: file.state == "error").mapped("failure_type")
        if failures:
            return "CancelFilesCorrupt" if "corrupt" in failures else "CancelDownloadError", ""
        return self._get_needed_files()._get_rejection()

    # === reconciliation === #

    def _get_reconciliation_sql(self, part, alias):
        """Return the query that both reading and searching use.

        :param part: a key of `RECONCILED`
        :param alias: the alias of the order's table
        :returns: a lateral join of one row, with a column for each field of the part
        """
        order = SQL.identifier(alias)
        return self._get_shipping_sql(order) if part == "shipping" else self._get_billing_sql(order)

    def _get_shipping_sql(self, order):
        """Return the query for when the order's items were shipped, according to the ledger and Odoo."""
        # the ledger's date first: it does not change, even if something is exchanged a month later
        return SQL(
            """LATERAL (
                SELECT CASE WHEN bool_and(item.date IS NOT NULL OR item.stage = 'canceled')
                            THEN max(item.date) END AS shipped_date,
                       bool_or(item.stage = 'shipped' AND item.is_accepted IS NOT TRUE) AS is_unreported,
                       bool_or(item.is_returned) AS is_returned
                  FROM (
                    SELECT i.stage, signal.is_accepted, move.is_returned,
                           CASE WHEN i.stage = 'shipped' OR signal.is_accepted
                                THEN COALESCE(signal.date, move.date) END AS date
                      FROM cloudprinter_item i
                      JOIN LATERAL (
                        SELECT min(s.event_date) AS date, bool_or(s.state = 'sent') AS is_accepted
                          FROM cloudprinter_signal s
                         WHERE s.item_id = i.id AND s.type = 'ItemShipped' AND s.correction_of_id IS NULL
                           AND s.failure_type IS DISTINCT FROM 'withdrawn'
                      ) signal ON TRUE
                      JOIN LATERAL (
                        SELECT max(m.date) FILTER (WHERE dest.usage IN ('customer', 'transit')) AS date,
                               bool_or(source.usage = 'customer') AS is_returned
                          FROM stock_move m
                          JOIN stock_location source ON source.id = m.location_id
                          JOIN stock_location dest ON dest.id = m.location_dest_id
                         WHERE m.cloudprinter_item_id = i.id AND m.state = 'done'
                      ) move ON TRUE
                     WHERE i.order_id = %(order)s.id
                  ) item
            )""",
            order=order,
            to_flush=[
                *self._get_fields("cloudprinter.item", "order_id", "stage"),
                *self._get_fields(
                    "cloudprinter.signal", "item_id", "type", "event_date", "state", "failure_type", "correction_of_id"
                ),
                *self._get_fields(
                    "stock.move", "cloudprinter_item_id", "state", "date", "location_id", "location_dest_id"
                ),
            ],
        )

    def _get_billing_sql(self, order):
        """Return the query that compares the amounts in Odoo with what Cloudprinter pays. Test orders have none."""
        return SQL(
            """LATERAL (
                SELECT sale.*,
                       CASE WHEN %(order)s.is_test OR %(order)s.currency_id IS NULL THEN 0
                            WHEN sale.odoo_currency_id IS DISTINCT FROM %(order)s.currency_id
                            THEN COALESCE(%(order)s.amount_total, 0)
                            ELSE COALESCE(%(order)s.amount_total, 0)
                                 - COALESCE(sale.amount_invoiced, sale.amount_odoo, 0)
                       END AS amount_difference
                  FROM (
                    SELECT max(so.currency_id) AS odoo_currency_id, sum(so.amount_total) AS amount_odoo,
                           sum(invoiced.amount) AS amount_invoiced, max(so.invoice_status) AS invoice_status,
                           min(invoiced.payment_state) AS payment_state
                      FROM sale_order so
                      JOIN LATERAL (
                        SELECT sum(CASE WHEN move.move_type = 'out_refund' THEN -line.price_total
                                        ELSE line.price_total END) AS amount,
                               (array_agg(move.payment_state ORDER BY array_position(
                                    ARRAY['not_paid', 'partial', 'in_payment', 'paid'], move.payment_state::text
                               )))[1] AS payment_state
                          FROM sale_order_line sol
                          JOIN sale_order_line_invoice_rel rel ON rel.order_line_id = sol.id
                          JOIN account_move_line line ON line.id = rel.invoice_line_id
                          JOIN account_move move ON move.id = line.move_id
                         WHERE sol.order_id = so.id AND move.state = 'posted'
                      ) invoiced ON TRUE
                     WHERE so.cloudprinter_order_id = %(order)s.id AND %(order)s.is_test IS NOT TRUE
                  ) sale
            )""",
            order=order,
            to_flush=[
                *self._get_fields("cloudprinter.order", "is_test", "currency_id", "amount_total"),
                *self._get_fields(
                    "sale.order", "cloudprinter_order_id", "currency_id", "amount_total", "invoice_status"
                ),
                *self._get_fields("sale.order.line", "order_id", "invoice_lines"),
                *self._get_fields("account.move.line", "move_id", "price_total"),
                *self._get_fields("account.move", "state", "move_type", "payment_state"),
            ],
        )

    @api.model
    def _get_fields(self, model, *names):
        return [self.env[model]._fields[name] for name in names]

    def _field_to_sql(self, alias, field_expr, query=None):
        """Override of `base` to search, group, sort and sum by fields that are not stored."""
        name, part_of_value = fields.parse_field_expr(field_expr)
        part = next((part for part, names in RECONCILED.items() if name in names), None)
        if not part:
            return super()._field_to_sql(alias, field_expr, query)
        field = self._fields[name]
        self._check_field_access(field, "read")
        join = query.make_alias(alias, part)
        query.add_join("LEFT JOIN", join, self._get_reconciliation_sql(part, alias), SQL("TRUE"))
        sql = SQL.identifier(join, name)
        return field.property_to_sql(sql, part_of_value, self, alias, query) if part_of_value else sql

    def _compute_shipping(self):
        self._compute_reconciliation("shipping")

    def _compute_billing(self):
        # the user may have access to only some fields of the part
        self.sudo()._compute_reconciliation("billing")

    def _compute_reconciliation(self, part):
        names = RECONCILED[part]
        query = self._origin._as_query(ordered=False)
        columns = [self._field_to_sql(self._table, name, query) for name in names]
        rows = self.env.execute_query(query.select(SQL.identifier(self._table, "id"), *columns)) if self._origin else []
        values = {order_id: row for order_id, *row in rows}
        for order in self:
            order.update(dict(zip(names, values.get(order._origin.id, [False] * len(names)))))

    def _compute_invoice_ids(self):
        # not every accountant may read the sales orders; the invoices depend on the access to invoices alone
        readable = self.sudo().sale_order_ids.invoice_ids.with_env(self.env)._filtered_access("read")
        for order in self:
            order.invoice_ids = order.sudo().sale_order_ids.invoice_ids.with_env(self.env) & readable
