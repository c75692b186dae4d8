"""``gradus train``: from a table to a run."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradus import runs
from gradus.cli.screen import remark, say, say_json
from gradus.cli.settings import read_source, settings
from gradus.data import BUNDLED, KINDS, Table, TargetEncoder
from gradus.errors import DivergenceError
from gradus.optim import OPTIMIZERS
from gradus.runs import RunConfig, RunDraft, brief, default_place, save_run
from gradus.runs.config import ACTIVATIONS
from gradus.runs.recipe_words import PRESETS
from gradus.runs.words import baseline, count, network, result
from gradus.train import Callback, StopSignals, Trainer, Verdict
from gradus.train.table_model import row_weights

if TYPE_CHECKING:
    from gradus.estimators.table_run import TableRun

_SOURCE = f"Bundled set ({', '.join(BUNDLED)}), or a .csv, .tsv or .parquet file."
# Lines of a help text are parted by empty ones.
_PRESET = "\n\n".join(
    ["Recipe of the training (default: default).", *(f"{n}: {w}." for n, w in PRESETS.items())]
)
_OUT = "Folder of the run (default: runs/SOURCE-DATE-TIME)."


def train(
    source: Annotated[str | None, typer.Argument(help=_SOURCE, show_default=False)] = None,
    *,
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    task: Annotated[
        str | None, typer.Option(help="classification or regression (default: by the target).")
    ] = None,
    preset: Annotated[str | None, typer.Option(help=_PRESET)] = None,
    layers: Annotated[
        str | None,
        typer.Option(help="Units of each hidden layer, as 100,50; none: linear. *"),
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help=f"Of the hidden layers: {', '.join(ACTIVATIONS)}. *")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training rows. *")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows a step. *")] = None,
    optimizer: Annotated[str | None, typer.Option(help=f"{', '.join(OPTIMIZERS)}. *")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Size of a step. *")] = None,
    clip_norm: Annotated[
        float | None, typer.Option(help="Largest norm of all gradients together. *")
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="How often each row counts, 0 or more; nothing is learnt from it.",
        ),
    ] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the rows to hold out (default: 0.2).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random (default: 0).")] = None,
    threads: Annotated[
        int | None, typer.Option(help="The most threads to use (default: as gradus doctor says).")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=KIND",
            help=f"Kind of a column that is not to be inferred: {', '.join(KINDS)}.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Settings from a file; options win over it."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help=_OUT)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the run at --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a network on a table, and write a run: model, settings, history and report.

    Options that end in * are what the preset says unless they are given.
    """
    options = {
        "source": source, "target": target, "task": task, "preset": preset, "layers": layers,
        "activation": activation, "epochs": epochs, "batch_size": batch_size,
        "optimizer": optimizer, "learning_rate": learning_rate, "clip_norm": clip_norm,
        "validation": validation, "seed": seed, "threads": threads, "weight": weight,
        "kinds": kind,
    }  # fmt: skip
    settled = settings(options, config)
    place = out or default_place(settled.source)
    loud = not (quiet or json)
    # The folder comes first: hours of training must not end at a place that cannot be written.
    # The first signal ends training after its step, and the run is saved all the same.
    with (
        StopSignals((signal.SIGINT, signal.SIGTERM)) as signals,
        RunDraft(place, force=force) as draft,
    ):
        table, settled, found = _read(settled)
        run, failure = _train(table, settled, found if loud else "")
        stopped = signals.received
        if stopped and not any(row["steps"] for row in run.history):
            if json:  # nothing was learnt yet, so there is no run
                say_json({"run": None, "stopped_by": stopped.name})
            raise typer.Exit(128 + stopped)
        if failure:
            failure = DivergenceError(
                failure.rule,
                received=failure.received,
                remedy="lower --learning-rate, or clip the gradients with --clip-norm 1; the last "
                f"good weights are saved in {place}",
            )
        summary = save_run(draft, run, settled, str(failure) if failure else None)
    if failure:
        if loud:
            _say_diagnosis([v for v in run.diagnosis if v.name != "diverged"])  # the error says it
        raise failure
    if json:
        say_json({"run": str(place), "stopped_by": stopped and stopped.name, **brief(summary)})
    elif loud:
        _say_result(run, place, stopped)
    if stopped:
        raise typer.Exit(128 + stopped)


def _read(config: RunConfig) -> tuple[Table, RunConfig, str]:
    """Table, settings that repeat the run from any folder, and what was found in words."""
    table, target = read_source(config)
    labels = table.column(target)
    if config.weight not in (None, target):  # a class that only rows of weight 0 have is none
        labels = labels[row_weights(table, config.weight) > 0]
    encoder = TargetEncoder.fit(labels, config.task, name=target)
    columns = len(table.names) - (1 if config.weight is None else 2)
    rows = f"{count(len(table), 'row')}, {count(columns, 'column')} to learn from"
    into = f" into {len(encoder.classes)} classes" if encoder.classes else ""
    found = f"{config.source}: {rows}; {encoder.task}{into} by {target!r}"
    source = config.source if config.source in BUNDLED else os.path.abspath(config.source)
    settled = dataclasses.replace(config, source=source, target=target, task=encoder.task)
    return table, settled, found


def _train(table: Table, config: RunConfig, found: str) -> tuple[TableRun, DivergenceError | None]:
    """The run, and why it broke off, where it did; ``found`` is said, and progress shown."""
    assert config.target is not None, "settled by _read"
    try:
        run = runs.train_table(
            table,
            config.target,
            **config.arguments(),
            callbacks=[_Found(found, config.preset)] if found else [],
            progress=None if found else False,
        )
    except runs.DivergedRunError as error:
        return error.run, error
    return run, None


class _Found(Callback):
    """Says what was found and built, as soon as both are known to fit each other."""

    def __init__(self, text: str, preset: str) -> None:
        self.text, self.preset = text, preset
        self.networks = 0

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.networks += 1
        if self.networks > 1:
            say(f"Another one of the same form, number {self.networks}")
            return
        say(self.text)
        say(f"Preset {self.preset}: {PRESETS[self.preset]}.")
        parameters = count(trainer.network.parameter_count, "parameter")
        say(f"Network: {network(trainer.network)}; {parameters}")


def _say_result(run: TableRun, place: Path, stopped: signal.Signals | None) -> None:
    for column in run.schema:
        if column.note:
            remark(f"Column {column.name!r} ({column.kind}): {column.note}", "yellow")
    if stopped:
        say(f"Stopped by {stopped.name} after {count(len(run.history), 'epoch')}.", "yellow")
    if run.held_out is None:
        say(result(run.model, run.training, "training rows"))
        say("No rows were held out, so this says nothing about new ones.")
    else:
        say(result(run.model, run.held_out, "rows that training never saw"), "bold")
        say(baseline(run.model, run.held_out))
    _say_diagnosis(run.diagnosis)
    folder = shlex.quote(str(place))
    say(f"\nRun: {folder}")
    say(f"Report: {shlex.quote(str(place / 'report.html'))} (opens in a browser, offline)")
    say(f"Next: gradus info {folder}")
    say(f"      gradus predict {folder} NEW.csv --out PREDICTED.csv")
    say(f"      gradus evaluate {folder} TEST.csv")
    say(f"      gradus explain {folder} --row 1")


def _say_diagnosis(verdicts: Iterable[Verdict]) -> None:
    """Problems and warnings with their remedy; what went well where there are none."""
    verdicts = [*verdicts]
    bad = [verdict for verdict in verdicts if verdict.severity != "good"]
    for verdict in bad:
        say(f"{verdict.label}. {verdict.evidence}", "yellow")
        say(f"  What to do: {verdict.remedy}.")
    for verdict in verdicts if not bad else []:
        say(f"{verdict.label}. {verdict.evidence}")
