"""Why a model says of a row what it says: which columns pushed the prediction where."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradus.data import Table
from gradus.data.cells import as_text, is_missing
from gradus.data.target import Label
from gradus.errors import ArgumentError, DataError
from gradus.explain import Attribution, gradient_times_input, shapley
from gradus.explain.attribution import MOST_INPUTS
from gradus.tensor import tensor
from gradus.train.table_model import TableModel
from gradus.types import Array

_MOST_WORK = 4e10  # multiplications that Shapley values may take: some seconds


@dataclass(frozen=True, eq=False)
class Explanation:
    """A prediction, and what each column adds to its score; see ``TableModel.score``.

    Attributes:
        model: the model.
        row: number of the row in its table, counted from 1.
        cells: what stands in the row, by column; None where missing.
        actual: what stands in the target column, None where there is none.
        prediction: predicted class, or value in the target's unit.
        probabilities: of the classes, empty for values.
        label: number of the class that is explained, 0 for values.
        encoded: the row as the network takes it, (features,).
        gradient: gradient × input, a value a column; of columns of codes, which have no slope, the
            difference that the average row's cell makes.
        shapley: exact Shapley values likewise, None where there are too many columns.
    """

    model: TableModel
    row: int
    cells: dict[str, Any]
    actual: Any
    prediction: Label
    probabilities: tuple[float, ...]
    label: int
    encoded: Array
    gradient: Attribution
    shapley: Attribution | None

    @property
    def best(self) -> Attribution:
        """The pushes that add up, where they could be computed."""
        return self.shapley or self.gradient

    @property
    def order(self) -> list[int]:
        """Columns by the size of their push, the largest first."""
        return [int(k) for k in np.argsort(-np.abs(self.best.values), kind="stable")]

    @property
    def chosen(self) -> Label | None:
        """The class that is explained."""
        classes = self.model.target.classes
        return classes[self.label] if classes else None

    def facts(self) -> dict[str, Any]:
        """The explanation as plain data, columns in their own order."""
        model = self.model
        pushes = [
            {
                "column": column,
                "value": self.cells[column],
                "shapley": None if self.shapley is None else float(self.shapley.values[k]),
                "gradient_times_input": float(self.gradient.values[k]),
            }
            for k, column in enumerate(model.inputs.columns)
        ]
        by_class = [
            {"class": name, "probability": p}
            for name, p in zip(model.target.classes, self.probabilities, strict=True)
        ]
        return {
            "row": self.row,
            "task": model.task,
            "target": model.target_name,
            "prediction": self.prediction,
            "actual": self.actual,
            "probabilities": by_class or None,
            "explained": {
                "class": self.chosen,
                "what": "log odds" if by_class else "prediction",
                "score": self.gradient.score,
                "average_row": self.gradient.reference,
            },
            "pushes": pushes,
            "remainder": {
                "shapley": None if self.shapley is None else self.shapley.remainder,
                "gradient_times_input": self.gradient.remainder,
            },
        }


def explain_row(
    model: TableModel, table: Table, row: int, target: str | None = None
) -> Explanation:
    """Attribute the prediction of one row to its columns, against the average row.

    The average row is encoded as zeros: each number and each date at the centre of training (mean
    or median), dates in no season, each yes or no in between, and each category none of those
    known.

    Args:
        model: the model.
        table: rows that it can predict.
        row: number of one of them, counted from 1.
        target: the class to explain, as it is written; by default the predicted one.

    Raises:
        DataError: no such row, or a table that the model cannot predict.
        ArgumentError: no such class, or scores that are not finite.
    """
    if not 1 <= row <= len(table):
        raise DataError(
            f"the rows are counted from 1 to {len(table)}, the header left out", received=row
        )
    encoded = model.encode(table)[row - 1]
    alone = table.take([row - 1])
    output = model.outputs(alone)[0]
    classes = model.target.classes
    predicted = int(np.argmax(output)) if classes else 0
    label = predicted if target is None else _label(model, target)
    places = list(model.inputs.places.values())

    def score(x: Any) -> Any:
        return model.score(x, label)

    slopes = gradient_times_input(score, encoded)
    by_column = np.array([slopes.values[list(place)].sum() for place in places])
    coded = [k for k, feature in enumerate(model.inputs.features) if feature.kind == "coded"]
    if coded:
        without = np.repeat(encoded[None], len(coded), axis=0)
        for row_without, k in zip(without, coded, strict=True):
            row_without[list(places[k])] = 0
        by_column[coded] = slopes.score - score(tensor(without)).numpy()
    few = len(places) <= most_columns(model)
    has_target = model.target_name in table.names
    return Explanation(
        model,
        row,
        {column: _plain(alone.column(column)) for column in model.inputs.columns},
        _plain(alone.column(model.target_name)) if has_target else None,
        classes[predicted] if classes else float(output),
        tuple(map(float, output)) if classes else (),
        label,
        encoded,
        replace(slopes, values=by_column),
        shapley(score, encoded, baseline=0, groups=places) if few else None,
    )


def most_columns(model: TableModel) -> int:
    """Up to how many columns Shapley values are computed: the larger the network, the fewer."""
    members = max(getattr(module, "members", 1) for _, module in model.network.named_modules())
    work = max(model.network.parameter_count, 1) * members
    return max(1, min(MOST_INPUTS, int(math.log2(_MOST_WORK / work))))


def _label(model: TableModel, target: str) -> int:
    """Number of the class that is written so."""
    classes = model.target.classes
    if not classes:
        raise ArgumentError(
            "a class to explain is chosen where there are classes",
            received=f"{target!r} for a model of the number {model.target_name!r}",
            remedy="leave --class out",
        )
    written = [str(name) for name in classes]
    if target not in written:
        shown = ", ".join(map(repr, written[:20]))
        more = f" and {len(written) - 20} more" if len(written) > 20 else ""
        raise ArgumentError(
            f"the class to explain is one of {shown}{more}",
            received=repr(target),
            remedy="leave --class out for the predicted one",
        )
    return written.index(target)


def _plain(cell: Array) -> Any:
    """The one cell of a column as JSON can hold it: text for a date, None where it is missing."""
    if is_missing(cell)[0]:
        return None
    return as_text(cell)[0] if cell.dtype.kind == "M" else cell.tolist()[0]
