from odoo.exceptions import AccessError


def check_manager(env):
    """Raise `AccessError` unless the user is a manager of Cloudprinter."""
    if not env.user.has_group("cloudprinter.group_manager"):
        raise AccessError(env._("Only managers of Cloudprinter may do this."))
