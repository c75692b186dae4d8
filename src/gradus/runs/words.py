"""Results in words: sentences that a person reads, the same on the screen and in the report."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from gradus.nn import Ensemble, Module
from gradus.train.diagnosis.wording import share
from gradus.train.table_model import Evaluation, TableModel
from gradus.types import Array

_SMALLEST = 1e-9  # a probability of a network is never 0, whatever float32 says

MEANINGS = {
    "accuracy": "Share of the rows whose class was predicted. 1 is all of them.",
    "log_loss": "How surprising the true classes are to the network: −ln of the probability it "
    "gave to each, on average (in nats). 0 is certain and right; large is certain and wrong.",
    "rmse": "Typical size of an error, large errors counting more: the root of the mean squared "
    "error, in the unit of the target.",
    "mae": "Mean size of an error, in the unit of the target.",
    "r2": "Share of the target's variance that is predicted. 1 is perfect; 0 is as good as always "
    "answering with the mean; below 0 is worse than that.",
}
NAMES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "rmse": "RMSE",
    "mae": "mean absolute error",
    "r2": "R²",
}


def count(number: int, thing: str) -> str:
    """Number and noun.

    >>> count(1, "row"), count(1437, "row"), count(2, "class")
    ('1 row', '1,437 rows', '2 classes')
    """
    plural = f"{thing}es" if thing.endswith("s") else f"{thing}s"
    return f"{number:,} {thing if number == 1 else plural}"


def number(value: float | None) -> str:
    """A result for people: four significant digits, and no sign of NaN's name.

    >>> number(0.97777), number(-41.046084), number(123456.7), number(1e30), number(None)
    ('0.9778', '−41.05', '123,457', '1e+30', 'not a finite number')
    """
    if value is None or not np.isfinite(value):
        return "not a finite number"
    text = f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def result(model: TableModel, found: Evaluation, rows: str) -> str:
    """One sentence on what a model is worth on some rows.

    Args:
        model: the model.
        found: its evaluation.
        rows: which rows, such as "rows that training never saw".
    """
    metrics, total = found.metrics, len(found.truth)
    of = f"{total:,} {rows}"
    if model.task == "classification":
        right = int((found.truth == found.predicted).sum())
        counted = "" if found.weight is None else ", rows counted by their weight"
        accuracy = percent(metrics["accuracy"], 1)
        return f"Of {of}, {right:,} were classified correctly: accuracy {accuracy}{counted}."
    if not np.isfinite(metrics["mae"]):
        return f"On {of}, the predictions are not finite numbers."
    on_average = "on average" if found.weight is None else "on their weighted average"
    text = f"On {of}, predictions are off by {number(metrics['mae'])} {on_average}"
    if metrics["r2"] <= 0:
        return (
            f"{text}: no better than always answering with the mean (R² {number(metrics['r2'])})."
        )
    return f"{text}; they explain {percent(metrics['r2'], 1)} of the variance (R²)."


def baseline(model: TableModel, found: Evaluation) -> str:
    """What the simplest guess would reach on the same rows."""
    if model.task == "classification":
        counts = np.bincount(found.truth, found.weight)
        common = label(model.target.classes[int(counts.argmax())])
        return (
            f"For comparison: always answering “{common}”, the most common class there, would be "
            f"right in {percent(float(counts.max()), float(counts.sum()))}."
        )
    mean = np.average(found.truth, weights=found.weight)
    spread = number(float(np.sqrt(np.average((found.truth - mean) ** 2, weights=found.weight))))
    return f"For comparison: always answering with the mean of these rows has an RMSE of {spread}."


def percent(part: float, whole: float) -> str:
    """Share in per cent, never rounded up to all or down to none.

    >>> percent(352, 360) == "97.8\N{NO-BREAK SPACE}%"
    True
    >>> [percent(n, 100_000)[:-2] for n in (99_999, 100_000, 1)]
    ['over 99.9', '100.0', 'under 0.1']
    """
    return share(part / whole)


def chance(p: float) -> str:
    """A probability in per cent, never rounded to certainty.

    >>> [chance(p).replace("\N{NO-BREAK SPACE}", " ") for p in (0.25, 0.99996, 1e-9)]
    ['25.0 %', 'over 99.9 %', 'under 0.1 %']
    """
    return share(min(max(p, _SMALLEST), 1 - _SMALLEST))


def signed(values: Sequence[float] | Array) -> list[str]:
    """Numbers that are added up, all with a sign and as many decimals as the largest deserves.

    >>> signed([12.5, -0.25, 0.0])
    ['+12.5', '−0.2', '0.0']
    >>> signed([3e-7, 1e-9])
    ['+3.0e−07', '+1.0e−09']
    """
    largest = max((abs(v) for v in values), default=0.0)
    if largest and not 1e-4 <= largest < 1e7:
        texts = [f"{v:+.1e}" for v in values]
    else:
        decimals = max(0, 2 - math.floor(math.log10(largest or 1)))
        texts = [f"{v:+,.{decimals}f}" for v in values]
    # What is written as zero has no sign.
    bare = [t if t.strip("+-0.,") else t[1:] for t in texts]
    return [t.replace("-", "\N{MINUS SIGN}") for t in bare]


def cell(value: object) -> str:
    """A cell of a table for people; None is a missing one.

    >>> cell(14.230000000000001), cell(3.0), cell(None), cell(True), cell("Ulm")
    ('14.23', '3', 'missing', 'true', 'Ulm')
    """
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    return label(value)


def confusion(model: TableModel, found: Evaluation) -> Array:
    """Counts of rows by actual (row) and predicted (column) class."""
    n = len(model.target.classes)
    return np.bincount(found.truth * n + found.predicted, minlength=n * n).reshape(n, n)


def network(found: Module) -> str:
    """The layers of a network in a line: what repeats is written once.

    >>> from gradus import nn
    >>> network(nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 9), nn.ReLU(),
    ...                       nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 1)))
    'Linear(4 → 9) → ReLU → 2 × [Linear(9 → 9) → ReLU] → Linear(9 → 1)'
    >>> pair = nn.Ensemble(nn.Linear(4, 1), nn.Linear(4, 1))
    >>> network(nn.Sequential(pair, nn.MemberMean("values")))
    '2 side by side [Linear(4 → 1)] → MemberMean'
    """
    parts = [_layer(module) for _, module in found.children()] or [_layer(found)]
    shown: list[str] = []
    at = 0
    while at < len(parts):
        length, times = _repeated(parts[at:]) if "(" in parts[at] else (1, 1)
        block = " → ".join(parts[at : at + length])
        shown.append(block if times == 1 else f"{times} × [{block}]")
        at += length * times
    return " → ".join(shown)


def _layer(module: Module) -> str:
    """A layer in short: its name, and in brackets what goes in and out where that differs."""
    if isinstance(module, Ensemble):
        return f"{len(module.networks)} side by side [{network(module.networks[0])}]"
    name, _, arguments = module.summary().partition("(")
    sizes = re.match(r"(\d+ × )?\d+ → \d+", arguments)
    return f"{name}({sizes[0]})" if sizes else name


def _repeated(parts: Sequence[str]) -> tuple[int, int]:
    """Length of the block at the start that repeats at once, and how often; (1, 1) for none."""
    for length in range(1, len(parts) // 2 + 1):
        times = 1
        while parts[times * length : (times + 1) * length] == parts[:length]:
            times += 1
        if times > 1:
            return length, times
    return 1, 1


def plain(text: str, kept: str = "") -> str:
    r"""Text without control characters but those kept: a cell must not steer a terminal.

    >>> plain("a\x1b[31mb")
    'a�[31mb'
    """
    kept += "\N{NO-BREAK SPACE}"
    return "".join(c if c.isprintable() or c in kept else "\ufffd" for c in text)


def label(value: object, length: int = 40) -> str:
    r"""A name or class for people: no control characters, and cut when long.

    >>> label("a\x1b[31m"), label("x" * 50, 5)
    ('a�[31m', 'xxxx…')
    """
    text = plain(str(value))
    return text if len(text) <= length else text[: length - 1] + "…"
