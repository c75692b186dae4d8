"""A program of the native executor: a graph as instructions for C++, placed in one arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradus.compiler.executor import Arrays, Leg, Program, Relay, Relayed
from gradus.compiler.graph import Graph, once_a_graph
from gradus.compiler.memory import Lifetime, arrange
from gradus.compiler.native.instructions import in_place
from gradus.compiler.native.lower import Lowered, lower
from gradus.compiler.native.support import library, outside
from gradus.types import Array


@dataclass(frozen=True)
class _Plan:
    """Instructions, and where in an arena their numbers lie.

    Attributes:
        lowered: the instructions.
        offsets: of each buffer.
        size: of the arena.
    """

    lowered: Lowered
    offsets: Mapping[int, int]
    size: int

    @cached_property
    def numbers(self) -> list[list[int]]:
        """The instructions as C++ reads them."""
        return self.lowered.numbers(self.offsets)


@once_a_graph
def _planned(graph: Graph, may_turn: bool) -> _Plan:
    lowered = lower(graph, library.opcode, may_turn=may_turn)
    _share_carried(graph, lowered)
    return _Plan(lowered, *_placed(lowered))


class NativeProgram(Program):
    """A graph as native instructions in one arena.

    Args:
        graph: optimised, with native forms of all its operations.
        threads: the most threads to use.
        target: the instruction set.
        may_turn: see ``lower``.

    Attributes:
        instructions: in the order of running.
    """

    on_numpy = False

    def __init__(self, graph: Graph, threads: int, target: str, *, may_turn: bool = True) -> None:
        super().__init__(graph)
        planned = _planned(graph, may_turn)
        lowered, offsets = planned.lowered, planned.offsets
        self._program = library.Program(planned.numbers, planned.size, target, threads)
        for buffer, value in lowered.constants.items():
            if value.nbytes:
                self._program.write(offsets[buffer], np.ascontiguousarray(value))
        self.instructions = lowered.instructions
        self._turned = lowered.turned
        self._inputs = {n: offsets[p.buffer] for n, p in lowered.inputs.items()}
        self._outputs = {n: offsets[p.buffer] for n, p in lowered.outputs.items()}

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Compute the outputs; see ``Program.run``."""
        self.check_inputs(inputs)
        found = {n: np.empty(t.shape, t.dtype) for n, t in self.output_types.items()}
        try:
            self._program.run(
                self._placed(self._inputs, inputs), self._placed(self._outputs, found)
            )
        except IndexError as error:
            raise outside(error) from None
        return found

    def _placed(self, addresses: dict[str, int], arrays: Arrays) -> list[tuple[int, bool, Array]]:
        """Arrays, where their numbers lie, and whether they lie there transposed."""
        return [
            (addresses[n], n in self._turned, np.ascontiguousarray(a))
            for n, a in arrays.items()
            if a.nbytes
        ]

    def take(self, relay: Relay) -> Relayed:
        """Take the steps in one call, where all programs are native."""
        programs = [leg.program for leg in relay.legs if isinstance(leg.program, NativeProgram)]
        # What is not carried may not be overwritten, nor lie transposed.
        fit = all(p.graph.carried <= relay.carry.keys() for p in programs)
        if len(programs) < len(relay.legs) or not fit:
            return super().take(relay)
        records, ended = relay.room(), np.zeros(relay.rounds)
        after = {n: np.empty(a.shape, a.dtype) for n, a in relay.carry.items()}
        names = [n for n, a in after.items() if a.nbytes]
        parts = zip(programs, relay.legs, records, strict=True)
        try:
            done = library.relay(
                [p._leg(leg, relay, names, record) for p, leg, record in parts],
                [np.ascontiguousarray(relay.carry[n]) for n in names],
                [after[n] for n in names],
                ended,
                relay.stop,
            )
        except IndexError as error:
            raise outside(error) from None
        return Relayed(after, records, done, ended)

    def _leg(
        self, leg: Leg, relay: Relay, carried: Sequence[str], records: Arrays
    ) -> tuple[Any, ...]:
        """What ``library.relay`` takes of one program; see ``Leg`` in native/relay.hpp."""
        inputs, outputs = self._inputs, self._outputs
        return (
            self._program,
            self._placed(inputs, leg.fixed),
            [(inputs[n], outputs.get(n, inputs[n]), n in self._turned) for n in carried],
            _paired(inputs, relay.data),
            np.ascontiguousarray(leg.order, np.int64),
            _paired(inputs, leg.per_step),
            _paired(outputs, records),
            outputs[relay.watch],
            self.output_types[relay.watch].dtype.itemsize,
        )

    def profile(self, rounds: int) -> list[float]:
        """Seconds of each instruction on what the last call left, the least of some rounds."""
        return [ns * 1e-9 for ns in self._program.profile(rounds)]


def _share_carried(graph: Graph, lowered: Lowered) -> None:
    """Let a carried result take its input's buffer where nothing reads the input afterwards."""
    for name, place in lowered.outputs.items():
        if name not in graph.carried:
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
    lives = lowered.lifetimes()
    fixed = {p.buffer for p in (*lowered.inputs.values(), *lowered.outputs.values())}
    for b in fixed | set(lowered.constants):
        lives[b] = Lifetime(-1, len(lowered.instructions))
    # A value without elements still has an address of its own.
    return arrange(lives, {b: max(lowered.sizes[b], 1) for b in lives})


def _paired(addresses: dict[str, int], arrays: Arrays) -> list[tuple[int, Array]]:
    return [(addresses[n], np.ascontiguousarray(a)) for n, a in arrays.items() if a.nbytes]
