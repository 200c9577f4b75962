"""The rule: what is known about an incoming order → the next step.

A pure function without the ORM. It is asked again whenever one of these facts changes.
"""

from typing import NamedTuple

# the states of a document that is not settled
OPEN = ("received", "checking", "waiting")


class OrderFacts(NamedTuple):
    """Facts about the newest document of an order.

    :ivar is_gone: the sales order was canceled or deleted, or all items were canceled
    :ivar stands_for: the content that the order in Odoo has: "" there is none, or it was entered by hand; "own" that of
        this document; "other" that of another document
    :ivar is_kept: a user decided to keep the order as it is
    :ivar lines_agree: the lines have the ordered quantities, or a user decided to keep what differs
    :ivar files: "there", "fetching", "failed", or "wrong": not as ordered, and the company holds such orders
    """

    is_gone: bool = False
    stands_for: str = ""
    is_kept: bool = False
    lines_agree: bool = True
    files: str = "there"


# The first line that is true. The steps are values of `failure_type`, apart from make, fetch and accept.
STEPS = (
    ("canceled", lambda facts: facts.is_gone),
    ("make", lambda facts: not facts.stands_for),
    ("changed", lambda facts: facts.stands_for == "other" and not facts.is_kept),
    ("lines", lambda facts: not facts.lines_agree and not facts.is_kept),
    ("fetch", lambda facts: facts.files == "fetching"),
    ("files", lambda facts: facts.files == "failed"),
    ("wrong_files", lambda facts: facts.files == "wrong"),
    ("accept", lambda facts: True),
)


def get_next_step(facts):
    """Return the next step for the newest document of an order, see `STEPS`."""
    return next(step for step, is_true in STEPS if is_true(facts))
