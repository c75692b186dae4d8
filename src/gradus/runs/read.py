"""Opening a run: its folder, or its model file alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradus.errors import FileError
from gradus.runs.config import RunConfig, read_config
from gradus.runs.folder import CONFIG, MODEL, SUMMARY
from gradus.train.table_model import TableModel


@dataclass(frozen=True)
class Run:
    """A run that was read.

    path: the folder, or the model file. model: ready to predict and to evaluate. summary: as
    ``summarise`` gave it, None for a model file alone. config: the settings, likewise.
    """

    path: Path
    model: TableModel
    summary: dict[str, Any] | None = None
    config: RunConfig | None = None


def read_model_of(path: str | Path) -> TableModel:
    """Model of a run, given as its folder or as a model file.

    Raises:
        FileError: nothing there, no run, or a damaged model.
    """
    path = Path(path)
    if path.is_dir() and not (path / MODEL).is_file():
        raise _no_run(f"the folder {str(path)!r}, which holds no {MODEL}")
    if not path.exists():
        raise _no_run(f"{str(path)!r}, which does not exist")
    return TableModel.load(path / MODEL if path.is_dir() else path)


def read_run(path: str | Path) -> Run:
    """A run with what is known of it.

    Raises:
        FileError: nothing there, no run, or one of its files is missing or damaged.
    """
    path = Path(path)
    model = read_model_of(path)
    if not path.is_dir():
        return Run(path, model)
    config = read_config(path / CONFIG)
    if "source" not in config:
        raise FileError("the config of a run names its source", received=str(path / CONFIG))
    return Run(path, model, _summary(path / SUMMARY), RunConfig(**config))


def _summary(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileError(
            "a run has its results as JSON",
            received=f"{str(path)!r}: {error}",
            remedy="the file is missing or damaged; predict and evaluate need the model only",
        ) from None
    if not _is_summary(found):
        raise FileError(
            "a run's results are a JSON object as gradus wrote it",
            received=f"{str(path)!r}, in which something is missing or of another type",
            remedy="take back the change; predict and evaluate need the model only",
        )
    return dict(found)


def _is_summary(found: Any) -> bool:
    """Whether all that is read from a summary is there."""
    if not isinstance(found, dict) or not all(
        isinstance(found.get(name), kinds) for name, kinds in _TYPES.items()
    ):
        return False
    columns, rows, metrics = found["columns"], found["rows"], found["metrics"] or {}
    numbers = [*metrics.values(), *found["training_metrics"].values()]
    return (
        all(isinstance(column, dict) and column.keys() >= _COLUMN for column in columns)
        and all(type(rows.get(part)) is int for part in _PARTS)
        and all(isinstance(value, int | float | None) for value in numbers)
    )


_PARTS = ("training", "validation", "held_out", "left_out")
_COLUMN = {"name", "kind", "missing", "distinct", "note"}
_TYPES: dict[str, Any] = {
    "columns": list,
    "rows": dict,
    "metrics": dict | None,
    "training_metrics": dict,
    "epochs": int,
    "steps": int,
    "seconds": int | float,
    "stop_reason": str,
    "failure": str | None,
}


def _no_run(received: str) -> FileError:
    return FileError(
        f"a run is a folder that 'gradus train' made, or the {MODEL} in it",
        received=received,
        remedy="check the spelling, or train a model first",
    )
