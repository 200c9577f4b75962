from odoo import api, models
from odoo.exceptions import AccessError


class CloudprinterEvidence(models.AbstractModel):
    """Rows that prove something: they are created, changed and deleted by `_insert`, `_update` and `_delete` alone.

    Every other way is refused, whatever the rights, the context and the defaults of the user. Who can run code or SQL
    can still change a row; the ledger shows it (`cloudprinter.ledger.entry`).
    """

    _name = "cloudprinter.evidence"
    _description = "Evidence"

    @api.model
    def _refuse_change(self):
        raise AccessError(
            self.env._(
                "%(model)s: these records are evidence and cannot be created, changed or deleted.",
                model=self._description,
            )
        )

    @api.model_create_multi
    def create(self, vals_list):  # pylint: disable=method-required-super
        self._refuse_change()

    def write(self, vals):  # pylint: disable=method-required-super
        self._refuse_change()

    def _write_multi(self, vals_list):
        self._refuse_change()

    def unlink(self):  # pylint: disable=method-required-super
        self._refuse_change()

    def _add_missing_default_values(self, values):
        """Override to take no defaults: they may be those of a user or of the caller's context."""
        return values

    @api.model
    def _insert(self, vals_list):
        """Create records.

        :param list vals_list: with a value for each column that must not be empty
        """
        return super().create(vals_list)

    def _update(self, vals, kind="changed"):
        """Write columns immediately."""
        self._update_each([vals] * len(self), kind)

    def _update_each(self, vals_list, kind="changed"):  # pylint: disable=missing-return
        """Write columns immediately.

        :param list vals_list: of the values of each record
        """
        names, model = sorted({name for vals in vals_list for name in vals}), self.browse()
        self.modified(names, before=True)
        super()._write_multi(
            [
                {name: self._fields[name].convert_to_column_insert(value, model) for name, value in vals.items()}
                for vals in vals_list
            ]
        )
        self.invalidate_recordset(names, flush=False)
        self.modified(names)
        self._validate_fields(names)

    def _delete(self):
        return super().unlink()
