from . import verify
from .check import check_company, check_order
from .entry import make_entry, number_entries
from .store import Store
