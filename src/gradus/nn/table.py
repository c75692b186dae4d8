"""The front of a table's network: what its columns are, said to the layers that follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus import ops
from gradus.checks import whole_number, whole_numbers
from gradus.errors import ArgumentError
from gradus.nn.init import Normal
from gradus.nn.linear import check_matrix
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.tensor import Tensor
from gradus.types import int64

_MOST_CODES = 2**23  # up to here, float32 holds the numbers half way between two codes


class TableInput(Module):
    """Columns by what they are: numbers embedded, codes of categories looked up, others as given.

    The output has the numeric columns first, embedded where that is asked for, then all other
    columns, then the embeddings of the codes; each part in the order in which it was named.

    A code is a whole number 0 … count − 1, written as a float. 0 stands for a category that is
    missing or was never seen, and every number that is no code counts as 0.

    Source: Guo and Berkhahn, "Entity embeddings of categorical variables" (2016).

    Attributes:
        weight: (sum of the counts, embedding_size): the rows of the first code column, then those
            of the next; standard normal at the start. None without codes.
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
        rows = sum(count for _, count in self.codes)
        self.weight = None
        if self.codes:
            self.weight = parameter(Normal(1.0), (rows, self.embedding_size), self.dtype)
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

    def _looked_up(self, x: Tensor, weight: Tensor) -> Tensor:
        """The rows of all codes beside each other, (n, codes · embedding_size)."""
        places, counts = zip(*self.codes, strict=True)
        found = _columns(x, places)
        known = ops.logical_and(found >= 0, found < np.array(counts, np.float32) - 0.5)
        first_rows = np.cumsum([0, *counts[:-1]])
        rows = ops.take(weight, _whole(ops.where(known, found, 0.0)) + first_rows, axis=0)
        return ops.reshape(rows, shape=(x.shape[0], len(places) * self.embedding_size))


def _pair(code: Any) -> tuple[int, int]:
    """Place and count of a column of codes."""
    pair = whole_numbers("each of codes", code, least=0)
    if len(pair) != 2 or not 1 <= pair[1] <= _MOST_CODES:
        raise ArgumentError(
            f"each of codes is a pair (place, count) with a count from 1 to {_MOST_CODES}",
            received=repr(code)[:100],
        )
    return pair[0], pair[1]


def _whole(x: Tensor) -> Tensor:
    """Whole numbers that are written as floats; one that came out of arithmetic is still itself."""
    return (x + 0.25).astype(int64)  # with ½, float32 would be rounded up from 2²³ on


def _columns(x: Tensor, places: Sequence[int]) -> Tensor:
    """Some columns of a matrix; a slice where they stand together, which costs nothing."""
    first = places[0]
    if list(places) == list(range(first, first + len(places))):
        return x[:, first : first + len(places)]
    return ops.take(x, np.array(places), axis=1)
