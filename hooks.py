from odoo.tools import SQL


def uninstall_hook(env):
    """Remove what Odoo leaves behind of a module, and what would keep it from removing the rest."""
    activity_type = env.ref("cloudprinter.mail_activity_type_cloudprinter", raise_if_not_found=False)
    if activity_type:
        # to-dos on Odoo's own documents would keep their type, and with it the add-on's data
        env["mail.activity"].with_context(active_test=False).search(
            [("activity_type_id", "=", activity_type.id)]
        ).unlink()
    env["ir.config_parameter"].search([("key", "=like", "cloudprinter.%")]).unlink()
    # what people have saved: a filter or a template that names a field which is gone fails when it is opened
    env["ir.filters"].with_context(active_test=False).search(
        [
            "|",
            ("model_id", "=like", "cloudprinter.%"),
            *("|", ("domain", "like", "cloudprinter_"), "|", ("context", "like", "cloudprinter_")),
            ("sort", "like", "cloudprinter_"),
        ]
    ).unlink()
    env["ir.exports"].search([("resource", "=like", "cloudprinter.%")]).unlink()
    env["ir.exports.line"].search([("name", "like", "cloudprinter_")]).unlink()
    env.flush_all()
    # Odoo forgets the foreign keys that it has written down, and what other modules have added to the add-on's models
    env.cr.execute(
        SQL(
            "DELETE FROM ir_model_constraint WHERE type = 'f'"
            " AND module = (SELECT id FROM ir_module_module WHERE name = 'cloudprinter')"
        )
    )
    for model, prefix in (("ir.model.inherit", "model_inherit__"), ("ir.model.fields.selection", "selection__")):
        env["ir.model.data"].search(
            [("module", "!=", "cloudprinter"), ("model", "=", model), ("name", "=like", f"{prefix}cloudprinter_%")]
        ).unlink()
