"""Databases from which all others are copied: with Odoo's modules, and with the add-on too."""

from . import environment
from .environment import DEV, REQUIREMENTS, ROOT, SetupError
from .odoo_log import check_log

# The add-on's dependencies, and further modules for the tests.
MODULES = (
    "sale_mrp",
    "stock_delivery",
    "stock_picking_batch",
    "stock_dropshipping",
    "mrp_subcontracting",
    "purchase_mrp",
)
# What the names of folders begin with that an installation does not read: developers', and hidden ones of tools.
NOT_INSTALLED = ("dev", "docs", "tests", ".")


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

    identity = environment.odoo_identity(server.odoo)
    return server.postgres.keep(kind, (modules, identity, REQUIREMENTS.read_text(), *inputs), make)


def ensure_demo_template(server):
    """Return the name of a database with Odoo's modules and their demo data."""
    return ensure_template(server, "demo_template", options=["--with-demo"])


def ensure_installed(server, template):
    """Return the name of a copy of `template` with the add-on, installed again when the add-on has changed.

    :raises SetupError: it cannot be installed, or not without a warning
    """

    def make(name):
        if warnings := check_log(server.install(name, template)):
            raise SetupError(f"Installing is not silent.\n{warnings}")

    rooms = [path for path in sorted(ROOT.iterdir()) if not path.name.startswith(NOT_INSTALLED)]
    paths = [path for room in rooms for path in (room, *sorted(room.rglob("*")))]
    files = [path for path in paths if path.is_file()]
    content = [value for path in files for value in (path.relative_to(ROOT), path.read_bytes())]
    return server.postgres.keep("test_installed", (template, *content), make)


def ensure_pages(server, installed):
    """Return the name of a copy of `installed` in which the assets of web pages are built.

    Building them takes half a minute, and each job with browser tests would do so in its own copy.
    """

    def make(name):
        server.postgres.create(name, installed)
        server.run_code(
            name, "env['ir.qweb']._pregenerate_assets_bundles(); env.cr.commit()", "preparing its web pages"
        )

    return server.postgres.keep("test_pages", (installed,), make)
