"""What one run of the sender knows. Free of the ORM."""

import enum
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime


class Caution(enum.IntEnum):
    """What is known of an order that is due."""

    NONE = 0
    FAILED = 1  # the endpoint did not answer to it, and may do so again
    SUSPECT = 2  # its last post left no answer at all: it may have killed the process


@dataclass
class Endpoint:
    """What the sender knows of the endpoint of one company.

    Its circuit is open from the first failure until the next answer that is none; meanwhile one order at a time
    probes.
    """

    obstacle: str = ""  # why nothing is sent; see `_cloudprinter_obstacle`
    settings: list = field(default_factory=list, repr=False)  # what a person may change while the sender runs
    url: str = ""
    key: str = field(default="", repr=False)
    key_fingerprint: str = ""
    lang: str = ""  # of what the chatter is told
    notes_acceptance: bool = True
    refusals: int = 0  # in a row
    opened_by: int = 0  # the attempt whose failure opened the circuit
    silent_since: datetime | None = None  # when that was; None while the circuit is closed
    retry_date: datetime | None = None  # no order that was never posted probes before
    trust: int = 1  # how many orders that have failed before may be in flight at the same time

    @property
    def is_open(self):
        return bool(self.silent_since)


@dataclass
class Run:
    """The state of one run of the sender."""

    endpoints: dict  # company id → Endpoint
    ping: callable  # raises when this is no longer the only sender
    deadline: float  # on time.monotonic()'s scale
    connections: int
    bundle_size: int
    due: dict = field(default_factory=dict)  # order id → (company id, Caution)
    cautions: dict = field(default_factory=dict)  # order id → Caution with which it was claimed
    held: set = field(default_factory=set)  # order ids of which nothing could be claimed: somebody holds the rows
    flying: dict = field(default_factory=dict)  # future → Bundle
    unwritten: list = field(default_factory=list)  # attempts whose rows somebody holds
    lines: defaultdict = field(default_factory=lambda: defaultdict(list))  # document → what its chatter is told
    texts: dict = field(default_factory=dict)  # (language, signal type, Outcome) → what the chatter is told of it
    stopped: set = field(default_factory=set)  # companies of which nothing more is posted in this run
    recorded: int = 0  # answers, one for each signal and POST

    def get_sendable(self):
        """Ids of the companies that may send."""
        return [
            company_id
            for company_id, endpoint in self.endpoints.items()
            if not endpoint.obstacle and company_id not in self.stopped
        ]

    def get_busy(self):
        """Bundles that are in flight, or whose answers are not written."""
        return [*self.flying.values(), *(attempt.bundle for attempt in self.unwritten)]
