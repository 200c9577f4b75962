"""Derive what is due for an item from Odoo's documents. Pure functions, independent of Odoo."""

from .stage import (
    MAKING,
    MILESTONES,
    STAGE_OF,
    STAGES,
    TERMINAL,
    Facts,
    Move,
    derive_stage,
    fact_text,
    get_milestones,
    plan_signals,
    rank,
)

__all__ = [
    "MAKING",
    "MILESTONES",
    "STAGES",
    "STAGE_OF",
    "TERMINAL",
    "Facts",
    "Move",
    "derive_stage",
    "fact_text",
    "get_milestones",
    "plan_signals",
    "rank",
]
