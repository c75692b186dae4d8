"""Metrics of predictions: what people judge a model by, beside the loss.

Each takes the network's outputs, the targets and perhaps a weight a row, and gives one number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from gradus import losses
from gradus.errors import ArgumentError, ShapeError
from gradus.types import Array

Metric = Callable[[Array, Array], float]
Measure = Callable[[Array, Array, Array | None], float]


def labels_of(prediction: Array, threshold: float = 0.0) -> Array:
    """Predicted class numbers: of the largest score; for one column, 1 above the threshold."""
    if prediction.ndim > 1 and prediction.shape[-1] > 1:
        return np.asarray(prediction.argmax(axis=-1))
    return (prediction.reshape(len(prediction)) > threshold).astype(np.int64)


def accuracy(
    prediction: Array, target: Array, weight: Array | None = None, *, threshold: float | None = 0.0
) -> float:
    """Share of predicted classes that are the target's; examples count alike.

    Args:
        prediction: scores of the classes, (n, …, classes), or one column of what speaks for class
            1.
        target: class numbers, (n, …), or distributions of the shape of the scores.
        weight: of each example, (n,).
        threshold: above it one column says class 1: 0 for scores (logits), 0.5 for probabilities,
            None where it is not known which they are.

    Raises:
        ShapeError: predictions and targets that do not fit each other.
        ArgumentError: one column and no threshold.

    >>> accuracy(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0]))
    0.5
    """
    several = prediction.ndim > 1 and prediction.shape[-1] > 1
    if not several and threshold is None:
        raise ArgumentError(
            "the accuracy of one column needs a loss that says what the column holds",
            received="another loss than binary_cross_entropy (probabilities) and "
            "binary_cross_entropy_with_logits (scores)",
            remedy="give a metric of your own: def accuracy(prediction, target)",
        )
    guessed = labels_of(prediction, threshold or 0.0)
    if several and target.shape == prediction.shape:
        truth = target.argmax(axis=-1)
    else:
        single = target.size == guessed.size == len(guessed)
        truth = target.reshape(guessed.shape) if single else target
    _check_shapes(guessed, truth)
    return average(guessed == truth, weight)


def rmse(prediction: Array, target: Array, weight: Array | None = None) -> float:
    """Root of the mean squared error, in the unit of the target."""
    _check_shapes(prediction, target)
    return float(np.sqrt(average((prediction - target) ** 2, weight)))


def mae(prediction: Array, target: Array, weight: Array | None = None) -> float:
    """Mean absolute error, in the unit of the target."""
    _check_shapes(prediction, target)
    return average(np.abs(prediction - target), weight)


def r2(prediction: Array, target: Array, weight: Array | None = None) -> float:
    """Share of the target's variance that is predicted: 1 is perfect, 0 as good as the mean."""
    _check_shapes(prediction, target)
    mean = np.average(target, axis=0, weights=weight)
    residual = average((prediction - target) ** 2, weight)
    spread = average((target - mean) ** 2, weight)
    return 1 - residual / spread if spread > 0 else float(residual == 0)


METRICS: dict[str, Callable[..., float]] = {f.__name__: f for f in (accuracy, rmse, mae, r2)}


def metrics_named(metrics: Iterable[str | Metric], loss: Any) -> dict[str, Measure]:
    """Metrics given by name or as functions, each as a function of weights, too.

    Args:
        metrics: names in ``METRICS``, and functions ``(prediction, target) → number``, which see
            weights, or None, where they have a parameter ``weight``.
        loss: what is trained on; it says whether one column holds probabilities or scores.

    Raises:
        ArgumentError: an unknown name, or two metrics of one name.
    """
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise ArgumentError(
            "metrics is a list", received=repr(metrics), remedy='write metrics=["accuracy"]'
        )
    found: dict[str, Measure] = {}
    for metric in metrics:
        if not callable(metric) and metric not in METRICS:
            raise ArgumentError(
                f"a metric is a function or one of {', '.join(METRICS)}", received=repr(metric)
            )
        function: Any = metric if callable(metric) else METRICS[metric]
        name = getattr(function, "__name__", "metric")
        if name in found or name == "loss":
            raise ArgumentError(
                "every metric has a name of its own, and none is called loss",
                received=name,
                remedy="write it as a function with a name: def f(prediction, target)",
            )
        if function is accuracy:
            function = partial(accuracy, threshold=_threshold(loss))
        elif function not in METRICS.values():
            function = _Own(function, _sees_weights(function))
        found[name] = function
    return found


def check_metrics(metrics: Mapping[str, Measure], prediction: Array, target: Array) -> None:
    """Let the metrics of this file look at a row or more before anything is trained.

    Raises:
        ShapeError, ArgumentError: predictions and targets that one of them is not defined for.
    """
    for metric in metrics.values():
        if not isinstance(metric, _Own):
            metric(prediction, target, None)


def _threshold(loss: Any) -> float | None:
    """Above what a single column says class 1, where the loss tells."""
    if loss is losses.binary_cross_entropy:
        return 0.5
    return 0.0 if loss is losses.binary_cross_entropy_with_logits else None


@dataclass(frozen=True)
class _Own:
    """A metric of the user's, which may see no weights."""

    function: Callable[..., float]
    weighted: bool

    def __call__(self, prediction: Array, target: Array, weight: Array | None) -> float:
        if self.weighted:
            return self.function(prediction, target, weight=weight)
        return self.function(prediction, target)


def _sees_weights(function: Any) -> bool:
    """Whether a function has a parameter for weights."""
    try:
        return "weight" in signature(function).parameters
    except (TypeError, ValueError):  # such as a function written in C
        return False


def average(values: Array, weight: Array | None) -> float:
    """Mean over everything, each row counted with its weight."""
    rows = values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
    return float(np.average(rows, weights=weight))


def _check_shapes(prediction: Array, target: Array) -> None:
    if prediction.shape != target.shape:
        raise ShapeError(
            "a metric compares predictions and targets of one shape",
            received=f"{prediction.shape} and {target.shape}",
            remedy="reshape one of them: (40, 1) and (40,) would be compared each with each",
        )
