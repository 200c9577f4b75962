from odoo import api, models


class CloudprinterDialog(models.AbstractModel):
    """Base of the dialogs that are opened with values.

    They are opened as a new record: in an existing one, Odoo shows required fields in red before the user has done
    anything. The values are not `default_*` values, which would reach the records that the dialog creates.
    """

    _name = "cloudprinter.dialog"
    _description = "Dialog"

    @api.model
    def _open_dialog(self, name, **values):
        """Return the action that opens the dialog with these values and this title.

        :raises AccessError: the dialog is not for this user
        """
        self.check_access("create")
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": self._name,
            "views": [(False, "form")],
            "view_mode": "form",
            "target": "new",
            "context": {"cloudprinter_dialog": values},
        }

    @api.model
    def default_get(self, fields):
        """Override of `base` to take the values with which the dialog was opened."""
        given = self.env.context.get("cloudprinter_dialog") or {}
        return super().default_get(fields) | {name: given[name] for name in fields if name in given}
