"""What estimators of numbers share."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import _check_y

from gradus.data.target import Task
from gradus.estimators.base import NetworkEstimator
from gradus.estimators.rows import Rows
from gradus.estimators.targets import Targets, Values, one_axis
from gradus.types import Array


class NetworkRegressorBase(RegressorMixin, NetworkEstimator):
    """Base of the estimators that train a network to predict numbers."""

    _task: Task = "regression"
    targets_: Values

    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """One pass over further rows, at a constant rate.

        What encodes the columns and scales the targets is learnt from the rows of the first call.

        Args:
            X: as in ``fit``.
            y: as in ``fit``.
            sample_weight: as in ``fit``.
            X_val: rows to validate on; with ``early_stopping=True`` the weights that were best on
                them are kept.
            y_val: their targets.
            sample_weight_val: their weights.

        Raises:
            ValueError, TypeError: as ``fit``.
        """
        return self._fit_further(X, y, sample_weight, None, (X_val, y_val, sample_weight_val))

    def predict(self, X: Any) -> Array:
        """Numbers in the unit of y, (rows,) or (rows, values)."""
        raw = self._raw(X)
        return self.targets_.predicted(raw)

    def _check_y(self, y: Any) -> Any:
        y = one_axis(_check_y(y, multi_output=True, y_numeric=True, estimator=self))
        return np.asarray(y, np.float64)

    def _read_targets(self, rows: Rows, classes: Any) -> Targets:
        return Values.fit(rows.y, self.recipe_, rows.weight)

    def __sklearn_tags__(self) -> Tags:
        """What the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
