"""The words every floor shares: arrays, shapes, dtypes, and the type of a value in a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.errors import DtypeError

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
DType = np.dtype[Any]

bool_ = np.dtype(np.bool_)
uint32 = np.dtype(np.uint32)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)

# From narrow to wide. A float of any width is wider than every integer (PyTorch's rule; NumPy
# would answer float64 to int64 + float32).
_WIDTH = {bool_: 0, uint32: 1, int32: 2, int64: 3, float32: 4, float64: 5}
DTYPES = tuple(_WIDTH)


def as_dtype(dtype: npt.DTypeLike) -> DType:
    """Return the dtype, or say which ones gradus computes in.

    >>> as_dtype("float32")
    dtype('float32')
    """
    found = np.dtype(dtype)
    if found not in _WIDTH:
        raise DtypeError(
            f"gradus computes in {', '.join(map(str, DTYPES))}",
            received=str(found),
            remedy="convert the array first, for example with array.astype('float32')",
        )
    return found


def is_float(dtype: DType) -> bool:
    """Whether values of this dtype can carry a gradient."""
    return dtype.kind == "f"


def promote(*dtypes: DType) -> DType:
    """Return the widest of the dtypes, in the order bool < integers < floats.

    uint32 with int32 gives int64, which holds both.

    >>> promote(np.dtype("int64"), np.dtype("float32"))
    dtype('float32')
    """
    widest = max(dtypes, key=_WIDTH.__getitem__)
    return int64 if widest == int32 and uint32 in dtypes else widest


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and dtype of a value: all that is known of it before it is computed.

    >>> print(TensorType((32, 10), float32))
    float32[32, 10]
    """

    shape: Shape
    dtype: DType

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    @property
    def nbytes(self) -> int:
        """Bytes a dense array of this type takes."""
        return self.size * self.dtype.itemsize

    @classmethod
    def of(cls, array: Array) -> TensorType:
        """Type of an array."""
        return cls(array.shape, array.dtype)
