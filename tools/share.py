"""Shares an amount out without losing a cent."""

from itertools import accumulate


def share_out(total, weights, round_):
    """Parts of `total` in the proportion of `weights`, each rounded, together the rounded total.

    :param weights: not negative, at least one of them positive
    :param round_: rounds an amount to what can be paid
    :rtype: list[float]
    """
    whole = sum(weights)
    # what is shared so far is rounded, so that no part is off by more than one cent
    steps = [round_(total * weighed / whole) for weighed in accumulate(weights)]
    return [round_(step - before) for before, step in zip([0, *steps], steps)]
