"""`python -m dev.simulator`, without Odoo: the add-on's pure packages are found below a package without code."""

import sys
import types
from pathlib import Path

if __name__ == "__main__":
    package = types.ModuleType("cloudprinter")
    package.__path__ = [str(Path(__file__).resolve().parents[2])]
    sys.modules["cloudprinter"] = package
    from cloudprinter.dev.simulator.scenarios import main

    sys.exit(main())
