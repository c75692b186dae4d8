"""What each column is: its kind, how much of it is missing, and why it is read that way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradus.data.cells import (
    as_booleans,
    as_dates,
    as_numbers,
    boolean,
    date,
    is_missing,
    number,
)
from gradus.data.checks import unknown_column
from gradus.data.table import Table
from gradus.errors import ArgumentError
from gradus.types import Array

KINDS = ("numeric", "boolean", "categorical", "date", "ignored")

# Text with more different values than this is an id or free text when most rows differ …
_ID_VALUES = 100
# … and would, whatever the number of rows, make more one-hot features than memory should hold.
_MOST_CATEGORIES = 1000


@dataclass(frozen=True)
class Column:
    """One column of a schema.

    name: of the column in the table. kind: one of numeric, boolean, categorical, date, ignored.
    missing_count: cells without a value. distinct: different values among the others.
    note: what a person should know about the choice of kind; may be empty.
    """

    name: str
    kind: str
    missing_count: int
    distinct: int
    note: str = ""


def infer_schema(
    table: Table, overrides: Mapping[str, str] | None = None, *, codes: bool = False
) -> tuple[Column, ...]:
    """Choose a kind for every column, in the table's order.

    Numbers are numeric, booleans boolean, dates and times date. Text is boolean when every cell is
    true, false, yes or no; a date when every cell is an ISO 8601 date; ignored when it looks like
    an id or free text (over 100 different values in more than half of the rows, or over 1000 at
    all); else categorical. A column without any value is ignored. `overrides` maps a
    column's name to the kind it must have. With `codes`, for an encoder whose `max_one_hot` makes
    one column of many categories, there may be more than 1000.

    Raises `DataError` for an override of an unknown column, or one that a cell does not fit (named
    with its row), and `ArgumentError` for an unknown kind.

    >>> table = Table.from_arrays({"age": [31, 40], "member": ["yes", "no"]})
    >>> [(column.name, column.kind) for column in infer_schema(table)]
    [('age', 'numeric'), ('member', 'boolean')]
    """
    overrides = overrides or {}
    for name, kind in overrides.items():
        if name not in table.names:
            raise unknown_column(name, table.names)
        if kind not in KINDS:
            raise ArgumentError(
                f"the kind of a column is one of {', '.join(KINDS)}",
                received=f"{kind!r} for column {name!r}",
            )
    return tuple(
        _describe(name, table.column(name), overrides.get(name), codes) for name in table.names
    )


def _describe(name: str, values: Array, override: str | None, codes: bool) -> Column:
    missing = is_missing(values)
    present = values[~missing]
    objects = present.dtype.kind == "O"
    distinct = len(set(present.tolist()) if objects else np.unique(present))
    if override is None:
        kind, note = _infer(present, distinct, missing, codes)
    else:
        kind, note = override, "chosen by you"
        _check_fits(name, values, kind)
    if distinct == 1 and kind != "ignored":
        note = _join(note, "every cell that is not missing is the same")
    return Column(name, kind, int(missing.sum()), distinct, note)


def _infer(present: Array, distinct: int, missing: Array, codes: bool) -> tuple[str, str]:
    """Kind and note of a column from its cells that are not missing."""
    if present.size == 0:
        return "ignored", "every cell is missing"
    if present.dtype.kind in "iuf":
        return "numeric", ""
    if present.dtype.kind == "M":
        return "date", ""
    if all(isinstance(cell, bool | np.bool_) for cell in present):
        return "boolean", ""
    if all(boolean(cell) is not None for cell in present):
        return "boolean", ""
    if all(date(cell) is not None for cell in present):
        return "date", ""
    return _infer_text(present, distinct, missing, codes)


def _infer_text(present: Array, distinct: int, missing: Array, codes: bool) -> tuple[str, str]:
    note = mostly_numbers(present, np.flatnonzero(~missing))
    override = "override its kind with 'categorical' to use it"
    if distinct > _ID_VALUES and distinct > len(missing) / 2:
        why = f"{distinct} different texts in {len(missing)} rows look like an id or free text"
        return "ignored", _join(note, f"{why}; {override}")
    if distinct > _MOST_CATEGORIES and not codes:
        why = f"{distinct} different texts are more than {_MOST_CATEGORIES} categories"
        return "ignored", _join(note, f"{why}; {override}")
    return "categorical", note


def mostly_numbers(present: Array, rows: Array) -> str:
    """Note for text of which more than half is numbers, naming the first cell that is none.

    present: text cells; rows: their row in the table, counted from 0.

    >>> mostly_numbers(np.array(["1", "2", "x"], dtype=object), np.arange(3))
    "67 % of the cells are numbers; first that is not: 'x' in row 3"
    """
    fits = np.fromiter((number(cell) is not None for cell in present), bool, len(present))
    share = fits.mean()
    if share <= 0.5:
        return ""
    if share == 1:
        return "every cell is a number written as text"
    first = int(np.argmin(fits))
    # Not rounded up to 100 %: one cell in a thousand is the one that matters.
    return (
        f"{min(round(100 * share), 99)} % of the cells are numbers; "
        f"first that is not: {present[first]!r} in row {rows[first] + 1}"
    )


def _check_fits(name: str, values: Array, kind: str) -> None:
    """Raise `DataError` at the first cell that cannot be of this kind; text always can."""
    if kind == "numeric":
        as_numbers(name, values)
    elif kind == "boolean":
        as_booleans(name, values)
    elif kind == "date":
        as_dates(name, values)


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
