from odoo import Command, models
from odoo.fields import Domain


class StockRule(models.Model):
    _inherit = "stock.rule"

    def _cloudprinter_items(self, values):
        """Return the items of a procurement: from `values`, or of its sales order line and the moves it supplies."""
        items = self.env["cloudprinter.item"].browse(values.get("cloudprinter_item_ids") or [])
        if items:
            return items
        if values.get("sale_line_id"):
            items |= self.env["sale.order.line"].browse(values["sale_line_id"]).sudo().cloudprinter_item_id
        if values.get("move_dest_ids"):
            items |= values["move_dest_ids"].sudo().cloudprinter_item_id
        return items

    def _get_custom_move_fields(self):
        return super()._get_custom_move_fields() + ["cloudprinter_item_id", "cloudprinter_exchange"]

    def _make_mo_get_domain(self, procurement, bom):
        """Override of `mrp` to keep orders of different items apart: same product, different artwork."""
        items = self._cloudprinter_items(procurement.values)
        own = Domain("cloudprinter_item_ids", "in", items.ids) if items else Domain("cloudprinter_item_ids", "=", False)
        return Domain(super()._make_mo_get_domain(procurement, bom)) & own

    def _prepare_mo_vals(
        self, product_id, product_qty, product_uom, location_dest_id, name, origin, company_id, values, bom
    ):
        res = super()._prepare_mo_vals(
            product_id, product_qty, product_uom, location_dest_id, name, origin, company_id, values, bom
        )
        if items := self._cloudprinter_items(values):
            res["cloudprinter_item_ids"] = [Command.set(items.ids)]
            if any(items.mapped("reorder_cause")):
                res["priority"] = "1"
        return res
