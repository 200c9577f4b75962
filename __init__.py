# the demo data extends one of them
from . import models

# isort: split
from . import controllers, demo, report, wizard
from .hooks import uninstall_hook
