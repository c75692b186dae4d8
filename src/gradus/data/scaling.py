"""Scaling numbers for a network: standardised, robust against outliers, or as they are.

Statistics are taken in float64 and without overflow. Each scaling is a fitted, frozen class; a file
names it by its place in the closed registry `SCALINGS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from gradus.data.config import entry, finite_number
from gradus.data.quantiles import proportions, quantiles
from gradus.errors import DataError, FileError
from gradus.types import Array

# A smaller deviation has lost its digits (it is subnormal): such a column counts as constant.
_LEAST = float(np.finfo(np.float64).tiny)
_LARGEST = float(np.finfo(np.float64).max)


class Scaling(ABC):
    """What brings the numbers of one column into the range that a network learns from."""

    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, values: Array, name: str, weight: Array | None = None) -> Self:
        """Learn from the numbers that are not NaN; `DataError` for ±inf.

        A weight says how often a row counts, (n,) of at least 0; with 0 it is as if it were absent.
        """

    @classmethod
    def fit_columns(cls, columns: Array) -> list[Self]:
        """What ``fit`` gives for each of several columns, float64 (d, n), all finite.

        What stands in the columns is lost.
        """
        return [cls.fit(column, "") for column in columns]

    def apply(self, values: Array, name: str, dtype: npt.DTypeLike = np.float32) -> Array:
        """Scaled numbers, computed in float64 and given in the dtype; NaN stays NaN.

        Raises `DataError` naming column and row for ±inf and for a result that the dtype cannot
        hold.
        """
        check_finite(values, name)
        with np.errstate(over="ignore"):
            z: Array = self._z(values).astype(dtype)
        wrong = np.isinf(z)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"the numbers of column {name!r} must be near those of training",
                received=f"{float(values[row])!r} in row {row + 1}, where {self._training}",
                remedy="correct the cell, or leave it empty",
            )
        return z

    @abstractmethod
    def _z(self, values: Array) -> Array:
        """Scaled float64 numbers of finite or missing ones."""

    @staticmethod
    @abstractmethod
    def columns_z(scales: Sequence[Any], values: Array) -> Array:
        """What ``_z`` of each gives for its column of a matrix, float64 (n, d)."""

    @property
    @abstractmethod
    def centre(self) -> float:
        """The number that is scaled to 0."""

    @property
    @abstractmethod
    def _training(self) -> str:
        """What a message says of the numbers in training."""

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """Scaling as plain data."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """Scaling from plain data; `FileError` when it is damaged."""


@dataclass(frozen=True)
class Scale(Scaling):
    """z = (x − mean) / std.

    >>> scale = Scale.fit(np.array([1.0, 3.0]), "x")
    >>> scale.apply(np.array([1.0, 2.0, np.nan]), "x")
    array([-1.,  0., nan], dtype=float32)
    >>> Scale.fit(np.array([1.0, 3.0]), "x", weight=np.array([3.0, 1.0])).mean
    1.5
    """

    kind: ClassVar[str] = "standard"
    mean: float
    std: float

    @classmethod
    def fit(cls, values: Array, name: str, weight: Array | None = None) -> Scale:
        """Mean and population standard deviation of the numbers that are not NaN.

        A constant column gets std 1, so that it scales to 0. Raises `DataError` for ±inf.
        """
        check_finite(values, name)
        present, weight = _present(values, weight)
        if present.size == 0:
            return cls(0.0, 1.0)
        return cls._of(present[None], weight)[0]

    @classmethod
    def fit_columns(cls, columns: Array) -> list[Scale]:
        """What ``fit`` gives for each of several columns, float64 (d, n), all finite.

        What stands in the columns is lost. They lie one after another, each in one piece, so that
        their sums are those of single columns to the last bit.
        """
        return cls._of(columns, None)

    @classmethod
    def _of(cls, columns: Array, weight: Array | None) -> list[Scale]:
        """The scale of each column, (d, n) with n ≥ 1, which is worked on in place."""
        first, low, high = columns[:, 0].copy(), columns.min(axis=1), columns.max(axis=1)
        # Scaling by a power of two is exact and keeps the sums from overflowing.
        exponent = np.frexp(np.maximum(abs(low), abs(high)))[1]
        np.ldexp(columns, -exponent[:, None], out=columns)
        total = columns.shape[1] if weight is None else weight.sum()
        mean = (columns if weight is None else columns * weight).sum(axis=1) / total
        columns -= mean[:, None]
        columns *= columns
        if weight is not None:
            columns *= weight
        std = np.ldexp(np.sqrt(columns.sum(axis=1) / total), exponent)
        constant = low == high
        mean = np.where(constant, first, np.ldexp(mean, exponent))
        std = np.where(constant | (std < _LEAST), 1.0, std)
        return [cls(m, s) for m, s in zip(mean.tolist(), std.tolist(), strict=True)]

    def _z(self, values: Array) -> Array:
        return _distance(values, self.mean, self.std)

    @staticmethod
    def columns_z(scales: Sequence[Scale], values: Array) -> Array:
        """(x − mean) / std of each column."""
        means, stds = np.array([s.mean for s in scales]), np.array([s.std for s in scales])
        return _distance(values, means, stds)

    @property
    def centre(self) -> float:
        """The mean."""
        return self.mean

    @property
    def _training(self) -> str:
        return f"the mean is {self.mean:.6g} and the standard deviation {self.std:.6g}"

    def invert(self, z: Array) -> Array:
        """Numbers that standardise to z, float64."""
        return z.astype(np.float64) * self.std + self.mean

    def to_config(self) -> dict[str, Any]:
        """Scale as plain data."""
        return {"mean": self.mean, "std": self.std}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Scale:
        """Scale from plain data; `FileError` when it is damaged."""
        scale = cls(finite_number(config, "mean"), finite_number(config, "std"))
        if scale.std < _LEAST:
            raise FileError("std must be positive", received=scale.std)
        return scale


@dataclass(frozen=True)
class RobustScale(Scaling):
    """z / √(1 + (z/3)²) with z = (x − median) / spread: outliers come near ±3 and never beyond.

    spread: distance of the quartiles; where that is 0, half the range; 0 for a constant, which
    gives 0 whatever comes later. Source: RealMLP (Holzmüller, Grinsztajn, Steinwart, *Better by
    default*, 2024).

    >>> scale = RobustScale.fit(np.array([0.0, 1.0, 2.0, 3.0, 1e9]), "x")
    >>> scale
    RobustScale(median=2.0, spread=2.0)
    >>> scale.apply(np.array([2.0, 1e9]), "x")
    array([0., 3.], dtype=float32)
    """

    kind: ClassVar[str] = "robust"
    median: float
    spread: float

    @classmethod
    def fit(cls, values: Array, name: str, weight: Array | None = None) -> RobustScale:
        """Median and distance of the quartiles (averaged inverse CDF) of what is not NaN."""
        check_finite(values, name)
        present, weight = _present(values, weight)
        if present.size == 0:
            return cls(0.0, 0.0)
        half_range = float(present.max()) / 2 - float(present.min()) / 2
        first, median, third = quantiles(present, 4, weight)
        spread = min(third - first, _LARGEST)
        if spread < _LEAST:
            spread = half_range if half_range >= _LEAST else 0.0
        return cls(median, spread)

    def _z(self, values: Array) -> Array:
        return self.columns_z([self], values[:, None])[:, 0]

    @staticmethod
    def columns_z(scales: Sequence[RobustScale], values: Array) -> Array:
        """The clipped distance from the median of each column."""
        medians = np.array([s.median for s in scales])
        spreads = np.array([s.spread for s in scales])
        constant = spreads == 0
        z = _distance(values, medians, np.where(constant, np.inf, spreads))
        # Long before 1e100 the result is 3, and the square below does not overflow.
        z = np.clip(z, -1e100, 1e100)
        clipped: Array = z / np.sqrt(1 + (z / 3) ** 2) + 0.0  # a constant's −0 is 0
        return clipped

    @property
    def centre(self) -> float:
        """The median."""
        return self.median

    @property
    def _training(self) -> str:
        return f"the median is {self.median:.6g} and the spread {self.spread:.6g}"

    def to_config(self) -> dict[str, Any]:
        """Scale as plain data."""
        return {"kind": self.kind, "median": self.median, "spread": self.spread}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> RobustScale:
        """Scale from plain data; `FileError` when it is damaged."""
        scale = cls(finite_number(config, "median"), finite_number(config, "spread"))
        if scale.spread != 0 and scale.spread < _LEAST:
            raise FileError("spread must be positive, or 0 of a constant", received=scale.spread)
        return scale


@dataclass(frozen=True)
class Unscaled(Scaling):
    """The numbers as they are."""

    kind: ClassVar[str] = "none"

    @classmethod
    def fit(cls, values: Array, name: str, weight: Array | None = None) -> Unscaled:
        """Learn nothing; `DataError` for ±inf."""
        check_finite(values, name)
        return cls()

    def _z(self, values: Array) -> Array:
        return values

    @staticmethod
    def columns_z(scales: Sequence[Unscaled], values: Array) -> Array:
        """The numbers as they are."""
        return values

    @property
    def centre(self) -> float:
        """0."""
        return 0.0

    @property
    def _training(self) -> str:
        return "numbers are not scaled"

    def to_config(self) -> dict[str, Any]:
        """Scaling as plain data."""
        return {"kind": self.kind}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Unscaled:
        """Scaling from plain data."""
        return cls()


# The closed registry: a file can name one of these and nothing else.
SCALINGS: dict[str, type[Scaling]] = {
    scaling.kind: scaling for scaling in (Scale, RobustScale, Unscaled)
}


def scaling_from_config(config: Mapping[str, object]) -> Scaling:
    """Scaling of the kind that the config names; without a kind it is a mean and a deviation.

    Raises `FileError` when there is no such kind.

    >>> scaling_from_config({"mean": 0.0, "std": 2.0})
    Scale(mean=0.0, std=2.0)
    """
    kind = entry(config, "kind", str) if "kind" in config else Scale.kind
    if kind not in SCALINGS:
        raise FileError(f"a scaling is one of {', '.join(SCALINGS)}", received=repr(kind))
    return SCALINGS[kind].from_config(config)


def check_finite(values: Array, name: str) -> None:
    """Raise `DataError` naming column and row of the first ±inf."""
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"the numbers of column {name!r} must be finite",
            received=f"{float(values[row])} in row {row + 1}",
            remedy="correct the cell, or leave it empty",
        )


def _distance(values: Array, centre: Any, unit: Any) -> Array:
    # Halves, because the difference of two large numbers can overflow.
    found: Array = (values / 2 - centre / 2) / (unit / 2)
    return found


def _present(values: Array, weight: Array | None) -> tuple[Array, Array | None]:
    """Copy of the numbers that are there and count, with their weights of at most 1."""
    counts = ~np.isnan(values)
    if weight is None:
        return values[counts], None
    counts &= weight > 0
    weight = weight[counts]
    return values[counts], proportions(weight) if weight.size else weight
