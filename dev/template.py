"""Databases with Odoo's modules but without the add-on, of which all others are copies."""

import fcntl

from . import environment
from .environment import DEV, REQUIREMENTS, key, run, say

# What the add-on depends on, and what the tests need beside it.
MODULES = (
    "sale_mrp",
    "stock_delivery",
    "stock_picking_batch",
    "stock_dropshipping",
    "mrp_subcontracting",
    "purchase_mrp",
)


def ensure_template(server, kind="template", modules=MODULES, options=(), inputs=()):
    """The database with `modules`, made once for the same inputs; returns its name.

    :param options: of Odoo's command line
    :param inputs: what else it depends on, for example the source of modules that are not Odoo's
    """
    postgres = server.postgres
    name = f"{kind}_{key(modules, environment.odoo_identity(server.odoo), REQUIREMENTS.read_text(), *inputs)}"
    # test classes that run beside each other may want the same one
    with (DEV / f"lock-{kind}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if name not in postgres.databases():
            for old in postgres.databases():
                if old.startswith((f"{kind}_", f"making_{kind}_")):
                    postgres.drop(old)
            say(f"Database {kind} (once)")
            making = f"making_{name}"
            postgres.create(making)
            run(
                server.command(
                    making,
                    f"--init={','.join(modules)}",
                    *options,
                    "--stop-after-init",
                    "--max-cron-threads=0",
                    "--no-http",
                ),
                f"installing {', '.join(modules)}",
                log=DEV / "log" / f"{kind}.log",
                env=server.environment,
            )
            postgres.rename(making, name)
    return name
