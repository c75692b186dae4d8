"""``gradus evaluate``: what a model is worth on rows whose target is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradus.cli.predict import report_unseen
from gradus.cli.screen import say, say_json, say_table
from gradus.runs import read_model_of
from gradus.runs.words import MEANINGS, NAMES, baseline, number, result
from gradus.train.table_model import row_weights


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or its model.safetensors.")],
    table: Annotated[Path, typer.Argument(metavar="TEST.csv", help="With the target column.")],
    *,
    weight: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="How often each row counts, 0 or more.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare predictions with the target column of a table."""
    model = read_model_of(run)
    rows = model.read(table)
    found = model.evaluate(rows, None if weight is None else row_weights(rows, weight))
    if json:
        unseen = model.inputs.unseen(rows)
        say_json({"run": str(run), "table": str(table), "task": model.task, "rows": len(rows),
                  "weight": weight, "metrics": found.metrics, "unseen": unseen})  # fmt: skip
        return
    report_unseen(model, rows)
    say(result(model, found, f"rows of {table.name}"), "bold")
    say(baseline(model, found))
    say_table(
        ["metric", "value", "what it says"],
        [(NAMES[name], number(value), MEANINGS[name]) for name, value in found.metrics.items()],
    )
