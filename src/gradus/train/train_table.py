"""A table in, a trained network out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from gradus import nn
from gradus.checks import whole_number
from gradus.data import (
    Column,
    Table,
    TableEncoder,
    TargetEncoder,
    infer_schema,
    split_indices,
)
from gradus.data.target import Task
from gradus.errors import ArgumentError, DataError, DivergenceError
from gradus.optim import Adam, Optimizer
from gradus.random import Stream, use_stream
from gradus.train.callbacks import Callback
from gradus.train.diagnosis.verdict import Diagnosis
from gradus.train.history import History
from gradus.train.metrics import rmse
from gradus.train.table_model import Evaluation, TableModel, loss_of
from gradus.train.trainer import Trainer
from gradus.types import Array

# Hidden activations: a network with sign units cannot be trained, and logistic is the sigmoid.
ACTIVATIONS = tuple(name for name in nn.ACTIVATIONS if name not in ("sign", "logistic"))


@dataclass(frozen=True)
class TableRun:
    """What ``train_table`` did.

    Attributes:
        model: the trained model.
        history: one row an epoch.
        schema: what was found in the table's columns.
        training: results on the rows trained on.
        held_out: results on rows that were not trained on, or None where none were held out.
        rows: numbers of rows trained on and held out.
    """

    model: TableModel
    history: History
    schema: tuple[Column, ...]
    training: Evaluation
    held_out: Evaluation | None
    rows: tuple[int, int]

    @property
    def diagnosis(self) -> Diagnosis:
        """What went wrong or well in training, with the names of the table."""
        return self.history.diagnose(
            features=self.model.inputs.feature_names,
            classes=[f"“{str(name)[:40]}”" for name in self.model.target.classes],
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
    layers: Sequence[int] = (100,),
    activation: str = "relu",
    optimizer: Optimizer | None = None,
    epochs: int = 60,
    batch_size: int = 32,
    validation: float = 0.2,
    seed: int = 0,
    threads: int | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool | None = None,
) -> TableRun:
    """Train a multilayer perceptron to predict one column of a table from the others.

    Numbers are standardised and categories one-hot encoded by what the training rows say; rows held
    out are seen by nothing but the final evaluation and the curves.

    Args:
        table: the data.
        target: the column to predict.
        task: classification or regression; None infers it from the target.
        kinds: kinds of columns that are not to be inferred, such as ``{"zip": "categorical"}``.
        layers: units of each hidden layer; none for a linear model.
        activation: name of the hidden layers' activation, one of ``ACTIVATIONS``.
        optimizer: Adam with a rate of 10⁻³ by default.
        epochs: passes over the rows.
        batch_size: rows a step.
        validation: share of the rows to hold out, 0 for none.
        seed: of everything random.
        threads: the most threads to use.
        callbacks: hooks into the training.
        progress: whether to show progress.

    Raises:
        DataError: a table that cannot be learnt from; the message says why.
        ArgumentError: settings outside their ranges.
        DivergedRunError: training broke down; the run so far is in its ``run``.
    """
    _check_settings(table, target, layers, activation, validation)
    encoder = TargetEncoder.fit(table.column(target), task, name=target)
    features = table.drop(target)
    schema = infer_schema(features, kinds)
    rows, held = np.arange(len(table)), np.arange(0)
    if validation:
        labels = encoder.encode(table.column(target), name=target)
        rows, held = split_indices(
            len(table), validation, seed, labels if encoder.task == "classification" else None
        )
    # The whole table first: a message about a cell then names its row in the table.
    inputs = TableEncoder.fit(features, schema)
    if len(held):
        inputs = TableEncoder.fit(features.take(rows), schema)
    if encoder.task == "regression":
        encoder = TargetEncoder.fit(table.column(target)[rows], encoder.task, name=target)
    outputs = len(encoder.classes) if encoder.task == "classification" else 1
    with use_stream(Stream(whole_number("seed", seed))):
        network = perceptron(len(inputs.feature_names), layers, activation, outputs)
    model = TableModel(network, inputs, encoder, target)

    def arrays(indices: Array) -> tuple[Array, Array]:
        part = table.take(indices)
        return inputs.transform(part), encoder.encode(part.column(target), name=target)

    trainer = Trainer(
        network,
        loss_of(encoder.task),
        optimizer or Adam(1e-3),
        metrics=["accuracy"] if encoder.task == "classification" else [_rmse_in_unit(model)],
        seed=seed,
        threads=threads,
    )

    def result() -> TableRun:
        training = model.evaluate(table.take(rows))
        held_out = model.evaluate(table.take(held)) if len(held) else None
        size = len(rows), len(held)
        return TableRun(model, trainer.history, schema, training, held_out, size)

    try:
        trainer.fit(
            *arrays(rows),
            epochs=epochs,
            batch_size=batch_size,
            validation=arrays(held) if len(held) else None,
            callbacks=callbacks,
            progress=progress,
        )
    except DivergenceError as error:
        # The last good weights can be so large that outputs overflow.
        with np.errstate(all="ignore"):
            raise DivergedRunError(error, result()) from error
    return result()


def perceptron(inputs: int, layers: Sequence[int], activation: str, outputs: int) -> nn.Sequential:
    """Multilayer perceptron: linear layers with an activation between them.

    >>> perceptron(4, [8], "tanh", 3)[0].weight.shape
    (8, 4)
    """
    widths = [inputs, *layers]
    parts: list[nn.Module] = []
    for before, after in pairwise(widths):
        parts += [nn.Linear(before, after), nn.ACTIVATIONS[activation]()]
    return nn.Sequential(*parts, nn.Linear(widths[-1], outputs))


def _rmse_in_unit(model: TableModel) -> Any:
    """RMSE in the unit of the target, from standardised outputs and targets."""

    def rmse_in_unit(prediction: Array, target: Array) -> float:
        return rmse(model.decode(prediction), model.decode(target))

    rmse_in_unit.__name__ = "rmse"
    return rmse_in_unit


def _check_settings(
    table: Table, target: str, layers: Sequence[int], activation: str, validation: float
) -> None:
    if target not in table.names:
        raise DataError(
            "the target is a column of the table",
            received=f"{target!r} with the columns {', '.join(table.names)}",
        )
    if len(table.names) < 2:
        raise DataError("a table has a column beside the target", received=table.names)
    if any(n < 1 for n in layers):
        raise ArgumentError("hidden layers have 1 unit or more", received=list(layers))
    if activation not in ACTIVATIONS:
        raise ArgumentError(
            f"the activation is one of {', '.join(ACTIVATIONS)}", received=activation
        )
    if not 0 <= validation < 1:
        raise ArgumentError("validation is a share in [0, 1)", received=validation)
