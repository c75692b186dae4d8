"""Arrays that a network takes as they are: images, sequences, numbers of words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.data.config import entry
from gradus.errors import DataError, FileError, ShapeError
from gradus.types import Array

_LARGEST = 1 << 28  # numbers of a row that a file may ask for


@dataclass(frozen=True)
class ArrayEncoder:
    """Rows of any shape, in the network's dtype, or as whole numbers.

    Attributes:
        shape: of a row.
        whole: whether the network takes whole numbers, as an embedding does.

    >>> ArrayEncoder((2,), whole=True).transform(np.array([[3.0, 1.0]]))
    array([[3, 1]])
    """

    shape: tuple[int, ...]
    whole: bool = False

    def transform(self, rows: Array, dtype: npt.DTypeLike = np.float32) -> Array:
        """The rows as the network takes them.

        Raises:
            ShapeError: rows of another shape than in training.
            DataError: a fraction where whole numbers are taken.
        """
        if rows.shape[1:] != self.shape:
            raise ShapeError(
                f"rows have the shape {self.shape} of training", received=rows.shape[1:]
            )
        if not self.whole:
            return np.ascontiguousarray(rows, dtype)
        if not are_whole(rows):
            raise DataError(
                "the network takes whole numbers, as it did in training",
                received="fractions, or no numbers, among them",
            )
        return np.ascontiguousarray(rows, np.int64)

    def to_config(self) -> dict[str, Any]:
        """Encoder as plain data."""
        return {"shape": list(self.shape), "whole": self.whole}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> ArrayEncoder:
        """Encoder from `to_config`'s data; `FileError` when it is damaged."""
        shape = entry(config, "shape", list)
        known = shape and all(type(n) is int and n > 0 for n in shape)
        if not known or math.prod(shape) > _LARGEST:
            raise FileError("the rows of an array have a shape", received=repr(shape)[:100])
        return cls(tuple(shape), entry(config, "whole", bool))


def are_whole(rows: Array) -> bool:
    """Whether all are whole numbers that a float holds exactly.

    >>> are_whole(np.array([[1.0, 2.0]])), are_whole(np.array([[1.5]]))
    (True, False)
    """
    if rows.dtype.kind in "biu":
        return True
    return bool(np.all(np.abs(rows) < 2**53) and np.all(rows == np.round(rows)))
