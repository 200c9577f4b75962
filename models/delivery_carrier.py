from odoo import fields, models


class DeliveryCarrier(models.Model):
    _inherit = "delivery.carrier"

    cloudprinter_shipping_option = fields.Char(
        help="Sent to Cloudprinter as shipping option. If empty: the order's shipping method, else this method's name.",
    )
    cloudprinter_untracked = fields.Char(
        "Tracking Text of an Untracked Service",
        help="Sent to Cloudprinter in place of a tracking code. Leave it empty for a service with tracking.",
    )
