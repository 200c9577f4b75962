import logging

from odoo.tools.sql import column_exists

_logger = logging.getLogger(__name__)


def migrate(cr, version):
    """Remove keys for incoming orders that archived companies share with others: a key belongs to one company."""
    if not column_exists(cr, "res_company", "cloudprinter_order_api_key"):
        return
    cr.execute(
        """
        UPDATE res_company company
           SET cloudprinter_order_api_key = NULL
         WHERE cloudprinter_order_api_key = ''
            OR EXISTS (SELECT FROM res_company other
                        WHERE other.cloudprinter_order_api_key = company.cloudprinter_order_api_key
                          AND (other.active AND NOT company.active
                               OR other.active IS NOT DISTINCT FROM company.active AND other.id < company.id))
     RETURNING id
        """
    )
    for (company_id,) in cr.fetchall():
        _logger.warning("Cloudprinter: company %s had the key for incoming orders of another company", company_id)
