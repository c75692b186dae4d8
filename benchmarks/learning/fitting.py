"""One fit: a model on the training rows of a fold, timed, and its errors on the other rows."""

from __future__ import annotations

import time
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold

from benchmarks.learning.choosing_sets import CHOOSING, MANY
from benchmarks.learning.dataset import DataSet, Task
from benchmarks.learning.models import make
from benchmarks.learning.sets import REPORTED
from benchmarks.machine import Others

ALL_SETS = REPORTED | CHOOSING | MANY
_warm: set[tuple[str, Task]] = set()


def fit(
    name: str, rows: int, kind: str, settings: dict[str, Any], folds: int, fold: int, seed: int,
    threads: int,
) -> dict[str, Any]:  # fmt: skip
    """Errors on the held-out fold of a set's first rows, and seconds that the fit took.

    `others` is how many cores other programs took meanwhile.
    """
    data = loaded(name, rows)
    train, test = split(data, folds, fold, seed)
    X, y = data.X.iloc[train].reset_index(drop=True), data.y[train]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of networks that have not converged
        _warm_up(kind, settings, data.task, threads)
        model = make(kind, settings, data.X, data.task, seed, threads)
        others, start = Others(), time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - start
        found = {"seconds": seconds, "others": others.share()}
        return {**found, **errors(model, data.X.iloc[test].reset_index(drop=True), data, test)}


def split(data: DataSet, folds: int, fold: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and held-out rows; classes have equal shares in all folds."""
    kind = StratifiedKFold if data.task == "classification" else KFold
    folding = kind(folds, shuffle=True, random_state=seed)
    return list(folding.split(np.zeros(len(data.y)), data.y))[fold]


def errors(
    model: BaseEstimator, X: pd.DataFrame, data: DataSet, rows: np.ndarray
) -> dict[str, float]:
    """``error``, 1 − accuracy or RMSE / deviation of all targets, and log-loss or RMSE."""
    y = data.y[rows]
    if data.task == "classification":
        # Some models warn on strings in arrays of objects; the labels are the same.
        wrong = np.mean(np.asarray(model.predict(X)).astype(str) != y.astype(str))
        loss = log_loss(y, model.predict_proba(X), labels=model.classes_)
        return {"error": float(wrong), "log_loss": float(loss)}
    rmse = float(np.sqrt(np.mean((np.asarray(model.predict(X), float) - y.astype(float)) ** 2)))
    if not np.isfinite(rmse):
        raise ValueError("predicted numbers are not finite")
    return {"error": rmse / data.scale, "rmse": rmse}


@lru_cache(maxsize=1)
def loaded(name: str, rows: int) -> DataSet:
    """The set's first rows, read or generated once as long as it is asked for."""
    return ALL_SETS[name]().first(rows)


def _warm_up(kind: str, settings: dict[str, Any], task: Task, threads: int) -> None:
    """A first small fit, so that no other one pays for imports and thread pools."""
    if (kind, task) in _warm:
        return
    _warm.add((kind, task))
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.random(60), "b": rng.random(60), "c": ["u", "v"] * 30})
    y = (
        X.a.to_numpy()
        if task == "regression"
        else np.where(X.a > X.a.median(), "p", "q").astype(object)
    )
    make(kind, settings, X, task, 0, threads).fit(X, y)
