"""Functions written in primitives: statistics, and the soft functions of scores.

They need no gradient rules of their own. Each is stable for scores of ±10⁴ and beyond.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradus.errors import ArgumentError
from gradus.ops.arithmetic import divide, negative, sqrt, square
from gradus.ops.cast import stop_gradient
from gradus.ops.logic import greater, isfinite, less, less_equal, where
from gradus.ops.primitive import call, composite, normalise_axes
from gradus.ops.reduce import max, sum
from gradus.ops.transcendental import exp, log, logaddexp

Axis = int | Iterable[int] | None


def _count(x: Any, axis: Axis) -> int:
    count = 1
    for a in normalise_axes(axis, len(np.shape(x))):
        count *= np.shape(x)[a]
    return count


@composite(lambda draw: [call(draw(3, 4)), call(draw(3, 4), axis=1, keepdims=True)])
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Σ x / n over the axes."""
    return divide(sum(x, axis=axis, keepdims=keepdims), _count(x, axis))


@composite(lambda draw: [call(draw(3, 4)), call(draw(3, 4), axis=0, correction=1)])
def var(x: Any, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Σ (x − mean)² / (n − correction) over the axes."""
    deviation = x - mean(x, axis=axis, keepdims=True)
    total = sum(square(deviation), axis=axis, keepdims=keepdims)
    return divide(total, _count(x, axis) - correction)


@composite(lambda draw: [call(draw(3, 4), axis=1)])
def std(x: Any, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """√var over the axes."""
    return sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


@composite(lambda draw: [call(draw(3, 4))])
def relu(x: Any) -> Any:
    """max(0, x), with derivative 0 at 0; NaN stays NaN."""
    return where(less_equal(x, 0.0), 0.0, x)


@composite(lambda draw: [call(draw(3, 4), min=-1.0, max=1.5), call(draw(5), max=0.3)])
def clip(x: Any, min: float | None = None, max: float | None = None) -> Any:
    """The nearest number in [min, max]; the derivative is 0 outside, 1 inside and at the ends."""
    if min is not None and max is not None and min > max:
        raise ArgumentError("clip takes min ≤ max", received=f"{min=}, {max=}")
    if min is None and max is None:
        raise ArgumentError("clip takes min, max, or both", received="neither")
    y = x
    if min is not None:
        y = where(less(x, min), min, y)
    if max is not None:
        y = where(greater(x, max), max, y)
    return y


@composite(lambda draw: [call(draw(3, 4))])
def softplus(x: Any) -> Any:
    """ln(1 + eˣ), the smooth ReLU."""
    return logaddexp(x, 0.0)


@composite(lambda draw: [call(draw(3, 4))])
def log_sigmoid(x: Any) -> Any:
    """ln σ(x) = −softplus(−x)."""
    return -softplus(negative(x))


@composite(lambda draw: [call(draw(3, 4), axis=-1), call(draw(2, 3), axis=None, keepdims=True)])
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """ln Σ eˣ over the axes, from the largest down, so that nothing overflows."""
    largest = max(stop_gradient(x), axis=axis, keepdims=True)
    largest = where(isfinite(largest), largest, 0.0)
    total = log(sum(exp(x - largest), axis=axis, keepdims=keepdims))
    return total + largest.reshape(total.shape)


@composite(lambda draw: [call(draw(3, 4)), call(draw(3, 4), axis=0)])
def softmax(x: Any, axis: int = -1) -> Any:
    """eˣ / Σ eˣ along the axis: probabilities in the order of the scores."""
    e = exp(x - max(stop_gradient(x), axis=axis, keepdims=True))
    return e / sum(e, axis=axis, keepdims=True)


@composite(lambda draw: [call(draw(3, 4)), call(draw(3, 4), axis=0)])
def log_softmax(x: Any, axis: int = -1) -> Any:
    """ln softmax = x − ln Σ eˣ along the axis, finite where softmax itself underflows."""
    shifted = x - max(stop_gradient(x), axis=axis, keepdims=True)
    return shifted - log(sum(exp(shifted), axis=axis, keepdims=True))
