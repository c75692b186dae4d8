"""Metrics of predictions: what people judge a model by, beside the loss.

Each takes the network's outputs and the targets and gives one number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradus.errors import ArgumentError
from gradus.types import Array

Metric = Callable[[Array, Array], float]


def labels_of(prediction: Array) -> Array:
    """Predicted class numbers: the largest score, or for one column whether the score is > 0."""
    if prediction.ndim > 1 and prediction.shape[-1] > 1:
        return np.asarray(prediction.argmax(axis=-1))
    return (prediction.reshape(len(prediction)) > 0).astype(np.int64)


def accuracy(prediction: Array, target: Array) -> float:
    """Share of examples whose predicted class is the target's.

    Scores of several classes are compared with labels or distributions; a single column holds
    scores (logits) of class 1 against class 0.

    >>> accuracy(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0]))
    0.5
    """
    is_distribution = target.ndim > 1 and target.shape[-1] > 1
    truth = target.argmax(axis=-1) if is_distribution else target.reshape(len(target))
    return float(np.mean(labels_of(prediction) == truth))


def rmse(prediction: Array, target: Array) -> float:
    """Root of the mean squared error, in the unit of the target."""
    return float(np.sqrt(np.mean((prediction - target) ** 2, dtype=np.float64)))


def mae(prediction: Array, target: Array) -> float:
    """Mean absolute error, in the unit of the target."""
    return float(np.mean(np.abs(prediction - target), dtype=np.float64))


def r2(prediction: Array, target: Array) -> float:
    """Share of the target's variance that is predicted: 1 is perfect, 0 as good as the mean."""
    residual = np.sum((prediction - target) ** 2, dtype=np.float64)
    spread = np.sum((target - target.mean(axis=0)) ** 2, dtype=np.float64)
    return float(1 - residual / spread) if spread > 0 else float(residual == 0)


METRICS: dict[str, Metric] = {"accuracy": accuracy, "rmse": rmse, "mae": mae, "r2": r2}


def metrics_named(metrics: Sequence[str | Metric]) -> dict[str, Metric]:
    """Names and functions of metrics given either way.

    Raises:
        ArgumentError: an unknown name, or two metrics of one name.
    """
    found: dict[str, Metric] = {"loss": rmse}
    for metric in metrics:
        if not callable(metric) and metric not in METRICS:
            raise ArgumentError(
                f"a metric is a function or one of {', '.join(METRICS)}", received=repr(metric)
            )
        function = metric if callable(metric) else METRICS[metric]
        name = getattr(function, "__name__", "metric")
        if name in found:
            raise ArgumentError(
                "every metric has a name of its own, and none is called loss",
                received=name,
                remedy="write it as a function with a name: def f(prediction, target)",
            )
        found[name] = function
    del found["loss"]
    return found
