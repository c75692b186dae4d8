"""Small checks of names and arguments that the whole room shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.errors import ArgumentError, DataError, DtypeError, ShapeError
from gradus.types import Array

_LISTED = 20


def listing(values: Iterable[object]) -> str:
    """Write values for a message: quoted, with commas, and cut short when there are many.

    >>> listing(["a", "b"])
    "'a', 'b'"
    """
    values = list(values)
    text = ", ".join(repr(value) for value in islice(values, _LISTED))
    return text if len(values) <= _LISTED else f"{text}, … ({len(values)} in all)"


def check_names(names: Sequence[str], where: str) -> None:
    """Raise `DataError` unless every column has a name of its own."""
    first: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not isinstance(name, str):
            raise DataError(
                "column names must be text",
                received=f"{name!r} for column {position} in {where}",
                remedy="rename the column",
            )
        if not name.strip():
            raise DataError(
                "every column needs a name",
                received=f"an empty name for column {position} of {len(names)} in {where}",
                remedy="name the column or remove it (pandas: to_csv(..., index=False))",
            )
        if name in first:
            raise DataError(
                "column names must differ",
                received=f"{name!r} for columns {first[name]} and {position} in {where}",
                remedy="rename or remove one of them",
            )
        first[name] = position


def unknown_column(name: str, names: Iterable[str]) -> DataError:
    """Error for a column that the table does not have."""
    return DataError(
        "the column must be in the table",
        received=repr(name),
        remedy=f"choose one of {listing(names)}",
    )


def check_weight(weight: npt.ArrayLike | None, n: int) -> Array | None:
    """Weights of n rows as float64 (n,): finite, of at least 0, and not all of them 0.

    >>> check_weight([1, 2], 2)
    array([1., 2.])
    """
    if weight is None:
        return None
    try:
        found = np.asarray(weight)
    except ValueError:  # lists of different lengths
        found = np.asarray(weight, dtype=object)
    if found.shape != (n,):
        raise ShapeError(
            f"there is a weight for each of the {n} rows", received=f"shape {found.shape}"
        )
    if found.dtype.kind not in "iufb":
        raise DtypeError("weights are numbers", received=str(found.dtype))
    found = found.astype(np.float64, copy=False)
    wrong = ~(np.isfinite(found) & (found >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ArgumentError(
            "weights are finite and at least 0", received=f"{found[row]} in row {row + 1}"
        )
    if n and not found.any():
        raise ArgumentError("some row has a weight above 0", received="only weights of 0")
    return found


def float_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """float32 or float64, in which features are given.

    >>> float_dtype("float64")
    dtype('float64')
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.float32, np.float64):
        raise DtypeError("features are float32 or float64", received=str(found or dtype))
    return found


def row_indices(indices: npt.ArrayLike, n: int) -> Array:
    """Indices of rows as a 1-D array; `ArgumentError` unless they are whole, from 0 to n − 1.

    >>> row_indices([2, 0], 3)
    array([2, 0])
    """
    rows = np.asarray(indices)
    if rows.size == 0:
        rows = rows.astype(np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise ArgumentError(
            "rows are taken by a 1-D array of whole numbers",
            received=f"{rows.dtype} of shape {rows.shape}",
            remedy="turn a mask into indices with np.flatnonzero(mask)",
        )
    if rows.size and (rows.min() < 0 or rows.max() >= n):
        wrong = rows[(rows < 0) | (rows >= n)][0]
        raise ArgumentError(f"row indices run from 0 to {n - 1}", received=int(wrong))
    return rows
