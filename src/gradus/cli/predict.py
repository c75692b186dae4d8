"""``gradus predict``: a table with predictions beside its columns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gradus.cli.screen import remark
from gradus.data import Table
from gradus.errors import FileError
from gradus.runs import read_model_of
from gradus.runs.words import count
from gradus.train.table_model import TableModel

_MOST_TEXTS = 5


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or its model.safetensors.")],
    table: Annotated[Path, typer.Argument(metavar="NEW.csv", help=".csv, .tsv or .parquet file.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="File to write (default: CSV to standard output).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file at --out.")] = False,
) -> None:
    """Predict each row of a table; its own columns are kept, in their order."""
    if out is not None:
        Table.check_path(out)
    if out is not None and out.exists() and not force:
        raise FileError(
            "predictions are written to a new file",
            received=f"{str(out)!r}, which exists",
            remedy="name another file with --out, or replace it with --force",
        )
    model = read_model_of(run)
    rows = model.read(table)
    predicted = model.predict(rows)
    report_unseen(model, rows)
    if out is None:
        predicted.write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        predicted.write(out)


def report_unseen(model: TableModel, rows: Table) -> None:
    """Say on standard error which texts of the rows training never saw."""
    for column, counts in model.inputs.unseen(rows).items():
        common = sorted(counts.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{text!r} ({count(n, 'row')})" for text, n in common[:_MOST_TEXTS])
        more = f" and {len(common) - _MOST_TEXTS} more" if len(common) > _MOST_TEXTS else ""
        remark(f"Column {column!r} has texts that training never saw: {shown}{more}. "
               "They count as unknown.", "yellow")  # fmt: skip
