"""How one column becomes features: one small class a kind, fitted once, saved as plain data.

Each turns a table's column into numbers of shape (n, len(names)). Where a cell was missing in
training, a last feature says "is missing" (1 or 0); the cell itself gives zeros.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gradus.data.cells import as_booleans, as_dates, as_numbers, as_text, boolean, is_missing
from gradus.data.config import entry, texts
from gradus.data.scaling import SCALINGS, Scaling, scaling_from_config
from gradus.errors import FileError
from gradus.types import Array

_DAY = np.timedelta64(1, "D")
_YEAR_DAYS = 365.2425
_NUMBERS = 1 << 16  # of the columns that are learnt from together


@dataclass(frozen=True)
class Fitting:
    """How columns are learnt from: the scaling of numbers, and how often each row counts, (n,)."""

    scaling: str = "standard"
    weight: Array | None = None

    def scale(self, numbers: Array, column: str) -> Scaling:
        """Scaling fitted to numbers."""
        return SCALINGS[self.scaling].fit(numbers, column, self.weight)

    def counting(self, values: Array) -> Array:
        """Values of the rows that count at all."""
        return values if self.weight is None else values[self.weight > 0]


STANDARD = Fitting()


@dataclass(frozen=True)
class Feature(ABC):
    """A fitted column: `encode` gives its features, `names` what each of them is."""

    kind: ClassVar[str]
    column: str

    @classmethod
    @abstractmethod
    def fit(cls, column: str, values: Array, how: Fitting = STANDARD) -> Feature:
        """Learn what the encoding needs from the column's cells (see `Table.column`)."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""

    @abstractmethod
    def encode(self, values: Array, dtype: npt.DTypeLike = np.float32) -> Array:
        """Features (n, len(names)) of the cells; `DataError` where one does not fit."""

    def unseen(self, values: Array) -> dict[str, int]:
        """How often each text occurs that training never saw."""
        return {}

    def to_config(self) -> dict[str, Any]:
        """Feature as plain data: its kind and its fields."""
        config: dict[str, Any] = {"kind": self.kind}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Scaling):
                value = value.to_config()
            config[field.name] = list(value) if isinstance(value, tuple) else value
        return config


@dataclass(frozen=True)
class NumericFeature(Feature):
    """The scaled number, such as z = (x − mean) / std; a missing one is 0, which is the centre."""

    kind: ClassVar[str] = "numeric"
    column: str
    scale: Scaling
    missing: bool

    @classmethod
    def fit(cls, column: str, values: Array, how: Fitting = STANDARD) -> NumericFeature:
        """Learn the scale."""
        numbers = as_numbers(column, values)
        missing = np.isnan(how.counting(numbers)).any()
        return cls(column, how.scale(numbers, column), bool(missing))

    @classmethod
    def fit_matrix(
        cls, names: Sequence[str], X: Array, how: Fitting = STANDARD
    ) -> list[NumericFeature]:
        """What `fit` gives for each column of numbers, booleans or NaN, (n, d), and refuses."""
        if how.weight is not None:
            return [cls.fit(name, X[:, j], how) for j, name in enumerate(names)]
        # Several at a time: a call takes as long as the sums of a thousand rows.
        together = max(1, _NUMBERS // len(X))
        found: list[NumericFeature] = []
        for start in range(0, len(names), together):
            some, part = names[start : start + together], X[:, start : start + together]
            columns = np.array(part.T, np.float64, order="C")
            if np.isfinite(columns).all():
                scales = SCALINGS[how.scaling].fit_columns(columns)
                found += [cls(name, scale, False) for name, scale in zip(some, scales, strict=True)]
            else:
                del columns
                found += [cls.fit(name, part[:, j], how) for j, name in enumerate(some)]
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        return (self.column, *_missing_name(self.column, self.missing))

    def encode(self, values: Array, dtype: npt.DTypeLike = np.float32) -> Array:
        """Features of the cells."""
        z = self.scale.apply(as_numbers(self.column, values), self.column, dtype)
        return _stack([np.nan_to_num(z)], np.isnan(z), self.missing, dtype)


@dataclass(frozen=True)
class BooleanFeature(Feature):
    """+1 for true, −1 for false, and 0, which is neither, for a missing or unknown cell."""

    kind: ClassVar[str] = "boolean"
    column: str
    missing: bool

    @classmethod
    def fit(cls, column: str, values: Array, how: Fitting = STANDARD) -> BooleanFeature:
        """Learn whether cells are missing."""
        booleans = as_booleans(column, values)
        return cls(column, bool(np.isnan(how.counting(booleans)).any()))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        return (self.column, *_missing_name(self.column, self.missing))

    def encode(self, values: Array, dtype: npt.DTypeLike = np.float32) -> Array:
        """Features of the cells."""
        missing = is_missing(values)
        unknown = self._unknown(values)
        if unknown.any():
            values = values.copy()
            values[unknown] = None
        signs = 2 * as_booleans(self.column, values) - 1
        return _stack([np.nan_to_num(signs)], missing, self.missing, dtype)

    def unseen(self, values: Array) -> dict[str, int]:
        """How often each text occurs that training never saw."""
        return dict(Counter(values[self._unknown(values)].tolist()))

    def _unknown(self, values: Array) -> Array:
        """Mask of the words that are neither true nor false."""
        unknown = (isinstance(cell, str) and boolean(cell) is None for cell in values)
        return np.fromiter(unknown, dtype=bool, count=len(values))


@dataclass(frozen=True)
class TextFeature(Feature):
    """A column of texts, of which training had some: its categories, sorted."""

    column: str
    categories: tuple[str, ...]
    # Whether the cells were text in training. A file must then be read as text again, or "01"
    # would come back as the number 1.
    text: bool

    def unseen(self, values: Array) -> dict[str, int]:
        """How often each text occurs that training never saw."""
        known = {None, *self.categories}
        return dict(Counter(cell for cell in as_text(values) if cell not in known))


@dataclass(frozen=True)
class CategoricalFeature(TextFeature):
    """One feature a category, 1 where the cell has it; an unknown category has zeros everywhere."""

    kind: ClassVar[str] = "categorical"
    missing: bool

    @classmethod
    def fit(cls, column: str, values: Array, how: Fitting = STANDARD) -> CategoricalFeature:
        """Learn the categories."""
        values = how.counting(values)
        text = as_text(values)
        missing = is_missing(text)
        categories = tuple(sorted(set(text[~missing].tolist())))
        is_text = any(isinstance(cell, str) for cell in values)
        return cls(column, categories, is_text, bool(missing.any()))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        names = (f"{self.column} = {category}" for category in self.categories)
        return (*names, *_missing_name(self.column, self.missing))

    def encode(self, values: Array, dtype: npt.DTypeLike = np.float32) -> Array:
        """Features of the cells."""
        known = (*self.categories, None) if self.missing else self.categories
        places = _places(as_text(values), known)
        one_hot = np.zeros((len(places), len(known)), dtype)
        rows = np.flatnonzero(places >= 0)
        one_hot[rows, places[rows]] = 1
        return one_hot

    def coded(self) -> CodedFeature:
        """The same categories, as one feature of codes."""
        return CodedFeature(self.column, self.categories, self.text)


@dataclass(frozen=True)
class CodedFeature(TextFeature):
    """One feature, the category's number 1 … K, for a network that learns an embedding of each.

    0 is a cell that is missing, or has a category that training never saw.
    """

    kind: ClassVar[str] = "coded"

    @classmethod
    def fit(cls, column: str, values: Array, how: Fitting = STANDARD) -> CodedFeature:
        """Learn the categories."""
        return CategoricalFeature.fit(column, values, how).coded()

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the feature."""
        return (self.column,)

    def encode(self, values: Array, dtype: npt.DTypeLike = np.float32) -> Array:
        """Features of the cells."""
        return (_places(as_text(values), self.categories) + 1).astype(dtype)[:, None]


@dataclass(frozen=True)
class DateFeature(Feature):
    """Days since 1970 scaled, and the place in the year, the week and the day as angles.

    An angle is given by its sine and cosine, so that December stands beside January. The time of
    day counts only where training had one other than midnight.
    """

    kind: ClassVar[str] = "date"
    column: str
    scale: Scaling
    hours: bool
    missing: bool

    @classmethod
    def fit(cls, column: str, values: Array, how: Fitting = STANDARD) -> DateFeature:
        """Learn the scale of the days, and whether hours matter."""
        dates = as_dates(column, values)
        scale = how.scale(_days(dates), column)
        counting = how.counting(dates)
        missing = np.isnat(counting)
        hours = bool((_day_fraction(counting[~missing]) != 0).any())
        return cls(column, scale, hours, bool(missing.any()))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each feature."""
        angles = ("day of year", "weekday", "hour") if self.hours else ("day of year", "weekday")
        waves = (f"{self.column}: {f} {angle}" for angle in angles for f in ("sin", "cos"))
        return (f"{self.column}: days", *waves, *_missing_name(self.column, self.missing))

    def encode(self, values: Array, dtype: npt.DTypeLike = np.float32) -> Array:
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
        features = [self.scale.apply(_days(dates), self.column, dtype), *waves]
        return _stack([np.where(missing, 0, f) for f in features], missing, self.missing, dtype)


# The closed registry: a file can name one of these kinds and nothing else.
FEATURES: dict[str, type[Feature]] = {
    feature.kind: feature
    for feature in (NumericFeature, BooleanFeature, CategoricalFeature, CodedFeature, DateFeature)
}

# How a field of each type is read from a config.
_READERS: dict[str, Callable[[Mapping[str, object], str], Any]] = {
    "str": lambda config, key: entry(config, key, str),
    "bool": lambda config, key: entry(config, key, bool),
    "tuple[str, ...]": texts,
    "Scaling": lambda config, key: scaling_from_config(entry(config, key, dict)),
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


def _stack(features: list[Array], missing: Array, indicator: bool, dtype: npt.DTypeLike) -> Array:
    """Features beside each other as columns, with the missing indicator last."""
    return np.stack([*features, missing] if indicator else features, axis=1).astype(dtype)


def _places(text: Array, known: Sequence[str | None]) -> Array:
    """Place of each cell among those known, −1 where it is none of them."""
    place = {category: i for i, category in enumerate(known)}
    return np.fromiter((place.get(cell, -1) for cell in text), np.int64, len(text))


def _days(dates: Array) -> Array:
    """Days since 1970-01-01 with their fraction; NaN where missing."""
    return (dates - np.datetime64(0, "us")) / _DAY


def _day_fraction(dates: Array) -> Array:
    """Part of the day that is over, in [0, 1)."""
    return (dates - dates.astype("datetime64[D]")) / _DAY


def _weekday(days: Array) -> Array:
    """Monday is 0; 1970-01-01 was a Thursday."""
    return (days.astype(np.int64) + 3) % 7
