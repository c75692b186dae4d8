"""Reading plain-data configs from a file: every entry is checked before it is believed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

from gradus.errors import FileError

T = TypeVar("T")


def entry(config: Mapping[str, object], key: str, kind: type[T]) -> T:
    """Entry of a config, or `FileError` when it is missing or of another type.

    >>> entry({"column": "age"}, "column", str)
    'age'
    """
    if not isinstance(config, Mapping):
        raise FileError("a config is a dictionary", received=type(config).__name__)
    if key not in config:
        raise FileError(
            f"the preprocessing config must have {key!r}",
            received=f"the entries {sorted(map(str, config))}",
            remedy="the file is damaged; train or export again",
        )
    value = config[key]
    # type(), not isinstance(): True is not a number here.
    if type(value) is not kind:
        raise FileError(
            f"{key!r} in the preprocessing config must be a {kind.__name__}",
            received=f"{type(value).__name__} {value!r}"[:200],
            remedy="the file is damaged; train or export again",
        )
    return value


def finite_number(config: Mapping[str, object], key: str) -> float:
    """Entry of a config that is a finite float."""
    value = entry(config, key, float)
    if not math.isfinite(value):
        raise FileError(f"{key!r} in the preprocessing config must be finite", received=value)
    return value


def texts(config: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Entry of a config that is a list of different texts."""
    values = entry(config, key, list)
    if not all(isinstance(value, str) for value in values) or len(set(values)) < len(values):
        raise FileError(f"{key!r} in the preprocessing config must be a list of different texts")
    return tuple(values)
