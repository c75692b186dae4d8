"""What X is: a matrix, a table, sparse rows or an array of more axes; how a network reads it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.checks import require
from gradus.data import SparseEncoder, Table, TableEncoder, infer_schema
from gradus.data.features import NumericFeature
from gradus.data.schema import Column
from gradus.errors import DataError
from gradus.estimators.arrays import ArrayEncoder
from gradus.types import Array

Encoder = TableEncoder | SparseEncoder  # of columns


@dataclass(frozen=True)
class Inputs:
    """Rows as they were given, checked: a table, an array of numbers, or a sparse matrix.

    Attributes:
        rows: the data.
        names: of the columns.
    """

    rows: Any
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows) if isinstance(self.rows, Table) else int(self.rows.shape[0])

    def take(self, indices: Array) -> Inputs:
        """The named rows, in this order."""
        rows = self.rows.take(indices) if isinstance(self.rows, Table) else self.rows[indices]
        return Inputs(rows, self.names)

    def schema(self, kinds: Mapping[str, str] | None, *, codes: bool = True) -> tuple[Column, ...]:
        """What each column is; a matrix holds numbers unless one says otherwise.

        Raises:
            ArgumentError, DataError: kinds that there are not, or not for these columns.
        """
        require(
            kinds is None or isinstance(kinds, Mapping),
            "kinds is a dictionary of columns and their kinds",
            repr(kinds)[:100],
            'write kinds={"zip": "categorical"}',
        )
        if isinstance(self.rows, (Table, np.ndarray)) and (kinds or isinstance(self.rows, Table)):
            return infer_schema(self._table(), kinds, codes=codes)
        require(
            not kinds, "kinds are for a table; a sparse matrix holds numbers", repr(kinds)[:100]
        )
        return tuple(Column(name, "numeric", 0, 0) for name in self.names)

    def encoder(
        self,
        schema: tuple[Column, ...],
        scaling: str,
        max_one_hot: int | None,
        weight: Array | None,
    ) -> Any:
        """What these rows, with these weights, say on how to encode rows."""
        if isinstance(self.rows, np.ndarray) and all(c.kind == "numeric" for c in schema):
            if self.rows.ndim > 2:
                return ArrayEncoder(self.rows.shape[1:])
            return TableEncoder.fit_matrix(self.rows, self.names, scaling=scaling, weight=weight)
        if isinstance(self.rows, (Table, np.ndarray)):
            return TableEncoder.fit(
                self._table(),
                schema,
                scaling=scaling,
                max_one_hot=max_one_hot,
                weight=weight,
            )
        if scaling == "none":
            return SparseEncoder((1.0,) * len(self.names))
        return SparseEncoder.fit(self.rows, weight=weight)

    def encoded(
        self, encoder: Encoder | ArrayEncoder, dtype: npt.DTypeLike, indices: Array | None = None
    ) -> Array:
        """The numbers that a network takes, of all rows or of those named.

        Raises:
            DataError: rows of other columns or kinds than those the encoder was made from.
        """
        if isinstance(encoder, SparseEncoder):
            rows = self._sparse()
            return encoder.transform(rows if indices is None else rows[indices], dtype)
        if isinstance(encoder, ArrayEncoder):
            rows = self.dense()
            return encoder.transform(rows if indices is None else rows[indices], dtype)
        if not isinstance(self.rows, Table) and self.has_numbers(encoder):
            return encoder.transform_matrix(self.dense(), indices, dtype)
        table = self._table()
        return encoder.transform(table if indices is None else table.take(indices), dtype)

    def has_numbers(self, encoder: Encoder | ArrayEncoder) -> bool:
        """Whether all columns are read, and as numbers."""
        if not isinstance(encoder, TableEncoder):
            return True
        numeric = all(isinstance(f, NumericFeature) for f in encoder.features)
        return numeric and encoder.columns == self.names

    def dense(self) -> Array:
        """The rows as an array of numbers."""
        if isinstance(self.rows, Table):
            columns = [self.rows.column(n).astype(np.float64) for n in self.rows.names]
            return np.column_stack(columns)
        return self.rows if isinstance(self.rows, np.ndarray) else np.asarray(self.rows.toarray())

    def _sparse(self) -> Any:
        from scipy import sparse

        return sparse.csr_array(self.dense() if isinstance(self.rows, Table) else self.rows)

    def _table(self) -> Table:
        """The rows under the names of their columns, which a matrix has by their place."""
        if isinstance(self.rows, Table):
            return self.rows
        return Table.from_any(self.dense(), list(self.names))


def received(estimator: Any, X: Any, *, reset: bool) -> Inputs:
    """Check rows as scikit-learn does: the names and the number of the columns, the shape.

    Args:
        estimator: whose ``n_features_in_`` and ``feature_names_in_`` are set or compared.
        X: a data frame (pandas, Polars, Arrow), a Table, an array, a list, or a sparse matrix.
        reset: whether the estimator begins anew.

    Raises:
        ValueError, TypeError: no such data, or data that do not fit those of training.
    """
    import pyarrow as pa
    from sklearn.utils.validation import validate_data

    check_collected(X, "X")
    if isinstance(X, np.ma.MaskedArray) and X.dtype.kind in "iufb":
        X = np.ma.filled(X.astype(np.float64), np.nan)
    X = _unlisted(X)
    plain = not estimator.get_params(deep=False).get("kinds")
    if plain and _is_frame(X) and (numbers := _matrix(X)) is not None:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        if reset:
            estimator._columns = tuple(map(str, X.columns))
        return Inputs(numbers, estimator._columns)
    if _is_frame(X) or _is_table_without_names(X):
        table = Table.from_any(_objects(X) if isinstance(X, np.ndarray) else X)
        # It goes as Arrow, whose names scikit-learn reads, where the class is none that it knows.
        seen = table.arrow if isinstance(X, (Table, pa.RecordBatch)) else X
        validate_data(estimator, seen, reset=reset, skip_check_array=True)
        if reset:
            estimator._columns = table.names
        return Inputs(_renamed(table, estimator._columns), estimator._columns)
    if estimator._takes_arrays and getattr(X, "ndim", 2) > 2:
        X = validate_data(estimator, X, reset=reset, allow_nd=True)
    else:
        X = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=(np.float64, np.float32),
            ensure_all_finite="allow-nan",
        )
    if reset:
        estimator._columns = tuple(f"x{i}" for i in range(X.shape[1]))
    return Inputs(X, estimator._columns)


def check_collected(given: Any, name: str) -> None:
    """Refuse a lazy frame of Polars, which is a query whose rows are not there yet."""
    if type(given).__name__ == "LazyFrame":
        raise DataError(
            f"{name} holds data, and a lazy frame only says how to get them",
            received=f"{name} of the class LazyFrame",
            remedy=f"collect it first: {name}.collect()",
        )


def _unlisted(X: Any) -> Any:
    """A list of rows as an array; of objects where cells are texts or days, else of numbers."""
    if not isinstance(X, (list, tuple)):
        return X
    try:
        numbers = np.asarray(X)
    except ValueError:  # no rows of equal length: scikit-learn says so
        return X
    if numbers.dtype.kind in "iufb":
        return numbers
    if numbers.ndim != 2:
        return X
    cells = np.array(X, object)  # of a number beside a text NumPy has made a text
    words = (str, bytes, datetime.date, np.datetime64)
    return cells if any(isinstance(cell, words) for cell in cells.flat) else X


def _objects(X: Array) -> Array:
    # Of dates in nanoseconds NumPy makes whole numbers.
    return (X.astype("datetime64[us]") if X.dtype.kind == "M" else X).astype(object)


def _renamed(table: Table, names: tuple[str, ...]) -> Table:
    """The table under the names of training, which a column has by its place."""
    return table if table.names == names else Table(table.arrow.rename_columns(list(names)))


def _is_frame(X: Any) -> bool:
    import pyarrow as pa

    if isinstance(X, (Table, pa.Table, pa.RecordBatch)):
        return True
    return hasattr(X, "columns") and (hasattr(X, "iloc") or hasattr(X, "__arrow_c_stream__"))


def _matrix(X: Any) -> Array | None:
    """The numbers of a pandas frame that holds nothing else, without a copy where it has one block.

    Encoders give the same bits for it as for its columns one by one; a column without any number
    is none for them, which a table's schema says better.
    """
    if not hasattr(X, "iloc") or not len(X) or not X.columns.is_unique:
        return None
    if not {d.kind for d in X.dtypes} <= set("iuf"):
        return None
    if not all(isinstance(d, np.dtype) and d.itemsize <= 8 for d in X.dtypes):
        return None  # whole numbers that may be missing
    matrix: Array = X.to_numpy()
    if matrix.dtype.kind != "f" or matrix.dtype.itemsize < 4:
        matrix = matrix.astype(np.float64)
    return None if np.isnan(matrix).all(axis=0).any() else matrix


def _is_table_without_names(X: Any) -> bool:
    """Whether it is a matrix of texts, of dates, or of objects that are not all numbers."""
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "OUSMm":
        return False
    if X.dtype.kind in "Mm":
        return True
    return not all(isinstance(v, (int, float, complex, np.number)) or v is None for v in X.flat)
