"""The few cell types a table holds: whatever comes in is brought to one of these at the door.

    int64 · float64 · bool · string · date32 · timestamp[us] · null (a column without any value)

Fewer types mean that a table is the same whether it came from a CSV file, a Parquet file or
arrays. A missing cell is an Arrow null; a NaN becomes one, so there is one kind of "missing".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

import numpy as np

from gradus.errors import DataError


def plain_table(table: Any) -> Any:
    """Bring every column of a pyarrow.Table to a plain type; `DataError` where that is impossible.

    Timestamps with a time zone become UTC, dictionaries and times of day become text.
    """
    import pyarrow as pa

    return pa.table(
        {name: plain_column(name, table.column(i)) for i, name in enumerate(table.column_names)}
    )


def plain_column(name: str, column: Any) -> Any:
    """Bring one pyarrow.ChunkedArray to a plain type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, is_ = column.type, pa.types
    try:
        if is_.is_dictionary(kind):
            return _words(name, column)
        if is_.is_integer(kind):
            return column.cast(pa.int64())
        if is_.is_floating(kind) or is_.is_decimal(kind):
            numbers = column.cast(pa.float64())
            nan = pc.is_nan(numbers)
            # Rebuilding a column costs memory, so only one that needs it is rebuilt.
            return pc.if_else(nan, None, numbers) if pc.any(nan).as_py() else numbers
        if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
            return column.cast(pa.string())
        if is_.is_date(kind):
            return column.cast(pa.date32())
        if is_.is_timestamp(kind):
            # Finer than a microsecond is cut off: no date feature can see it.
            return column.cast(pa.timestamp("us"), safe=False)
        if is_.is_time(kind):
            return column.cast(pa.string())
        if is_.is_boolean(kind) or is_.is_null(kind):
            return column
    except pa.ArrowException as error:
        raise DataError(
            "a cell does not fit the types of a table (64-bit integers and floats, text, dates)",
            received=f"column {name!r} of type {kind}: {error}",
            remedy="convert the column to floats or to text first",
        ) from None
    raise DataError(
        "a table holds numbers, booleans, text and dates",
        received=f"column {name!r} of type {kind}",
        remedy="convert the column to text or to a number (a length of time: to days), or drop it",
    )


def _words(name: str, column: Any) -> Any:
    """Text of a dictionary column, whatever plain type its words have; unused ones are lost."""
    import pyarrow as pa

    chunks = []
    for chunk in column.chunks:
        words = plain_column(name, pa.chunked_array([chunk.dictionary])).cast(pa.string())
        chunks.append(words.combine_chunks().take(chunk.indices))
    return pa.chunked_array(chunks, pa.string())


def arrow_column(name: str, values: Any) -> Any:
    """Turn one array-like into a pyarrow.ChunkedArray; `DataError` when it is no column."""
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        return values
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise DataError(
            "a column is an array or a list of cells",
            received=f"{values!r} for column {name!r}",
            remedy="repeat the value once a row",
        )
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise DataError(
                "a column has one dimension",
                received=f"shape {values.shape} for column {name!r}",
                remedy="give each column a name of its own",
            )
        values = _native(values)
    elif type(getattr(values, "dtype", None)).__name__ == "SparseDtype":  # of pandas
        values = np.asarray(values)
    elif not hasattr(values, "__len__"):
        values = list(values)
    if isinstance(values, list) or str(getattr(values, "dtype", "")) == "object":
        values = _dates(values)
    try:
        # from_pandas: NaN and NaT count as missing.
        return pa.chunked_array([pa.array(values, from_pandas=True)])
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            "the cells of a column share one type: numbers, booleans, text or dates",
            received=f"column {name!r}: {error}",
            remedy="convert the column to one type, for example to text",
        ) from None


def numpy_column(column: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """NumPy array of a plain column: NaN, NaT or None where a cell is missing."""
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return np.full(len(column), None, dtype=object)
    array: np.ndarray[Any, np.dtype[Any]] = column.to_numpy()
    return array


def _dates(cells: Any) -> Any:
    """Cells in which NumPy's dates are Python's, and days are times where there are both.

    Where the first cell is a day, Arrow would cut off the time of day of the others.
    """
    types = set(map(type, cells))
    if np.datetime64 in types:
        cells = [
            cell.astype("datetime64[us]").item() if isinstance(cell, np.datetime64) else cell
            for cell in cells
        ]
        types = set(map(type, cells))
    if date in types and any(issubclass(found, datetime) for found in types):
        return [datetime.combine(c, time()) if type(c) is date else c for c in cells]
    return cells


def _native(values: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    """Copy of an array in this machine's byte order and, for dates, a unit that Arrow has."""
    if values.dtype.kind == "M" and values.dtype != np.dtype("datetime64[D]"):
        return values.astype("datetime64[us]")
    if values.dtype.isnative:
        return values
    return values.astype(values.dtype.newbyteorder("="))
