"""From a table to the numbers a network takes, fitted once and the same ever after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.checks import choice, whole_number
from gradus.data.checks import check_weight, float_dtype, listing
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
from gradus.errors import DataError, FileError
from gradus.types import Array


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
        if len(table) == 0:
            raise DataError("an encoder learns from at least one row", received="an empty table")
        used = [column for column in schema if column.kind != "ignored"]
        if not used:
            notes = "; ".join(f"{column.name!r}: {column.note}" for column in schema)
            raise DataError(
                "a table needs a column to learn from",
                received=f"only ignored columns ({notes})" if schema else "no columns",
                remedy="override the kind of a column",
            )
        _check_columns([column.name for column in used], table)
        how = Fitting(choice("scaling", scaling, *SCALINGS), check_weight(weight, len(table)))
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
        for feature, place in zip(self.features, self.places.values(), strict=True):
            cells = table.column(feature.column)
            encoded[:, place.start : place.stop] = feature.encode(cells, encoded.dtype)
        return encoded

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


def _check_columns(expected: Sequence[str], table: Table) -> None:
    missing = [name for name in expected if name not in table.names]
    if missing:
        raise DataError(
            f"the table must have the columns {listing(expected)}",
            received=f"{listing(table.names)}, without {listing(missing)}",
            remedy="add the missing columns, or rename those that are spelled otherwise",
        )
