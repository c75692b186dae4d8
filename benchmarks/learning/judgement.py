"""What the figures say: whether `default` is as good as simple models, and who is best overall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.learning.results import Results, figures, spread, whole
from gradus.data import BUNDLED

SHIFT = 0.01  # added to an error, so that a set on which nearly all are right does not decide
OURS, SIMPLE = "default", ("linear", "network")


class Judgement(NamedTuple):
    """`default` beside the best of the simple models on one set, by one figure.

    `difference` and `deviation`: mean and standard error over the folds of ours − theirs.
    """

    set: str
    figure: str
    peer: str
    ours: float
    theirs: float
    difference: float
    deviation: float

    @property
    def as_good(self) -> bool:
        """At least as good in the mean."""
        return self.difference <= 0

    @property
    def within(self) -> bool:
        """At least as good to within one standard error of the difference."""
        return self.difference <= self.deviation


def judgements(results: Results) -> list[Judgement]:
    """A judgement for each bundled set and figure that both sides have."""
    found = []
    for name in (n for n in BUNDLED if n in results["sets"]):
        cell = results["sets"][name]
        for figure in ("error", "log_loss") if cell["task"] == "classification" else ("rmse",):
            peers = [p for p in SIMPLE if whole(cell, p)]
            if whole(cell, OURS) and peers:
                found.append(_judge(name, cell, figure, peers))
    return found


def means(results: Results, figure: str, models: Sequence[str]) -> dict[str, Any]:
    """Shifted geometric means over the sets on which all the models have the figure.

    exp(mean of log(figure + SHIFT)) − SHIFT, after Holzmüller, Grinsztajn and Steinwart (2024).
    """
    sets = [
        name
        for name, cell in results["sets"].items()
        if all(whole(cell, m) and figures(cell, m, figure) for m in models)
    ]
    found = {}
    for model in models if sets else ():
        values = [_mean(results["sets"][name], model, figure) for name in sets]
        found[model] = math.exp(math.fsum(_log(v) for v in values) / len(sets)) - SHIFT
    return {"sets": sets, "means": found}


def relative(
    results: Results, figure: str, models: Sequence[str], reference: str
) -> dict[str, Any]:
    """Geometric mean over sets of (figure + SHIFT) / (the reference's + SHIFT), and its spread.

    The standard error is over sets, as a factor: 1.02 means 2 % up or down.
    """
    together = means(results, figure, [reference, *models])
    found = {}
    for model in models if together["sets"] else ():
        cells = [results["sets"][name] for name in together["sets"]]
        logs = [_log(_mean(c, model, figure)) - _log(_mean(c, reference, figure)) for c in cells]
        middle = spread(logs)
        assert middle is not None
        found[model] = (math.exp(middle.mean), math.exp(middle.error))
    return {"sets": together["sets"], "ratios": found}


def _judge(name: str, cell: Results, figure: str, peers: list[str]) -> Judgement:
    peer = min(peers, key=lambda p: _mean(cell, p, figure))
    ours, theirs = figures(cell, OURS, figure), figures(cell, peer, figure)
    pairs = zip(ours, theirs, strict=True)
    middle = spread(a - b for a, b in pairs if a is not None and b is not None)
    assert middle is not None
    mean_ours, mean_theirs = _mean(cell, OURS, figure), _mean(cell, peer, figure)
    difference = round(middle.mean, 12) + 0.0  # of equal errors rounding alone is left
    return Judgement(name, figure, peer, mean_ours, mean_theirs, difference, middle.error)


def _mean(cell: Results, model: str, figure: str) -> float:
    found = spread(figures(cell, model, figure))
    assert found is not None
    return found.mean


def _log(value: float) -> float:
    return math.log(value + SHIFT)
