"""Prediction intervals from how far rows held out lay from their predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gradus.data.config import entry
from gradus.errors import DataError, FileError
from gradus.types import Array

_ROUNDING = 1e-9  # (n + 1) c is a whole number where it is one but for the last digits


@dataclass(frozen=True, eq=False)
class Conformity:
    """Split conformal prediction: the margin that rows held out needed serves fresh rows.

    A row's score is what its interval [low, high] would have to be widened by on both sides,
    s = max(low − y, y − high): |residual| where low = high, and negative inside. Widened by the
    ⌈(n + 1) c⌉-th smallest of n scores, intervals of fresh rows from the same source cover y with
    probability c at least, and at most c + 1/(n + 1) where no two scores are equal.

    With weights w the margin is the least score s for which the rows of a score up to s hold
    Σ wᵢ ≥ c (Σ w + w̄): the fresh row counts as a row of mean weight w̄ and unknown score. With
    equal weights that is the same rule.

    Attributes:
        scores: (rows, values), in the unit of y.
        weight: (rows,), or None where all rows count alike.

    Source: Vovk, Gammerman and Shafer, "Algorithmic learning in a random world" (2005); of
    quantiles Romano, Patterson and Candès (2019); with weights Tibshirani et al. (2019).

    >>> scores = Conformity.of(np.zeros((9, 1)), np.zeros((9, 1)), np.arange(9.0).reshape(9, 1))
    >>> scores.margin(0.8).tolist(), scores.margin(0.9).tolist()
    ([7.0], [8.0])
    """

    scores: Array
    weight: Array | None = None

    @classmethod
    def of(cls, low: Array, high: Array, y: Array, weight: Array | None = None) -> Self:
        """Scores of rows held out: their intervals before, and their targets, (rows, values)."""
        return cls(np.maximum(low - y, y - high), weight)

    def margin(self, coverage: float) -> Array:
        """What widens intervals so that they cover with this probability, (values,).

        Raises:
            DataError: fewer rows than c / (1 − c), which no finite margin would do for.
        """
        n = len(self.scores)
        least = math.ceil(coverage / (1 - coverage) - _ROUNDING)
        if n < least:
            raise DataError(
                f"intervals that cover {coverage:g} need at least {least} rows held out",
                received=f"{n}",
                remedy="ask for less coverage, or fit with more rows, a larger "
                "validation_fraction, or X_val and y_val",
            )
        weight = np.ones(n) if self.weight is None else self.weight / self.weight.mean()
        order = np.argsort(self.scores, axis=0, kind="stable")
        reached = np.cumsum(weight[order], axis=0)
        place = np.sum(reached < coverage * (n + 1) - _ROUNDING * n, axis=0)
        place = np.minimum(place, n - 1)  # the last sum is n but for rounding
        return np.take_along_axis(self.scores, order[place, np.arange(order.shape[1])][None], 0)[0]

    def to_config(self) -> dict[str, Any]:
        """As plain data."""
        weight = None if self.weight is None else self.weight.tolist()
        return {"scores": self.scores.tolist(), "weight": weight}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """From plain data; `FileError` when it is damaged."""
        try:
            scores = np.array(entry(config, "scores", list), np.float64)
            weight = config["weight"]
            weight = None if weight is None else np.array(weight, np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise FileError("conformity scores are numbers", received=str(error)[:200]) from error
        weights = np.ones(len(scores)) if weight is None else weight
        right = scores.ndim == 2 and weights.shape == scores.shape[:1] and scores.size
        if not right or not np.all(np.isfinite(scores)) or not np.all(weights > 0):
            raise FileError(
                "conformity scores are finite, (rows, values), with a weight > 0 a row or none",
                received=f"scores {scores.shape}, weight {weights.shape}",
                remedy="the file is damaged; train again",
            )
        return cls(scores, weight)
