"""In which order, and in what portions, examples are trained on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gradus.checks import whole_number
from gradus.random import permutation, permutations
from gradus.types import Array

# Rows of all epochs whose orders are drawn together: few numbers take as long as one.
_DRAWN = 1 << 14


def epoch_order(n: int, seed: int, epoch: int, shuffle: bool = True) -> Array:
    """Order of the n examples in an epoch, int64: each exactly once.

    It follows from (seed, epoch) alone, so a resumed run goes on as the uninterrupted one. Raises
    `ArgumentError` for a negative n or epoch.

    >>> epoch_order(4, seed=0, epoch=0, shuffle=False)
    array([0, 1, 2, 3])
    """
    n, epoch = whole_number("n", n, least=0), whole_number("epoch", epoch, least=0)
    seed = whole_number("seed", seed)
    if not shuffle:
        return np.arange(n, dtype=np.int64)
    together = _DRAWN // (n + 1)
    if together < 2:
        return permutation(seed, epoch, n).astype(np.int64, copy=False)
    begin, at = epoch // together, epoch % together
    return _orders(n, seed, begin * together, together)[at].astype(np.int64)


@lru_cache(maxsize=4)
def _orders(n: int, seed: int, first: int, epochs: int) -> Array:
    return permutations(seed, range(first, first + epochs), n)


def batch_bounds(n: int, batch_size: int) -> list[tuple[int, int]]:
    """Start and stop of each batch; the last one may be smaller.

    Raises `ArgumentError` for a negative n or a batch size below 1.

    >>> batch_bounds(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    n = whole_number("n", n, least=0)
    batch_size = whole_number("batch_size", batch_size, least=1)
    return [(start, min(start + batch_size, n)) for start in range(0, n, batch_size)]
