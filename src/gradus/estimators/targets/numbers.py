"""Numbers as targets, and how outputs are read as numbers again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gradus import losses
from gradus.data import TargetEncoder
from gradus.data.config import entry, finite_number
from gradus.data.scaling import Scale
from gradus.estimators.recipe import Recipe
from gradus.estimators.targets.base import Loss, Metric, Targets, check_loss, in_columns, own
from gradus.tensor import Tensor
from gradus.train import metrics
from gradus.types import Array


@dataclass(frozen=True, eq=False)
class Values(Targets):
    """Numbers, standardised for the network: (rows,) or (rows, values).

    Attributes:
        scales: mean and deviation of each.
        flat: whether y had one axis.
        range: least and greatest standardised target of training, of each output.
        quantiles: what is predicted of each, where it is not the mean.
    """

    scales: tuple[Scale, ...]
    flat: bool
    quantiles: tuple[float, ...] = ()
    range: tuple[list[float], list[float]] = ([], [])

    @property
    def outputs(self) -> int:
        """Numbers that the network gives a row."""
        return len(self.scales) * max(len(self.quantiles), 1)

    @classmethod
    def fit(cls, y: Array, recipe: Recipe, weight: Array | None) -> Values:
        """Learn mean and deviation of each column."""
        columns = y.reshape(len(y), -1).T.astype(np.float64)
        scales = tuple(Scale.fit(c, f"target {i}", weight) for i, c in enumerate(columns))
        quantiles = recipe.quantiles if recipe.loss == "quantile" else ()
        z = cls(scales, y.ndim == 1).encode(y, np.float64)
        copies = max(len(quantiles), 1)
        ends = [np.repeat(end, copies).tolist() for end in (z.min(axis=0), z.max(axis=0))]
        return cls(scales, y.ndim == 1, quantiles, (ends[0], ends[1]))

    def encode(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """Standardised, (rows, values)."""
        columns = in_columns(y, len(self.scales)).astype(np.float64).T
        z = [(c - s.mean) / s.std for s, c in zip(self.scales, columns, strict=True)]
        return np.stack(z, axis=1).astype(dtype)

    def loss(self, recipe: Recipe) -> Loss:
        """The named loss of standardised numbers, or the user's own."""
        if callable(recipe.loss):
            return own(recipe.loss)
        named: dict[str, Loss] = {
            "auto": losses.squared_error,
            "squared_error": losses.squared_error,
            "absolute_error": losses.absolute_error,
            "huber": losses.huber,
            "quantile": partial(_pinball, quantiles=self.quantiles),
        }
        check_loss(recipe.loss, *named)
        return named[recipe.loss]

    def decoded(self, raw: Array) -> Array:
        """In the unit of y: (rows, values, quantiles), quantiles in order."""
        cube = raw.astype(np.float64).reshape(len(raw), len(self.scales), -1)
        mean, std = (np.array([getattr(s, n) for s in self.scales]) for n in ("mean", "std"))
        return np.sort(cube * std[:, None] + mean[:, None], axis=2)

    def predicted(self, raw: Array) -> Array:
        """The mean, or the quantile nearest to the median, in the shape of y."""
        middle = self.decoded(raw)[:, :, self._middle]
        return middle[:, 0] if self.flat else middle

    @property
    def score(self) -> Metric:
        """R² of standardised numbers."""

        def r2(prediction: Array, target: Array, weight: Array | None) -> float:
            z = np.sort(prediction.reshape(len(prediction), len(self.scales), -1), axis=2)
            return metrics.r2(z[:, :, self._middle], target, weight)

        return r2

    def of_table(self) -> TargetEncoder | None:
        """The one scale of a mean."""
        if self.outputs > 1 or self.quantiles:
            return None
        return TargetEncoder("regression", scale=self.scales[0])

    def to_config(self) -> dict[str, Any]:
        """All fields."""
        return {
            "scales": [scale.to_config() for scale in self.scales],
            "flat": self.flat,
            "quantiles": list(self.quantiles),
            "range": list(self.range),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """From plain data; `FileError` where it is damaged."""
        low, high = entry(config, "range", list)
        quantiles = entry(config, "quantiles", list)
        for number in (*quantiles, *low, *high):
            finite_number({"number": number}, "number")
        scales = tuple(Scale.from_config(scale) for scale in entry(config, "scales", list))
        return cls(scales, entry(config, "flat", bool), tuple(quantiles), (low, high))

    @property
    def _middle(self) -> int:
        """Place of the quantile nearest to the median."""
        return int(np.argmin(np.abs(np.array(self.quantiles or [0.5]) - 0.5)))


def _pinball(prediction: Tensor, target: Tensor, *, quantiles: Sequence[float]) -> Tensor:
    """Summed over the quantiles, which stand one beside the other for each value."""
    total: Any = 0.0
    for k, q in enumerate(quantiles):
        total = total + losses.pinball(prediction[..., k :: len(quantiles)], target, quantile=q)
    return total
