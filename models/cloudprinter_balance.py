from odoo import api, models
from odoo.tools import SQL

# Columns that the query has for each order; the fields of the order have the same names.
ORDER_COLUMNS = (
    "billing_currency_id",
    "amount_owed_items",
    "amount_owed_freight",
    "amount_owed",
    "amount_ordered",
    "amount_invoiced",
    "amount_open",
    "amount_down_payment",
    "amount_claimed",
    "amount_difference",
    "amount_to_accrue",
    "amount_to_defer",
    "amount_to_credit",
    "amount_tax_ordered",
    "invoice_status",
    "payment_state",
    "billing_issue",
)
# Columns that it has for each item.
ITEM_COLUMNS = ("amount_owed", "amount_invoiced", "amount_to_accrue", "amount_to_defer", "amount_to_credit")
# What the query reads, and what must be in the database before.
READ = {
    "cloudprinter.order": (
        "amount_items", "amount_shipping", "company_id", "currency_id", "document_id", "has_freight",
        "has_item_amount", "is_reorder", "is_test",
    ),
    "cloudprinter.item": (
        "amount", "is_returned", "order_id", "original_item_id", "reorder_cause", "shipped_date", "stage",
    ),
    "sale.order": ("amount_tax", "cloudprinter_order_id", "company_id", "currency_id", "invoice_status", "state"),
    "sale.order.line": (
        "cloudprinter_item_id", "display_type", "invoice_lines", "is_delivery", "is_downpayment", "order_id",
        "price_subtotal", "product_uom_id", "product_uom_qty", "qty_delivered", "qty_invoiced", "qty_to_invoice",
    ),
    "account.move.line": (
        "amount_currency", "balance", "cloudprinter_is_claim", "cloudprinter_order_id", "company_currency_id",
        "company_id", "currency_id", "date", "display_type", "move_id", "parent_state", "product_uom_id", "quantity",
    ),
    "account.move": ("move_type", "payment_state"),
}  # fmt: skip

# Orders, with what their document says. What it does not price, the sales order does; some price only the freight.
CHOSEN = """
    SELECT o.id, o.company_id, o.is_reorder IS TRUE AS is_reorder, o.document_id IS NULL AS is_typed,
           COALESCE(o.amount_shipping, 0) AS amount_shipping,
           %(has_items)s AS has_items, %(has_items)s OR o.has_freight IS TRUE OR o.amount_shipping <> 0 AS has_freight,
           currency.id AS currency_id, currency.rounding, sale.amount_tax, sale.invoice_status,
           sale.has_other_currency, sale.has_other_company
      FROM cloudprinter_order o
      LEFT JOIN (
        SELECT so.cloudprinter_order_id AS order_id, max(so.currency_id) AS currency_id,
               sum(so.amount_tax) FILTER (WHERE so.state <> 'cancel') AS amount_tax,
               max(so.invoice_status) AS invoice_status,
               bool_or(so.currency_id <> o.currency_id) FILTER (WHERE so.state <> 'cancel') AS has_other_currency,
               bool_or(so.company_id <> o.company_id) AS has_other_company
          FROM sale_order so
          JOIN cloudprinter_order o ON o.id = so.cloudprinter_order_id
         WHERE %(among)s
         GROUP BY so.cloudprinter_order_id
      ) sale ON sale.order_id = o.id
      LEFT JOIN res_currency currency ON currency.id = COALESCE(o.currency_id, sale.currency_id)
     WHERE o.is_test IS NOT TRUE AND %(among)s
"""
# Lines of their sales orders. `is_downpayment` and `is_delivery` are NULL on most of them.
SOLD = """
    SELECT sol.id, chosen.id AS order_id, chosen.company_id, chosen.currency_id, chosen.rounding,
           sol.cloudprinter_item_id AS item_id,
           sol.is_delivery IS TRUE AS is_freight, sol.is_downpayment IS TRUE AS is_down,
           CASE WHEN so.currency_id = chosen.currency_id AND so.state <> 'cancel' THEN sol.price_subtotal ELSE 0
           END AS subtotal,
           sol.product_uom_id, sol.product_uom_qty AS quantity, sol.qty_delivered,
           sol.qty_to_invoice + sol.qty_invoiced AS billable
      FROM chosen
      JOIN sale_order so ON so.cloudprinter_order_id = chosen.id
      JOIN sale_order_line sol ON sol.order_id = so.id
     WHERE sol.display_type IS NULL
"""
# Posted journal items of these lines, and those that a user put to an order. Credit notes carry their sign.
ENTRY = """
    SELECT linked.order_id, linked.line_id, linked.is_down, entry.cloudprinter_is_claim IS TRUE AS is_claim,
           CASE WHEN entry.currency_id = linked.currency_id THEN -entry.amount_currency
                WHEN entry.company_currency_id = linked.currency_id THEN -entry.balance END AS amount,
           CASE WHEN move.move_type = 'out_refund' THEN -entry.quantity ELSE entry.quantity END
               * COALESCE(invoiced_unit.factor / NULLIF(sold_unit.factor, 0), 1) AS quantity,
           entry.company_id <> linked.company_id AS is_of_other_company, move.move_type, move.payment_state
      FROM (
        SELECT sold.order_id, sold.company_id, sold.currency_id, sold.is_down, sold.id AS line_id, sold.product_uom_id,
               rel.invoice_line_id AS id
          FROM sold
          JOIN sale_order_line_invoice_rel rel ON rel.order_line_id = sold.id
        UNION ALL
        SELECT chosen.id, chosen.company_id, chosen.currency_id, FALSE, NULL, NULL, put.id
          FROM chosen
          JOIN account_move_line put ON put.cloudprinter_order_id = chosen.id
         WHERE NOT EXISTS (SELECT FROM sale_order_line_invoice_rel rel WHERE rel.invoice_line_id = put.id)
      ) linked
      JOIN account_move_line entry ON entry.id = linked.id
      JOIN account_move move ON move.id = entry.move_id
      LEFT JOIN uom_uom invoiced_unit ON invoiced_unit.id = entry.product_uom_id
      LEFT JOIN uom_uom sold_unit ON sold_unit.id = linked.product_uom_id
     WHERE entry.parent_state = 'posted' AND entry.display_type = 'product' AND %(invoiced_by)s
"""
# What was invoiced of each line, without claims.
LINE = """
    SELECT sold.*, COALESCE(billed.amount, 0) AS invoiced, COALESCE(billed.quantity, 0) AS invoiced_quantity
      FROM sold
      LEFT JOIN (
        SELECT line_id, sum(amount) AS amount, sum(quantity) AS quantity
          FROM entry
         WHERE line_id IS NOT NULL AND NOT is_claim
         GROUP BY line_id
      ) billed ON billed.line_id = sold.id
"""
# Items. Odoo still bills an item up to what was ordered; once it is shipped, up to what Odoo then counts.
ITEM = """
    SELECT *,
           CASE WHEN is_shipped AND NOT is_gone AND NOT is_back THEN GREATEST(0, owed - invoiced) ELSE 0
           END AS to_accrue,
           CASE WHEN is_shipped OR is_gone OR is_free THEN 0 ELSE GREATEST(0, invoiced) END AS to_defer,
           CASE WHEN is_gone THEN invoiced ELSE 0 END AS to_credit
      FROM (
        SELECT *,
               CASE WHEN is_gone OR is_free THEN 0 WHEN has_items THEN amount ELSE ordered END AS owed,
               CASE WHEN is_gone OR is_back THEN 0
                    ELSE round((ordered / rounding * GREATEST(0, to_bill - invoiced_quantity)
                                / NULLIF(quantity, 0))::numeric) * rounding END AS open
          FROM (
            SELECT i.id, i.order_id, i.stage, chosen.has_items, chosen.rounding,
                   i.stage = 'canceled' AND i.shipped_date IS NULL AS is_gone,
                   i.reorder_cause IS NOT NULL OR i.original_item_id IS NOT NULL
                       OR (chosen.is_reorder AND chosen.is_typed) AS is_free,
                   COALESCE(%(shipped_by)s, FALSE) AS is_shipped,
                   i.is_returned IS TRUE AND COALESCE(line.qty_delivered, 0) <= 0 AS is_back,
                   COALESCE(i.amount, 0) AS amount,
                   CASE WHEN i.stage = 'canceled' AND i.shipped_date IS NULL THEN 0
                        ELSE COALESCE(line.subtotal, 0) END AS ordered,
                   COALESCE(line.invoiced, 0) AS invoiced, line.invoiced_quantity, line.quantity,
                   CASE WHEN i.stage = 'shipped' THEN line.billable ELSE line.quantity END AS to_bill
              FROM chosen
              JOIN cloudprinter_item i ON i.order_id = chosen.id
              LEFT JOIN line ON line.item_id = i.id
          ) item_line
      ) item_owed
"""
# Freight and other lines of each order.
REST = """
    SELECT order_id,
           sum(subtotal) FILTER (WHERE is_freight) AS freight,
           sum(invoiced) FILTER (WHERE is_freight) AS freight_invoiced,
           sum(open) FILTER (WHERE is_freight) AS freight_open,
           sum(subtotal) FILTER (WHERE NOT is_freight) AS other,
           sum(invoiced) FILTER (WHERE NOT is_freight) AS other_invoiced,
           sum(open) FILTER (WHERE NOT is_freight) AS other_open
      FROM (
        SELECT *, round((subtotal / rounding * GREATEST(0, quantity - invoiced_quantity)
                         / NULLIF(quantity, 0))::numeric) * rounding AS open
          FROM line
         WHERE item_id IS NULL AND NOT is_down
      ) other_line
     GROUP BY order_id
"""
# What is known of each order, every part apart.
PART = """
    SELECT chosen.*, item.*,
           CASE WHEN item.is_gone OR chosen.is_reorder THEN 0 WHEN chosen.has_freight THEN chosen.amount_shipping
                ELSE COALESCE(rest.freight, 0) END AS freight_owed,
           CASE WHEN item.is_gone THEN 0 ELSE COALESCE(rest.freight, 0) END AS freight,
           CASE WHEN item.is_gone THEN 0 ELSE COALESCE(rest.freight_open, 0) END AS freight_open,
           COALESCE(rest.freight_invoiced, 0) AS freight_invoiced,
           COALESCE(rest.other, 0) AS other, COALESCE(rest.other_invoiced, 0) AS other_invoiced,
           COALESCE(rest.other_open, 0) AS other_open,
           COALESCE(entry.down_payment, 0) AS down_payment, COALESCE(entry.claimed, 0) AS claimed,
           COALESCE(entry.put, 0) AS put, entry.payment_state,
           CASE WHEN chosen.has_other_currency OR entry.has_other_currency THEN 'currency'
                WHEN chosen.has_other_company OR entry.has_other_company THEN 'company' END AS issue
      FROM chosen
      LEFT JOIN (
        SELECT order_id, bool_and(is_gone) AS is_gone, bool_or(is_shipped AND NOT is_gone) AS has_left,
               bool_or(is_shipped AND NOT is_gone AND NOT is_back) AS has_arrived,
               bool_or(NOT is_shipped AND NOT is_gone) AS has_more,
               sum(owed) AS items_owed, sum(ordered) AS items_ordered, sum(invoiced) AS items_invoiced,
               sum(open) AS items_open, sum(to_accrue) AS items_to_accrue, sum(to_defer) AS items_to_defer,
               sum(to_credit) AS items_to_credit
          FROM item
         GROUP BY order_id
      ) item ON item.order_id = chosen.id
      LEFT JOIN rest ON rest.order_id = chosen.id
      LEFT JOIN (
        SELECT order_id,
               sum(amount) FILTER (WHERE is_down AND NOT is_claim) AS down_payment,
               sum(amount) FILTER (WHERE is_claim) AS claimed,
               sum(amount) FILTER (WHERE line_id IS NULL AND NOT is_claim) AS put,
               bool_or(amount IS NULL) AS has_other_currency,
               bool_or(is_of_other_company) AS has_other_company,
               (%(states)s)[min(array_position(%(states)s, payment_state::text))
                   FILTER (WHERE move_type = 'out_invoice')] AS payment_state
          FROM entry
         GROUP BY order_id
      ) entry ON entry.order_id = chosen.id
"""
# Sums of the parts. What was paid in advance for the whole order is taken off what is to accrue.
ORDER = """
    SELECT *, GREATEST(0, items_to_accrue + freight_to_accrue - advance) AS to_accrue,
           items_to_defer + freight_to_defer + CASE WHEN has_more THEN
               GREATEST(0, advance - items_to_accrue - freight_to_accrue) ELSE 0 END AS to_defer
      FROM (
        SELECT id, id AS order_id, company_id, currency_id, issue, payment_state, invoice_status, amount_tax,
               has_left IS TRUE AS has_left, has_more IS TRUE AS has_more,
               COALESCE(items_owed, 0) AS items_owed, freight_owed, down_payment, claimed,
               COALESCE(items_owed, 0) + freight_owed AS owed,
               COALESCE(items_ordered, 0) + freight + other AS ordered,
               COALESCE(items_invoiced, 0) + freight_invoiced + other_invoiced + put AS invoiced,
               COALESCE(items_open, 0) + freight_open + other_open AS open,
               COALESCE(items_to_accrue, 0) AS items_to_accrue, COALESCE(items_to_defer, 0) AS items_to_defer,
               CASE WHEN has_arrived THEN GREATEST(0, freight_owed - freight_invoiced) ELSE 0 END AS freight_to_accrue,
               CASE WHEN has_left OR is_gone OR is_reorder THEN 0 ELSE GREATEST(0, freight_invoiced)
               END AS freight_to_defer,
               GREATEST(0, down_payment) + GREATEST(0, put) AS advance,
               COALESCE(items_to_credit, 0) + CASE WHEN is_gone THEN freight_invoiced + down_payment + put ELSE 0 END
                   AS to_credit
          FROM part
      ) sums
"""
ORDER_RESULT = """
    SELECT order_id, company_id, currency_id AS billing_currency_id, items_owed AS amount_owed_items,
           freight_owed AS amount_owed_freight, owed AS amount_owed, ordered AS amount_ordered,
           invoiced AS amount_invoiced, open AS amount_open, down_payment AS amount_down_payment,
           -claimed AS amount_claimed, owed - invoiced - open - CASE WHEN open = 0 THEN down_payment ELSE 0 END
               AS amount_difference,
           to_accrue AS amount_to_accrue, to_defer AS amount_to_defer, to_credit AS amount_to_credit,
           COALESCE(amount_tax, 0) AS amount_tax_ordered, invoice_status, payment_state, issue AS billing_issue,
           freight_to_accrue, freight_to_defer, advance, has_left, has_more
      FROM "order"
"""
ITEM_RESULT = """
    SELECT id AS item_id, order_id, owed AS amount_owed, invoiced AS amount_invoiced, to_accrue AS amount_to_accrue,
           to_defer AS amount_to_defer, to_credit AS amount_to_credit, is_shipped
      FROM item
"""
# from the one that is furthest from being paid
PAYMENT_STATES = "ARRAY['not_paid', 'partial', 'in_payment', 'blocked', 'paid', 'reversed', 'invoicing_legacy']"


class CloudprinterBalance(models.AbstractModel):
    """What Cloudprinter owes, and what is ordered, invoiced and still to be invoiced: one query for all screens.

    All amounts are without taxes and in the currency of the order. `docs/accountants.md` has the definitions.
    """

    _name = "cloudprinter.balance"
    _description = "Cloudprinter Balance"

    @api.model
    def _get_query(self, of, order_ids=None, day=None, cut=None):
        """Return the query of the balances. Test orders have none.

        :param str of: `order` or `item`
        :param order_ids: only of these orders, None for all
        :param date day: the last accounting date that counts, None for all
        :param datetime cut: what was shipped before it counts as shipped (UTC), None for all
        :returns: a query of one row per order or item, with `ORDER_COLUMNS` or `ITEM_COLUMNS`
        """
        # PostgreSQL would take longer to compile the query than to run it
        self.env.cr.execute("SET LOCAL jit = off")
        values = {
            "among": SQL("TRUE") if order_ids is None else SQL("o.id = ANY(%s)", list(order_ids)),
            "invoiced_by": SQL("TRUE") if day is None else SQL("entry.date <= %s", day),
            "shipped_by": SQL("i.shipped_date IS NOT NULL") if cut is None else SQL("i.shipped_date < %s", cut),
            "states": SQL(PAYMENT_STATES),
            "has_items": SQL("(o.has_item_amount IS TRUE OR o.amount_items <> 0)"),
        }
        parts = {"chosen": CHOSEN, "sold": SOLD, "entry": ENTRY, "line": LINE, "item": ITEM}
        if of == "order":
            parts |= {"rest": REST, "part": PART, "order": ORDER}
        # each is read several times, and its size is not to be guessed
        steps = SQL(", ").join(
            SQL("%s AS MATERIALIZED (%s)", SQL.identifier(name), SQL(text, **_pick(text, values)))
            for name, text in parts.items()
        )
        return SQL(
            "WITH %(steps)s %(result)s",
            steps=steps,
            result=SQL(ORDER_RESULT if of == "order" else ITEM_RESULT),
            to_flush=[self.env[model]._fields[name] for model, names in READ.items() for name in names],
        )


def _pick(text, values):
    return {name: value for name, value in values.items() if f"%({name})s" in text}
