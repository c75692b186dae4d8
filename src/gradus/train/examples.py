"""Arrays as the loop takes them: inputs, targets and weights that fit each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradus.data import split_indices
from gradus.errors import DataError, DtypeError, ShapeError
from gradus.tensor import Tensor
from gradus.types import Array, DType, Shape, TensorType, is_float


@dataclass(frozen=True)
class Examples:
    """Rows to train on or to evaluate: inputs, targets, and perhaps a weight each."""

    x: Array
    y: Array
    weight: Array | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays that there are, by name."""
        found = {"x": self.x, "y": self.y}
        return found if self.weight is None else {**found, "weight": self.weight}

    def types(self, rows: int) -> dict[str, TensorType]:
        """Types of a batch of so many rows."""
        return {n: TensorType((rows, *a.shape[1:]), a.dtype) for n, a in self.arrays.items()}

    def take(self, indices: Array) -> Examples:
        """The named rows."""
        weight = None if self.weight is None else self.weight[indices]
        return Examples(self.x[indices], self.y[indices], weight)

    @property
    def total(self) -> float:
        """Sum of the weights of all rows, each 1 where none are given."""
        return float(len(self) if self.weight is None else self.weight.sum(dtype=np.float64))

    def weight_of(self, indices: Array) -> float:
        """Sum of the weights of the named rows, each 1 where none are given."""
        if self.weight is None:
            return float(indices.size)
        return float(self.weight[indices].sum(dtype=np.float64))


def examples(
    x: Array,
    y: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    dtype: DType,
    output_shape: Shape,
) -> Examples:
    """Check and convert targets and weights; rows of weight 0 are left out.

    Args:
        x: inputs that ``as_features`` gave, (rows, …).
        y: targets, (rows, …).
        weight: a weight ≥ 0 a row, or None.
        dtype: of the network's parameters, to which floats are converted.
        output_shape: the network's output shape for one row of the inputs. Targets of one number
            a row are given a second axis where the network has one output.

    Raises:
        ShapeError: different numbers of rows.
        DataError: NaN or infinite numbers, negative weights.
        DtypeError: text or objects.
    """
    target = _as_array(y, "targets", dtype)
    _check_rows("targets", target, len(x))
    if target.ndim == 1 and output_shape == (1, 1):
        target = target.reshape(-1, 1)
    if weight is None:
        return Examples(x, target)
    w = _as_array(weight, "sample_weight", dtype).astype(dtype)
    _check_rows("sample_weight", w, len(x))
    if w.ndim != 1:
        raise ShapeError("sample_weight has one number a row", received=w.shape)
    if not (np.all(w >= 0) and w.sum() > 0):
        raise DataError("weights are ≥ 0, and not all 0", received=f"from {w.min()} to {w.max()}")
    found = Examples(x, target, w)
    # A batch of them alone would have no mean.
    return found if np.all(w > 0) else found.take(np.flatnonzero(w))


def as_features(X: npt.ArrayLike, dtype: DType) -> Array:
    """Check and convert inputs; integers stay integers, for embeddings.

    Raises:
        DataError: no rows, NaN or infinite numbers: the message names row and column.
        ShapeError: no axis of rows.
    """
    x = _as_array(X, "inputs", dtype)
    if x.ndim < 2 and is_float(x.dtype):
        raise ShapeError(
            "inputs have a row an example and a column a feature",
            received=x.shape,
            remedy="X.reshape(-1, 1) for a single feature, X.reshape(1, -1) for a single row",
        )
    if len(x) == 0:
        raise DataError("there is at least one row", received="none")
    return x


def hold_out(rows: Examples, fraction: float, seed: int) -> tuple[Examples, Examples]:
    """Rows to train on and rows held out; class labels are held out in proportion."""
    labels = rows.y if rows.y.ndim == 1 and not is_float(rows.y.dtype) else None
    training, held = split_indices(len(rows), fraction, seed, labels)
    return rows.take(training), rows.take(held)


def _as_array(values: npt.ArrayLike, what: str, dtype: DType) -> Array:
    """Finite numbers as an array: of the dtype, or int64 for integers and booleans."""
    try:
        array = values.numpy() if isinstance(values, Tensor) else np.asarray(values)
    except ValueError as error:
        raise ShapeError(
            f"{what} have rows of one length", received=str(error), remedy="pad the shorter ones"
        ) from None
    if array.dtype.kind not in "fiub":
        raise DtypeError(
            f"{what} are numbers",
            received=f"dtype {array.dtype}",
            remedy="encode text and categories first (gradus.data), or use the command line",
        )
    wanted = dtype if array.dtype.kind == "f" else np.dtype(np.int64)
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, wanted).reshape(array.shape)
    _check_finite(array, converted, what)
    return converted


def _check_rows(what: str, array: Array, rows: int) -> None:
    if array.ndim == 0 or len(array) != rows:
        raise ShapeError(
            f"{what} have as many rows as the inputs, {rows}",
            received=array.shape[0] if array.ndim else "a single number",
        )


def _check_finite(given: Array, converted: Array, what: str) -> None:
    if is_float(converted.dtype) and not np.isfinite(converted).all():
        place = np.argwhere(~np.isfinite(converted))[0]
        column = f", column {', '.join(map(str, place[1:]))}" if len(place) > 1 else ""
        raise DataError(
            f"{what} are finite numbers of {converted.dtype}",
            received=f"{given[tuple(place)]} in row {place[0]}{column} (both counted from 0)",
            remedy="fill in or drop missing values first (gradus.data does so for tables), and "
            "scale what is too large",
        )
