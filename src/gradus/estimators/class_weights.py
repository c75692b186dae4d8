"""Weights of classes: what each row counts by its label."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from gradus.checks import require
from gradus.errors import ArgumentError, DataError
from gradus.types import Array


def class_weighted(given: Any, y: Array, weight: Array | None) -> Array:
    """Weights of rows, times those of their classes; of several questions the product.

    Args:
        given: ``{label: weight}``, where a class that is not named has 1; ``"balanced"``; or of
            several questions a list of these.
        y: labels, (rows,) or (rows, questions).
        weight: of rows, or None: 1 each.

    Raises:
        ArgumentError, DataError: weights of no such form, or below 0.

    >>> class_weighted({"no": 3}, np.array(["yes", "no"]), None).tolist()
    [1.0, 3.0]
    """
    if y.ndim == 2 and not isinstance(given, (str, list)):
        raise DataError(
            "weights of the classes of several questions are a list of dictionaries",
            received=repr(given)[:100],
            remedy="write a dictionary for each column of y",
        )
    columns = y.reshape(len(y), -1).T
    several = y.ndim == 2 and isinstance(given, list)
    require(
        not several or len(given) == len(columns),
        f"class_weight has an entry for each of the {len(columns)} questions",
        f"{len(given)} entries" if several else None,
    )
    found = np.ones(len(y)) if weight is None else weight
    for how, column in zip(given if several else [given] * len(columns), columns, strict=True):
        found = found * _of_column(how, column, weight)
    return found


def check_classes_known(given: Any, classes: Sequence[Array]) -> None:
    """Refuse a weight of a label that there is not, unless all classes have one.

    Where all have one, such as in a fold that lacks a rare class, it is no mistake of writing. A
    label of weight 0 has left with its rows.

    Args:
        given: as for ``class_weighted``.
        classes: of each question.
    """
    for how, known in zip(given if isinstance(given, list) else [given], classes, strict=False):
        labels = known.tolist()
        lacking = [label for label in labels if isinstance(how, Mapping) and label not in how]
        if not lacking:
            continue
        unknown = [label for label, value in how.items() if value and label not in labels]
        require(
            not unknown,
            f"class_weight names classes of y, {labels!r:.100}",
            f"a weight of {unknown[:1]!r:.100}",
            f"name them as y does: {lacking[0]!r:.100} has no weight yet",
        )


def _of_column(how: Any, column: Array, weight: Array | None) -> Array | float:
    """Weight of each row's class."""
    if how is None:
        return 1.0
    labels, places = np.unique(column, return_inverse=True)
    if isinstance(how, str) and how == "balanced":
        # Σ w / (K · Σ w of the class): scikit-learn's, where rows count by their weight.
        counts = np.bincount(places, weight)
        return np.asarray((counts.sum() / (len(counts) * counts))[places])
    if not isinstance(how, Mapping):
        raise ArgumentError(
            'class_weight is a dictionary of labels and their weights, or "balanced"',
            received=repr(how)[:100],
            remedy='write class_weight={"yes": 2, "no": 1}',
        )
    for label, value in how.items():
        require(
            isinstance(value, Real) and 0 <= float(value) < math.inf,
            "class_weight holds finite numbers of at least 0",
            f"{value!r} for the class {label!r}"[:200],
            "2 counts each row of a class twice, 0.5 half",
        )
    return np.array([float(how.get(label, 1.0)) for label in labels.tolist()])[places]
