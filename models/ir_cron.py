import logging

from odoo import api, models

_logger = logging.getLogger(__name__)


class IrCron(models.Model):
    _inherit = "ir.cron"

    @api.model
    def _cloudprinter_wake(self, name, at=None):
        """Trigger a scheduled action of the add-on when this transaction is committed, or at a later time.

        :param str name: its XML id, without the add-on
        :param datetime at: naive UTC
        """
        cron_id = self.env["ir.model.data"]._xmlid_to_res_id(f"cloudprinter.{name}")
        if cron_id:
            self.browse(cron_id).sudo()._trigger(at)
        else:
            # it was deleted, which must not make the caller fail
            _logger.warning("Cloudprinter: the scheduled action %s is missing; update the add-on", name)
