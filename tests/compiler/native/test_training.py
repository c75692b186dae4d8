"""Training natively: the same learning, the same bits for any number of threads."""

from __future__ import annotations

import hashlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.compiler import executor_named, trace
from gradus.compiler.native import NativeExecutor, available, targets
from gradus.compiler.reference import ReferenceProgram
from gradus.errors import ArgumentError
from gradus.random import normal
from gradus.train.callbacks import Callback
from gradus.types import TensorType, float32, float64

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")

X = normal(1, 0, 0, (300, 96)).astype(np.float32)
LABELS = np.asarray(np.abs(X[:, 0] * 3).astype(np.int64) % 5)


def trained(executor: Any, epochs: int = 3) -> tuple[gd.History, dict[str, np.ndarray]]:
    gd.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(96, 256), nn.BatchNorm(256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 5)
    )
    trainer = gd.Trainer(
        net, losses.cross_entropy, optim.Adam(1e-3, clip_norm=1.0), executor=executor
    )
    history = trainer.fit(X, LABELS, epochs=epochs, batch_size=128, progress=False)
    named = {**net.named_parameters(), **net.named_buffers()}
    return history, {n: t.numpy() for n, t in named.items()}


def digest(weights: dict[str, np.ndarray]) -> str:
    return hashlib.sha256(b"".join(a.tobytes() for a in weights.values())).hexdigest()


def test_a_native_run_learns_what_the_reference_learns() -> None:
    history, weights = trained("native")
    expected_history, expected = trained("reference")
    # Sums in another order, through some 10 steps of Adam, which divides by small numbers.
    np.testing.assert_allclose(history["loss"], expected_history["loss"], rtol=1e-4)
    for name, array in expected.items():
        np.testing.assert_allclose(weights[name], array, atol=2e-3)


@pytest.mark.parametrize("target", targets())
def test_one_two_and_three_threads_give_the_same_bits(target: str) -> None:
    found = {digest(trained(NativeExecutor(n, target))[1]) for n in (1, 2, 3)}
    assert len(found) == 1


def test_the_same_seed_gives_the_same_bits_again() -> None:
    assert digest(trained("native")[1]) == digest(trained("native")[1])


def test_an_operation_without_a_native_form_is_named() -> None:
    graph = trace(lambda a: a**3 + a**2 * a**5, gd.tensor([2, 3])).graph
    with pytest.raises(ArgumentError, match="received power of int64\\. What"):
        NativeExecutor(1).prepare(graph)


def test_auto_goes_round_it_as_a_whole_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradus.compiler.choose._said", set())
    graph = trace(lambda a: ops.exp(a.astype("float32")) * a**3, gd.tensor([2, 3])).graph
    other = trace(lambda a: a**3, gd.tensor([2, 3], dtype="int32")).graph
    with pytest.warns(UserWarning, match="power of int64 has no native form") as said:
        programs = [executor_named("auto").prepare(graph) for _ in range(3)]
    assert len(said) == 1
    with pytest.warns(UserWarning, match="power of int32 has no native form"):
        executor_named("auto").prepare(other)
    assert all(isinstance(p, ReferenceProgram) for p in programs)
    found = programs[0].run({"a": np.array([2, 3])})["result"]
    np.testing.assert_allclose(found, np.exp([2, 3]) * np.array([8, 27]), rtol=1e-6)


def test_a_position_outside_its_axis_is_the_reference_executors_error() -> None:
    graph = trace(lambda x, i: ops.take(x, i), gd.tensor([1.0, 2.0]), gd.tensor([0])).graph
    inputs = {"x": np.array([1.0, 2.0], np.float32), "i": np.array([5])}
    messages = []
    for name in ("native", "reference"):
        with pytest.raises(ArgumentError) as error:
            executor_named(name).prepare(graph).run(inputs)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_a_program_that_failed_runs_again() -> None:
    graph = trace(lambda x, i: ops.take(x, i), gd.tensor([1.0, 2.0]), gd.tensor([0])).graph
    program = NativeExecutor(2).prepare(graph)
    x = np.array([1.0, 2.0], np.float32)
    with pytest.raises(ArgumentError):
        program.run({"x": x, "i": np.array([5])})
    assert program.run({"x": x, "i": np.array([1])})["result"].tolist() == [2.0]


def test_an_installation_without_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradus.compiler.choose.available", lambda: False)
    with pytest.raises(ArgumentError, match="C\\+\\+ compiler"):
        executor_named("native")
    assert executor_named("auto").name == "reference"


def test_steps_take_subnormals_for_zeros_and_leave_the_callers_arithmetic_alone() -> None:
    x, y = np.zeros((8, 3), np.float32), np.zeros((8, 1), np.float32)
    x[0, 0] = 1e-20  # its gradient's square is subnormal
    net = nn.Sequential(nn.Linear(3, 1))
    smallest = np.float32(1e-45)
    seen = []

    class Look(Callback):
        def on_step(self, trainer: gd.Trainer, step: int) -> None:
            seen.append(smallest * np.float32(1))

    trainer = gd.Trainer(
        net, losses.squared_error, optim.Adam(1e-3), executor=NativeExecutor(threads=2)
    )
    trainer.fit(x, y, epochs=50, batch_size=4, callbacks=[Look()], progress=False)
    moments = [a for m in trainer._engine._moments.values() for a in m.values()]
    tiny = np.finfo(np.float32).tiny
    assert all(((a == 0) | (np.abs(a) >= tiny)).all() for a in moments)
    assert seen
    assert all(s == smallest for s in seen)
    assert smallest * np.float32(1) == smallest


def relation(w: gd.Tensor, x: gd.Tensor) -> dict[str, gd.Tensor]:
    """A step whose products have rows of the data, and the weights, as right factors."""
    p = x @ w.T
    loss = ((p @ p.T - x @ x.T) ** 2).mean()
    return {"w": w - 0.01 * gd.grad(loss, w), "loss": loss, "x": x * 2.0}


@pytest.mark.parametrize("carried", [("w",), ("w", "x"), ()])
def test_right_factors_that_come_anew_with_each_step_are_taken_as_they_come(
    carried: tuple[str, ...],
) -> None:
    w = gd.tensor(normal(1, 0, 0, (7, 5)).astype(np.float32)).requires_grad_()
    graph = trace(relation, w=w, x=TensorType((6, 5), float32)).graph
    x = normal(2, 0, 0, (30, 5)).astype(np.float32)
    given = {"w": w.detach().numpy(), "x": x[:6]}
    found = []
    for name in ("native", "reference"):
        found.append(
            executor_named(name)
            .prepare(graph)
            .steps(
                {n: given[n] for n in carried},
                data={} if "x" in carried else {"x": x},
                order=np.arange(24).reshape(4, 6) if "x" not in carried else np.zeros((4, 0), int),
                per_step={},
                fixed={} if "w" in carried else {"w": given["w"]},
                watch="loss",
                stop=lambda _: False,
            )
        )
    for part in ("carry", "records"):
        native, reference = (getattr(f, part) for f in found)
        assert native.keys() == reference.keys()
        for name, array in native.items():
            np.testing.assert_allclose(array, reference[name], rtol=2e-4, atol=1e-5)


def test_a_loss_that_compares_rows_with_rows_trains_as_on_the_reference() -> None:
    y = X[:, :4].copy()

    def loss(p: gd.Tensor, y: gd.Tensor) -> gd.Tensor:
        return ops.sum(ops.square(p @ p.T - y @ y.T), axis=1)

    histories = []
    for name in ("native", "reference"):
        gd.manual_seed(0)
        net = nn.Sequential(nn.Linear(96, 4))
        trainer = gd.Trainer(net, loss, optim.SGD(1e-5), executor=name)
        histories.append(trainer.fit(X, y, epochs=3, batch_size=50, progress=False)["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-4)


def test_slow_steps_are_asked_before_each_of_them_whether_to_stop() -> None:
    n = 1500  # some 50 milliseconds on a fast core
    graph = trace(lambda x: {"loss": (x @ x).sum()}, x=TensorType((n, n), float64)).graph
    asked: list[int] = []
    NativeExecutor(1).prepare(graph).steps(
        {},
        data={},
        order=np.zeros((5, 0), np.int64),
        per_step={},
        fixed={"x": np.zeros((n, n))},
        watch="loss",
        stop=lambda done: bool(asked.append(done)),
    )
    assert asked == [0, 1, 2, 3, 4]


def test_threads_of_python_that_share_a_program_do_not_see_each_others_weights() -> None:
    graph = trace(
        lambda w, x: {"w": w * 1.001 + x.mean(), "loss": w.sum()},
        w=TensorType((50, 40), float32),
        x=TensorType((8,), float32),
    ).graph
    program = NativeExecutor(2).prepare(graph)

    def after(start: float) -> Any:
        return program.steps(
            {"w": np.full((50, 40), start, np.float32)},
            data={"x": np.full(8, start, np.float32)},
            order=np.zeros((20, 8), np.int64),
            per_step={},
            fixed={},
            watch="loss",
            stop=lambda _: False,
        ).carry["w"]

    starts = [float(k) for k in range(8)] * 20
    alone = {s: after(s) for s in set(starts)}
    with ThreadPoolExecutor(4) as pool:
        for start, found in zip(starts, pool.map(after, starts), strict=True):
            np.testing.assert_array_equal(found, alone[start])


def test_auto_asks_for_the_operations_that_are_left_after_optimising() -> None:
    graph = trace(lambda a: a * (gd.tensor([1, 2]) ** 3), gd.tensor([2, 3])).graph
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        program = executor_named("auto").prepare(graph)
    assert not program.on_numpy
    assert program.run({"a": np.array([2, 3])})["result"].tolist() == [2, 24]


def test_a_stop_function_that_runs_its_own_program_is_told_so() -> None:
    graph = trace(lambda w: {"w": w + 1.0, "loss": w.sum()}, w=TensorType((3,), float32)).graph
    program = NativeExecutor(1).prepare(graph)
    given: Any = {
        "data": {},
        "order": np.zeros((3, 0), np.int64),
        "per_step": {},
        "fixed": {},
        "watch": "loss",
    }

    def again(done: int) -> bool:
        program.run({"w": np.zeros(3, np.float32)})
        return False

    with pytest.raises(RuntimeError, match="from the stop function"):
        program.steps({"w": np.zeros(3, np.float32)}, **given, stop=again)
    found = program.steps({"w": np.zeros(3, np.float32)}, **given, stop=lambda _: False)
    assert found.carry["w"].tolist() == [3, 3, 3]


def test_a_profile_has_a_time_for_each_instruction() -> None:
    graph = trace(lambda x: ops.exp(x @ x).sum(axis=0), x=TensorType((40, 40), float32)).graph
    program: Any = NativeExecutor(2).prepare(graph)
    program.run({"x": np.eye(40, dtype=np.float32)})
    seconds = program.profile(3)
    assert len(seconds) == len(program.instructions)
    assert all(0 < s < 1 for s in seconds)
