from odoo import api, models


class MrpWorkcenterProductivity(models.Model):
    _inherit = "mrp.workcenter.productivity"

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `mrp` to ask before a paused work order goes on, which writes only this log."""
        logs = super().create(vals_list)
        running = logs.filtered(lambda log: log.workorder_id and not log.date_end)
        running.workorder_id.production_id._cloudprinter_check_stop()
        return logs
