"""Figures of several repetitions, and the table they are printed in."""

import random
import statistics

RESAMPLES = 2000


def spread(values, digits=0):
    """Return the median with the smallest and the largest value, as text."""
    numbers = [f"{number:,.{digits}f}" for number in (statistics.median(values), min(values), max(values))]
    return "{} ({}..{})".format(*numbers) if len(values) > 1 else numbers[0]


def ratios(values, others):
    """Return each repetition divided by the one that ran next to it, as other load affected both."""
    return [value / other for value, other in zip(values, others)]


def interval(differences):
    """Return a 95 % interval of the median difference, by bootstrap. The seed is fixed, to be reproducible."""
    chance = random.Random(1)
    medians = sorted(
        statistics.median(chance.choices(differences, k=len(differences))) for _resample in range(RESAMPLES)
    )
    return medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES) - 1]


def percentile(values, share):
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


class Table:
    """The measured values, and which targets were reached."""

    def __init__(self):
        self.rows = []
        self.targets = []

    def add(self, part, what, figure, ratio="", note=""):
        self.rows.append((part, what, figure, ratio, note))

    def expect(self, part, target, measured, reached):
        self.targets.append((part, target, measured, "yes" if reached else "NO"))

    def print(self):
        _print_columns([("", "what", "median (min..max)", "ratio", "note"), *self.rows])
        if self.targets:
            print()
            _print_columns([("", "figure to reach", "measured", "reached"), *self.targets])


def _print_columns(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    print(flush=True, end="")
