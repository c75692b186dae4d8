"""What predictions that know nothing of the inputs cost: the yardstick of every loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradus.modes import no_grad
from gradus.tensor import tensor
from gradus.train.step import Loss
from gradus.types import Array, is_float

_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_NUMBERS = 1 << 20  # the most numbers in a prediction for all rows
_LEAST = 1e-6  # a class that does not occur still gets a score


@dataclass(frozen=True)
class Baseline:
    """Mean losses of constant predictions; see ``Seen`` for what each is."""

    kind: str
    chance: float
    constant: float
    shares: tuple[float, ...]


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
    probable = bool(np.all((first >= 0) & (first <= 1)))

    def cost(constant: Array) -> float:
        prediction = np.repeat(constant.astype(first.dtype)[None], len(y), axis=0)
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
    return Baseline(kind, chance, min(least, chance), shares)


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
            yield np.broadcast_to(np.log(share), shape)
        return
    mean = np.average(y, axis=0, weights=weight)
    yield mean
    if np.all((mean >= 0) & (mean <= 1)):
        within = np.clip(mean, _LEAST, 1 - _LEAST)
        yield np.log(within / (1 - within))
        yield np.log(within)
    for level in _QUANTILES:
        yield np.quantile(y, level, axis=0)
