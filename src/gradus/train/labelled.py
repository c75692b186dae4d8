"""Rows with class labels of any kind, for the classifiers that are learnt without a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradus.data.checks import listing
from gradus.errors import DataError, DtypeError, ShapeError
from gradus.train.examples import as_features
from gradus.types import Array, float64


@dataclass(frozen=True)
class Labelled:
    """Rows and their classes.

    Attributes:
        x: (rows, inputs), float64.
        y: number of each row's class, (rows,).
        classes: the labels, sorted.
    """

    x: Array
    y: Array
    classes: Array


def unlabelled(X: npt.ArrayLike, inputs: int) -> Array:
    """Check rows that are to be told: (rows, inputs), float64.

    Raises:
        DataError, DtypeError: rows that are no finite numbers.
        ShapeError: another number of inputs than was learnt from.
    """
    x = as_features(X, float64)
    if x.shape[1:] != (inputs,):
        raise ShapeError(f"rows are (rows, {inputs}), as those learnt from", received=x.shape)
    return x


def labelled(X: npt.ArrayLike, y: npt.ArrayLike, *, classes: int | None = None) -> Labelled:
    """Check rows and labels.

    Args:
        X: (rows, inputs).
        y: labels of any kind that can be sorted, (rows,).
        classes: how many there are to be; None: two or more.

    Raises:
        DataError, DtypeError: rows that are no finite numbers, or another number of labels.
        ShapeError: X is no matrix, or y is not one label a row.

    >>> labelled([[1.0], [2.0]], ["no", "yes"]).y.tolist()
    [0, 1]
    """
    x = as_features(X, float64)
    if x.ndim != 2 or not x.shape[1]:
        raise ShapeError("rows are (rows, inputs), with one input or more", received=x.shape)
    labels = np.asarray(y)
    if labels.shape != (len(x),):
        raise ShapeError(
            f"there is one label a row, ({len(x)},)",
            received=labels.shape,
            remedy="y.ravel() for a single column" if labels.size == len(x) else None,
        )
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise DataError("every row has a label", received=f"{np.isnan(labels).sum()} NaN")
    try:
        found, numbers = np.unique(labels, return_inverse=True)
    except TypeError:
        raise DtypeError(
            "labels are of one kind", received="some that cannot be compared"
        ) from None
    if len(found) < 2 or len(found) != (classes or len(found)):
        raise DataError(
            f"there are {'two' if classes == 2 else classes or 'two or more'} different labels",
            received=f"{len(found)}: {listing(found.tolist())}",
        )
    return Labelled(x.astype(float64), numbers, found)
