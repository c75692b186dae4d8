"""The reference executor: what a program takes, gives, and leaves alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import gradus as gd
from gradus import ops
from gradus.compiler import Program, ReferenceExecutor, trace
from gradus.errors import ShapeError
from gradus.types import Array, TensorType, float64

X = TensorType((4, 3), float64)


def prepared(function: object, *types: TensorType) -> Program:
    return ReferenceExecutor().prepare(trace(function, *types).graph)  # type: ignore[arg-type]


def several(x: gd.Tensor) -> dict[str, gd.Tensor]:
    y = ops.exp(x) * 2.0
    return {"y": y, "same": x, "view": y.T, "again": y, "constant": gd.zeros(2) + 1.0, "row": x[1:]}


def test_inputs_are_never_written_to() -> None:
    program = prepared(several, X)
    x = np.random.default_rng(0).normal(size=(4, 3))
    before = x.copy()
    x.flags.writeable = False
    for _ in range(2):
        for result in program.run({"x": x}).values():
            result += 1.0
    assert np.array_equal(x, before)


def test_results_belong_to_the_caller() -> None:
    program = prepared(several, X)
    x = np.random.default_rng(0).normal(size=(4, 3))
    first = program.run({"x": x})
    expected = {n: a.copy() for n, a in first.items()}
    program.run({"x": x * 3.0})
    for n, a in first.items():
        assert np.array_equal(a, expected[n]), "a later run has changed an earlier result"
        a[...] = 77.0
    for n, a in program.run({"x": x}).items():
        assert np.array_equal(a, expected[n]), "changing a result has changed the program"


def test_no_two_results_share_memory() -> None:
    x = np.ones((4, 3))
    found = [*prepared(several, X).run({"x": x}).values(), x]
    for i, a in enumerate(found):
        assert not any(np.shares_memory(a, b) for b in found[:i])


def test_strided_inputs_give_the_bits_of_contiguous_ones() -> None:
    program = prepared(lambda x: ops.tanh(x @ x.T).sum(axis=0), X)
    wide = np.random.default_rng(0).normal(size=(8, 6))
    views = [wide[::2, ::2], wide[::-2, ::-2], np.asfortranarray(wide[:4, :3]), wide.T[:4, :3]]
    for x in views:
        assert np.array_equal(
            program.run({"x": x})["result"], program.run({"x": x.copy()})["result"]
        )


def test_many_threads_may_call_one_program() -> None:
    # Large enough for NumPy to let other threads run meanwhile.
    function = lambda x: ops.exp(ops.sin(x) * 2.0) - ops.tanh(x) * x  # noqa: E731
    program = prepared(function, TensorType((300, 300), float64))
    inputs = [np.random.default_rng(k).normal(size=(300, 300)) for k in range(4)]
    expected = [program.run({"x": x})["result"] for x in inputs]

    def work(k: int) -> bool:
        return all(
            np.array_equal(program.run({"x": inputs[k]})["result"], expected[k]) for _ in range(10)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


def test_a_program_warns_of_nothing_and_gives_infinities_and_nan() -> None:
    program = prepared(lambda x: {"log": ops.log(x), "ratio": x / x}, X)
    found = program.run({"x": np.zeros((4, 3))})
    assert (found["log"] == -np.inf).all()
    assert np.isnan(found["ratio"]).all()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": np.zeros((4, 3)), "w": np.zeros((3, 4))}, r"w is float64\[3, 2\].*float64\[3, 4\]"),
        ({"x": np.zeros((4, 3), np.float32), "w": np.zeros((3, 2))}, r"x is float64.*float32"),
        ({"x": np.zeros((4, 3))}, "takes x, w; received no w"),
        ({"w": np.zeros((3, 2)), "v": np.zeros(2)}, "received no x, an unknown v"),
        (
            {"x": np.zeros((4, 3)), "w": np.zeros((3, 2)), "v": np.zeros(2)},
            "received an unknown v",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: dict[str, Array], message: str) -> None:
    program = prepared(lambda x, w: x @ w, X, TensorType((3, 2), float64))
    with pytest.raises(ShapeError, match=message):
        program.run(inputs)


def test_a_program_without_inputs_runs() -> None:
    assert prepared(lambda: gd.ones(3) * 2.0).run({})["result"].tolist() == [2.0, 2.0, 2.0]


def test_a_program_without_operations_gives_back_what_it_takes() -> None:
    found = prepared(lambda x: (x, x), X).run({"x": np.ones((4, 3))})
    assert list(found) == ["result.0", "result.1"]
    assert not np.shares_memory(found["result.0"], found["result.1"])
