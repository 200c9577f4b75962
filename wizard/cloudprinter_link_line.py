from collections import defaultdict

from odoo import Command, api, fields, models
from odoo.tools import clean_context

from ..models.cloudprinter_item import STAGE_LABELS
from ..rule.stage import STAGES

KNOWN = [("new", "Nothing"), *STAGE_LABELS[1:]]


class CloudprinterLinkLine(models.TransientModel):
    """A sales order line or manufacturing order, and the ids of the item to link it to."""

    _name = "cloudprinter.link.line"
    _description = "Cloudprinter Link Line"
    _order = "number, id"

    link_id = fields.Many2one("cloudprinter.link", required=True, ondelete="cascade", index=True)
    number = fields.Integer("Line", readonly=True)
    document = fields.Char(readonly=True, help="The sales order or manufacturing order.")
    sale_line_id = fields.Many2one("sale.order.line", "Sales Order Line", readonly=True)
    production_id = fields.Many2one("mrp.production", "Manufacturing Order", readonly=True)
    product = fields.Char(readonly=True)
    quantity = fields.Float(digits="Product Unit", readonly=True)
    order_ref = fields.Char("Order ID")
    item_ref = fields.Char("Item ID")
    known = fields.Selection(
        KNOWN,
        "Cloudprinter Already Knows",
        default="new",
        required=True,
        help="This stage and those before it are not reported again; later ones are.",
    )
    problem = fields.Char(readonly=True)

    @api.model
    def _get_shown_stages(self, lines, productions):
        """Return the stages shown by Odoo in two dicts: line id → stage, and manufacturing order id → stage."""
        items = self.env["cloudprinter.item"].sudo()
        lines, productions = lines.sudo(), productions.sudo()
        packed = lines.move_ids._cloudprinter_filter_packed()
        # prefetch for all lines
        lines.move_ids._rollup_move_origs_fetch()
        lines.move_ids.browse(lines.move_ids._rollup_move_origs()).fetch(["production_id"])
        return (
            {line.id: items._get_stage_of(line._cloudprinter_productions(), line.move_ids, packed) for line in lines},
            {
                production.id: items._get_stage_of(production, self.env["stock.move"], packed)
                for production in productions
            },
        )

    # === problems === #

    def _mark_problems(self):
        """Write on each line why it cannot be linked, if there is a problem."""
        problems = self._find_problems()
        for line in self:
            if line.problem != problems[line]:
                line.problem = problems[line]

    def _find_problems(self):
        """Return the problems: line → text or False. The number of queries does not depend on that of the lines."""
        for documents in filter(None, (self.sale_line_id, self.production_id)):
            documents.check_access("read")
        known = self.filtered(lambda line: line.sale_line_id or line.production_id)
        # lines without a document keep their problem
        problems = {line: line.problem for line in self - known}
        refs = {line: line._get_refs() for line in known}
        orders = self.env["cloudprinter.order"].sudo().search([("name", "in", [ref[1] for ref in refs.values()])])
        orders = {(order.company_id.id, order.name): order for order in orders}
        items = {(*key, item.name): item for key, order in orders.items() for item in order.item_ids}
        sales, orders_of_sale, lines_of_item = defaultdict(set), defaultdict(set), defaultdict(set)
        for line, ref in refs.items():
            if line.sale_line_id:
                sale = line.sudo().sale_line_id.order_id
                sales[ref[:2]].add(sale)
                orders_of_sale[sale].add(ref[1])
                lines_of_item[ref].add(line.sale_line_id.id)
        for line, ref in refs.items():
            problems[line] = self.env["cloudprinter.link"]._find_flaw(line.order_ref, line.item_ref) or (
                line._find_problem_of_production(ref)
                if line.production_id
                else line._find_problem_of_sale(
                    ref, orders.get(ref[:2]), items.get(ref), sales[ref[:2]], orders_of_sale, lines_of_item[ref]
                )
            )
        return problems

    def _get_refs(self):
        """Return (company id, order id, item id)."""
        self.ensure_one()
        line = self.sudo()
        company = line.sale_line_id.order_id.company_id or line.production_id.company_id
        return company.id, (line.order_ref or "").strip(), (line.item_ref or "").strip()

    def _find_problem_of_sale(self, ref, order, item, sales, orders_of_sale, lines_of_item):
        """Return why a sales order line cannot be linked, or False.

        :param order: the existing order with the order id, or None
        :param item: the existing item with both ids, or None
        :param set sales: the sales orders with this order id in the dialog
        :param dict orders_of_sale: sales order → its order ids in the dialog
        :param set lines_of_item: the sales order lines with both ids in the dialog
        """
        sale_line = self.sudo().sale_line_id
        sale = sale_line.order_id
        _company_id, order_ref, item_ref = ref
        if sale.cloudprinter_order_ref and sale.cloudprinter_order_ref != order_ref:
            return self.env._(
                "%(sale)s is already linked to order %(order)s.", sale=sale.name, order=sale.cloudprinter_order_ref
            )
        if len(orders_of_sale[sale]) > 1:
            return self.env._("The lines of %s have different order ids.", sale.name)
        others = (order.sale_order_ids if order else sale.browse()).union(*sales) - sale
        if others:
            return self.env._("Order %(order)s is already used by %(sale)s.", order=order_ref, sale=others[0].name)
        if sale_line.cloudprinter_item_ref and sale_line.cloudprinter_item_ref != item_ref:
            return self.env._("This line is already linked to item %s.", sale_line.cloudprinter_item_ref)
        if len(lines_of_item) > 1 or (item and item.sale_line_ids - sale_line):
            return self.env._("Item %s is already used by another line.", item_ref)
        return False

    def _find_problem_of_production(self, ref):
        """Return why a manufacturing order cannot be linked, or False."""
        production = self.sudo().production_id
        if production.sale_line_id:
            return self.env._("Link the line of sales order %s instead.", production.sale_line_id.order_id.name)
        items = production.cloudprinter_item_ids
        if items and [(item.order_id.name, item.name) for item in items] != [ref[1:]]:
            return self.env._("It is already linked to item %s.", production.cloudprinter_item_ref)
        return False

    # === linking === #

    def _link(self):
        """Link the documents, and record the stages that Cloudprinter already knows."""
        # default_* values of the caller must not reach new records
        lines = self.sudo().with_context(clean_context(self.env.context))  # pylint: disable=context-overridden
        items = lines._get_or_create_items()
        known = {}
        for line in lines:
            ref = line._get_refs()
            sale_line = line.sale_line_id
            if sale_line:
                item = items[ref]
                if not sale_line.order_id.cloudprinter_order_id:
                    sale_line.order_id.cloudprinter_order_id = item.order_id
                if not sale_line.cloudprinter_item_id:
                    sale_line.cloudprinter_item_id = item
            else:
                line.production_id.write({"cloudprinter_order_ref": ref[1], "cloudprinter_item_ref": ref[2]})
                item = line.production_id.cloudprinter_item_ids
            known[item] = max(known.get(item, "new"), line.known, key=STAGES.index)
        self.env["cloudprinter.item"].sudo().union(*known)._report_before(known)

    def _get_or_create_items(self):
        """Find or create the items of the sales order lines: (company id, order id, item id) → item."""
        orders, items = self.env["cloudprinter.order"], self.env["cloudprinter.item"]
        wanted = {line._get_refs(): line.sale_line_id for line in self if line.sale_line_id}
        found = orders.search([("name", "in", [order_ref for _company_id, order_ref, _item_ref in wanted])])
        by_ref = {(order.company_id.id, order.name): order for order in found}
        missing = list(dict.fromkeys(ref[:2] for ref in wanted if ref[:2] not in by_ref))
        created = orders.create([{"company_id": company_id, "name": name} for company_id, name in missing])
        by_ref.update(zip(missing, created))
        there = {(*key, item.name): item for key, order in by_ref.items() for item in order.item_ids}
        missing = [ref for ref in wanted if ref not in there]
        created = items.create(
            [
                {
                    "order_id": by_ref[ref[:2]].id,
                    "name": ref[2],
                    "product_id": wanted[ref].product_id.id,
                    "quantity": wanted[ref].product_uom_qty,
                    # set together with the item, which is faster than when each line is linked
                    "production_ids": [Command.set(wanted[ref]._cloudprinter_productions().ids)],
                }
                for ref in missing
            ]
        )
        return there | dict(zip(missing, created))
