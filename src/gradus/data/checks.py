"""Small checks of names and arguments that the whole room shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from gradus.errors import DataError

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
