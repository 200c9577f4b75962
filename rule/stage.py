"""The rule: Odoo's documents of an item → its stage → the milestones that are due.

Pure functions without the ORM, so that they can be tested by enumeration. The models only collect
:class:`Facts` and store the results.
"""

from collections import Counter
from typing import NamedTuple

STAGES = ("new", "registered", "in_production", "produced", "packed", "shipped", "canceled")
MILESTONES = {
    "registered": "ItemRegistered",
    "in_production": "ItemProduce",
    "produced": "ItemProduced",
    "packed": "ItemPacked",
    "shipped": "ItemShipped",
    "canceled": "ItemCanceled",
}
STAGE_OF = {signal_type: stage for stage, signal_type in MILESTONES.items()}
TERMINAL = ("ItemShipped", "ItemCanceled")
MAKING = frozenset(("draft", "open", "started"))
# Odoo skips states ("Produce All"); these are filled in. Packed is never assumed.
FILLED_IN = ("ItemRegistered", "ItemProduce", "ItemProduced")
PACKED = "packed"  # the word in the facts' text for all of an item


def fact_text(kind, state, *flags):
    """Return how a document is written in an item's facts, after its count; also for searching them."""
    return "×" + " ".join([kind, state, *flags])


class Move(NamedTuple):
    """A stock move bound for the customer, not a return or scrap."""

    state: str  # draft, open, done, cancel
    final: bool  # reaches the customer, unlike a pick or pack step
    packed: bool = False  # entirely in packages, or from a packing step


class Facts(NamedTuple):
    accepted: bool = False  # the order was accepted
    canceled: bool = False  # a user canceled the item
    productions: tuple = ()  # states: draft, open, started, done, cancel
    moves: tuple = ()  # of Move
    enough: bool = True  # no more will reach the customer: it is the item's quantity, or the rest was given up

    @property
    def packed(self):
        """Return whether everything that leaves, or has reached the customer, is packed."""
        moves = [
            move for move in self.moves if move.state in ("draft", "open") or (move.final and move.state == "done")
        ]
        return bool(moves) and all(move.packed for move in moves)

    def as_text(self):
        """Return a short text that changes with every relevant fact, but not with the order of documents."""
        parts = [name for name in ("accepted", "canceled", PACKED) if getattr(self, name)]
        for state, count in sorted(Counter(self.productions).items()):
            parts.append(f"{count}{fact_text('production', state)}")
        for move, count in sorted(Counter(self.moves).items()):
            flags = [name for name in ("final", "packed") if getattr(move, name)]
            parts.append(f"{count}{fact_text('move', move.state, *flags)}")
        if not self.enough:
            parts.append("more to come")
        return ", ".join(parts)


def derive_stage(facts):
    """Return the stage of an item according to its documents."""
    making = bool(MAKING.intersection(facts.productions))
    made = "done" in facts.productions
    leaving = [move for move in facts.moves if move.state in ("draft", "open")]
    left = any(move.final and move.state == "done" for move in facts.moves)
    called_off = any(move.state == "cancel" for move in facts.moves)
    if facts.canceled and not left:
        return "canceled"
    # Odoo keeps the open moves equal to what is still to be shipped (backorders, changed quantities, kits, units)
    if left and not leaving and facts.enough:
        return "shipped"
    moved = any(move.state == "done" for move in facts.moves)
    if (facts.productions or facts.moves) and not (making or leaving or left):
        if called_off or not (made or moved):
            return "canceled"
    if leaving and not making and facts.packed:
        return "packed"
    if made and not making:
        return "produced"
    if made or "started" in facts.productions:
        return "in_production"
    if facts.accepted or "open" in facts.productions or moved or any(m.state == "open" for m in facts.moves):
        return "registered"
    return "new"


class Plan(NamedTuple):
    create: list  # of (signal type, origin), in the API's order
    withdraw: set  # signal types whose facts no longer hold


def is_packed(text):
    """Return whether the stored text of an item's facts says that all of it is packed."""
    return PACKED in (text or "").split(", ")


def plan_signals(stage, live, posted, reported=FILLED_IN + ("ItemPacked",), packed=False, called_off=False):
    """Return which signals to queue and to withdraw for an item at `stage`.

    A milestone depends on what the documents are in the end, and not on what was seen in between: the same work in one
    transaction or in many gives the same signals, while none is posted.

    :param set live: types with a signal that was neither withdrawn nor replaced
    :param set posted: those of them that were posted at least once, or reported before Odoo did it
    :param reported: the optional types that the company reports
    :param bool packed: whether all of the item is packed
    :param bool called_off: whether a user canceled the item, and not its documents
    :rtype: Plan
    """
    if posted.intersection(TERMINAL):
        return Plan([], set())
    own = MILESTONES.get(stage)
    if stage == "canceled":
        kept = {"ItemRegistered", own}
        wanted = [own] if called_off else ["ItemRegistered", own]
    else:
        kept = {signal_type for signal_type in STAGE_OF if rank(signal_type) <= STAGES.index(stage)}
        if stage == "shipped" and not packed:
            kept.remove("ItemPacked")
        wanted = [t for t in MILESTONES.values() if t in kept and (t in FILLED_IN or t == own or packed)]
    withdraw = live - posted - kept
    remaining = live - withdraw
    # a milestone below one that is already in the outbox would arrive after it
    reached = max((rank(t) for t in remaining), default=-1)
    create = [
        (signal_type, "observed" if signal_type in (own, "ItemPacked") else "filled")
        for signal_type in wanted
        if signal_type not in remaining
        and rank(signal_type) > reached
        and (signal_type == "ItemRegistered" or signal_type in TERMINAL or signal_type in reported)
    ]
    return Plan(create, withdraw)


def get_milestones(stage, reported=FILLED_IN + ("ItemPacked",)):
    """Return the signal types that were reported if Cloudprinter knows an item to be at `stage`, in the API's order.

    :param reported: the optional types that the company reports
    """
    own = MILESTONES.get(stage)
    if own in (None, "ItemCanceled"):
        return [own] if own else []
    before = [t for t in FILLED_IN if rank(t) < rank(own) and (t == "ItemRegistered" or t in reported)]
    return [*before, own]


def rank(signal_type):
    """Return the position of a milestone among the stages; a higher one comes later."""
    return STAGES.index(STAGE_OF[signal_type])
