"""The losses and predictions of many rows: a part at a time, so that none needs them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from gradus.data import batch_bounds
from gradus.errors import ArgumentError, ShapeError
from gradus.modes import no_grad
from gradus.tensor import Tensor, tensor
from gradus.train.engine import Engine
from gradus.train.examples import Examples
from gradus.train.step import Loss
from gradus.types import Array

_ROWS = 1024  # rows whose losses are computed at once: large enough to be fast, small in memory
_PART = 16  # times as many are handed to the programs, which cut them into batches themselves,
_NUMBERS = 1 << 20  # or fewer where rows are large: chosen ones are copied


def evaluated(
    engine: Engine,
    rows: Examples,
    *,
    predictions: bool,
    weights: Mapping[str, Array] | None = None,
    limit: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> tuple[float, Array]:
    """Weighted sum of the losses of all rows, and their predictions.

    Args:
        engine: computes them.
        rows: the examples.
        predictions: whether all predictions are wanted, or those of the first rows will do.
        weights: others than the network's.
        limit: entered where NumPy computes.
    """
    total, found = 0.0, np.empty(0)
    times = min(_PART, max(1, _NUMBERS // (_ROWS * max(rows.x[0].size, 1))))
    for start, end in batch_bounds(len(rows), times * _ROWS):
        part = rows.part(start, end)
        outputs = engine.forward(part.x, part.y, weights, limit)
        total += weighted(outputs["losses"], part.weight)
        prediction = outputs["prediction"]
        if start == 0:
            found = prediction
            if predictions and end < len(rows):
                found = np.empty((len(rows), *prediction.shape[1:]), prediction.dtype)
        if predictions:
            found[start:end] = prediction
        del part, outputs, prediction  # before the next ones come
    return total, found


def weighted(values: Array, weight: Array | None) -> float:
    """Σ wᵢ ℓᵢ in double precision."""
    values = values.astype(np.float64)
    return float(values.sum() if weight is None else values @ weight.astype(np.float64))


def total_beside(loss: Loss, prediction: Array, rows: Examples) -> float:
    """Weighted sum of the losses of every target beside one and the same prediction, (1, …).

    The loss is so shown all targets: in a trace it sees no values, and could not refuse a
    label or a probability out of range.

    Raises:
        ArgumentError, ShapeError: a loss that gives anything but one value an example.
    """
    total = 0.0
    y, weight = rows.targets()
    for start, end in batch_bounds(len(y), _ROWS):
        repeated = np.repeat(prediction, end - start, axis=0)
        with no_grad():
            values = loss(tensor(repeated), tensor(y[start:end]))
        if not isinstance(values, Tensor):
            raise ArgumentError(
                "a loss gives a tensor, one value an example",
                received=type(values).__name__,
                remedy="compute it from the prediction with tensors and gradus.ops",
            )
        if values.shape != (end - start,):
            raise ShapeError(
                f"a loss gives one value an example, here {(end - start,)}",
                received=f"values of {values.shape}",
                remedy="leave losses.mean and losses.sum to reduction=; sum over the outputs "
                "of an example with ops.sum(…, axis=1)",
            )
        total += weighted(values.numpy(), None if weight is None else weight[start:end])
    return total
