"""Finds warnings and errors in a log of Odoo, with OCA's `checklog-odoo`.

Nothing is ignored. What has to be, because of Odoo or a bare machine, goes into a checklog-odoo.cfg, with the reason.
"""

from .environment import PYTHON, ROOT, check


def check_log(path):
    """Return what is wrong in the log at `path`, one text for all of it, or "" if nothing is.

    A log without a single line of Odoo's is wrong too.
    """
    return check([PYTHON, "-m", "checklog_odoo", "--no-echo", path], cwd=ROOT)
