"""Predicting: never with anything stale, and as soon as possible without asking much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.compiler import Executor, Graph, Program, executor_named
from gradus.compiler.native import available
from gradus.errors import DataError, DtypeError, GradusError, ShapeError
from gradus.types import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)
EXECUTORS = ["reference", *(["native"] if available() else [])]

native = pytest.mark.skipif(not available(), reason="built without the native executor")


def perceptron(*between: nn.Module) -> nn.Sequential:
    gd.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), *(between or (nn.Tanh(),)), nn.Linear(8, 3))


def eager(network: nn.Module, x: Array) -> Array:
    """What the network gives, without any program."""
    modes = [(m, m.training) for _, m in network.named_modules()]
    network.eval()
    try:
        with gd.no_grad():
            return network(x).numpy()
    finally:
        for module, mode in modes:
            module.training = mode


def assert_predicts(trainer: gd.Trainer, network: nn.Module) -> None:
    """Rows in several numbers, each twice: the long way and, if there is one, the short way."""
    for n in (1, 50, 7):
        expected = eager(network, X[:n])
        for _ in range(2):
            # float32, sums of 8 in another order.
            np.testing.assert_allclose(trainer.predict(X[:n]), expected, rtol=1e-5, atol=1e-6)


# ── What may change between two predictions ─────────────────────────────────────────────────────


class Bent(nn.Module):
    """y = f(factor · x): a function, a number and a list of modules among its fields."""

    def __init__(self) -> None:
        self.factor = 2.0
        self.function: Callable[[Any], Any] = ops.tanh
        self.inner: list[nn.Module] = [nn.Linear(8, 8)]

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        for module in self.inner:
            x = module(x)
        return self.function(x * self.factor)


def assign(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[0].weight.assign(net[0].weight.numpy() * 2)


def set_a_field(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[2].bias = [1.0, -2.0, 3.0]


def set_an_item(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[0].weight[0] = 5.0


def update_in_place(net: nn.Sequential, trainer: gd.Trainer) -> None:
    with gd.no_grad():
        net[0].weight *= 3.0


def fit(net: nn.Sequential, trainer: gd.Trainer) -> None:
    trainer.fit(X, LABELS, epochs=1, progress=False)


def fit_by_another(net: nn.Sequential, trainer: gd.Trainer) -> None:
    other = gd.Trainer(net, losses.cross_entropy, optim.SGD(0.5))
    other.fit(X, LABELS, epochs=1, progress=False)


def restore(net: nn.Sequential, trainer: gd.Trainer) -> None:
    trainer.restore({n: -w for n, w in trainer.weights().items()})


def freeze(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[0].weight.requires_grad_(False)
    net[0].weight.assign(net[0].weight.numpy() + 1)


def freeze_and_fit(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[0].weight.requires_grad_(False)
    fit(net, trainer)


def change_a_number(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[1].factor = -0.5


def change_a_number_behind_its_back(net: nn.Sequential, trainer: gd.Trainer) -> None:
    vars(net[1])["factor"] = -0.5


def change_a_function(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[1].function = ops.sigmoid


def add_a_module_to_a_list(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[1].inner.append(nn.Linear(8, 8))


def replace_a_module_in_a_list(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[1].inner[0] = nn.Linear(8, 8)


def replace_a_layer(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net.layers = (nn.Linear(4, 8), *net.layers[1:])


def drop_a_layer(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net.layers = (net[0], net[2])


def replace_a_tensor(net: nn.Sequential, trainer: gd.Trainer) -> None:
    weight = gd.tensor(np.ones((8, 4), np.float32), requires_grad=True)
    object.__setattr__(net[0], "weight", weight)


def become_another_class(net: nn.Sequential, trainer: gd.Trainer) -> None:
    class Straight(Bent):
        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return x

    net[1].__class__ = Straight


def switch_modes(net: nn.Sequential, trainer: gd.Trainer) -> None:
    net[0].train(False)
    assign(net, trainer)


CHANGES = [
    assign, set_a_field, set_an_item, update_in_place, fit, fit_by_another, restore, freeze,
    freeze_and_fit, change_a_number, change_a_number_behind_its_back, change_a_function,
    add_a_module_to_a_list, replace_a_module_in_a_list, replace_a_layer, drop_a_layer,
    replace_a_tensor, become_another_class, switch_modes,
]  # fmt: skip


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_prediction_follows(change: Callable[[Any, Any], None], executor: str) -> None:
    net = perceptron(Bent())
    trainer = gd.Trainer(net, losses.cross_entropy, optim.SGD(0.5), executor=executor)
    assert_predicts(trainer, net)
    before = trainer.predict(X)
    change(net, trainer)
    assert_predicts(trainer, net)
    assert not np.allclose(trainer.predict(X), before, atol=1e-4), "the change shows"


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_prediction_follows_the_statistics_of_batches(executor: str) -> None:
    net = perceptron(nn.BatchNorm(8), nn.ReLU())
    trainer = gd.Trainer(net, losses.cross_entropy, optim.SGD(0.1), executor=executor)
    assert_predicts(trainer, net)
    before = trainer.predict(X)
    net(X)  # in training mode: only the statistics change
    assert_predicts(trainer, net)
    assert not np.allclose(trainer.predict(X), before, atol=1e-4)
    trainer.fit(X, LABELS, epochs=2, progress=False)
    assert_predicts(trainer, net)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_loaded_network_predicts_as_the_saved_one(executor: str, tmp_path: Path) -> None:
    net = perceptron(nn.BatchNorm(8))
    trainer = gd.Trainer(net, losses.cross_entropy, executor=executor)
    trainer.fit(X, LABELS, epochs=1, progress=False)
    net.save(tmp_path / "net.safetensors")
    loaded = gd.load(tmp_path / "net.safetensors")
    assert isinstance(loaded, nn.Module)
    again = gd.Trainer(loaded, losses.cross_entropy, executor=executor)
    assert again.predict(X).tobytes() == trainer.predict(X).tobytes()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_trainers_that_share_a_network_all_see_what_one_does(executor: str) -> None:
    net = perceptron()
    trainers = [gd.Trainer(net, losses.cross_entropy, executor=executor) for _ in range(2)]
    for trainer in trainers:
        trainer.predict(X)
        trainer.fit(X, LABELS, epochs=1, progress=False)
        for each in trainers:
            assert_predicts(each, net)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_tensor_from_outside_is_followed_too(executor: str) -> None:
    class Scaled(nn.Module):
        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return x * scale

    scale = gd.tensor(2.0)
    net = perceptron(Scaled())
    trainer = gd.Trainer(net, losses.cross_entropy, executor=executor)
    assert_predicts(trainer, net)
    scale.assign(-3.0)
    assert_predicts(trainer, net)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_modules_that_name_their_children_themselves_are_asked_each_time(executor: str) -> None:
    class Table(nn.Module):
        def __init__(self) -> None:
            self.layers = {"first": nn.Linear(4, 8), "last": nn.Linear(8, 3)}

        def children(self) -> Any:
            return iter(self.layers.items())

        def forward(self, x: gd.Tensor) -> gd.Tensor:
            for layer in self.layers.values():
                x = layer(x)
            return x

    net = Table()
    trainer = gd.Trainer(net, losses.cross_entropy, executor=executor)
    assert_predicts(trainer, net)
    net.layers["last"] = nn.Linear(8, 3)
    assert_predicts(trainer, net)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_network_that_looks_across_its_rows_sees_those_it_is_given(executor: str) -> None:
    class Centred(nn.Module):
        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return x - x.mean(axis=0)

    net = perceptron(Centred())
    assert_predicts(gd.Trainer(net, losses.cross_entropy, executor=executor), net)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_other_weights_in_between_leave_no_trace(executor: str) -> None:
    """As when a training looks at what it began with, after an explosion."""
    net = perceptron()
    trainer = gd.Trainer(net, losses.cross_entropy, executor=executor)
    expected = trainer.predict(X)
    others = {n: w + 1 for n, w in trainer.weights().items()}
    found = trainer._engine.forward(X, weights=others)["prediction"]
    assert not np.allclose(found, expected)
    assert trainer.predict(X).tobytes() == expected.tobytes()


# ── Planning ────────────────────────────────────────────────────────────────────────────────────


class Counting(Executor):
    """An executor, and how often it was asked for a program."""

    name = "counting"

    def __init__(self, executor: str) -> None:
        self.executor, self.prepared = executor_named(executor), 0

    def prepare(self, graph: Graph) -> Program:
        self.prepared += 1
        return self.executor.prepare(graph)

    def prepare_rows(self, trace: Any, rows: Any) -> Any:
        def counted(n: int) -> Any:
            self.prepared += 1
            return trace(n)

        return self.executor.prepare_rows(counted, rows)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_varying_numbers_of_rows_do_not_plan_anew(executor: str) -> None:
    counting = Counting(executor)
    trainer = gd.Trainer(perceptron(), losses.cross_entropy, executor=counting)
    many = RNG.normal(size=(900, 4)).astype(np.float32)
    for n in range(1, 900, 13):
        trainer.predict(many[:n])
        trainer.evaluate(many[:n], np.zeros(n, np.int64))
    assert counting.prepared <= 2 * 11, "sizes of batches up to 1024, with targets and without"
    before = counting.prepared
    for n in (5, 77, 899):
        trainer.predict(many[:n])
    trainer.fit(X, LABELS, epochs=1, progress=False)
    trainer.predict(many[:111])
    assert counting.prepared <= before + 2, "the programs of training alone"


def test_settings_that_alternate_do_not_plan_anew_and_many_are_not_kept_for_ever() -> None:
    counting = Counting("reference")
    net = perceptron(nn.LeakyReLU(0.1))
    trainer = gd.Trainer(net, losses.cross_entropy, executor=counting)
    for slope in (0.1, 0.2, 0.1, 0.2):
        net[1].negative_slope = slope
        assert_predicts(trainer, net)
    alternating = counting.prepared
    for slope in (0.1, 0.2):
        net[1].negative_slope = slope
        trainer.predict(X)
    assert counting.prepared == alternating
    for slope in np.linspace(1, 2, 20):
        net[1].negative_slope = float(slope)
        trainer.predict(X[:1])
    assert trainer._engine._rows.cache_info().currsize <= 8


@native
def test_there_is_a_short_way_after_the_first_prediction() -> None:
    trainer = gd.Trainer(perceptron(), losses.cross_entropy, executor="native")
    assert trainer._engine.shortcut(X[:1]) is None
    expected = trainer.predict(X[:1])
    assert trainer._engine.shortcut(X[:1]).tobytes() == expected.tobytes()
    assert trainer._engine.shortcut(X[:5]) is None, "this number of rows is not planned yet"
    trainer.predict(X[:5])
    assert trainer._engine.shortcut(X[:5]) is not None


@native
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(X.astype(np.float64), id="another dtype"),
        pytest.param(np.asfortranarray(X), id="columns"),
        pytest.param(X[::2], id="every second row"),
        pytest.param(X.tolist(), id="lists"),
        pytest.param(X.view(np.recarray), id="another class"),
        pytest.param(X.astype(">f4"), id="other byte order"),
        pytest.param(gd.tensor(X), id="a tensor"),
    ],
)
def test_whatever_does_not_fit_the_short_way_goes_the_long_way(other: Any) -> None:
    trainer = gd.Trainer(perceptron(), losses.cross_entropy, executor="native")
    expected = trainer.predict(X)
    found = trainer.predict(other)
    step = 2 if len(found) < len(expected) else 1
    assert found.tobytes() == np.ascontiguousarray(expected[::step]).tobytes()
    assert type(found) is np.ndarray


# ── Inputs that do not fit, the first time and later ────────────────────────────────────────────


def spoilt(value: float, place: tuple[int, int]) -> Array:
    x = X.copy()
    x[place] = value
    return x


MISFITS: dict[str, tuple[Any, type[GradusError], str]] = {
    "nan": (spoilt(np.nan, (0, 0)), DataError, "row 0, column 0"),
    "nan at the end": (spoilt(np.nan, (49, 3)), DataError, "row 49, column 3"),
    "infinity": (spoilt(-np.inf, (33, 1)), DataError, "received -inf in row 33, column 1"),
    "too wide": (np.ones((3, 5), np.float32), ShapeError, "an input of shape .3, 5."),
    "one row alone": (X[0], ShapeError, "a row an example"),
    "no rows": (X[:0], DataError, "at least one row"),
    "text": ([["a"] * 4], DtypeError, "inputs are numbers"),
    "too large": (np.full((1, 4), 1e300), DataError, "finite numbers of float32"),
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("misfit", MISFITS)
def test_misfits_are_refused_the_first_time_and_later(misfit: str, executor: str) -> None:
    x, error, text = MISFITS[misfit]
    trainer = gd.Trainer(perceptron(), losses.cross_entropy, executor=executor)
    messages = []
    for _ in range(2):
        with pytest.raises(error, match=text) as raised:
            trainer.predict(x)
        messages.append(str(raised.value))
        trainer.predict(X)  # later, and after that
        trainer.predict(X)
    assert messages[0] == messages[1]


@native
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_at_the_ends_of_the_range_are_finite(dtype: str) -> None:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3, dtype=dtype), nn.Tanh())
    trainer = gd.Trainer(net, losses.squared_error, executor="native")
    ends = np.finfo(dtype)
    x = np.array([[ends.max, -ends.max, ends.tiny, -0.0]], dtype)
    trainer.predict(x)
    assert trainer._engine.shortcut(x) is not None
    for value in (np.nan, -np.nan, np.inf, -np.inf):
        for column in range(4):
            broken = np.zeros((1, 4), dtype)
            broken[0, column] = value
            assert trainer._engine.shortcut(broken) is None


def test_threads_of_numpy_are_limited_where_numpy_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[int] = []

    def noting(self: gd.Trainer) -> Any:
        limits.append(1)
        return original(self)

    original = gd.Trainer._thread_limit
    monkeypatch.setattr(gd.Trainer, "_thread_limit", noting)
    for executor in EXECUTORS:
        limits.clear()
        trainer = gd.Trainer(perceptron(), losses.cross_entropy, threads=1, executor=executor)
        trainer.predict(X)
        assert bool(limits) == (executor == "reference")
