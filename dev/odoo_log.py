"""Finds warnings and errors in a log of Odoo, with OCA's `checklog-odoo`.

Nothing is ignored. What has to be, because of Odoo or a bare machine, goes into a checklog-odoo.cfg, with the reason.
"""

import subprocess

from .environment import PYTHON, ROOT


def check_log(path):
    """Return what is wrong in the log at `path`, one text for all of it, or "" if nothing is.

    A log without a single line of Odoo's is wrong too.
    """
    result = subprocess.run(
        [str(PYTHON), "-m", "checklog_odoo", "--no-echo", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{result.stdout}{result.stderr}".strip()
    return (said or f"checklog-odoo ended with {result.returncode}") if result.returncode else ""
