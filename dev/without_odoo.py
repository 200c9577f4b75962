"""Import the packages of the add-on that need no Odoo, without the add-on's own `__init__.py`."""

import importlib
import sys
import types
from pathlib import Path


def load(name):
    """Return the module `cloudprinter.{name}`, imported below an empty package."""
    if "cloudprinter" not in sys.modules:
        package = types.ModuleType("cloudprinter")
        package.__path__ = [str(Path(__file__).resolve().parents[1])]
        sys.modules["cloudprinter"] = package
    return importlib.import_module(f"cloudprinter.{name}")
