"""From a table to the numbers a network takes, fitted once and the same ever after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.checks import choice, whole_number
from gradus.data.checks import check_names, check_weight, float_dtype, listing, row_indices
from gradus.data.config import entry
from gradus.data.features import (
    FEATURES,
    CategoricalFeature,
    CodedFeature,
    DateFeature,
    Feature,
    Fitting,
    NumericFeature,
    TextFeature,
    feature_from_config,
)
from gradus.data.scaling import SCALINGS
from gradus.data.schema import Column
from gradus.data.table import Table
from gradus.errors import ArgumentError, DataError, DtypeError, FileError, ShapeError
from gradus.types import Array

# Rows of a matrix that are encoded together, column by column: each then stays in the cache.
_ROWS_AT_ONCE = 1 << 13
_NUMBERS_AT_ONCE = 1 << 15  # about as many, where columns are computed side by side


@dataclass(frozen=True)
class TableEncoder:
    """Fitted encoding of a table's columns as features of a network.

    numeric: scaled, a missing cell 0. boolean: +1, −1, missing 0. categorical: one feature a
    category, and zeros for one unseen in training; or a single feature, its code. date: days
    scaled, and sine and cosine of the day of the year, of the weekday, and of the hour if
    training had one. Where training had missing cells, a feature "… is missing" is added, but
    for codes, which have one for it.

    >>> from gradus.data import infer_schema
    >>> table = Table.from_arrays({"age": [20, 40], "city": ["Bonn", "Ulm"]})
    >>> encoder = TableEncoder.fit(table, infer_schema(table))
    >>> encoder.feature_names
    ('age', 'city = Bonn', 'city = Ulm')
    >>> encoder.transform(table)
    array([[-1.,  1.,  0.],
           [ 1.,  0.,  1.]], dtype=float32)
    """

    features: tuple[Feature, ...]

    @classmethod
    def fit(
        cls,
        table: Table,
        schema: Sequence[Column],
        *,
        scaling: str = "standard",
        max_one_hot: int | None = None,
        weight: npt.ArrayLike | None = None,
    ) -> TableEncoder:
        """Learn scales and categories from the columns that the schema does not ignore.

        Args:
            table: rows of training.
            schema: the kind of each column, see `infer_schema`.
            scaling: of numbers and days. ``"standard"``: (x − mean) / std, a constant is 0.
                ``"robust"``: z / √(1 + (z/3)²) with z = (x − median) / distance of the quartiles,
                which no outlier moves. ``"none"``: as they are.
            max_one_hot: the most categories that get a feature each; a column of K more becomes
                one of codes: 1 … K are its categories, sorted, 0 is missing or never seen. None:
                there are no codes.
            weight: how often each row counts, (n,) of at least 0; with 0 nothing is learnt from
                it. None: each row once.

        Raises:
            DataError: an empty table, ±inf (with column and row), a cell that is not of its
                column's kind, or no column left to learn from.
            ArgumentError: settings outside their ranges.
        """
        _check_rows(len(table))
        used = [column for column in schema if column.kind != "ignored"]
        if not used:
            notes = "; ".join(f"{column.name!r}: {column.note}" for column in schema)
            raise DataError(
                "a table needs a column to learn from",
                received=f"only ignored columns ({notes})" if schema else "no columns",
                remedy="override the kind of a column",
            )
        _check_columns([column.name for column in used], table)
        how = _fitting(scaling, weight, len(table))
        if max_one_hot is not None:
            max_one_hot = whole_number("max_one_hot", max_one_hot, least=0)

        def fitted(column: Column) -> Feature:
            values = table.column(column.name)
            feature = FEATURES[column.kind].fit(column.name, values, how)
            if max_one_hot is None or not isinstance(feature, CategoricalFeature):
                return feature
            return feature if len(feature.categories) <= max_one_hot else feature.coded()

        return cls(tuple(fitted(column) for column in used))

    def transform(self, table: Table, dtype: npt.DTypeLike = np.float32) -> Array:
        """Features (n, d) of a table, float32 or float64; other columns are left alone.

        Raises `DataError` for a missing column, a cell of another kind, ±inf, or a number so far
        from those of training that the dtype cannot hold it.
        """
        _check_columns(self.columns, table)
        encoded = np.empty((len(table), len(self.feature_names)), float_dtype(dtype))
        self._fill(encoded, map(table.column, self.columns))
        return encoded

    @classmethod
    def fit_matrix(
        cls,
        X: Array,
        names: Sequence[str],
        *,
        scaling: str = "standard",
        weight: npt.ArrayLike | None = None,
    ) -> TableEncoder:
        """The encoder that `fit` gives for a matrix of numbers (n, d), column by column.

        All its columns are numeric. Beyond the matrix, memory for one or two of its columns is
        needed, or for 65,536 numbers.

        Args:
            X: floats (NaN is missing), integers or booleans.
            names: of the columns.
            scaling: as for `fit`.
            weight: as for `fit`.

        Raises:
            ShapeError: no matrix, or not one name a column.
            DataError: no rows, no columns, or ±inf (with column and row).
            ArgumentError: settings outside their ranges.

        >>> encoder = TableEncoder.fit_matrix(np.array([[1.0, 5.0], [3.0, np.nan]]), ["a", "b"])
        >>> encoder.feature_names
        ('a', 'b', 'b is missing')
        """
        _check_matrix(X)
        if len(names) != X.shape[1]:
            raise ShapeError(
                "a matrix needs one name a column",
                received=f"{len(names)} names for {X.shape[1]} columns",
            )
        check_names(names, "names")
        _check_rows(len(X))
        if not X.shape[1]:
            raise DataError("a matrix needs a column to learn from", received="no columns")
        how = _fitting(scaling, weight, len(X))
        return cls(tuple(NumericFeature.fit_matrix(names, X, how)))

    def transform_matrix(
        self, X: Array, rows: npt.ArrayLike | None = None, dtype: npt.DTypeLike = np.float32
    ) -> Array:
        """What `transform` gives for a matrix of numbers, some rows at a time.

        Args:
            X: the columns that the encoder was fitted to, in their order, (n, d).
            rows: which of them, counted from 0, in which order; None for all.
            dtype: float32 or float64.

        Returns:
            Features (rows, features), the only memory of their size that is needed.

        Raises:
            ShapeError: no matrix, or one of other columns.
            ArgumentError: an encoder that reads other kinds than numbers, or rows that there are
                not.
            DataError: ±inf or a number too far from training, with its column and row in X.

        >>> X = np.array([[1.0], [3.0], [5.0]])
        >>> TableEncoder.fit_matrix(X, ["a"], scaling="none").transform_matrix(X, rows=[2, 0])
        array([[5.],
               [1.]], dtype=float32)
        """
        _check_matrix(X)
        others = [f.column for f in self.features if not isinstance(f, NumericFeature)]
        if others:
            raise ArgumentError(
                "a matrix holds numbers, and so do all columns of its encoder",
                received=f"an encoder with {listing(others)}",
                remedy="use transform(table)",
            )
        if X.shape[1] != len(self.features):
            raise ShapeError(
                f"the matrix must have the {len(self.features)} columns of training",
                received=f"shape {X.shape}",
            )
        chosen = slice(None) if rows is None else row_indices(rows, len(X))
        n = len(X) if isinstance(chosen, slice) else len(chosen)
        encoded = np.empty((n, len(self.feature_names)), float_dtype(dtype))
        try:
            at_once = min(_ROWS_AT_ONCE, _NUMBERS_AT_ONCE // X.shape[1] + 1)
            for start in range(0, n, at_once):
                part = slice(start, start + at_once)
                these = part if isinstance(chosen, slice) else chosen[part]
                if not self._fill_together(encoded[part], X[these]):
                    self._fill(encoded[part], (column[these] for column in X.T))
        except DataError:
            # Once more by whole columns, where the cell stands in the row that the message names.
            for feature, column in zip(self.features, X.T, strict=True):
                cells = np.full(len(X), np.nan)
                cells[chosen] = column[chosen]
                feature.encode(cells, encoded.dtype)
            raise
        return encoded

    def _fill(self, encoded: Array, columns: Iterable[Array]) -> None:
        """Write the features of the cells of each column."""
        places = self.places.values()
        for feature, place, cells in zip(self.features, places, columns, strict=True):
            encoded[:, place.start : place.stop] = feature.encode(cells, encoded.dtype)

    def _fill_together(self, encoded: Array, cells: Array) -> bool:
        """Write what `_fill` would of numbers scaled alike; False where it has to look at each."""
        scales = [f.scale for f in self.features if isinstance(f, NumericFeature)]
        kinds = {type(scale) for scale in scales}
        if len(kinds) != 1 or len(scales) < encoded.shape[1]:
            return False
        if not np.isfinite(cells).all():  # or some are missing
            return False
        with np.errstate(over="ignore", invalid="ignore"):
            encoded[:] = kinds.pop().columns_z(scales, cells.astype(np.float64, copy=False))
        return bool(np.isfinite(encoded).all())  # or they are too far from training

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the encoder reads."""
        return tuple(feature.column for feature in self.features)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Name of each feature, in the order of `transform`'s columns."""
        return tuple(name for feature in self.features for name in feature.names)

    @property
    def places(self) -> dict[str, range]:
        """Which of `transform`'s columns come from each column of the table."""
        stops = list(accumulate(len(feature.names) for feature in self.features))
        starts = [0, *stops]
        return {c: range(*ends) for c, *ends in zip(self.columns, starts, stops, strict=False)}

    @property
    def numeric(self) -> tuple[int, ...]:
        """Places of the scaled numbers among the features: of numeric columns, and of days.

        >>> from gradus.data import infer_schema
        >>> table = Table.from_arrays({"age": [20, None], "born": ["2004-02-01", "1984-07-01"]})
        >>> TableEncoder.fit(table, infer_schema(table)).numeric
        (0, 2)
        """
        return tuple(
            place.start
            for feature, place in zip(self.features, self.places.values(), strict=True)
            if isinstance(feature, NumericFeature | DateFeature)
        )

    @property
    def codes(self) -> tuple[tuple[int, int], ...]:
        """Place of each feature of codes, and how many codes it has, that of "unknown" included.

        >>> from gradus.data import infer_schema
        >>> table = Table.from_arrays({"age": [20, 40], "city": ["Bonn", "Ulm"]})
        >>> encoder = TableEncoder.fit(table, infer_schema(table), max_one_hot=1)
        >>> encoder.codes, encoder.transform(table)[:, 1].tolist()
        (((1, 3),), [1.0, 2.0])
        """
        return tuple(
            (place.start, len(feature.categories) + 1)
            for feature, place in zip(self.features, self.places.values(), strict=True)
            if isinstance(feature, CodedFeature)
        )

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns that a file must give as text: `Table.read(path, text=encoder.text_columns)`."""
        return tuple(
            feature.column
            for feature in self.features
            if isinstance(feature, TextFeature) and feature.text
        )

    def unseen(self, table: Table) -> dict[str, dict[str, int]]:
        """Texts that training never saw: {column: {text: how many rows}}.

        >>> from gradus.data import infer_schema
        >>> table = Table.from_arrays({"city": ["Bonn", "Ulm"]})
        >>> encoder = TableEncoder.fit(table, infer_schema(table))
        >>> encoder.unseen(Table.from_arrays({"city": ["Ulm", "Rom", "Rom"]}))
        {'city': {'Rom': 2}}
        """
        _check_columns(self.columns, table)
        found = {f.column: f.unseen(table.column(f.column)) for f in self.features}
        return {column: counts for column, counts in found.items() if counts}

    def extra(self, table: Table) -> tuple[str, ...]:
        """Names of the table's columns that the encoder does not read."""
        return tuple(name for name in table.names if name not in self.columns)

    def to_config(self) -> dict[str, Any]:
        """Encoder as plain data that JSON can hold exactly."""
        return {"features": [feature.to_config() for feature in self.features]}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> TableEncoder:
        """Encoder from `to_config`'s data; `FileError` when it is damaged."""
        encoder = cls(tuple(feature_from_config(part) for part in entry(config, "features", list)))
        if not encoder.features or len(set(encoder.columns)) < len(encoder.features):
            raise FileError(
                "a table encoder has features of different columns",
                received=listing(encoder.columns) or "none",
            )
        return encoder


def _fitting(scaling: str, weight: npt.ArrayLike | None, n: int) -> Fitting:
    return Fitting(choice("scaling", scaling, *SCALINGS), check_weight(weight, n))


def _check_rows(n: int) -> None:
    if n == 0:
        raise DataError("an encoder learns from at least one row", received="an empty table")


def _check_matrix(X: Array) -> None:
    if not isinstance(X, np.ndarray) or X.ndim != 2:
        raise ShapeError(
            "a matrix is a 2-D array (rows, columns)",
            received=f"shape {X.shape}" if isinstance(X, np.ndarray) else type(X).__name__,
            remedy="reshape it, for example with array.reshape(-1, 1)",
        )
    if isinstance(X, np.ma.MaskedArray):
        raise DtypeError(
            "what is missing in a matrix is NaN",
            received="a masked array",
            remedy="fill it, for example with X.astype(float).filled(np.nan)",
        )
    if X.dtype.kind not in "iufb" or X.dtype.itemsize > 8:
        raise DtypeError(
            "a matrix holds floats of up to 64 bits, integers or booleans",
            received=str(X.dtype),
            remedy="convert it, or use a table for text and dates",
        )


def _check_columns(expected: Sequence[str], table: Table) -> None:
    missing = [name for name in expected if name not in table.names]
    if missing:
        raise DataError(
            f"the table must have the columns {listing(expected)}",
            received=f"{listing(table.names)}, without {listing(missing)}",
            remedy="add the missing columns, or rename those that are spelled otherwise",
        )
