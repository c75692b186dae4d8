"""A trained network that takes tables: columns in, predictions out, and one file for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradus import losses, nn, ops
from gradus.data import Table, TableEncoder, TargetEncoder
from gradus.data.target import Task
from gradus.errors import ArgumentError, DataError, FileError, GradusError
from gradus.modes import scoped
from gradus.nn.module import in_mode
from gradus.tensor import Tensor, tensor
from gradus.train.metrics import accuracy, mae, r2, rmse
from gradus.train.trainer import Trainer
from gradus.types import Array

_ENTRIES = {"inputs", "target", "target_name"}  # of a file's header


@dataclass(frozen=True)
class Evaluation:
    """What a model is worth on some rows.

    Attributes:
        metrics: by name; ``accuracy`` and ``log_loss`` (nats), or ``rmse``, ``mae`` (in the unit of
            the target) and ``r2``.
        truth: class numbers, or values.
        predicted: likewise.
        weight: how often each row counts in the metrics, or None.
    """

    metrics: dict[str, float]
    truth: Array
    predicted: Array
    weight: Array | None = None


@dataclass(frozen=True)
class TableModel:
    """A network with the preprocessing that turns a table into its inputs and outputs back.

    Attributes:
        network: gives a score a class, of two classes perhaps that of the second alone, or the
            standardised value.
        inputs: columns to features.
        target: labels or values to targets and back.
        target_name: column that is predicted.
    """

    network: nn.Module
    inputs: TableEncoder
    target: TargetEncoder
    target_name: str

    @property
    def task(self) -> Task:
        """``"classification"`` or ``"regression"``."""
        return self.target.task

    def read(self, path: str | Path) -> Table:
        """Read a table file as the training table was read: text stays text, "01" is not 1.

        Raises:
            DataError: as ``Table.read``.
        """
        text = list(self.inputs.text_columns)
        if any(isinstance(label, str) for label in self.target.classes):
            text.append(self.target_name)
        return Table.read(path, text=text)

    def outputs(self, table: Table) -> Array:
        """Probabilities of the classes, (rows, classes), or values in the target's unit, (rows,).

        Raises:
            DataError: columns that are missing, of another kind, or infinite.
        """
        return self.decode(self._trainer().predict(self.encode(table)))

    def encode(self, table: Table) -> Array:
        """What the network takes, (rows, features), in its dtype.

        Raises:
            DataError: as ``outputs``.
        """
        return self.inputs.transform(table, self.network.parameters()[0].dtype)

    def decode(self, raw: Array) -> Array:
        """What the network's outputs mean: probabilities, or values in the target's unit."""
        if self.task == "regression":
            return self.target.decode_values(raw)
        if raw.shape[1] == 1:
            # Not 1 − p, which loses the digits of a small probability.
            both = tensor(np.column_stack([-raw, raw]), "float64")
            return np.exp(ops.log_sigmoid(both).numpy())
        return np.exp(ops.log_softmax(tensor(raw, "float64")).numpy())

    def score(self, x: Tensor, label: int = 0) -> Tensor:
        """What is explained of encoded rows: one recorded number a row, (rows,).

        For classes the log odds of one of them against all others, ln(p / (1 − p)): unlike
        probabilities they add up, and unlike a class's own output they say the same of the
        prediction when all outputs grow by as much. For values the prediction, in its unit.

        Args:
            x: rows as ``encode`` gives them, (rows, features).
            label: number of the class.

        Raises:
            ArgumentError: a class that there is not.
        """
        with in_mode(self.network, training=False):
            raw = self.network(x)
        if self.target.scale is not None:
            return in_unit(raw, std=self.target.scale.std, mean=self.target.scale.mean)
        if not 0 <= label < len(self.target.classes):
            last = len(self.target.classes) - 1
            raise ArgumentError(f"the classes are 0 to {last}", received=label)
        return log_odds(raw, label=label)

    def predict(self, table: Table) -> Table:
        """The table with what is predicted for each row in further columns.

        ``predicted <target>``, and for classes ``probability <class>`` each.
        """
        outputs = self.outputs(table)
        if self.task == "regression":
            found: dict[str, Any] = {f"predicted {self.target_name}": outputs}
        else:
            labels = self.target.decode(outputs.argmax(axis=1))
            found = {f"predicted {self.target_name}": labels}
            for k, name in enumerate(self.target.classes):
                found[f"probability {name}"] = outputs[:, k]
        return table.with_columns({_free(n, table.names): v for n, v in found.items()})

    def evaluate(self, table: Table, weight: Array | None = None) -> Evaluation:
        """Compare predictions with the target column.

        Args:
            table: rows whose target is known.
            weight: how often each of them counts, (rows,).

        Raises:
            DataError: the target column is missing, has gaps, or holds unknown classes.
        """
        if self.target_name not in table.names:
            raise DataError(
                f"an evaluation needs the target column {self.target_name!r}",
                received=f"the columns {', '.join(table.names)}",
                remedy="add it, or use predict",
            )
        column = table.column(self.target_name)
        outputs = self.outputs(table)
        if self.task == "classification":
            truth = self.target.encode(column, name=self.target_name)
            certainty = np.take_along_axis(outputs, truth[:, None], axis=1)[:, 0]
            surprise = -np.log(np.maximum(certainty, 1e-15))
            metrics = {
                "accuracy": accuracy(outputs, truth, weight),
                "log_loss": float(np.average(surprise, weights=weight)),
            }
            return Evaluation(metrics, truth, outputs.argmax(axis=1), weight)
        values = self.target.values(column, name=self.target_name)
        metrics = {f.__name__: f(outputs, values, weight) for f in (rmse, mae, r2)}
        return Evaluation(metrics, values, outputs, weight)

    def save(self, path: str | Path) -> None:
        """Write one model file: network, preprocessing and classes, all of it plain data.

        Raises:
            FileError: the folder cannot be written.
        """
        nn.save(self.network, path, self.header())

    def header(self) -> dict[str, Any]:
        """What a model file says beside the network, as plain data."""
        return {
            "inputs": self.inputs.to_config(),
            "target": self.target.to_config(),
            "target_name": self.target_name,
        }

    @classmethod
    def load(cls, path: str | Path) -> TableModel:
        """Read a model file that ``save`` wrote.

        Raises:
            FileError: the file is missing, damaged, or holds a bare network.
        """
        network, extra = nn.read(path)
        if "estimator" in extra and "target" not in extra:
            raise FileError(
                "predicting from a table needs a model of its columns that gives one number, or "
                "the probabilities of one question's classes",
                received=f"{path}, an estimator of something else",
                remedy="use gradus.estimators.load",
            )
        entries = extra.keys() - {"estimator"}  # what else makes it an estimator of Python's
        if entries != _ENTRIES or not isinstance(extra["target_name"], str):
            raise FileError(
                "predicting from a table needs a model that was trained on one",
                received=f"{path}, a network without preprocessing",
                remedy="use gradus.load and give it arrays",
            )
        found = cls(
            network,
            TableEncoder.from_config(extra["inputs"]),
            TargetEncoder.from_config(extra["target"]),
            extra["target_name"],
        )
        found._check_fit(path)
        return found

    def _check_fit(self, path: str | Path) -> None:
        """Raise FileError unless the network takes the features and gives what the target needs."""
        ends = len(self.inputs.feature_names), len(self.target.classes) or 1
        try:
            shape: object = self._trainer().predict(np.zeros((1, ends[0]), np.float32)).shape
        except GradusError as error:
            shape = error
        if shape != (1, ends[1]) and not (shape == (1, 1) and ends[1] == 2):
            raise FileError(
                f"a table model has a network that fits its columns: {ends[0]} inputs, "
                f"{ends[1]} outputs",
                received=f"{path}, whose network gives {shape}",
                remedy="the file was made by other means; train again",
            )

    def _trainer(self) -> Trainer:
        return Trainer(self.network, loss_of(self.task))


def row_weights(table: Table, name: str) -> Array:
    """How often each row counts, float64 (rows,), from a column of the table.

    Raises:
        DataError: no such column, a cell that is missing or no number of 0 or more, or all are 0.

    >>> row_weights(Table.from_arrays({"w": [1, 0, 2]}), "w")
    array([1., 0., 2.])
    """
    column = table.column(name)
    rule = f"every row has a weight of 0 or more in {name!r}"
    if column.dtype.kind not in "iufb":
        raise DataError(rule, received=f"{column[0]!r} in row 1"[:200])
    wrong = ~(np.isfinite(column) & (column >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            rule,
            received=f"{column[row]} in row {row + 1}",
            remedy="correct the cell; a weight of 0 leaves a row out",
        )
    if not column.any():
        raise DataError("some row has a weight above 0", received=f"only 0 in {name!r}")
    return column.astype(np.float64)


def loss_of(task: Task) -> Any:
    """The loss that a task is trained with."""
    return losses.cross_entropy if task == "classification" else losses.squared_error


@scoped
def log_odds(scores: Tensor, *, label: int) -> Tensor:
    """ln(p / (1 − p)) of one class, from scores (n, K): s_y − ln Σ_{k≠y} eˢᵏ.

    Scores (n, 1) are those of the second of two classes, beside 0 of the first.

    >>> log_odds(tensor([[2.0, -1.0]]), label=0).tolist()
    [3.0]
    >>> log_odds(tensor([[-3.0]]), label=0).tolist()
    [3.0]
    """
    if scores.shape[1] == 1:
        return scores[:, 0] if label else -scores[:, 0]
    others = [k for k in range(scores.shape[1]) if k != label]
    return scores[:, label] - ops.logsumexp(ops.take(scores, others, axis=1), axis=1)


@scoped
def in_unit(z: Tensor, *, std: float, mean: float) -> Tensor:
    """Standardised predictions (n, 1) in the target's own unit: z · std + mean, in float64."""
    return z[:, 0].astype("float64") * std + mean


def _free(name: str, taken: Sequence[str]) -> str:
    """The name, with underscores behind it until no column of the table has it."""
    while name in taken:
        name += "_"
    return name
