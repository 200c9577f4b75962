from odoo import fields, models
from odoo.tools import SQL

from ..cloudsignal import CANCEL_CAUSES


class CloudprinterScorecard(models.Model):
    """How well the shop does, one row per item: what Cloudprinter looks at, and what reorders cost.

    Times are those of the signals, as in Cloudprinter's own figures. Test orders are excluded, and so are signals
    reported before Odoo, as their time was not observed.
    """

    _name = "cloudprinter.scorecard"
    _description = "Cloudprinter Scorecard"
    _auto = False
    _rec_name = "item_id"
    _order = "date desc, id desc"
    _depends = {
        "cloudprinter.item": [
            "cancel_cause",
            "company_id",
            "create_date",
            "order_id",
            "original_item_id",
            "product_id",
            "promised_date",
            "quantity",
            "reorder_cause",
            "stage",
        ],
        "cloudprinter.order": ["accepted_date", "company_id", "is_reorder", "is_test", "name"],
        "cloudprinter.order.document": ["company_id", "name", "received_date", "version"],
        "cloudprinter.signal": ["cause", "correction_of_id", "event_date", "item_id", "origin", "state", "type"],
        "product.product": ["product_tmpl_id", "standard_price"],
        "product.template": ["uom_id"],
        "sale.order.line": ["cloudprinter_item_id", "product_id", "product_uom_id", "product_uom_qty"],
        "uom.uom": ["factor"],
    }

    item_id = fields.Many2one("cloudprinter.item", readonly=True)
    order_id = fields.Many2one("cloudprinter.order", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    product_id = fields.Many2one("product.product", readonly=True)
    date = fields.Datetime("Ordered On", readonly=True)
    accept_minutes = fields.Float(
        "Minutes to Accept",
        readonly=True,
        aggregator="avg",
        help="From the incoming order to its acceptance. Cloudprinter expects 15 at most.",
    )
    shipped_date = fields.Datetime("Shipped On", readonly=True)
    promised_date = fields.Datetime("Ship By", readonly=True)
    ship_days = fields.Float("Days to Ship", readonly=True, aggregator="avg", help="From registered to shipped.")
    on_time = fields.Float(
        "On Time (%)", readonly=True, aggregator="avg", help="Of those with a ship-by date. 100 if shipped by then."
    )
    canceled = fields.Integer("Canceled Items", readonly=True)
    cancel_cause = fields.Selection(list(CANCEL_CAUSES.items()), "Cause of Cancellation", readonly=True)
    reordered = fields.Integer("Reorders", readonly=True)
    reorder_cause = fields.Char("Cause of Reorder", readonly=True)
    reorder_cost = fields.Monetary(
        "Cost of Reorders",
        readonly=True,
        help="What the reprinted items cost the shop: quantity × cost of the product.",
    )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT item.id,
                   item.id AS item_id,
                   item.order_id,
                   item.company_id,
                   COALESCE(item.product_id, line.product_id) AS product_id,
                   COALESCE(document.received_date, "order".accepted_date, item.create_date) AS date,
                   -- of a document that came later than its order, nothing is known
                   CASE WHEN registered.event_date >= document.received_date
                        THEN EXTRACT(EPOCH FROM registered.event_date - document.received_date)::float8 / 60
                   END AS accept_minutes,
                   shipped.event_date AS shipped_date,
                   item.promised_date,
                   EXTRACT(EPOCH FROM shipped.event_date - registered.event_date)::float8 / 86400 AS ship_days,
                   100.0 * (shipped.event_date <= item.promised_date)::int AS on_time,
                   (item.stage = 'canceled')::int AS canceled,
                   CASE WHEN item.stage = 'canceled' THEN COALESCE(item.cancel_cause, canceled.cause)
                   END AS cancel_cause,
                   reorder.is_one::int AS reordered,
                   -- the client's words follow
                   split_part(item.reorder_cause, ': ', 1) AS reorder_cause,
                   CASE WHEN reorder.is_one AND item.stage IS DISTINCT FROM 'canceled'
                        THEN COALESCE(line.product_uom_qty * line_unit.factor / unit.factor, item.quantity)
                             * COALESCE((product.standard_price ->> item.company_id::text)::numeric, 0)
                   END AS reorder_cost
              FROM cloudprinter_item item
              JOIN cloudprinter_order "order" ON "order".id = item.order_id
             CROSS JOIN LATERAL (
                    SELECT item.reorder_cause IS NOT NULL OR item.original_item_id IS NOT NULL
                           OR "order".is_reorder IS TRUE AS is_one
                   ) reorder
              LEFT JOIN cloudprinter_order_document document
                ON document.company_id = "order".company_id
               AND document.name = "order".name
               AND document.version = 1
              LEFT JOIN LATERAL (
                    SELECT product_id, product_uom_id, product_uom_qty
                      FROM sale_order_line
                     WHERE cloudprinter_item_id = item.id
                     ORDER BY id
                     LIMIT 1
                   ) line ON TRUE
              LEFT JOIN product_product product ON product.id = COALESCE(item.product_id, line.product_id)
              LEFT JOIN product_template template ON template.id = product.product_tmpl_id
              LEFT JOIN uom_uom unit ON unit.id = template.uom_id
              LEFT JOIN uom_uom line_unit ON line_unit.id = line.product_uom_id
              LEFT JOIN %s registered ON %s
              LEFT JOIN %s shipped ON %s
              LEFT JOIN %s canceled ON %s
             WHERE "order".is_test IS NOT TRUE
            """,
            *self._join("registered", "ItemRegistered"),
            *self._join("shipped", "ItemShipped"),
            *self._join("canceled", "ItemCanceled"),
        )

    def _join(self, alias, signal_type):
        """Return the table of signals, and the condition for the one of this type; the milestones' index finds it."""
        signal = SQL.identifier(alias)
        condition = SQL(
            "%(s)s.item_id = item.id AND %(s)s.type = %(type)s AND %(s)s.correction_of_id IS NULL"
            " AND %(s)s.state != 'canceled' AND %(s)s.origin != 'before'",
            s=signal,
            type=signal_type,
        )
        return SQL("cloudprinter_signal"), condition
