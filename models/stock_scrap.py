from odoo import models


class StockScrap(models.Model):
    _inherit = "stock.scrap"

    def do_replenish(self, values=False):
        """Override of `stock` to link the replacement of a scrapped finished product to the same items."""
        items = self.picking_id.move_ids.filtered(lambda move: move.product_id == self.product_id).cloudprinter_item_id
        if self.production_id.product_id == self.product_id:
            items |= self.production_id.cloudprinter_item_ids
        if items:
            # several items may be printed together
            values = dict(values or {}, cloudprinter_item_ids=items.ids)
        return super().do_replenish(values)
