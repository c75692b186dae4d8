"""Reductions: from one value an example to the one number that is trained on."""

from __future__ import annotations

from typing import Any

from gradus import ops
from gradus.checks import require
from gradus.errors import ShapeError
from gradus.losses.checks import known
from gradus.modes import scoped
from gradus.tensor import Tensor, as_tensor


@scoped
def mean(values: Tensor, weights: Any = None) -> Tensor:
    """Σ wᵢ ℓᵢ / Σ wᵢ, with equal weights where none are given.

    Args:
        values: what a loss gave, (n,).
        weights: (n,), not negative, not all 0.

    Raises:
        ShapeError: weights of another shape, or no values at all.
        ArgumentError: weights that are negative, or all 0.

    >>> mean([1.0, 4.0]).item(), mean([1.0, 4.0], [2.0, 1.0]).item()
    (2.5, 2.0)
    """
    values = as_tensor(values)
    if values.size == 0:
        raise ShapeError("a mean is taken over one example or more", received=values.type)
    if weights is None:
        return ops.mean(values)
    w = _weights(values, weights)
    some = w.is_symbolic or bool(w.numpy().any())
    require(some, "a weighted mean takes some weight above 0", "only zeros")
    return ops.sum(values * w) / ops.sum(w)


@scoped
def sum(values: Tensor, weights: Any = None) -> Tensor:
    """Σ wᵢ ℓᵢ, with weights 1 where none are given; arguments and errors as ``mean``.

    >>> sum([1.0, 4.0]).item(), sum([1.0, 4.0], [2.0, 1.0]).item()
    (5.0, 6.0)
    """
    values = as_tensor(values)
    return ops.sum(values if weights is None else values * _weights(values, weights))


def _weights(values: Tensor, weights: Any) -> Tensor:
    w = as_tensor(weights).astype(values.dtype)
    if w.shape != values.shape:
        raise ShapeError(f"there is one weight a value, {values.shape}", received=w.shape)
    negative = known(w)[~(known(w) >= 0)]
    require(negative.size == 0, "weights of examples are 0 or more", negative[:1])
    return w
