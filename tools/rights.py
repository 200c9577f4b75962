from odoo.exceptions import AccessError


def check_manager(env):
    """Raise `AccessError` unless the user is a manager of Cloudprinter."""
    if not env.user.has_group("cloudprinter.group_manager"):
        raise AccessError(env._("Only managers of Cloudprinter may do this."))


def check_values(records, vals):
    """Check what a user writes: Odoo checks neither read-only fields nor where a record is moved to.

    :raises AccessError: a field is written by the add-on alone, or a company or parent is not the user's
    """
    if records.env.su:
        return
    for name in vals.keys() & records._fields.keys():
        field = records._fields[name]
        if name == "company_id":
            if vals[name] not in records.env.companies.ids:
                raise AccessError(records.env._("You may not use this company."))
        elif field.type == "many2one" and field.required:
            records.env[field.comodel_name].browse(vals[name]).check_access("read")
        elif field.readonly and not field.compute:
            raise AccessError(
                records.env._("%(field)s cannot be entered.", field=field._description_string(records.env))
            )
