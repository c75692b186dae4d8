"""A data set to learn from: a frame of columns, a target, and what is known about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gradus.data.target import Task


@dataclass(frozen=True)
class DataSet:
    """Columns and target of one set.

    Attributes:
        X: one row an example; numbers and strings, either of them missing in places.
        y: classes, or numbers.
        task: ``"classification"`` or ``"regression"``.
        about: where it is from, in a few words.
        best: the least error that any model can have on new rows, a share of rows or an RMSE,
            where the generator knows it.
        seeds: the most seeds it is folded with, where it is too large for all.
    """

    X: pd.DataFrame
    y: np.ndarray
    task: Task
    about: str
    best: float | None = None
    seeds: int | None = None

    @property
    def digest(self) -> str:
        """A name of the set's content: another one as soon as a cell changes."""
        cells = pd.util.hash_pandas_object(self.X.assign(target=self.y), index=False)
        names = "\0".join([self.task, *map(str, self.X.columns)])
        return hashlib.sha256(names.encode() + cells.to_numpy().tobytes()).hexdigest()[:12]

    @property
    def scale(self) -> float:
        """Standard deviation of all targets, which an RMSE is divided by."""
        return float(np.std(self.y.astype(float)))

    def first(self, rows: int) -> DataSet:
        """So many of the rows, the same ones each time; the set itself where it has no more."""
        if len(self.y) <= rows:
            return self
        kept = np.sort(np.random.default_rng(0).permutation(len(self.y))[:rows])
        X = self.X.iloc[kept].reset_index(drop=True)
        return DataSet(X, self.y[kept], self.task, self.about, self.best, self.seeds)


Sets = dict[str, Callable[[], DataSet]]


def frame(numbers: np.ndarray, **others: Any) -> pd.DataFrame:
    """A frame of numeric columns x0, x1, … and others by name."""
    columns = {f"x{k}": numbers[:, k] for k in range(numbers.shape[1])}
    return pd.DataFrame({**columns, **others})
