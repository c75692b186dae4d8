"""Any number of rows with few programs: a program is made for one number of rows only.

Rows are cut into batches of 1, 2, 4, … rows, and a last batch that is nearly full is filled up with
copies of a row. That needs a function that treats its rows one by one, which is proven on its
graph (``rowwise``); one that does not gets a program for each number of rows, and no more than the
last few of these are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradus.compiler.rowwise import row_by_row
from gradus.compiler.trace import Traced
from gradus.tensor import Tensor
from gradus.types import Array

if TYPE_CHECKING:
    from gradus.compiler.executor import Program
    from gradus.compiler.graph import Graph

MOST = 1024  # rows at once: large enough to be fast, small in memory
_KEPT = 16  # programs of one function: all sizes of batches, or the last numbers of rows

Arrays = Mapping[str, Array]
Shortcut = Callable[[Any], Array | None]


def batches(n: int, most: int = MOST) -> list[tuple[int, int]]:
    """Cut n rows into batches: the rows that are computed, and how many of them are wanted.

    Sizes are powers of two, at most ``most``, which is one itself.

    >>> batches(2140)
    [(1024, 1024), (1024, 1024), (64, 64), (32, 28)]
    """
    full, rest = divmod(n, most)
    found = [(most, most)] * full
    while rest:
        rows = 1 << (rest - 1).bit_length()
        if 8 * (rows - rest) > rows + 8:  # filling up would cost more than another batch
            rows //= 2
        found.append((rows, min(rows, rest)))
        rest -= found[-1][1]
    return found


@dataclass(frozen=True)
class Reading:
    """A tensor, and the version and the value that it had at one moment."""

    tensor: Tensor
    version: int
    value: Array

    @classmethod
    def of(cls, t: Tensor) -> Reading:
        """The tensor now."""
        return cls(t, t.version, t.numpy())


Shared = Mapping[str, Reading]


@dataclass(frozen=True)
class Run:
    """What computes a certain number of rows.

    Attributes:
        outputs: takes the shared tensors by name, and an array of so many rows for each name of
            rows; gives an array of so many rows for each output.
        on_numpy: whether NumPy computes, whose threads the caller may want to limit.
    """

    outputs: Callable[[Shared, Arrays], dict[str, Array]]
    on_numpy: bool


@dataclass(frozen=True)
class _Batch:
    """A program for a number of rows, how many of them are wanted, and tensors it reads."""

    program: Program
    rows: int
    wanted: int
    captured: Mapping[str, Tensor]

    def outputs(self, shared: Shared, rows: Arrays) -> dict[str, Array]:
        inputs = {n: r.value for n, r in shared.items()}
        inputs.update({n: t.numpy() for n, t in self.captured.items()})
        inputs.update({n: _filled(a, self.rows) for n, a in rows.items()})
        return {n: a[: self.wanted] for n, a in self.program.run(inputs).items()}


def _filled(array: Array, rows: int) -> Array:
    """The rows, and copies of the last one: those are numbers like the others."""
    lacking = rows - len(array)
    return np.concatenate([array, np.repeat(array[-1:], lacking, axis=0)]) if lacking else array


def _one_after_another(batches: list[_Batch], shared: Shared, rows: Arrays) -> dict[str, Array]:
    parts, start = [], 0
    for batch in batches:
        stop = start + batch.wanted
        parts.append(batch.outputs(shared, {n: a[start:stop] for n, a in rows.items()}))
        start = stop
    return {n: np.concatenate([p[n] for p in parts]) for n in parts[0]}


class RowProgram:
    """A function of rows, and of tensors that all rows share, for any number of rows.

    Args:
        trace: the function's graph for a number of rows.
        rows: names of the inputs that have rows, along the first axis, like every output.
        prepare: an executor's.
    """

    def __init__(
        self,
        trace: Callable[[int], Traced],
        rows: Collection[str],
        prepare: Callable[[Graph], Program],
    ) -> None:
        self.rows = frozenset(rows)
        self.traced = lru_cache(_KEPT)(trace)
        traced = self.traced
        self._programs = lru_cache(_KEPT)(lambda n: prepare(traced(n).graph))

    def prepared(self, n: int) -> Run:
        """What computes n rows; makes the programs that are lacking.

        For that the function is traced, so nothing else may use its network meanwhile.
        """
        found = [
            _Batch(self._programs(rows), rows, wanted, self.traced(rows).captured)
            for rows, wanted in self._cut(n)
        ]
        on_numpy = any(b.program.on_numpy for b in found)
        return Run(partial(_one_after_another, found), on_numpy)

    def shortcut(self, modules: Sequence[Any], shared: Shared) -> Shortcut | None:
        """A short way from one array to the one output, if the executor has any.

        It holds while the fields of the modules stay the very objects they are. Given an array it
        returns the output, or None where the long way must be gone: anything has changed, the
        array is not just as the program takes it, or is not finite.
        """
        return None

    def _cut(self, n: int) -> list[tuple[int, int]]:
        if self.takes(n):
            return batches(n)
        full, rest = divmod(n, MOST)
        return [(MOST, MOST)] * full + [(rest, rest)] * (rest > 0)

    def takes(self, n: int) -> bool:
        """Whether n rows may be cut into batches, or are one as they are."""
        return batches(n) == [(n, n)] or self.one_by_one

    @cached_property
    def one_by_one(self) -> bool:
        """Whether the function is proven to treat its rows one by one."""
        try:
            two, four = self.traced(2), self.traced(4)
        except Exception:  # it takes no such number of rows, or none: the asked number will show
            return False
        same = two.captured.keys() == four.captured.keys() and all(
            t is four.captured[n] for n, t in two.captured.items()
        )
        return same and row_by_row(two.graph, four.graph, self.rows)
