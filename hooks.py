import re

from odoo.tools import SQL

# In a path or a domain. Must not match a custom field such as x_cloudprinter_id, or the name cloudprinter.com.
_FIELD = re.compile(r"\bcloudprinter_")


def uninstall_hook(env):
    """Remove records that Odoo leaves behind, and those that would prevent the removal of others."""
    activity_type = env.ref("cloudprinter.mail_activity_type_cloudprinter", raise_if_not_found=False)
    if activity_type:
        # to-dos on Odoo's documents, plan templates and chained types refer to it and would prevent its removal
        for model in ("mail.activity", "mail.activity.plan.template"):
            env[model].with_context(active_test=False).search([("activity_type_id", "=", activity_type.id)]).unlink()
        env["mail.activity.type"].with_context(active_test=False).search(
            [("triggered_next_type_id", "=", activity_type.id)]
        ).chaining_type = "suggest"
    env["ir.config_parameter"].search([("key", "=like", "cloudprinter.%")]).unlink()
    # saved filters and export templates that use a removed field would fail when opened
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
    # Odoo leaves the records of foreign keys, and what other modules have added to the add-on's models
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
