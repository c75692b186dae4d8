"""Reading CSV, TSV and Parquet files, and saying exactly where one is damaged.

pyarrow does the reading. Its messages name no line, so when it refuses a file, or when a file has
quotes that pyarrow would guess its way around, Python's csv module walks through it and counts.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from gradus.data.checks import check_names
from gradus.data.plain import plain_table
from gradus.data.write import PROTECTED
from gradus.errors import DataError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*DELIMITERS, ".parquet")

# Cells that mean "missing", also after one space ("5, ?" is common in older files).
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")
_BOM = b"\xef\xbb\xbf"
_MISSING_CELLS = [*MISSING, *(" " + word for word in MISSING)]


def read(path: Path, text: Collection[str]) -> Any:
    """Read a file into a pyarrow.Table of plain types; see `Table.read`."""
    suffix = path.suffix.lower()
    if path.is_dir():
        raise DataError("a table is read from a file", received=f"the folder {str(path)!r}")
    if suffix not in SUFFIXES:
        raise DataError(
            f"a table file ends in {', '.join(SUFFIXES)}",
            received=repr(str(path)),
            remedy="rename the file after its format, or export it as one of these",
        )
    if not path.exists():
        raise DataError(
            "the table file must exist",
            received=repr(str(path)),
            remedy=f"check the spelling; the current folder is {str(Path.cwd())!r}",
        )
    table = (
        _read_parquet(path) if suffix == ".parquet" else _read_csv(path, DELIMITERS[suffix], text)
    )
    check_names(table.column_names, repr(str(path)))
    if table.num_rows == 0:
        raise DataError(
            "a table needs at least one row",
            received=f"only the column names in {str(path)!r}",
            remedy="check how the file was exported",
        )
    return plain_table(table)


def _read_parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not pq.read_table, which would take columns from folder names such as "year=2020".
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            "a .parquet file must be readable as Parquet",
            received=f"{str(path)!r}: {error}",
            remedy="the file is damaged, cut short or of another format; export it again",
        ) from None
    return table


def _read_csv(path: Path, delimiter: str, text: Collection[str]) -> Any:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    data = _bytes(path)
    header = _header(path, data, delimiter)
    names = [PROTECTED.sub(r"\1", cell) for cell in header]
    check_names(names, f"the header of {str(path)!r}")
    one_column = len(names) == 1
    if one_column and not _is_quoted(data) and re.search("[;,\t]", names[0]):
        raise DataError(
            f"the cells of a {path.suffix} file are separated by {delimiter!r}",
            received=f"a single column named {names[0]!r} in {str(path)!r}",
            remedy="export the file again with that separator",
        )
    if b'"' in data:
        _check_rows(path, data, delimiter, len(names))
    # With one column an empty line is a missing cell, except around the whole table.
    content = data.removeprefix(_BOM).strip(b"\r\n") if one_column else data
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(content),
            # One block: a quoted cell of any length fits.
            read_options=pa_csv.ReadOptions(block_size=min(len(data) + 1, 2**31 - 1)),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=not one_column
            ),
            convert_options=pa_csv.ConvertOptions(
                null_values=_MISSING_CELLS,
                strings_can_be_null=True,
                column_types={
                    cell: pa.string()
                    for cell, name in zip(header, names, strict=True)
                    if name in text
                },
            ),
        )
    except pa.ArrowException as error:
        _check_rows(path, data, delimiter, len(names))
        if "cannot infer number of columns" in str(error):  # a header without a line end
            return pa.table({name: pa.nulls(0) for name in names})
        raise DataError(
            f"a {path.suffix} file must be readable", received=f"{str(path)!r}: {error}"
        ) from None
    return _unprotect(table.rename_columns(names))


def _bytes(path: Path) -> bytes:
    """Content of a file, checked to be UTF-8 and not empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            "the table file must be readable", received=f"{str(path)!r}: {error.strerror}"
        ) from None
    try:
        empty = not data.decode("utf-8").removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
        raise DataError(
            "a text table is written in UTF-8",
            received=f"byte 0x{data[error.start]:02x} at offset {error.start}, "
            f"in line {line} of {str(path)!r}",
            remedy="save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8')",
        ) from None
    if empty:
        raise DataError(
            "a table needs a header and rows",
            received=f"the empty file {str(path)!r}",
            remedy="check how the file was exported",
        )
    return data


def _header(path: Path, data: bytes, delimiter: str) -> list[str]:
    """Cells of the first line that is not empty."""
    _, cells = next(_rows(path, data, delimiter))
    return cells


def _is_quoted(data: bytes) -> bool:
    """Whether the file begins with a quoted cell."""
    return data.removeprefix(_BOM).lstrip(b"\r\n").startswith(b'"')


def _check_rows(path: Path, data: bytes, delimiter: str, expected: int) -> None:
    """Raise `DataError` for the first row with a wrong number of cells or an open quote."""
    for line, cells in _rows(path, data, delimiter):
        if len(cells) != expected:
            raise DataError(
                f"every row needs the {expected} cells of the header",
                received=f"{len(cells)} cells in line {line} of {str(path)!r}",
                remedy=f"correct that line; a cell that contains {delimiter!r} needs quotes",
            )


def _rows(path: Path, data: bytes, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of the file, each with the number of the line it starts in; empty lines left out."""
    lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    # Python's limit for a cell is one for the whole process: put it back afterwards.
    limit = csv.field_size_limit(len(data) + 1)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            "a cell that begins with a quote ends with one, just before the next separator",
            received=f"{error} in the row that starts in line {start} of {str(path)!r}",
            remedy="close the quote, and double every quote inside a quoted cell",
        ) from None
    finally:
        csv.field_size_limit(limit)


def _unprotect(table: Any) -> Any:
    """Undo, in every text cell, the apostrophe that `write` puts before a formula."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for position, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            cells = pc.replace_substring_regex(table.column(position), PROTECTED.pattern, r"\1")
            table = table.set_column(position, field.name, cells)
    return table
