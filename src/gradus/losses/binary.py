"""Losses of yes or no: from probabilities, or from scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradus import ops
from gradus.losses.checks import check_unit_interval, over_outputs, pair
from gradus.modes import scoped
from gradus.tensor import Tensor


@scoped
def binary_cross_entropy(prediction: Tensor, target: Any) -> Tensor:
    """ℓ = −Σᵢ [tᵢ ln pᵢ + (1 − tᵢ) ln(1 − pᵢ)], from probabilities.

    Logarithms end at −100, as in PyTorch, so that a certain mistake costs 100; their derivative
    beyond is 0.

    Args:
        prediction: probabilities, (n,) or (n, d, …).
        target: 0 and 1, or probabilities, of the same shape.

    Raises:
        ShapeError: the shapes differ.
        ArgumentError: a prediction or target outside [0, 1].

    Source: lecture 002.

    >>> binary_cross_entropy([0.5, 0.0], [1, 1]).tolist()
    [0.6931471824645996, 100.0]
    """
    p, t = pair(prediction, target)
    check_unit_interval(
        p, "binary_cross_entropy takes probabilities", "use binary_cross_entropy_with_logits"
    )
    _check_yes_no(t)
    yes, no = _bounded(ops.log, p, pole=0), _bounded(ops.log1p, -p, pole=-1)
    return over_outputs(-(t * yes + (1.0 - t) * no))


@scoped
def binary_cross_entropy_with_logits(prediction: Tensor, target: Any) -> Tensor:
    """ℓ = −Σᵢ [tᵢ ln σ(zᵢ) + (1 − tᵢ) ln(1 − σ(zᵢ))], from scores; finite for z of ±10⁴.

    Args:
        prediction: scores z, what stands before the sigmoid, (n,) or (n, d, …).
        target: 0 and 1, or probabilities, of the same shape.

    Raises:
        ShapeError: the shapes differ.
        ArgumentError: a target outside [0, 1].

    Source: lecture 002.

    >>> round(binary_cross_entropy_with_logits([0.0], [1]).item(), 4)  # ln 2
    0.6931
    """
    z, t = pair(prediction, target)
    _check_yes_no(t)
    return over_outputs(t * ops.softplus(-z) + (1.0 - t) * ops.softplus(z))


def _check_yes_no(t: Tensor) -> None:
    rule = "targets of a yes-or-no loss lie between 0 (no) and 1 (yes)"
    check_unit_interval(t, rule, "write labels −1 and 1, or two others, as 0 and 1")


def _bounded(log: Callable[[Any], Tensor], x: Tensor, pole: float) -> Tensor:
    """Log x, but at least −100: there, and at the pole, the derivative is 0 and not NaN."""
    at_pole = ops.equal(x, pole)
    return ops.where(at_pole, -100.0, ops.clip(log(ops.where(at_pole, 0.5, x)), min=-100.0))
