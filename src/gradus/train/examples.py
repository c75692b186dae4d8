"""Arrays as the loop takes them: inputs, targets and weights that fit each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gradus.data import batch_bounds, split_indices
from gradus.errors import DataError, DtypeError, ShapeError
from gradus.tensor import Tensor
from gradus.types import Array, DType, Shape, TensorType, is_float

Kinds = tuple[tuple[str, TensorType], ...]  # names and types, of a row or of a batch

_CHECKED = 1 << 18  # numbers looked at together: the answers of a whole table take a quarter of it


@dataclass(frozen=True)
class Examples:
    """Rows to train on or to evaluate: inputs, targets, and perhaps a weight each.

    Some rows of a table are told by their numbers in it, and the table is not copied.

    Attributes:
        x, y, weight: arrays of all rows that there are.
        chosen: numbers of the rows that are meant; None: all.
    """

    x: Array
    y: Array
    weight: Array | None = None
    chosen: Array | None = None

    def __len__(self) -> int:
        return len(self.x if self.chosen is None else self.chosen)

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays that there are, by name; their rows are found by ``numbers``."""
        found = {"x": self.x, "y": self.y}
        return found if self.weight is None else {**found, "weight": self.weight}

    @cached_property
    def kinds(self) -> Kinds:
        """Names and types of one row."""
        return kinds_of(self.arrays)

    def types(self, rows: int) -> dict[str, TensorType]:
        """Types of a batch of so many rows."""
        return {n: TensorType((rows, *a.shape[1:]), a.dtype) for n, a in self.arrays.items()}

    def numbers(self, indices: Array) -> Array:
        """Where in the arrays the rows at these places lie."""
        return indices if self.chosen is None else self.chosen[indices]

    def choose(self, indices: Array) -> Examples:
        """The rows at these places, without a copy."""
        return replace(self, chosen=self.numbers(indices))

    def take(self, indices: Array) -> Examples:
        """A copy of the rows at these places."""
        return self._cut(self.numbers(indices))

    def part(self, start: int, end: int) -> Examples:
        """Rows from one place to another; a copy only of rows that were chosen."""
        return self._cut(slice(start, end) if self.chosen is None else self.chosen[start:end])

    def _cut(self, which: Array | slice) -> Examples:
        weight = None if self.weight is None else self.weight[which]
        return Examples(self.x[which], self.y[which], weight)

    def targets(self) -> tuple[Array, Array | None]:
        """Target and, where there are any, weight of each row."""
        bare = replace(self, x=self.y).part(0, len(self))
        return bare.y, bare.weight

    @property
    def total(self) -> float:
        """Sum of the weights of all rows, each 1 where none are given."""
        if self.weight is None:
            return float(len(self))
        w = self.weight if self.chosen is None else self.weight[self.chosen]
        return float(w.sum(dtype=np.float64))

    def weight_of(self, indices: Array) -> float:
        """Sum of the weights of the rows at these places, each 1 where none are given."""
        if self.weight is None:
            return float(indices.size)
        return float(self.weight[self.numbers(indices)].sum(dtype=np.float64))


def kinds_of(arrays: Mapping[str, Array]) -> Kinds:
    """Names and types of one row of these arrays."""
    return tuple((n, TensorType(a.shape[1:], a.dtype)) for n, a in arrays.items())


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
    w = _as_array(weight, "sample_weight", dtype).astype(dtype, copy=False)
    _check_rows("sample_weight", w, len(x))
    if w.ndim != 1:
        raise ShapeError("sample_weight has one number a row", received=w.shape)
    if not (np.all(w >= 0) and w.sum() > 0):
        raise DataError("weights are ≥ 0, and not all 0", received=f"from {w.min()} to {w.max()}")
    found = Examples(x, target, w)
    # A batch of them alone would have no mean.
    return found if np.all(w > 0) else found.choose(np.flatnonzero(w))


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
    y, _ = rows.targets()
    labels = y if y.ndim == 1 and not is_float(y.dtype) else None
    training, held = split_indices(len(rows), fraction, seed, labels)
    return rows.choose(training), rows.choose(held)


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
    if not is_float(converted.dtype) or converted.ndim == 0:  # has no rows, and is refused for it
        return
    flat, bad = converted.reshape(-1), None
    for start, end in batch_bounds(flat.size, _CHECKED):
        finite = np.isfinite(flat[start:end])
        if not finite.all():
            bad = start + int(finite.argmin())
            break
    if bad is not None:
        place = np.unravel_index(bad, converted.shape)
        column = f", column {', '.join(map(str, place[1:]))}" if len(place) > 1 else ""
        raise DataError(
            f"{what} are finite numbers of {converted.dtype}",
            received=f"{given[tuple(place)]} in row {place[0]}{column} (both counted from 0)",
            remedy="fill in or drop missing values first (gradus.data does so for tables), and "
            "scale what is too large",
        )
