from odoo import fields, models


class DeliveryCarrier(models.Model):
    _inherit = "delivery.carrier"

    cloudprinter_shipping_option = fields.Char(
        help="Sent to Cloudprinter. If empty, the order's shipping method is sent, or else this method's name.",
    )
    cloudprinter_untracked = fields.Char(
        "Tracking Text for Untracked Services",
        help="Sent to Cloudprinter instead of a tracking code. Leave empty for services with tracking.",
    )

    def write(self, vals):
        res = super().write(vals)
        if not vals.keys().isdisjoint(("cloudprinter_shipping_option", "cloudprinter_untracked", "name")):
            self.env["cloudprinter.signal"]._follow_settings()
        return res
