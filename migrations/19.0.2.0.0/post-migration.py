from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Note which products of open incoming orders users chose: those that are not the mapped ones."""
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
