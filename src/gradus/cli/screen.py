"""Writing to the screen: results on standard output, remarks on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from gradus.runs.words import plain
from gradus.train.strict_json import to_json


def say(text: str, style: str = "") -> None:
    """Write a line to standard output."""
    _write(text, style, sys.stdout)


def remark(text: str, style: str = "") -> None:
    """Write a line to standard error, where it does not mix with results."""
    _write(text, style, sys.stderr)


def say_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object to standard output."""
    sys.stdout.write(to_json(value) + "\n")


def say_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to standard output; numbers stand at the right."""
    from rich import box
    from rich.table import Table

    rows = [[*row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for k, name in enumerate(header):
        numeric = all(isinstance(row[k], int) for row in rows)
        table.add_column(plain(name, "\n"), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{c:,}" if isinstance(c, int) else plain(str(c), "\n") for c in row))
    _console(sys.stdout).print(table)


def _write(text: str, style: str, stream: TextIO) -> None:
    # Commands and paths are not broken at the terminal's edge: they are there to be copied.
    _console(stream).print(plain(text, "\n"), style=style or None, soft_wrap=True)


def _console(stream: TextIO) -> Any:
    from rich.console import Console

    return Console(file=stream, markup=False, highlight=False, emoji=False)
