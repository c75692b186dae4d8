"""What estimators of numbers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import _check_y

from gradus.checks import finite_number
from gradus.data import split_indices
from gradus.data.config import entry
from gradus.data.target import Task
from gradus.errors import ArgumentError, DataError
from gradus.estimators.base import NetworkEstimator
from gradus.estimators.conformal import Conformity
from gradus.estimators.plain import Build, check_fits
from gradus.estimators.rows import Rows
from gradus.estimators.targets import Targets, Values, one_axis
from gradus.types import Array


class NetworkRegressorBase(RegressorMixin, NetworkEstimator):
    """Base of the estimators that train a network to predict numbers.

    Attributes:
        conformity_: with ``calibrate=True``, how far rows held out lay from their predictions.
    """

    _task: Task = "regression"
    targets_: Values
    conformity_: Conformity

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

    def predict_quantiles(self, X: Any) -> Array:
        """Quantiles in rising order, (rows, quantiles), or (rows, values, quantiles).

        Each is learnt alone, so where rows are few they may cross; they are put in order, which
        lowers their loss (Chernozhukov et al. 2010). They cover fresh rows about as often as
        they say; ``predict_interval`` covers as often as was asked.

        Raises:
            ArgumentError: an estimator of another loss than ``"quantile"``.

        >>> from gradus.estimators import MLPRegressor
        >>> X = np.linspace(0, 1, 400).reshape(-1, 1)
        >>> y = np.tile([-1.0, 0.0, 1.0, 2.0], 100) * X[:, 0]  # the farther, the wider
        >>> model = MLPRegressor(loss="quantile", quantiles=[0.1, 0.9], random_state=0).fit(X, y)
        >>> bool(np.all(model.predict_quantiles([[1.0]]).round() == [-1, 2]))
        True
        """
        raw = self._raw(X)
        if not self.targets_.quantiles:
            raise ArgumentError(
                "quantiles are predicted by an estimator that was trained on them",
                received=f"loss={self.recipe_.loss!r}"[:100],
                remedy='fit with loss="quantile"',
            )
        cube = self.targets_.decoded(raw)
        return cube[:, 0] if self.targets_.flat else cube

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Lower and upper end of what covers y so often, (rows, 2), or (rows, values, 2).

        Split conformal prediction: the prediction ± a margin that is the same for all rows, or
        with ``loss="quantile"`` the outermost quantiles, both moved outwards (or inwards) by a
        margin, which is narrow where the noise is small. The margin comes from rows held out that
        training has not seen, see ``gradus.estimators.conformal.Conformity``; so whatever the
        network is worth, of fresh rows from the same source this share is covered on average
        over all rows. It is no promise for each row, nor for all values of a row together.

        Args:
            X: as in ``fit``.
            coverage: c, the share of fresh rows that is to lie inside, in (0, 1).

        Raises:
            ArgumentError: an estimator that was not fitted with ``calibrate=True``.
            DataError: fewer rows held out than c / (1 − c).

        >>> from gradus.estimators import MLPRegressor
        >>> X = np.linspace(-1, 1, 400).reshape(-1, 1)
        >>> y = np.sin(3 * X[:, 0]) + 0.1 * np.random.default_rng(0).normal(size=400)
        >>> model = MLPRegressor(calibrate=True, random_state=0).fit(X, y)
        >>> [low, high] = model.predict_interval([[0.5]]).tolist()[0]
        >>> bool(low < np.sin(1.5) < high)
        True
        """
        coverage = finite_number("coverage", coverage, above=0, below=1)
        raw = self._raw(X)
        if not hasattr(self, "conformity_"):
            raise ArgumentError(
                "intervals are predicted by an estimator that was fitted with calibrate=True",
                received=f"calibrate={self.recipe_.calibrate}",
                remedy="set calibrate=True and fit again",
            )
        margin = self.conformity_.margin(coverage)
        low, high = self._ends(raw)
        low, high = low - margin, high + margin
        middle = (low + high) / 2  # where a margin moves ends inwards past each other
        ends = np.stack([np.minimum(low, middle), np.maximum(high, middle)], axis=2)
        return ends[:, 0] if self.targets_.flat else ends

    def _ends(self, raw: Array) -> tuple[Array, Array]:
        """The least and the greatest that is predicted of each value."""
        cube = self.targets_.decoded(raw)
        return cube[:, :, 0], cube[:, :, -1]

    def _to_config(self) -> dict[str, Any]:
        conformity = getattr(self, "conformity_", None)
        found = None if conformity is None else conformity.to_config()
        return {**super()._to_config(), "conformity": found}

    def _take_config(self, config: Mapping[str, Any], build: Build) -> None:
        super()._take_config(config, build)
        if config["conformity"] is not None:
            self.conformity_ = Conformity.from_config(entry(config, "conformity", dict))
            shape = self.conformity_.scores.shape
            check_fits(shape[1] == len(self.targets_.scales), "conformity scores", shape)

    @property
    def _calibrated(self) -> bool:
        return hasattr(self, "conformity_")

    def _begin_calibration(self, wanted: bool) -> None:
        self._outgrow_calibration()

    def _outgrow_calibration(self) -> None:
        self.__dict__.pop("conformity_", None)

    def _share(self, held: Rows, watching: bool) -> tuple[Rows | None, Rows]:
        if not watching:
            return None, held
        watched, calibrating = split_indices(len(held), 0.5, self._seed)
        return held.take(watched), held.take(calibrating)

    def _calibrate(self, trained: Sequence[tuple[Self, Rows]]) -> None:
        [(_, held)] = trained
        low, high = self._ends(self._predicted(held.X))
        self.conformity_ = Conformity.of(low, high, held.y.reshape(low.shape), held.weight)

    def _check_y(self, y: Any) -> Any:
        if not hasattr(y, "toarray") and (cells := np.asarray(y)).dtype.kind in "OUS":
            _check_texts(cells)
        y = one_axis(_check_y(y, multi_output=True, y_numeric=True, estimator=self))
        return np.asarray(y, np.float64)

    def _read_targets(self, rows: Rows, classes: Any) -> Targets:
        return Values.fit(rows.y, self.recipe_, rows.weight)

    def __sklearn_tags__(self) -> Tags:
        """What the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _check_texts(y: Array) -> None:
    """Refuse targets that are words, by their row; of all else scikit-learn says what is wrong."""
    for row, cells in enumerate(y.reshape(len(y), -1) if y.ndim else [], start=1):
        for cell in cells:
            if isinstance(cell, str) and not _is_number(cell):
                raise DataError(
                    "targets of a regressor are numbers, not strings",
                    received=f"{str(cell)!r} in row {row}"[:100],
                    remedy="take a classifier for classes, or encode them as numbers",
                )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
