def migrate(cr, version):
    # what Cloudprinter pays for the items was known per order only, and is shared out as the sales order shares it
    cr.execute(
        """
        WITH line AS (
            SELECT item.id, item.order_id, cloudprinter_order.amount_items AS total, currency.decimal_places AS digits,
                   sum(line.price_subtotal) OVER (PARTITION BY item.order_id ORDER BY item.id) AS reached,
                   line.price_subtotal AS own,
                   sum(line.price_subtotal) OVER (PARTITION BY item.order_id) AS whole
              FROM cloudprinter_item item
              JOIN sale_order_line line ON line.cloudprinter_item_id = item.id
              JOIN cloudprinter_order ON cloudprinter_order.id = item.order_id
              JOIN res_currency currency ON currency.id = cloudprinter_order.currency_id
             WHERE cloudprinter_order.amount_items > 0 AND item.reorder_cause IS NULL
        )
        UPDATE cloudprinter_item item
           SET amount = round((line.total * line.reached / line.whole)::numeric, line.digits)
                        - round((line.total * (line.reached - line.own) / line.whole)::numeric, line.digits)
          FROM line
         WHERE line.id = item.id AND line.whole > 0
        """
    )
    cr.execute(
        """
        UPDATE cloudprinter_order
           SET has_freight = true
         WHERE (amount_shipping > 0 OR is_reorder)
           AND EXISTS (SELECT FROM cloudprinter_order_document document WHERE document.order_id = cloudprinter_order.id)
        """
    )
