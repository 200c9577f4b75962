"""When a signal that was not accepted is tried again."""

import random

# Seconds from one attempt to the next; the last is repeated.
SCHEDULE = (60, 300, 1800, 7200, 21600, 43200)
JITTER = 0.2
HORIZON = 7  # days of attempts, not counting the time in which Cloudprinter answers to nothing


def spread(seconds):
    """Seconds that differ by 20 % at the most, so that what failed together does not come back together."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)
