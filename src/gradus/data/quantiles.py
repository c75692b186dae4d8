"""Quantiles of numbers, where a number that counts twice is two equal numbers."""

from __future__ import annotations

import numpy as np

from gradus.types import Array


def quantiles(values: Array, parts: int, weight: Array | None = None) -> list[float]:
    """The numbers that divide the values into so many parts of equal weight, one fewer than parts.

    Averaged inverse CDF: the k-th is the least number that at least the share k / parts of the
    weight does not exceed; where it is this share exactly, halfway to the next number. So the
    median is the usual one, and a weight of 2 is the same as two equal rows.

    Args:
        values: (n,) of one or more finite numbers; they are put into another order.
        parts: how many, two or more.
        weight: (n,), above 0; None: each number counts once.

    >>> quantiles(np.array([3.0, 1.0, 2.0, 4.0]), 2)
    [2.5]
    >>> quantiles(np.array([3.0, 1.0, 2.0, 4.0]), 2, weight=np.array([1.0, 5.0, 1.0, 1.0]))
    [1.0]
    """
    n = values.size
    if weight is None:
        found = [divmod(k * n, parts) for k in range(1, parts)]
        pairs = [(at, at) if rest else (at - 1, at) for at, rest in found]
        values.partition(sorted({place for pair in pairs for place in pair}))
    else:
        order = np.argsort(values, kind="stable")
        values[:] = values[order]
        below = np.cumsum(weight[order])
        # Sums of weights such as 0.1 are rounded.
        slack = n * np.finfo(np.float64).eps * below[-1]
        pairs = []
        for k in range(1, parts):
            share = k / parts * below[-1]
            at = int(np.searchsorted(below, share - slack))
            exactly = below[at] <= share + slack
            pairs.append((at, min(at + 1, n - 1) if exactly else at))
    return [_halfway(*values[list(pair)].tolist()) for pair in pairs]


def proportions(weight: Array) -> Array:
    """The weights by a power of two, so that the greatest is in [½, 1) and sums do not overflow.

    >>> proportions(np.array([2.0, 1e308])) < 1
    array([ True,  True])
    """
    found: Array = np.ldexp(weight, -int(np.frexp(weight.max())[1]))
    return found


def _halfway(low: float, high: float) -> float:
    """Middle of two numbers, whose sum can overflow."""
    return low if low == high else low / 2 + high / 2
