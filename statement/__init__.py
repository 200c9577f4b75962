"""Statements of Cloudprinter: reading their tables, and what becomes of each line. No Odoo inside."""

from .categories import CATEGORIES, DIFFERENT, FITTING, ROUNDING, Facts, categorize, compare_together
from .table import COLUMNS, KEYS, Sheet, StatementError, read_sheet
from .values import AmbiguousError, clean_id, find_mark, is_shortened, parse_amount

__all__ = [
    "CATEGORIES",
    "COLUMNS",
    "DIFFERENT",
    "FITTING",
    "KEYS",
    "ROUNDING",
    "AmbiguousError",
    "Facts",
    "Sheet",
    "StatementError",
    "categorize",
    "clean_id",
    "compare_together",
    "find_mark",
    "is_shortened",
    "parse_amount",
    "read_sheet",
]
