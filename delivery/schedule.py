"""When a signal that was not accepted is tried again."""

import random
from datetime import datetime, timedelta, timezone

# Seconds to wait after the first, second, … failure of a signal's own: 7.4 days from the first failure to the last.
SCHEDULE = (60, 300, 1800, 7200, 21600) + 15 * (43200,)
FAULTS_AT_MOST = len(SCHEDULE)
JITTER = 0.2
# No date is set farther ahead than that. One that is was set by a clock that was wrong, and counts as reached.
SIGNAL_FARTHEST = timedelta(seconds=SCHEDULE[-1] * (1 + JITTER))
CIRCUIT_FARTHEST = timedelta(hours=2)


def utcnow():
    """Return the time as Odoo keeps it: naive UTC, whole seconds."""
    return datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)


def spread(seconds):
    """Return a timedelta of up to 20 % more, so that what failed together does not come back together."""
    return timedelta(seconds=round(seconds * random.uniform(1, 1 + JITTER)))


def get_wait(fault_count):
    """Return the timedelta to the next attempt after so many failures of the signal's own; a minute after none."""
    return spread(SCHEDULE[min(max(fault_count, 1), FAULTS_AT_MOST) - 1])


def is_reached(date, now, farthest):
    """Return whether `date` has come; None is a date that has."""
    return date is None or date <= now or date > now + farthest
