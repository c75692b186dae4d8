"""``gradus info``: what is in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gradus import nn
from gradus.cli.screen import say, say_json, say_table
from gradus.runs import Run, read_run
from gradus.runs.words import NAMES, count, label, number


def info(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or its model.safetensors.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the network, columns, classes and results of a run, and how it was trained."""
    found = read_run(run)
    if json:
        say_json(_facts(found))
        return
    model = found.model
    classes = model.target.classes
    say(f"{run}: {model.task} by {model.target_name!r}", "bold")
    if classes:
        shown = ", ".join(label(name) for name in classes[:20])
        say(f"Classes: {shown}{f' and {len(classes) - 20} more' if len(classes) > 20 else ''}")
    say(f"\n{model.network!r}")
    _say_columns(found)
    if found.summary and found.config:
        _say_training(found.summary, found.config.command())
    else:
        say("A model file alone does not say how it was trained; its run's folder does.")


def _facts(found: Run) -> dict[str, Any]:
    model = found.model
    return {
        "run": str(found.path),
        "task": model.task,
        "target": model.target_name,
        "classes": list(model.target.classes) or None,
        "columns": [{"name": f.column, "kind": f.kind} for f in model.inputs.features],
        "network": nn.to_config(model.network),
        "parameters": model.network.parameter_count,
        "command": found.config and found.config.command(),
        "summary": found.summary,
    }


def _say_columns(found: Run) -> None:
    if found.summary:
        say_table(
            ["column", "kind", "missing", "different", "note"],
            [
                [c["name"], c["kind"], c["missing"], c["distinct"], c["note"]]
                for c in found.summary["columns"]
            ],
        )
    else:
        say_table(["column", "kind"], [[f.column, f.kind] for f in found.model.inputs.features])


def _say_training(summary: dict[str, Any], command: str) -> None:
    rows, held = summary["rows"], summary["metrics"] or {}
    say_table(
        ["metric", "held-out rows", "training rows"],
        [
            [NAMES.get(name, name), number(held[name]) if name in held else "–", number(value)]
            for name, value in summary["training_metrics"].items()
        ],
    )
    say(
        f"Trained on {count(rows['training'], 'row')}, {rows['held_out']:,} held out: "
        f"{count(summary['epochs'], 'epoch')}, {count(summary['steps'], 'step')}, "
        f"{summary['seconds']:.1f} seconds; {summary['stop_reason']}."
    )
    if summary["failure"]:
        say(f"Training broke off: {summary['failure']}", "yellow")
    say(f"Repeat: {command}")
