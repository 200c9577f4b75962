def migrate(cr, version):
    # when items were shipped, and what came back, was read from signals and moves each time
    cr.execute(
        """
        UPDATE cloudprinter_item item
           SET shipped_date = shipped.date, is_returned = shipped.is_returned
          FROM (
            SELECT i.id, COALESCE(move.is_returned, FALSE) AS is_returned,
                   CASE WHEN i.stage = 'shipped' OR signal.is_live THEN COALESCE(signal.date, move.date) END AS date
              FROM cloudprinter_item i
              LEFT JOIN (
                SELECT item_id, min(event_date) AS date, bool_or(state <> 'canceled') AS is_live
                  FROM cloudprinter_signal
                 WHERE type = 'ItemShipped' AND correction_of_id IS NULL AND failure_type IS DISTINCT FROM 'withdrawn'
                 GROUP BY item_id
              ) signal ON signal.item_id = i.id
              LEFT JOIN (
                SELECT m.cloudprinter_item_id AS item_id, bool_or(source.usage = 'customer') AS is_returned,
                       max(m.date) FILTER (WHERE dest.usage IN ('customer', 'transit')) AS date
                  FROM stock_move m
                  JOIN stock_location source ON source.id = m.location_id
                  JOIN stock_location dest ON dest.id = m.location_dest_id
                 WHERE m.cloudprinter_item_id IS NOT NULL AND m.state = 'done'
                 GROUP BY m.cloudprinter_item_id
              ) move ON move.item_id = i.id
          ) shipped
         WHERE shipped.id = item.id AND (shipped.date IS NOT NULL OR shipped.is_returned)
        """
    )
    # orders without a sales order: what Cloudprinter pays for the items is shared out by quantity
    cr.execute(
        """
        WITH share AS (
            SELECT item.id, "order".amount_items AS total, currency.decimal_places AS digits, item.quantity AS own,
                   sum(item.quantity) OVER (PARTITION BY item.order_id ORDER BY item.id) AS reached,
                   sum(item.quantity) OVER (PARTITION BY item.order_id) AS whole
              FROM cloudprinter_item item
              JOIN cloudprinter_order "order" ON "order".id = item.order_id
              JOIN res_currency currency ON currency.id = "order".currency_id
             WHERE "order".amount_items > 0 AND item.reorder_cause IS NULL
               AND NOT EXISTS (SELECT FROM sale_order sale WHERE sale.cloudprinter_order_id = "order".id)
        )
        UPDATE cloudprinter_item item
           SET amount = round((share.total * share.reached / share.whole)::numeric, share.digits)
                        - round((share.total * (share.reached - share.own) / share.whole)::numeric, share.digits)
          FROM share
         WHERE share.id = item.id AND share.whole > 0
        """
    )
