"""The typed graph: its rules, its text, its hash."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

import gradus as gd
from gradus import ops
from gradus.compiler import Graph, Node, trace
from gradus.errors import GraphError
from gradus.types import TensorType, float32, float64, int64

X = TensorType((2,), float32)
INPUT = Node(X, name="x")
TWO = Node(X, value=np.full(2, 2.0, np.float32))


def total(x: gd.Tensor) -> dict[str, gd.Tensor]:
    y = x * 2.0 + 1.0
    return {"total": y.sum(), "first": y[0]}


def test_a_graph_that_keeps_the_rules_is_returned_by_verify() -> None:
    graph = Graph((INPUT, TWO, Node(X, ops.add, (0, 1))), {"y": 2})
    assert graph.verify() is graph
    assert graph.inputs == {"x": X}
    assert graph.operations == 1


BROKEN = {
    "a node that uses a later value": (
        Graph((INPUT, Node(X, ops.add, (0, 2)), TWO), {"y": 1}),
        "uses earlier values",
    ),
    "a node that uses itself": (Graph((INPUT, Node(X, ops.exp, (1,))), {"y": 1}), "earlier"),
    "a negative place": (Graph((INPUT, Node(X, ops.exp, (-1,))), {"y": 1}), "earlier"),
    "another shape than the rule's": (
        Graph((INPUT, Node(TensorType((3,), float32), ops.exp, (0,))), {"y": 1}),
        r"gives float32\[2\]",
    ),
    "another dtype than the rule's": (
        Graph((INPUT, Node(TensorType((2,), float64), ops.exp, (0,))), {"y": 1}),
        r"gives float32\[2\]",
    ),
    "operands of two dtypes": (
        Graph(
            (INPUT, Node(TensorType((2,), float64), name="z"), Node(X, ops.add, (0, 1))), {"y": 2}
        ),
        "takes",
    ),
    "operands that do not broadcast": (
        Graph((INPUT, Node(TensorType((3,), float32), name="z"), Node(X, ops.add, (0, 1))), {}),
        "follows its rule",
    ),
    "too few operands": (Graph((INPUT, Node(X, ops.add, (0,))), {}), "takes 2 operands"),
    "too many operands": (Graph((INPUT, Node(X, ops.exp, (0, 0))), {}), "takes 1 operands"),
    "a parameter that is missing": (Graph((INPUT, Node(X, ops.sum, (0,))), {}), "its rule"),
    "two inputs of one name": (Graph((INPUT, Node(X, name="x")), {"y": 0}), "name of its own"),
    "an output that does not exist": (Graph((INPUT,), {"y": 1}), "output y exists"),
    "an output at a negative place": (Graph((INPUT,), {"y": -1}), "output y exists"),
    "a node of no kind": (Graph((Node(X),), {}), "one of input, constant and operation"),
    "a node of two kinds": (
        Graph((INPUT, Node(X, ops.exp, (0,), name="z")), {}),
        "one of input, constant and operation",
    ),
    "a constant of another type": (
        Graph((Node(X, value=np.zeros(2)),), {}),
        "constant %0 has its type",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_verify_refuses(fault: str) -> None:
    graph, message = BROKEN[fault]
    with pytest.raises(GraphError, match=message):
        graph.verify()


def test_the_text_of_a_graph_is_this() -> None:
    assert str(trace(total, TensorType((2, 3), float32)).graph) == (
        "graph\n"
        "  input %0: float32[2, 3] = x\n"
        "  %1 : float32[]     = constant 2.0\n"
        "  %2 : float32[2, 3] = multiply(%0, %1)\n"
        "  %3 : float32[]     = constant 1.0\n"
        "  %4 : float32[2, 3] = add(%2, %3)\n"
        "  %5 : float32[]     = sum(%4, axis=(0, 1), keepdims=False)\n"
        "  %6 : float32[1, 3] = slice(%4, bounds=((0, 1, 1), (0, 3, 1)))\n"
        "  %7 : float32[3]    = reshape(%6, shape=(3,))\n"
        "  return total=%5, first=%7"
    )


def test_long_constants_are_shortened_in_the_text() -> None:
    text = str(trace(lambda x: x + np.arange(100.0), TensorType((100,), float64)).graph)
    assert "of 100 numbers, 0.0 … 99.0" in text


HASH = """
import numpy as np
import gradus as gd
from gradus.compiler import trace
def f(x, w):
    y = gd.ops.tanh(x @ w + np.linspace(0, 1, 7))
    return {"loss": (y * y).sum(), "slope": gd.grad((y * y).sum(), w)}
x, w = gd.zeros((5, 3), "float64"), gd.zeros((3, 7), "float64").requires_grad_()
print(trace(f, x, w).graph.hash)
"""


def test_equal_traces_have_one_hash_in_two_processes() -> None:
    hashes = {
        subprocess.run(
            [sys.executable, "-c", HASH],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1
    assert len(hashes.pop().strip()) == 64


BASE = np.linspace(0.0, 1.0, 9)
CHANGED = BASE.copy()
CHANGED[4] += 1e-15


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: x + BASE, lambda x: x + CHANGED),  # a constant too long for the text
        (lambda x: x * 2.0, lambda x: x * 3.0),
        (lambda x: x * 0.0, lambda x: x * -0.0),
        (lambda x: x.sum(axis=0, keepdims=True), lambda x: x.sum(axis=0)),
        (lambda x: x[1:], lambda x: x[:-1]),
        (lambda x: {"a": x.exp()}, lambda x: {"b": x.exp()}),
    ],
)
def test_another_constant_parameter_or_name_has_another_hash(
    one: Callable[[gd.Tensor], gd.Tensor], other: Callable[[gd.Tensor], gd.Tensor]
) -> None:
    type_ = TensorType((9,), float64)
    assert trace(one, type_).graph.hash != trace(other, type_).graph.hash
    assert trace(one, type_).graph.hash == trace(one, type_).graph.hash


def test_integer_and_float_inputs_have_other_hashes() -> None:
    def f(x: gd.Tensor) -> gd.Tensor:
        return x + x

    assert (
        trace(f, TensorType((2,), int64)).graph.hash
        != trace(f, TensorType((2,), float32)).graph.hash
    )


# ── What tracing finds ──────────────────────────────────────────────────────────────────────────


def test_inputs_are_called_as_the_function_calls_them() -> None:
    def f(x: gd.Tensor, weights: dict[str, gd.Tensor], *rest: gd.Tensor) -> gd.Tensor:
        return x * weights["a"] + rest[0]

    graph = trace(f, X, {"a": X}, X).graph
    assert list(graph.inputs) == ["x", "weights.a", "2"]


def test_inputs_that_are_not_used_stay_inputs() -> None:
    assert list(trace(lambda x, unused: x.exp(), X, X).graph.inputs) == ["x", "unused"]


def test_tensors_from_outside_become_inputs_in_the_order_of_their_use() -> None:
    a, b = gd.tensor([1.0, 2.0]), gd.tensor([3.0, 4.0], name="bias")
    found = trace(lambda x: x * a + b, X)
    assert list(found.captured) == ["captured.0", "captured.bias"]
    assert found.captured["captured.bias"] is b


def test_an_argument_called_captured_does_not_take_the_name_of_a_captured_tensor() -> None:
    w = gd.tensor([1.0, 2.0])
    found = trace(lambda captured: captured["0"] * w, {"0": X})
    assert list(found.graph.inputs) == ["captured.0", "captured.0'"]


def test_arrays_from_outside_become_constants() -> None:
    graph = trace(lambda x: x * np.array([5.0, 6.0], np.float32), X).graph
    assert [n.value.tolist() for n in graph.nodes if n.value is not None] == [[5.0, 6.0]]


def test_a_gradient_is_part_of_the_graph() -> None:
    x = gd.tensor([1.0, 2.0], requires_grad=True)
    graph = trace(lambda x: gd.grad((x**3).sum(), x), x).graph
    assert graph.operations > 1
    assert list(graph.outputs) == ["result"]
