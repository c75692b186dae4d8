"""scikit-learn's callbacks at the passes of a training, where the installed version has them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from gradus.train import Callback, Trainer
from gradus.train.callbacks import Row

__all__ = ["ASKED", "CallbackSupportMixin", "Passes", "passes", "with_callbacks"]

ASKED = "a callback of scikit-learn asked for it"  # why training ended

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9
    Method = TypeVar("Method", bound=Callable[..., Any])

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method: Method) -> Method:
        """The method as it is."""
        return method


class Passes(Callback):
    """Tells scikit-learn's callbacks of each pass, and stops where one asks for it.

    Args:
        estimator: whose callbacks they are.
        X: rows of the training, as they were given.
        y: their targets.
    """

    def __init__(self, estimator: Any, X: Any, y: Any) -> None:
        self.estimator = estimator
        self.told = {"estimator": estimator, "X": X, "y": y}

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        """The fit and its first pass begin."""
        self.root = self.estimator._init_callback_context(max_subtasks=epochs)
        self.root.call_on_fit_task_begin(**self.told)
        self._begin()

    def on_epoch_end(self, trainer: Trainer, row: Row) -> None:
        """A pass ends, and the next begins unless a callback says stop."""
        stop = self.now.call_on_fit_task_end(**self.told, reconstruction_attributes=self._as_it_is)
        if stop:
            trainer.stop(ASKED)
        elif self.now.task_id + 1 < self.root.max_subtasks:
            self._begin()

    def on_fit_end(self, trainer: Trainer) -> None:
        """The fit ends."""
        self.root.call_on_fit_task_end(**self.told, reconstruction_attributes=self._as_it_is)

    def _begin(self) -> None:
        self.now = self.root.subcontext(task_name="pass").call_on_fit_task_begin(**self.told)

    def _as_it_is(self) -> dict[str, Any]:
        """What makes a copy of the estimator predict as it would now, whatever comes later."""
        return {"network_": copy.deepcopy(self.estimator.network_)}


def passes(estimator: Any, X: Any, y: Any) -> list[Callback]:
    """The bridge to scikit-learn's callbacks, where the estimator has any to tell."""
    wanted = hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx")
    return [Passes(estimator, X, y)] if wanted and hasattr(estimator, "set_callbacks") else []
