"""Finds warnings and errors in a log of Odoo, with OCA's `checklog-odoo`.

Nothing is ignored. Exceptions caused by Odoo or a minimal machine go into a checklog-odoo.cfg, with the reason.
"""

from .environment import PYTHON, ROOT, check


def check_log(path):
    """Return what is wrong in the log at `path` as one text, or "" if nothing is.

    A log without any line of Odoo is wrong too.
    """
    return check([PYTHON, "-m", "checklog_odoo", "--no-echo", path], cwd=ROOT)
