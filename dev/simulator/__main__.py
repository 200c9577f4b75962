"""`python -m dev.simulator`, without Odoo."""

import sys

from ..without_odoo import load

if __name__ == "__main__":
    sys.exit(load("dev.simulator.scenarios").main())
