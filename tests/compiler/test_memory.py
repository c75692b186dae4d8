"""Lifetimes and placement: values share addresses, but never while both are alive."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import HealthCheck, given, settings
from tests.programs import RandomProgram, programs, with_gradients

import gradus as gd
from gradus import ops
from gradus.compiler import Graph, lifetimes, optimise, place, trace
from gradus.compiler.memory import ALIGNMENT, Lifetime
from gradus.compiler.reference import ReferenceProgram
from gradus.types import TensorType, float32, float64

X = TensorType((64,), float32)


def readers(graph: Graph) -> dict[int, int]:
    """The last operation that may read each value, directly or through views of it."""
    last: dict[int, int] = {}
    for i in reversed(range(len(graph.nodes))):
        node = graph.nodes[i]
        for operand in node.inputs:
            last[operand] = max(last.get(operand, i), i)
        if node.op is not None and node.op.view:
            source = node.inputs[0]
            last[source] = max(last[source], last.get(i, i))
    return last


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_no_two_values_that_are_alive_together_overlap(program: RandomProgram) -> None:
    graph = optimise(trace(with_gradients(program.function), *program.tensors()).graph)
    plan, last = place(graph), readers(graph)
    for i, j in combinations(sorted(plan.offsets), 2):
        alive_together = last.get(i, i) >= j  # j is written while i is still to be read
        a, b = plan.offsets[i], plan.offsets[j]
        apart = a + graph.nodes[i].type.nbytes <= b or b + graph.nodes[j].type.nbytes <= a
        assert apart or not alive_together
    assert all(offset % ALIGNMENT == 0 for offset in plan.offsets.values())
    assert plan.size <= plan.unshared
    ends = [offset + graph.nodes[i].type.nbytes for i, offset in plan.offsets.items()]
    assert max(ends, default=0) <= plan.size


def test_an_operand_is_alive_while_its_last_reader_writes() -> None:
    graph = trace(lambda x: ops.exp(ops.exp(x)) + 1.0, X).graph
    lives = lifetimes(graph)
    assert lives[1] == Lifetime(1, 2)
    plan = place(graph)
    assert plan.offsets[1] != plan.offsets[2]


def test_a_view_keeps_its_root_alive_and_has_no_place_of_its_own() -> None:
    def f(x: gd.Tensor) -> gd.Tensor:
        root = ops.exp(x)
        view = root.reshape(8, 8).T[1:]
        return ops.tanh(x).sum() + view.sum()

    graph = trace(f, X).graph
    of = {n.op.name: i for i, n in enumerate(graph.nodes) if n.op is not None}
    lives = lifetimes(graph)
    assert not {of["reshape"], of["permute_dims"], of["slice"]} & set(lives)
    assert lives[of["exp"]].last > of["slice"]


def test_results_lie_outside_the_arena_and_so_do_roots_of_returned_views() -> None:
    graph = trace(lambda x: {"y": ops.exp(x), "z": ops.tanh(x).reshape(8, 8)}, X).graph
    assert place(graph).offsets == {}


def test_inputs_and_constants_take_no_room() -> None:
    graph = trace(lambda x: (x + np.ones(64, np.float32)).sum() * 2.0, X).graph
    assert set(lifetimes(graph)) == {i for i, n in enumerate(graph.nodes[:-1]) if n.op is not None}


def test_a_long_chain_needs_two_places() -> None:
    def chain(x: gd.Tensor) -> gd.Tensor:
        for k in range(20):
            x = ops.sin(x) if k % 2 else ops.exp(x)
        return x.sum()

    plan = place(trace(chain, X).graph)
    assert plan.size == 2 * X.nbytes
    assert plan.unshared == 20 * X.nbytes


def test_values_without_elements_find_a_place() -> None:
    graph = optimise(trace(lambda x: ops.exp(ops.sin(x)).sum(), TensorType((0, 3), float64)).graph)
    assert ReferenceProgram(graph).run({"x": np.zeros((0, 3))})["result"] == 0.0


def test_the_same_graph_is_placed_the_same_way() -> None:
    graph = trace(lambda x: (ops.exp(x) * ops.sin(x) + ops.tanh(x)).sum(), X).graph
    assert place(graph) == place(graph)
