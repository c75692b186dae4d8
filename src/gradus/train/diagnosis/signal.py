"""Rules about layers: does a signal come through, forwards and backwards?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from gradus.train.diagnosis.evidence import Evidence, Look, Units
from gradus.train.diagnosis.verdict import Verdict
from gradus.train.diagnosis.wording import layers, listed, number, share, smaller

# Five sigmoid layers in a row shrink a derivative that much; with four training still gets going.
VANISHED = 1e-4
# Healthy networks stay below 30; a thousandfold growth makes one rate right for some layers only.
EXPLODED = 1e3
# Share of a layer's units. On few rows, or on few inputs, a quarter of healthy ReLUs is never on.
LOST = 0.5
FEW = 8  # rows that may all lie on one side of most units


def vanishing_gradients(evidence: Evidence) -> Verdict | None:
    """Layers that hardly anything of the loss's derivative reaches, at the end of training.

    At the end, because a network that has grown out of it is well. Dead and saturated units, which
    let nothing through either, have rules of their own.
    """
    seen = evidence.seen
    if seen is None or evidence.failure or _blocked(seen.end):
        return None
    found = seen.end.layers
    strongest = [max(layer.signal for layer in found[k:]) for k in range(len(found))]
    weak = [a for a, most in zip(found, strongest, strict=True) if a.signal < VANISHED * most]
    if not weak:
        return None
    source = max(found, key=lambda layer: layer.signal)
    moved = max((m for a in weak if math.isfinite(m := seen.moved[a.name])), default=0.0)
    return Verdict(
        "vanishing_gradients",
        "problem",
        f"The derivative of the loss is {number(source.signal)} at layer {source.name} (per row), "
        f"and {number(weak[0].signal)} where it reaches layer {weak[0].name}: on the way back it "
        f"fades away. Training changed the weights of {layers([a.name for a in weak])} by "
        f"{share(moved)} of their size at most.",
        "use ReLU or another activation that does not flatten out, fewer layers, an initialisation "
        "made for the activation (nn.Xavier() for tanh, nn.He() for ReLU), or normalisation "
        "between the layers",
        tuple(layer.name for layer in weak),
        {"signal": weak[0].signal, "source": source.signal, "moved": moved},
    )


def exploding_gradients(evidence: Evidence) -> Verdict | None:
    """A derivative that grows on its way back through the layers."""
    if evidence.seen is None:
        return None
    looks = {"to begin with": evidence.seen.start}
    if not evidence.failure:  # weights that have broken down say nothing of the cause
        looks["at the end"] = evidence.seen.end
    for moment, look in looks.items():
        if not look.layers:
            continue
        source = look.layers[-1]
        strong = [a for a in look.layers if a.signal > EXPLODED * source.signal > 0]
        if strong:
            return Verdict(
                "exploding_gradients",
                "problem",
                f"The derivative of the loss is {number(source.signal)} at layer {source.name} "
                f"(per row) and {number(strong[0].signal)} at layer {strong[0].name}, {moment}: on "
                f"the way back it grows {number(strong[0].signal / source.signal)}-fold. No "
                "learning rate fits both.",
                "begin with smaller weights (nn.Xavier() or nn.He()), put normalisation between "
                "the layers, or clip the gradients to a norm of 1",
                tuple(layer.name for layer in strong),
                {"signal": strong[0].signal, "source": source.signal},
            )
    return None


def dead_relus(evidence: Evidence) -> Verdict | None:
    """ReLU units that are 0 on every row: no derivative flows through them, so they stay so."""
    found = _lost(evidence, lambda units: units.dead)
    if not found:
        return None
    return Verdict(
        "dead_relus",
        "problem",
        f"{_counted(found)}. They are 0 on every one of {_rows(evidence)} rows: nothing flows "
        "through them, so they cannot come back by themselves.",
        f"{_cause(found, evidence)}; or use nn.LeakyReLU(), whose units cannot die",
        tuple(lost.units.name for lost in found),
        {f"dead in {lost.units.name}": lost.now / lost.units.count for lost in found},
    )


def saturated_units(evidence: Evidence) -> Verdict | None:
    """Sigmoid and tanh units next to their bounds on most rows, where their derivative is ~0."""
    found = _lost(evidence, lambda units: units.saturated)
    if not found:
        return None
    return Verdict(
        "saturated_units",
        "problem",
        f"{_counted(found)}. They are next to their bounds on most of {_rows(evidence)} rows, "
        "where their derivative is nearly 0: the layers before them hardly learn.",
        f"{_cause(found, evidence)}; or put normalisation before the activation",
        tuple(lost.units.name for lost in found),
        {f"saturated in {lost.units.name}": lost.now / lost.units.count for lost in found},
    )


@dataclass(frozen=True)
class _Lost:
    """A layer most of whose units let nothing through: how many at the end, and to begin with."""

    units: Units
    now: int
    before: int


def _lost(evidence: Evidence, count: Callable[[Units], int]) -> list[_Lost]:
    seen = evidence.seen
    if seen is None or evidence.failure or seen.rows < FEW:
        return []
    both = zip(seen.end.units, seen.start.units, strict=True)
    return [_Lost(u, count(u), count(v)) for u, v in both if count(u) > LOST * u.count]


def _counted(found: list[_Lost]) -> str:
    counts = [f"{a.now} of {a.units.count} in {layers([a.units.name])}" for a in found]
    before = listed([str(a.before) for a in found])
    return f"Units lost: {listed(counts)} ({before} to begin with)"


def _cause(found: list[_Lost], evidence: Evidence) -> str:
    """What to do about units that were lost to begin with, or in training."""
    if all(2 * a.before > a.now for a in found):
        return "scale the inputs, and begin with smaller weights (nn.Xavier()) and biases of 0"
    return f"lower the learning rate{smaller(evidence.rate)}, and scale the inputs"


def _rows(evidence: Evidence) -> int:
    return 0 if evidence.seen is None else evidence.seen.rows


def _blocked(look: Look) -> bool:
    """Whether a layer's units let nothing through."""
    return any(max(u.dead, u.saturated) > LOST * u.count for u in look.units)
