"""The sets that are reported: five bundled ones of real data, and generated tables.

No default is chosen on them; those that defaults are chosen on stand in `choosing_sets.py`.
"""

from __future__ import annotations

import pandas as pd

from benchmarks.learning.dataset import DataSet, Sets
from benchmarks.learning.generated import GENERATED
from gradus.data import BUNDLED
from gradus.data import load as load_bundled

_ABOUT = {
    "digits": "images of 8 × 8 pixels",
    "iris": "flowers, measured",
    "wine": "chemistry of wines",
    "breast_cancer": "cells in images",
    "diabetes": "progression after a year",
}


def bundled(name: str) -> DataSet:
    """One of gradus' bundled sets."""
    table, target = load_bundled(name)
    columns = {c: table.column(c) for c in table.names if c != target}
    task = "regression" if name == "diabetes" else "classification"
    return DataSet(pd.DataFrame(columns), table.column(target), task, _ABOUT[name])


REPORTED: Sets = {name: lambda name=name: bundled(name) for name in BUNDLED} | GENERATED  # type: ignore[misc]
