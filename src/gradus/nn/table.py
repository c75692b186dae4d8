"""The front of a table's network: what its columns are, said to the layers that follow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus import ops
from gradus.checks import flag, whole_number, whole_numbers
from gradus.errors import ArgumentError, ShapeError
from gradus.nn.init import Initialiser, Normal, Uniform
from gradus.nn.linear import check_matrix
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.ops.index import from_zero
from gradus.tensor import Tensor
from gradus.types import Array, Shape, float32, int64

_MOST_COLUMNS = 2**24  # up to here, float32 holds every whole number
_MOST_CODES = 2**23  # up to here, float32 holds the numbers half way between two codes


@dataclass(frozen=True)
class _Codes(Initialiser):
    """Standard normal rows, but 0 for the first code of each column."""

    first: tuple[int, ...]

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = float32) -> Array:
        """Array of initial values."""
        rows = Normal(1.0)(shape, dtype)
        rows[list(self.first)] = 0.0
        return rows


class TableInput(Module):
    """Columns by what they are: numbers embedded, codes of categories looked up, others as given.

    The output has the numeric columns first, embedded where that is asked for, then all other
    columns, then the embeddings of the codes; each part in the order in which it was named.

    A code is a whole number 0 … count − 1, written as a float. 0 stands for a category that is
    missing or was never seen, and every number that is no code counts as 0.

    Source: Guo and Berkhahn, "Entity embeddings of categorical variables" (2016).

    Attributes:
        weight: (sum of the counts, embedding_size): the rows of the first code column, then those
            of the next; standard normal at the start, but 0 for code 0: where training has none of
            it, a category that is not known says nothing. None without codes.
        out_features: length of the output rows.

    Args:
        features: number of columns.
        numeric: places of the columns that ``numeric_embedding`` is for, from 0.
        codes: (place, count) of each column of codes.
        embedding_size: length of the row that stands for a code.
        numeric_embedding: a module from (n, len(numeric)) to (n, its ``out_features``), such as
            ``nn.PeriodicEmbedding``; None passes the numeric columns on.
        dtype: of the parameter.

    Raises:
        ArgumentError: a place that is no column or is named twice, or an embedding for another
            number of columns.
        ShapeError: an input that is not (n, features).

    >>> front = TableInput(3, numeric=[2], codes=[(0, 5)], embedding_size=4)
    >>> front.out_features, front([[1.0, 0.5, 0.25]])[0, :2].tolist()
    (6, [0.25, 0.5])
    """

    def __init__(
        self,
        features: int,
        numeric: Iterable[int] = (),
        codes: Iterable[Sequence[int]] = (),
        embedding_size: int = 8,
        numeric_embedding: Module | None = None,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.features = whole_number("features", features, least=1)
        self.numeric = whole_numbers("numeric", numeric, least=0)
        self.codes = tuple(_pair(code) for code in codes)
        self.embedding_size = whole_number("embedding_size", embedding_size, least=1)
        self.numeric_embedding = numeric_embedding
        self.dtype = float_dtype(dtype)
        places = [*self.numeric, *(place for place, _ in self.codes)]
        if len(set(places)) < len(places) or max(places, default=0) >= self.features:
            raise ArgumentError(
                f"numeric and codes name columns 0 to {self.features - 1}, each at most once",
                received=f"numeric={self.numeric}, codes={self.codes}"[:200],
            )
        self._others = [place for place in range(self.features) if place not in set(places)]
        *first, rows = accumulate((count for _, count in self.codes), initial=0)
        self.weight = None
        if self.codes:
            start = _Codes(tuple(first))
            self.weight = parameter(start, (rows, self.embedding_size), self.dtype)
        self.out_features = (
            self._embedded_numbers() + len(self._others) + len(self.codes) * self.embedding_size
        )

    def _embedded_numbers(self) -> int:
        """How many columns the numeric ones become."""
        if self.numeric_embedding is None:
            return len(self.numeric)
        ends = [getattr(self.numeric_embedding, n, None) for n in ("features", "out_features")]
        if ends[0] != len(self.numeric) or not isinstance(ends[1], int):
            raise ArgumentError(
                "numeric_embedding is a module for as many features as numeric names",
                received=f"{len(self.numeric)} places and {self.numeric_embedding!r}"[:200],
                remedy="as in nn.PeriodicEmbedding(len(numeric)); without places, leave it out",
            )
        return ends[1]

    def forward(self, x: Tensor) -> Tensor:
        """(n, features) to (n, out_features)."""
        check_matrix(self, x, self.features)
        parts = []
        if self.numeric:
            numbers = _columns(x, self.numeric)
            embedded = self.numeric_embedding
            parts.append(numbers if embedded is None else embedded(numbers))
        if self._others:
            parts.append(_columns(x, self._others))
        if self.weight is not None:
            parts.append(self._looked_up(x, self.weight))
        return parts[0] if len(parts) == 1 else ops.concat(parts, axis=1)

    @property
    def groups(self) -> tuple[int, ...]:
        """How many of the outputs each column has become, in order: for ``nn.MemberInput``."""
        numbers, codes = len(self.numeric), len(self.codes)
        embedded = self._embedded_numbers() // max(numbers, 1)
        return (
            *(embedded for _ in range(numbers)),
            *(1 for _ in self._others),
            *(self.embedding_size for _ in range(codes)),
        )

    def summary(self) -> str:
        """The layer with the numbers of its columns, of which there may be hundreds."""
        kinds = f"{len(self.numeric)} numeric, {len(self.codes)} codes"
        return f"{type(self).__name__}({self.features} → {self.out_features}, {kinds})"

    def _looked_up(self, x: Tensor, weight: Tensor) -> Tensor:
        """The rows of all codes beside each other, (n, codes · embedding_size)."""
        places, counts = zip(*self.codes, strict=True)
        found = _columns(x, places)
        known = ops.logical_and(found >= 0, found < np.array(counts, np.float32) - 0.5)
        first_rows = np.cumsum([0, *counts[:-1]])
        rows = ops.take(weight, integers(ops.where(known, found, 0.0)) + first_rows, axis=0)
        return ops.reshape(rows, shape=(x.shape[0], len(places) * self.embedding_size))


class SparseInput(Module):
    """A linear layer for rows given by what is in them: y = Σⱼ valueⱼ · W[columnⱼ] + b.

    A row of many columns that are mostly 0 is packed into the m that are not: x[i, 0] holds their
    numbers, written as floats, and x[i, 1] their values. A place that is not needed is column 0
    with value 0. It gives what Linear gives on the full rows, in a time that grows with m.

    Attributes:
        weight: W, (in_features, out_features): a row for each column.
        bias: b, (out_features,), or None.

    Args:
        in_features: number of columns of the full rows, at most 2²⁴, up to where float32 holds
            every whole number.
        out_features: length of the output rows.
        bias: whether to add b.
        ntk: weights of size 1, divided by √in_features in the forward pass, as in ``NTKLinear``;
            without it all are drawn from U(−1/√in_features, 1/√in_features).
        dtype: of the parameters.

    Raises:
        ShapeError: an input that is not (n, 2, m).
        ArgumentError: a column number outside 0 … in_features − 1.

    >>> layer = SparseInput(1000, 1, bias=False)
    >>> layer.weight = [[float(row)] for row in range(1000)]
    >>> layer([[[7.0, 900.0, 0.0], [2.0, 0.5, 0.0]]]).tolist()  # 2 · 7 + 0.5 · 900
    [[464.0]]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        ntk: bool = False,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.in_features = whole_number("in_features", in_features, least=1)
        if self.in_features > _MOST_COLUMNS:
            raise ArgumentError(
                f"in_features is at most {_MOST_COLUMNS}: column numbers are written as floats",
                received=in_features,
                remedy="hash the columns to fewer",
            )
        self.out_features = whole_number("out_features", out_features, least=1)
        self.ntk = flag("ntk", ntk)
        self.dtype = float_dtype(dtype)
        root = math.sqrt(self.in_features)
        start = Normal(1.0) if self.ntk else Uniform(1.0 / root)
        self.weight = parameter(start, (self.in_features, self.out_features), self.dtype)
        self.bias = None
        if flag("bias", bias):
            self.bias = parameter(start, (self.out_features,), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 2, m) to (n, out_features)."""
        if x.ndim != 3 or x.shape[1] != 2:
            raise ShapeError(
                f"{self.summary()} takes inputs of shape (n, 2, m): column numbers, and values",
                received=f"an input of shape {x.shape}",
            )
        rows = ops.take(self.weight, from_zero(integers(x[:, 0])), axis=0)
        # The values are divided, not the weights, of which a batch needs few.
        values = x[:, 1:] * (1.0 / math.sqrt(self.in_features)) if self.ntk else x[:, 1:]
        y = ops.reshape(ops.matmul(values, rows), shape=(x.shape[0], self.out_features))
        return y if self.bias is None else y + self.bias

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().config(), "bias": self.bias is not None}


def _pair(code: Any) -> tuple[int, int]:
    """Place and count of a column of codes."""
    pair = whole_numbers("each of codes", code, least=0)
    if len(pair) != 2 or not 1 <= pair[1] <= _MOST_CODES:
        raise ArgumentError(
            f"each of codes is a pair (place, count) with a count from 1 to {_MOST_CODES}",
            received=repr(code)[:100],
        )
    return pair[0], pair[1]


def integers(x: Tensor) -> Tensor:
    """Whole numbers that are written as floats; one that came out of arithmetic is still itself."""
    # With ½ instead of ¼, float32 would be rounded up from 2²³ on; a cast goes towards 0.
    return (ops.where(x < -0.5, x - 1.0, x) + 0.25).astype(int64)


def _columns(x: Tensor, places: Sequence[int]) -> Tensor:
    """Some columns of a matrix; a slice where they stand together, which costs nothing."""
    first = places[0]
    if list(places) == list(range(first, first + len(places))):
        return x[:, first : first + len(places)]
    return ops.take(x, np.array(places), axis=1)
