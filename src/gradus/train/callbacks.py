"""Hooks into training: one that ends it when it has converged, and dropout on a schedule.

A callback overrides what it needs; every hook does nothing by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradus.errors import ArgumentError
from gradus.nn import Dropout
from gradus.optim import Schedule

if TYPE_CHECKING:
    from gradus.train.trainer import Trainer

Row = dict[str, Any]


class Callback:
    """Base of every callback: override the hooks that you need.

    ``trainer.stop(reason)`` ends the training after the epoch; ``trainer.weights()`` gives the
    current weights.

    Attributes:
        rows_only: whether ``on_epoch_end`` and ``on_step`` are content with what they are given,
            and only the former ends the training. Where all hooks are, several short epochs are
            taken in a call and told of after it, when the weights are those of the last. A class
            that defines one of the two looks at more, unless it says otherwise.
    """

    rows_only = True

    def __init_subclass__(cls, **options: Any) -> None:
        """A class with hooks of its own may look at the network in them."""
        super().__init_subclass__(**options)
        for base in cls.__mro__:  # the nearest that says anything of it, by its hooks or in words
            if base is Callback or "rows_only" in vars(base):
                return
            if "on_epoch_end" in vars(base) or "on_step" in vars(base):
                cls.rows_only = False
                return

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        """Before the first epoch."""

    def on_step(self, trainer: Trainer, step: int) -> None:
        """Before a step, numbered from 0 in this ``fit``; the native executor asks seldom."""

    def on_epoch_end(self, trainer: Trainer, row: Row) -> None:
        """After each epoch, with what ``History`` records of it."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch, however the training ended."""


class Convergence(Callback):
    """Stop when training has converged by a stated criterion.

    Args:
        gradient_norm: stop when the Euclidean norm of the gradient is at most this.
        loss_change: stop when the loss changes from one epoch to the next by at most this,
            relative to its size.
    """

    rows_only = True

    def __init__(
        self, *, gradient_norm: float | None = None, loss_change: float | None = None
    ) -> None:
        if gradient_norm is None and loss_change is None:
            raise ArgumentError("name a criterion: gradient_norm or loss_change", received="none")
        self.gradient_norm, self.loss_change = gradient_norm, loss_change

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        """Forget an earlier training."""
        self._before = np.inf

    def on_epoch_end(self, trainer: Trainer, row: Row) -> None:
        """Stop where a criterion holds."""
        loss, norm = row["loss"], row["gradient_norm"]
        if self.gradient_norm is not None and norm <= self.gradient_norm:
            trainer.stop(f"converged: gradient norm {norm:.3g} ≤ {self.gradient_norm:g}")
        elif self.loss_change is not None and (
            abs(self._before - loss) <= self.loss_change * max(abs(loss), 1e-300)
        ):
            trainer.stop(f"converged: the loss changed by at most {self.loss_change:g} of itself")
        self._before = loss


class DropoutSchedule(Callback):
    """Let dropout follow a schedule: before each epoch, p times the factor at its first step.

    It moves every ``nn.Dropout(p, scheduled=True)`` of the network. When training is over their
    factor is 1 again.

    Args:
        schedule: a schedule that knows the step alone, such as ``optim.FlatCosine()``.

    Raises:
        ArgumentError: a network without scheduled dropout.
    """

    def __init__(self, schedule: Schedule) -> None:
        if not isinstance(schedule, Schedule):
            raise ArgumentError(
                "dropout follows a schedule of the step, such as optim.FlatCosine()",
                received=repr(schedule)[:100],
            )
        self.schedule = schedule

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        """Find the layers, and set them for the first epoch."""
        layers = [m for _, m in trainer.network.named_modules() if isinstance(m, Dropout)]
        self._moved = [layer.factor for layer in layers if layer.factor is not None]
        if not self._moved:
            raise ArgumentError(
                "a dropout schedule moves layers nn.Dropout(p, scheduled=True)",
                received="a network without one",
            )
        total, starts = epochs * steps_per_epoch, np.arange(epochs) * float(steps_per_epoch)
        self._factors = iter(self.schedule.factor(starts, total, steps_per_epoch).tolist())
        self._set(next(self._factors))

    def on_epoch_end(self, trainer: Trainer, row: Row) -> None:
        """Set the layers for the next epoch."""
        self._set(next(self._factors, 1.0))

    def on_fit_end(self, trainer: Trainer) -> None:
        """Drop with the full probability again."""
        self._set(1.0)

    def _set(self, factor: float) -> None:
        for tensor in self._moved:
            tensor.assign(factor)
