"""What every kind of targets can do, and what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d

from gradus import ops
from gradus.data import TargetEncoder
from gradus.errors import ArgumentError, DataError
from gradus.estimators.recipe import Recipe
from gradus.tensor import Tensor
from gradus.types import Array

Loss = Callable[[Tensor, Tensor], Tensor]
Metric = Callable[[Array, Array, Array | None], float]


class Targets(ABC):
    """How one kind of y is learnt: numbers for the network, its loss, and the way back."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Numbers that the network gives a row."""

    @abstractmethod
    def encode(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """Targets of the loss, a row a row."""

    @abstractmethod
    def loss(self, recipe: Recipe) -> Loss:
        """What the recipe's loss is for targets of this kind."""

    @property
    @abstractmethod
    def score(self) -> Metric:
        """What judges a network, larger for better: of outputs, encoded targets, weights."""

    def labels(self, y: Array) -> Array | None:
        """One class a row, to hold out in proportion; None where there is none."""
        return None

    def of_table(self) -> TargetEncoder | None:
        """The same as the command line has it: one class or number a row; None of all else."""
        return None

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """What was learnt of y as plain data."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """From plain data; `FileError` where it is damaged."""


def one_axis(y: Any) -> Array:
    """Targets as a dense array, of one axis where there is one a row."""
    y = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def in_columns(y: Array, count: int) -> Array:
    """Targets with an axis of columns, of which there are as many as in training."""
    y = np.asarray(y)
    if (1 if y.ndim == 1 else y.shape[1]) != count:
        raise DataError(
            f"targets have as many columns as in training, {count}",
            received=f"shape {y.shape}",
        )
    return y.reshape(len(y), count)


def own(loss: Loss) -> Loss:
    """A loss of the user's, under its own name."""
    return loss


def over_members(loss: Loss) -> Loss:
    """The mean of the members' losses, where there are several predictions (rows, members, …)."""
    return partial(_averaged, loss)


def _averaged(loss: Loss, prediction: Tensor, target: Tensor) -> Tensor:
    if prediction.ndim < 3:
        return loss(prediction, target)
    n, k, *rest = prediction.shape
    flat = ops.reshape(prediction, shape=(n * k, *rest))
    each = ops.broadcast_to(ops.expand_dims(target, axis=1), shape=(n, k, *target.shape[1:]))
    repeated = ops.reshape(each, shape=(n * k, *target.shape[1:]))
    return ops.mean(ops.reshape(loss(flat, repeated), shape=(n, k)), axis=1)


def check_loss(given: Any, *known: str) -> None:
    """Refuse a loss that is none for these targets."""
    if given not in known:
        raise ArgumentError(
            f"the loss is one of {', '.join(known)}, or a function (prediction, target) → one "
            "value an example",
            received=repr(given)[:100],
        )
