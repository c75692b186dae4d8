"""From the target column to labels or standardised numbers, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from gradus.data.cells import number
from gradus.data.checks import check_weight, float_dtype, listing
from gradus.data.config import entry
from gradus.data.scaling import Scale
from gradus.data.schema import mostly_numbers
from gradus.errors import ArgumentError, DataError, FileError
from gradus.types import Array

Task = Literal["classification", "regression"]
TASKS: tuple[Task, ...] = get_args(Task)
Label = str | bool | int | float

# Text with more classes than this, in more than half of the rows, was hardly meant as classes.
_MANY_CLASSES = 100


@dataclass(frozen=True)
class TargetEncoder:
    """Fitted encoding of a target: classes as 0, 1, 2, …, or numbers standardised.

    task: "classification" or "regression". classes: the sorted classes, each of the type it came
    in; empty for regression. scale: mean and deviation for regression, else None.

    >>> encoder = TargetEncoder.fit(["no", "yes", "no"])
    >>> encoder.classes, encoder.encode(["yes", "no"])
    (('no', 'yes'), array([1, 0]))
    >>> TargetEncoder.fit([0.5, 1.5]).encode([1.0, 1.5])
    array([[0.],
           [1.]], dtype=float32)
    """

    task: Task
    classes: tuple[Label, ...] = ()
    scale: Scale | None = None

    @classmethod
    def fit(
        cls,
        column: Any,
        task: Task | None = None,
        *,
        name: str = "target",
        weight: npt.ArrayLike | None = None,
    ) -> TargetEncoder:
        """Learn the classes, or mean and deviation (1 when constant); `name` is for messages.

        The column is an array, a list, or a series of pandas, Polars or Arrow. A weight, (n,) of
        at least 0, says how often a row counts for mean and deviation; classes are those of all
        rows.

        Without a task: text, booleans and categories of a data frame are classes. Whole numbers
        are classes when there are at most 2 different ones, or at most 20 and fewer than a tenth
        of the rows. All else is regression.

        Raises `DataError` for missing values (how many, and the first row), fewer than 2 rows, a
        single class, ±inf and cells that are no numbers (regression) or no classes.
        """
        if task is not None and task not in TASKS:
            raise ArgumentError(f"task is one of {', '.join(TASKS)}", received=repr(task))
        values = _cells(column)
        if len(values) < 2:
            raise DataError("a target needs at least 2 rows", received=len(values))
        weight = check_weight(weight, len(values))
        if task is None:
            task = _infer_task(values, column)
        if task == "regression":
            return cls(task, scale=Scale.fit(_numbers(values, name), name, weight))
        return cls(task, classes=_classes(values))

    def encode(
        self, column: Any, *, name: str = "target", dtype: npt.DTypeLike = np.float32
    ) -> Array:
        """Labels int64 (n,), or standardised numbers (n, 1) of the dtype, float32 or float64.

        Raises `DataError` for missing values, and for a class that training did not have.
        """
        values = _cells(column)
        if self.scale is not None:
            return self.scale.apply(_numbers(values, name), name, float_dtype(dtype))[:, None]
        label = {value: i for i, value in enumerate(self.classes)}
        for row, value in enumerate(values):
            if value not in label:
                raise DataError(
                    f"every target must be one of the classes {listing(self.classes)}",
                    received=f"{value!r} in row {row + 1}",
                    remedy="remove the row, or train with rows of that class",
                )
        return np.array([label[value] for value in values], dtype=np.int64)

    def values(self, column: Any, *, name: str = "target") -> Array:
        """What an estimator takes as y: labels of the classes' type (text: object), or float64.

        Raises `DataError` as `encode`.

        >>> TargetEncoder.fit(["0.5", "2"], "regression").values(["2", "4"])
        array([2., 4.])
        """
        if self.scale is None:
            return self.decode(self.encode(column, name=name))
        return _numbers(_cells(column), name)

    def decode(self, labels: npt.ArrayLike) -> Array:
        """Classes of integer labels, in an array of the classes' type (text: object).

        >>> TargetEncoder.fit([-1, 1, 1]).decode([0, 1])
        array([-1,  1])
        """
        if self.task != "classification":
            raise ArgumentError("labels belong to classification", remedy="use decode_values")
        labels = np.asarray(labels)
        last = len(self.classes) - 1
        if labels.dtype.kind not in "iu" or (
            labels.size and not 0 <= labels.min() <= labels.max() <= last
        ):
            raise ArgumentError(
                f"labels are whole numbers from 0 to {last}",
                received=f"{labels.dtype} {labels.tolist()}"[:200],
            )
        one_type = len({type(value) for value in self.classes}) == 1
        plain = one_type and not isinstance(self.classes[0], str)
        decoded: Array = np.array(self.classes, dtype=None if plain else object)[labels]
        return decoded

    def decode_values(self, z: npt.ArrayLike) -> Array:
        """Numbers (n,) in the target's own unit, float64, of standardised (n, 1) or (n,)."""
        if self.scale is None:
            raise ArgumentError("values belong to regression", remedy="use decode")
        return self.scale.invert(np.asarray(z)).reshape(-1)

    def to_config(self) -> dict[str, Any]:
        """Encoder as plain data; JSON keeps the type of every class."""
        if self.scale is not None:
            return {"task": self.task, "scale": self.scale.to_config()}
        return {"task": self.task, "classes": list(self.classes)}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> TargetEncoder:
        """Encoder from `to_config`'s data; `FileError` when it is damaged."""
        task = entry(config, "task", str)
        if task == "regression":
            return cls("regression", scale=Scale.from_config(entry(config, "scale", dict)))
        if task != "classification":
            raise FileError(f"task is one of {', '.join(TASKS)}", received=repr(task))
        classes = entry(config, "classes", list)
        if not all(_is_label(value) for value in classes) or len(set(classes)) < max(
            2, len(classes)
        ):
            raise FileError(
                "classes are two or more different texts, booleans or finite numbers",
                received=str(classes)[:200],
            )
        return cls("classification", classes=tuple(classes))


def _cells(column: Any) -> list[Any]:
    """Target as a list of Python values, none of them missing."""
    if hasattr(column, "columns"):
        raise DataError(
            "a target is one column of numbers, booleans or text",
            received=f"a {type(column).__name__} of {len(column.columns)} columns",
            remedy="choose a column, such as frame['name']",
        )
    if isinstance(column, str | bytes) or not hasattr(column, "__iter__"):
        raise DataError("a target is a column of values", received=repr(column)[:200])
    if hasattr(column, "to_pylist"):  # a pyarrow column
        column = column.to_pylist()
    elif _is_polars(column):
        column = column.to_list()
    array = column if hasattr(column, "dtype") else None
    if array is not None and (array.ndim != 1 or array.dtype.kind == "M"):
        raise DataError(
            "a target is one column of numbers, booleans or text",
            received=f"{array.dtype} of shape {array.shape}",
            remedy="give one value a row; turn dates into numbers, for example days",
        )
    values = [_python(value) for value in (column if array is None else array.tolist())]
    missing = [row for row, value in enumerate(values) if is_nothing(value)]
    if missing:
        raise DataError(
            "every row needs a target",
            received=f"{len(missing)} of {len(values)} missing, the first in row {missing[0] + 1}",
            remedy="remove these rows, or fill in their targets",
        )
    for row, value in enumerate(values):
        if not isinstance(value, str | bool | int | float):
            raise DataError(
                "a target is a text, a boolean or a number",
                received=f"{value!r} in row {row + 1}"[:200],
            )
    return values


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def is_nothing(value: object) -> bool:
    """Whether a value is a missing one: None, NaN, pandas' NA or NaT.

    >>> is_nothing(None), is_nothing(0)
    (True, False)
    """
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    # pandas.NA and NaT go by name: pandas need not be installed.
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _is_label(value: object) -> bool:
    return isinstance(value, str | bool | int) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _infer_task(values: list[Any], column: Any) -> Task:
    distinct = set(values)
    if all(isinstance(value, bool) for value in distinct) or _is_dictionary(column):
        return "classification"
    if any(isinstance(value, str) for value in distinct):
        if len(distinct) > _MANY_CLASSES and len(distinct) > len(values) / 2:
            texts = [row for row, value in enumerate(values) if isinstance(value, str)]
            cells = np.array([values[row] for row in texts], dtype=object)
            note = mostly_numbers(cells, np.array(texts))
            raise DataError(
                "a target of text is a column of classes, most of which repeat",
                received=f"{len(distinct)} different texts in {len(values)} rows"
                + (f" ({note})" if note else ""),
                remedy="correct cells that should be numbers, or choose task='classification'",
            )
        return "classification"
    if all(isinstance(value, int) for value in distinct):
        few = len(distinct) <= 20 and len(distinct) < len(values) / 10
        return "classification" if few or len(distinct) <= 2 else "regression"
    return "regression"


def _is_dictionary(column: Any) -> bool:
    """Whether a column of pandas, Polars or Arrow stores its values as categories."""
    kind = str(getattr(column, "dtype", getattr(column, "type", "")))
    categories = ("Categorical", "Enum") if _is_polars(column) else ("category", "dictionary")
    return kind.startswith(categories)


def _is_polars(column: Any) -> bool:
    return type(column).__module__.partition(".")[0] == "polars"


def _numbers(values: list[Any], name: str) -> Array:
    numbers = [number(value) if isinstance(value, str) else value for value in values]
    if None in numbers:
        row = numbers.index(None)
        raise DataError(
            "every target of a regression must be a number",
            received=f"{values[row]!r} in row {row + 1}",
            remedy="correct the cell, or choose task='classification'",
        )
    try:
        array: Array = np.array(numbers, dtype=np.float64)
    except OverflowError:
        raise DataError("a target must fit a 64-bit float", received="a larger integer") from None
    infinite = np.isinf(array)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"the numbers of the target {name!r} must be finite",
            received=f"{array[row]} in row {row + 1}",
            remedy="correct the cell, or remove the row",
        )
    return array


def _classes(values: list[Any]) -> tuple[Label, ...]:
    for row, value in enumerate(values):
        if not _is_label(value):
            raise DataError("a class must be finite", received=f"{value} in row {row + 1}")
    # Numbers before texts, where a target mixes them.
    classes = tuple(sorted(set(values), key=lambda value: (isinstance(value, str), value)))
    if len(classes) < 2:
        raise DataError(
            "a classifier needs at least two classes",
            received=f"only {listing(classes)}, in all {len(values)} rows",
            remedy="check that the right column is the target, or add rows of another class",
        )
    return classes
