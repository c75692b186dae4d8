"""``gradus explain``: why a model says of a row what it says."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from gradus.checks import choice
from gradus.cli.predict import report_unseen
from gradus.cli.screen import say, say_json, say_table
from gradus.data import BUNDLED, Table, load
from gradus.errors import ArgumentError, DataError, FileError
from gradus.explain.blocks import GRAINS
from gradus.files import write_bytes
from gradus.runs import explain_row, explanation_page, read_model_of, read_run, save_explanation
from gradus.runs.explanation import Explanation
from gradus.runs.explanation_words import difference, prediction, subject, sums
from gradus.runs.words import cell, count, signed
from gradus.train.table_model import TableModel

_MOST_ROWS = 12


def explain(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or its model.safetensors.")],
    *,
    row: Annotated[int, typer.Option(help="Number of the row; the first below the header is 1.")],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Bundled set or table file with the row (default: what the run was trained on).",
        ),
    ] = None,
    shown: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="CLASS", help="Class to explain (default: the predicted one)."
        ),
    ] = None,
    grain: Annotated[
        str, typer.Option(help=f"Of drawing and arithmetic: {', '.join(GRAINS)}.")
    ] = "layer",
    out: Annotated[
        Path | None,
        typer.Option(metavar="PAGE.html", help="Page (default: RUN/explain/row-N.html)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file at --out.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say which columns pushed a prediction where, and write a page that shows all of it."""
    choice("--grain", grain, *GRAINS)
    if out is not None and out.exists() and not force:
        raise FileError(
            "an explanation is written to a new file",
            received=f"{str(out)!r}, which exists",
            remedy="name another file with --out, or replace it with --force",
        )
    model, table, source = _read(run, data)
    found = explain_row(model, table, row, shown)
    content = explanation_page(found, source, grain)
    if out is not None:
        write_bytes(out, content.encode(), "page")
    place = out or save_explanation(run, row, content)
    alone = table.take([row - 1])
    if json:
        unseen = model.inputs.unseen(alone)
        say_json({"run": str(run), "data": source, **found.facts(), "unseen": unseen,
                  "page": str(place)})  # fmt: skip
        return
    report_unseen(model, alone)
    _say(found, source, place)


def _read(run: Path, data: str | None) -> tuple[TableModel, Table, str]:
    """Model, the table with the row, and the table's name."""
    if data is not None:
        model = read_model_of(run)
        if data in BUNDLED:
            return model, load(data)[0], data
        return model, model.read(data), Path(data).name
    found = read_run(run)
    if found.config is None or found.summary is None:
        raise ArgumentError(
            "a model file alone does not say what it was trained on",
            received=str(run),
            remedy="name the table that holds the row with --data FILE",
        )
    source, rows = found.config.source, found.summary["rows"]
    if source in BUNDLED:
        table = load(source)[0]
    elif not Path(source).exists():
        raise DataError(
            "without --data the row is taken from the table that the run was trained on",
            received=f"{source!r}, which is not there",
            remedy="name the table that holds the row with --data FILE",
        )
    else:
        table = found.model.read(source)
    trained_on = rows["training"] + rows["held_out"] + rows["left_out"]
    if len(table) != trained_on:
        raise DataError(
            "without --data the row is taken from the table as the run was trained on it",
            received=f"{source!r} with {count(len(table), 'row')}, where training found "
            f"{trained_on:,}",
            remedy="it has changed: name the table that you mean with --data FILE",
        )
    return found.model, table, Path(source).name


def _say(found: Explanation, source: str, place: Path) -> None:
    say(f"{source}, row {found.row:,}: {prediction(found)}", "bold")
    here, average, way = difference(found)
    verb = "are" if found.probabilities else "is"
    what = subject(found)
    say(f"{what[0].upper()}{what[1:]} {verb} {here}, and {average} for an average row. What makes "
        f"the difference of {way}:")  # fmt: skip
    shown = found.order[:_MOST_ROWS]
    columns = found.model.inputs.columns
    ways = [("Shapley value", found.shapley), ("gradient × input", found.gradient)]
    pushes = {name: signed(a.values) for name, a in ways if a is not None}
    say_table(
        ["column", "in the row", *pushes],
        [
            [columns[k], cell(found.cells[columns[k]]), *(texts[k] for texts in pushes.values())]
            for k in shown
        ],
    )
    rest = found.order[_MOST_ROWS:]
    if rest:
        texts = [
            f"{name} {signed([*a.values, a.values[rest].sum()])[-1]}"
            for name, a in ways
            if a is not None
        ]
        say(f"{count(len(rest), 'column')} with smaller pushes together: {', '.join(texts)}.")
    for sentence in sums(found):
        say(sentence)
    say(f"\nPage: {shlex.quote(str(place))} (opens in a browser, offline)")
