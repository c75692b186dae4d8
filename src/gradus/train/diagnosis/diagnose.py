"""The rules in their order, and what they are given: from a history to a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradus.train.diagnosis import data, held_out, learning, rates, signal
from gradus.train.diagnosis.evidence import Evidence
from gradus.train.diagnosis.kept import Facts, Found, Kept
from gradus.train.diagnosis.verdict import Diagnosis, Verdict

Rule = Callable[[Evidence], Verdict | None]

RULES: tuple[Rule, ...] = (
    rates.diverged,
    data.initial_loss,
    data.dominating_feature_scale,
    data.label_imbalance,
    signal.exploding_gradients,
    signal.vanishing_gradients,
    signal.dead_relus,
    signal.saturated_units,
    rates.rate_too_large,
    rates.rate_too_small,
    rates.stuck_on_a_flat_region,
    learning.underfitting,
    held_out.overfitting,
    learning.learning,
    held_out.stopped_in_time,
    held_out.generalising,
)
_GRAVITY = {"problem": 0, "warning": 1, "good": 2}
_NOTHING = Verdict("nothing_found", "good", "No rule has anything to object to.")


def gather(
    rows: Sequence[dict[str, Any]],
    kept: Kept | None,
    best_epoch: int | None,
    features: Sequence[str],
    classes: Sequence[str],
    beside: str,
) -> Evidence:
    """Evidence of the last fit of a history.

    Args:
        rows: of the history.
        kept: what the fit kept, or None for a history from elsewhere.
        best_epoch: of the history.
        features: names of the inputs, or none.
        classes: names of the classes, or none.
        beside: what the rows validated on are called.
    """
    facts = Facts() if kept is None else kept.facts
    found = Found(None, "nothing is known but its curves") if kept is None else kept.look()
    mine = list(rows)[facts.first :]
    loss = [_number(row, "loss") / facts.units[0] for row in mine if "loss" in row]
    held = [_number(row, "val_loss") / facts.units[1] for row in mine if "val_loss" in row]
    last = mine[-1] if mine else {}
    return Evidence(
        first=facts.first + 1,
        loss=tuple(loss),
        held=tuple(held) if len(held) == len(loss) else (),
        accuracy=last.get("val_accuracy", last.get("accuracy")),
        rate=last.get("learning_rate") if facts.rate is None else facts.rate,
        weight_decay=facts.weight_decay,
        restored=best_epoch,
        failure=facts.failure,
        seen=found.seen,
        fault=found.fault,
        features=tuple(features),
        classes=tuple(classes),
        beside=beside,
    )


def diagnose(evidence: Evidence) -> Diagnosis:
    """Apply every rule; the gravest verdicts come first."""
    verdicts = [found for rule in RULES if (found := rule(evidence)) is not None]
    verdicts.sort(key=lambda verdict: _GRAVITY[verdict.severity])
    note = f"Layers and data were not looked at: {evidence.fault}." if evidence.fault else ""
    return Diagnosis(tuple(verdicts) or (_NOTHING,), note)


def _number(row: dict[str, Any], column: str) -> float:
    value = row.get(column)
    return float("nan") if value is None else float(value)
