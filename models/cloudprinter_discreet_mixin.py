from odoo import models

from ..tools.discreet import discreet


class CloudprinterDiscreetMixin(models.AbstractModel):
    """Records that hold names, addresses or signed links: a statement that cannot write them is not logged."""

    _name = "cloudprinter.discreet.mixin"
    _description = "Discreet Records"

    def _create(self, data_list):
        with discreet(self.env.cr):
            return super()._create(data_list)

    def _write_multi(self, vals_list):
        with discreet(self.env.cr):
            return super()._write_multi(vals_list)
