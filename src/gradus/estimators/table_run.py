"""A table in, a trained network and what it is worth out: the estimators on rows of one table."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus.checks import finite_number
from gradus.data import Column, Table, TableEncoder, TargetEncoder, infer_schema, split_indices
from gradus.data.checks import unknown_column
from gradus.data.target import Task
from gradus.errors import DataError, DivergenceError
from gradus.estimators.file import table_model
from gradus.estimators.mlp import MLPClassifier, MLPRegressor
from gradus.estimators.presets import settled
from gradus.estimators.recipe import Recipe
from gradus.train.callbacks import Callback
from gradus.train.diagnosis.verdict import Diagnosis
from gradus.train.history import History
from gradus.train.progress import wanted
from gradus.train.table_model import Evaluation, TableModel, row_weights
from gradus.types import Array


@dataclass(frozen=True, eq=False)
class TableRun:
    """What ``train_table`` did.

    Attributes:
        estimator: the fitted estimator.
        model: its network, for tables with all their columns.
        schema: what was found in the table's columns.
        training: results on the rows trained on.
        held_out: results on rows that training never saw, or None where none were held out.
        weight: column of the rows' weights, or None.
        left_out: rows of weight 0.
    """

    estimator: MLPClassifier | MLPRegressor
    model: TableModel
    schema: tuple[Column, ...]
    training: Evaluation
    held_out: Evaluation | None
    weight: str | None
    left_out: int

    @property
    def history(self) -> History:
        """One row an epoch."""
        return self.estimator.history_

    @property
    def recipe(self) -> Recipe:
        """All options, settled."""
        return self.estimator.recipe_

    @property
    def rows(self) -> dict[str, int]:
        """How many rows there are of each part.

        ``training``: what the estimator was given. ``validation``: those of them that it kept for
        choosing its weights. ``held_out`` and ``left_out``: all others.
        """
        held = 0 if self.held_out is None else len(self.held_out.truth)
        return {
            "training": len(self.training.truth),
            "validation": 0 if self.watches_held_out else self.estimator.rows_[1],
            "held_out": held,
            "left_out": self.left_out,
        }

    @property
    def watches_held_out(self) -> bool:
        """Whether the validation curves are of the rows held out, which then chose nothing."""
        return self.held_out is not None and not self.recipe.holds_out(len(self.training.truth))

    @property
    def diagnosis(self) -> Diagnosis:
        """What went wrong or well in training, with the names of the table."""
        return self.history.diagnose(
            features=self.model.inputs.feature_names,
            classes=[f"“{str(name)[:40]}”" for name in self.model.target.classes],
            beside="held-out rows" if self.watches_held_out else "validation rows",
        )


class DivergedRunError(DivergenceError):
    """Training on a table that broke down: numbers that are not finite, or an absurd loss.

    Attributes:
        run: what there is up to there; its network has the last good weights.
    """

    def __init__(self, error: DivergenceError, run: TableRun) -> None:
        super().__init__(error.rule, received=error.received, remedy=error.remedy)
        self.run = run


def train_table(
    table: Table,
    target: str,
    *,
    task: Task | None = None,
    kinds: Mapping[str, str] | None = None,
    weight: str | None = None,
    preset: str = "default",
    validation: float = 0.2,
    seed: int = 0,
    threads: int | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | None = None,
    **options: Any,
) -> TableRun:
    """Fit an ``MLPClassifier`` or ``MLPRegressor`` that predicts one column of a table.

    Rows held out are seen by nothing but the final evaluation. Where the preset keeps no part of
    the training rows to choose its weights by, the curves show them, too. Fitted to the same rows,
    with the same seed, the estimator has the same weights, to the bit.

    Args:
        table: the data.
        target: the column to predict.
        task: classification or regression; None infers it from the target.
        kinds: kinds of columns that are not to be inferred, such as ``{"zip": "categorical"}``.
        weight: a column that says how often a row counts, in learning and in the results; a row
            of weight 0 is left out.
        preset: ``"classic"``, ``"default"``, ``"strong"`` or ``"ensemble"``.
        validation: share of the rows to hold out, 0 for none.
        seed: of everything random.
        threads: the most threads to use.
        callbacks: hooks into the training.
        progress: whether to show progress; None: where standard error is a terminal.
        options: of the estimator, such as ``max_iter=20``; None is what the preset says.

    Raises:
        DataError: a table that cannot be learnt from; the message says why.
        ArgumentError: settings outside their ranges.
        DivergedRunError: training broke down; the run so far is in its ``run``.

    >>> from gradus.data import load
    >>> run = train_table(*load("iris"), preset="classic", progress=False)
    >>> run.rows["held_out"], bool(run.held_out.metrics["accuracy"] > 0.8)
    (30, True)
    """
    _check_names(table, target, weight)
    finite_number("validation", validation, least=0, below=1)
    weights = None if weight is None else row_weights(table, weight)
    # Every row has a target, whatever its weight.
    encoder = TargetEncoder.fit(table.column(target), task, name=target)
    y = _checked(encoder.values(table.column(target), name=target), encoder.task, target)
    recipe = settled(preset, encoder.task, options)
    features = table.drop(target) if weight is None else table.drop(target).drop(weight)
    used = np.arange(len(table)) if weights is None else np.flatnonzero(weights)
    schema = infer_schema(features.take(used), kinds, codes=True)
    # The whole table: a message about a cell then names its row there.
    TableEncoder.fit(features, schema, scaling=recipe.scaling, max_one_hot=recipe.max_one_hot)
    rows, held = used, used[:0]
    if validation:
        stratify = y[used] if encoder.task == "classification" else None
        rows, held = (used[part] for part in split_indices(len(used), validation, seed, stratify))
    if len(held) and not recipe.holds_out(len(rows)):
        options["early_stopping"] = False  # rows held out are watched, and choose nothing
        given = _given(features, y, weights, held)
        watched = dict(zip(("X_val", "y_val", "sample_weight_val"), given, strict=True))
    else:
        watched = {}
    made = MLPClassifier if encoder.task == "classification" else MLPRegressor
    estimator = made(
        preset=preset,
        kinds={column.name: column.kind for column in schema},
        random_state=seed,
        n_threads=threads,
        callbacks=list(callbacks),
        verbose=wanted(progress),
        **options,
    )

    def result() -> TableRun:
        estimator.set_params(callbacks=None, verbose=False)  # they are not the model's
        estimator._target_name = target
        model = table_model(estimator, target)
        assert model is not None, "an estimator of a table's column"

        def evaluated(part: Array) -> Evaluation:
            return model.evaluate(table.take(part), None if weights is None else weights[part])

        held_out = evaluated(held) if len(held) else None
        left_out = len(table) - len(used)
        return TableRun(estimator, model, schema, evaluated(rows), held_out, weight, left_out)

    try:
        with warnings.catch_warnings():
            # That a target of so many classes was hardly meant as classes was thought of above.
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            estimator.fit(*_given(features, y, weights, rows), **watched)
    except DivergenceError as error:
        # The last good weights can be so large that outputs overflow.
        with np.errstate(all="ignore"):
            raise DivergedRunError(error, result()) from error
    return result()


def _checked(y: Array, task: Task, name: str) -> Array:
    """Targets that an estimator of the task takes."""
    if task == "classification" and y.dtype.kind == "f" and np.any(y != np.floor(y)):
        row = int(np.argmax(y != np.floor(y)))
        raise DataError(
            f"the classes of {name!r} are texts, booleans or whole numbers",
            received=f"{y[row]} in row {row + 1}",
            remedy="write them as texts, or choose task='regression'",
        )
    return y


def _given(
    features: Table, y: Array, weights: Array | None, rows: Array
) -> tuple[Table, Array, Array | None]:
    """What ``fit`` takes of some rows."""
    return features.take(rows), y[rows], None if weights is None else weights[rows]


def _check_names(table: Table, target: str, weight: str | None) -> None:
    for name in (target, weight):
        if name is not None and name not in table.names:
            raise unknown_column(name, table.names)
    if target == weight:
        raise DataError("weights stand in another column than the target", received=repr(target))
    if len(table.names) < (2 if weight is None else 3):
        raise DataError("a table has a column beside the target", received=table.names)
