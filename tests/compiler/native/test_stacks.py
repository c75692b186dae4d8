"""Stacks of matrices that all meet the same one: one product of all their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradus as gd
from gradus import nn
from gradus.compiler import trace
from gradus.compiler.native import NativeExecutor, available
from gradus.compiler.native.instructions import Product
from gradus.ops.primitive import Draw
from gradus.types import TensorType, float64

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")

W = gd.tensor(Draw()(4, 3), requires_grad=True)


def products(function: Callable[[Any], Any], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Batch, m, n and k of each product that is left."""
    program: Any = NativeExecutor(1).prepare(trace(function, x=TensorType(shape, float64)).graph)
    found = [i for i in program.instructions if isinstance(i, Product)]
    return [(*p.batch, p.m, p.n, p.k) for p in found]


def test_a_stack_meets_a_matrix_as_one_matrix_of_all_rows() -> None:
    assert products(lambda x: x @ W, (2, 5, 4)) == [(10, 3, 4)]
    assert products(lambda x: x @ W, (2, 7, 5, 4)) == [(70, 3, 4)]


def test_rows_that_lie_unevenly_and_stacks_of_two_remain_stacks() -> None:
    assert products(lambda x: x[:, :3] @ W, (2, 5, 4)) == [(2, 3, 3, 4)]
    assert products(lambda x: x.mT @ W, (2, 4, 5)) == [(2, 5, 3, 4)]
    assert products(lambda x: x @ x.mT, (2, 5, 4)) == [(2, 5, 5, 4)]
    assert products(lambda x: W.T @ x, (2, 4, 5)) == [(2, 3, 5, 4)]
    assert products(lambda x: x[:, :, :3] @ W, (2, 7, 5, 4)) == [(14, 3, 3, 4)]


def test_a_layer_on_rows_of_places_has_a_single_product_for_its_weight() -> None:
    layer = nn.Linear(4, 3, dtype="float64")

    def function(x: Any) -> Any:
        return gd.grad((layer(x) ** 2).sum(), layer.parameters())

    assert sorted(products(function, (6, 5, 4))) in (
        [(3, 4, 30), (30, 3, 4)],
        [(4, 3, 30), (30, 3, 4)],
    )


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), *[st.integers(1, 70)] * 3, st.data())
@settings(max_examples=60, deadline=None)
def test_it_has_the_bits_of_each_row_alone(
    batch: list[int], m: int, n: int, k: int, data: Any
) -> None:
    x, w = Draw()(*batch, m, k).astype(np.float32), Draw()(k, n).astype(np.float32)
    cut = data.draw(st.integers(1, m))
    graph = trace(lambda x, w: x[..., :cut, :] @ w, gd.tensor(x), gd.tensor(w)).graph
    found = NativeExecutor(2).prepare(graph).run({"x": x, "w": w})["result"]
    one = trace(lambda x, w: x @ w, gd.tensor(x.reshape(-1, k)[:1]), gd.tensor(w)).graph
    program = NativeExecutor(1).prepare(one)
    rows = x[..., :cut, :].reshape(-1, k)
    for row, expected in zip(rows[::7], found.reshape(-1, n)[::7], strict=True):
        assert np.array_equal(program.run({"x": row[None], "w": w})["result"][0], expected)
