"""The native executor: the graph as instructions for C++, run without Python between the steps."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from gradus.compiler.executor import Arrays, Executor, Program, Steps
from gradus.compiler.graph import Graph
from gradus.compiler.memory import Lifetime, arrange
from gradus.compiler.native.instructions import Address, in_place
from gradus.compiler.native.limits import target_or_variable, threads_or_limit
from gradus.compiler.native.lower import Lowered, lower
from gradus.compiler.native.rows import NativeRows
from gradus.compiler.native.support import library, outside, targets, unsupported
from gradus.compiler.passes import optimise
from gradus.compiler.rows import RowProgram
from gradus.compiler.trace import Traced
from gradus.errors import ArgumentError
from gradus.types import Array, Shape, TensorType


class NativeExecutor(Executor):
    """Runs graphs as native programs.

    Args:
        threads: the most threads to use; None for what ``thread_limit`` says.
        target: instruction set, one of ``targets()``; ``"auto"`` for what the environment's
            ``GRADUS_TARGET`` says, or else the best.

    Raises:
        ArgumentError: no thread at all, or a target that cannot run here.
    """

    name = "native"

    def __init__(self, threads: int | None = None, target: str = "auto") -> None:
        self.threads = threads_or_limit(threads)
        self.target = target_or_variable(target, targets())

    def prepare(self, graph: Graph) -> Program:
        """Plan the graph once; see ``Executor.prepare``."""
        optimised = optimise(graph)
        lacking = unsupported(optimised)
        if lacking:
            raise ArgumentError(
                "the native executor runs graphs of which it has every operation",
                received=", ".join(lacking),
                remedy="use executor='reference' for this one",
            )
        return NativeProgram(optimised, self.threads, self.target)

    def prepare_rows(self, trace: Callable[[int], Traced], rows: Collection[str]) -> RowProgram:
        """Plan a function for any number of rows; see ``Executor.prepare_rows``."""
        return NativeRows(trace, rows, self.prepare, self.threads, self.target)


class NativeProgram(Program):
    """A graph as native instructions in one arena."""

    on_numpy = False

    def __init__(self, graph: Graph, threads: int, target: str) -> None:
        super().__init__(graph)
        lowered = lower(graph, library.opcode)
        self._share_carried(lowered)
        offsets, size = _placed(lowered)
        numbers = [
            [offsets[n.buffer] + n.offset if isinstance(n, Address) else n for n in i.numbers]
            for i in lowered.instructions
        ]
        self._program = library.Program(numbers, size, target, threads)
        for buffer, value in lowered.constants.items():
            if value.nbytes:
                self._program.write(offsets[buffer], np.ascontiguousarray(value))
        self._turned = lowered.turned
        # What the arena holds of the carried values, as the arrays that were given out.
        self._standing: dict[str, Array] = {}
        self._inputs = {n: offsets[p.buffer] for n, p in lowered.inputs.items()}
        self._outputs = {n: offsets[p.buffer] for n, p in lowered.outputs.items()}

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Compute the outputs; see ``Program.run``."""
        self.check_inputs(inputs)
        self._standing = {}
        found = {n: np.empty(self._stored(n, t), t.dtype) for n, t in self._output_types().items()}
        # All in one call, so that programs may be run by several threads at once.
        given = {n: _plain(a.T if n in self._turned else a) for n, a in inputs.items() if a.nbytes}
        filled = {n: a for n, a in found.items() if a.nbytes}
        try:
            self._program.run(
                [self._inputs[n] for n in given],
                list(given.values()),
                [self._outputs[n] for n in filled],
                list(filled.values()),
            )
        except IndexError as error:
            raise outside(error) from None
        return {n: _plain(a.T) if n in self._turned else a for n, a in found.items()}

    def _stored(self, name: str, t: TensorType) -> Shape:
        """Shape of an output as it is stored."""
        return t.shape[::-1] if name in self._turned else t.shape

    def _write(self, name: str, array: Array) -> None:
        if name in self._turned:
            self._program.write_turned(self._inputs[name], _plain(array))
        elif array.nbytes:
            self._program.write(self._inputs[name], _plain(array))

    def _output_types(self) -> dict[str, TensorType]:
        return {n: self.graph.nodes[i].type for n, i in self.graph.outputs.items()}

    def steps(
        self,
        carry: Arrays,
        *,
        data: Arrays,
        order: Array,
        per_step: Arrays,
        fixed: Arrays,
        watch: str,
        stop: Callable[[int], bool],
    ) -> Steps:
        """Take several steps in one call; see ``Program.steps``."""
        count = len(order)
        types = self._output_types()
        self._check_steps(carry, data, order, per_step, fixed)
        records = {
            n: np.empty((count, *t.shape), t.dtype) for n, t in types.items() if n not in carry
        }
        for name, array in {**carry, **fixed}.items():
            if _whole(array) is not self._standing.get(name):
                self._write(name, array)
        self._standing = {}
        carried = [
            [self._inputs[n], self._outputs[n], types[n].nbytes] for n in carry if n in types
        ]
        gathered = {n: _plain(a) for n, a in data.items() if a.nbytes}
        single = {n: _plain(a) for n, a in per_step.items() if a.nbytes}
        kept = {n: a for n, a in records.items() if a.nbytes}
        try:
            done = self._program.steps(
                carried,
                [self._inputs[n] for n in gathered],
                list(gathered.values()),
                np.ascontiguousarray(order, np.int64),
                [self._inputs[n] for n in single],
                list(single.values()),
                [self._outputs[n] for n in kept],
                list(kept.values()),
                self._outputs[watch],
                types[watch].dtype.itemsize,
                stop,
            )
        except IndexError as error:
            raise outside(error) from None
        after = {n: np.empty(a.shape, a.dtype) for n, a in carry.items()}
        for name, array in after.items():
            if name in self._turned:
                self._program.read_turned(self._inputs[name], array)
            elif array.nbytes:
                self._program.read(self._inputs[name], array)
        self._standing = after
        return Steps(after, {n: a[:done] for n, a in records.items()}, done)

    def _check_steps(
        self, carry: Arrays, data: Arrays, order: Array, per_step: Arrays, fixed: Arrays
    ) -> None:
        first = {n: np.empty((order.shape[1], *a.shape[1:]), a.dtype) for n, a in data.items()}
        one = {n: np.empty(a.shape[1:], a.dtype) for n, a in per_step.items()}
        self.check_inputs({**carry, **fixed, **first, **one})
        for name, rows in data.items():
            if order.size and not (order.min() >= 0 and order.max() < len(rows)):
                raise ArgumentError(
                    f"row numbers of {name} lie in [0, {len(rows)})",
                    received=f"{order.min()} to {order.max()}",
                )

    def _share_carried(self, lowered: Lowered) -> None:
        """Let a carried result take its input's buffer where nothing reads the input afterwards."""
        for name, place in lowered.outputs.items():
            if name not in lowered.inputs:
                continue
            old, new = lowered.inputs[name].buffer, place.buffer
            reading = [k for k, i in enumerate(lowered.instructions) if old in i.reads]
            writing = [k for k, i in enumerate(lowered.instructions) if new in i.buffers]
            if not reading or not writing or old == new:
                continue
            first, last = writing[0], reading[-1]
            if first > last or (first == last and in_place(lowered.instructions[first], old, new)):
                for k in writing:
                    lowered.instructions[k] = lowered.instructions[k].moved(new, old)
                lowered.outputs[name] = lowered.inputs[name]


def _placed(lowered: Lowered) -> tuple[dict[int, int], int]:
    """Offset of each buffer, and the size of the arena.

    Inputs, constants and results stay for good; the others share what is free for their lifetime.
    """
    lives: dict[int, Lifetime] = {}
    for k, instruction in enumerate(lowered.instructions):
        for b in instruction.buffers:
            lives[b] = Lifetime(lives[b].first if b in lives else k, k)
    fixed = {p.buffer for p in (*lowered.inputs.values(), *lowered.outputs.values())}
    for b in fixed | set(lowered.constants):
        lives[b] = Lifetime(-1, len(lowered.instructions))
    # A value without elements still has an address of its own.
    return arrange(lives, {b: max(lowered.sizes[b], 1) for b in lives})


def _whole(array: Array) -> Array:
    """The array itself, or the one of which it is a view of all numbers."""
    base = array.base
    if base is None or base.shape != array.shape or base.dtype != array.dtype:
        return array
    return base


def _plain(array: Array) -> Array:
    return np.ascontiguousarray(array)
