"""The native executor gives what the reference executor defines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from tests.programs import programs, with_gradients

import gradus as gd
from gradus.compiler import ReferenceExecutor, trace
from gradus.compiler.native import NativeExecutor, available
from gradus.ops.primitive import COMPOSITES, PRIMITIVES, Call, every_sample

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")

# Sums in another order, and functions within 2 ulp: a few roundings of the largest number.
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if expected.dtype.kind != "f":
        assert np.array_equal(found, expected)
        return
    tolerance = TOLERANCE[expected.dtype.name]
    finite = np.isfinite(expected)
    assert np.array_equal(found[~finite], expected[~finite], equal_nan=True)
    scale = np.abs(expected[finite]).max(initial=1e-3)
    np.testing.assert_allclose(
        found[finite], expected[finite], rtol=tolerance, atol=tolerance * scale
    )


def assert_agree(function: Callable[..., Any], arrays: list[np.ndarray], threads: int = 1) -> None:
    graph = trace(
        function, *(gd.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays)
    ).graph
    inputs = dict(zip(graph.inputs, arrays, strict=True))
    expected = ReferenceExecutor().prepare(graph).run(inputs)
    program = NativeExecutor(threads).prepare(graph)
    for _ in range(2):
        found = program.run(inputs)
        for name in expected:
            assert_close(found[name], expected[name])


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

    assert_agree(function, arrays)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_random_programs_agree_with_their_gradients(
    program: tuple[list[np.ndarray], Callable[..., list[gd.Tensor]]],
) -> None:
    inputs, function = program
    assert_agree(with_gradients(function), inputs)
