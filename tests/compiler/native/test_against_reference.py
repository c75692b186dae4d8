"""The native executor gives what the reference executor defines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from tests.programs import RandomProgram, programs, with_gradients

import gradus as gd
from gradus.compiler import Executor, Graph, ReferenceExecutor, trace
from gradus.compiler.native import NativeExecutor, available, targets
from gradus.ops.primitive import COMPOSITES, PRIMITIVES, Call, every_sample

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")

# Sums in another order, and functions within 2 ulp: a few roundings of the largest number.
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float, scale: float) -> None:
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if expected.dtype.kind != "f":
        assert np.array_equal(found, expected)
        return
    finite = np.isfinite(expected)
    assert np.array_equal(found[~finite], expected[~finite], equal_nan=True)
    scale = np.abs(expected[finite]).max(initial=scale)
    np.testing.assert_allclose(
        found[finite], expected[finite], rtol=tolerance, atol=tolerance * scale
    )


def traced(function: Callable[..., Any], arrays: list[np.ndarray]) -> Graph:
    tensors = [gd.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    return trace(function, *tensors).graph


def assert_agree(
    graph: Graph, arrays: list[np.ndarray], executor: Executor, scale: float = 1e-3
) -> None:
    # What was float32 once keeps its roundings in float64.
    tolerance = max(TOLERANCE.get(n.type.dtype.name, 0.0) for n in graph.nodes)
    inputs = dict(zip(graph.inputs, arrays, strict=True))
    expected = ReferenceExecutor().prepare(graph).run(inputs)
    program = executor.prepare(graph)
    for _ in range(2):  # the second run meets buffers that hold the first one's numbers
        found = program.run(inputs)
        for name in expected:
            assert_close(found[name], expected[name], tolerance, scale)


ROWS = [
    pytest.param(op, sample, dtype, id=f"{name}-{i}-{dtype}")
    for name, op in {**PRIMITIVES, **COMPOSITES}.items()
    for i, sample in enumerate(every_sample(op))
    for dtype in ("float64", "float32")
]


@pytest.mark.parametrize(("op", "sample", "dtype"), ROWS)
def test_every_operation_agrees(op: Any, sample: Call, dtype: str) -> None:
    arrays = [
        np.asarray(x, dtype if np.asarray(x).dtype.kind == "f" else None) for x in sample.inputs
    ]
    if any(a.dtype == np.float64 for a in arrays) and dtype == "float32":
        arrays = [a.astype(np.float32) if a.dtype == np.float64 else a for a in arrays]

    def function(*tensors: gd.Tensor) -> gd.Tensor:
        apply = op if op.__class__.__name__ == "Primitive" else op.function
        return apply(*tensors, **sample.params)

    assert_agree(traced(function, arrays), arrays, NativeExecutor(1))


def assert_program_agrees(program: RandomProgram, executor: Executor) -> None:
    # What is computed from numbers of this scale, itself of any size, carries their roundings.
    graph = traced(with_gradients(program.function), program.inputs)
    note(str(graph))
    assert_agree(graph, program.inputs, executor, program.scale)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_random_programs_agree_with_their_gradients(program: RandomProgram) -> None:
    assert_program_agrees(program, NativeExecutor(2))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", targets())
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=programs())
def test_thousands_of_random_programs_agree_with_their_gradients(
    target: str, program: RandomProgram
) -> None:
    assert_program_agrees(program, NativeExecutor(2, target))
