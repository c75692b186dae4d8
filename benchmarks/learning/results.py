"""What a comparison found, as plain data: every fit's figures, so that a report can be redrawn."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from benchmarks.learning.compare import Found, Plan
from benchmarks.learning.dataset import DataSet
from benchmarks.learning.models import Model

FIGURES = ("error", "log_loss", "rmse", "seconds", "others")
Results = dict[str, Any]


class Spread(NamedTuple):
    """A mean and its standard error over fits."""

    mean: float
    error: float


def gather(
    sets: Iterable[tuple[str, DataSet, list[Found]]], models: Mapping[str, Model], plan: Plan
) -> Results:
    """All results, set by set."""
    cells = {name: _cell(data, plan, found) for name, data, found in sets}
    return {
        "plan": {k: getattr(plan, k) for k in ("folds", "taken", "seeds", "threads", "limit")},
        "models": {n: {"title": m.title, "settings": m.settings} for n, m in models.items()},
        "sets": cells,
    }


def spread(values: Iterable[float | None]) -> Spread | None:
    """Mean and standard error of the fits that there are; None where there is none.

    The fits are taken as independent. Folds share training rows, so the truth is somewhat wider.
    """
    there = [v for v in values if v is not None]
    if not there:
        return None
    error = statistics.stdev(there) / math.sqrt(len(there)) if len(there) > 1 else math.nan
    return Spread(statistics.fmean(there), error)


def figures(cell: Results, model: str, name: str) -> list[float | None]:
    """One figure of all fits of a model on a set, in the order of the folds."""
    found: list[float | None] = cell["models"].get(model, {}).get(name, [])
    return found


def whole(cell: Results, model: str) -> bool:
    """Whether the model was fitted on all folds of the set."""
    errors = figures(cell, model, "error")
    return bool(errors) and None not in errors


def _cell(data: DataSet, plan: Plan, found: list[Found]) -> Results:
    models: Results = {}
    for one in found:
        kept = models.setdefault(one.model, {})
        for name in FIGURES:
            value = (one.row or {}).get(name)
            kept.setdefault(name, []).append(None if value is None else float(f"{value:.6g}"))
    dates = sorted(one.row["date"] for one in found if one.row)
    scale = data.scale if data.task == "regression" else 1.0
    return {
        "task": data.task,
        "about": data.about,
        "rows": len(data.y),
        "columns": data.X.shape[1],
        "best": None if data.best is None else data.best / scale,
        "scale": scale,
        "fits": len(plan.fits(data)),
        "dates": [dates[0], dates[-1]] if dates else [],
        "code": sorted({one.row["code"] for one in found if one.row and "code" in one.row}),
        "models": {
            m: {n: v for n, v in kept.items() if any(x is not None for x in v)}
            for m, kept in models.items()
        },
        "left_out": {one.model: one.reason for one in found if one.reason},
    }
