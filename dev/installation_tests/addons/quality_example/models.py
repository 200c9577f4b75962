from odoo import api, fields, models
from odoo.exceptions import UserError


class QualityExampleCheck(models.Model):
    _name = "quality.example.check"
    _description = "Quality Check"

    production_id = fields.Many2one("mrp.production", ondelete="cascade")
    picking_id = fields.Many2one("stock.picking", ondelete="cascade")
    state = fields.Selection([("todo", "To Do"), ("pass", "Passed"), ("fail", "Failed")], default="todo")

    def _open(self):
        """Return the dialog that is opened instead of the requested action, or None."""
        if todo := self.filtered(lambda check: check.state == "todo"):
            dialog = self.env["quality.example.dialog"].create({"check_ids": todo.ids})
            return {
                "type": "ir.actions.act_window",
                "res_model": dialog._name,
                "res_id": dialog.id,
                "views": [(False, "form")],
                "target": "new",
            }

    def _refuse_failed(self):
        if self.filtered(lambda check: check.state == "fail"):
            raise UserError("A quality check has failed.")


class QualityExampleDialog(models.TransientModel):
    _name = "quality.example.dialog"
    _description = "Quality Checks to Do"

    check_ids = fields.Many2many("quality.example.check")

    def action_fail(self):
        self.check_ids.state = "fail"

    def action_pass(self):
        """Perform the requested action."""
        self.check_ids.state = "pass"
        if self.check_ids.production_id:
            return self.check_ids.production_id.button_mark_done()
        return self.check_ids.picking_id.button_validate()


class MrpProduction(models.Model):
    _inherit = "mrp.production"

    state = fields.Selection(selection_add=[("quality", "Quality Check"), ("done",)], ondelete={"quality": "set null"})
    quality_check_ids = fields.One2many("quality.example.check", "production_id")

    @api.depends("quality_check_ids.state")
    def _compute_state(self):
        super()._compute_state()
        for production in self:
            if production.state == "to_close" and "todo" in production.quality_check_ids.mapped("state"):
                production.state = "quality"

    def action_confirm(self):
        res = super().action_confirm()
        self.env["quality.example.check"].create([{"production_id": production.id} for production in self])
        return res

    def button_mark_done(self):
        self.quality_check_ids._refuse_failed()
        return self.quality_check_ids._open() or super().button_mark_done()


class StockPicking(models.Model):
    _inherit = "stock.picking"

    quality_check_ids = fields.One2many("quality.example.check", "picking_id")

    @api.model_create_multi
    def create(self, vals_list):
        pickings = super().create(vals_list)
        for picking in pickings.filtered(lambda picking: picking.picking_type_code == "outgoing"):
            self.env["quality.example.check"].create({"picking_id": picking.id})
            picking.note = "<p>To be checked</p>"
        return pickings

    def button_validate(self):
        return self.quality_check_ids._open() or super().button_validate()


class StockMove(models.Model):
    _inherit = "stock.move"

    def _action_done(self, cancel_backorder=False):
        moves = super()._action_done(cancel_backorder=cancel_backorder)
        # only now, as some add-ons do: everything is rolled back
        self.picking_id.quality_check_ids._refuse_failed()
        return moves
