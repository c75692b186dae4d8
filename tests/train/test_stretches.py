"""Short epochs are taken several in a call, and nobody can tell by what comes of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, optim
from gradus.errors import DivergenceError
from gradus.train import Callback, Convergence, EarlyStopping, L2Penalty, NoImprovement, Trainer
from gradus.train.engine import Engine
from gradus.train.history import History
from gradus.types import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(53, 4)).astype("float32")
Y = (X @ [1, -2, 0.5, 0] + 0.3 * RNG.normal(size=53)).astype("float32")
WEIGHT = RNG.integers(0, 3, size=53).astype("float32")
Made = Callable[[], Trainer]


class Looks(Callback):
    """Wants to see the weights after each epoch, so that each is taken by itself."""

    def __init__(self) -> None:
        self.seen: list[Array] = []

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        self.seen.append(trainer.network.parameters()[0].numpy())


class Rows(Callback):
    """Is content with the rows, and does something at one of them."""

    rows_only = True

    def __init__(self, epoch: int = 0, do: Callable[[Trainer], None] = lambda _: None) -> None:
        self.epoch, self.do = epoch, do
        self.told: list[int] = []

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        self.told.append(row["epoch"])
        if row["epoch"] == self.epoch:
            self.do(trainer)


def network(*between: nn.Module) -> nn.Module:
    gd.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), *between, nn.Linear(8, 1))


def dropping() -> Trainer:
    return Trainer(network(nn.Dropout(0.3)), losses.squared_error, optim.Adam(0.01), seed=3)


def scheduled() -> Trainer:
    rule = optim.SGD(0.05, momentum=0.9, schedule=optim.Cosine())
    return Trainer(network(), losses.squared_error, rule, penalty=L2Penalty(0.01))


def normalised() -> Trainer:
    return Trainer(network(nn.BatchNorm(8)), losses.huber, optim.AdamW(0.01))


def on_numpy() -> Trainer:
    return Trainer(network(), losses.squared_error, optim.Adam(0.01), executor="reference")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Epochs of each call of the engine, in stretches as long as they may be."""
    monkeypatch.setattr("gradus.train.stretches._SEEN", 1e9)
    train, found = Engine.train, []

    def noted(engine: Engine, start: Any, rows: Any, portions: Any, stop: Any) -> Any:
        found.append(len(portions[0].batches))
        return train(engine, start, rows, portions, stop)

    monkeypatch.setattr(Engine, "train", noted)
    return found


def fit(trainer: Trainer, *hooks: Callback, **options: Any) -> History:
    given = {"epochs": 13, "batch_size": 20, "progress": False, **options}
    return trainer.fit(X, Y, callbacks=hooks, **given)


def same(one: Trainer, other: Trainer) -> bool:
    """Whether all that training leaves is the same to the bit, but for the times."""
    ours, theirs = one._engine.position(), other._engine.position()
    for a, b in zip(one.history.rows, other.history.rows, strict=True):
        assert list(a) == list(b)
        assert {**a, "seconds": 0} == {**b, "seconds": 0}
    assert ours.step == theirs.step
    return all(np.array_equal(a, theirs.carry[n]) for n, a in ours.carry.items())


@pytest.mark.parametrize("made", [dropping, scheduled, normalised, on_numpy])
@pytest.mark.parametrize(
    "options",
    [{}, {"sample_weight": WEIGHT}, {"shuffle": False}, {"batch_size": 64}, {"batch_size": 25}],
    ids=["plain", "weights", "no shuffling", "one batch", "three rows are left"],
)
def test_stretches_give_the_bits_of_epochs_taken_one_by_one(
    made: Made, options: dict[str, Any], calls: list[int]
) -> None:
    one, other = made(), made()
    looks = Looks()
    fit(one, looks, **options)
    assert calls == [1] * 13
    calls.clear()
    fit(other, Rows(), **options)
    assert calls == [1, 1, 2, 4, 5]
    assert same(one, other)
    fit(one, looks)
    fit(other)
    assert same(one, other), "a further fit goes on from there"
    assert len(looks.seen) == 26


class Clock(Rows):
    """Notes the time when it is told of an epoch."""

    rows_only = True

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.began, self.times = time.perf_counter(), [0.0]

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        self.times.append(time.perf_counter() - self.began)


def test_times_rise_from_epoch_to_epoch_and_are_those_since_the_start(calls: list[int]) -> None:
    clock = Clock()
    seconds = fit(dropping(), clock)["seconds"]
    assert np.all(np.diff(seconds) > 0)
    assert max(calls) > 1
    at = 0
    for count in calls:  # the last of a call has ended after the last before was told of
        at += count
        assert clock.times[at - count] < seconds[at - 1]


def test_hooks_of_a_class_that_says_nothing_are_taken_to_look(calls: list[int]) -> None:
    class Notes(Convergence):
        def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
            super().on_epoch_end(trainer, row)

    class Steps(NoImprovement):
        def on_step(self, trainer: Trainer, step: int) -> None:
            if step == 17:
                trainer.stop("at step 17")

    class Silent(Callback):
        def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
            """Looks at the beginning only."""

    fit(dropping(), Notes(loss_change=1e-9))
    assert calls == [1] * 13
    calls.clear()
    history = fit(on_numpy(), Steps("loss"))
    assert calls == [1] * 6, "the epoch of step 17 is the last"
    assert history.stop_reason == "at step 17"
    calls.clear()
    fit(dropping(), Silent(), EarlyStopping("loss", restore=False))
    assert max(calls) > 1


def test_where_taking_back_breaks_off_the_training_stays_at_the_end_of_the_stretch(
    monkeypatch: pytest.MonkeyPatch, calls: list[int]
) -> None:
    trainer, other = dropping(), dropping()
    hook = Rows(6, lambda trainer: trainer.stop("enough"))
    train, taken = Engine.train, []

    def breaks(engine: Engine, start: Any, rows: Any, portions: Any, stop: Any) -> Any:
        taken.append(len(portions[0].batches))
        if sum(taken) > 8:
            raise KeyboardInterrupt
        return train(engine, start, rows, portions, stop)

    monkeypatch.setattr(Engine, "train", breaks)
    with pytest.raises(KeyboardInterrupt):
        fit(trainer, hook)
    monkeypatch.setattr(Engine, "train", train)
    assert taken == [1, 1, 2, 4, 2], "two of four are taken again"
    assert len(trainer.history) == 6
    fit(other, epochs=8)
    for name, array in trainer.weights().items():
        assert np.array_equal(array, other.weights()[name])


@pytest.mark.parametrize("epoch", range(1, 14))
def test_who_ends_the_training_within_a_stretch_has_the_weights_of_that_epoch(
    epoch: int, calls: list[int]
) -> None:
    one, other = dropping(), dropping()
    fit(one, Looks(), epochs=epoch)
    hook = Rows(epoch, lambda trainer: trainer.stop("enough"))
    fit(other, hook)
    assert same(one, other)
    assert hook.told == list(range(1, epoch + 1))
    assert other.history.stop_reason == "enough"


@pytest.mark.parametrize("epoch", [1, 3, 6])
def test_an_error_of_a_hook_leaves_the_weights_of_its_epoch(epoch: int, calls: list[int]) -> None:
    def breaks(trainer: Trainer) -> None:
        raise OSError("disk full")

    one, other = dropping(), dropping()
    fit(one, Looks(), epochs=epoch)
    with pytest.raises(OSError, match="disk full"):
        fit(other, Rows(epoch, breaks))
    assert same(one, other)


@pytest.mark.parametrize(
    "stops",
    [lambda: NoImprovement("loss", 0.05, 2), lambda: Convergence(loss_change=0.05)],
    ids=["no improvement", "convergence"],
)
def test_rules_that_watch_the_loss_stop_at_the_same_epoch(
    stops: Callable[[], Callback], calls: list[int]
) -> None:
    one, other = scheduled(), scheduled()
    fit(one, stops(), Looks(), epochs=200)
    singly = len(calls)
    calls.clear()
    fit(other, stops(), epochs=200)
    assert same(one, other)
    assert one.history.stop_reason == other.history.stop_reason
    assert len(calls) < singly < 200


def test_who_keeps_weights_sees_those_of_each_epoch(calls: list[int]) -> None:
    fit(dropping(), EarlyStopping("loss"))
    assert calls == [1] * 13


@pytest.mark.parametrize(
    "options",
    [{"validation": 0.2}, {"validation": (X[:5], Y[:5])}],
    ids=["a share", "rows"],
)
def test_where_rows_are_watched_each_epoch_is_taken_by_itself(
    options: dict[str, Any], calls: list[int]
) -> None:
    fit(dropping(), **options)
    assert calls == [1] * 13


def test_a_schedule_that_goes_by_the_losses_sees_each(calls: list[int]) -> None:
    rule = optim.SGD(0.05, schedule=optim.Plateau(patience=1))
    fit(Trainer(network(), losses.squared_error, rule))
    assert calls == [1] * 13


class Jumps(optim.Schedule):
    """A rate that is absurd from some step on."""

    def __init__(self, at: int, factor: float) -> None:
        self.at, self.high = at, factor

    def factor(self, steps: Array, total: int, per_epoch: int) -> Array:
        return np.where(steps < self.at, 1.0, self.high)


@pytest.mark.parametrize(
    ("factor", "rule"),
    [(1e30, "training left the finite numbers"), (1e6, "the loss exploded")],
    ids=["not finite", "explodes"],
)
@pytest.mark.parametrize("at", [2, 19, 20, 21, 23])
def test_training_that_breaks_within_a_stretch_breaks_as_it_does_alone(
    at: int, factor: float, rule: str, calls: list[int]
) -> None:
    found = []
    for hook in (Looks(), Rows()):
        linear = nn.Sequential(nn.Linear(4, 1))
        trainer = Trainer(linear, losses.squared_error, optim.SGD(0.01, schedule=Jumps(at, factor)))
        linear[0].weight.assign(np.ones((1, 4), "float32"))
        linear[0].bias.assign(np.zeros(1, "float32"))
        with pytest.raises(DivergenceError, match=rule) as error:
            fit(trainer, hook)
        found.append((trainer, str(error.value)))
    (one, said), (other, again) = found
    assert said == again
    assert same(one, other)
    assert one.history.stop_reason == other.history.stop_reason


class Looking:
    """A hook from elsewhere."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """Look at the weights."""


class LookingCallback(Looking, Callback):
    """It comes to be one of gradus by its name alone."""


class LookingStop(EarlyStopping):
    """It looks at more than the rule it is made from."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        super().on_epoch_end(trainer, row)


class ContentStop(LookingStop):
    """It says that it looks at nothing else."""

    rows_only = True


def test_who_may_look_at_the_weights_is_not_content_with_rows() -> None:
    assert Callback().rows_only
    assert not LookingCallback().rows_only
    assert EarlyStopping("loss", restore=False).rows_only
    assert not EarlyStopping("loss", restore=True).rows_only
    assert not LookingStop("loss", restore=False).rows_only
    assert ContentStop("loss", restore=False).rows_only


class Interrupts(Callback):
    """Ctrl-C before a step."""

    rows_only = True

    def __init__(self, at: int) -> None:
        self.at = at

    def on_step(self, trainer: Trainer, step: int) -> None:
        if step == self.at:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_within_a_stretch_keeps_the_steps_that_were_taken(calls: list[int]) -> None:
    trainer = on_numpy()  # which asks before each step
    history = fit(trainer, Interrupts(17))  # in the midst of the sixth epoch, the stretch is 5 to 8
    assert calls == [1, 1, 2, 4]
    assert [row["steps"] for row in history.rows] == [3, 6, 9, 12, 15, 17]
    assert "SIGINT" in history.stop_reason
    assert history.rows[-1]["seconds"] > history.rows[-2]["seconds"]


def test_ctrl_c_after_training_broke_within_a_stretch_says_how_it_broke(calls: list[int]) -> None:
    linear = nn.Sequential(nn.Linear(4, 1))
    rule = optim.SGD(0.01, schedule=Jumps(16, 1e6))  # in the sixth epoch
    trainer = Trainer(linear, losses.squared_error, rule, executor="reference")
    with pytest.raises(DivergenceError, match="the loss exploded in epoch 6"):
        fit(trainer, Interrupts(19))
    assert len(trainer.history) == 5


@pytest.mark.parametrize("executor", ["reference", "native"])
def test_ctrl_c_while_the_last_epoch_is_told_of_ends_nothing(
    executor: str, calls: list[int]
) -> None:
    class Late(Looks):
        def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
            if row["epoch"] in (3, 5):
                signal.raise_signal(signal.SIGINT)

    trainer = Trainer(network(), losses.squared_error, executor=executor)
    assert fit(trainer, Late(), epochs=3).stop_reason == "all 3 epochs done"
    again = fit(trainer, Late(), epochs=3)
    assert len(again) == 5
    assert again.stop_reason == "stopped by SIGINT"
