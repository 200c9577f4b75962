"""Check a print file against what was ordered. Independent of Odoo.

    facts = Facts.load(read_raw(file))       # in a process of its own, with limits
    findings = check(facts, expected)        # name of the check → list of `Finding`

A file without a finding has a sound structure and the ordered pages and sizes. That does not mean that it will print
well: nothing is rendered.
"""

from .checks import CHECKS, check, get_severity
from .child import SECONDS, is_available, read_file, read_raw
from .expected import Expected, InfoError, add_order, get_part, get_spine, read_info
from .facts import Facts
from .kinds import CAUSES, KINDS, Finding
