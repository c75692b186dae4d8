"""Hooks: which, when, in what order; early stopping and convergence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, optim
from gradus.errors import ArgumentError
from gradus.train import Callback, Convergence, DropoutSchedule, EarlyStopping, NoImprovement
from gradus.types import Array

X = np.random.default_rng(0).normal(size=(20, 2))
Y = X @ np.array([[1.0], [-2.0]])


def trainer(rate: float = 0.05, executor: str = "auto") -> gd.Trainer:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 1, dtype="float64"))
    return gd.Trainer(net, losses.squared_error, optim.SGD(rate), executor=executor)


def fit(made: gd.Trainer, *callbacks: Callback, **options: Any) -> gd.History:
    arguments = {"epochs": 3, "batch_size": 10, "progress": False, **options}
    return made.fit(X, Y, callbacks=callbacks, **arguments)


class Diary(Callback):
    def __init__(self, name: str, diary: list[str]) -> None:
        self.name, self.diary = name, diary

    def on_fit_begin(self, trainer: gd.Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.diary.append(f"{self.name} begin {epochs}x{steps_per_epoch}")

    def on_step(self, trainer: gd.Trainer, step: int) -> None:
        self.diary.append(f"{self.name} step {step}")

    def on_epoch_end(self, trainer: gd.Trainer, row: dict[str, Any]) -> None:
        assert trainer.history.rows[-1] is row
        self.diary.append(f"{self.name} epoch {row['epoch']}")

    def on_fit_end(self, trainer: gd.Trainer) -> None:
        self.diary.append(f"{self.name} end: {trainer.history.stop_reason}")


@pytest.mark.parametrize("executor", ["reference", "native"])
def test_every_hook_is_called_in_order(executor: str) -> None:
    diary: list[str] = []
    fit(trainer(executor=executor), Diary("a", diary), Diary("b", diary), epochs=2)
    alone = ["begin 2x2", "step 0", "step 1", "epoch 1", "step 2", "step 3", "epoch 2"]
    if executor == "native":  # which asks seldom
        alone = [entry for entry in alone if entry not in ("step 1", "step 3")]
    alone.append("end: all 2 epochs done")
    assert diary == [f"{name} {entry}" for entry in alone for name in "ab"]


def test_the_hooks_of_the_base_class_do_nothing() -> None:
    plain, hooked = trainer(), trainer()
    fit(plain)
    fit(hooked, Callback())
    assert plain.history["loss"].tolist() == hooked.history["loss"].tolist()


def test_a_callback_that_raises_ends_the_training_and_every_hook_hears_of_the_end() -> None:
    class Broken(Callback):
        def on_epoch_end(self, trainer: gd.Trainer, row: dict[str, Any]) -> None:
            raise KeyError("mine")

    diary: list[str] = []
    made = trainer()
    before = made.network[0].weight.numpy().copy()  # type: ignore[index]
    with pytest.raises(KeyError, match="mine"):
        fit(made, Broken(), Diary("a", diary))
    assert diary[-1] == "a end: KeyError"
    assert not np.array_equal(before, made.network[0].weight.numpy())  # type: ignore[index]


def test_stop_ends_after_the_epoch_and_says_why() -> None:
    class Enough(Callback):
        def on_step(self, trainer: gd.Trainer, step: int) -> None:
            if step == 2:
                trainer.stop("enough")

    history = fit(trainer(), Enough())
    assert len(history) == 2
    assert history.stop_reason == "enough"
    assert fit(trainer()).stop_reason == "all 3 epochs done"


def test_a_callback_may_change_the_weights() -> None:
    class Zero(Callback):
        def on_epoch_end(self, trainer: gd.Trainer, row: dict[str, Any]) -> None:
            trainer.restore({n: np.zeros_like(a) for n, a in trainer.weights().items()})

    made = trainer()
    history = fit(made, Zero())
    assert (made.predict(X) == 0).all()
    assert np.isclose(history["loss"][1], history["loss"][2], rtol=0.5)


def test_weights_taken_by_a_callback_are_not_changed_by_later_steps() -> None:
    taken: list[dict[str, Array]] = []

    class Take(Callback):
        def on_epoch_end(self, trainer: gd.Trainer, row: dict[str, Any]) -> None:
            taken.append(trainer.weights())

    fit(trainer(), Take())
    values = [w["0.weight"].tolist() for w in taken]
    assert values[0] != values[1]
    assert values[1] != values[2]


def same(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[n], w) for n, w in b.items())


# ── Early stopping ──────────────────────────────────────────────────────────────────────────────


class Scripted(Callback):
    """Writes given numbers into the history, and notes the weights of each epoch."""

    def __init__(self, column: str, values: list[float]) -> None:
        self.column, self.values = column, values
        self.weights: list[dict[str, Array]] = []

    def on_epoch_end(self, trainer: gd.Trainer, row: dict[str, Any]) -> None:
        row[self.column] = self.values[row["epoch"] - 1]
        self.weights.append(trainer.weights())


def stopped(
    values: list[float], column: str = "val_loss", **options: Any
) -> tuple[gd.Trainer, Scripted]:
    made, script = trainer(), Scripted(column, values)
    fit(made, script, EarlyStopping(**options), epochs=len(values))
    return made, script


def test_early_stopping_restores_the_best_weights_and_says_why() -> None:
    made, script = stopped([5.0, 3.0, 4.0, 3.5, 1.0], patience=2)
    history = made.history
    assert len(history) == 4
    assert history.stop_reason == "val_loss has not improved for 2 epochs"
    assert history.best_epoch == 2
    found = made.weights()
    assert all(np.array_equal(found[n], w) for n, w in script.weights[1].items())


def test_without_a_stop_the_best_weights_are_kept_all_the_same() -> None:
    made, script = stopped([5.0, 3.0, 4.0], patience=9)
    assert made.history.stop_reason == "all 3 epochs done"
    assert np.array_equal(made.weights()["0.weight"], script.weights[1]["0.weight"])


@pytest.mark.parametrize(
    ("values", "options", "epochs", "best"),
    [
        ([5.0, 4.99, 4.98, 4.0], {"patience": 2, "min_delta": 0.1}, 3, 1),
        ([0.1, 0.5, 0.4, 0.3, 0.9], {"patience": 2, "mode": "max"}, 4, 2),
        ([5.0, 5.0, 5.0], {"patience": 2}, 3, 1),
        ([np.nan, 5.0, np.nan, np.nan], {"patience": 2}, 4, 2),
        ([5.0, 4.0, 3.0], {"patience": 1}, 3, 3),
    ],
)
def test_early_stopping_counts(
    values: list[float], options: dict[str, Any], epochs: int, best: int
) -> None:
    made, _ = stopped(values, **options)
    assert (len(made.history), made.history.best_epoch) == (epochs, best)


def test_early_stopping_watches_the_training_loss_without_validation() -> None:
    made = trainer(rate=1e-15)
    history = fit(made, EarlyStopping(patience=2, min_delta=0.1), epochs=9)
    assert len(history) == 3
    assert history.stop_reason.startswith("loss has not improved")


def test_early_stopping_watches_a_named_column() -> None:
    made, _ = stopped([1.0, 2.0, 2.0], column="profit", monitor="profit", mode="max", patience=1)
    assert made.history.best_epoch == 2


def test_an_unknown_column_is_refused_with_those_there_are() -> None:
    with pytest.raises(ArgumentError, match=r"one of epoch, .*loss.*received val_accuracy"):
        fit(trainer(), EarlyStopping("val_accuracy"))


def test_a_second_training_starts_its_count_anew() -> None:
    made, stopping = trainer(1e-15), EarlyStopping(patience=2, min_delta=0.1)
    assert len(fit(made, stopping, epochs=9)) == 3
    assert len(fit(made, stopping, epochs=9)) == 6
    fit(made, epochs=1)
    assert made.history.best_epoch is None, "the weights are those of the last epoch again"


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "best"},
        {"patience": 0},
        {"patience": 2.5},
        {"min_delta": -1.0},
        {"ties": "best"},
        {"restore": 1},
        {"resume": None},
    ],
    ids=str,
)
def test_early_stopping_refuses(options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="received"):
        EarlyStopping(**options)


def test_without_patience_the_training_goes_on_and_the_best_weights_are_kept() -> None:
    made, script = stopped([5.0, 1.0] + [2.0] * 30, patience=None)
    assert (len(made.history), made.history.best_epoch) == (32, 2)
    assert made.history.stop_reason == "all 32 epochs done"
    assert same(made.weights(), script.weights[1])


def test_without_restoring_the_last_weights_stay() -> None:
    made, script = stopped([5.0, 1.0, 2.0, 2.0, 9.0], patience=2, restore=False)
    assert (len(made.history), made.history.best_epoch) == (4, None)
    assert same(made.weights(), script.weights[3])


@pytest.mark.parametrize(
    ("values", "options", "epochs", "first", "last"),
    [
        ([3.0, 1.0, 2.0, 1.0, 2.0], {"patience": None}, 5, 2, 4),
        # An equally good epoch is no improvement: patience runs out at the same epoch.
        ([1.0, 1.0, 1.0, 0.0], {"patience": 2}, 3, 1, 3),
        ([0.8, 0.9, 0.9, 0.7], {"patience": None, "mode": "max"}, 4, 2, 3),
        ([1.0, 0.95, 0.99, 1.5], {"patience": None, "min_delta": 0.1}, 4, 1, 3),
        ([np.nan, np.nan, 1.0, np.nan], {"patience": None}, 4, 3, 3),
    ],
)
def test_ties_say_which_of_equally_good_epochs_is_kept(
    values: list[float], options: dict[str, Any], epochs: int, first: int, last: int
) -> None:
    for ties, best in (("first", first), ("last", last)):
        made, script = stopped(values, ties=ties, **options)
        assert (len(made.history), made.history.best_epoch) == (epochs, best)
        assert same(made.weights(), script.weights[best - 1])


def test_a_second_training_may_go_on_where_the_first_ended() -> None:
    values = [5.0, 3.0, 4.0, 3.5, 3.2, 3.1]
    once, script = stopped(values, patience=4)
    assert (len(once.history), once.history.best_epoch) == (6, 2)
    parted, stopping = trainer(), EarlyStopping(patience=4, resume=True)
    for epochs, best in ((1, 1), (2, 2), (9, 2)):
        fit(parted, Scripted("val_loss", values), stopping, epochs=epochs)
        assert parted.history.best_epoch == best
        assert same(parted.weights(), script.weights[best - 1])
    assert len(parted.history) == 6, "three epochs had been waited for"
    assert parted.history["loss"].tolist() == once.history["loss"].tolist()


def test_weights_that_were_changed_in_between_are_where_a_resumed_training_goes_on() -> None:
    made, stopping = trainer(), EarlyStopping(patience=9, resume=True)
    fit(made, Scripted("val_loss", [1.0, 2.0, 0.0]), stopping, epochs=2)
    zero = {n: np.zeros_like(a) for n, a in made.weights().items()}
    made.restore(zero)
    fit(made, Scripted("val_loss", [1.0, 2.0, 0.0]), stopping, epochs=1, batch_size=20)
    untouched = float((Y**2).mean())
    assert made.history["loss"][-1] == pytest.approx(untouched, rel=1e-12)
    assert made.history.best_epoch == 3


def test_a_resumed_stopping_starts_anew_with_another_trainer() -> None:
    stopping = EarlyStopping(patience=9, resume=True)
    fit(trainer(), Scripted("val_loss", [1.0]), stopping, epochs=1)
    other, script = trainer(0.01), Scripted("val_loss", [7.0, 8.0])
    fit(other, script, stopping, epochs=2)
    assert other.history.best_epoch == 1
    assert same(other.weights(), script.weights[0])


# ── scikit-learn's rule ─────────────────────────────────────────────────────────────────────────


def sklearns_end(values: list[float], tol: float, bear: int, score: bool) -> tuple[int, int]:
    """Epochs, and the best of them, by the very function that scikit-learn counts with."""
    from sklearn.neural_network import MLPClassifier

    theirs: Any = MLPClassifier(tol=tol, n_iter_no_change=bear)
    theirs._no_improvement_count, theirs.loss_curve_, theirs.validation_scores_ = 0, [], []
    theirs.best_loss_, theirs.best_validation_score_ = np.inf, -np.inf
    theirs.coefs_, theirs.intercepts_, best = [np.array(0)], [], 0
    given = iter(values)
    theirs._score = lambda *_, **__: next(given)
    for epoch, value in enumerate(values, 1):
        theirs.loss_curve_.append(value)
        theirs.coefs_ = [np.array(epoch)]
        before = theirs.best_loss_
        theirs._update_no_improvement_count(score, None, None, None)
        if score and hasattr(theirs, "_best_coefs"):
            best = int(theirs._best_coefs[0])
        elif theirs.best_loss_ < before:
            best = epoch
        if theirs._no_improvement_count > bear:
            break
    return epoch, best


@pytest.mark.parametrize("score", [False, True])
def test_the_rule_of_scikit_learn_stops_at_its_epoch_and_keeps_its_best(score: bool) -> None:
    rng = np.random.default_rng(0)
    ends = set()
    for case in range(40):
        # A course in steps of 1/4, so that ties and differences of exactly tol come up.
        fall = 2.0 / (1 + np.arange(14)) + rng.integers(0, 3, 14) / 4
        values = np.round(4 * (1 - fall if score else fall)) / 4
        if case % 5 == 0:
            values[rng.integers(14)] = np.nan
        tol, bear = [0.0, 0.25, 0.3, 1e-4][case % 4], int(rng.integers(1, 4))
        epochs, best = sklearns_end(values.tolist(), tol, bear, score)
        made, script = trainer(), Scripted("val_loss", values.tolist())
        mode = "max" if score else "min"
        rule = NoImprovement(tol=tol, n_iter_no_change=bear, mode=mode, restore=True)
        fit(made, script, rule, epochs=14, batch_size=20)
        assert (len(made.history), made.history.best_epoch) == (epochs, best), (values, tol, bear)
        assert same(made.weights(), script.weights[best - 1])
        ends.add(epochs)
    assert len(ends) > 5, "rules that always stop at the same epoch prove nothing"


def test_small_steps_down_are_no_improvement_to_scikit_learns_rule_alone() -> None:
    values = [1.0, 0.95, 0.90, 0.85, 0.80, 0.75]
    fits = []
    for rule in (NoImprovement(tol=0.1, n_iter_no_change=2), EarlyStopping(None, 3, 0.1)):
        made = trainer()
        fit(made, Scripted("loss", values), rule, epochs=6)
        fits.append((len(made.history), made.history.stop_reason, made.history.best_epoch))
    assert fits[0] == (4, "loss has not improved by 0.1 for more than 2 epochs", None)
    assert fits[1][:2] == (6, "all 6 epochs done")


def test_scikit_learns_rule_goes_on_over_several_calls() -> None:
    made, rule = trainer(), NoImprovement(tol=0.1, n_iter_no_change=2, resume=True)
    values = [1.0, 1.0, 1.0, 1.0, 0.1, 1.0]
    reasons = []
    for _ in values:
        fit(made, Scripted("loss", values), rule, epochs=1)
        reasons.append(made.history.stop_reason.startswith("loss has not"))
    assert reasons == [False, False, False, True, False, False]


@pytest.mark.parametrize(
    "options",
    [{"tol": -1.0}, {"n_iter_no_change": 0}, {"n_iter_no_change": 1.5}, {"mode": "best"}],
    ids=str,
)
def test_scikit_learns_rule_refuses(options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="received"):
        NoImprovement(**options)


def test_scikit_learns_rule_may_bear_everything() -> None:
    made = trainer()
    rule = NoImprovement(n_iter_no_change=float("inf"))
    assert len(fit(made, Scripted("loss", [1.0] * 20), rule, epochs=20)) == 20


# ── Convergence ─────────────────────────────────────────────────────────────────────────────────


def test_training_stops_when_the_gradient_vanishes() -> None:
    history = fit(trainer(0.3), Convergence(gradient_norm=1e-6), epochs=1000)
    assert len(history) < 1000
    assert history["gradient_norm"][-1] <= 1e-6 < history["gradient_norm"][-2]
    assert history.stop_reason.startswith("converged: gradient norm")


def test_training_stops_when_the_loss_stands_still() -> None:
    history = fit(trainer(1e-9), Convergence(loss_change=0.01), epochs=1000)
    assert len(history) == 2
    assert history.stop_reason == "converged: the loss changed by at most 0.01 of itself"


def test_a_loss_of_zero_has_converged() -> None:
    made = trainer()
    made.network[0].weight = np.array([[1.0, -2.0]])  # type: ignore[index]
    made.network[0].bias = np.zeros(1)  # type: ignore[index]
    assert len(fit(made, Convergence(loss_change=1e-6), epochs=50)) == 2


def test_a_training_that_goes_on_has_not_converged() -> None:
    strict = Convergence(gradient_norm=1e-30, loss_change=1e-30)
    assert len(fit(trainer(0.01), strict, epochs=5)) == 5


def test_a_convergence_without_a_criterion_is_refused() -> None:
    with pytest.raises(ArgumentError, match="gradient_norm or loss_change"):
        Convergence()


# ── Dropout on a schedule ───────────────────────────────────────────────────────────────────────


def dropping(executor: str = "auto", *, scheduled: bool = True) -> gd.Trainer:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 30), nn.ReLU(), nn.Dropout(0.5, scheduled), nn.Linear(30, 1))
    return gd.Trainer(net, losses.squared_error, optim.SGD(0.05), executor=executor)


class Factors(Callback):
    """The factors that the steps of each epoch have seen."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_step(self, trainer: gd.Trainer, step: int) -> None:
        if step % 2 == 0:
            self.seen.append(trainer.network[2].factor.item())


def test_a_dropout_schedule_sets_the_factor_before_each_epoch_and_1_in_the_end() -> None:
    made, factors = dropping("reference"), Factors()
    fit(made, DropoutSchedule(optim.FlatCosine(0.5)), factors, epochs=4)
    # Of float32; a half cosine from the second epoch's end to the fourth's.
    assert factors.seen == pytest.approx([1.0, 1.0, 1.0, 0.5], rel=1e-6)
    assert made.network[2].factor.item() == 1.0


@pytest.mark.parametrize("schedule", [optim.Constant(), optim.Cosine()], ids=repr)
def test_scheduled_dropout_trains_alike_on_every_executor(schedule: optim.Schedule) -> None:
    losses = [
        fit(dropping(executor), DropoutSchedule(schedule), epochs=6)["loss"]
        for executor in ("reference", "auto")
    ]
    np.testing.assert_allclose(*losses, rtol=1e-4)  # of float32, and of sums in another order
    plain = fit(dropping(scheduled=False), epochs=6)["loss"]
    same = np.allclose(losses[0], plain, rtol=1e-4)
    assert same == isinstance(schedule, optim.Constant), "and a factor of 1 changes nothing"


def test_a_dropout_schedule_without_layers_to_move_or_without_a_schedule_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"moves layers nn\.Dropout\(p, scheduled=True\)"):
        fit(dropping(scheduled=False), DropoutSchedule(optim.Cosine()))
    with pytest.raises(ArgumentError, match="a schedule of the step"):
        DropoutSchedule(optim.Plateau())  # type: ignore[arg-type]
