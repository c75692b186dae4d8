"""A table: named columns of equal length, in order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from gradus.data.checks import check_names, row_indices, unknown_column
from gradus.data.plain import arrow_column, numpy_column, plain_table
from gradus.data.read import DELIMITERS, SUFFIXES, read
from gradus.data.write import write, write_csv
from gradus.errors import ArgumentError, DataError, ShapeError
from gradus.types import Array

# Arrow's names of types that have a plainer one.
_WORDS = {"double": "float64", "date32[day]": "date", "timestamp[us]": "time", "null": "empty"}


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Ordered, named columns of numbers, booleans, text and dates over a pyarrow.Table.

    A table never changes; `drop`, `take` and `with_columns` return another one. A cell may be
    missing. Rows are counted from 1 in every message, the header of a file not included.

    >>> table = Table.from_arrays({"age": [31, None, 54], "name": ["Ada", "Ben", "Cleo"]})
    >>> table
    Table of 3 rows: age (int64), name (string)
    >>> table.column("age")
    array([31., nan, 54.])
    """

    arrow: Any

    def __post_init__(self) -> None:
        import pyarrow as pa

        if not isinstance(self.arrow, pa.Table):
            raise DataError(
                "a Table wraps a pyarrow.Table",
                received=type(self.arrow).__name__,
                remedy="use Table.from_any, Table.from_arrays or Table.read",
            )
        check_names(self.arrow.column_names, "the table")
        object.__setattr__(self, "arrow", plain_table(self.arrow))

    @classmethod
    def read(cls, path: str | Path, *, text: Collection[str] = ()) -> Table:
        """Read a .csv, .tsv or .parquet file.

        In CSV and TSV (UTF-8, quotes as in RFC 4180) the first line names the columns, and an
        empty cell or one of NA, N/A, NaN, nan, null, None, ? is missing. A column's type is the
        narrowest that holds all its cells. Columns named in `text` stay exactly as written, so
        that "01" and "True" are still the categories they were in training: pass
        `TableEncoder.text_columns`. One apostrophe before = + - @ is taken away, as `write` and
        spreadsheets put it there.

        Raises `DataError` with the line, column or byte for a file that is missing, empty, not
        UTF-8, damaged or ragged, or whose column names are empty or repeated.
        """
        return cls(read(Path(path), text))

    @classmethod
    def from_arrays(cls, columns: Mapping[str, Any]) -> Table:
        """Table from one array, list or pyarrow array a column; None and NaN are missing.

        Raises `DataError` for columns of different lengths or of mixed types.
        """
        import pyarrow as pa

        check_names(list(columns), "the dictionary")
        arrays = {name: arrow_column(name, values) for name, values in columns.items()}
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(
                "the columns of a table have the same length",
                received=", ".join(f"{name!r}: {length}" for name, length in lengths.items()),
            )
        return cls(pa.table(arrays))

    @classmethod
    def from_any(cls, data: object, names: Sequence[str] | None = None) -> Table:
        """Table from a Table, dictionary, pandas, Polars or Arrow data frame, or 2-D array.

        `names` belongs to an array alone; without it the columns are x0, x1, …. Each column of an
        array of objects has a type of its own. The index of a pandas frame is left out, and
        categories become text.

        >>> Table.from_any(np.eye(2)).names
        ('x0', 'x1')
        """
        import pyarrow as pa

        if names is not None and not isinstance(data, np.ndarray):
            raise ArgumentError(
                "names belong to a 2-D array", received=f"names for a {type(data).__name__}"
            )
        if isinstance(data, Table):
            return data
        if isinstance(data, Mapping):
            return cls.from_arrays(data)
        if isinstance(data, pa.Table):
            return cls(data)
        if isinstance(data, pa.RecordBatch):
            return cls(pa.Table.from_batches([data]))
        if isinstance(data, np.ndarray):
            return cls._from_matrix(data, names)
        if type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns"):
            labels = [str(label) for label in data.columns]
            check_names(labels, "the data frame")
            # Column by column, so that a message can name the one that does not fit.
            return cls.from_arrays(
                {label: data.iloc[:, i] for i, label in enumerate(labels)}  # type: ignore[attr-defined]
            )
        received = type(data).__name__
        if hasattr(data, "__arrow_c_stream__"):
            try:
                return cls(pa.table(data))
            except pa.ArrowException as error:  # a single column, or a type that Arrow lacks
                received = f"{received}: {error}"
        raise DataError(
            "a table is made from a Table, dictionary, data frame, pyarrow.Table or 2-D array",
            received=received,
            remedy="wrap columns in a dictionary: {'name': [...]}",
        )

    @classmethod
    def _from_matrix(cls, matrix: Array, names: Sequence[str] | None) -> Table:
        if matrix.ndim != 2:
            raise ShapeError(
                "a table is made from a 2-D array (rows, columns)",
                received=f"shape {matrix.shape}",
                remedy="reshape it, for example with array.reshape(-1, 1)",
            )
        if names is None:
            names = [f"x{i}" for i in range(matrix.shape[1])]
        if len(names) != matrix.shape[1]:
            raise ShapeError(
                "an array needs one name a column",
                received=f"{len(names)} names for {matrix.shape[1]} columns",
            )
        check_names(names, "names")
        return cls.from_arrays({name: matrix[:, i] for i, name in enumerate(names)})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.arrow.column_names)

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and bool(self.arrow.equals(other.arrow))

    def __repr__(self) -> str:
        columns = (
            f"{field.name} ({_WORDS.get(str(field.type), field.type)})"
            for field in self.arrow.schema
        )
        return f"Table of {len(self)} rows: {', '.join(columns)}"

    def column(self, name: str) -> Array:
        """Cells of one column as a NumPy array, which may be read-only.

        int64 or float64 (NaN where missing), bool, object (text; None where missing, also for
        booleans and for columns without any value), datetime64[D] or [us] (NaT where missing).
        """
        self._check_column(name)
        return numpy_column(self.arrow.column(name))

    def drop(self, name: str) -> Table:
        """Table without one column."""
        self._check_column(name)
        return Table(self.arrow.drop_columns([name]))

    def take(self, indices: npt.ArrayLike) -> Table:
        """Table of the rows at these indices (counted from 0), in this order.

        >>> Table.from_arrays({"a": [10, 20, 30]}).take([2, 0]).column("a")
        array([30, 10])
        """
        return Table(self.arrow.take(row_indices(indices, len(self))))

    def with_columns(self, columns: Mapping[str, Any]) -> Table:
        """Table with more columns at the end; a column of a known name is replaced in place."""
        own = {name: self.arrow.column(name) for name in self.names}
        return Table.from_arrays({**own, **columns})

    def write(self, path: str | Path | IO[bytes]) -> None:
        """Write a .csv, .tsv or .parquet file: whole, or not at all; or CSV to a binary stream.

        Numbers are written so that reading gives the same bits. In CSV and TSV a text cell that a
        spreadsheet would run as a formula (it begins with = + - @, a tab or a carriage return)
        gets an apostrophe in front, which `read` takes away. Raises `DataError` for another
        suffix and for a folder that cannot be written.
        """
        if not isinstance(path, str | Path):
            write_csv(self.arrow, path, DELIMITERS[".csv"])
            return
        path = Path(path)
        self.check_path(path)
        write(self.arrow, path, DELIMITERS.get(path.suffix.lower()))

    @staticmethod
    def check_path(path: Path) -> None:
        """Raise `DataError` unless `write` has a format for a file of this name."""
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"a table file ends in {', '.join(SUFFIXES)}", received=str(path))

    def _check_column(self, name: str) -> None:
        if name not in self.names:
            raise unknown_column(name, self.names)
