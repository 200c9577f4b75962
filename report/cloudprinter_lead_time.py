from odoo import fields, models
from odoo.tools import SQL


class CloudprinterLeadTime(models.Model):
    """Time from acceptance to shipping, one row per shipped item.

    It is based on the signals, as Cloudprinter's own figures are. Test orders are excluded, and so are signals reported
    before Odoo, as their time was not observed.
    """

    _name = "cloudprinter.lead.time"
    _description = "Cloudprinter Lead Time"
    _auto = False
    _rec_name = "item_id"
    _order = "shipped_date desc, id desc"
    _depends = {
        "cloudprinter.item": ["product_id", "promised_date"],
        "cloudprinter.order": ["is_test"],
        "cloudprinter.signal": ["company_id", "correction_of_id", "event_date", "item_id", "origin", "state", "type"],
    }

    item_id = fields.Many2one("cloudprinter.item", readonly=True)
    order_id = fields.Many2one("cloudprinter.order", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    product_id = fields.Many2one("product.product", readonly=True)
    registered_date = fields.Datetime("Registered On", readonly=True)
    shipped_date = fields.Datetime("Shipped On", readonly=True)
    promised_date = fields.Datetime("Ship By", readonly=True)
    lead_days = fields.Float("Days", readonly=True, aggregator="avg", help="From registered to shipped.")
    late = fields.Integer("Shipped Late", readonly=True, help="1 if shipped after the ship-by date.")
    on_time = fields.Float(
        "On Time (%)", readonly=True, aggregator="avg", help="Of those with a ship-by date. 100 if shipped by then."
    )

    @property
    def _table_query(self):
        # both sides of the join use an index: on the date of shipped signals, and on the item's unique milestone
        return SQL(
            """
            SELECT shipped.id,
                   shipped.item_id,
                   shipped.order_id,
                   shipped.company_id,
                   item.product_id,
                   registered.event_date AS registered_date,
                   shipped.event_date AS shipped_date,
                   item.promised_date,
                   EXTRACT(EPOCH FROM shipped.event_date - registered.event_date)::float8 / 86400 AS lead_days,
                   COALESCE(shipped.event_date > item.promised_date, FALSE)::int AS late,
                   100.0 * (shipped.event_date <= item.promised_date)::int AS on_time
              FROM cloudprinter_signal shipped
              JOIN cloudprinter_signal registered
                ON registered.item_id = shipped.item_id
               AND registered.type = 'ItemRegistered'
               AND registered.correction_of_id IS NULL
               AND registered.state != 'canceled'
               AND registered.origin != 'before'
              JOIN cloudprinter_item item ON item.id = shipped.item_id
              JOIN cloudprinter_order "order" ON "order".id = shipped.order_id
             WHERE shipped.type = 'ItemShipped'
               AND shipped.correction_of_id IS NULL
               AND shipped.state != 'canceled'
               AND shipped.origin != 'before'
               AND "order".is_test IS NOT TRUE
            """
        )
