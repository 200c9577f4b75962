"""What one run of the sender knows. Free of the ORM."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .bundle import Endpoint
from .poster import Poster


@dataclass
class Run:
    """The state of one run.

    :param keep_lock: raises if this is no longer the only sender of the database
    :param settings: what users may change while the sender runs; see `_get_endpoints`
    :param in_flight: bundles that were claimed and are not recorded yet
    :param locked_order_ids: orders of which nothing could be claimed, since others hold their rows
    """

    poster: Poster
    keep_lock: Callable
    bundle_size: int = 100
    settings: list = field(default_factory=list, repr=False)
    endpoints: list[Endpoint] = field(default_factory=list)
    in_flight: list = field(default_factory=list)
    locked_order_ids: set[int] = field(default_factory=set)

    def get_in_flight(self, endpoint):
        return [bundle for bundle in self.in_flight if bundle.endpoint is endpoint]
