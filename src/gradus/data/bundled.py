"""Five well-known sets of real data that come with scikit-learn; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradus.data.table import Table
from gradus.errors import ArgumentError

# Name of each set, and of its target column.
_TARGETS = {
    "digits": "digit",
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "diabetes": "progression",
}
BUNDLED = tuple(_TARGETS)


def load(name: str) -> tuple[Table, str]:
    """Bundled data set as a table, and the name of its target column, which is the last.

    digits: 1797 images of 8 x 8 pixels, labels 0 … 9. iris, wine, breast_cancer: classes by name.
    diabetes: progression after a year, a regression, with its ten features in their own units.
    Raises `ArgumentError` for another name.

    >>> table, target = load("iris")
    >>> len(table), target
    (150, 'species')
    """
    if name not in _TARGETS:
        raise ArgumentError(
            f"the bundled data sets are {', '.join(BUNDLED)}",
            received=repr(name),
            remedy="choose one of them, or read a file with Table.read",
        )
    data = _loader(name)()
    target = data.target
    if name in ("iris", "wine", "breast_cancer"):
        target = np.asarray(data.target_names)[target].astype(object)
    elif name == "digits":
        target = target.astype(np.int64)
    columns = {str(feature): data.data[:, i] for i, feature in enumerate(data.feature_names)}
    return Table.from_arrays({**columns, _TARGETS[name]: target}), _TARGETS[name]


def _loader(name: str) -> Callable[[], Any]:
    from sklearn import datasets

    if name == "diabetes":
        return lambda: datasets.load_diabetes(scaled=False)
    loader: Callable[[], Any] = getattr(datasets, f"load_{name}")
    return loader
