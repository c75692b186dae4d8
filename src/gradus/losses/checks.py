"""What the losses share: predictions and targets that fit, and errors where they do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradus import ops
from gradus.errors import ArgumentError, ShapeError
from gradus.tensor import Tensor, as_tensor
from gradus.types import Array, float32, is_float


def predicted(prediction: Any) -> Tensor:
    """A prediction as a tensor of floats."""
    y = as_tensor(prediction)
    return y if is_float(y.dtype) else y.astype(float32)


def pair(prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Prediction and target of equal shapes; (n, 1) and (n,) would broadcast to (n, n)."""
    y, t = predicted(prediction), as_tensor(target)
    if y.shape != t.shape:
        raise ShapeError(
            "prediction and target have the same shape",
            received=f"a prediction of {y.shape} and a target of {t.shape}",
            remedy=f"reshape the target: target.reshape({', '.join(map(str, y.shape))})"
            if y.size == t.size
            else "check the number of examples and of outputs",
        )
    return y, t.astype(y.dtype)


def over_outputs(values: Tensor) -> Tensor:
    """Sum over every axis but the first."""
    return ops.sum(values, axis=tuple(range(1, values.ndim))) if values.ndim > 1 else values


def known(x: Tensor) -> Array:
    """The values, or an array without elements in a trace, where they are not known."""
    return np.empty((0,) * x.ndim) if x.is_symbolic else x.numpy()


def check_unit_interval(x: Tensor, rule: str, remedy: str) -> None:
    """Refuse values outside [0, 1]."""
    # NaN passes: a loss that turns NaN is the trainer's to report, with the step and the layer.
    wrong = (known(x) < 0) | (known(x) > 1)
    if wrong.any():
        raise ArgumentError(rule, received=known(x)[wrong][0], remedy=remedy)
