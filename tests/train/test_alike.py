"""Networks that are alike are traced once, and others never share what was traced."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.estimators import MLPClassifier, MLPRegressor
from gradus.tensor import Tensor
from gradus.train import L2Penalty, traced
from gradus.train.alike import likeness

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What has been traced, by kind; nothing is remembered from other tests."""
    seen: list[str] = []

    def counted(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def tracing(*arguments: Any) -> Any:
            seen.append(kind)
            return function(*arguments)

        return tracing

    monkeypatch.setattr(traced, "training_graph", counted("step", traced.training_graph))
    monkeypatch.setattr(traced, "evaluation_graph", counted("rows", traced.evaluation_graph))
    traced._found.clear()
    yield seen
    traced._found.clear()


def network(width: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 2))


def fit(net: nn.Module, loss: Any = losses.cross_entropy, **options: Any) -> gd.Trainer:
    trainer = gd.Trainer(net, loss, **options)
    trainer.fit(X, Y, epochs=2, batch_size=20, progress=False)
    return trainer


# ── Once for all that are alike ─────────────────────────────────────────────────────────────────


def test_a_second_network_of_the_same_structure_is_not_traced_again(traces: list[str]) -> None:
    fit(network()).predict(X)
    first = list(traces)
    fit(network()).predict(X)
    assert "step" in first
    assert traces == first


@pytest.mark.parametrize("executor", ["auto", "reference"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("preset", ["classic", "default", "strong", "ensemble"])
def test_what_is_remembered_gives_the_same_bits(
    kind: type, preset: str, executor: str, traces: list[str]
) -> None:
    def fitted(seed: int) -> Any:
        made = kind((8,), preset=preset, max_iter=3, random_state=seed, executor=executor)
        return made.fit(X, Y).predict(X).tobytes()

    alone = fitted(1)
    traced._found.clear()
    fitted(0)
    traces.clear()
    assert fitted(1) == alone
    if preset in ("classic", "strong") and kind is MLPClassifier:
        assert not traces, "there was nothing new to trace"


def test_nothing_that_is_remembered_holds_a_network(traces: list[str]) -> None:
    net = network()
    fit(net)
    seen = weakref.ref(net)
    assert traced._found
    del net
    gc.collect()
    assert seen() is None


def test_a_trainer_goes_with_its_last_name() -> None:
    trainer = fit(network())
    seen = weakref.ref(trainer._engine)
    gc.disable()
    try:
        del trainer
        assert seen() is None, "without waiting for a collection"
    finally:
        gc.enable()


def test_what_is_remembered_is_bounded(traces: list[str]) -> None:
    for width in range(1, traced._REMEMBERED + 8):
        gd.Trainer(network(width), losses.cross_entropy).predict(X[:1])
    assert len(traced._found) == traced._REMEMBERED


# ── Never for what differs ──────────────────────────────────────────────────────────────────────


def tied() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    vars(net[1])["weight"] = net[0].weight
    return net


def frozen() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[0].weight.requires_grad_(False)
    return net


class Own(nn.Module):
    def __init__(self) -> None:
        self.weight = gd.tensor(np.ones(3, np.float32), requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


DIFFERENT: dict[str, Any] = {
    "a network": lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)),
    "of another width": lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3)),
    "of another dtype": lambda: nn.Sequential(nn.Linear(3, 3, dtype="float64"), nn.Linear(3, 3)),
    "with a shared weight": tied,
    "with a frozen weight": frozen,
    "without a bias": lambda: nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3)),
    "with dropout": lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 3)),
    "with more dropout": lambda: nn.Sequential(nn.Dropout(0.6), nn.Linear(3, 3)),
    "0.0": lambda: 0.0,
    "-0.0": lambda: -0.0,
    "0": lambda: 0,
    "a loss": lambda: losses.cross_entropy,
    "another loss": lambda: losses.max_margin,
    "with an option": lambda: partial(losses.cross_entropy, label_smoothing=0.1),
    "with more of it": lambda: partial(losses.cross_entropy, label_smoothing=0.2),
    "a rule": lambda: optim.Adam(1e-3),
    "at another rate": lambda: optim.Adam(1e-2),
    "with a group": lambda: optim.Adam(1e-3, groups={"*.bias": {"lr": 1e-2}}),
    "another rule": lambda: optim.SGD(1e-3),
    "a penalty": lambda: L2Penalty(1e-4),
    "a larger one": lambda: L2Penalty(1e-3),
    "an operation": lambda: ops.tanh,
}


def test_things_that_differ_have_different_values() -> None:
    found = {name: likeness(make()) for name, make in DIFFERENT.items()}
    assert None not in found.values()
    assert len(set(found.values())) == len(found)
    assert found == {name: likeness(make()) for name, make in DIFFERENT.items()}


UNKNOWN: dict[str, Any] = {
    "a module": Own(),
    "a network with it": nn.Sequential(Own()),
    "a function": network,
    "a function without a name": lambda p, y: p,
    "a function without a file": eval("lambda p, y: p", {}),
    "a function with an option": partial(network, width=3),
    "an array": np.ones(2),
    "a tensor": gd.tensor([1.0]),
    "a method": L2Penalty(0.1).__call__,
    "an object": {1: object()},
}


@pytest.mark.parametrize("thing", UNKNOWN.values(), ids=UNKNOWN)
def test_of_what_users_write_nothing_is_known(thing: Any) -> None:
    assert likeness(thing) is None


def test_a_replaced_method_is_noticed() -> None:
    net = network()
    object.__setattr__(net, "forward", lambda x: x)
    assert likeness(net) is None


SLOPE = 1.0


def scaled(prediction: Tensor, target: Tensor) -> Tensor:
    return SLOPE * losses.cross_entropy(prediction, target)


def test_a_loss_that_reads_a_global_is_traced_for_each_trainer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for slope in (1.0, 2.0):
        monkeypatch.setitem(globals(), "SLOPE", slope)
        found.append(fit(network(), scaled, optimizer=optim.SGD(1e-9)).history["loss"][0])
    assert np.isclose(found[1] / found[0], 2.0, rtol=0.5)
