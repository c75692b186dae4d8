"""What a batch is trained on: its losses, reduced, with a penalty on the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from gradus import losses, ops
from gradus.checks import finite_number, require
from gradus.errors import ArgumentError, ShapeError
from gradus.nn import Module
from gradus.tensor import Tensor
from gradus.types import is_float

Penalty = Callable[[Module], Tensor]
REDUCTIONS = {"mean": losses.mean, "sum": losses.sum}


@dataclass(frozen=True)
class L2Penalty:
    """α/2 Σ ‖W‖² over the trained parameters whose names match: a pull towards 0.

    Given to ``Trainer(penalty=…)`` with the mean as reduction, a batch of n rows is trained on
    (Σ ℓᵢ + α/2 Σ ‖W‖²) / n, as scikit-learn's ``MLPClassifier(alpha=…)`` is.

    Attributes:
        alpha: strength α, ≥ 0.
        pattern: of the dotted names, with ``*`` for anything; biases are left alone by default.

    Raises:
        ArgumentError: no trained parameter that matches.

    >>> import gradus as gd
    >>> from gradus import nn
    >>> net = nn.Sequential(nn.Linear(2, 1))
    >>> net[0].weight = gd.tensor([[3.0, 4.0]])
    >>> L2Penalty(0.1)(net).item()
    1.25
    """

    alpha: float
    pattern: str = "*weight"

    def __post_init__(self) -> None:
        finite_number("alpha", self.alpha, least=0)
        require(isinstance(self.pattern, str), "pattern must be text", repr(self.pattern))

    def __call__(self, network: Module) -> Tensor:
        """The penalty, one number."""
        params = network.named_parameters()
        squares = [
            ops.sum(ops.square(p)) for n, p in params.items() if fnmatchcase(n, self.pattern)
        ]
        require(
            bool(squares),
            "the pattern of a penalty matches a trained parameter",
            f"{self.pattern!r} for {', '.join(params)}",
        )
        return (0.5 * self.alpha) * sum(squares[1:], squares[0])


def check_penalty(penalty: Any) -> None:
    """Refuse what is no function, such as the number that it is to be multiplied by."""
    if penalty is not None and not callable(penalty):
        raise ArgumentError(
            "a penalty is a function (network) → one number",
            received=repr(penalty),
            remedy="write train.L2Penalty(1e-4)",
        )


def penalty_of(penalty: Penalty | None, network: Module) -> Tensor | None:
    """What the weights that the network holds are charged with, or None for nothing.

    Raises:
        ArgumentError, ShapeError: a penalty that gives anything but a tensor of one number.
    """
    if penalty is None:
        return None
    found = penalty(network)
    if not isinstance(found, Tensor):
        raise ArgumentError(
            "a penalty gives a tensor computed from the network's parameters",
            received=type(found).__name__,
            remedy="compute it from network.named_parameters() with gradus.ops",
        )
    if found.shape != () or not is_float(found.dtype):
        raise ShapeError(
            "a penalty gives one number", received=found.type, remedy="take ops.sum(…) of it"
        )
    return found


def summed(values: Tensor, weight: Tensor | None, extra: Tensor | None) -> Tensor:
    """Σ wᵢ ℓᵢ + penalty."""
    total = losses.sum(values, weight)
    return total if extra is None else total + extra.astype(total.dtype)


def reduced(reduction: str, values: Tensor, weight: Tensor | None, extra: Tensor | None) -> Tensor:
    """What a batch is trained on: the sum with the penalty, or that over Σ wᵢ."""
    if extra is None:
        return REDUCTIONS[reduction](values, weight)
    total = summed(values, weight, extra)
    if reduction == "sum":
        return total
    return total / (values.size if weight is None else ops.sum(weight))
