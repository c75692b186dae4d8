"""What all estimators begin with: rows, targets and weights, checked."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_consistent_length, check_random_state
from sklearn.utils.validation import _check_sample_weight

from gradus.checks import whole_number
from gradus.errors import DataError
from gradus.estimators.inputs import Inputs, received
from gradus.types import Array

_SEEDS = 2**31 - 1


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to validate on: inputs, targets, and perhaps a weight each."""

    X: Inputs
    y: Any
    weight: Array | None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, indices: Array) -> Rows:
        """The named rows."""
        weight = None if self.weight is None else self.weight[indices]
        return Rows(self.X.take(indices), self.y[indices], weight)

    def counting(self) -> Rows:
        """The rows that count at all."""
        if self.weight is None or np.all(self.weight > 0):
            return self
        if not np.any(self.weight):
            raise DataError("some row has a weight above 0", received="only weights of 0")
        return self.take(np.flatnonzero(self.weight))


class TableEstimator(BaseEstimator):
    """Base of all estimators: what they take, and how it is checked."""

    _takes_arrays = False  # whether X may have more axes than two

    @abstractmethod
    def _check_y(self, y: Any) -> Any:
        """Targets as an array, checked."""

    @contextmanager
    def _or_as_before(self) -> Iterator[None]:
        """An error leaves the estimator as it was."""
        fields: dict[str, Any] = self.__dict__
        before = dict(fields)
        try:
            yield
        except BaseException:
            fields.clear()
            fields.update(before)
            raise

    def _weighted(self, y: Any, weight: Array | None) -> Array | None:
        """Weights of rows, after those of their classes."""
        return weight

    def _rows(self, X: Any, y: Any, weight: Any, *, reset: bool) -> Rows:
        """Rows, checked; those of weight 0 are left out."""
        inputs = received(self, X, reset=reset)
        if y is None:
            raise DataError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        if reset:
            self._target_name = str(getattr(y, "name", None) or "target")
        y = self._check_y(y)
        check_consistent_length(np.empty((len(inputs), 0)), y)
        if weight is not None:
            weight = _check_sample_weight(weight, y, dtype=np.float64, ensure_non_negative=True)
        rows = Rows(inputs, y, weight).counting()
        return Rows(rows.X, rows.y, self._weighted(rows.y, rows.weight)).counting()

    def __sklearn_tags__(self) -> Tags:
        """What the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def seeded(random_state: Any) -> int:
    """A whole number for all that is random: itself, or drawn."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        return whole_number("random_state", random_state, least=0)
    return int(check_random_state(random_state).randint(_SEEDS))
