"""Writing tables so that a file is either whole or untouched, and text cannot run as a formula."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, Any

from gradus.files import replacing

# A spreadsheet takes a cell that begins with one of these for a formula; an apostrophe in front
# makes it text. Apostrophes that stand there already get one more, so reading can take exactly
# one away: what was written is what is read.
FORMULA = re.compile(r"^('*[=+\-@\t\r])")
PROTECTED = re.compile(r"^'('*[=+\-@\t\r])")

# Cells with one of these are quoted. All separators, not only the file's own: a spreadsheet set to
# another one would otherwise cut "x;=1+1" into two cells, the second a formula.
# A byte order mark is quoted, too, so that one in the first name is not taken for the file's.
_SPECIAL = '["\r\n,;\t\ufeff]'

_ROWS_AT_ONCE = 65_536


def write(table: Any, path: Path, delimiter: str | None) -> None:
    """Write a pyarrow.Table of plain types: as text with a delimiter, as Parquet with None."""
    with replacing(path, "table") as file:
        if delimiter is None:
            import pyarrow.parquet as pq

            # With checksums a flipped bit is found when reading.
            pq.write_table(table, file, write_page_checksum=True)
        else:
            write_csv(table, file, delimiter)


def write_csv(table: Any, file: IO[bytes], delimiter: str) -> None:
    """Write a pyarrow.Table of plain types to a binary stream, as text with a delimiter."""
    import pyarrow.compute as pc

    header = [_name(name) for name in table.column_names]
    file.write((delimiter.join(header) + "\n").encode())
    # In a table of one column an empty cell would be an empty line, and be lost.
    missing = '""' if table.num_columns == 1 else ""
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        if batch.num_rows:
            cells = [_cells(column).fill_null(missing) for column in batch.columns]
            lines = pc.binary_join_element_wise(*cells, delimiter).to_pylist()
            file.write(("\n".join(lines) + "\n").encode())


def _cells(column: Any) -> Any:
    """Cells of a column as text, ready to stand between delimiters."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type):
        cells = pc.replace_substring_regex(column, FORMULA.pattern, r"'\1")
        quoted = pc.binary_join_element_wise('"', pc.replace_substring(cells, '"', '""'), '"', "")
        return pc.if_else(pc.match_substring_regex(cells, _SPECIAL), quoted, cells)
    if pa.types.is_floating(column.type):
        # Arrow writes 1.0 as "1", which would be read as an integer.
        return pc.replace_substring_regex(column.cast(pa.string()), r"^(-?\d+)$", r"\1.0")
    # A time without a fraction of a second needs none written.
    return pc.replace_substring_regex(column.cast(pa.string()), r"\.000000$", "")


def _name(name: str) -> str:
    """Column name, ready to stand between delimiters."""
    name = FORMULA.sub(r"'\1", name)
    if re.search(_SPECIAL, name):
        return '"' + name.replace('"', '""') + '"'
    return name
