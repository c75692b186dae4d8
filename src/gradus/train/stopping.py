"""Stopping early: when a value no longer gets better, and which weights stay then."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from gradus.checks import choice, finite_number, flag, whole_number
from gradus.errors import ArgumentError
from gradus.train.callbacks import Callback, Row

if TYPE_CHECKING:
    from gradus.train.history import History
    from gradus.train.trainer import Trainer
    from gradus.types import Array


class _Watching(Callback):
    """What the rules share: the value watched, and the weights that are kept.

    Args:
        monitor: column of the history, by default ``val_loss`` (``loss`` without validation).
        mode: ``"min"`` or ``"max"``, whichever is better.
        restore: whether the network has the kept weights at the end.
        resume: whether a further ``fit`` of the same trainer goes on where the last one ended.
    """

    rows_only = True

    def __init__(self, monitor: str | None, mode: str, restore: bool, resume: bool) -> None:
        self.monitor, self.mode = monitor, choice("mode", mode, "min", "max")
        self.restore, self.resume = flag("restore", restore), flag("resume", resume)
        self.rows_only = type(self).rows_only and not self.restore  # weights are kept on the way
        self._history: History | None = None

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        """Forget an earlier training, or go on with it."""
        if self.resume and self._history is trainer.history:
            # Where nobody has changed what was restored, from where the training had come to.
            if self._last is not None and _same(trainer.weights(), self._weights):
                trainer.restore(self._last)
            return
        self._history = trainer.history
        self._best, self._best_epoch, self._waited = math.inf, 0, 0
        self._weights: dict[str, Array] | None = None
        self._last: dict[str, Array] | None = None

    @abstractmethod
    def _note(self, trainer: Trainer, row: Row) -> None:
        """Compare the epoch with the best so far, and stop where it is enough."""

    def on_epoch_end(self, trainer: Trainer, row: Row) -> None:
        """Keep the weights where they are the best so far; stop where it is enough."""
        self._note(trainer, row)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Restore the weights that were kept."""
        if self.restore and self._weights is not None:
            self._last = trainer.weights() if self.resume else None
            trainer.restore(self._weights)
            trainer.history.best_epoch = self._best_epoch

    def _watched(self, row: Row) -> tuple[str, float]:
        """Name of the column, and its value, of which less is better."""
        column = self.monitor or ("val_loss" if "val_loss" in row else "loss")
        if column not in row:
            raise ArgumentError(
                f"early stopping watches one of {', '.join(row)}",
                received=column,
                remedy="give fit a validation part, or name another column",
            )
        return column, row[column] if self.mode == "min" else -row[column]

    def _keep(self, trainer: Trainer, row: Row) -> None:
        """These weights and no others, unless better ones come."""
        self._best_epoch = row["epoch"]
        if self.restore:
            self._weights = trainer.weights()


class EarlyStopping(_Watching):
    """Stop when a value has not improved for a number of epochs, and restore the best weights.

    Args:
        monitor: column of the history, by default ``val_loss`` (``loss`` without validation).
        patience: epochs without an improvement before stopping; None: never stop, but restore the
            best weights at the end.
        min_delta: least change that counts as an improvement.
        mode: ``"min"`` or ``"max"``, whichever is better.
        ties: whose weights are kept of epochs that are equally good: those of the ``"first"`` or
            of the ``"last"``, which is no worse, and no improvement to wait on from.
        restore: whether the network has the best weights at the end.
        resume: whether a further ``fit`` of the same trainer goes on where the last one ended: with
            the best value and its weights, the epochs waited and, unless somebody has changed the
            restored ones, the last weights. Two such calls are one longer call.

    Source: Prechelt (1998), "Early stopping, but when?"
    """

    def __init__(
        self,
        monitor: str | None = None,
        patience: int | None = 10,
        min_delta: float = 0.0,
        mode: str = "min",
        *,
        ties: str = "first",
        restore: bool = True,
        resume: bool = False,
    ) -> None:
        super().__init__(monitor, mode, restore, resume)
        self.patience = None if patience is None else whole_number("patience", patience, least=1)
        self.min_delta = finite_number("min_delta", min_delta, least=0)
        self.ties = choice("ties", ties, "first", "last")

    def _note(self, trainer: Trainer, row: Row) -> None:
        column, value = self._watched(row)
        if value < self._best - self.min_delta:
            self._best, self._waited = value, 0
            self._keep(trainer, row)
            return
        if self.ties == "last" and value <= self._best:
            self._keep(trainer, row)
        self._waited += 1
        if self.patience is not None and self._waited >= self.patience:
            trainer.stop(f"{column} has not improved for {self.patience} epochs")


class NoImprovement(_Watching):
    """Stop as scikit-learn's ``MLPClassifier`` and ``MLPRegressor`` do.

    An epoch counts against the training where its value is above best − tol, and any other starts
    the count anew; the training stops when the count is above ``n_iter_no_change``. Unlike in
    ``EarlyStopping`` the best is the least value whatever ``tol``: many steps down, each smaller
    than that, are no improvement.

    Args:
        monitor: column of the history, by default ``val_loss`` (``loss`` without validation).
        tol: what a value must be below the best by, ≥ 0.
        n_iter_no_change: epochs in a row that are borne; infinity: never stop.
        mode: ``"min"`` or ``"max"``, whichever is better.
        restore: whether the network has the weights of the best epoch at the end.
        resume: whether a further ``fit`` of the same trainer goes on where the last one ended; see
            ``EarlyStopping``.
    """

    def __init__(
        self,
        monitor: str | None = None,
        tol: float = 1e-4,
        n_iter_no_change: float = 10,
        mode: str = "min",
        *,
        restore: bool = False,
        resume: bool = False,
    ) -> None:
        super().__init__(monitor, mode, restore, resume)
        self.tol = finite_number("tol", tol, least=0)
        self.n_iter_no_change = (
            n_iter_no_change
            if n_iter_no_change == math.inf
            else whole_number("n_iter_no_change", n_iter_no_change, least=1)
        )

    def _note(self, trainer: Trainer, row: Row) -> None:
        column, value = self._watched(row)
        self._waited = self._waited + 1 if value > self._best - self.tol else 0
        if value < self._best:
            self._best = value
            self._keep(trainer, row)
        if self._waited > self.n_iter_no_change:
            trainer.stop(
                f"{column} has not improved by {self.tol:g} for more than "
                f"{self.n_iter_no_change} epochs"
            )


def _same(a: dict[str, Array], b: dict[str, Array] | None) -> bool:
    """Whether two sets of weights are equal to the bit."""
    return b is not None and all(np.array_equal(a[n], w, equal_nan=True) for n, w in b.items())
