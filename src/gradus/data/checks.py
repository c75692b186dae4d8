"""Small checks of names and arguments that the whole room shares."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import islice

from gradus.errors import ArgumentError, DataError

_LISTED = 20


def listing(values: Iterable[object]) -> str:
    """Write values for a message: quoted, with commas, and cut short when there are many.

    >>> listing(["a", "b"])
    "'a', 'b'"
    """
    values = list(values)
    text = ", ".join(repr(value) for value in islice(values, _LISTED))
    return text if len(values) <= _LISTED else f"{text}, … ({len(values)} in all)"


def whole_number(name: str, value: int, *, least: int | None = None) -> int:
    """Return the argument as a Python int, or raise `ArgumentError`.

    >>> whole_number("n", 5, least=1)
    5
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentError(f"{name} must be a whole number", received=repr(value)) from None
    if least is not None and number < least:
        raise ArgumentError(f"{name} must be at least {least}", received=number)
    return number


def seed_number(seed: int) -> int:
    """Return the seed as a Python int, or raise `ArgumentError`: seeds have 64 bits and a sign."""
    number = whole_number("seed", seed)
    if not -(2**63) <= number < 2**63:
        raise ArgumentError("a seed is a whole number of 64 bits", received=number)
    return number


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
