"""The report of a run: one page that opens offline, on a phone too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gradus.nn import Module
from gradus.runs import figures, recipe_words, words
from gradus.runs.config import RunConfig
from gradus.runs.page import page
from gradus.train.table_model import Evaluation
from gradus.types import Array

if TYPE_CHECKING:  # estimators bring scikit-learn, which is slow to import
    from gradus.estimators.table_run import TableRun

# More classes than these make no matrix that a person reads: their mistakes are listed instead.
_MOST_CLASSES = 30
_MOST_MISTAKES = 15
_MOST_COLUMNS = 15  # more than these are folded away


def report(run: TableRun, config: RunConfig, summary: Mapping[str, Any]) -> str:
    """The page as HTML without links to anything outside it; every text in it is escaped."""
    model, judged = run.model, run.held_out or run.training
    diagnosis = run.diagnosis
    whose = "rows that training never saw" if run.held_out else "training rows"
    recipe, task, watched = run.recipe, model.task, bool(run.rows["validation"])
    copies = max(len(getattr(m, "networks", ())) for _, m in model.network.named_modules())
    return page(
        "runs/report.html.jinja",
        summary=summary,
        config=config,
        command=config.command(),
        result=words.result(model, judged, whose),
        baseline=words.baseline(model, judged),
        whose=whose,
        metrics=_metrics(run),
        columns=summary["columns"],
        kinds=Counter(column.kind for column in run.schema).most_common(),
        fold_columns=len(run.schema) > _MOST_COLUMNS,
        classes=[words.label(name, 24) for name in model.target.classes],
        curves=_curves(run),
        watches_held_out=run.watches_held_out,
        copies=copies,
        preset=recipe_words.PRESETS[config.preset],
        encoding=recipe_words.columns(recipe, {f.kind for f in model.inputs.features}),
        smooth=recipe_words.smooth(recipe, task),
        training=recipe_words.training(recipe, task, watched, copies),
        settings=recipe_words.settings(recipe),
        rows_a_step=recipe.rows_a_step(summary["rows"]["training"] - summary["rows"]["validation"]),
        most_epochs=recipe.passes_over(summary["rows"]["training"]),
        layers=_layers(model.network),
        input_count=len(model.inputs.feature_names),
        # The head of the page says already that, and why, training broke off.
        diagnosis=[v for v in diagnosis if not (summary["failure"] and v.name == "diverged")],
        note=diagnosis.note,
        **_judged(run, judged),
    )


def _judged(run: TableRun, judged: Evaluation) -> dict[str, Any]:
    """What the section on results shows beside the metrics."""
    if run.model.task == "regression":
        name = words.label(run.model.target_name)
        picture = figures.scatter(
            judged.truth,
            judged.predicted,
            run.model.target_name,
            f"Scatter of predicted against actual {name}, one dot a row. "
            + words.result(run.model, judged, "rows"),
        )
        drawn = min(len(judged.truth), figures.MOST_POINTS)
        return {"scatter": picture, "drawn": drawn, "total": len(judged.truth)}
    counts = words.confusion(run.model, judged)
    small = len(counts) <= _MOST_CLASSES
    return {
        "confusion": [_shaded(row) for row in counts] if small else None,
        "mistakes": _mistakes(run, counts),
        "by_class": _by_class(run, counts),
    }


def _shaded(row: Array) -> list[tuple[int, float]]:
    """Counts of an actual class, and how strongly to tint each: its share of the class."""
    total = max(int(row.sum()), 1)
    return [(int(n), round(0.06 + 0.5 * float(n) / total, 3) if n else 0.0) for n in row]


def _mistakes(run: TableRun, counts: Array) -> list[tuple[str, str, int]]:
    """Actual class, predicted class and number of rows of the most frequent mistakes."""
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_MISTAKES]
    pairs = [divmod(int(place), len(counts)) for place in order]
    names = [words.label(name) for name in run.model.target.classes]
    return [(names[i], names[j], int(wrong[i, j])) for i, j in pairs if wrong[i, j]]


def _by_class(run: TableRun, counts: Array) -> list[tuple[str, int, int, int]]:
    """Name of each class, its rows, how many were found, and how often it was predicted."""
    return [
        (words.label(name), int(counts[k].sum()), int(counts[k, k]), int(counts[:, k].sum()))
        for k, name in enumerate(run.model.target.classes)
    ]


def _metrics(run: TableRun) -> list[dict[str, Any]]:
    held = run.held_out.metrics if run.held_out else {}
    return [
        {
            "name": words.NAMES[name],
            "training": value,
            "held_out": held.get(name),
            "meaning": words.MEANINGS[name],
        }
        for name, value in run.training.metrics.items()
    ]


def _curves(run: TableRun) -> list[str]:
    """A picture for the loss, and one for each metric that was recorded."""
    names = list(dict.fromkeys(n.removeprefix("val_") for n in run.history.metrics))
    watched = "held-out rows" if run.watches_held_out else "validation rows"
    return [
        figures.curve(
            run.history,
            name,
            watched,
            _describe(run, name, watched),
            run.training.metrics.get(name),
        )
        for name in names
    ]


def _describe(run: TableRun, name: str, watched: str) -> str:
    """A curve in words."""
    parts = []
    for column, rows in ((name, "training rows"), (f"val_{name}", watched)):
        if column in run.history.metrics:
            first, last = run.history[column][[0, -1]]
            parts.append(f"on {rows} from {words.number(first)} to {words.number(last)}")
    of = f"over {words.count(len(run.history), 'epoch')}"
    return f"Curve of the {words.NAMES.get(name, name)} {of}: {'; '.join(parts)}."


def _layers(network: Module) -> list[dict[str, Any]]:
    """Name, call, shapes of the tensors and number of parameters of each innermost module."""
    leaves = [(n, m) for n, m in network.named_modules() if not list(m.children())]
    return [
        {
            "name": name,
            "layer": module.summary(),
            "shapes": ", ".join(
                f"{n} {' × '.join(map(str, t.shape))}"
                for n, t in {**module.named_parameters(), **module.named_buffers()}.items()
            ),
            "parameters": module.parameter_count,
        }
        for name, module in leaves
    ]
