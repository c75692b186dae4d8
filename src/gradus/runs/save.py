"""Writing all files of a run into its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradus.runs.config import RunConfig
from gradus.runs.folder import CONFIG, HISTORY, MODEL, REPORT, SUMMARY, RunDraft
from gradus.runs.report import report
from gradus.runs.summary import summarise
from gradus.train.strict_json import to_json

if TYPE_CHECKING:  # estimators bring scikit-learn, which is slow to import
    from gradus.estimators import TableRun


def save_run(
    draft: RunDraft, run: TableRun, config: RunConfig, failure: str | None = None
) -> dict[str, Any]:
    """Write a run into the draft, and move the draft to its place.

    Args:
        draft: the folder in the making.
        run: what training gave.
        config: the settings that gave it.
        failure: why training broke off, where it did.

    Returns:
        The summary, as in ``metrics.json``.

    Raises:
        FileError: the disk is full, or the place is taken by now. Nothing is left half-written.
    """
    summary = summarise(run, config, failure)
    run.estimator.save(draft.folder / MODEL)
    draft.write(CONFIG, config.to_toml())
    draft.write(HISTORY, run.history.to_jsonl())
    draft.write(SUMMARY, to_json(summary, indent=2) + "\n")
    draft.write(REPORT, report(run, config, summary))
    draft.finish()
    return summary
