"""What epochs are made of: their steps as the engine takes them, and what of these is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gradus.compiler import Relayed
from gradus.data import epoch_order
from gradus.train.engine import Portion
from gradus.train.examples import Examples
from gradus.train.factors import Factors
from gradus.types import Array


class Epoch(NamedTuple):
    """What the steps of an epoch recorded, or those until it was stopped.

    Attributes:
        steps: how many were taken.
        loss, weight: sums over their rows.
        norms: of the gradient of each parameter, in the step that was monitored.
        ended: seconds from the beginning of the call.
    """

    steps: int
    loss: float
    weight: float
    norms: dict[str, float]
    ended: float


def steps_of(rows: int, batch_size: int) -> list[tuple[int, int, bool]]:
    """Steps of an epoch, rows of each, and whether monitored: the last that is not small.

    >>> steps_of(10, 3)
    [(2, 3, False), (1, 3, True), (1, 1, False)]
    >>> steps_of(11, 3)
    [(3, 3, False), (1, 2, True)]
    """
    full, short = divmod(rows, batch_size)
    if full == 0 or 2 * short >= batch_size:
        portions = [(full, batch_size, False), (1, short, True)]
    else:
        portions = [(full - 1, batch_size, False), (1, batch_size, True), (1, short, False)]
    return [(steps, size, monitored) for steps, size, monitored in portions if steps > 0 and size]


def orders(rows: int, seed: int, epochs: range, shuffle: bool) -> Array:
    """Order of the rows in each of these epochs, (epochs, rows)."""
    found = [epoch_order(rows, seed, k, shuffle) for k in epochs]
    return np.stack(found) if len(found) > 1 else found[0][None]  # without a copy


def portions(order: Array, batch_size: int, factors: Factors) -> list[Portion]:
    """The batches of some epochs, by the programs that take them."""
    found, at = [], 0
    for steps, size, monitored in steps_of(order.shape[1], batch_size):
        batches = order[:, at * batch_size :][:, : steps * size].reshape(len(order), steps, size)
        part = {n: f[:, at : at + steps] for n, f in factors.items()}
        found.append(Portion(batches, part, monitored))
        at += steps
    return found


def recorded(rows: Examples, taken: Sequence[Portion], found: Relayed) -> Iterator[Epoch]:
    """What each epoch recorded, of those in which a step was taken."""
    left = found.done
    for k, ended in enumerate(found.ended.tolist()):
        before, loss, weight = left, 0.0, 0.0
        norms: dict[str, float] = {}
        for portion, record in zip(taken, found.records, strict=True):
            done = min(left, portion.batches.shape[1])
            left -= done
            if not done:
                break
            loss += float(record["loss"][k, :done].sum(dtype=np.float64))
            weight += rows.weight_of(portion.batches[k, :done])
            if portion.monitored:
                norms = {
                    n.partition(".")[2]: float(a[k, done - 1])
                    for n, a in record.items()
                    if "." in n
                }
        if left == before:
            return
        yield Epoch(before - left, loss, weight, norms, ended)
