"""Generated tables with one difficulty each, from fixed seeds.

The rule behind each table is a sum of curves, products and steps, so that neither networks nor
trees have it for free. Where the noise is known, so is the error that no model can go below.
"""

from __future__ import annotations

import numpy as np

from benchmarks.learning.dataset import DataSet, Sets, frame

Array = np.ndarray


def noise() -> DataSet:
    """Six of 80 columns decide about three classes, the others are useless."""
    rng = np.random.default_rng(101)
    X = rng.standard_normal((1500, 80))
    X[:, 40:] = np.round(X[:, 40:] * 2)  # useless columns come with ties, too
    a, b, c, d, e, f = X[:, :6].T
    scores = np.stack([2 * a + b * c, 2 * np.abs(d) - 1.5 + e, f - a + (b > 0.5)], axis=1)
    y, best = _draw(rng, 1.5 * scores)
    return DataSet(frame(_shuffled(rng, X)), y, "classification", "6 useful columns of 80", best)


def imbalance() -> DataSet:
    """One row of twenty belongs to the second class, which lies on a curved band."""
    rng = np.random.default_rng(102)
    X = rng.standard_normal((4000, 10))
    distance = np.abs(X[:, 0] ** 2 + X[:, 1] - 2.5) + 0.3 * X[:, 2] - 0.3 * X[:, 3]
    rank = np.argsort(np.argsort(distance + 0.15 * rng.standard_normal(len(X))))
    y = np.where(rank < len(X) // 20, "rare", "common").astype(object)
    return DataSet(frame(X), y, "classification", "classes 95 : 5")


def categories() -> DataSet:
    """Three columns of strings with 40, 90 and 200 values; each value moves the target."""
    rng = np.random.default_rng(103)
    rows, counts = 4000, (40, 90, 200)
    codes = [np.minimum(rng.geometric(3 / n, rows) - 1, n - 1) for n in counts]
    effects = [rng.standard_normal(n) for n in counts]
    X = rng.standard_normal((rows, 4))
    slope = rng.standard_normal(counts[0])
    y = sum(e[c] for e, c in zip(effects, codes, strict=True))
    y = y + slope[codes[0]] * X[:, 0] + np.sin(2 * X[:, 1]) + 0.5 * rng.standard_normal(rows)
    names = [_names(rng, n, "v")[c] for n, c in zip(counts, codes, strict=True)]
    X = frame(X, shop=names[0], city=names[1], item=names[2])
    return DataSet(X, y, "regression", "strings of 40, 90, 200 values", 0.5)


def missing() -> DataSet:
    """A quarter of the cells is missing; in half of the columns that says something."""
    rng = np.random.default_rng(104)
    X = rng.standard_normal((3000, 12)) @ (np.eye(12) + 0.3 * rng.standard_normal((12, 12)))
    y = X[:, 0] + X[:, 1] * np.tanh(X[:, 2]) + np.maximum(X[:, 6], 0) - 0.5 * X[:, 7]
    gone = rng.random(X.shape) < 0.25
    gone[:, :6] = rng.random((len(X), 6)) < 1 / (1 + np.exp(-2 * (X[:, :6] - 0.8)))
    y = y + 0.5 * gone[:, 3] - 0.5 * gone[:, 4] + 0.3 * rng.standard_normal(len(X))
    X[gone] = np.nan
    group = np.where(rng.random(len(X)) < 0.2, None, np.where(y > np.median(y), "high", "low"))
    flipped = np.where(group == "high", "low", np.where(group == "low", "high", None))
    group = np.where(rng.random(len(X)) < 0.4, flipped, group)
    return DataSet(frame(X, group=group), y, "regression", "a quarter of the cells missing")


def friedman() -> DataSet:
    """Friedman's first function of five columns, five more that do nothing, noise of 1."""
    rng = np.random.default_rng(105)
    X = rng.random((2000, 10))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    y = y + 10 * X[:, 3] + 5 * X[:, 4] + rng.standard_normal(len(X))
    return DataSet(frame(X), y, "regression", "smooth, with known noise", 1.0)


def heavy_tails() -> DataSet:
    """Columns that span many powers of ten, either sign; the target bends with their logarithms."""
    rng = np.random.default_rng(106)
    Z = rng.standard_normal((2500, 8))
    X = np.sinh(3 * Z)
    X[:, 4:] = np.exp(2.5 * Z[:, 4:])
    X[:, 7] = rng.standard_t(1.2, len(X))
    y = Z[:, 0] * Z[:, 1] + np.sin(2 * Z[:, 4]) + np.abs(Z[:, 5]) + np.sign(X[:, 7])
    y = y + 0.4 * rng.standard_normal(len(X))
    return DataSet(frame(X), y, "regression", "columns over many powers of ten", 0.4)


def large() -> DataSet:
    """100,000 rows, five classes, curves beside steps, two columns of strings."""
    rng = np.random.default_rng(107)
    rows = 100_000
    X = rng.standard_normal((rows, 20))
    hidden = np.tanh(X @ rng.standard_normal((20, 24)) / 3)
    steps = (X[:, :6] > rng.standard_normal(6)) @ rng.standard_normal((6, 5))
    codes = rng.integers(0, 30, rows), rng.integers(0, 4, rows)
    scores = hidden @ rng.standard_normal((24, 5)) + 2 * steps
    scores += 1.5 * rng.standard_normal((30, 5))[codes[0]] * (1 + codes[1][:, None] / 3)
    y, best = _draw(rng, 1.5 * scores)
    letters = _names(rng, 30, "k")[codes[0]], _names(rng, 4, "s")[codes[1]]
    X = frame(X.round(3), kind=letters[0], season=letters[1])
    return DataSet(X, y, "classification", "100,000 rows", best, seeds=1)


GENERATED: Sets = {
    "noise": noise,
    "imbalance": imbalance,
    "categories": categories,
    "missing": missing,
    "friedman": friedman,
    "heavy_tails": heavy_tails,
    "large": large,
}


def _draw(rng: np.random.Generator, scores: Array) -> tuple[Array, float]:
    """Classes drawn from the softmax of scores, and the error of always guessing the likeliest."""
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    y = (p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1)
    names = np.array(list("abcdefghij"), dtype=object)
    return names[np.minimum(y, p.shape[1] - 1)], float(1 - p.max(axis=1).mean())


def _names(rng: np.random.Generator, count: int, prefix: str) -> Array:
    """Names of categories whose order says nothing."""
    return np.array([f"{prefix}{k}" for k in rng.permutation(count)], dtype=object)


def _shuffled(rng: np.random.Generator, X: Array) -> Array:
    return X[:, rng.permutation(X.shape[1])]
