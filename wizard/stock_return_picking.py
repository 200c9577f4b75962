from odoo import models


class StockReturnPicking(models.TransientModel):
    _inherit = "stock.return.picking"

    def _get_proc_values(self, line):
        """Override of `stock` to send the goods of an exchange for the item that came back."""
        values = super()._get_proc_values(line)
        item = line.move_id.cloudprinter_item_id
        if item:
            values.update(cloudprinter_item_id=item.id, cloudprinter_item_ids=item.ids, cloudprinter_exchange=True)
        return values
