"""Rows natively: the same bits however they are cut, filled up, shared or changed meanwhile."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, ops
from gradus.compiler import Reading, executor_named, trace
from gradus.compiler.native import NativeExecutor, NativeRows, available, targets
from gradus.errors import ArgumentError, ShapeError
from gradus.random import normal
from gradus.tensor import Tensor
from gradus.types import Array, TensorType, float32, int64

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")

X = normal(3, 0, 0, (600, 40)).astype(np.float32)
NUMBERS = [1, 2, 3, 4, 5, 7, 13, 31, 33, 63, 64, 65, 100, 129, 256, 300, 511, 600]


def network(inputs: int = 40) -> nn.Sequential:
    gd.manual_seed(0)
    return nn.Sequential(
        nn.LayerNorm(inputs),
        nn.Linear(inputs, 70),
        nn.BatchNorm(70),
        nn.GELU(),
        nn.Maxout(70, 33, 2),
        nn.Tanh(),
        nn.Linear(33, 5),
        nn.Softmax(),
    )


def predictor(executor: Any, net: nn.Module | None = None) -> gd.Trainer:
    return gd.Trainer(net or network(), losses.squared_error, executor=executor)


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("threads", [1, 3])
def test_a_row_has_the_same_bits_in_every_company(target: str, threads: int) -> None:
    trainer = predictor(NativeExecutor(threads, target))
    together = trainer.predict(X)
    for n in NUMBERS:
        for start in (0, 600 - n):
            part = trainer.predict(X[start : start + n])
            assert part.tobytes() == together[start : start + n].tobytes(), f"{n} rows"


@pytest.mark.parametrize("target", targets())
def test_large_weights_and_wide_rows_change_nothing_about_that(target: str) -> None:
    """Weights beyond the cache take larger batches, and wide rows are read where they are."""
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(700, 400), nn.ReLU(), nn.Linear(400, 9))
    x = normal(4, 0, 0, (530, 700)).astype(np.float32)
    found = {
        predictor(NativeExecutor(threads, target), net).predict(x).tobytes() for threads in (1, 2)
    }
    one_by_one = predictor(NativeExecutor(1, target), net)
    found.add(np.concatenate([one_by_one.predict(x[k : k + 1]) for k in range(530)]).tobytes())
    assert len(found) == 1


class Woven(nn.Module):
    """What it computes of its weights alone looks different for one row and for several."""

    def __init__(self) -> None:
        self.a = gd.tensor(normal(5, 0, 0, (64, 200)).astype(np.float32), requires_grad=True)
        self.b = gd.tensor(normal(5, 0, 1, (200, 10)).astype(np.float32), requires_grad=True)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        n, m = x.shape
        w = ops.tanh(self.a @ self.b * 0.1)
        one = x.reshape(n, m, 1) * ops.broadcast_to(w, (n, m, 10))
        other = x.reshape(n, 1, m, 1) * ops.broadcast_to(w, (n, 1, m, 10))
        return one.sum(axis=1) + other.sum(axis=(1, 2)) + w.sum(axis=0)


def test_what_is_computed_of_the_weights_has_the_same_bits_for_one_row_and_for_many() -> None:
    x = normal(6, 0, 0, (37, 64)).astype(np.float32)
    trainer = predictor("native", nn.Sequential(Woven()))
    together = trainer.predict(x)
    one_by_one = np.concatenate([trainer.predict(x[k : k + 1]) for k in range(37)])
    assert together.tobytes() == one_by_one.tobytes()


# Sums over axes that lie otherwise in memory than in the shape: what is left of the axes of one row
# is not what is left of those of several.
WOVEN_SUMS: dict[str, Any] = {
    "an axis between two others, of a part": lambda x: x.permute(0, 3, 1, 2)[:, :, 1:4].sum(axis=2),
    "the last axis of a part": lambda x: x[:, 1:4].sum(axis=-1),
    "the last axis of two that are exchanged": lambda x: x.permute(0, 2, 1, 3).sum(axis=-1),
    "two axes that do not lie together": lambda x: x.permute(0, 2, 1, 3).sum(axis=(1, 3)),
    "windows": lambda x: ops.sliding_window(x, window=(9,)).sum(axis=-1),
    "means of parts of an image": lambda x: nn.AdaptiveAvgPool2d((2, 3))(x.permute(0, 3, 1, 2)),
}


@pytest.mark.parametrize("name", WOVEN_SUMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_have_the_same_bits_for_one_row_and_for_many(name: str, dtype: str) -> None:
    class Sums(nn.Module):
        def __init__(self) -> None:
            self.one = gd.ones((), dtype).requires_grad_()

        def forward(self, x: Tensor) -> Tensor:
            return WOVEN_SUMS[name](x * self.one)  # type: ignore[no-any-return]

    x = normal(8, 0, 0, (13, 7, 5, 12)).astype(dtype)
    trainer = predictor("native", Sums())
    together = trainer.predict(x)
    one_by_one = np.concatenate([trainer.predict(x[k : k + 1]) for k in range(13)])
    assert together.tobytes() == one_by_one.tobytes()
    with gd.no_grad():
        eager = Sums()(gd.tensor(x)).numpy()
    # A dozen numbers in another order.
    precision = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(together, eager, rtol=precision, atol=precision)


def test_the_reference_executor_predicts_the_same() -> None:
    native, reference = (predictor(name).predict(X) for name in ("native", "reference"))
    # float32 through five layers, sums in another order.
    np.testing.assert_allclose(native, reference, rtol=2e-4, atol=2e-6)


def test_evaluation_agrees_too() -> None:
    labels = np.asarray(np.abs(X[:, 0] * 3).astype(np.int64) % 5)
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(40, 5))
    found, expected = (
        gd.Trainer(net, losses.cross_entropy, executor=name).evaluate(X, labels)
        for name in ("native", "reference")
    )
    assert np.isclose(found["loss"], expected["loss"], rtol=1e-6)


def test_threads_of_python_predict_at_once_each_with_its_own_rows() -> None:
    trainer = predictor(NativeExecutor(2))
    expected = predictor(NativeExecutor(1)).predict(X)
    rng = np.random.default_rng(0)
    calls = [(int(n), int(rng.integers(0, 601 - n))) for n in rng.choice(NUMBERS, 200)]

    def right(call: tuple[int, int]) -> bool:
        n, start = call
        found = trainer.predict(X[start : start + n])
        return found.tobytes() == expected[start : start + n].tobytes()

    with ThreadPoolExecutor(8) as pool:  # programs are made meanwhile, too
        assert all(pool.map(right, calls))


def test_whoever_predicts_while_weights_change_gets_those_of_one_moment() -> None:
    """Every prediction is that of the weights of some step, never of two."""
    net = nn.Sequential(nn.Linear(40, 64, bias=False), nn.Linear(64, 64, bias=False))
    for layer in net:
        layer.weight = np.zeros(layer.weight.shape)
    trainer = predictor(NativeExecutor(2), net)
    trainer.predict(X[:1])
    ones = np.ones((3, 40), np.float32)
    go_on = threading.Event()
    go_on.set()

    def change() -> None:
        k = 0
        while go_on.is_set():
            k += 1
            sizes = {n: w.shape for n, w in trainer.weights().items()}
            trainer.restore({n: np.full(s, k % 7, np.float32) for n, s in sizes.items()})

    changing = threading.Thread(target=change)
    changing.start()
    try:
        possible = {float(40 * 64 * k * k) for k in range(7)}
        found = {float(v) for _ in range(300) for v in trainer.predict(ones).ravel()}
    finally:
        go_on.clear()
        changing.join()
    assert found <= possible


def test_a_position_outside_its_axis_is_an_error_from_every_thread() -> None:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Embedding(10, 64), nn.Flatten(), nn.Linear(128, 128), nn.Linear(128, 2))
    trainer = predictor(NativeExecutor(3), net)
    x = np.random.default_rng(0).integers(0, 10, (2000, 2))
    expected = trainer.predict(x)
    x[1717, 1] = 10
    for _ in range(3):
        with pytest.raises(ArgumentError, match="received 10"):
            trainer.predict(x)
    x[1717, 1] = 0
    assert trainer.predict(x)[:1717].tobytes() == expected[:1717].tobytes()


def test_integers_take_the_short_way_as_well() -> None:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Embedding(10, 3), nn.Flatten(), nn.Linear(6, 2))
    trainer = predictor("native", net)
    x = np.random.default_rng(0).integers(0, 10, (40, 2))
    expected = trainer.predict(x)
    assert trainer._engine.shortcut(x).tobytes() == expected.tobytes()
    assert trainer._engine.shortcut(x.astype(np.int32)) is None
    assert trainer.predict(x.astype(np.int32)).tobytes() == expected.tobytes()


def rows(function: Any, executor: str = "auto") -> Any:
    def traced(n: int) -> Any:
        return trace(function, w=TensorType((4, 3), float32), x=TensorType((n, 4), float32))

    return executor_named(executor).prepare_rows(traced, ["x"])


def shared(w: Tensor) -> dict[str, Reading]:
    return {"w": Reading.of(w)}


def test_a_weight_of_another_shape_is_refused() -> None:
    program = rows(lambda w, x: x @ w)
    assert isinstance(program, NativeRows)
    x = np.ones((2, 4), np.float32)
    run = program.prepared(2)
    run.outputs(shared(gd.ones((4, 3))), {"x": x})
    with pytest.raises(ShapeError, match="w is float32\\[4, 3\\]"):
        run.outputs(shared(gd.ones((3, 4))), {"x": x})
    with pytest.raises(ShapeError, match="a row of x is float32\\[4\\]"):
        run.outputs(shared(gd.ones((4, 3))), {"x": np.ones((2, 5), np.float32)})
    assert run.outputs(shared(gd.ones((4, 3))), {"x": x})["result"].tolist() == [[4.0] * 3] * 2


def test_auto_goes_round_an_operation_without_a_native_form() -> None:
    def cubed(w: Tensor, x: Tensor) -> Tensor:
        return (x @ w).astype(int64) ** 3

    with pytest.warns(UserWarning, match="power of int64 has no native form"):
        run = rows(cubed).prepared(3)
    assert run.on_numpy
    found = run.outputs(shared(gd.ones((4, 3))), {"x": np.ones((3, 4), np.float32)})
    assert found["result"].tolist() == [[64] * 3] * 3
    with pytest.raises(ArgumentError, match="power of int64"):
        rows(cubed, "native").prepared(3)


def test_what_is_worked_out_from_a_weight_follows_it() -> None:
    program = rows(lambda w, x: x @ ops.exp(w * 2.0))
    x = np.ones((1, 4), np.float32)
    w = gd.zeros((4, 3))
    run = program.prepared(1)
    assert run.outputs(shared(w), {"x": x})["result"].tolist() == [[4.0] * 3]
    w.assign(np.full((4, 3), np.log(3.0)))
    np.testing.assert_allclose(run.outputs(shared(w), {"x": x})["result"], 36.0, rtol=1e-6)
    assert run.outputs(shared(gd.zeros((4, 3))), {"x": x})["result"].tolist() == [[4.0] * 3]


def test_a_network_that_holds_its_trainer_is_forgotten_with_it() -> None:
    class Holder(nn.Sequential):
        trainer: Any = None

    net = Holder(nn.Linear(4, 2))
    net.trainer = predictor("native", net)
    x = np.ones((3, 4), np.float32)
    net.trainer.predict(x)
    assert net.trainer._engine.shortcut(x) is not None
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_results_belong_to_the_caller() -> None:
    trainer = predictor("native")
    first = trainer.predict(X[:3])
    kept = first.copy()
    trainer.predict(X[3:6])
    assert first.tobytes() == kept.tobytes()
    assert first.flags.owndata
    assert first.flags.writeable


def test_the_callers_array_is_left_alone() -> None:
    x: Array = X.copy()
    x.flags.writeable = False
    predictor("native").predict(x)
    assert x.tobytes() == X.tobytes()
