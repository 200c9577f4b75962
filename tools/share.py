"""Split amounts without losing a cent."""

from itertools import accumulate


def share_out(total, weights, round_):
    """Return rounded parts of `total`, in proportion to `weights`, that add up to the rounded total.

    :param weights: not negative, at least one of them positive
    :param round_: function that rounds an amount to one that can be paid
    :rtype: list[float]
    """
    whole = sum(weights)
    # the running sum is rounded, so that no part is off by more than one cent
    steps = [round_(total * weighed / whole) for weighed in accumulate(weights)]
    return [round_(step - before) for before, step in zip([0, *steps], steps)]
