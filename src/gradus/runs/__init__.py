"""A run: the folder that training leaves behind, with model, settings, history and report."""

from gradus.runs.config import RunConfig, read_config
from gradus.runs.explanation import explain_row
from gradus.runs.explanation_page import explanation_page
from gradus.runs.folder import RunDraft, default_place, save_explanation
from gradus.runs.read import Run, read_model_of, read_run
from gradus.runs.save import save_run
from gradus.runs.summary import brief

__all__ = [
    "Run",
    "RunConfig",
    "RunDraft",
    "brief",
    "default_place",
    "explain_row",
    "explanation_page",
    "read_config",
    "read_model_of",
    "read_run",
    "save_explanation",
    "save_run",
]
