def migrate(cr, version):
    """Give recipients to the company of their orders. One of several companies stays shared by them."""
    cr.execute(
        """
        WITH known AS (
            SELECT partner_shipping_id AS partner_id, company_id FROM sale_order
             UNION
            SELECT partner_id, company_id FROM stock_picking
        ), own AS (
            SELECT partner_id, min(company_id) AS company_id
              FROM known
             WHERE company_id IS NOT NULL
          GROUP BY partner_id
            HAVING count(DISTINCT company_id) = 1
        )
        UPDATE res_partner partner
           SET company_id = own.company_id
          FROM own
         WHERE partner.id = own.partner_id
           AND partner.cloudprinter_address_digest IS NOT NULL
           AND partner.company_id IS NULL
        """
    )
