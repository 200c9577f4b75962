"""Databases with Odoo's modules but without the add-on, from which all others are copied."""

from . import environment
from .environment import DEV, REQUIREMENTS

# The add-on's dependencies, and further modules for the tests.
MODULES = (
    "sale_mrp",
    "stock_delivery",
    "stock_picking_batch",
    "stock_dropshipping",
    "mrp_subcontracting",
    "purchase_mrp",
)


def ensure_template(server, kind="template", modules=MODULES, options=(), inputs=()):
    """Return the name of a database with `modules`, created once for the same inputs.

    :param options: of Odoo's command line
    :param inputs: further dependencies, for example the source of modules that are not Odoo's
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
        # the assets take a quarter of a minute to build, and are the same in all copies
        server.run_code(
            name, "env['ir.qweb']._pregenerate_assets_bundles(); env.cr.commit()", "preparing its web pages"
        )

    identity = environment.odoo_identity(server.odoo)
    return server.postgres.keep(kind, (modules, identity, REQUIREMENTS.read_text(), *inputs), make)
