"""The diagnosis: planted faults are found and named, repaired and healthy runs are left alone."""

from __future__ import annotations

import copy
import itertools
import json
import math
import pickle
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from tests.healthy import made, plans
from tests.planted import CASES, Case, digits, mlp, run, wine

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.data import toy
from gradus.errors import DivergenceError
from gradus.losses import LOSSES
from gradus.train import Callback, Diagnosis, EarlyStopping, History, Verdict
from gradus.train.diagnosis.baseline import baseline
from gradus.train.diagnosis.diagnose import RULES
from gradus.train.diagnosis.evidence import Seen
from gradus.train.diagnosis.kept import _spread
from gradus.train.strict_json import to_json

GOOD = {"learning", "generalising", "stopped_in_time", "nothing_found"}
ALL = [(name, k) for name, cases in CASES.items() for k in range(len(cases))]


@cache
def planted(name: str, k: int) -> History:
    return CASES[name][k].planted()


def faults(diagnosis: Diagnosis) -> set[str]:
    return {verdict.name for verdict in diagnosis if verdict.severity != "good"}


def seen(history: History) -> Seen:
    assert history.kept is not None
    found = history.kept.look()
    assert found.seen is not None, found.fault
    return found.seen


def small(**fit: Any) -> gd.Trainer:
    gd.manual_seed(0)
    trainer = gd.Trainer(mlp(2, 8, 2), losses.cross_entropy, optim.Adam(0.03), threads=1)
    trainer.fit(*toy.moons(100), progress=False, **fit)
    return trainer


# ── Planted faults, repaired runs, healthy runs ─────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "k"), ALL)
def test_a_planted_fault_gets_its_verdict_and_none_but_its_companions(name: str, k: int) -> None:
    case: Case = CASES[name][k]
    found = faults(planted(name, k).diagnose())
    assert name in found
    assert found - {name} <= case.companions


@pytest.mark.parametrize(("name", "k"), ALL)
def test_the_run_repaired_as_the_remedy_says_has_no_fault(name: str, k: int) -> None:
    assert faults(CASES[name][k].repaired().diagnose()) == set()


def test_every_fault_that_a_rule_finds_is_planted_somewhere() -> None:
    assert {rule.__name__ for rule in RULES} - GOOD == set(CASES)


SETS = ("iris", "digits", "diabetes", "circles", "spirals", "wine", "breast_cancer", "moons",
        "xor", "blobs")  # fmt: skip
QUICK = ("iris", "diabetes", "circles", "wine", "breast_cancer", "blobs")


def alarms(sets: tuple[str, ...], seeds: tuple[int, ...], each: int) -> tuple[int, int, list[str]]:
    """Number of runs, of healthy ones among them, and what was said of healthy ones."""
    runs, healthy, said = 0, 0, []
    for plan in plans(sets, seeds, each):
        judged = made(plan)
        runs += 1
        if judged.healthy:
            healthy += 1
            found = judged.history.diagnose()
            said += [f"{plan}: {found}"] if faults(found) else []
    return runs, healthy, said


def test_at_most_one_of_a_few_healthy_runs_raises_an_alarm() -> None:
    _, healthy, said = alarms(QUICK, (7,), 2)
    assert healthy >= 8
    assert len(said) <= 1, said


@pytest.mark.long
def test_at_most_one_in_25_of_50_healthy_runs_and_more_raises_an_alarm() -> None:
    runs, healthy, said = alarms(SETS, (0, 1, 2), 4)
    print(f"{len(said)} false alarms in {healthy} healthy runs of {runs}", *said, sep="\n")
    assert healthy >= 50
    assert len(said) <= healthy / 25


# ── What is seen ────────────────────────────────────────────────────────────────────────────────


def test_looking_gives_the_numbers_that_the_network_gives() -> None:
    gd.manual_seed(0)
    net = mlp(2, 8, 2)
    X, y = toy.moons(100)
    first = losses.mean(losses.cross_entropy(net(X), gd.tensor(y)))
    trainer = gd.Trainer(net, losses.cross_entropy, optim.Adam(0.03))
    history = trainer.fit(X, y, epochs=3, progress=False)
    found = seen(history)
    assert found.start.loss == pytest.approx(first.item(), rel=1e-6)  # float32
    assert found.end.loss == pytest.approx(trainer.evaluate(X, y)["loss"], rel=1e-6)
    answers = np.bincount(trainer.predict(X).argmax(axis=1), minlength=2) / 100
    assert found.end.answers == pytest.approx(answers)
    assert found.shares == pytest.approx([0.5, 0.5])
    assert found.scales == pytest.approx(np.sqrt((X**2).mean(axis=0)), rel=1e-6)


def test_the_signal_of_a_layer_is_the_derivative_with_respect_to_its_output() -> None:
    """By hand: for squared error and y = V f(W x), dℓ/d(Wx) = Vᵀ 2(y − t) ∘ f′."""
    gd.manual_seed(1)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    draw = np.random.default_rng(0)
    X, t = draw.normal(size=(50, 3)).astype(np.float32), draw.normal(size=(50, 2))
    hidden = np.tanh(X @ net[0].weight.numpy().T + net[0].bias.numpy())
    y = hidden @ net[2].weight.numpy().T + net[2].bias.numpy()
    last = 2 * (y - t)
    first = (last @ net[2].weight.numpy()) * (1 - hidden**2)
    history = gd.Trainer(net, losses.squared_error).fit(X, t, epochs=1, progress=False)
    signals = [layer.signal for layer in seen(history).start.layers]
    expected = [np.sqrt((d**2).sum(axis=1).mean()) for d in (first, last)]
    assert signals == pytest.approx(expected, rel=1e-5)
    assert seen(history).start.pull == pytest.approx(expected[1], rel=1e-5)


def test_units_are_counted_as_dead_and_saturated_where_they_are() -> None:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 2))
    net[0].bias = [-50.0, 0.0, 0.0, -50.0]
    net[2].bias = [90.0, 0.0, -90.0, 90.0]
    found = seen(gd.Trainer(net, losses.cross_entropy).fit(*toy.moons(50), epochs=1)).start.units
    assert [(u.name, u.function, u.count, u.dead, u.saturated) for u in found] == [
        ("1", "relu", 4, 2, 0),
        ("3", "sigmoid", 4, 0, 3),
    ]


class Written(nn.Module):
    """A network as people write them: functions instead of modules, and a layer used twice."""

    def __init__(self) -> None:
        self.one, self.two, self.out = nn.Linear(2, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        h = ops.relu(self.one(x))
        h = ops.tanh(self.two(self.two(h)))
        return self.out(h)


def test_functions_in_a_module_of_the_users_and_layers_used_twice_are_seen() -> None:
    gd.manual_seed(0)
    net = Written()
    net.one.bias = np.full(6, -50.0)
    found = gd.Trainer(net, losses.cross_entropy).fit(*toy.moons(50), epochs=1)
    assert [(u.function, u.count) for u in seen(found).end.units] == [("relu", 6), ("tanh", 6)]
    assert [layer.name for layer in seen(found).end.layers] == ["one", "two", "out"]
    assert "dead_relus" in found.diagnose()


def test_what_a_layer_of_gradus_computes_inside_is_no_activation() -> None:
    net = nn.Sequential(nn.Linear(2, 4), nn.SiLU(), nn.Linear(4, 4), nn.Mish(), nn.Linear(4, 2))
    assert seen(gd.Trainer(net, losses.cross_entropy).fit(*toy.moons(50))).end.units == ()


def test_a_saturated_output_is_right_when_the_network_is_sure() -> None:
    gd.manual_seed(0)
    X, y = toy.blobs(200)
    net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
    trainer = gd.Trainer(net, losses.binary_cross_entropy, optim.Adam(0.05))
    found = trainer.fit(X, y.astype(float), epochs=40, progress=False)
    assert faults(found.diagnose()) == set()
    assert [u.name for u in seen(found).end.units] == ["1"]


@pytest.mark.parametrize("kind", ["scores", "probabilities"])
def test_chance_is_ln_2_for_yes_or_no_and_ln_k_for_classes(kind: str) -> None:
    draw = np.random.default_rng(0)
    y = draw.integers(0, 2, (1000, 1)).astype(np.float32)
    first = (
        draw.uniform(0.3, 0.7, (10, 1)) if kind == "probabilities" else draw.normal(size=(10, 1))
    )
    name = "binary_cross_entropy" + ("" if kind == "probabilities" else "_with_logits")
    found = baseline(LOSSES[name], first.astype(np.float32), y, None)
    assert (found.kind, found.chance) == ("yes or no", pytest.approx(math.log(2), rel=1e-6))
    labels = draw.integers(0, 5, 1000)
    scores = draw.normal(size=(10, 5)).astype(np.float32)
    if kind == "probabilities":
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss = losses.nll if kind == "probabilities" else losses.cross_entropy
    found = baseline(loss, scores, labels, None)
    assert (found.kind, found.chance) == ("classes", pytest.approx(math.log(5), rel=1e-6))


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6), st.booleans())
def test_the_best_constant_answer_to_classes_costs_their_entropy(
    counts: list[int], weighted: bool
) -> None:
    if weighted:
        y, weight = np.arange(len(counts)), np.array(counts, np.float32)
    else:
        y, weight = np.repeat(np.arange(len(counts)), counts), None
    found = baseline(losses.cross_entropy, np.zeros((3, len(counts)), np.float32) - 1, y, weight)
    assert found.constant == pytest.approx(entropy(counts), rel=1e-4, abs=1e-4)
    assert found.shares == pytest.approx(np.array(counts) / sum(counts))


def test_the_best_constant_answer_to_numbers_is_the_mean_or_the_median() -> None:
    y = np.random.default_rng(0).gamma(1.0, 3.0, (2000, 2)).astype(np.float32)
    first = np.zeros((3, 2), np.float32) - 1
    squared = baseline(losses.squared_error, first, y, None)
    assert squared.constant == pytest.approx(y.var(axis=0).sum(), rel=1e-5)
    absolute = baseline(losses.absolute_error, first, y, None)
    spread = np.abs(y - np.median(y, axis=0)).mean(axis=0).sum()
    assert absolute.constant == pytest.approx(spread, rel=1e-5)
    assert squared.kind == "numbers"


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_baseline_that_learning_goes_below(name: str) -> None:
    gd.manual_seed(0)
    X, y = toy.blobs(200)
    outputs = 2 if name in ("nll", "cross_entropy", "max_margin") else 1
    parts = [nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, outputs)]
    if name in ("nll", "binary_cross_entropy"):
        parts.append(nn.Softmax() if outputs > 1 else nn.Sigmoid())
    target = y if outputs > 1 else y.astype(float)
    trainer = gd.Trainer(nn.Sequential(*parts), LOSSES[name], optim.Adam(0.03))
    found = trainer.fit(X, target, epochs=40, progress=False)
    assert 0 < seen(found).constant <= seen(found).chance < math.inf
    assert faults(found.diagnose()) == set()
    assert "learning" in found.diagnose()


@given(st.integers(2, 10**7), st.integers(2, 300))
def test_the_sampled_rows_are_from_everywhere(n: int, most: int) -> None:
    rows = _spread(n, most)
    assert rows.min() >= 0
    assert rows.max() < n
    assert len(rows) == min(n, most)
    if n <= most or n > 10 * most:
        assert len(np.unique(rows)) == len(rows)
        assert np.diff(np.sort(rows)).max() < 3 * n / most + 1  # no part is left out


@pytest.mark.parametrize("period", [2, 3, 4, 5, 8, 10])
def test_rows_that_come_in_a_rhythm_are_sampled_evenly(period: int) -> None:
    labels = np.arange(100_000) % period
    share = np.bincount(labels[_spread(len(labels), 256)]) / 256
    assert share == pytest.approx(np.full(period, 1 / period), abs=0.08)  # three standard errors


# ── What is kept, and what changes later ────────────────────────────────────────────────────────


def test_training_is_the_same_whether_somebody_looks_or_not() -> None:
    class Looking(Callback):
        def on_epoch_end(self, trainer: gd.Trainer, row: dict[str, Any]) -> None:
            said.append(trainer.history.diagnose())

    said: list[Diagnosis] = []
    looked = small(epochs=4, callbacks=[Looking()])
    assert len(said) == 4
    left = small(epochs=4)
    looked.history.diagnose()
    for a, b in zip(looked.network.parameters(), left.network.parameters(), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


def test_weights_that_change_later_do_not_matter() -> None:
    trainer = small(epochs=5)
    expected = copy.deepcopy(trainer.history).diagnose()
    trainer.network[0].weight = np.zeros((8, 2))
    trainer.network.eval()
    assert trainer.history.diagnose() == expected


def test_rows_that_change_later_do_not_matter() -> None:
    histories = []
    for spoilt in (False, True):
        gd.manual_seed(0)
        X, y = toy.moons(100)
        trainer = gd.Trainer(mlp(2, 8, 2), losses.cross_entropy, optim.Adam(0.03))
        histories.append(trainer.fit(X, y, epochs=2, progress=False))
        if spoilt:
            X[:], y[:] = 1e9, 0
    one, other = (seen(history) for history in histories)
    assert one == other


def test_another_structure_is_told_and_the_curves_are_judged() -> None:
    trainer = small(epochs=5)
    trainer.network.layers = (*trainer.network.layers, nn.ReLU())
    found = trainer.history.diagnose()
    assert "the network has been changed since it was trained" in found.note
    assert found.note in str(found)
    assert len(found) == 1


def test_a_second_fit_is_judged_by_its_own_epochs_rows_and_start() -> None:
    trainer = small(epochs=10)
    trainer.history.diagnose()
    far = toy.moons(100)[0] * 1000
    with pytest.raises(DivergenceError):
        gd.Trainer(trainer.network, losses.squared_error, optim.SGD(1e9)).fit(
            far, np.zeros((100, 2)), progress=False
        )
    trainer = small(epochs=10)
    ended = trainer.evaluate(*toy.moons(100))["loss"]
    trainer.fit(*toy.moons(100), epochs=30, progress=False)
    again = seen(trainer.history)
    assert again.start.loss == pytest.approx(ended, rel=1e-6)
    found = trainer.history.diagnose(), trainer.history
    assert faults(found[0]) == set()
    assert "40" in small(epochs=40, validation=0.2).history.diagnose()["generalising"].evidence


def test_a_copy_and_a_pickle_hold_the_findings() -> None:
    history = small(epochs=5).history
    copies = [copy.deepcopy(history), pickle.loads(pickle.dumps(history))]
    expected = history.diagnose()
    for other in copies:
        assert other == history
        assert other.diagnose() == expected
    assert len(pickle.dumps(history)) < 20_000


def test_a_run_with_a_function_of_the_users_as_loss_can_be_pickled() -> None:
    weight = gd.tensor([1.0, 3.0])
    trainer = gd.Trainer(
        mlp(2, 8, 2), lambda p, t: losses.cross_entropy(p, t) * ops.take(weight, t, axis=0)
    )
    history = trainer.fit(*toy.moons(60), epochs=3, progress=False)
    assert pickle.loads(pickle.dumps(history)).diagnose() == history.diagnose()


def test_what_looking_takes_goes_once_somebody_has_looked() -> None:
    history = small(epochs=2).history
    assert history.kept is not None
    assert history.kept._live is not None
    assert len(history.kept._live.rows) == 100
    history.diagnose()
    assert history.kept._live is None


def test_of_a_large_table_few_rows_are_kept() -> None:
    X = np.zeros((20_000, 3), np.float32)
    y = np.arange(20_000) % 2
    history = gd.Trainer(mlp(3, 2), losses.cross_entropy).fit(X, y, epochs=1, batch_size=20_000)
    assert history.kept is not None
    live = history.kept._live
    assert live is not None
    assert (len(live.rows), len(live.targets)) == (256, 4096)
    assert live.rows.x.base is None or live.rows.x.base.nbytes < 10_000
    wide = np.zeros((64, 300_000), np.float32)
    history = gd.Trainer(mlp(300_000, 2), losses.cross_entropy).fit(wide, y[:64], epochs=1)
    assert history.kept is not None
    assert history.kept._live is not None
    assert len(history.kept._live.rows) == 3


def test_several_threads_may_ask_at_once_while_others_predict() -> None:
    trainer = small(epochs=5)
    X = toy.moons(100)[0]
    expected, found, wrong = trainer.predict(X), [], []

    def ask() -> None:
        found.append(trainer.history.diagnose())

    def predict() -> None:
        for _ in range(200):
            if not np.array_equal(trainer.predict(X), expected):
                wrong.append(1)

    threads = [threading.Thread(target=f) for f in [ask, predict] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(found) == 3
    assert all(one == found[0] for one in found)


def test_the_sum_and_the_mean_of_the_losses_are_judged_alike() -> None:
    found = []
    for reduction, rate in (("mean", 0.5), ("sum", 0.5 / 50)):
        gd.manual_seed(0)
        trainer = gd.Trainer(
            mlp(2, 8, 2), losses.cross_entropy, optim.SGD(rate), reduction=reduction
        )
        history = trainer.fit(
            *toy.moons(100), epochs=30, batch_size=50, validation=toy.moons(60, seed=1)
        )
        found.append([(v.name, v.numbers) for v in history.diagnose()])
    (names, numbers), (others, same) = (zip(*f, strict=True) for f in found)
    assert names == others
    for a, b in zip(numbers, same, strict=True):
        assert a == pytest.approx(b, rel=1e-4)  # the same steps, rounded differently


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "dropout and batch norm": lambda: nn.Sequential(
        nn.Linear(2, 16), nn.BatchNorm(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2)
    ),
    "layer norm": lambda: nn.Sequential(
        nn.Linear(2, 16), nn.LayerNorm(16), nn.Tanh(), nn.Linear(16, 2)
    ),
    "sparse": lambda: nn.Sequential(nn.SparseLinear(2, 16, 0.5), nn.ReLU(), nn.Linear(16, 2)),
    "a part frozen": lambda: frozen(mlp(2, 16, 16, 2)),
}


def frozen(net: nn.Sequential) -> nn.Sequential:
    net[0].weight.requires_grad_(False)
    net[0].bias.requires_grad_(False)
    return net


@pytest.mark.parametrize("name", LAYERS)
def test_other_layers_are_looked_through(name: str) -> None:
    found = run(LAYERS[name], *toy.moons(200), optim.Adam(0.02), epochs=40).diagnose()
    assert found.note == ""
    assert faults(found) == set()


def test_inputs_that_are_numbers_of_words_have_no_scale() -> None:
    net = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))
    x = np.random.default_rng(0).integers(0, 9, (90, 3))
    y = (x[:, 0] > 4).astype(int)
    history = gd.Trainer(net, losses.cross_entropy, optim.Adam(0.05)).fit(x, y, epochs=30)
    assert seen(history).scales == ()
    assert faults(history.diagnose()) == set()


def test_normalisation_in_front_takes_the_scale_away() -> None:
    X, y = wine(scaled=False)
    parts = [nn.BatchNorm(13), nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3)]
    found = run(lambda: nn.Sequential(*parts), X, y, optim.Adam(0.01)).diagnose()
    assert faults(found) == set()


def shut(net: nn.Sequential) -> nn.Sequential:
    """Two of its first layer's units with a bias so low that they are never on."""
    net[0].bias = np.where(np.arange(6) < 2, -50.0, 0.5)
    return net


SHUT: dict[str, tuple[Callable[[], nn.Sequential], tuple[int, ...]]] = {
    "a series": (
        lambda: nn.Sequential(nn.Conv1d(2, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(42, 2)),
        (2, 9),
    ),
    "an image": (
        lambda: nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(126, 2)),
        (2, 9, 5),
    ),
    "a row of rows": (
        lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2)),
        (2, 9, 5),
    ),
}


@pytest.mark.parametrize("name", SHUT)
def test_units_are_channels_behind_a_convolution_and_the_last_axis_elsewhere(name: str) -> None:
    make, shape = SHUT[name]
    X = np.random.default_rng(0).normal(size=(40, *shape)).astype(np.float32)
    y = (X.mean(axis=(1, 2)) > 0 if X.ndim == 3 else X.mean(axis=(1, 2, 3)) > 0).astype(int)
    [units] = seen(run(lambda: shut(make()), X, y, optim.SGD(1e-3), epochs=1)).end.units
    assert (units.count, units.dead) == (6, 2)


def test_what_a_frozen_layer_gives_is_no_input() -> None:
    net = frozen(mlp(2, 16, 2))
    net[0].weight = np.where(np.arange(16)[:, None] == 3, 1e4, 1.0) * net[0].weight.numpy()
    net[0].weight.requires_grad_(False)
    history = run(lambda: net, *toy.moons(100), optim.Adam(0.02), epochs=2)
    assert seen(history).scales == ()


SLOW: dict[str, tuple[Callable[[], nn.Module], optim.Optimizer, Any]] = {
    "convolution": (
        lambda: nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(72, 10),
        ),
        optim.SGD(1e-4),
        digits(),
    ),
    "hardly a step": (lambda: mlp(64, 32, 10), optim.SGD(1e-5), digits()),
    "recurrent": (
        lambda: nn.Sequential(
            nn.Unflatten(1, (8, 8)), nn.LSTM(8, 16), nn.LastStep(), nn.Linear(16, 10)
        ),
        optim.SGD(1e-3),
        digits(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOW)
def test_a_rate_far_too_small_is_not_taken_for_a_network_too_small(name: str) -> None:
    net, rate, rows = SLOW[name]
    found = run(net, *rows, rate, epochs=3).diagnose()
    assert "rate_too_small" in found
    assert "underfitting" not in found


@pytest.mark.parametrize("epochs", [1, 2])
def test_so_few_epochs_do_not_tell_that_the_network_is_too_small(epochs: int) -> None:
    found = run(lambda: mlp(2, 2), *toy.xor(200), optim.Adam(0.3), epochs=epochs).diagnose()
    assert found["underfitting"].remedy.startswith("train for more epochs")
    assert "epochs before" not in found["underfitting"].evidence


def test_a_loss_of_the_users_may_raise_anything() -> None:
    def picky(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        if len(prediction) == 256:  # the rows that a diagnosis looks at
            raise ValueError("not so many")
        return losses.cross_entropy(prediction, target)

    def changing(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        if not prediction.is_symbolic and np.ptp(prediction.numpy()) == 0:
            raise ValueError("all the same")
        return losses.cross_entropy(prediction, target)

    found = run(lambda: mlp(64, 8, 10), *digits(), optim.Adam(1e-3), picky, epochs=2).diagnose()
    assert "ValueError: not so many" in found.note
    history = run(lambda: mlp(64, 8, 10), *digits(), optim.Adam(1e-3), changing, epochs=2)
    assert np.isfinite(seen(history).constant)


# ── Other endings ───────────────────────────────────────────────────────────────────────────────


def test_a_diagnosis_always_says_something() -> None:
    assert len(small(epochs=1).history.diagnose()) > 0
    assert len(History().diagnose()) > 0
    rows = [{"loss": 2.0}, {"loss": 1.0}]
    assert "nothing is known but its curves" in History(rows).diagnose().note


def test_curves_alone_are_judged_as_far_as_they_tell() -> None:
    up = [{"loss": 1 / k, "val_loss": 0.8 + 0.1 * abs(k - 3)} for k in range(1, 12)]
    assert "overfitting" in History(up).diagnose()
    broken = [{"loss": 1.0}, {"loss": None}]
    assert "diverged" in History(broken).diagnose()
    rising = [{"loss": 1.0}, {"loss": 5.0}]
    assert "rate_too_large" in History(rising).diagnose()
    read = [json.loads(line) for line in small(epochs=3).history.to_jsonl().splitlines()]
    assert faults(History(read).diagnose()) == set()


def test_early_stopping_that_kept_the_best_weights_is_praised() -> None:
    [case] = CASES["overfitting"]
    found = case.repaired().diagnose()
    assert "kept the weights of epoch 11 of 14" in found["stopped_in_time"].evidence


def test_a_divergence_is_diagnosed_after_the_error() -> None:
    trainer = gd.Trainer(mlp(2, 8, 2), losses.cross_entropy, optim.SGD(1e30))
    with pytest.raises(DivergenceError) as caught:
        trainer.fit(*toy.moons(100), progress=False)
    verdict = trainer.history.diagnose()["diverged"]
    assert caught.value.rule in verdict.evidence
    assert "from 1e+30 to 1e+29" in verdict.remedy
    trainer.network[0].weight = np.ones((8, 2))
    assert "diverged" in trainer.history.diagnose()


def test_a_run_that_was_stopped_by_early_stopping_is_not_called_slow() -> None:
    stopped = run(
        lambda: mlp(64, 32, 10), *digits(), optim.SGD(0.05),
        callbacks=[EarlyStopping("loss", patience=1, min_delta=1.0)],
    )  # fmt: skip
    assert len(stopped) == 2
    assert "rate_too_small" not in stopped.diagnose()


# ── Words and data ──────────────────────────────────────────────────────────────────────────────


def everything() -> Diagnosis:
    found = [planted(name, k).diagnose() for name, k in ALL]
    return Diagnosis(tuple(itertools.chain(*found)), "a <note>")


def test_weights_that_hardly_moved_are_not_said_to_have_moved_a_thousandth() -> None:
    history = run(lambda: mlp(64, 32, 10), *digits(), optim.SGD(1e-5), epochs=1)
    assert max(seen(history).moved.values()) < 1e-4
    told = history.diagnose()["rate_too_small"].evidence.replace("\N{NO-BREAK SPACE}", " ")
    assert "changed by under 0.1 % of their size" in told


def test_every_verdict_has_figures_and_every_fault_a_remedy() -> None:
    for verdict in everything():
        assert verdict.evidence.endswith("."), verdict
        assert "  " not in verdict.evidence
        assert "nan" not in str(verdict)
        assert bool(verdict.remedy) == (verdict.severity != "good")
        assert not verdict.remedy.endswith(".")
        assert any(c.isdigit() for c in verdict.evidence)
        assert all(isinstance(n, int | float) for n in verdict.numbers.values()), verdict


def test_a_diagnosis_is_plain_data_in_json() -> None:
    found = everything()
    assert json.loads(to_json(found.to_dict()))["verdicts"][0]["name"] == found.verdicts[0].name
    history = small(epochs=2).history
    assert history.kept is not None
    evidence = history.kept.look().seen
    assert evidence is not None
    assert json.loads(to_json(asdict(evidence)))["rows"] == 100


def test_names_of_classes_and_inputs_stand_in_the_sentences() -> None:
    found = planted("label_imbalance", 0).diagnose(classes=["well", "ill"])
    assert found["label_imbalance"].where == ("well",)
    assert "belong to well" in found["label_imbalance"].evidence
    found = planted("dominating_feature_scale", 0).diagnose(features=[f"f{k}" for k in range(13)])
    assert found["dominating_feature_scale"].where == ("f12",)


def test_names_that_are_not_as_many_as_inputs_or_classes_are_left_out() -> None:
    class Squares(nn.Module):
        def __init__(self) -> None:
            self.line = nn.Linear(26, 3)

        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return self.line(ops.concat([x, x * x], axis=1))

    history = run(Squares, wine(scaled=False)[0], np.zeros(178, int), optim.SGD(1e-9), epochs=1)
    found = history.diagnose([f"column {k}" for k in range(13)], ["one"])
    assert found["dominating_feature_scale"].where[0] == "input 25"  # proline squared
    assert found["label_imbalance"].where == ("class 0",)


def test_the_gravest_verdict_stands_first() -> None:
    gravity = {"problem": 0, "warning": 1, "good": 2}
    for name, k in ALL:
        found = [gravity[v.severity] for v in planted(name, k).diagnose()]
        assert found == sorted(found)


def test_html_shows_hostile_names_as_text() -> None:
    evil = "<script>alert(1)</script>"
    html = Diagnosis((Verdict("learning", "good", evil, evil),), evil)._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 3


def test_an_unknown_verdict_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        small(epochs=1).history.diagnose()["boredom"]


@pytest.mark.parametrize("epsilon", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_smoothed_labels_have_a_floor_that_is_their_entropy(epsilon: float, classes: int) -> None:
    y = np.arange(1000) % 50 % classes

    def smooth(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return losses.cross_entropy(prediction, target, label_smoothing=epsilon)

    # A last layer that begins with zeros: these are scores, and not probabilities of 0.
    found = baseline(smooth, np.zeros((3, classes), np.float32), y, None)
    p = np.full(classes, epsilon / classes)
    p[0] += 1 - epsilon
    assert found.floor == pytest.approx(-np.sum(p * np.log(p)), abs=1e-4)
    assert found.chance == pytest.approx(math.log(classes), rel=1e-5)
    sharp = baseline(losses.cross_entropy, np.zeros((3, classes), np.float32), y, None)
    assert sharp.floor == 0


def test_smoothed_yes_and_no_have_a_floor_and_a_milder_best_constant() -> None:
    y = (np.arange(1000) % 100 == 0).astype(np.float32)[:, None]

    def smooth(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return losses.binary_cross_entropy_with_logits(prediction, 0.9 * target + 0.05)

    found = baseline(smooth, np.zeros((3, 1), np.float32), y, None)
    assert found.floor == pytest.approx(entropy([5, 95]), abs=1e-4)
    mean = 0.01 * 0.95 + 0.99 * 0.05
    assert found.constant == pytest.approx(entropy([mean, 1 - mean]), abs=1e-4)


def test_a_rare_class_with_smoothed_labels_is_not_taken_for_underfitting() -> None:
    X = np.linspace(-1, 1, 400, dtype=np.float32).reshape(-1, 1)
    y = (X > 0.97).astype(np.float32)

    def smooth(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return losses.binary_cross_entropy_with_logits(prediction, 0.9 * target + 0.05)

    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    history = gd.Trainer(net, smooth, optim.Adam(0.03)).fit(X, y, epochs=200, progress=False)
    found = history.diagnose()
    assert "underfitting" not in found
    assert "of the way is gone" in found["learning"].evidence


def test_codes_of_categories_are_not_taken_for_large_inputs() -> None:
    draw = np.random.default_rng(0)
    X = np.stack([draw.integers(0, 5000, 300), draw.normal(size=300), draw.normal(size=300)], 1)
    gd.manual_seed(0)
    front = nn.TableInput(3, codes=[(0, 5000)], embedding_size=4)
    net = nn.Sequential(front, nn.Linear(front.out_features, 16), nn.ReLU(), nn.Linear(16, 1))
    trainer = gd.Trainer(net, losses.squared_error, optim.Adam(0.01))
    history = trainer.fit(X.astype(np.float32), X[:, 1:2], epochs=5, progress=False)
    assert "dominating_feature_scale" not in history.diagnose()
    assert len(seen(history).end.layers) == 3


def test_a_remedy_names_the_rate_that_a_schedule_begins_with() -> None:
    X = np.linspace(-1, 1, 64, dtype=np.float32).reshape(-1, 1)
    gd.manual_seed(0)
    slow = optim.SGD(1e-5, schedule=optim.Cosine())
    trainer = gd.Trainer(nn.Sequential(nn.Linear(1, 1)), losses.squared_error, slow)
    history = trainer.fit(X, 3 * X, epochs=5, progress=False)
    assert history["learning_rate"][-1] < 5e-6
    assert "(from 1e-05 to 0.0001, say)" in history.diagnose()["rate_too_small"].remedy
