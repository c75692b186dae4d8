"""The cells of a column as one kind: numbers, booleans, text or dates.

Every function takes the array that `Table.column` gives and says which cell does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import numpy as np

from gradus.errors import DataError
from gradus.types import Array

_TRUE, _FALSE = ("true", "yes"), ("false", "no")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?)?", re.ASCII
)


def is_missing(values: Array) -> Array:
    """Mask of the missing cells of a column: NaN, NaT and None.

    >>> is_missing(np.array([1.0, np.nan])).tolist()
    [False, True]
    """
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "M":
        return np.isnat(values)
    if values.dtype.kind == "O":
        return np.fromiter((value is None for value in values), dtype=bool, count=len(values))
    return np.zeros(len(values), dtype=bool)


def number(cell: str) -> float | None:
    """Number that a text cell spells, or None; "inf", "0x1f" and "1_000" are none.

    >>> number("-1.5e3"), number("abc")
    (-1500.0, None)
    """
    return float(cell) if _NUMBER.fullmatch(cell) else None


def boolean(cell: str) -> float | None:
    """1.0 for "true" and "yes", 0.0 for "false" and "no" in any case, or None."""
    word = cell.strip().lower()
    return 1.0 if word in _TRUE else 0.0 if word in _FALSE else None


def date(cell: str) -> datetime | None:
    """Moment (in UTC when the cell names a time zone) of an ISO 8601 date or time, or None.

    >>> date("2024-02-29 12:30"), date("29.2.2024")
    (datetime.datetime(2024, 2, 29, 12, 30), None)
    """
    cell = cell.strip()
    if not _DATE.fullmatch(cell):
        return None
    try:
        moment = datetime.fromisoformat(cell)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):  # a 30th of February; year 0 after the time zone
        return None


def as_numbers(name: str, values: Array) -> Array:
    """Column as float64, NaN where missing; True is 1. `DataError` names the first other cell."""
    if values.dtype.kind in "iufb":
        return values.astype(np.float64, copy=False)
    return _each(name, values, "number", number)


def as_booleans(name: str, values: Array) -> Array:
    """Column as 1.0, 0.0 or NaN, from booleans, 0 and 1, or true/false/yes/no."""
    if values.dtype.kind in "iufb":
        numbers = values.astype(np.float64)
        wrong = ~(np.isnan(numbers) | (numbers == 0) | (numbers == 1))
        if wrong.any():
            row = int(np.argmax(wrong))
            _refuse(name, values[row], row, "boolean (true, false, yes, no, 1, 0)")
        return numbers
    return _each(name, values, "boolean (true, false, yes, no, 1, 0)", boolean)


def as_dates(name: str, values: Array) -> Array:
    """Column as datetime64[us], NaT where missing, from dates or ISO 8601 text."""
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]")
    dates = np.full(len(values), "NaT", dtype="datetime64[us]")
    for row in np.flatnonzero(~is_missing(values)):
        cell = values[row]
        moment = date(cell) if isinstance(cell, str) else None
        if moment is None:
            _refuse(name, cell, int(row), "date (such as 2024-12-31 or 2024-12-31 23:59)")
        dates[row] = moment
    return dates


def as_text(values: Array) -> Array:
    """Column as text, None where missing; a whole number is written without a point.

    So a column of 1, 2, 3 keeps its categories when another file has it as 1.0, 2.0, 3.0.

    >>> as_text(np.array([1.0, 2.5, np.nan])).tolist()
    ['1', '2.5', None]
    """
    text = np.full(len(values), None, dtype=object)
    # Python's own numbers and booleans; but NumPy's dates, which print in ISO 8601.
    cells = values if values.dtype.kind == "M" else values.tolist()
    for row in np.flatnonzero(~is_missing(values)):
        text[row] = _written(cells[row])
    return text


def _written(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)


def _each(name: str, values: Array, kind: str, convert: Callable[[str], float | None]) -> Array:
    """Convert text (and booleans among missing cells) one cell at a time."""
    numbers = np.full(len(values), np.nan)
    for row in np.flatnonzero(~is_missing(values)):
        cell = values[row]
        found = float(cell) if isinstance(cell, bool) else None
        if isinstance(cell, str):
            found = convert(cell)
        if found is None:
            _refuse(name, cell, int(row), kind)
        numbers[row] = found
    return numbers


def _refuse(name: str, cell: Any, row: int, kind: str) -> NoReturn:
    cell = str(cell) if isinstance(cell, np.generic) else cell
    raise DataError(
        f"every cell of column {name!r} must be a {kind} or missing",
        received=f"{cell!r} in row {row + 1}",
        remedy="correct the cell, or give the column another kind when training",
    )
