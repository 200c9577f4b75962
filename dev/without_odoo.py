"""Makes the packages of the add-on that need no Odoo importable as `cloudprinter.…`, below a package without code."""

import sys
import types
from pathlib import Path

if "cloudprinter" not in sys.modules:
    package = types.ModuleType("cloudprinter")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["cloudprinter"] = package
