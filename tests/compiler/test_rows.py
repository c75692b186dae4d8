"""Any number of rows: few programs, the same rows, on every executor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import nn, ops
from gradus.compiler import Executor, Graph, Program, Reading, ReferenceExecutor, RowProgram, trace
from gradus.compiler.native import NativeExecutor, available
from gradus.compiler.rows import MOST, batches
from gradus.tensor import Tensor
from gradus.types import Array, TensorType, float32

RNG = np.random.default_rng(0)
EXECUTORS = ["reference", *(["native"] if available() else [])]
NUMBERS = [1, 2, 3, 5, 8, 13, 63, 64, 65, 100, 255, 256, 257, 700, 1024, 1025, 2100]


class Counting(Executor):
    """An executor, and how often it was asked for a program."""

    name = "counting"

    def __init__(self, executor: Executor) -> None:
        self.executor, self.prepared = executor, 0

    def prepare(self, graph: Graph) -> Program:
        self.prepared += 1
        return self.executor.prepare(graph)


def executor(name: str) -> Executor:
    return ReferenceExecutor() if name == "reference" else NativeExecutor(2)


def program(
    function: Callable[..., Any],
    shared: dict[str, Tensor],
    prepared: Callable[..., RowProgram],
) -> RowProgram:
    def traced(n: int) -> Any:
        return trace(function, **shared, x=TensorType((n, 4), float32))

    return prepared(traced, ["x"])


def run(rows: RowProgram, shared: dict[str, Tensor], x: Array) -> Array:
    readings = {n: Reading.of(t) for n, t in shared.items()}
    return rows.prepared(len(x)).outputs(readings, {"x": x})["result"]


@pytest.mark.parametrize("most", [64, MOST])
def test_batches_hold_every_row_once_and_little_else(most: int) -> None:
    for n in range(1, 3 * most):
        cut = batches(n, most)
        assert sum(wanted for _, wanted in cut) == n
        assert all(1 <= wanted <= rows <= most for rows, wanted in cut)
        assert {rows.bit_count() for rows, _ in cut} == {1}, "powers of two"
        assert [b for b in cut[:-1] if b[0] != b[1]] == [], "only the last is filled up"
        filled, wanted = cut[-1]
        assert 8 * (filled - wanted) <= filled + 8


@pytest.mark.parametrize("name", EXECUTORS)
def test_any_number_of_rows_gives_what_the_function_gives(name: str) -> None:
    w, b = gd.tensor(RNG.normal(size=(3, 4)), "float32"), gd.tensor([0.5, -1.0, 2.0])
    rows = program(
        lambda w, b, x: ops.softmax(ops.tanh(x @ w.T + b), axis=1),
        {"w": w, "b": b},
        executor(name).prepare_rows,
    )
    x = RNG.normal(size=(2100, 4)).astype(np.float32)
    expected = ops.softmax(ops.tanh(x @ w.T + b), axis=1).numpy()
    for n in NUMBERS:
        found = run(rows, {"w": w, "b": b}, x[:n])
        # float32, sums of 4 in another order.
        np.testing.assert_allclose(found, expected[:n], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_function_that_looks_across_rows_sees_all_of_them(name: str) -> None:
    w = gd.tensor(RNG.normal(size=(4, 3)), "float32")
    rows = program(lambda w, x: x @ w - (x @ w).mean(axis=0), {"w": w}, executor(name).prepare_rows)
    x = RNG.normal(size=(2100, 4)).astype(np.float32)
    for n in (n for n in NUMBERS if n <= MOST):
        y = x[:n] @ w.numpy()
        found = run(rows, {"w": w}, x[:n])
        np.testing.assert_allclose(found, y - y.mean(axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_function_that_wants_rows_as_columns_gets_them(name: str) -> None:
    w = gd.tensor(RNG.normal(size=(3, 4)), "float32")
    rows = program(lambda w, x: (w @ x.T).T, {"w": w}, executor(name).prepare_rows)
    x = RNG.normal(size=(300, 4)).astype(np.float32)
    for n in (1, 3, 64, 300):
        np.testing.assert_allclose(run(rows, {"w": w}, x[:n]), x[:n] @ w.numpy().T, rtol=1e-5)


def test_a_network_that_counts_its_rows_gets_the_right_number() -> None:
    shared = {"w": gd.tensor([1.0, 2.0, 3.0, 4.0])}
    rows = program(lambda w, x: x * w / x.shape[0], shared, ReferenceExecutor().prepare_rows)
    x = np.ones((7, 4), np.float32)
    np.testing.assert_allclose(run(rows, shared, x)[:, 0], 1 / 7, rtol=1e-6)


def test_the_number_of_programs_is_bounded() -> None:
    counting = Counting(ReferenceExecutor())
    shared = {"w": gd.tensor(RNG.normal(size=(4, 3)), "float32")}
    rows = program(lambda w, x: x @ w, shared, counting.prepare_rows)
    x = RNG.normal(size=(2500, 4)).astype(np.float32)
    for n in range(1, 2500, 17):
        run(rows, shared, x[:n])
    assert counting.prepared <= MOST.bit_length()


def test_the_same_number_of_rows_is_not_planned_again_whatever_the_function_does() -> None:
    counting = Counting(ReferenceExecutor())
    shared = {"w": gd.tensor(RNG.normal(size=(4, 3)), "float32")}
    rows = program(lambda w, x: (x @ w).mean(axis=0) + x[:, :3], shared, counting.prepare_rows)
    x = RNG.normal(size=(20, 4)).astype(np.float32)
    for _ in range(3):
        for n in (3, 5, 20):
            run(rows, shared, x[:n])
    assert counting.prepared == 3


def test_only_the_last_programs_for_single_numbers_of_rows_are_kept() -> None:
    counting = Counting(ReferenceExecutor())
    shared = {"w": gd.tensor(RNG.normal(size=(4, 3)), "float32")}
    rows = program(lambda w, x: x @ w - (x @ w).mean(axis=0), shared, counting.prepare_rows)
    x = RNG.normal(size=(60, 4)).astype(np.float32)
    for n in range(3, 60):
        run(rows, shared, x[:n])
    before = counting.prepared
    run(rows, shared, x[:59])
    assert counting.prepared == before
    run(rows, shared, x[:3])
    assert counting.prepared == before + 1


@pytest.mark.parametrize("name", EXECUTORS)
def test_tensors_from_outside_are_read_at_every_call(name: str) -> None:
    outside = gd.tensor([2.0])
    shared = {"w": gd.tensor(RNG.normal(size=(4, 3)), "float32")}
    rows = program(lambda w, x: (x @ w) * outside, shared, executor(name).prepare_rows)
    x = RNG.normal(size=(5, 4)).astype(np.float32)
    before = run(rows, shared, x)
    outside.assign([4.0])
    assert run(rows, shared, x).tobytes() == (2 * before).tobytes()


def test_a_function_that_takes_no_two_rows_takes_one() -> None:
    def alone(w: Tensor, x: Tensor) -> Tensor:
        if x.shape[0] != 1:
            raise ValueError("one row at a time")
        return x @ w

    shared = {"w": gd.tensor(RNG.normal(size=(4, 3)), "float32")}
    rows = program(alone, shared, ReferenceExecutor().prepare_rows)
    x = RNG.normal(size=(3, 4)).astype(np.float32)
    assert run(rows, shared, x[:1]).shape == (1, 3)
    with pytest.raises(ValueError, match="one row at a time"):
        run(rows, shared, x)


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_network_that_draws_in_evaluation_too_is_not_cut(name: str) -> None:
    noisy = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5))
    rows = program(lambda x: noisy(x), {}, executor(name).prepare_rows)
    assert not rows.takes(3)
    assert run(rows, {}, np.ones((3, 4), np.float32)).shape == (3, 3)
