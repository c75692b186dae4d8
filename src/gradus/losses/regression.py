"""Losses of numbers: how far a prediction is from its target."""

from __future__ import annotations

from typing import Any

from gradus import ops
from gradus.checks import finite_number
from gradus.losses.checks import over_outputs, pair
from gradus.modes import scoped
from gradus.tensor import Tensor


@scoped
def squared_error(prediction: Tensor, target: Any) -> Tensor:
    """ℓ = ‖y − t‖² = Σᵢ (yᵢ − tᵢ)², summed over the outputs of an example.

    Its sum is PyTorch's ``mse_loss(reduction="sum")``; its mean over n examples of d outputs is d
    times PyTorch's mean, which divides by n·d.

    Args:
        prediction: (n,) or (n, d, …).
        target: numbers of the same shape.

    Raises:
        ShapeError: the shapes differ.

    Source: lectures 000 to 004.

    >>> squared_error([[1.0, 2.0]], [[0.0, 4.0]]).tolist()
    [5.0]
    """
    y, t = pair(prediction, target)
    return over_outputs(ops.square(y - t))


@scoped
def absolute_error(prediction: Tensor, target: Any) -> Tensor:
    """ℓ = ‖y − t‖₁ = Σᵢ |yᵢ − tᵢ|, with derivative 0 where they are equal.

    Arguments and errors as ``squared_error``. Source: lecture 003, which labels it L_MSE by
    mistake.

    >>> absolute_error([[1.0, 2.0]], [[0.0, 4.0]]).tolist()
    [3.0]
    """
    y, t = pair(prediction, target)
    return over_outputs(ops.abs(y - t))


@scoped
def huber(prediction: Tensor, target: Any, *, delta: float = 1.0) -> Tensor:
    """ℓ = Σᵢ h(yᵢ − tᵢ): h(r) = r²/2 where |r| ≤ δ, else δ (|r| − δ/2).

    Quadratic near 0, linear for outliers. Arguments and errors as ``squared_error``; δ > 0.

    Source: Huber, "Robust estimation of a location parameter" (1964).

    >>> huber([0.5, 3.0], [0.0, 0.0]).tolist()
    [0.125, 2.5]
    """
    delta = finite_number("delta", delta, above=0)
    y, t = pair(prediction, target)
    size = ops.abs(y - t)
    return over_outputs(ops.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)))


@scoped
def pinball(prediction: Tensor, target: Any, *, quantile: float = 0.5) -> Tensor:
    """ℓ = Σᵢ max(q rᵢ, (q − 1) rᵢ) with r = t − y: least on average at the q-quantile of t.

    At q = ½ it is half the absolute error. Arguments and errors as ``squared_error``; 0 < q < 1.

    Source: Koenker and Bassett, "Regression quantiles" (1978).

    >>> pinball([0.0, 4.0], [2.0, 2.0], quantile=0.75).tolist()
    [1.5, 0.5]
    """
    quantile = finite_number("quantile", quantile, above=0, below=1)
    y, t = pair(prediction, target)
    residual = t - y
    return over_outputs(ops.maximum(quantile * residual, (quantile - 1.0) * residual))
