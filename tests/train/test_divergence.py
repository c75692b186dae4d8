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
from gradus.train.divergence import explosion
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


def test_the_step_is_found_among_rows_that_others_were_left_out_of() -> None:
    net = nn.Sequential(Fault(50.0), *network())
    weight = np.where(np.arange(24) < 8, 0.0, 1.0)
    _, error = fit(net, x=broken_row(13), sample_weight=weight)
    assert "at step 2" in str(error), "rows 12 to 15 are the second batch of those that count"
    assert "the output of layer 0 (Fault) is not finite" in str(error)


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


# ── Losses that explode and stay finite ─────────────────────────────────────────────────────────


class Keep(Callback):
    """Weights before the first step and after each epoch."""

    def on_fit_begin(self, trainer: gd.Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.seen = [weights(trainer.network)]

    def on_epoch_end(self, trainer: gd.Trainer, row: dict[str, Any]) -> None:
        self.seen.append(weights(trainer.network))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_exploding_loss_ends_training_with_the_weights_before_that_epoch(
    reduction: str, weighted: bool
) -> None:
    gd.manual_seed(0)
    net, keep = nn.Sequential(nn.Linear(3, 2, dtype="float64")), Keep()
    rate = 0.9 if reduction == "mean" else 0.9 / 4 / (2 if weighted else 1)
    trainer, error = fit(
        net,
        optimizer=optim.SGD(rate),
        trainer={"reduction": reduction},
        callbacks=[keep],
        sample_weight=np.linspace(1, 3, 24) if weighted else None,
    )
    epoch = len(trainer.history) + 1
    assert epoch > 2, "some epochs were not yet absurd"
    assert f"the loss exploded in epoch {epoch}, by step {6 * epoch}" in str(error)
    assert "the largest gradient is that of 0.weight" in str(error)
    assert "lower the learning rate" in str(error)
    assert trainer.history.stop_reason == error.rule
    for name, w in weights(net).items():
        assert w.tobytes() == keep.seen[-1][name].tobytes()
    assert trainer.history["loss"].max() <= 1e6 * trainer.history["loss"][0]


def test_a_loss_that_jumps_and_stays_there_is_found_in_the_first_epoch() -> None:
    net, keep = network(), Keep()
    trainer, error = fit(net, optimizer=optim.Adam(1e9), epochs=1, callbacks=[keep])
    assert "exploded in epoch 1" in str(error)
    assert len(trainer.history) == 0
    assert all(np.array_equal(w, keep.seen[0][n]) for n, w in weights(net).items())


def test_after_an_explosion_training_goes_on_as_if_that_epoch_had_not_been() -> None:
    after, before = network(), network()
    for net in (after, before):
        trainer = gd.Trainer(net, losses.squared_error, optim.Adam(0.01))
        trainer.fit(X, Y, epochs=2, progress=False)
        if net is after:
            with pytest.raises(DivergenceError, match="exploded"):
                trainer.fit(X, Y * 1e4, epochs=1, progress=False, callbacks=[Push()])
        trainer.fit(X, Y, epochs=2, progress=False)
    assert all(w.tobytes() == weights(before)[n].tobytes() for n, w in weights(after).items())


class Push(Callback):
    """Sets weights that are far too large before the first step, and takes them back."""

    def on_fit_begin(self, trainer: gd.Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.before = trainer.weights()
        trainer.network[2].weight = np.full((2, 5), 1e12)  # type: ignore[index]

    def on_fit_end(self, trainer: gd.Trainer) -> None:
        trainer.restore(self.before)


def test_an_explosion_without_gradients_to_look_at_is_told_too() -> None:
    row = {"epoch": 2, "steps": 9, "loss": 3e9, "gradient_norms": {}}
    assert "a loss of 3e+09 where 2.5 is the size to begin with." in str(explosion(row, 2.5))


HEALTHY: dict[str, tuple[Array, Array, dict[str, Any]]] = {
    "targets in a large unit": (X, Y * 1e8, {"optimizer": optim.SGD(1e-3)}),
    "inputs that nobody scaled": (X * 1e6, Y, {"optimizer": optim.Adam(1e-2)}),
    "a row far from all others": (broken_row(23, 1e7), Y, {"optimizer": optim.Adam(1e-3)}),
    "a first row that costs nothing": (
        np.vstack([np.zeros((1, 3)), X]),
        np.vstack([np.zeros((1, 2)), Y * 1e6]),
        {"optimizer": optim.Adam(1e-3), "batch_size": 1},
    ),
    "targets of zero": (X, np.zeros_like(Y), {"optimizer": optim.Adam(1.0)}),
}


@pytest.mark.parametrize("case", HEALTHY)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_no_explosion_is_seen_in(case: str, reduction: str) -> None:
    x, y, options = HEALTHY[case]
    net = nn.Sequential(nn.Linear(3, 2, dtype="float64"))
    trainer = gd.Trainer(net, losses.squared_error, options["optimizer"], reduction=reduction)
    size = options.get("batch_size", 4)
    trainer.fit(x, y, epochs=4, batch_size=size, shuffle=False, progress=False)
    assert len(trainer.history) == 4


def test_no_explosion_is_seen_where_training_goes_on_from_a_perfect_fit() -> None:
    net = nn.Sequential(nn.Linear(3, 2, bias=False, dtype="float64"))
    theta = np.linalg.lstsq(X, Y * 1e6, rcond=None)[0]
    net[0].weight = theta.T
    trainer = gd.Trainer(net, losses.squared_error, optim.Adam(1e3))
    history = trainer.fit(X, Y * 1e6, epochs=3, progress=False)
    assert history["loss"].max() > 1e6, "a bounce that is small beside targets of 10⁶"


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


def test_a_breakdown_that_does_not_come_again_is_told_as_such() -> None:
    scale = gd.tensor(np.inf, dtype="float64")

    class Heal(Callback):
        def on_step(self, trainer: gd.Trainer, step: int) -> None:
            scale.assign(1.0)

    trainer = gd.Trainer(network(), lambda p, y: losses.squared_error(p, y) * scale)
    with pytest.raises(DivergenceError, match="give finite ones when they are repeated"):
        trainer.fit(X, Y, callbacks=[Heal()], progress=False)


def test_an_explosion_after_a_callback_has_frozen_weights_is_told_and_taken_back() -> None:
    class Freeze(Callback):
        def on_step(self, trainer: gd.Trainer, step: int) -> None:
            trainer.network.parameters()[0].requires_grad_(False)

    net = network()
    before = weights(net)
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(1e5))
    with pytest.raises(DivergenceError):
        trainer.fit(X * 1e-2, Y, batch_size=GOOD, epochs=3, callbacks=[Freeze()], progress=False)
    assert all(np.isfinite(a).all() for a in weights(net).values())
    assert before.keys() == weights(net).keys()
