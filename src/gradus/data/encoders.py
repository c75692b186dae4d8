"""From a table to the numbers a network takes, fitted once and the same ever after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from gradus.data.checks import listing
from gradus.data.config import entry
from gradus.data.features import FEATURES, CategoricalFeature, Feature, feature_from_config
from gradus.data.schema import Column
from gradus.data.table import Table
from gradus.errors import DataError, FileError
from gradus.types import Array


@dataclass(frozen=True)
class TableEncoder:
    """Fitted encoding of a table's columns as float32 features.

    numeric: (x − mean) / std, a constant is 0, a missing cell 0. boolean: +1, −1, missing 0.
    categorical: one feature a category; a category unseen in training gives zeros. date: days
    standardised, and sine and cosine of the day of the year, of the weekday, and of the hour if
    training had one. Where training had missing cells, a feature "… is missing" is added.

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
    def fit(cls, table: Table, schema: Sequence[Column]) -> TableEncoder:
        """Learn means, deviations and categories from the columns that the schema does not ignore.

        Raises `DataError` for an empty table, for ±inf (with column and row), for a cell that is
        not of its column's kind, and when no column is left to learn from.
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
        return cls(
            tuple(
                FEATURES[column.kind].fit(column.name, table.column(column.name)) for column in used
            )
        )

    def transform(self, table: Table) -> Array:
        """Features (n, d) of a table, float32; columns are found by name, others left alone.

        Raises `DataError` for a missing column, a cell of another kind, ±inf, or a number so far
        from those of training that float32 cannot hold it.
        """
        _check_columns(self.columns, table)
        encoded = np.empty((len(table), len(self.feature_names)), dtype=np.float32)
        for feature, place in zip(self.features, self.places.values(), strict=True):
            encoded[:, place.start : place.stop] = feature.encode(table.column(feature.column))
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
    def text_columns(self) -> tuple[str, ...]:
        """Columns that a file must give as text: `Table.read(path, text=encoder.text_columns)`."""
        return tuple(
            feature.column
            for feature in self.features
            if isinstance(feature, CategoricalFeature) and feature.text
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
