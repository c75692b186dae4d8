"""A function of rows, natively: one set of weights for all sizes of batches and all threads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus.compiler.executor import Program
from gradus.compiler.graph import Graph, once_a_graph
from gradus.compiler.hoist import hoist
from gradus.compiler.memory import Lifetime, arrange
from gradus.compiler.native.instructions import Address
from gradus.compiler.native.lower import Lowered, lower
from gradus.compiler.native.program import NativeProgram
from gradus.compiler.native.support import library, outside, unsupported
from gradus.compiler.passes import optimise
from gradus.compiler.rows import Arrays, Reading, RowProgram, Run, Shared, Shortcut, batches
from gradus.compiler.trace import Traced
from gradus.errors import ShapeError
from gradus.ops.linalg import matmul_
from gradus.tensor import Tensor
from gradus.types import Array, TensorType

# Weights that stay in the second-level cache cost little to read again for each batch, and so a
# batch's own values had better stay there too. Others are read from afar, for many rows at once.
_NEAR = 1 << 20  # bytes of weights
_NEAR_ROWS, _FAR_ROWS = (8, 64), (32, 256)  # of whole batches: the fewest and the most


@dataclass(frozen=True)
class _Once:
    """What is computed when the weights change, and where its results go."""

    program: Program
    addresses: dict[str, int]

    def written(self, shared: Arrays) -> Iterator[tuple[int, Array]]:
        """Addresses, and what to write there."""
        found = self.program.run({n: shared[n] for n in self.program.graph.inputs})
        return ((self.addresses[n], a) for n, a in found.items() if a.nbytes)


class _Weights:
    """Where the values that all rows share lie in memory, and how they come there."""

    def __init__(self, native: Any, threads: int, target: str) -> None:
        self._native, self._threads, self._target = native, threads, target
        self._types: dict[str, TensorType] = {}
        self._given: dict[str, int] = {}  # addresses of the shared inputs themselves
        self._once: dict[str, _Once] = {}  # by the graph's hash: sizes of batches agree in most

    def placed(self, once: Graph, rest: Graph, rows: Collection[str]) -> dict[str, int]:
        """Addresses of what the rest of a program takes beside the rows."""
        shared = {n: t for n, t in rest.inputs.items() if n not in rows and n not in once.outputs}
        new = {n: t for n, t in shared.items() if n not in self._given}
        self._given.update(self._allocated(new))
        self._types.update(new)
        if not once.outputs:
            return self._given
        if once.hash not in self._once:
            types = {n: once.nodes[i].type for n, i in once.outputs.items()}
            program = NativeProgram(once, self._threads, self._target, may_turn=False)
            self._once[once.hash] = _Once(program, self._allocated(types))
        return self._given | self._once[once.hash].addresses

    def _allocated(self, types: Mapping[str, TensorType]) -> dict[str, int]:
        lives = {k: Lifetime(0, 0) for k in range(len(types))}
        sizes = {k: max(t.nbytes, 1) for k, t in enumerate(types.values())}
        offsets, size = arrange(lives, sizes)
        start = self._native.allocate(size) if types else 0
        return {n: start + offsets[k] for k, n in enumerate(types)}

    def written(self, shared: Shared) -> list[tuple[int, Array]]:
        """Addresses, and what to write there for these values.

        Raises:
            ShapeError: a tensor of another type than the program takes.
        """
        for name, t in self._types.items():
            if shared[name].tensor.type != t:
                raise ShapeError(f"{name} is {t}", received=shared[name].tensor.type)
        arrays = {n: r.value for n, r in shared.items()}
        found = [(at, np.ascontiguousarray(arrays[n])) for n, at in self._given.items()]
        for once in self._once.values():
            found += once.written(arrays)
        return [(at, a) for at, a in found if a.nbytes]


@dataclass(frozen=True)
class _Interface:
    """What programs for all sizes of batches must have in common to run as one.

    Attributes:
        inputs, outputs: types of a row.
        captured: tensors from outside, by the names of their inputs.
    """

    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]
    captured: dict[str, Tensor]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Interface)
            and self.ports == other.ports
            and self.captured.keys() == other.captured.keys()
            and all(t is other.captured[n] for n, t in self.captured.items())
        )

    @property
    def ports(self) -> tuple[dict[str, TensorType], dict[str, TensorType]]:
        """Inputs and outputs."""
        return self.inputs, self.outputs

    @classmethod
    def of(cls, traced: Traced, rows: Collection[str]) -> _Interface:
        """The interface of a program for some number of rows."""
        graph = traced.graph
        inputs = {n: _row(t) for n, t in graph.inputs.items() if n in rows}
        outputs = {n: _row(graph.nodes[i].type) for n, i in graph.outputs.items()}
        return cls(inputs, outputs, traced.captured)


def _row(t: TensorType) -> TensorType:
    return TensorType(t.shape[1:], t.dtype)


class NativeRows(RowProgram):
    """A function of rows as native instructions for each size of batches, over one set of weights.

    What depends on the weights alone is computed when they change. Whole batches are shared by the
    threads, each of which has values of its own in between.
    """

    def __init__(
        self,
        trace: Callable[[int], Traced],
        rows: Collection[str],
        prepare: Callable[[Graph], Program],
        threads: int,
        target: str,
    ) -> None:
        super().__init__(trace, rows, prepare)
        self._threads, self._target = threads, target
        self._ready: _Ready | None = None

    def takes(self, n: int) -> bool:
        """Whether n rows may be cut into batches: any size, since threads may share them."""
        return n == 1 or self.one_by_one

    def prepared(self, n: int) -> Run:
        """What computes n rows; see ``RowProgram.prepared``."""
        if not self.takes(n):
            return super().prepared(n)
        if self._ready is None:
            traced = self.traced(min(n, 2))
            interface = _Interface.of(traced, self.rows)
            self._ready = _Ready(traced, interface, self._threads, self._target)
        if not all(self._ready.add(rows, self.traced(rows)) for rows in self._ready.sizes(n)):
            return super().prepared(n)
        self._ready.cut(n)
        return Run(self._ready.run, on_numpy=False)

    def shortcut(self, modules: Sequence[Any], shared: Shared) -> Shortcut | None:
        """A short way; see ``RowProgram.shortcut``."""
        return None if self._ready is None else self._ready.shortcut(modules, shared)


class _Ready:
    """The instructions that there are so far."""

    def __init__(
        self,
        traced: Traced,
        interface: _Interface,
        threads: int,
        target: str,
    ) -> None:
        self.interface, self._threads = interface, threads
        shared = [t.nbytes for n, t in traced.graph.inputs.items() if n not in interface.inputs]
        least, most = _NEAR_ROWS if sum(shared) <= _NEAR else _FAR_ROWS
        given, found = ([t.nbytes for t in ts.values()] for ts in interface.ports)
        work = _operations_a_row(traced.graph, interface.inputs)
        self._least = least
        self._native = library.Rows(target, threads, most, least, work, given, found)
        self._weights = _Weights(self._native, threads, target)
        self._sizes: set[int] = set()  # of batches that there are instructions for
        self._rests = {0}  # rows beside whole batches that there is a way to cut

    def sizes(self, n: int) -> set[int]:
        """Sizes of the batches that n rows are cut into."""
        return {rows for rows, _ in batches(n, self._native.whole(n))}

    def cut(self, n: int) -> None:
        """Let n rows be cut; there must be instructions for all sizes."""
        whole = self._native.whole(n)
        rest = n % whole
        if rest not in self._rests:
            self._native.cut(rest, batches(rest, whole))
            self._rests.add(rest)

    def add(self, rows: int, traced: Traced) -> bool:
        """Make instructions for a size of batches, unless there are any; whether that was possible.

        It is not where it differs in its interface or lacks operations.
        """
        if rows in self._sizes:
            return True
        interface = _Interface.of(traced, self.interface.inputs)
        if interface != self.interface:
            return False
        graph = optimise(traced.graph)
        if unsupported(graph):
            return False
        once, rest, lowered = _taken_apart(graph, frozenset(self.interface.inputs))
        homes = self._weights.placed(once, rest, self.interface.inputs)
        fixed = {p.buffer: homes[n] for n, p in lowered.inputs.items() if n in homes}
        offsets, size = _arranged(lowered, fixed)
        copies = []
        for _ in range(self._threads if rows >= self._least else 1):
            start = self._native.allocate(size)
            copies.append(fixed | {b: start + offset for b, offset in offsets.items()})
        for places in copies:
            for buffer, value in lowered.constants.items():
                if value.nbytes:
                    self._native.write(places[buffer], np.ascontiguousarray(value))
        self._native.add(
            rows,
            [lowered.numbers(places) for places in copies],
            [[p[lowered.inputs[n].buffer] for n in self.interface.inputs] for p in copies],
            [[p[lowered.outputs[n].buffer] for n in self.interface.outputs] for p in copies],
            _readers(lowered, [lowered.inputs[n].buffer for n in self.interface.inputs]),
        )
        self._sizes.add(rows)
        return True

    def run(self, shared: Shared, rows: Arrays) -> dict[str, Array]:
        """Outputs for all rows."""
        given = {**shared, **{n: Reading.of(t) for n, t in self.interface.captured.items()}}
        tensors, versions = [r.tensor for r in given.values()], [r.version for r in given.values()]
        inputs = [self._checked(n, rows[n]) for n in self.interface.inputs]
        n = len(inputs[0])
        found = {
            name: np.empty((n, *t.shape), t.dtype) for name, t in self.interface.outputs.items()
        }
        arguments = (n, inputs, list(found.values()), tensors, versions)
        try:
            if not self._native.run(*arguments, None):
                self._native.run(*arguments, self._weights.written(given))
        except IndexError as error:
            raise outside(error) from None
        return found

    def _checked(self, name: str, rows: Array) -> Array:
        expected = self.interface.inputs[name]
        if TensorType(rows.shape[1:], rows.dtype) != expected:
            raise ShapeError(f"a row of {name} is {expected}", received=TensorType.of(rows))
        return np.ascontiguousarray(rows)

    def shortcut(self, modules: Sequence[Any], shared: Shared) -> Shortcut | None:
        """A short way, for one input and one output."""
        if len(self.interface.inputs) != 1 or len(self.interface.outputs) != 1:
            return None
        [given], [found] = self.interface.inputs.values(), self.interface.outputs.values()
        tensors = [r.tensor for r in shared.values()] + [*self.interface.captured.values()]
        return library.Shortcut(
            self._native,
            list(modules),
            tensors,
            np.ndarray,
            np.empty,
            given.dtype.char,
            list(given.shape),
            list(found.shape),
            found.dtype,
        )


@once_a_graph
def _taken_apart(graph: Graph, rows: frozenset[str]) -> tuple[Graph, Graph, Lowered]:
    """What to compute when the weights change, the rest, and the rest as instructions."""
    once, rest = hoist(graph, rows)
    return once, rest, lower(rest, library.opcode, may_turn=False)


def _arranged(lowered: Lowered, elsewhere: Collection[int]) -> tuple[dict[int, int], int]:
    """Offset of each buffer but those that lie elsewhere, and the size of all together."""
    end = len(lowered.instructions)
    lives = lowered.lifetimes()
    for b in lowered.constants:
        lives[b] = Lifetime(-1, end)
    for p in lowered.inputs.values():
        lives[p.buffer] = Lifetime(-1, lives[p.buffer].last if p.buffer in lives else -1)
    for p in lowered.outputs.values():
        lives[p.buffer] = Lifetime(lives[p.buffer].first if p.buffer in lives else end, end)
    inside = {b: lives[b] for b in lives if b not in elsewhere}
    return arrange(inside, {b: max(lowered.sizes[b], 1) for b in inside})


def _readers(lowered: Lowered, buffers: list[int]) -> list[tuple[int, list[tuple[int, int]]]]:
    """Instructions that read the rows, and which of their numbers are addresses in which input."""
    found = []
    for k, instruction in enumerate(lowered.instructions):
        places = [
            (place, buffers.index(n.buffer))
            for place, n in enumerate(instruction.numbers)
            if isinstance(n, Address) and n.buffer in buffers
        ]
        if places:
            found.append((k, places))
    return found


def _operations_a_row(graph: Graph, rows: Collection[str]) -> float:
    """About how many floating-point operations a program does for each row."""
    count = next(t.shape[0] for n, t in graph.inputs.items() if n in rows)
    return (
        sum(
            n.type.size * (2 * graph.nodes[n.inputs[0]].type.shape[-1] if n.op is matmul_ else 1)
            for n in graph.nodes
            if n.op is not None and not n.op.view
        )
        / count
    )
