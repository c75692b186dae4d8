"""What a fit keeps so that a diagnosis can look later: a few rows, and the weights at both ends.

Looking takes longer than a short fit, so nothing is looked at until somebody asks. Once asked, the
findings stay, and what they were found with goes. A copy, and what is pickled, is the findings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradus.compiler import settings
from gradus.errors import ArgumentError, GradusError
from gradus.nn import Module
from gradus.train.diagnosis.baseline import baseline
from gradus.train.diagnosis.evidence import Seen
from gradus.train.diagnosis.look import Looker, looker, mean_loss
from gradus.train.examples import Examples
from gradus.train.step import Loss
from gradus.train.untraced import untraced
from gradus.types import Array

_ROWS = 256  # shares and means of so many rows are within a few per cent
_TARGETS = 4096  # targets take little room, and rare classes want many
_NUMBERS = 1 << 20  # the most numbers of either, for rows that are large
_GOLDEN = (5**0.5 - 1) / 2  # its multiples hit all parts of a range, and keep no rhythm
_FURTHER = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)  # times the way that was gone

Weights = Mapping[str, Array]


@dataclass(frozen=True)
class Found:
    """What looking gave: what was seen, or why nothing could be."""

    seen: Seen | None
    fault: str = ""


@dataclass(frozen=True)
class Facts:
    """What else is known of a fit.

    Attributes:
        first: epochs recorded before it.
        units: recorded loss of 1 an example, of the rows trained on and of those held out.
        rate: learning rate to begin with.
        weight_decay: of the optimizer, 0 where it has none.
        failure: why training broke down, or empty.
    """

    first: int = 0
    units: tuple[float, float] = (1.0, 1.0)
    rate: float | None = None
    weight_decay: float = 0.0
    failure: str = ""


@dataclass
class _Live:
    """What looking takes."""

    network: Module
    loss: Loss
    rows: Examples
    targets: Examples
    start: Weights
    end: Weights | None = None
    settings: Hashable = None


class Kept:
    """What is left of a fit.

    Args:
        network: what is trained; a later change of its weights does not matter.
        loss: likewise.
        rows: all that it is trained on; a sample of them is copied.
        start: weights to begin with.
        facts: what else is known.
    """

    def __init__(
        self, network: Module, loss: Loss, rows: Examples, start: Weights, facts: Facts
    ) -> None:
        self.facts = facts
        sample = rows.take(_spread(len(rows), _most(rows, _ROWS)))
        bare = replace(rows, x=rows.y)  # without the inputs, which are large
        targets = bare.take(_spread(len(rows), _most(bare, _TARGETS)))
        self._live: _Live | None = _Live(network, loss, sample, targets, start)
        self._found: Found | None = None
        self._lock = threading.Lock()

    def ended(self, weights: Weights, failure: str) -> None:
        """Keep the weights that the fit ended with, and why it broke down where it did."""
        self.facts = replace(self.facts, failure=failure)
        live = self._live
        if live is not None:
            with untraced:
                live.settings = _structure(live.network)
            live.end = weights

    def look(self) -> Found:
        """What there is to see; of a fit that is still running, with its weights as they are."""
        with self._lock:
            if self._found is not None:
                return self._found
            assert self._live is not None
            live = self._live
            over = live.end is not None
            try:
                found = Found(_seen(live))
            except GradusError as error:
                found = Found(None, str(error))
            except Exception as error:  # a user's network or loss may raise anything
                found = Found(None, f"{type(error).__name__}: {error}")
            if over:
                self._found, self._live = found, None
            return found

    def __reduce__(self) -> tuple[Callable[[Found, Facts], Kept], tuple[Found, Facts]]:
        return _of, (self.look(), self.facts)


def _of(found: Found, facts: Facts) -> Kept:
    kept = Kept.__new__(Kept)
    kept.facts = facts
    kept._live, kept._found, kept._lock = None, found, threading.Lock()
    return kept


def _seen(live: _Live) -> Seen:
    """Look at the sample with the weights of both ends, and further along the way between."""
    with untraced:
        tensors = {**live.network.named_parameters(), **live.network.named_buffers()}
        now = {n: t.numpy() for n, t in tensors.items()}
        if live.end is not None and _structure(live.network) != live.settings:
            raise ArgumentError("the network has been changed since it was trained")
        if live.start.keys() != now.keys():
            raise ArgumentError("the network was changed while it was trained")
        eye = looker(live.network, live.loss, tensors, live.rows)
    start, end = live.start, live.end or now
    first = eye.run(start, live.rows)
    known = baseline(live.loss, first["prediction"], live.targets.y, live.targets.weight)
    mixed = first.get("mixed")
    ahead, further = min((_ahead(eye, start, end, live.rows, t), t) for t in _FURTHER)
    return Seen(
        rows=len(live.rows),
        start=eye.look(start, live.rows),
        end=eye.look(end, live.rows),
        ahead=ahead,
        further=further,
        moved={name: _moved(start, end, names) for name, _, names, _ in eye.layers},
        chance=known.chance,
        constant=known.constant,
        floor=known.floor,
        kind=known.kind,
        shares=known.shares,
        scales=() if mixed is None else _scales(mixed),
    )


def _ahead(eye: Looker, start: Weights, end: Weights, rows: Examples, times: float) -> float:
    """Mean loss with weights further along the way; infinite where it is not finite there."""
    with np.errstate(all="ignore"):
        ahead = {
            n: (w + times * (w - start[n])).astype(w.dtype) if w.dtype.kind == "f" else w
            for n, w in end.items()
        }
        loss = mean_loss(eye.run(ahead, rows), rows)
    return loss if np.isfinite(loss) else np.inf


def _moved(start: Weights, end: Weights, names: tuple[str, ...]) -> float:
    """Norm of the change of these weights, relative to their own to begin with."""
    change = sum(np.sum((end[n].astype(np.float64) - start[n]) ** 2) for n in names)
    size = sum(np.sum(start[n].astype(np.float64) ** 2) for n in names)
    return float(np.sqrt(change / size)) if size else (np.inf if change else 0.0)


def _scales(mixed: Array) -> tuple[float, ...]:
    squares = np.mean(mixed.astype(np.float64) ** 2, axis=0)
    return tuple(float(s) for s in np.sqrt(squares))


def _structure(network: Module) -> Hashable:
    """All that the network's program depends on, but not its mode."""
    found: Any = settings(network)
    return tuple((name, kind, fields) for name, kind, _, fields in found)


def _most(rows: Examples, most: int) -> int:
    """So many rows, fewer where they are large."""
    return max(2, min(most, _NUMBERS // max(rows.x[0].size, 1)))


def _spread(n: int, most: int) -> Array:
    """Row numbers all over n rows, so many at most; of few more rows one may come twice.

    >>> _spread(3, 5).tolist(), _spread(1000, 4).tolist()
    ([0, 1, 2], [618, 236, 854, 472])
    """
    if n <= most:
        return np.arange(n)
    return (np.arange(1, most + 1) * _GOLDEN % 1 * n).astype(np.int64)
