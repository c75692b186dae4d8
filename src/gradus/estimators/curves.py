"""What a training recorded, under the names that scikit-learn has for it."""

from __future__ import annotations

from typing import Any

from gradus.train import History


class Curves:
    """The curves of the last fit, read from ``history_``."""

    history_: History
    targets_: Any

    @property
    def loss_curve_(self) -> list[float]:
        """Loss of each pass over the rows of training."""
        return [float(row["loss"]) for row in self.history_]

    @property
    def validation_loss_curve_(self) -> list[float]:
        """Loss of the rows held out after each pass."""
        return self._recorded("val_loss")

    @property
    def validation_scores_(self) -> list[float]:
        """Accuracy or R² of the rows held out after each pass."""
        return self._recorded(f"val_{self.targets_.score.__name__}")

    @property
    def loss_(self) -> float:
        """Loss of the last pass."""
        return self._recorded("loss")[-1]

    @property
    def best_loss_(self) -> float:
        """Least loss of a pass."""
        return min(self._recorded("loss"))

    def _recorded(self, column: str) -> list[float]:
        """A column of the history; an attribute that there is not where it was never recorded."""
        if column not in self.history_.columns:
            why = "rows were held out" if column != "loss" else "pass has been made"
            raise AttributeError(f"no {why}, so {column} was not recorded")
        return [float(v) for v in self.history_[column]]
