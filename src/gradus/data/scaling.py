"""Standardising: numbers brought to mean 0 and standard deviation 1, without overflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradus.data.config import finite_number
from gradus.errors import DataError, FileError
from gradus.types import Array

# A smaller deviation has lost its digits (it is subnormal): such a column counts as constant.
_LEAST_STD = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Scale:
    """z = (x − mean) / std, computed in float64 and given as float32.

    >>> scale = Scale.fit(np.array([1.0, 3.0]), "x")
    >>> scale.apply(np.array([1.0, 2.0, np.nan]), "x")
    array([-1.,  0., nan], dtype=float32)
    """

    mean: float
    std: float

    @classmethod
    def fit(cls, values: Array, name: str) -> Scale:
        """Mean and population standard deviation of the numbers that are not NaN.

        A constant column gets std 1, so that it scales to 0. Raises `DataError` for ±inf.
        """
        check_finite(values, name)
        present = values[~np.isnan(values)]
        if present.size == 0:
            return cls(0.0, 1.0)
        if present.min() == present.max():
            return cls(float(present[0]), 1.0)
        # Scaling by a power of two is exact and keeps the sums from overflowing.
        exponent = int(np.frexp(np.abs(present).max())[1])
        small = np.ldexp(present, -exponent)
        mean = float(np.ldexp(small.mean(), exponent))
        std = float(np.ldexp(small.std(), exponent))
        return cls(mean, std if std >= _LEAST_STD else 1.0)

    def apply(self, values: Array, name: str) -> Array:
        """Standardised float32 numbers; NaN stays NaN.

        Raises `DataError` naming column and row for ±inf and for a result beyond float32.
        """
        check_finite(values, name)
        with np.errstate(over="ignore"):
            # Halves, because the difference of two large numbers can overflow.
            z: Array = ((values / 2 - self.mean / 2) / (self.std / 2)).astype(np.float32)
        wrong = np.isinf(z)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"the numbers of column {name!r} must be near those of training",
                received=f"{float(values[row])!r} in row {row + 1}, where the mean is "
                f"{self.mean:.6g} and the standard deviation {self.std:.6g}",
                remedy="correct the cell, or leave it empty",
            )
        return z

    def invert(self, z: Array) -> Array:
        """Numbers that standardise to z, float64."""
        return z.astype(np.float64) * self.std + self.mean

    def to_config(self) -> dict[str, float]:
        """Scale as plain data."""
        return {"mean": self.mean, "std": self.std}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Scale:
        """Scale from plain data; `FileError` when it is damaged."""
        scale = cls(finite_number(config, "mean"), finite_number(config, "std"))
        if scale.std < _LEAST_STD:
            raise FileError("std must be positive", received=scale.std)
        return scale


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
