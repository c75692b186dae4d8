"""The training loop: what it computes, in which order, and what it leaves behind."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import gradus as gd
from gradus import losses, nn, optim
from gradus.compiler import ReferenceExecutor
from gradus.data import epoch_order
from gradus.errors import ArgumentError, ShapeError
from gradus.train import Callback
from gradus.types import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)
Y = X @ RNG.normal(size=(4, 2)).astype(np.float32)


def perceptron(outputs: int = 3, dtype: str = "float32", *, seed: int = 0) -> nn.Sequential:
    gd.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(4, 8, dtype=dtype), nn.Tanh(), nn.Linear(8, outputs, dtype=dtype)
    )


def weights(network: nn.Module) -> dict[str, Array]:
    named = {**network.named_parameters(), **network.named_buffers()}
    return {n: t.numpy().copy() for n, t in named.items()}


def same_bits(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return a.keys() == b.keys() and all(a[n].tobytes() == b[n].tobytes() for n in a)


def trained(network: nn.Module | None = None, **options: Any) -> nn.Module:
    """The network after a short training; options go to ``fit``."""
    network = network or perceptron()
    trainer = gd.Trainer(network, losses.cross_entropy, optim.Adam(1e-2), seed=3)
    trainer.fit(X, LABELS, **{"epochs": 2, "batch_size": 8, "progress": False, **options})
    return network


# ── The same numbers as loops written by hand ───────────────────────────────────────────────────


@threadpool_limits.wrap(1)  # two threads that wait for each other on a busy machine take long
def test_the_lectures_twenty_line_network_has_the_losses_of_the_plain_loop() -> None:
    """Worked example 7 of the mission: full batches, summed squared error, no biases."""
    n, d_in, h, d_out, rate, steps = 64, 1000, 100, 10, 1e-4, 200
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, d_in)), rng.normal(size=(n, d_out))
    w1, w2 = rng.normal(size=(d_in, h)), rng.normal(size=(h, d_out))

    net = nn.Sequential(
        nn.Linear(d_in, h, bias=False, dtype="float64"),
        nn.Sigmoid(),
        nn.Linear(h, d_out, bias=False, dtype="float64"),
    )
    net[0].weight, net[2].weight = w1.T, w2.T
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(rate), reduction="sum")
    history = trainer.fit(x, y, epochs=steps, batch_size=n, shuffle=False, progress=False)

    plain = []
    for _ in range(steps):
        hidden = 1 / (1 + np.exp(-x @ w1))
        y_pred = hidden @ w2
        plain.append(np.square(y_pred - y).sum())
        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = hidden.T @ grad_y_pred
        grad_w1 = x.T @ ((grad_y_pred @ w2.T) * hidden * (1 - hidden))
        w1, w2 = w1 - rate * grad_w1, w2 - rate * grad_w2

    # 200 steps of sums over 1000 terms that the two loops add up in other orders.
    assert np.allclose(history["loss"], plain, rtol=1e-12, atol=0)
    assert plain[-1] < plain[0] / 2, "the comparison is of a network that learns"
    assert np.allclose(net[0].weight.numpy().T, w1, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_counts_every_example_once_and_the_last_short_batch_right(
    reduction: str, weighted: bool
) -> None:
    x, y = X[:10].astype(np.float64), Y[:10, :1].astype(np.float64)
    w = np.arange(1.0, 11.0) if weighted else np.ones(10)
    net = nn.Sequential(nn.Linear(4, 1, bias=False, dtype="float64"))
    theta = net[0].weight.numpy().copy()
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(0.01), reduction=reduction)
    history = trainer.fit(
        x,
        y,
        epochs=1,
        batch_size=4,
        shuffle=False,
        sample_weight=w if weighted else None,
        progress=False,
    )
    total = 0.0
    for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):
        error = x[rows] @ theta.T - y[rows]
        total += (w[rows, None] * error**2).sum()
        divisor = w[rows].sum() if reduction == "mean" else 1.0
        theta = theta - 0.01 * 2.0 * (w[rows, None] * error).T @ x[rows] / divisor
    expected = total / w.sum() if reduction == "mean" else total
    assert np.isclose(history["loss"][0], expected, rtol=1e-13)
    assert np.allclose(net[0].weight.numpy(), theta, rtol=1e-13)
    assert history["steps"].tolist() == [3]


@pytest.mark.parametrize("rows", [8, 9, 10, 3])
def test_gradient_norms_are_those_of_the_last_batch_that_is_half_full(rows: int) -> None:
    net = nn.Sequential(nn.Linear(4, 2, dtype="float64"))
    x, y = X[:rows].astype(np.float64), Y[:rows].astype(np.float64)
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(1e-3))
    theta, b = net[0].weight.numpy().copy(), net[0].bias.numpy().copy()
    row = trainer.fit(x, y, epochs=1, batch_size=4, shuffle=False, progress=False).rows[0]
    for batch in {8: [4, 4], 9: [4, 4], 10: [4, 4, 2], 3: [3]}[rows]:
        error = 2.0 * (x[:batch] @ theta.T + b - y[:batch]) / batch
        slopes = {"0.weight": error.T @ x[:batch], "0.bias": error.sum(axis=0)}
        x, y = x[batch:], y[batch:]
        theta, b = theta - 1e-3 * slopes["0.weight"], b - 1e-3 * slopes["0.bias"]
    for name, slope in slopes.items():
        assert np.isclose(row["gradient_norms"][name], np.linalg.norm(slope), rtol=1e-12)
    both = np.concatenate([s.ravel() for s in slopes.values()])
    assert np.isclose(row["gradient_norm"], np.linalg.norm(both), rtol=1e-12)


# ── Which rows, in which order ──────────────────────────────────────────────────────────────────


class RowsSeen:
    """The rows of each batch that an executor was given."""

    def __init__(self, rows: int, batch_size: int, *, epochs: int = 1, **options: Any) -> None:
        self.batches: list[list[int]] = []
        numbers = np.arange(rows, dtype=np.float64).reshape(-1, 1)
        seen = self.batches

        class Noting(ReferenceExecutor):
            def prepare(self, graph: Any) -> Any:
                program = super().prepare(graph)
                run = program.run

                def noting(inputs: Any) -> Any:
                    if "step" in inputs:
                        seen.append(inputs["batch.x"][:, 0].astype(int).tolist())
                    return run(inputs)

                program.run = noting  # type: ignore[method-assign]
                return program

        net = nn.Sequential(nn.Linear(1, 1, dtype="float64"))
        trainer = gd.Trainer(net, losses.squared_error, optim.SGD(1e-9), seed=5, executor=Noting())
        trainer.fit(
            numbers, numbers, epochs=epochs, batch_size=batch_size, progress=False, **options
        )


@pytest.mark.parametrize(("rows", "batch_size"), [(10, 3), (9, 3), (7, 100), (5, 1), (1, 1)])
def test_every_example_is_used_once_an_epoch(rows: int, batch_size: int) -> None:
    batches = RowsSeen(rows, batch_size).batches
    assert sorted(chain.from_iterable(batches)) == list(range(rows))
    assert all(len(b) == batch_size for b in batches[:-1])


def test_the_order_changes_from_epoch_to_epoch_and_follows_from_the_seed() -> None:
    batches = RowsSeen(20, 20, epochs=3).batches
    assert [b == sorted(b) for b in batches] == [False] * 3
    assert batches == [epoch_order(20, 5, epoch).tolist() for epoch in range(3)]
    assert len({tuple(b) for b in batches}) == 3


def test_without_shuffling_the_rows_come_as_they_stand() -> None:
    assert RowsSeen(7, 3, shuffle=False).batches == [[0, 1, 2], [3, 4, 5], [6]]


def test_held_out_rows_are_not_trained_on() -> None:
    used = list(chain.from_iterable(RowsSeen(20, 4, epochs=3, validation=0.25).batches))
    assert len(set(used)) == 15
    assert len(used) == 45


# ── Weights of examples ─────────────────────────────────────────────────────────────────────────


def fitted(x: Array, y: Array, **options: Any) -> dict[str, Array]:
    net = perceptron(2, "float64")
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(0.05))
    trainer.fit(x, y, epochs=5, progress=False, **options)
    return weights(net)


def test_weight_two_counts_a_row_twice() -> None:
    x, y = X[:6].astype(np.float64), Y[:6].astype(np.float64)
    weighted = fitted(x, y, batch_size=6, sample_weight=[1, 2, 1, 1, 2, 1])
    places = [0, 1, 1, 2, 3, 4, 4, 5]
    repeated = fitted(x[places], y[places], batch_size=8)
    for name, w in weighted.items():
        assert np.allclose(w, repeated[name], rtol=1e-12, atol=1e-14), "sums in another order"


@pytest.mark.parametrize("batch_size", [1, 2, 4, 50])
def test_weight_zero_is_the_absence_of_the_row_to_the_bit(batch_size: int) -> None:
    w = np.ones(50)
    w[::3] = 0.0
    kept = np.flatnonzero(w)
    x, y = X.astype(np.float64), Y.astype(np.float64)
    without = fitted(x[kept], y[kept], batch_size=batch_size, sample_weight=w[kept])
    assert same_bits(fitted(x, y, batch_size=batch_size, sample_weight=w), without)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_evaluation_weighs_and_reduces_the_loss(reduction: str) -> None:
    net = perceptron(2, "float64")
    trainer = gd.Trainer(net, losses.squared_error, reduction=reduction)
    w = np.arange(50.0)
    each = ((net(X.astype(np.float64)).numpy() - Y) ** 2).sum(axis=1)
    expected = (each * w).sum() / (w.sum() if reduction == "mean" else 1.0)
    assert np.isclose(trainer.evaluate(X, Y, sample_weight=w)["loss"], expected, rtol=1e-6)


# ── The same bits again ─────────────────────────────────────────────────────────────────────────


def test_two_calls_of_fit_are_one_longer_call() -> None:
    once, twice = perceptron(), perceptron()
    one = gd.Trainer(once, losses.cross_entropy, optim.Adam(1e-2), seed=1)
    one.fit(X, LABELS, epochs=5, batch_size=8, progress=False)
    two = gd.Trainer(twice, losses.cross_entropy, optim.Adam(1e-2), seed=1)
    two.fit(X, LABELS, epochs=2, batch_size=8, progress=False)
    two.fit(X, LABELS, epochs=3, batch_size=8, progress=False)
    assert same_bits(weights(once), weights(twice))
    assert two.history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert two.history["loss"].tolist() == one.history["loss"].tolist()


PROCESS = """
import hashlib, sys
import numpy as np
import gradus as gd
from gradus import losses, nn, optim
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
gd.manual_seed(7)
layers = nn.Linear(5, 16), nn.BatchNorm(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
net = nn.Sequential(*layers)
trainer = gd.Trainer(net, losses.cross_entropy, optim.Adam(), seed=int(sys.argv[1]))
trainer.fit(X, y, epochs=3, batch_size=8, validation=0.2)
named = {**net.named_parameters(), **net.named_buffers()}
print(hashlib.sha256(b"".join(t.numpy().tobytes() for t in named.values())).hexdigest())
"""


def test_the_same_seed_gives_the_same_bits_in_two_processes_and_another_seed_others() -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS, seed], stdout=subprocess.PIPE, text=True)
        for seed in ("1", "1", "2")
    ]
    a, b, c = (p.communicate(timeout=60)[0] for p in processes)
    assert len(a) == 65
    assert a == b
    assert a != c


def test_evaluating_inside_a_callback_changes_nothing_and_sees_the_current_weights() -> None:
    seen: list[tuple[float, float]] = []

    class Look(Callback):
        def on_epoch_end(self, trainer: gd.Trainer, row: dict[str, Any]) -> None:
            by_hand = losses.mean(losses.cross_entropy(trainer.network(X), LABELS)).item()
            seen.append((trainer.evaluate(X, LABELS)["loss"], by_hand))
            trainer.predict(X[:3])

    assert same_bits(weights(trained()), weights(trained(callbacks=[Look()])))
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-5)
    assert seen[0] != seen[1]


def test_weights_set_by_hand_between_two_calls_are_where_training_goes_on() -> None:
    net = perceptron()
    trainer = gd.Trainer(net, losses.cross_entropy, optim.SGD(1e-9))
    trainer.fit(X, LABELS, epochs=1, progress=False)
    net[0].weight = np.full((8, 4), 0.5, np.float32)
    np.testing.assert_allclose(trainer.predict(X[:1]), net(X[:1]).numpy(), rtol=1e-6)
    trainer.fit(X, LABELS, epochs=1, progress=False)
    assert np.allclose(net[0].weight.numpy(), 0.5)


def test_one_thread_gives_the_bits_of_several() -> None:
    def run(threads: int | None) -> dict[str, Array]:
        net = perceptron()
        trainer = gd.Trainer(net, losses.cross_entropy, optim.Adam(), threads=threads)
        trainer.fit(X, LABELS, epochs=2, progress=False)
        trainer.predict(X)
        return weights(net)

    assert same_bits(run(1), run(None))


# ── Optimizers reach the steps ──────────────────────────────────────────────────────────────────


def moved(optimizer: optim.Optimizer, **options: Any) -> dict[str, Array]:
    net = perceptron()
    before = weights(net)
    gd.Trainer(net, losses.cross_entropy, optimizer).fit(
        X, LABELS, **{"epochs": 1, "batch_size": 50, "progress": False, **options}
    )
    return {n: w - before[n] for n, w in weights(net).items()}


def test_a_group_has_a_rate_of_its_own() -> None:
    plain = moved(optim.SGD(0.1))
    grouped = moved(optim.SGD(0.1, groups={"*.bias": {"lr": 0.2}}))
    for name, change in plain.items():
        factor = 2.0 if name.endswith("bias") else 1.0
        assert np.allclose(grouped[name], factor * change, rtol=1e-4, atol=1e-7)


def test_clipping_bounds_the_whole_step() -> None:
    step = moved(optim.SGD(1.0, clip_norm=0.01))
    length = np.sqrt(sum((s.astype(np.float64) ** 2).sum() for s in step.values()))
    assert np.isclose(length, 0.01, rtol=1e-3)
    assert max(np.abs(s).max() for s in moved(optim.SGD(1.0, clip_value=1e-3)).values()) < 1.01e-3


def test_a_schedule_sets_the_rate_of_each_step() -> None:
    net = perceptron()
    schedule = optim.Step(epochs=2, gamma=0.1)
    trainer = gd.Trainer(net, losses.cross_entropy, optim.SGD(0.5, schedule=schedule))
    history = trainer.fit(X, LABELS, epochs=5, batch_size=10, progress=False)
    assert np.allclose(history["learning_rate"], [0.5, 0.5, 0.05, 0.05, 0.005])
    at_once = moved(optim.SGD(0.05))
    warm = moved(optim.SGD(0.5, schedule=optim.WarmUp(steps=10, start=0.1)))
    for name, change in at_once.items():
        assert np.allclose(warm[name], change, rtol=1e-4, atol=1e-7), "the first of ten steps"


@pytest.mark.parametrize("executor", ["reference", "auto"])
def test_a_schedule_sets_the_decay_of_each_step(executor: str) -> None:
    def trained(decay: float, schedule: optim.Schedule | None) -> nn.Module:
        net = perceptron(dtype="float64")
        rule = optim.AdamW(
            0.1,
            weight_decay=decay,
            schedule=optim.Exponential(0.5),
            decay_schedule=schedule,
            groups={"*.bias": {"weight_decay": 0.0}},
        )

        def nothing(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
            return 0.0 * losses.cross_entropy(prediction, target)

        trainer = gd.Trainer(net, nothing, rule, executor=executor)
        for epochs in (3, 1):  # a further call begins its schedules anew
            trainer.fit(X, LABELS, epochs=epochs, batch_size=20, progress=False)
        return net

    start, scheduled = weights(perceptron(dtype="float64")), weights(trained(0.5, optim.Cosine()))
    shrink = 1.0
    for total in (9, 3):
        steps = np.arange(total)
        factors = (1 + np.cos(np.pi * steps / total)) / 2
        shrink *= np.prod(1 - 0.1 * 0.5 ** (steps // 3) * 0.5 * factors)
    for name, before in start.items():
        expected = before if name.endswith("bias") else before * shrink
        assert np.allclose(scheduled[name], expected, rtol=1e-13)
    constant = weights(trained(0.5, optim.Constant()))
    assert same_bits(constant, weights(trained(0.5, None))), "a factor of 1 changes nothing"


def test_a_program_has_a_factor_on_the_decay_only_where_it_is_scheduled() -> None:
    from gradus.train.step import training_graph
    from gradus.types import TensorType, float32, int64

    batch = {"x": TensorType((5, 4), float32), "y": TensorType((5,), int64)}
    given = []
    for schedule in (None, optim.Cosine()):
        rule = optim.AdamW(decay_schedule=schedule)
        made = training_graph(perceptron(), losses.cross_entropy, "mean", rule, batch)
        given.append(list(made.graph.inputs))
    assert "decay" not in given[0]
    assert [n for n in given[1] if n != "decay"] == given[0]


def test_a_schedule_of_another_length_is_refused_before_the_first_step() -> None:
    @dataclass(frozen=True)
    class Short(optim.Schedule):
        def factor(self, step: Array, total: int, per_epoch: int) -> Array:
            return np.ones(len(step) - 1)

    net = nn.Sequential(nn.Linear(2, 1))
    before = net[0].weight.numpy().copy()
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(0.1, schedule=Short()))
    with pytest.raises(ShapeError, match=r"one factor a step, here \(3,\)"):
        trainer.fit(np.ones((6, 2)), np.ones((6, 1)), batch_size=2, progress=False)
    assert np.array_equal(net[0].weight.numpy(), before)


def test_a_module_may_say_itself_which_of_its_tensors_are_trained() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            self.a = gd.tensor(np.ones((3, 2)), requires_grad=True)
            self.b = gd.tensor(np.ones((3, 2)), requires_grad=True)

        def named_parameters(self) -> dict[str, gd.Tensor]:
            return {"a": self.a}

        def named_buffers(self) -> dict[str, gd.Tensor]:
            return {"b": self.b}

        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return x @ self.a + x @ self.b

    net = Half()
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(0.1))
    trainer.fit(np.eye(3), np.zeros((3, 2)), progress=False)
    assert (net.a.numpy() < 1).all()
    assert (net.b.numpy() == 1).all()


def test_a_fit_inside_a_fit_is_refused_and_the_trainer_trains_again_afterwards() -> None:
    class Again(Callback):
        def on_step(self, trainer: gd.Trainer, step: int) -> None:
            trainer.fit(*data, progress=False)

    data = np.ones((6, 2)), np.ones((6, 1))
    trainer = gd.Trainer(nn.Sequential(nn.Linear(2, 1)), losses.squared_error)
    with pytest.raises(ArgumentError, match="one fit at a time"):
        trainer.fit(*data, callbacks=[Again()], progress=False)
    assert trainer.history.stop_reason == "ArgumentError"
    assert len(trainer.fit(*data, epochs=2, progress=False)) == 2


def test_a_plateau_lowers_the_rate_when_the_validation_loss_stalls() -> None:
    net = perceptron()
    rule = optim.SGD(1e-12, schedule=optim.Plateau(factor=0.5, patience=1))
    trainer = gd.Trainer(net, losses.cross_entropy, rule)
    history = trainer.fit(X, LABELS, epochs=7, validation=0.2, progress=False)
    factors = history["learning_rate"] / 1e-12
    assert np.allclose(factors, [1, 1, 1, 0.5, 0.5, 0.25, 0.25])


def test_frozen_parameters_stay_and_others_move() -> None:
    net = perceptron()
    net[0].weight.requires_grad_(False)
    before = weights(net)
    trained(net)
    after = weights(net)
    assert np.array_equal(before["0.weight"], after["0.weight"])
    assert not np.array_equal(before["2.weight"], after["2.weight"])


def test_parameters_may_be_frozen_and_freed_between_two_calls() -> None:
    net = perceptron()
    trainer = gd.Trainer(net, losses.cross_entropy, optim.Adam(1e-2))
    moves = []
    for frozen in (False, True, False):
        net[0].weight.requires_grad_(not frozen)
        before = net[0].weight.numpy().copy()
        trainer.fit(X, LABELS, epochs=1, progress=False)
        moves.append(not np.array_equal(before, net[0].weight.numpy()))
    assert moves == [True, False, True]


# ── Modes and state ─────────────────────────────────────────────────────────────────────────────


def with_dropout() -> nn.Sequential:
    gd.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))


def test_dropout_trains_reproducibly_and_predicts_without_noise() -> None:
    a, b = trained(with_dropout()), trained(with_dropout())
    assert same_bits(weights(a), weights(b))
    trainer = gd.Trainer(a, losses.cross_entropy)
    assert np.array_equal(trainer.predict(X), trainer.predict(X))
    silent = nn.Sequential(a[0], a[1], a[3])
    assert np.allclose(trainer.predict(X), silent(X).numpy(), rtol=1e-5, atol=1e-6)
    assert a.training, "the network's own mode stays as it was"


def test_dropout_draws_anew_at_every_step() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 1, bias=False))
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(1e-12))
    history = trainer.fit(X, Y[:, :1], epochs=4, batch_size=50, shuffle=False, progress=False)
    assert len(set(history["loss"].tolist())) == 4


def test_batch_norm_follows_the_batches_and_is_used_and_saved(tmp_path: Path) -> None:
    gd.manual_seed(0)
    net = nn.Sequential(nn.BatchNorm(4, momentum=0.5), nn.Linear(4, 3))
    trainer = gd.Trainer(net, losses.cross_entropy, optim.SGD(1e-9))
    trainer.fit(X, LABELS, epochs=2, batch_size=25, shuffle=False, progress=False)
    mean, var = np.zeros(4), np.ones(4)
    for rows in (X[:25], X[25:]) * 2:
        mean = 0.5 * mean + 0.5 * rows.mean(axis=0)
        var = 0.5 * var + 0.5 * rows.var(axis=0, ddof=1)
    assert np.allclose(net[0].running_mean.numpy(), mean, atol=1e-6)
    assert np.allclose(net[0].running_var.numpy(), var, rtol=1e-5)
    predicted = trainer.predict(X)
    assert np.allclose(predicted, net[1]((X - mean) / np.sqrt(var + 1e-5)).numpy(), atol=1e-5)
    net.save(tmp_path / "net.safetensors")
    loaded = gd.load(tmp_path / "net.safetensors")
    assert same_bits(weights(loaded), weights(net))
    assert np.array_equal(gd.Trainer(loaded, losses.cross_entropy).predict(X), predicted)


def test_modules_keep_their_own_modes() -> None:
    net = with_dropout()
    net[2].eval()
    trained(net)
    assert [m.training for m in net] == [True, True, False, True]


def test_a_loss_may_read_tensors_of_its_own() -> None:
    factors = gd.tensor([0.0, 0.0, 0.0])

    def weighted(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return losses.cross_entropy(prediction, target) * factors[target]

    net = perceptron()
    trainer = gd.Trainer(net, weighted, optim.SGD(0.1))
    before = weights(net)
    assert trainer.fit(X, LABELS, epochs=1, progress=False)["loss"].tolist() == [0.0]
    assert same_bits(before, weights(net))
    factors.assign([1.0, 1.0, 1.0])
    assert trainer.fit(X, LABELS, epochs=1, progress=False)["loss"][1] > 0.5
    assert not same_bits(before, weights(net))


def test_a_buffer_that_is_infinite_on_purpose_is_no_divergence() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(4, 3)
            self.mask = gd.tensor([0.0, 0.0, -np.inf])

        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return self.inner(x) + self.mask

    trainer = gd.Trainer(Masked(), losses.cross_entropy)
    history = trainer.fit(X, np.minimum(LABELS, 1), epochs=2, progress=False)
    assert np.isfinite(history["loss"]).all()


# ── Validation, metrics, predictions ────────────────────────────────────────────────────────────


def test_a_given_validation_set_is_measured_after_each_epoch() -> None:
    net = perceptron()
    trainer = gd.Trainer(net, losses.cross_entropy, metrics=["accuracy"])
    history = trainer.fit(
        X[:40], LABELS[:40], epochs=3, validation=(X[40:], LABELS[40:]), progress=False
    )
    assert {"loss", "val_loss", "val_accuracy"} <= set(history.columns)
    measured = trainer.evaluate(X[40:], LABELS[40:])
    assert measured == {
        "loss": history["val_loss"][-1],
        "accuracy": history["val_accuracy"][-1],
    }


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_validation_rows_count_by_their_weights(reduction: str) -> None:
    w = np.array([0.0, 1.0, 2.0, 0.5, 3.0, 0.0, 1.0, 1.0, 4.0, 0.0])
    net = perceptron()
    trainer = gd.Trainer(net, losses.cross_entropy, metrics=["accuracy"], reduction=reduction)
    row = trainer.fit(
        X[:40], LABELS[:40], epochs=1, validation=(X[40:], LABELS[40:], w), progress=False
    ).rows[0]
    scores = net(X[40:])
    each = losses.cross_entropy(scores, LABELS[40:]).numpy()
    right = scores.numpy().argmax(axis=1) == LABELS[40:]
    expected = (each * w).sum() / (w.sum() if reduction == "mean" else 1.0)
    assert row["val_loss"] == pytest.approx(expected, rel=1e-6)
    assert row["val_accuracy"] == pytest.approx((right * w).sum() / w.sum(), rel=1e-12)
    measured = trainer.evaluate(X[40:], LABELS[40:], sample_weight=w)
    assert measured == {"loss": row["val_loss"], "accuracy": row["val_accuracy"]}


@pytest.mark.parametrize("validation", [(X,), (X, LABELS, None, None), "0.2", True])
def test_what_is_no_validation_is_refused(validation: Any) -> None:
    with pytest.raises(ArgumentError, match=r"validation is a share .* or \(X, y, weight\)"):
        trained(validation=validation)


def test_a_split_of_weighted_rows_is_that_of_the_rows_that_count() -> None:
    from gradus.data import split_indices

    w = np.where(np.arange(50) % 7 == 0, 0.0, 1.0 + np.arange(50) % 3)
    kept = np.flatnonzero(w)
    training, held = (kept[part] for part in split_indices(len(kept), 0.25, 3, LABELS[kept]))
    found = []
    for rows, validation in (
        (np.arange(50), 0.25),
        (training, (X[held], LABELS[held], w[held])),
    ):
        net = perceptron()
        trainer = gd.Trainer(net, losses.cross_entropy, seed=3, metrics=["accuracy"])
        history = trainer.fit(
            X[rows],
            LABELS[rows],
            epochs=2,
            batch_size=8,
            sample_weight=w[rows],
            validation=validation,
            progress=False,
        )
        found.append((weights(net), [history[c].tolist() for c in history.metrics]))
    assert same_bits(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_a_split_holds_out_every_class_and_is_the_given_set_of_its_rows() -> None:
    from gradus.data import split_indices

    training, held = split_indices(50, 0.2, 3, LABELS)
    split = trained(validation=0.2)
    given = perceptron()
    trainer = gd.Trainer(given, losses.cross_entropy, optim.Adam(1e-2), seed=3)
    trainer.fit(
        X[training],
        LABELS[training],
        epochs=2,
        batch_size=8,
        validation=(X[held], LABELS[held]),
        progress=False,
    )
    assert same_bits(weights(split), weights(given))


def test_metrics_are_measured_on_the_training_rows_without_validation() -> None:
    def bias(prediction: Array, target: Array) -> float:
        return float((prediction - target).mean())

    net = perceptron(2)
    trainer = gd.Trainer(net, losses.squared_error, metrics=["rmse", bias])
    row = trainer.fit(X, Y, epochs=1, progress=False).rows[0]
    difference = net(X).numpy() - Y
    assert np.isclose(row["rmse"], np.sqrt((difference**2).mean()), rtol=1e-5)
    assert np.isclose(row["bias"], difference.mean(), rtol=1e-4, atol=1e-6)
    assert "val_loss" not in row


def test_many_rows_are_predicted_as_one_by_one() -> None:
    net = perceptron()
    trainer = gd.Trainer(net, losses.cross_entropy)
    many = np.random.default_rng(1).normal(size=(2500, 4)).astype(np.float32)
    together = trainer.predict(many)
    assert together.shape == (2500, 3)
    for k in (0, 1, 1023, 1024, 2048, 2499):
        alone = trainer.predict(many[k : k + 1])[0]
        # float32, sums of 8: another blocking of the product changes the last bits.
        assert np.allclose(together[k], alone, rtol=1e-5, atol=1e-6)


def test_predicting_and_evaluating_change_nothing() -> None:
    net = nn.Sequential(nn.BatchNorm(4), nn.Linear(4, 3))
    before = weights(net)
    trainer = gd.Trainer(net, losses.cross_entropy)
    trainer.predict(X)
    trainer.evaluate(X, LABELS)
    assert same_bits(before, weights(net))
    assert len(trainer.history) == 0


def test_targets_of_one_number_fit_a_network_of_one_output() -> None:
    def fit(y: Array) -> list[float]:
        trainer = gd.Trainer(perceptron(1), losses.squared_error)
        return trainer.fit(X, y, epochs=2, progress=False)["loss"].tolist()

    assert fit(Y[:, 0]) == fit(Y[:, :1])


def test_integers_reach_an_embedding_as_integers() -> None:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Embedding(10, 3), nn.Flatten(), nn.Linear(6, 2))
    x = np.random.default_rng(0).integers(0, 10, (40, 2))
    trainer = gd.Trainer(net, losses.cross_entropy, optim.Adam(0.05))
    history = trainer.fit(x, (x[:, 0] > 4).astype(int), epochs=20, progress=False)
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_lists_and_wide_floats_are_taken() -> None:
    trainer = gd.Trainer(perceptron(), losses.cross_entropy)
    trainer.fit(X.astype(np.float64).tolist(), LABELS.tolist(), epochs=1, progress=False)
    assert trainer.predict(X[:2].tolist()).dtype == np.float32


@pytest.mark.parametrize("weighted", [False, True])
def test_many_rows_are_judged_part_by_part_as_all_together(weighted: bool) -> None:
    n = 40_000
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 4)), rng.normal(size=(n, 2))
    w = rng.integers(0, 3, n).astype(float) if weighted else None

    def last(prediction: Array, target: Array) -> float:
        assert len(prediction) == len(target) == (n if w is None else np.count_nonzero(w))
        return float(np.abs(prediction[-1] - target[-1]).sum())

    net = perceptron(2, "float64")
    trainer = gd.Trainer(net, losses.squared_error, metrics=["rmse", last])
    found = trainer.evaluate(x, y, sample_weight=w)
    error = net(x).numpy() - y
    each = (error**2).sum(axis=1)
    # 40,000 numbers added up in another order.
    assert found["loss"] == pytest.approx(np.average(each, weights=w), rel=1e-12)
    assert found["rmse"] == pytest.approx(np.average(each, weights=w) ** 0.5 / 2**0.5, rel=1e-12)
    kept = np.arange(n) if w is None else np.flatnonzero(w)
    assert found["last"] == pytest.approx(np.abs(error[kept[-1]]).sum(), rel=1e-12)


@pytest.mark.parametrize("case", ["plain", "split", "given", "weights", "evaluate"])
def test_a_large_table_is_neither_copied_nor_joined_by_arrays_of_its_size(case: str) -> None:
    n = 40_000
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 100)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    w = (np.arange(n) % 4).astype(np.float32)
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(100, 4), nn.Tanh(), nn.Linear(4, 2))
    trainer = gd.Trainer(net, losses.cross_entropy, metrics=["accuracy"])

    def run() -> None:
        if case == "evaluate":
            trainer.evaluate(x, y, sample_weight=w)
            return
        validation = {"split": 0.3, "given": (x, y)}.get(case)
        weight = w if case == "weights" else None
        trainer.fit(
            x,
            y,
            epochs=1,
            batch_size=2000,
            progress=False,
            sample_weight=weight,
            validation=validation,
        )

    run()  # programs are made
    tracemalloc.start()
    try:
        run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 16 MB of table. Parts of 10,240 chosen rows are 4, and some arrays have 40,000 numbers.
    assert peak < x.nbytes / 2


def test_memory_stays_flat_over_epochs() -> None:
    trainer = gd.Trainer(perceptron(), losses.cross_entropy)
    trainer.fit(X, LABELS, epochs=3, batch_size=5, progress=False)
    tracemalloc.start()
    try:
        trainer.fit(X, LABELS, epochs=5, batch_size=5, progress=False)
        early = tracemalloc.get_traced_memory()[0]
        trainer.fit(X, LABELS, epochs=40, batch_size=5, progress=False)
        late = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    # A row of the history takes about a kilobyte; the 400 steps' arrays would take 400.
    assert late - early < 40 * 3000
