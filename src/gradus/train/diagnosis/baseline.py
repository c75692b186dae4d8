"""What predictions that know nothing of the inputs cost: the yardstick of every loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gradus.modes import no_grad
from gradus.tensor import tensor
from gradus.train.step import Loss
from gradus.types import Array, is_float

_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_SMOOTHING = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)  # of labels: the best constant is milder there
_NUMBERS = 1 << 20  # the most numbers in a prediction for all rows
_FLOOR = 0.01  # a share of the best constant prediction's loss below this is as good as none
_SURE, _SECTIONS = 20.0, 16  # e⁻²⁰ is no loss; 16 sections find the place to 0.01
_GOLDEN = (5**0.5 - 1) / 2
_LEAST = 1e-6  # a class that does not occur still gets a score


@dataclass(frozen=True)
class Baseline:
    """Mean losses of constant predictions, and of the best; see ``Seen`` for what each is."""

    kind: str
    chance: float
    constant: float
    shares: tuple[float, ...]
    floor: float = 0.0


def baseline(loss: Loss, first: Array, y: Array, weight: Array | None) -> Baseline:
    """Losses of predictions that are the same for every row.

    Args:
        loss: one value an example.
        first: predictions of an untrained network for some rows, (rows, …): they show whether
            the loss takes probabilities or scores.
        y: targets, (n, …).
        weight: of each row, or None.
    """
    shape = first.shape[1:]
    thin = slice(None, None, -(-first[0].size * len(y) // _NUMBERS))
    y, weight = y[thin], None if weight is None else weight[thin]
    # Scores of 0 are those of a last layer that begins with zeros.
    probable = bool(np.all((first >= 0) & (first <= 1)) and np.any(first > 0))

    def cost(constant: Array) -> float:
        return cost_of(np.repeat(constant.astype(first.dtype)[None], len(y), axis=0))

    def cost_of(prediction: Array) -> float:
        try:
            with no_grad(), np.errstate(all="ignore"):
                values = loss(tensor(prediction), tensor(y)).numpy().astype(np.float64)
        except Exception:  # scores for a loss of probabilities, a user's loss of some of these
            return np.inf
        found = float(np.average(values, weights=weight))
        return found if np.isfinite(found) else np.inf

    kind, shares = _kind(y, shape, weight)
    least = min(map(cost, _constants(y, shape, shares, weight)))
    if kind == "numbers":
        return Baseline(kind, least, least, ())
    level = 1 / shape[-1] if kind == "classes" else 0.5
    chance = cost(np.full(shape, level if probable else 0.0))
    least = min(least, chance)
    floor = 0.0 if probable else _floor(cost_of, _answers(kind, y, first))
    return Baseline(kind, chance, least, shares, floor if floor > _FLOOR * least else 0.0)


def _answers(kind: str, y: Array, first: Array) -> Array:
    """Scores that are right: 1 for the class of each row, or for yes, and −1 for all others."""
    if kind == "classes":
        return np.where(np.arange(first.shape[-1]) == y[..., None], 1, -1).astype(first.dtype)
    return (2 * y - 1).astype(first.dtype)


def _floor(cost: Callable[[Array], float], right: Array) -> float:
    """Mean loss of right answers that are as sure as serves them best: 0 but for smoothed labels.

    The loss is convex in how sure they are, so a golden-section search finds the least.
    """
    low, high = 0.0, _SURE
    for _ in range(_SECTIONS):
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, b) if cost(a * right) < cost(b * right) else (a, high)
    return cost((low + high) / 2 * right)


def _kind(y: Array, shape: tuple[int, ...], weight: Array | None) -> tuple[str, tuple[float, ...]]:
    """What the targets are, and the share of each class, rows counted with their weight."""
    if not is_float(y.dtype) and shape and y.shape[1:] == shape[:-1] and y.min() >= 0:
        each = None if weight is None else np.repeat(weight, y[0].size)
        counts = np.bincount(y.ravel(), each, minlength=shape[-1])
        return "classes", tuple((counts / counts.sum()).tolist())
    if y.shape[1:] == shape and np.all((y == 0) | (y == 1)) and y.min() < y.max():
        yes = float(np.average(y.reshape(len(y), -1)[:, 0], weights=weight))
        return "yes or no", (1 - yes, yes) if y[0].size == 1 else ()
    return "numbers", ()


def _constants(
    y: Array, shape: tuple[int, ...], shares: tuple[float, ...], weight: Array | None
) -> Iterator[Array]:
    """Predictions among which the best constant one is, or one close to it."""
    yield np.zeros(shape)
    if y.shape[1:] != shape:
        if len(shares) == (shape[-1] if shape else 0):
            share = np.maximum(shares, _LEAST)
            yield np.broadcast_to(share, shape)
            for epsilon in _SMOOTHING:
                smooth = (1 - epsilon) * share + epsilon / len(share)
                yield np.broadcast_to(np.log(smooth), shape)
        return
    mean = np.average(y, axis=0, weights=weight)
    yield mean
    if np.all((mean >= 0) & (mean <= 1)):
        within = np.clip(mean, _LEAST, 1 - _LEAST)
        for epsilon in _SMOOTHING:
            smooth = (1 - epsilon) * within + epsilon / 2
            yield np.log(smooth / (1 - smooth))
        yield np.log(within)
    for level in _QUANTILES:
        yield np.quantile(y, level, axis=0)
