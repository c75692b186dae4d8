"""What is computed once and what for every run: together they are the program."""

from __future__ import annotations

import numpy as np

import gradus as gd
from gradus import nn
from gradus.compiler import Graph, ReferenceExecutor, optimise, trace
from gradus.compiler.hoist import hoist
from gradus.types import Array, TensorType, float32

RNG = np.random.default_rng(0)


def graph_of(net: nn.Module, rows: int = 3) -> Graph:
    def evaluate(weights: dict[str, gd.Tensor], x: gd.Tensor) -> gd.Tensor:
        with net.bind(weights):
            return net(x)

    weights = {**net.named_parameters(), **net.named_buffers()}
    return optimise(trace(evaluate, weights=weights, x=TensorType((rows, 4), float32)).graph)


def outputs(graph: Graph, given: dict[str, Array]) -> dict[str, Array]:
    program = ReferenceExecutor().prepare(graph)
    return program.run({n: given[n] for n in program.graph.inputs})


def test_both_parts_one_after_the_other_give_the_bits_of_the_whole() -> None:
    net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm(5), nn.Tanh(), nn.Linear(5, 2)).eval()
    graph = graph_of(net)
    once, rest = hoist(graph, ["x"])
    given = {n: RNG.uniform(0.5, 2, t.shape).astype(t.dtype) for n, t in graph.inputs.items()}
    parts = outputs(rest, {**given, **outputs(once, given)})
    assert parts["result"].tobytes() == outputs(graph, given)["result"].tobytes()


def test_transposed_weights_and_roots_of_variances_are_computed_once() -> None:
    once, rest = hoist(graph_of(nn.Sequential(nn.Linear(4, 5), nn.BatchNorm(5)).eval()), ["x"])
    assert {n.op.name for n in once.nodes if n.op} == {"permute_dims", "add", "sqrt"}
    assert {n.op.name for n in rest.nodes if n.op} == {
        "matmul", "add", "subtract", "divide", "multiply"
    }  # fmt: skip
    assert "x" not in once.inputs
    assert "weights.0.weight" not in rest.inputs, "only its transpose is needed"


def test_what_would_only_become_larger_is_left_where_it_is() -> None:
    def stretched(w: gd.Tensor, x: gd.Tensor) -> gd.Tensor:
        return gd.ops.concat([gd.ops.broadcast_to(w, (3, 4)), x], axis=1)

    graph = trace(stretched, TensorType((4,), float32), TensorType((3, 4), float32)).graph
    once, rest = hoist(graph, ["x"])
    assert not once.outputs
    assert rest.operations == graph.operations


def test_a_program_without_shared_inputs_stays_as_it_is() -> None:
    graph = trace(lambda x: x * 2.0, x=TensorType((3,), float32)).graph
    once, rest = hoist(graph, ["x"])
    assert not once.nodes
    assert str(rest) == str(graph)
