"""Training that breaks down: the step, the first layer at fault, and the last good weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.errors import DivergenceError
from gradus.train import Callback, EarlyStopping
from gradus.types import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = X @ RNG.normal(size=(3, 2))
GOOD, BAD = 24, 8


def network(*extra: nn.Module, act: nn.Module | None = None) -> nn.Sequential:
    gd.manual_seed(0)
    layers = [
        nn.Linear(3, 5, dtype="float64"),
        act or nn.Tanh(),
        *extra,
        nn.Linear(5, 2, dtype="float64"),
    ]
    return nn.Sequential(*layers)


def weights(net: nn.Module) -> dict[str, Array]:
    named = {**net.named_parameters(), **net.named_buffers()}
    return {n: t.numpy().copy() for n, t in named.items()}


def fit(net: nn.Module, **options: Any) -> tuple[gd.Trainer, DivergenceError]:
    """Train until it breaks down."""
    loss = options.pop("loss", losses.squared_error)
    rule = options.pop("optimizer", optim.SGD(0.05))
    trainer = gd.Trainer(net, loss, rule, **options.pop("trainer", {}))
    options = {"epochs": 50, "batch_size": 4, "shuffle": False, "progress": False, **options}
    with pytest.raises(DivergenceError) as caught:
        trainer.fit(options.pop("x", X), options.pop("y", Y), **options)
    return trainer, caught.value


class Fault(nn.Module):
    """Passes its input on until a number above a limit comes; then the output breaks."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return ops.where(x > self.limit, float("nan"), x)


def broken_row(place: int, value: float = 100.0) -> Array:
    x = X.copy()
    x[place, 0] = value
    return x


def test_the_error_names_the_step_the_layer_and_the_remedy() -> None:
    net = nn.Sequential(Fault(50.0), *network())
    _, error = fit(net, x=broken_row(13))
    assert "at step 4" in str(error), "rows 12 to 15 are the fourth batch of four"
    assert "the output of layer 0 (Fault) is not finite" in str(error)
    assert "lower the learning rate" in str(error)
    assert "last good weights" in str(error)


@pytest.mark.parametrize("place", [0, 3, 4, 13, 20, 23])
@pytest.mark.parametrize("batch_size", [4, 5, 24])
def test_the_last_good_weights_are_those_of_a_run_that_ended_a_step_earlier(
    place: int, batch_size: int
) -> None:
    x = broken_row(place)
    net = nn.Sequential(Fault(50.0), nn.BatchNorm(3, dtype="float64"), *network())
    start = weights(net)
    trainer, error = fit(net, x=x, batch_size=batch_size, optimizer=optim.Adam(0.01))
    steps = place // batch_size
    assert f"at step {steps + 1}" in str(error)
    if steps == 0:
        expected = start
    else:
        short = nn.Sequential(Fault(50.0), nn.BatchNorm(3, dtype="float64"), *network())
        rows = slice(0, steps * batch_size)
        gd.Trainer(short, losses.squared_error, optim.Adam(0.01)).fit(
            x[rows], Y[rows], epochs=1, batch_size=batch_size, shuffle=False, progress=False
        )
        expected = weights(short)
    for name, w in weights(net).items():
        assert w.tobytes() == expected[name].tobytes(), name
    assert np.isfinite(trainer.predict(X)).all()


def test_the_history_up_to_there_is_kept_and_says_why_it_ended() -> None:
    net = network()
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(0.05))
    trainer.fit(X, Y, epochs=3, progress=False)
    with pytest.raises(DivergenceError):
        trainer.fit(X, Y * 1e200, epochs=3, progress=False)
    assert trainer.history["epoch"].tolist() == [1, 2, 3]
    assert "left the finite numbers at step 4" in trainer.history.stop_reason


FAULTS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], str]] = {
    "a layer in the middle": (
        lambda: network(Fault(0.5)),
        {},
        r"layer 2 \(Fault\)",
    ),
    "a layer that overflows": (
        lambda: nn.Sequential(*network(), nn.Linear(2, 2, dtype="float64")),
        {"optimizer": optim.SGD(1e200)},
        r"the output of layer \d \(Linear\) is not finite",
    ),
    "the loss": (
        lambda: network(),
        {"loss": lambda p, t: ops.sum(ops.log(p - 1e6), axis=1)},
        "the loss is not finite although every layer's output is",
    ),
    "a gradient": (
        lambda: network(),
        {"loss": lambda p, t: ops.sum(ops.sqrt(p - p), axis=1)},
        r"the gradient of 2\.bias is not finite",
    ),
    "the update": (
        lambda: network(),
        {"optimizer": optim.SGD(1e308), "y": Y * 1e10},
        "the update itself overflows",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_says_that_the_fault_is(fault: str) -> None:
    make, options, message = FAULTS[fault]
    net = make()
    _, error = fit(net, **options)
    with pytest.raises(DivergenceError, match=message):
        raise error
    assert all(np.isfinite(w).all() for w in weights(net).values())


def test_too_high_a_rate_is_found_where_the_loss_is_still_finite() -> None:
    net = nn.Sequential(nn.Linear(3, 2, dtype="float64"))
    trainer, error = fit(net, optimizer=optim.SGD(1e3))
    assert int(str(error).partition("at step ")[2].partition(";")[0]) > 10
    assert all(np.isfinite(w).all() for w in weights(net).values())
    assert trainer.predict(X).shape == (24, 2)


def test_a_layer_that_stands_in_two_places_is_named_by_its_first() -> None:
    act = Fault(-1e9)
    _, error = fit(nn.Sequential(nn.Linear(3, 3, dtype="float64"), act, *network(act)))
    assert "layer 1 (Fault)" in str(error)
    assert "forward" not in vars(act)


def test_a_network_without_layers_is_named_by_its_class() -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            self.w = gd.tensor(np.zeros((3, 2)), requires_grad=True)

        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return x @ self.w / 0.0

    _, error = fit(Root())
    assert "the output of layer Root is not finite" in str(error)


def test_a_forward_of_the_objects_own_is_put_back() -> None:
    act = nn.Tanh()

    def mine(x: gd.Tensor) -> gd.Tensor:
        return x / 0.0

    object.__setattr__(act, "forward", mine)
    fit(network(act=act))
    assert act.forward is mine


def test_the_step_is_looked_at_with_the_mask_that_it_drew() -> None:
    """The fault appears only where dropout keeps the large number."""
    kept = 0
    for seed in range(8):
        net = nn.Sequential(nn.Dropout(0.5), Fault(50.0), *network())
        _, error = fit(net, x=broken_row(0), batch_size=24, trainer={"seed": seed})
        assert "layer 1 (Fault)" in str(error)
        kept += "at step 1;" in str(error)
    assert 0 < kept < 8


def test_early_stopping_still_restores_the_best_weights() -> None:
    seen: list[dict[str, Array]] = []

    class Break(Callback):
        def on_epoch_end(self, trainer: gd.Trainer, row: dict[str, Any]) -> None:
            seen.append(weights(trainer.network))
            if row["epoch"] == 2:
                net[2].weight = np.full((2, 5), 1e300)

    net = network()
    trainer, _ = fit(net, callbacks=[EarlyStopping("loss"), Break()])
    assert trainer.history.best_epoch == 2
    assert all(np.array_equal(w, seen[1][n]) for n, w in weights(net).items())


def test_a_numpy_error_state_of_the_caller_is_not_met() -> None:
    with np.errstate(all="raise"):
        fit(network(), optimizer=optim.SGD(1e200))
