"""Passes: each does what it says, and none changes a bit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from tests.programs import RandomProgram, programs, with_gradients

import gradus as gd
from gradus import ops
from gradus.compiler import Graph, Node, ReferenceExecutor, trace
from gradus.compiler.passes import (
    eliminate_common,
    eliminate_dead,
    fold_constants,
    optimise,
    pick_parts,
    simplify,
)
from gradus.compiler.reference import ReferenceProgram
from gradus.types import TensorType, bool_, float32, float64, int64

X = TensorType((3, 4), float64)
PASSES = (simplify, fold_constants, eliminate_common, eliminate_dead, optimise)


def traced(function: Callable[..., Any], *types: TensorType) -> Graph:
    return trace(function, *(types or (X,))).graph


def names(graph: Graph) -> list[str]:
    return [n.op.name for n in graph.nodes if n.op is not None]


@pytest.mark.parametrize("step", PASSES, ids=lambda p: p.__name__)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(program=programs())
def test_no_pass_changes_a_bit(step: Callable[[Graph], Graph], program: RandomProgram) -> None:
    graph = trace(with_gradients(program.function), *program.tensors()).graph
    arrays = dict(zip(graph.inputs, program.inputs, strict=True))
    plain, passed = ReferenceProgram(graph), ReferenceProgram(step(graph).verify())
    for name, expected in plain.run(arrays).items():
        assert passed.run(arrays)[name].tobytes() == expected.tobytes()


@pytest.mark.parametrize("step", PASSES, ids=lambda p: p.__name__)
def test_every_pass_keeps_inputs_and_outputs(step: Callable[[Graph], Graph]) -> None:
    graph = traced(lambda x, unused: {"a": x * 1.0, "b": gd.zeros(2) + 1.0}, X, X)
    assert step(graph).inputs == graph.inputs
    assert list(step(graph).outputs) == ["a", "b"]


# ── Folding ─────────────────────────────────────────────────────────────────────────────────────


def test_what_depends_on_constants_only_is_computed_at_once() -> None:
    graph = traced(lambda x: x + ops.exp(gd.zeros(4, "float64") + 1.0))
    assert names(eliminate_dead(fold_constants(graph))) == ["add"]


def test_a_constant_that_would_be_much_larger_is_not_folded() -> None:
    large = fold_constants(traced(lambda x: x.sum() + ops.broadcast_to(gd.zeros(1), (10_000,))))
    assert "broadcast_to" in names(large)
    small = fold_constants(traced(lambda x: x.sum() + ops.broadcast_to(gd.zeros(1), (100,))))
    assert "broadcast_to" not in names(small)


def test_folding_does_not_warn_of_overflow_and_keeps_its_result() -> None:
    graph = optimise(traced(lambda x: x * ops.exp(gd.full((), 1000.0, "float64"))))
    assert [n.value.item() for n in graph.nodes if n.value is not None] == [np.inf]


# ── Common subexpressions ───────────────────────────────────────────────────────────────────────


def test_equal_operations_are_done_once() -> None:
    graph = traced(lambda x: ops.exp(x) + ops.exp(x))
    assert names(optimise(graph)) == ["exp", "add"]


def test_whole_equal_branches_are_done_once() -> None:
    graph = traced(lambda x: (ops.tanh(x * 2.0) + 1.0) * (ops.tanh(x * 2.0) + 1.0))
    assert names(optimise(graph)) == ["multiply", "tanh", "add", "multiply"]


def test_zero_and_minus_zero_stay_two_constants() -> None:
    graph = traced(lambda x: {"a": x / 0.0, "b": x / -0.0})
    found = ReferenceExecutor().prepare(graph).run({"x": np.ones((3, 4))})
    assert (found["a"] == np.inf).all()
    assert (found["b"] == -np.inf).all()


def test_one_and_true_stay_two_parameters() -> None:
    nodes = (
        Node(X, name="x"),
        Node(TensorType((3, 1), float64), ops.sum, (0,), {"axis": (1,), "keepdims": True}),
        Node(TensorType((3, 1), float64), ops.sum, (0,), {"axis": (1,), "keepdims": 1}),
    )
    graph = eliminate_common(Graph(nodes, {"a": 1, "b": 2}))
    assert graph.operations == 2


def test_constants_of_equal_bytes_and_other_types_stay_apart() -> None:
    zeros = [np.zeros((), np.int32), np.zeros((), np.float32), np.zeros((1,), np.float32)]
    nodes = tuple(Node(TensorType.of(z), value=z) for z in (*zeros, *zeros))
    graph = eliminate_common(Graph(nodes, {str(i): i for i in range(6)}))
    assert len(graph.nodes) == 3


def test_two_draws_are_not_one_draw() -> None:
    def draws(x: gd.Tensor) -> list[gd.Tensor]:
        return [ops.random_bits(x, x, site=site, shape=(4,)) for site in (0, 1)]

    graph = optimise(traced(draws, TensorType((), int64)))
    assert names(graph) == ["random_bits", "random_bits"]


# ── Dead code ───────────────────────────────────────────────────────────────────────────────────


def test_what_no_output_needs_is_dropped() -> None:
    def f(x: gd.Tensor) -> gd.Tensor:
        ops.exp(x)
        return x + 1.0

    graph = traced(f)
    nodes = (*graph.nodes, Node(X, ops.exp, (0,)))
    assert names(eliminate_dead(Graph(nodes, graph.outputs))) == ["add"]


def test_an_unused_input_stays_and_keeps_its_place_in_the_order() -> None:
    graph = optimise(traced(lambda x, unused, z: x + z, X, X, X))
    assert list(graph.inputs) == ["x", "unused", "z"]


# ── Movements and identities ────────────────────────────────────────────────────────────────────

IDENTITIES: dict[str, Callable[[gd.Tensor], gd.Tensor]] = {
    "x times one": lambda x: x * 1.0,
    "one times x": lambda x: 1.0 * x,
    "x over one": lambda x: x / 1.0,
    "minus minus x": lambda x: ops.negative(ops.negative(x)),
    "a cast to its own dtype": lambda x: ops.astype(x, dtype=np.dtype("float64")),
    "a reshape to its own shape": lambda x: x.reshape(3, 4),
    "two transposes": lambda x: x.T.T,
    "a permutation to the same order": lambda x: ops.permute_dims(x, (0, 1)),
    "a reshape there and back": lambda x: x.reshape(12).reshape(2, 6).reshape(3, 4),
    "a broadcast to its own shape": lambda x: ops.broadcast_to(x, (3, 4)),
    "one tensor joined": lambda x: ops.concat([x], axis=1),
    "a slice of everything": lambda x: ops.slice(x, bounds=((0, 3, 1), (0, 4, 1))),
    "detach": lambda x: x.detach(),
    "all of it as a slice": lambda x: x[0:3, :],
}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_nothing_is_left_of(identity: str) -> None:
    assert names(optimise(traced(lambda x: IDENTITIES[identity](x)))) == []


def test_reshapes_in_a_row_are_one() -> None:
    assert names(optimise(traced(lambda x: x.reshape(12).reshape(4, 3)))) == ["reshape"]


@pytest.mark.parametrize("first", [*permutations(range(3))])
@pytest.mark.parametrize("second", [*permutations(range(3))])
def test_permutations_in_a_row_are_the_right_one(
    first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    graph = optimise(
        traced(lambda x: ops.permute_dims(ops.permute_dims(x, first), second), TensorType.of(x))
    )
    expected = x.transpose(first).transpose(second)
    assert len(names(graph)) == (expected.shape != x.shape)
    assert np.array_equal(ReferenceProgram(graph).run({"x": x})["result"], expected)


def test_a_reshape_back_is_dropped_where_the_middle_one_is_used_too() -> None:
    def f(x: gd.Tensor) -> dict[str, gd.Tensor]:
        flat = x.reshape(12)
        return {"flat": flat, "same": flat.reshape(3, 4)}

    assert names(optimise(traced(f))) == ["reshape"]


KEPT: dict[str, Callable[[gd.Tensor], gd.Tensor]] = {
    "x plus zero, which turns −0 into 0": lambda x: x + 0.0,
    "x times zero, which may be NaN": lambda x: x * 0.0,
    "x minus x, which may be NaN": lambda x: x - x,
    "x turned round": lambda x: ops.flip(x),
    "one over x": lambda x: 1.0 / x,
    "x from the end to the beginning": lambda x: x[::-1],
}


JOINED: dict[str, tuple[Callable[[gd.Tensor], gd.Tensor], list[str]]] = {
    "one of a stack": (lambda x: ops.stack([x, x * 2.0])[0], []),
    "within a part": (lambda x: ops.concat([x * 2.0, x], axis=1)[1:, 5:8:2], ["slice"]),
    "across two parts": (
        lambda x: ops.concat([x, x])[2:4], ["concat", "slice"],
    ),
    "backwards": (lambda x: ops.concat([x, x])[2::-1], ["concat", "slice"]),
}  # fmt: skip


@pytest.mark.parametrize("name", JOINED)
def test_a_slice_of_joined_parts_is_picked_from_the_part_that_it_lies_in(name: str) -> None:
    function, expected = JOINED[name]
    graph = optimise(traced(function))
    picked = eliminate_dead(simplify(pick_parts(graph))).verify()
    assert names(picked) == expected
    x = {"x": np.arange(12.0).reshape(3, 4)}
    assert np.array_equal(*(ReferenceProgram(g).run(x)["result"] for g in (picked, graph)))


@pytest.mark.parametrize("kept", KEPT)
def test_an_operation_that_can_change_a_bit_stays(kept: str) -> None:
    assert len(names(optimise(traced(lambda x: KEPT[kept](x))))) == 1


def test_a_product_with_ones_that_stretches_stays() -> None:
    graph = optimise(traced(lambda x: x * gd.ones((5, 1), "float64"), TensorType((4,), float64)))
    assert names(graph) == ["multiply"]


def test_stop_gradient_leaves_the_graph_but_not_the_gradient() -> None:
    x = gd.tensor([1.0, 2.0], "float64", requires_grad=True)
    graph = optimise(trace(lambda x: gd.grad((x.detach() * x).sum(), x), x).graph)
    assert "stop_gradient" not in names(graph)
    assert ReferenceProgram(graph).run({"x": x.numpy()})["result"].tolist() == [1.0, 2.0]


def test_a_boolean_graph_goes_through_every_pass() -> None:
    graph = optimise(traced(lambda x: ops.logical_not(ops.logical_not(x)), TensorType((2,), bool_)))
    assert graph.verify().inputs == {"x": TensorType((2,), bool_)}


def test_optimising_twice_changes_nothing_more() -> None:
    def step(x: gd.Tensor, w: gd.Tensor) -> gd.Tensor:
        return gd.grad((ops.softmax(x @ w) ** 2).sum(), w)

    graph = optimise(
        trace(step, gd.zeros((2, 3)), gd.zeros((3, 4), float32).requires_grad_()).graph
    )
    assert optimise(graph).hash == graph.hash
