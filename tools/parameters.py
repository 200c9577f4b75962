"""System parameters and versions."""

import logging

from odoo import release
from odoo.modules import Manifest

_logger = logging.getLogger(__name__)


def get_parameter(env, name, default, at_most):
    """Return the system parameter `cloudprinter.{name}` as a number from 1 to `at_most`.

    :rtype: int
    :returns: `default` if it is not set, or not a number, which is logged
    """
    value = env["ir.config_parameter"].sudo().get_param(f"cloudprinter.{name}", default)
    try:
        return min(max(1, int(value)), at_most)
    except ValueError:
        _logger.warning("Cloudprinter: the system parameter cloudprinter.%s is not a number", name)
        return default


def get_user_agent():
    """Return the value of the `User-Agent` header."""
    version = Manifest.for_addon("cloudprinter")["version"]
    return f"cloudprinter/{version} Odoo/{release.version}"
