"""Labels: that every row has one, as which type, and which of the classes it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradus.data.cells import is_missing
from gradus.data.target import is_nothing
from gradus.errors import DataError
from gradus.types import Array


def check_labelled(y: Any) -> None:
    """Refuse rows without a label: None, NaN, pandas' NA, NaT.

    Raises:
        DataError: a label that is missing.

    >>> check_labelled(["yes", "no", None])
    Traceback (most recent call last):
    ...
    gradus.errors.DataError: every row needs a label, not None or NaN; received 1 of 3 missing, \
the first in row 3. What to do: remove these rows from X and y, or fill in their labels
    """
    if hasattr(y, "toarray"):  # sparse answers are numbers
        return
    # Of a list with texts and NaN NumPy would make the text "nan".
    values = np.asarray(y, object if isinstance(y, list | tuple) else None)
    flat = values.reshape(-1)
    present = flat.dtype.kind == "O" and set(map(type, flat)) <= {str, int, bool}
    if present or not values.ndim or not values.size:
        return  # what is no column of labels is refused elsewhere
    gaps = np.array([is_nothing(v) for v in flat]) if flat.dtype.kind == "O" else is_missing(flat)
    rows = np.flatnonzero(gaps.reshape(len(values), -1).any(axis=1))
    if len(rows):
        raise DataError(
            "every row needs a label, not None or NaN",
            received=f"{len(rows)} of {len(values)} missing, the first in row {rows[0] + 1}",
            remedy="remove these rows from X and y, or fill in their labels",
        )


def plain_labels(y: Array) -> Array:
    """Objects as texts or numbers, where each column holds one kind.

    Raises:
        DataError: a column of several kinds.

    >>> plain_labels(np.array(["a", "b"], dtype=object))
    array(['a', 'b'], dtype='<U1')
    """
    if y.dtype.kind != "O":
        return y
    columns = [np.array(column.tolist()) for column in y.reshape(len(y), -1).T]
    for column, given in zip(columns, y.reshape(len(y), -1).T, strict=True):
        kinds = sorted({type(v).__name__ for v in given.tolist()})
        if column.dtype.kind == "U" and kinds != ["str"]:
            raise DataError(
                "the labels of a column are of one type",
                received=", ".join(kinds),
                remedy="turn all of them into texts, or all into numbers",
            )
    if y.ndim == 1:
        return columns[0]
    alike = len({column.dtype.kind for column in columns}) == 1
    return np.stack(columns if alike else [c.astype(object) for c in columns], axis=1)


def numbered(y: Array, classes: Array) -> Array:
    """Place of each label among the sorted classes, int64.

    Raises:
        UnknownLabelError: a label that is none of them.

    >>> numbered(np.array(["b", "a"]), np.array(["a", "b"])).tolist()
    [1, 0]
    """
    y = np.asarray(y)
    places = np.searchsorted(classes, y)
    places[places == len(classes)] = 0
    wrong = classes[places] != y
    if np.any(wrong):
        label = y[np.flatnonzero(wrong)[0]]
        raise UnknownLabelError(
            f"every label is one of the classes of training, {classes.tolist()!r:.100}",
            received=repr(label.item() if isinstance(label, np.generic) else label),
            remedy="leave out the rows of other classes, or train on rows of all",
        )
    return places.astype(np.int64)


# What to do about a label that is none of the classes, in y of each of these.
IN_FIT = "leave its rows out, or begin anew by fit with warm_start=False"
IN_PARTIAL_FIT = (
    "leave its rows out, or begin anew and name all classes in the first call: "
    "partial_fit(X, y, classes=…)"
)


class UnknownLabelError(DataError):
    """A label that is none of the classes of training."""


@contextmanager
def unknown_labels(remedy: str) -> Iterator[None]:
    """Inside the block a label that is none of the classes is refused with this advice."""
    try:
        yield
    except UnknownLabelError as error:
        raise DataError(error.rule, received=error.received, remedy=remedy) from None
