"""Dividing rows into those to train on and those held out."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from gradus.checks import whole_number
from gradus.errors import ArgumentError, DataError
from gradus.random import SITE_SPLIT, permutation
from gradus.types import Array


def split_indices(
    n: int, fraction: float, seed: int, stratify: npt.ArrayLike | None = None
) -> tuple[Array, Array]:
    """Indices to train on and indices held out: int64, sorted, each row in one of them.

    Held out are n · fraction rows, rounded to the nearest. With `stratify`, the label of each row,
    every class is held out in proportion, and keeps at least one row to train on.

    Raises `ArgumentError` for a fraction outside (0, 1), and `DataError` when a part would be empty
    or there are fewer rows to train on than classes.

    >>> split_indices(5, 0.4, seed=0)
    (array([0, 1, 4]), array([2, 3]))
    """
    n, seed = whole_number("n", n, least=0), whole_number("seed", seed)
    if not (isinstance(fraction, float | np.floating) and 0 < fraction < 1):
        raise ArgumentError(
            "the held-out fraction lies between 0 and 1, both excluded", received=repr(fraction)
        )
    held = math.floor(n * fraction + 0.5)
    if not 0 < held < n:
        raise DataError(
            "both parts of a split need a row",
            received=f"n_samples={n}, fraction {fraction}: {n - held} to train, {held} held out",
            remedy="give more rows or another fraction",
        )
    codes = np.zeros(n, dtype=np.int64) if stratify is None else _codes(stratify, n)
    counts = np.bincount(codes)
    if len(counts) > n - held:
        raise DataError(
            "every class needs a row to train on",
            received=f"fewer rows than classes: {n - held} rows to train for {len(counts)} classes",
            remedy="give more rows, hold out fewer, or split without stratify",
        )
    order = permutation(seed, 0, n, site=SITE_SPLIT)
    is_held = np.zeros(n, dtype=bool)
    for code, share in enumerate(_shares(counts, held)):
        is_held[order[codes[order] == code][:share]] = True
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _shares(counts: Array, held: int) -> Array:
    """Rows held out of each class: in proportion, by the largest remainder, never a whole class."""
    ideal = counts * (held / counts.sum())
    shares = np.minimum(np.floor(ideal).astype(np.int64), counts - 1)
    while shares.sum() < held:
        remainder = np.where(shares < counts - 1, ideal - shares, -np.inf)
        shares[np.argmax(remainder)] += 1
    return shares


def _codes(labels: npt.ArrayLike, n: int) -> Array:
    """Classes numbered in the order in which they appear."""
    values = np.asarray(labels)
    if values.shape != (n,):
        raise ArgumentError(
            f"stratify gives one label for each of the {n} rows", received=f"shape {values.shape}"
        )
    number: dict[object, int] = {}
    codes = [number.setdefault(value, len(number)) for value in values.tolist()]
    return np.array(codes, dtype=np.int64)
