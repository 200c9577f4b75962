from . import controllers, demo, models, report, wizard


def uninstall_hook(env):
    """To-dos on Odoo's own documents would keep their type, and with it the add-on's data, from being removed."""
    activity_type = env.ref("cloudprinter.mail_activity_type_cloudprinter", raise_if_not_found=False)
    if activity_type:
        env["mail.activity"].with_context(active_test=False).search(
            [("activity_type_id", "=", activity_type.id)]
        ).unlink()
