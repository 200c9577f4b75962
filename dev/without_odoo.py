"""Makes the packages of the add-on that need no Odoo importable as `cloudprinter.…`, in an empty package."""

import sys
import types
from pathlib import Path

if "cloudprinter" not in sys.modules:
    package = types.ModuleType("cloudprinter")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["cloudprinter"] = package
