"""Databases with Odoo's modules but without the add-on, of which all others are copies."""

from . import environment
from .environment import DEV, REQUIREMENTS

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

    def make(name):
        server.postgres.create(name)
        server.run(
            name,
            f"--init={','.join(modules)}",
            *options,
            what=f"installing {', '.join(modules)}",
            log=DEV / "log" / f"{kind}.log",
        )
        # what a browser loads takes a quarter of a minute to put together, and is the same in all copies
        server.run_code(
            name, "env['ir.qweb']._pregenerate_assets_bundles(); env.cr.commit()", "preparing its web pages"
        )

    identity = environment.odoo_identity(server.odoo)
    return server.postgres.keep(kind, (modules, identity, REQUIREMENTS.read_text(), *inputs), make)
