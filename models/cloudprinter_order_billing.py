from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.account.models.account_move import PAYMENT_STATE_SELECTION
from odoo.addons.sale.models.sale_order import INVOICE_STATUS

from .cloudprinter_balance import ORDER_COLUMNS
from .cloudprinter_statement_line import WHOLE

ACCOUNTANTS = "account.group_account_invoice,account.group_account_readonly"
SHIPPING = ("shipped_date", "shipped_day", "is_returned")
UNREPORTED_AFTER = timedelta(hours=4)  # signals that are queued are no exception


def _search(name):
    """Return the search method of a field that is not stored, and that `_field_to_sql` knows."""

    def search(records, operator, value):
        if operator in Domain.NEGATIVE_OPERATORS:
            return NotImplemented
        condition = records._fields[name].condition_to_sql
        return Domain.custom(to_sql=lambda model, alias, query: condition(name, operator, value, model, alias, query))

    return search


def _amount(name, label, **options):
    """Return a field with a column of the balance."""
    return fields.Monetary(
        label,
        compute="_compute_billing",
        search=_search(name),
        currency_field="billing_currency_id",
        groups=ACCOUNTANTS,
        **options,
    )


class CloudprinterOrder(models.Model):
    """What accountants see of an order: when it was shipped, what is owed for it, and what is invoiced.

    None of it is stored: otherwise shipping an item, or invoicing, would write to the order and wait for others there.
    """

    _name = "cloudprinter.order"
    _inherit = ["cloudprinter.order", "cloudprinter.balance.mixin"]

    _balance_of = "order"
    _balance_columns = ORDER_COLUMNS

    shipped_date = fields.Datetime(
        "Shipped On",
        compute="_compute_shipping",
        search=_search("shipped_date"),
        help="When the last of its items was shipped: as reported to Cloudprinter, otherwise as recorded in Odoo.",
    )
    shipped_day = fields.Date(
        "Day of Shipping",
        compute="_compute_shipping",
        search=_search("shipped_day"),
        help="In the time zone of the company, for all users.",
    )
    is_returned = fields.Boolean("Returned", compute="_compute_shipping", search=_search("is_returned"))
    is_unreported = fields.Boolean(
        "Not Reported",
        compute="_compute_is_unreported",
        search=_search("is_unreported"),
        help="An item was shipped more than 4 hours ago, but Cloudprinter has not accepted its shipping signal.",
    )
    billing_currency_id = fields.Many2one("res.currency", "Billing Currency", compute="_compute_billing")
    amount_owed_items = _amount("amount_owed_items", "Owed for Items")
    amount_owed_freight = _amount("amount_owed_freight", "Owed for Freight")
    amount_owed = _amount(
        "amount_owed",
        "Owed",
        help="What Cloudprinter owes, without taxes: for items that are neither canceled nor reordered, and freight.",
    )
    amount_ordered = _amount("amount_ordered", "Ordered", help="On the sales order, without canceled items.")
    amount_invoiced = _amount("amount_invoiced", "Invoiced", help="On posted invoices, less credit notes.")
    amount_open = _amount("amount_open", "Still to Invoice", help="What Odoo will still invoice.")
    amount_down_payment = _amount("amount_down_payment", "Down Payments", help="Invoiced, and not deducted yet.")
    amount_claimed = _amount("amount_claimed", "Agreed Claims", help="On credit notes that were marked as agreed.")
    amount_difference = _amount("amount_difference", "Difference", help="Owed − invoiced − still to be invoiced.")
    amount_to_accrue = _amount("amount_to_accrue", "To Accrue", help="Shipped, and not invoiced.")
    amount_to_defer = _amount("amount_to_defer", "To Defer", help="Invoiced, and not shipped.")
    amount_to_credit = _amount("amount_to_credit", "To Credit", help="Invoiced for what is canceled.")
    amount_tax_ordered = _amount(
        "amount_tax_ordered", "Tax in Odoo", help="As the sales order and its invoice have it."
    )
    billing_issue = fields.Selection(
        [("currency", "Invoiced in another currency"), ("company", "Invoiced by another company")],
        "Cannot Be Compared",
        compute="_compute_billing",
        search=_search("billing_issue"),
        groups=ACCOUNTANTS,
    )
    invoice_status = fields.Selection(
        INVOICE_STATUS, compute="_compute_billing", search=_search("invoice_status"), groups=ACCOUNTANTS
    )
    payment_state = fields.Selection(
        PAYMENT_STATE_SELECTION,
        "Payment Status",
        compute="_compute_billing",
        search=_search("payment_state"),
        groups=ACCOUNTANTS,
        help="The status of the posted invoice that is furthest from being paid.",
    )
    invoice_ids = fields.Many2many(
        "account.move", string="Invoices", compute="_compute_invoice_ids", groups=ACCOUNTANTS
    )
    put_line_ids = fields.One2many(
        "account.move.line", "cloudprinter_order_id", "Credit Notes Put to It", groups=ACCOUNTANTS
    )
    statement_line_ids = fields.One2many(
        "cloudprinter.statement.line", "order_id", "Statement Lines", groups=ACCOUNTANTS
    )
    is_settled = fields.Boolean(
        "Settled",
        compute="_compute_is_settled",
        search="_search_is_settled",
        groups=ACCOUNTANTS,
        help="A settled statement has the order, or each of its items.",
    )

    def _compute_shipping(self):
        self._read_columns(SHIPPING, self._get_shipping_query(self._origin.ids))

    def _compute_is_unreported(self):
        found = self.search([("id", "in", self._origin.ids), ("is_unreported", "=", True)])
        for order in self:
            order.is_unreported = order._origin in found

    def _get_balance_orders(self):
        return self

    @api.depends("statement_line_ids.is_settled")
    def _compute_is_settled(self):
        found = self.search([("id", "in", self._origin.ids), ("is_settled", "=", True)])
        for order in self:
            order.is_settled = order._origin in found

    def _search_is_settled(self, operator, value):
        if operator != "in":
            return NotImplemented
        settled = Domain("is_settled", "=", True)
        open_items = Domain("stage", "!=", "canceled") & Domain("statement_line_ids", "not any", settled)
        domain = Domain("statement_line_ids", "any", settled) & (
            Domain("statement_line_ids", "any", settled & WHOLE) | Domain("item_ids", "not any", open_items)
        )
        return Domain.OR(domain if wanted else ~domain for wanted in value)

    @api.depends("put_line_ids")
    def _compute_invoice_ids(self):
        # not every accountant may read the sales orders; the invoices depend on the access to invoices alone
        moves_of = {
            order: (order.sale_order_ids.invoice_ids | order.put_line_ids.move_id).with_env(self.env)
            for order in self.sudo()
        }
        readable = self.env["account.move"].union(*moves_of.values())._filtered_access("read")
        for order in self:
            order.invoice_ids = moves_of[order.sudo()] & readable

    # === queries === #

    def _get_shipping_query(self, order_ids=None):
        """Return the query for when orders were shipped, one row per order."""
        return SQL(
            """
            SELECT i.order_id, bool_or(i.is_returned) AS is_returned,
                   CASE WHEN bool_and(i.shipped_date IS NOT NULL OR i.stage = 'canceled')
                        THEN max(i.shipped_date) END AS shipped_date,
                   CASE WHEN bool_and(i.shipped_date IS NOT NULL OR i.stage = 'canceled')
                        THEN timezone(max(zone.name), timezone('UTC', max(i.shipped_date)))::date END AS shipped_day
              FROM cloudprinter_item i
              JOIN (
                SELECT company.id, COALESCE(calendar.tz, partner.tz, 'UTC') AS name
                  FROM res_company company
                  JOIN res_partner partner ON partner.id = company.partner_id
                  LEFT JOIN resource_calendar calendar ON calendar.id = company.resource_calendar_id
              ) zone ON zone.id = i.company_id
             WHERE %s
             GROUP BY i.order_id
            """,
            SQL("TRUE") if order_ids is None else SQL("i.order_id = ANY(%s)", list(order_ids)),
            to_flush=[
                self.env[model]._fields[name]
                for model, names in (
                    ("cloudprinter.item", ("company_id", "is_returned", "order_id", "shipped_date", "stage")),
                    ("res.company", ("partner_id", "resource_calendar_id")),
                    ("res.partner", ("tz",)),
                    ("resource.calendar", ("tz",)),
                )
                for name in names
            ],
        )

    def _get_unreported_query(self):
        """Return the query of the orders with an item that was shipped a while ago and is not reported."""
        items, signals = (self.env[f"cloudprinter.{name}"]._fields for name in ("item", "signal"))
        return SQL(
            """
            SELECT i.order_id
              FROM cloudprinter_item i
             WHERE i.stage = 'shipped' AND i.shipped_date < %s
               AND NOT EXISTS (
                SELECT FROM cloudprinter_signal s
                 WHERE s.item_id = i.id AND s.type = 'ItemShipped' AND s.state = 'sent' AND s.correction_of_id IS NULL
               )
            """,
            fields.Datetime.now() - UNREPORTED_AFTER,
            to_flush=[
                *(items[name] for name in ("order_id", "stage", "shipped_date")),
                *(signals[name] for name in ("item_id", "type", "state", "correction_of_id")),
            ],
        )

    def _field_to_sql(self, alias, field_expr, query=None):
        """Override of `base` to search, group, sort and sum by fields that are not stored."""
        name = fields.parse_field_expr(field_expr)[0]
        if name == "is_unreported":
            return SQL("(%s IN (%s))", SQL.identifier(alias, "id"), self._get_unreported_query())
        if name in SHIPPING:
            return self._join_column(alias, field_expr, query, "shipping", self._get_shipping_query())
        return super()._field_to_sql(alias, field_expr, query)

    # === actions === #

    def action_create_invoices(self):
        """Create draft invoices for what Odoo can invoice of these orders, merged as Odoo merges them.

        :raises UserError: there is nothing to invoice
        """
        self.check_access("read")
        sales = self.sudo().sale_order_ids.with_env(self.env).filtered(lambda sale: sale.invoice_status == "to invoice")
        if not sales:
            raise UserError(self.env._("There is nothing to invoice in these orders."))
        return sales._cloudprinter_create_invoices()._get_records_action(name=self.env._("Invoices"))
