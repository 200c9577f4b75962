import re

from odoo.tools import SQL

# In a path or a domain. The field x_cloudprinter_id is somebody's own, and cloudprinter.com is a name.
_FIELD = re.compile(r"\bcloudprinter_")


def uninstall_hook(env):
    """Remove what Odoo leaves behind of a module, and what would keep it from removing the rest."""
    activity_type = env.ref("cloudprinter.mail_activity_type_cloudprinter", raise_if_not_found=False)
    if activity_type:
        # to-dos on Odoo's own documents, steps of plans, and types that it follows would keep it
        for model in ("mail.activity", "mail.activity.plan.template"):
            env[model].with_context(active_test=False).search([("activity_type_id", "=", activity_type.id)]).unlink()
        env["mail.activity.type"].with_context(active_test=False).search(
            [("triggered_next_type_id", "=", activity_type.id)]
        ).chaining_type = "suggest"
    env["ir.config_parameter"].search([("key", "=like", "cloudprinter.%")]).unlink()
    # what people have saved: a filter or a template that names a field which is gone fails when it is opened
    env["ir.filters"].with_context(active_test=False).search([]).filtered(  # pylint: disable=no-search-all
        lambda saved: (
            saved.model_id.startswith("cloudprinter.")
            or any(_FIELD.search(saved[name] or "") for name in ("domain", "context", "sort"))
        )
    ).unlink()
    env["ir.exports"].search([("resource", "=like", "cloudprinter.%")]).unlink()
    lines = env["ir.exports.line"].search([("name", "like", "cloudprinter")])
    lines.filtered(lambda line: _FIELD.search(line.name)).unlink()
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
