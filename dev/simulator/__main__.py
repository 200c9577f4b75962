"""`python -m dev.simulator`, without Odoo."""

import sys

from .. import without_odoo  # noqa: F401

if __name__ == "__main__":
    from cloudprinter.dev.simulator.scenarios import main

    sys.exit(main())
