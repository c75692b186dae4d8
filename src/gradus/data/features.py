"""How one column becomes features: one small class a kind, fitted once, saved as plain data.

Each turns a table's column into float32 numbers of shape (n, len(names)). Where a cell was missing
in training, a last feature says "is missing" (1 or 0); the cell itself gives zeros.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from gradus.data.cells import as_booleans, as_dates, as_numbers, as_text, boolean, is_missing
from gradus.data.config import entry, texts
from gradus.data.scaling import Scale
from gradus.errors import FileError
from gradus.types import Array

_DAY = np.timedelta64(1, "D")
_YEAR_DAYS = 365.2425


@dataclass(frozen=True)
class Feature(ABC):
    """A fitted column: `encode` gives its features, `names` what each of them is."""

    kind: ClassVar[str]
    column: str

    @classmethod
    @abstractmethod
    def fit(cls, column: str, values: Array) -> Feature:
        """Learn what the encoding needs from the column's cells (see `Table.column`)."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""

    @abstractmethod
    def encode(self, values: Array) -> Array:
        """Features (n, len(names)) of the cells, float32; `DataError` where one does not fit."""

    def unseen(self, values: Array) -> dict[str, int]:
        """How often each text occurs that training never saw."""
        return {}

    def to_config(self) -> dict[str, Any]:
        """Feature as plain data: its kind and its fields."""
        config: dict[str, Any] = {"kind": self.kind}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Scale):
                value = value.to_config()
            config[field.name] = list(value) if isinstance(value, tuple) else value
        return config


@dataclass(frozen=True)
class NumericFeature(Feature):
    """z = (x − mean) / std; a missing number is the mean, 0."""

    kind: ClassVar[str] = "numeric"
    column: str
    scale: Scale
    missing: bool

    @classmethod
    def fit(cls, column: str, values: Array) -> NumericFeature:
        """Learn mean and deviation."""
        numbers = as_numbers(column, values)
        return cls(column, Scale.fit(numbers, column), bool(np.isnan(numbers).any()))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        return (self.column, *_missing_name(self.column, self.missing))

    def encode(self, values: Array) -> Array:
        """Features of the cells."""
        z = self.scale.apply(as_numbers(self.column, values), self.column)
        return _stack([np.nan_to_num(z)], np.isnan(z), self.missing)


@dataclass(frozen=True)
class BooleanFeature(Feature):
    """+1 for true, −1 for false, and 0, which is neither, for a missing or unknown cell."""

    kind: ClassVar[str] = "boolean"
    column: str
    missing: bool

    @classmethod
    def fit(cls, column: str, values: Array) -> BooleanFeature:
        """Learn whether cells are missing."""
        return cls(column, bool(np.isnan(as_booleans(column, values)).any()))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        return (self.column, *_missing_name(self.column, self.missing))

    def encode(self, values: Array) -> Array:
        """Features of the cells."""
        missing = is_missing(values)
        unknown = self._unknown(values)
        if unknown.any():
            values = values.copy()
            values[unknown] = None
        signs = 2 * as_booleans(self.column, values) - 1
        return _stack([np.nan_to_num(signs)], missing, self.missing)

    def unseen(self, values: Array) -> dict[str, int]:
        """How often each text occurs that training never saw."""
        return dict(Counter(values[self._unknown(values)].tolist()))

    def _unknown(self, values: Array) -> Array:
        """Mask of the words that are neither true nor false."""
        unknown = (isinstance(cell, str) and boolean(cell) is None for cell in values)
        return np.fromiter(unknown, dtype=bool, count=len(values))


@dataclass(frozen=True)
class CategoricalFeature(Feature):
    """One feature a category, 1 where the cell has it; an unknown category has zeros everywhere."""

    kind: ClassVar[str] = "categorical"
    column: str
    categories: tuple[str, ...]
    missing: bool
    # Whether the cells were text in training. A file must then be read as text again, or "01"
    # would come back as the number 1.
    text: bool

    @classmethod
    def fit(cls, column: str, values: Array) -> CategoricalFeature:
        """Learn the categories, sorted."""
        text = as_text(values)
        missing = is_missing(text)
        categories = tuple(sorted(set(text[~missing].tolist())))
        is_text = any(isinstance(cell, str) for cell in values)
        return cls(column, categories, bool(missing.any()), is_text)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        names = (f"{self.column} = {category}" for category in self.categories)
        return (*names, *_missing_name(self.column, self.missing))

    def encode(self, values: Array) -> Array:
        """Features of the cells."""
        text = as_text(values)
        position = {category: i for i, category in enumerate(self.categories)}
        if self.missing:
            position[None] = len(self.categories)  # type: ignore[index]
        codes = np.fromiter((position.get(cell, -1) for cell in text), np.int64, len(text))
        one_hot = np.zeros((len(text), len(position)), dtype=np.float32)
        rows = np.flatnonzero(codes >= 0)
        one_hot[rows, codes[rows]] = 1
        return one_hot

    def unseen(self, values: Array) -> dict[str, int]:
        """How often each text occurs that training never saw."""
        known = {None, *self.categories}
        return dict(Counter(cell for cell in as_text(values) if cell not in known))


@dataclass(frozen=True)
class DateFeature(Feature):
    """Days since 1970 standardised, and the place in the year, the week and the day as angles.

    An angle is given by its sine and cosine, so that December stands beside January. The time of
    day counts only where training had one other than midnight.
    """

    kind: ClassVar[str] = "date"
    column: str
    scale: Scale
    hours: bool
    missing: bool

    @classmethod
    def fit(cls, column: str, values: Array) -> DateFeature:
        """Learn mean and deviation of the days, and whether hours matter."""
        dates = as_dates(column, values)
        present = dates[~np.isnat(dates)]
        hours = bool((_day_fraction(present) != 0).any())
        return cls(column, Scale.fit(_days(dates), column), hours, len(present) < len(dates))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        angles = ("day of year", "weekday", "hour") if self.hours else ("day of year", "weekday")
        waves = (f"{self.column}: {f} {angle}" for angle in angles for f in ("sin", "cos"))
        return (f"{self.column}: days", *waves, *_missing_name(self.column, self.missing))

    def encode(self, values: Array) -> Array:
        """Features of the cells."""
        dates = as_dates(self.column, values)
        missing = np.isnat(dates)
        # Any date will do for the missing ones: their features are set to 0 below.
        dates = np.where(missing, np.datetime64(0, "us"), dates)
        days = dates.astype("datetime64[D]")
        day_of_year = (days - days.astype("datetime64[Y]")) / _DAY
        turns = [day_of_year / _YEAR_DAYS, _weekday(days) / 7]
        if self.hours:
            turns.append(_day_fraction(dates))
        angles = [2 * np.pi * turn for turn in turns]
        waves = [wave for angle in angles for wave in (np.sin(angle), np.cos(angle))]
        features = [self.scale.apply(_days(dates), self.column), *waves]
        return _stack([np.where(missing, 0, f) for f in features], missing, self.missing)


# The closed registry: a file can name one of these kinds and nothing else.
FEATURES: dict[str, type[Feature]] = {
    feature.kind: feature
    for feature in (NumericFeature, BooleanFeature, CategoricalFeature, DateFeature)
}

# How a field of each type is read from a config.
_READERS: dict[str, Callable[[Mapping[str, object], str], Any]] = {
    "str": lambda config, key: entry(config, key, str),
    "bool": lambda config, key: entry(config, key, bool),
    "tuple[str, ...]": texts,
    "Scale": lambda config, key: Scale.from_config(entry(config, key, dict)),
}


def feature_from_config(config: Mapping[str, object]) -> Feature:
    """Feature of the kind that the config names; `FileError` when there is no such kind."""
    kind = entry(config, "kind", str)
    if kind not in FEATURES:
        raise FileError(f"a feature's kind is one of {', '.join(FEATURES)}", received=repr(kind))
    cls = FEATURES[kind]
    # With postponed annotations a field's type is the text that stands in the class.
    return cls(**{f.name: _READERS[str(f.type)](config, f.name) for f in fields(cls)})


def _missing_name(column: str, missing: bool) -> tuple[str, ...]:
    return (f"{column} is missing",) if missing else ()


def _stack(features: list[Array], missing: Array, indicator: bool) -> Array:
    """Features beside each other as float32 columns, with the missing indicator last."""
    return np.stack([*features, missing] if indicator else features, axis=1).astype(np.float32)


def _days(dates: Array) -> Array:
    """Days since 1970-01-01 with their fraction; NaN where missing."""
    return (dates - np.datetime64(0, "us")) / _DAY


def _day_fraction(dates: Array) -> Array:
    """Part of the day that is over, in [0, 1)."""
    return (dates - dates.astype("datetime64[D]")) / _DAY


def _weekday(days: Array) -> Array:
    """Monday is 0; 1970-01-01 was a Thursday."""
    return (days.astype(np.int64) + 3) % 7
