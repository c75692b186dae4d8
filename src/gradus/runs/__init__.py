"""A run: the folder that training leaves behind, with model, settings, history and report."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradus.runs.config import RunConfig, read_config
from gradus.runs.explanation import explain_row
from gradus.runs.explanation_page import explanation_page
from gradus.runs.folder import RunDraft, default_place, save_explanation
from gradus.runs.read import Run, read_model_of, read_run
from gradus.runs.save import save_run
from gradus.runs.summary import brief

if TYPE_CHECKING:
    from gradus.estimators.table_run import DivergedRunError, TableRun, train_table

# Loaded when first used: estimators bring scikit-learn, which takes longer than all the rest.
_LATER = ("DivergedRunError", "TableRun", "train_table")


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'gradus.runs' has no attribute {name!r}")
    return getattr(import_module("gradus.estimators.table_run"), name)


__all__ = [
    "DivergedRunError",
    "Run",
    "RunConfig",
    "RunDraft",
    "TableRun",
    "brief",
    "default_place",
    "explain_row",
    "explanation_page",
    "read_config",
    "read_model_of",
    "read_run",
    "save_explanation",
    "save_run",
    "train_table",
]
