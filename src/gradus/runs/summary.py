"""What a run comes to, as plain data: the content of ``metrics.json`` and of ``--json``."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from gradus.runs.config import RunConfig
from gradus.train.strict_json import finite
from gradus.version import __version__

if TYPE_CHECKING:  # estimators bring scikit-learn, which is slow to import
    from gradus.estimators import TableRun


def summarise(run: TableRun, config: RunConfig, failure: str | None = None) -> dict[str, Any]:
    """Data, results and circumstances of a run; numbers that are not finite become None.

    Args:
        run: what training gave.
        config: its settings.
        failure: why training broke off, where it did.
    """
    history, last = run.history, run.history.rows[-1] if run.history.rows else {}
    found = {
        "source": config.source,
        "target": run.model.target_name,
        "task": run.model.task,
        "classes": list(run.model.target.classes) or None,
        "rows": run.rows,
        "weight": run.weight,
        "preset": config.preset,
        "recipe": _recipe(run),
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "missing": column.missing_count,
                "distinct": column.distinct,
                "note": column.note,
            }
            for column in run.schema
        ],
        "features": len(run.model.inputs.feature_names),
        "parameters": run.model.network.parameter_count,
        "metrics": None if run.held_out is None else run.held_out.metrics,
        "training_metrics": run.training.metrics,
        "epochs": len(history),
        "steps": last.get("steps", 0),
        "seconds": last.get("seconds", 0.0),
        "best_epoch": history.best_epoch,
        "stop_reason": history.stop_reason,
        "failure": failure,
        "diagnosis": run.diagnosis.to_dict(),
        "seed": config.seed,
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "versions": {
            "gradus": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "executor": "reference",
    }
    return finite(found)


def _recipe(run: TableRun) -> dict[str, Any]:
    """What the preset and the options came to."""
    recipe = asdict(run.recipe)
    return {name: value if _is_plain(value) else repr(value) for name, value in recipe.items()}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float | tuple | dict)


def brief(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary with the number of columns in the place of their list."""
    return {**summary, "columns": len(summary["columns"])}
