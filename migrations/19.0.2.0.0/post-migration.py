from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Migrate incoming orders.

    Note which products of open ones users chose, those that are not the mapped ones; and the order of documents that
    were replaced before there was one, so that their recipients are anonymized too.
    """
    cr.execute(
        """
        UPDATE cloudprinter_order_document document
           SET order_id = o.id
          FROM cloudprinter_order o
         WHERE document.state = 'replaced'
           AND document.order_id IS NULL
           AND o.company_id = document.company_id
           AND o.name = document.name
        """
    )
    env = api.Environment(cr, SUPERUSER_ID, {})
    lines = env["cloudprinter.order.document.line"]
    for document in env["cloudprinter.order.document"].search(
        [("state", "in", ("received", "checking", "waiting")), ("line_ids.product_id", "!=", False)]
    ):
        found = env["cloudprinter.product.mapping"]._find_products(document.company_id, document._parse().items)
        lines |= document.line_ids.filtered(
            lambda line: line.product_id and line.product_id != found[line.name]  # noqa: B023
        )
    cr.execute("UPDATE cloudprinter_order_document_line SET is_chosen = true WHERE id = ANY(%s)", [lines.ids])
