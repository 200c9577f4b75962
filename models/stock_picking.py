from odoo import fields, models
from odoo.tools.sql import column_exists, create_column


class StockPicking(models.Model):
    _inherit = "stock.picking"

    # Set when this transfer is the source of an ItemShipped: tells without a query whether tracking matters.
    cloudprinter_reports_tracking = fields.Boolean(copy=False, readonly=True)

    def _auto_init(self):
        if not column_exists(self.env.cr, "stock_picking", "cloudprinter_reports_tracking"):
            create_column(self.env.cr, "stock_picking", "cloudprinter_reports_tracking", "bool")
        return super()._auto_init()

    def copy_data(self, default=None):
        """Duplicate makes another transfer, not another delivery of the item."""
        vals_list = super().copy_data(default)
        for vals in vals_list:
            for command in vals.get("move_ids") or []:
                if isinstance(command[2], dict) and command[2].get("cloudprinter_item_id"):
                    command[2]["cloudprinter_item_id"] = False
        return vals_list

    def write(self, vals):
        res = super().write(vals)
        if "carrier_tracking_ref" in vals or "carrier_id" in vals:
            reporting = self.filtered("cloudprinter_reports_tracking")
            if reporting:
                self.env["cloudprinter.signal"].sudo()._update_tracking(reporting)
        return res

    def _cloudprinter_tracking(self):
        """The one code that the API has room for: the first, or the carrier's text for an untracked service."""
        self.ensure_one()
        codes = (code.strip() for code in (self.carrier_tracking_ref or "").split(","))
        return next(filter(None, codes), "") or (self.carrier_id.cloudprinter_untracked or "").strip()
