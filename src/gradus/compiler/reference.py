"""The reference executor: plain NumPy, one operation after another. It is the definition.

Each operation's own forward computes it. Buffers are placed once in one arena and used again at
every run; results that the caller keeps are made afresh.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus.compiler import memory
from gradus.compiler.executor import Arrays, Executor, Program
from gradus.compiler.graph import Graph
from gradus.compiler.passes import optimise
from gradus.types import Array, TensorType


@dataclass(frozen=True)
class _Instruction:
    """One operation of the plan, and the values that are not needed after it."""

    target: int
    forward: Callable[..., Any]
    inputs: tuple[int, ...]
    params: dict[str, Any]
    takes_out: bool
    view: bool
    type: TensorType
    dead: tuple[int, ...]


class ReferenceProgram(Program):
    """A graph as a list of NumPy calls."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.placement = memory.place(graph)
        arena = np.empty(self.placement.size + memory.ALIGNMENT, np.uint8)
        start = -arena.ctypes.data % memory.ALIGNMENT
        self._buffers = {
            i: _view(arena, start + offset, graph.nodes[i].type)
            for i, offset in self.placement.offsets.items()
        }
        self._plan = _plan(graph)
        self._start: list[Array | None] = [node.value for node in graph.nodes]
        self._names = {node.name: i for i, node in enumerate(graph.nodes) if node.name}
        self._lock = threading.Lock()  # the arena serves one run at a time

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Compute the outputs; see ``Program.run``."""
        self.check_inputs(inputs)
        with self._lock, np.errstate(all="ignore"):
            values = list(self._start)
            for name, place in self._names.items():
                values[place] = np.ascontiguousarray(inputs[name]).reshape(inputs[name].shape)
            for step in self._plan:
                operands = [values[i] for i in step.inputs]
                buffer = self._buffers.get(step.target)
                if buffer is not None and step.takes_out:
                    values[step.target] = step.forward(*operands, **step.params, out=buffer)
                else:
                    value = np.asarray(step.forward(*operands, **step.params))
                    values[step.target] = value if step.view else np.asarray(value, order="C")
                for i in step.dead:
                    values[i] = None
            return {name: self._result(values[i]) for name, i in self.graph.outputs.items()}

    def _result(self, value: Array | None) -> Array:
        assert value is not None
        return np.array(value, order="C")


def _view(arena: Array, offset: int, type_: TensorType) -> Array:
    """Part of the arena as an array of the type."""
    part = arena[offset : offset + type_.nbytes]
    return part.view(type_.dtype).reshape(type_.shape)


def _plan(graph: Graph) -> list[_Instruction]:
    last: dict[int, int] = {}
    for i, node in enumerate(graph.nodes):
        for operand in node.inputs:
            last[operand] = i
    kept = set(graph.outputs.values())
    plan = []
    for i, node in enumerate(graph.nodes):
        if node.op is not None:
            dead = tuple(j for j in set(node.inputs) if last[j] == i and j not in kept)
            plan.append(
                _Instruction(
                    i,
                    node.op.forward,
                    node.inputs,
                    dict(node.params),
                    node.op.takes_out,
                    node.op.view,
                    node.type,
                    dead,
                )
            )
    return plan


class ReferenceExecutor(Executor):
    """Runs graphs with NumPy, after the passes that change no bit."""

    name = "reference"

    def prepare(self, graph: Graph) -> Program:
        """Plan the graph once; see ``Executor.prepare``."""
        return ReferenceProgram(optimise(graph))
