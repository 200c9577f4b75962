"""Schedule for retrying signals that were not accepted."""

import random
from datetime import datetime, timedelta, timezone

# Seconds to wait after the first, second, … failure of the signal itself: 7.4 days from the first failure to the last.
SCHEDULE = (60, 300, 1800, 7200, 21600) + 15 * (43200,)
FAULTS_AT_MOST = len(SCHEDULE)
JITTER = 0.2
# No date is set farther ahead than this. One that is was set by a wrong clock, and counts as reached.
SIGNAL_FARTHEST = timedelta(seconds=SCHEDULE[-1] * (1 + JITTER))
CIRCUIT_FARTHEST = timedelta(hours=2)


def utcnow():
    """Return the time as Odoo stores it: naive UTC, whole seconds."""
    return datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)


def spread(seconds):
    """Return `seconds` and up to 20 % more as a timedelta, so that what failed together is not retried together."""
    return timedelta(seconds=round(seconds * random.uniform(1, 1 + JITTER)))


def get_wait(fault_count):
    """Return the timedelta to the next attempt after this many failures of the signal itself; a minute after none."""
    return spread(SCHEDULE[min(max(fault_count, 1), FAULTS_AT_MOST) - 1])


def is_reached(date, now, farthest):
    """Return whether `date` is reached, empty or impossibly far ahead."""
    return date is None or date <= now or date > now + farthest
