"""Many steps a call: the same numbers as one step after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus.compiler import Steps, executor_named, trace
from gradus.compiler.native import available
from gradus.errors import ArgumentError, ShapeError
from gradus.types import Array, TensorType, float64

ROWS, FEATURES, BATCH = 12, 3, 4


EXECUTORS = [
    "reference",
    pytest.param(
        "native",
        marks=pytest.mark.skipif(not available(), reason="built without the native executor"),
    ),
]


def step(
    w: gd.Tensor, count: gd.Tensor, x: gd.Tensor, y: gd.Tensor, rate: gd.Tensor, scale: gd.Tensor
) -> dict[str, gd.Tensor]:
    loss = ((x @ w - y) ** 2).mean() * scale
    slope = gd.grad(loss, w)
    return {"w": w - rate * slope, "count": count + 1.0, "loss": loss, "slope": slope}


def scalar() -> TensorType:
    return TensorType((), float64)


class Loop:
    """Gradient descent on random rows: the program, its data, and the loop written by hand."""

    def __init__(self, steps: int = 6, executor: str = "reference") -> None:
        rng = np.random.default_rng(0)
        self.x, self.y = rng.normal(size=(ROWS, FEATURES)), rng.normal(size=ROWS)
        self.order = rng.permuted(np.tile(np.arange(ROWS), (steps, 1)), axis=1)[:, :BATCH]
        self.rates = 0.1 / (1.0 + np.arange(steps))
        self.start = {"w": rng.normal(size=FEATURES), "count": np.zeros(())}
        examples = {
            "w": gd.zeros(FEATURES, "float64").requires_grad_(),
            "count": scalar(),
            "x": TensorType((BATCH, FEATURES), float64),
            "y": TensorType((BATCH,), float64),
            "rate": scalar(),
            "scale": scalar(),
        }
        self.program = executor_named(executor).prepare(trace(step, **examples).graph)

    def run(self, **changed: Any) -> Steps:
        arguments: dict[str, Any] = {
            "carry": self.start,
            "data": {"x": self.x, "y": self.y},
            "order": self.order,
            "per_step": {"rate": self.rates},
            "fixed": {"scale": np.asarray(2.0)},
            "watch": "loss",
            "stop": lambda _: False,
            **changed,
        }
        return self.program.steps(arguments.pop("carry"), **arguments)

    def by_hand(self, steps: int) -> tuple[dict[str, Array], list[dict[str, Array]]]:
        carry, found = dict(self.start), []
        for k in range(steps):
            rows = self.order[k]
            batch = {"x": self.x[rows], "y": self.y[rows]}
            settings = {"rate": np.asarray(self.rates[k]), "scale": np.asarray(2.0)}
            found.append(self.program.run({**carry, **batch, **settings}))
            carry = {n: found[-1][n] for n in carry}
        return carry, found


def test_steps_give_the_bits_of_one_run_after_another() -> None:
    loop = Loop()
    carry, found = loop.by_hand(6)
    many = loop.run()
    assert many.done == 6
    for name, array in carry.items():
        assert np.array_equal(many.carry[name], array)
    for name in ("loss", "slope"):
        assert np.array_equal(many.records[name], np.stack([f[name] for f in found]))


def test_carried_values_are_no_records() -> None:
    assert set(Loop().run().records) == {"loss", "slope"}
    assert Loop().run().carry["count"] == 6.0


def test_the_starting_values_and_the_data_stay_as_they_were() -> None:
    loop = Loop()
    before = {n: a.copy() for n, a in loop.start.items()}
    loop.run()
    assert all(np.array_equal(loop.start[n], a) for n, a in before.items())


def test_a_row_may_come_twice_in_a_batch() -> None:
    loop = Loop(1)
    loop.order = np.array([[3, 3, 3, 3]])
    row = loop.x[[3] * 4] @ loop.start["w"] - loop.y[3]
    assert np.allclose(loop.run().records["loss"], 2.0 * np.mean(row**2), rtol=1e-14)


def test_stop_is_asked_before_each_step_with_the_number_of_those_done() -> None:
    loop = Loop()
    asked: list[int] = []
    loop.run(stop=lambda done: bool(asked.append(done)))
    assert asked == [0, 1, 2, 3, 4, 5]
    carry, _ = loop.by_hand(2)
    ended = loop.run(stop=lambda done: done >= 2)
    assert ended.done == 2
    assert len(ended.records["loss"]) == 2
    assert np.array_equal(ended.carry["w"], carry["w"])


def test_stopped_before_the_first_step_nothing_has_happened() -> None:
    loop = Loop()
    ended = loop.run(stop=lambda done: done == 0)
    assert ended.done == 0
    assert ended.records["slope"].shape == (0, FEATURES)
    assert ended.records["slope"].dtype == np.float64
    assert np.array_equal(ended.carry["w"], loop.start["w"])


def test_steps_end_after_the_one_whose_watched_output_is_not_finite() -> None:
    loop = Loop()
    loop.rates = np.array([0.1, 0.1, np.inf, 0.1, 0.1, 0.1])
    ended = loop.run()
    assert ended.done == 4, "the third step breaks the weights, the fourth sees it in its loss"
    assert np.isfinite(ended.records["loss"]).tolist() == [True, True, True, False]


def test_no_steps_at_all_are_fine() -> None:
    loop = Loop()
    assert loop.run(order=loop.order[:0], per_step={"rate": loop.rates[:0]}).done == 0


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "too few rates": ({"per_step": {"rate": np.ones(5)}}, "rate has one item for each of 6 steps"),
    "a single rate": ({"per_step": {"rate": np.asarray(1.0)}}, "one item for each of 6 steps"),
    "a row too far": ({"order": np.full((6, BATCH), ROWS)}, r"lie in \[0, 12\)"),
    "a row from the end": ({"order": np.full((6, BATCH), -1)}, r"lie in \[0, 12\)"),
    "a byte from the end": ({"order": np.full((6, BATCH), -1, np.int8)}, r"lie in \[0, 12\)"),
    "a byte too far": ({"order": np.full((6, BATCH), ROWS, np.uint8)}, r"lie in \[0, 12\)"),
    "rows that are no integers": ({"order": np.zeros((6, BATCH))}, "order holds row numbers"),
    "rows in one line": ({"order": np.zeros(BATCH, np.int64)}, "order holds row numbers"),
    "another batch": ({"order": np.zeros((6, 3), np.int64)}, r"x is float64\[4, 3\]"),
    "an input that is missing": ({"fixed": {}}, "no scale"),
    "an input twice": ({"fixed": {"w": np.ones(3), "scale": np.asarray(2.0)}}, "w more than once"),
    "watching a vector": ({"watch": "slope"}, "slope is a single float"),
    "watching what is carried": ({"watch": "count"}, "watch names a recorded output"),
    "watching nothing": ({"watch": "nothing"}, "watch names a recorded output"),
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_refused(name: str, executor: str) -> None:
    changed, rule = MISFITS[name]
    with pytest.raises((ArgumentError, ShapeError), match=rule):
        Loop(executor=executor).run(**changed)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_carried_value_keeps_its_type(executor: str) -> None:
    graph = trace(lambda w: {"w": w.reshape(1, 2), "loss": w.sum()}, w=gd.tensor([1.0, 2.0])).graph
    with pytest.raises(ShapeError, match=r"w is float32\[2\] and carried"):
        executor_named(executor).prepare(graph).steps(
            {"w": np.ones(2, np.float32)},
            data={},
            order=np.zeros((3, 1), np.int64),
            per_step={},
            fixed={},
            watch="loss",
            stop=lambda _: False,
        )


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("answer", [1, np.True_, "yes", [0]])
def test_anything_true_stops(answer: Any, executor: str) -> None:
    assert Loop(executor=executor).run(stop=lambda _: answer).done == 0


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_error_in_stop_comes_out(executor: str) -> None:
    def stop(done: int) -> bool:
        raise KeyError("asked")

    with pytest.raises(KeyError, match="asked"):
        Loop(executor=executor).run(stop=stop)
