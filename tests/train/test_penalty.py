"""Penalties on the weights: what they add, to what, and what they leave alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.errors import ArgumentError, DivergenceError, GradusError, ShapeError
from gradus.train import L2Penalty
from gradus.types import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 4))
Y = X @ RNG.normal(size=(4, 1))
W = np.arange(1.0, 11.0)


def network() -> nn.Sequential:
    gd.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 5, dtype="float64"), nn.Tanh(), nn.Linear(5, 1, dtype="float64")
    )


def weights(net: nn.Module) -> dict[str, Array]:
    return {n: t.numpy().copy() for n, t in net.named_parameters().items()}


@pytest.mark.parametrize("executor", ["reference", "auto"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_penalty_is_added_once_to_each_batchs_sum_of_losses(
    reduction: str, weighted: bool, executor: str
) -> None:
    alpha, rate = 0.7, 0.01
    w = W if weighted else np.ones(10)
    net = nn.Sequential(nn.Linear(4, 1, dtype="float64"))
    theta, bias = net[0].weight.numpy().copy(), net[0].bias.numpy().copy()
    trainer = gd.Trainer(
        net,
        losses.squared_error,
        optim.SGD(rate),
        reduction=reduction,
        penalty=L2Penalty(alpha),
        executor=executor,
    )
    given = w if weighted else None
    history = trainer.fit(
        X, Y, epochs=2, batch_size=4, shuffle=False, sample_weight=given, progress=False
    )
    for epoch in range(2):
        total = 0.0
        for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):
            error = X[rows] @ theta.T + bias - Y[rows]
            total += (w[rows, None] * error**2).sum() + alpha / 2 * (theta**2).sum()
            divisor = w[rows].sum() if reduction == "mean" else 1.0
            slope = (2.0 * (w[rows, None] * error).T @ X[rows] + alpha * theta) / divisor
            bias = bias - rate * 2.0 * (w[rows, None] * error).sum(axis=0) / divisor
            theta = theta - rate * slope
        expected = total / w.sum() if reduction == "mean" else total
        assert np.isclose(history["loss"][epoch], expected, rtol=1e-13)
    assert np.allclose(net[0].weight.numpy(), theta, rtol=1e-12)
    assert np.allclose(net[0].bias.numpy(), bias, rtol=1e-12)


def test_validation_and_evaluation_are_without_the_penalty() -> None:
    plain, charged = network(), network()
    rows: list[tuple[dict[str, float], dict[str, Any]]] = []
    for net, penalty in ((plain, None), (charged, L2Penalty(100.0))):
        # Rate so small that both end with the same weights, to 1e-9.
        trainer = gd.Trainer(net, losses.squared_error, optim.SGD(1e-14), penalty=penalty)
        history = trainer.fit(X, Y, epochs=1, validation=(X, Y), progress=False)
        rows.append((trainer.evaluate(X, Y), history.rows[0]))
    assert rows[0][0]["loss"] == pytest.approx(rows[1][0]["loss"], rel=1e-9)
    assert rows[0][1]["val_loss"] == pytest.approx(rows[1][1]["val_loss"], rel=1e-9)
    assert rows[1][1]["loss"] > rows[0][1]["loss"] + 1.0


def test_the_ready_made_penalty_takes_weights_and_leaves_biases_and_frozen_ones() -> None:
    net = network()
    squares = {n: (w**2).sum() for n, w in weights(net).items()}
    both = squares["0.weight"] + squares["2.weight"]
    assert L2Penalty(3.0)(net).item() == pytest.approx(1.5 * both, rel=1e-14)
    assert L2Penalty(3.0, "2.*")(net).item() == pytest.approx(
        1.5 * (squares["2.weight"] + squares["2.bias"]), rel=1e-14
    )
    net[0].weight.requires_grad_(False)
    assert L2Penalty(3.0)(net).item() == pytest.approx(1.5 * squares["2.weight"], rel=1e-14)


def test_a_penalty_of_ones_own_sees_the_weights_of_each_step() -> None:
    def pull(net: nn.Module) -> gd.Tensor:
        return ops.sum(ops.square(net[0].weight)) / 2  # type: ignore[index]

    def nothing(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return 0.0 * losses.squared_error(prediction, target)

    net = network()
    before = weights(net)
    trainer = gd.Trainer(net, nothing, optim.SGD(0.1), reduction="sum", penalty=pull)
    trainer.fit(X, Y, epochs=6, batch_size=2, progress=False)
    after = weights(net)
    assert np.allclose(after["0.weight"], before["0.weight"] * 0.9**30, rtol=1e-12)
    assert np.array_equal(after["2.weight"], before["2.weight"])


def test_no_penalty_and_one_of_zero_train_alike() -> None:
    found = []
    for penalty in (None, L2Penalty(0.0)):
        net = network()
        trainer = gd.Trainer(net, losses.squared_error, optim.Adam(0.01), penalty=penalty)
        trainer.fit(X, Y, epochs=5, batch_size=4, progress=False)
        found.append(weights(net))
    for name, w in found[0].items():
        # The mean is a sum divided by the rows in the second, in another order of rounding.
        assert np.allclose(w, found[1][name], rtol=1e-11, atol=1e-13)


def test_a_large_penalty_to_begin_with_is_no_explosion() -> None:
    trainer = gd.Trainer(network(), losses.squared_error, optim.SGD(1e-12), penalty=L2Penalty(1e9))
    history = trainer.fit(X, Y, epochs=2, batch_size=2, progress=False)
    assert history["loss"][0] > 1e7


def test_a_penalty_that_leaves_the_finite_numbers_is_named() -> None:
    def broken(net: nn.Module) -> gd.Tensor:
        return ops.sum(net[0].weight) * float("inf")  # type: ignore[index]

    trainer = gd.Trainer(network(), losses.squared_error, penalty=broken)
    with pytest.raises(DivergenceError, match="the penalty is not finite although the loss is"):
        trainer.fit(X, Y, epochs=1, progress=False)


@pytest.mark.parametrize(
    ("penalty", "says"),
    [
        (0.1, r"a penalty is a function .*received 0\.1.*L2Penalty"),
        (lambda net: 1.0, "a penalty gives a tensor .*received float"),
        (lambda net: net[0].weight, r"a penalty gives one number.*ops\.sum"),
        (L2Penalty(1.0, "*.wieght"), r"matches a trained parameter.*'\*\.wieght' for 0\.weight"),
    ],
)
def test_what_is_no_penalty_is_refused_before_the_first_step(penalty: Any, says: str) -> None:
    net = network()
    before = weights(net)
    with pytest.raises(GradusError, match=says) as caught:
        gd.Trainer(net, losses.squared_error, penalty=penalty).fit(X, Y, progress=False)
    assert isinstance(caught.value, (ArgumentError, ShapeError))
    assert all(np.array_equal(w, before[n]) for n, w in weights(net).items())


@pytest.mark.parametrize("alpha", [-1.0, float("nan"), "1"])
def test_a_strength_without_meaning_is_refused(alpha: Any) -> None:
    with pytest.raises(ArgumentError, match="alpha must be a finite number"):
        L2Penalty(alpha)


# ── Weights of examples ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("penalty", [None, L2Penalty(0.5)], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_fifty_full_batches_count_a_row_as_often_as_its_weight_says(
    reduction: str, penalty: L2Penalty | None
) -> None:
    w = np.array([0.0, 1.0, 2.0, 1.0, 3.0, 0.0, 2.0, 1.0, 1.0, 0.0])
    places = np.repeat(np.arange(10), w.astype(int))
    courses = []
    for x, y, given in ((X, Y, w), (X[places], Y[places], None)):
        net = network()
        trainer = gd.Trainer(
            net, losses.squared_error, optim.Adam(0.01), reduction=reduction, penalty=penalty
        )
        history = trainer.fit(x, y, epochs=50, batch_size=99, sample_weight=given, progress=False)
        courses.append((weights(net), history["loss"]))
    # Sums in another order: roundings of 1e-16 that 50 steps of Adam make larger.
    assert np.allclose(courses[0][1], courses[1][1], rtol=1e-11)
    for name, found in courses[0][0].items():
        assert np.allclose(found, courses[1][0][name], rtol=1e-9, atol=1e-12)


# ── scikit-learn's curve ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize(("weighted", "size"), [(False, 4), (True, 4), (True, 10)])
def test_the_recorded_losses_are_scikit_learns_loss_curve(
    solver: str, weighted: bool, size: int
) -> None:
    from sklearn.neural_network import MLPRegressor

    w = W if weighted else None
    theirs = MLPRegressor(
        hidden_layer_sizes=(5,), activation="tanh", solver=solver, alpha=0.7, batch_size=size,
        shuffle=False, tol=0.0, n_iter_no_change=1000, warm_start=True,
    )  # fmt: skip
    # A first step so small that it only makes the arrays, which then take our weights.
    theirs.set_params(max_iter=1, learning_rate_init=1e-300)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs.fit(X, Y.ravel())
    net = network()
    theirs.coefs_ = [net[k].weight.numpy().T.copy() for k in (0, 2)]
    theirs.intercepts_ = [net[k].bias.numpy().copy() for k in (0, 2)]
    theirs.set_params(max_iter=30, learning_rate_init=0.01)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs.fit(X, Y.ravel(), sample_weight=w)

    def half(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return 0.5 * losses.squared_error(prediction, target)

    rule = (
        optim.Adam(0.01, epsilon_hat=True)
        if solver == "adam"
        else optim.SGD(0.01, momentum=0.9, nesterov=True)
    )
    trainer = gd.Trainer(net, half, rule, penalty=L2Penalty(0.7))
    history = trainer.fit(
        X, Y, epochs=30, batch_size=size, shuffle=False, sample_weight=w, progress=False
    )
    curve = theirs.loss_curve_[-30:]
    assert curve[-1] < 0.9 * curve[0], "a curve that stands still proves nothing"
    # 90 steps of roundings of 1e-16. The steps agree with weights, too; but theirs count a batch in
    # the curve by its rows, ours by the weights of its rows, as it is without batches.
    assert np.allclose(history["loss"], curve, rtol=1e-11, atol=0) == (not weighted or size == 10)
    assert np.allclose(net[0].weight.numpy().T, theirs.coefs_[0], rtol=1e-9, atol=1e-12)
