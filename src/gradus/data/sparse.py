"""Sparse matrices as rows of what is not zero: column numbers, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.data.checks import check_weight, float_dtype
from gradus.data.config import entry
from gradus.errors import DataError, DtypeError, FileError, ShapeError
from gradus.types import Array

# float32 holds every whole number up to here, so a column's number can stand beside its value.
_MOST_COLUMNS = 1 << 24


@dataclass(frozen=True)
class SparseEncoder:
    """Fitted scaling of a sparse matrix's columns: x / max |x|, so that what is 0 stays 0.

    Nothing is subtracted: a centred matrix would have no zeros left. A column without a value in
    training has the scale 0, and what comes in it later is left out, as an unseen category is.

    Attributes:
        scale: max |x| of each column.

    >>> from scipy.sparse import csr_array
    >>> X = csr_array(np.array([[0.0, 4.0, 0.0], [2.0, -8.0, 0.0]]))
    >>> encoder = SparseEncoder.fit(X)
    >>> encoder.scale
    (2.0, 8.0, 0.0)
    >>> encoder.transform(X)
    array([[[ 1. ,  0. ],
            [ 0.5,  0. ]],
    <BLANKLINE>
           [[ 0. ,  1. ],
            [ 1. , -1. ]]], dtype=float32)
    """

    scale: tuple[float, ...]

    @classmethod
    def fit(cls, X: Any, *, weight: npt.ArrayLike | None = None) -> SparseEncoder:
        """Learn how large the numbers of each column are, among rows of a weight above 0.

        Raises `DataError` for an empty matrix, and as `pack_rows`.
        """
        X = _checked(X)
        if not all(X.shape):
            raise DataError(
                "an encoder learns from at least one row and column", received=f"shape {X.shape}"
            )
        found = check_weight(weight, X.shape[0])
        counting = X if found is None else X[np.flatnonzero(found)]
        scale = np.zeros(X.shape[1])
        np.maximum.at(scale, counting.indices, np.abs(counting.data))
        return cls(tuple(scale.tolist()))

    def transform(self, X: Any, dtype: npt.DTypeLike = np.float32) -> Array:
        """Rows of what is not zero, scaled: (n, 2, m), see `pack_rows`.

        Raises:
            ShapeError: other columns than in training.
            DataError: as `pack_rows`.
        """
        X = _checked(X)
        if X.shape[1] != len(self.scale):
            raise ShapeError(
                f"the matrix must have the {len(self.scale)} columns of training",
                received=f"shape {X.shape}",
            )
        scale = np.array(self.scale)[X.indices]
        values = np.zeros(X.data.size)
        with np.errstate(over="ignore"):
            np.divide(X.data, scale, out=values, where=scale > 0)
        return _packed(X, values, float_dtype(dtype))

    def to_config(self) -> dict[str, Any]:
        """Encoder as plain data that JSON can hold exactly."""
        return {"scale": list(self.scale)}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> SparseEncoder:
        """Encoder from `to_config`'s data; `FileError` when it is damaged."""
        scale = entry(config, "scale", list)
        if not scale or not all(type(s) is float and 0 <= s < np.inf for s in scale):
            raise FileError("a sparse encoder has a finite scale of at least 0 for each column")
        return cls(tuple(scale))


def pack_rows(X: Any, dtype: npt.DTypeLike | None = None) -> Array:
    """Non-zeros of each row of a sparse matrix, as one array.

    Row i has the numbers of its columns in [i, 0] and their values in [i, 1], in the order of the
    columns, and then zeros: column 0 with value 0 adds nothing. One long row makes all of them
    long: the memory is 2 · n · m numbers.

    Args:
        X: any SciPy matrix or array of two dimensions, (n, columns).
        dtype: float32 or float64; None for that of X, and float32 for integers and booleans.

    Returns:
        (n, 2, m), m the most non-zeros in a row, at least 1.

    Raises:
        ShapeError: no sparse matrix, or over 2²⁴ columns, whose numbers float32 cannot hold.
        DtypeError: cells that are no real numbers.
        DataError: NaN, ±inf, or a number beyond the dtype, named with its row and column.

    >>> from scipy.sparse import csr_array
    >>> pack_rows(csr_array(np.array([[0.0, 5.0, 0.0, 7.0], [0.0, 0.0, 2.0, 0.0]]))).tolist()
    [[[1.0, 3.0], [5.0, 7.0]], [[2.0, 0.0], [2.0, 0.0]]]
    """
    given = getattr(X, "dtype", None) if dtype is None else dtype
    X = _checked(X)
    return _packed(
        X, X.data, float_dtype(np.float64 if given == np.float64 else dtype or np.float32)
    )


def _checked(X: Any) -> Any:
    """The matrix as compressed rows of float64, each column at most once a row, and checked."""
    from scipy import sparse

    if not sparse.issparse(X) or X.ndim != 2:
        raise ShapeError(
            "a sparse matrix is one of SciPy's, of two dimensions",
            received=f"{type(X).__name__} of shape {getattr(X, 'shape', None)}",
            remedy="use scipy.sparse.csr_array(X), or a table for dense data",
        )
    if X.dtype.kind not in "iufb" or X.dtype.itemsize > 8:
        raise DtypeError("a sparse matrix holds real numbers", received=str(X.dtype))
    if X.shape[1] > _MOST_COLUMNS:
        raise ShapeError(
            f"a sparse matrix has at most 2²⁴ = {_MOST_COLUMNS} columns",
            received=X.shape[1],
            remedy="hash its features into fewer, or leave rare ones out",
        )
    # A copy, since the next line works in place.
    X = sparse.csr_array(X, dtype=np.float64, copy=True)
    X.sum_duplicates()
    _check_finite(X, X.data, "must be finite")
    return X


def _packed(X: Any, values: Array, dtype: np.dtype[Any]) -> Array:
    """Rows of the values, which stand where X has its own; those that are 0 are left out."""
    with np.errstate(over="ignore"):
        values = values.astype(dtype)
    _check_finite(X, values, f"must fit into {dtype}")
    kept = values != 0
    n = X.shape[0]
    rows = np.repeat(np.arange(n), np.diff(X.indptr))[kept]
    counts = np.bincount(rows, minlength=n)
    places = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
    packed = np.zeros((n, 2, max(1, counts.max(initial=0))), dtype)
    packed[rows, 0, places] = X.indices[kept]
    packed[rows, 1, places] = values[kept]
    return packed


def _check_finite(X: Any, values: Array, rule: str) -> None:
    """Raise `DataError` naming row and column of the first of X's values that is not finite."""
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        at = int(wrong[0])
        row = int(np.searchsorted(X.indptr, at, side="right")) - 1
        raise DataError(
            f"the numbers of a sparse matrix {rule}",
            received=f"{float(X.data[at])} in row {row + 1}, column {X.indices[at]} "
            "(columns counted from 0)",
            remedy="correct the cell, or leave it out",
        )
