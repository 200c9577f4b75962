"""Decide what follows from Cloudprinter's answers: one table, independent of Odoo.

A circuit (one endpoint and key) determines what may be claimed now; a bundle is claimed and posted; the answer
determines the new state of its signals and of the circuit::

    allowance = allow(circuit, in_flight, now)
    decision = decide(circuit, bundle, attempt_id, result, now)
    change = settle(decision.verdict, fault_count, now)
"""

from .bundle import SLOTS, Attempt, Bundle, Endpoint, Row, share_slots
from .circuit import Allowance, Circuit, Outage, allow
from .poster import Poster
from .queue import QUIET, Queue
from .run import Run
from .schedule import CIRCUIT_FARTHEST, FAULTS_AT_MOST, SIGNAL_FARTHEST, get_wait, is_reached, spread, utcnow
from .verdict import Change, Decision, Verdict, decide, settle

__all__ = [
    "CIRCUIT_FARTHEST",
    "FAULTS_AT_MOST",
    "QUIET",
    "SIGNAL_FARTHEST",
    "SLOTS",
    "Allowance",
    "Attempt",
    "Bundle",
    "Change",
    "Circuit",
    "Decision",
    "Endpoint",
    "Outage",
    "Poster",
    "Queue",
    "Row",
    "Run",
    "Verdict",
    "allow",
    "decide",
    "get_wait",
    "is_reached",
    "settle",
    "share_slots",
    "spread",
    "utcnow",
]
