"""Minimising any function: where the walks end, why, and what is kept of the way."""

from __future__ import annotations

import os
import signal
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.compiler.native import available
from gradus.errors import (
    ArgumentError,
    DivergenceError,
    DtypeError,
    GradusError,
    ShapeError,
    TraceError,
)

EXECUTORS = ["reference", *(["native"] if available() else [])]


def parabola(theta: gd.Tensor) -> gd.Tensor:
    """(x − 1)² + 2 (y + 2)², smallest at (1, −2)."""
    return (ops.square(theta - np.array([1.0, -2.0])) * np.array([1.0, 2.0])).sum()


def rosenbrock(theta: gd.Tensor) -> gd.Tensor:
    """(1 − x)² + 100 (y − x²)², smallest at (1, 1)."""
    x, y = theta[0], theta[1]
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


def by_hand(
    rule: optim.Optimizer, function: Callable[[gd.Tensor], gd.Tensor], start: Any, steps: int
) -> np.ndarray:
    """All points of the plainest loop, (steps + 1, n)."""
    theta = gd.tensor(start, requires_grad=True)
    states, points = rule.init_all({"x": theta}), [theta.numpy().copy()]
    assert isinstance(rule.schedule, optim.Schedule)
    factors = rule.schedule.factor(np.arange(float(steps)), steps, 1)
    for step, factor in enumerate(factors.tolist(), 1):
        gradient = gd.grad(function(theta), theta)
        with gd.no_grad():
            new, states = rule.apply({"x": theta}, {"x": gradient}, states, step, factor)
        theta.assign(new["x"])
        points.append(theta.numpy().copy())
    return np.array(points)


# ── Steps of an optimizer ───────────────────────────────────────────────────────────────────────

RULES: dict[str, optim.Optimizer] = {
    "SGD": optim.SGD(1e-3),
    "momentum": optim.SGD(5e-4, momentum=0.9, schedule=optim.Cosine()),
    "clipped": optim.SGD(1e-2, clip_norm=1.0),
    "Adam": optim.Adam(0.05, schedule=optim.WarmUp(20, then=optim.Exponential(0.99))),
    "RMSprop": optim.RMSprop(0.01),
    "Adagrad": optim.Adagrad(0.1),
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("steps", [1, 63, 100])  # within a call, to its edge, over several
def test_the_way_is_that_of_the_plain_loop(
    rule: optim.Optimizer, steps: int, executor: str
) -> None:
    start = np.array([-0.5, 1.0])
    found = gd.minimise(rosenbrock, start, rule, steps=steps, gradient_norm=None, executor=executor)
    points = by_hand(rule, rosenbrock, start, steps)
    # Rounding alone differs: compiled steps may fuse, and Rosenbrock's valley spreads it slowly.
    assert found.points == pytest.approx(points, rel=1e-9)
    assert found.values == pytest.approx([rosenbrock(gd.tensor(p)).item() for p in points], 1e-8)
    assert np.array_equal(found.at.numpy(), found.points[-1])
    assert (found.steps, found.converged) == (steps, False)
    assert (found.function_evaluations, found.gradient_evaluations) == (steps + 1, steps + 1)
    assert found.reason == ("all 1 step done" if steps == 1 else f"all {steps} steps done")


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("limit", [3.0, 0.1, 1e-6, 1e-9])
def test_it_ends_at_the_first_point_whose_gradient_is_small_enough(
    limit: float, executor: str
) -> None:
    rule = optim.SGD(0.05, momentum=0.5)
    found = gd.minimise(
        parabola, np.array([-1.0, 1.0]), rule, gradient_norm=limit, executor=executor
    )
    points = by_hand(rule, parabola, np.array([-1.0, 1.0]), 300)
    norms = [np.hypot(2 * (x - 1), 4 * (y + 2)) for x, y in points]
    assert found.converged
    assert found.steps == next(k for k, norm in enumerate(norms) if norm <= limit)
    assert found.at.numpy() == pytest.approx(points[found.steps], rel=1e-12)
    assert found.gradient_norm == pytest.approx(norms[found.steps], rel=1e-6)
    assert len(found.values) == len(found.points) == found.steps + 1
    assert "gradient norm" in found.reason


def test_a_start_at_the_minimum_takes_no_step() -> None:
    for rule in (optim.SGD(0.1), optim.Adam(0.1), optim.LBFGS()):
        found = gd.minimise(parabola, np.array([1.0, -2.0]), rule)
        assert (found.converged, found.steps, found.function_evaluations) == (True, 0, 1)


def test_it_converges_when_the_value_stops_changing() -> None:
    found = gd.minimise(
        lambda x: (x - 1) ** 2 + 5, 0.0, optim.SGD(0.1), gradient_norm=None, loss_change=1e-4
    )
    changes = np.abs(np.diff(found.values)) / found.values[1:]
    assert found.converged
    assert changes[-1] <= 1e-4 < changes[-2]
    assert "changed by at most 0.0001" in found.reason


def test_criteria_hold_at_the_very_last_point_too() -> None:
    free = gd.minimise(lambda x: x * x, 1.0, optim.SGD(0.25), gradient_norm=1e-3)
    bounded = gd.minimise(
        lambda x: x * x, 1.0, optim.SGD(0.25), gradient_norm=1e-3, steps=free.steps
    )
    assert bounded.converged
    short = gd.minimise(
        lambda x: x * x, 1.0, optim.SGD(0.25), gradient_norm=1e-3, steps=free.steps - 1
    )
    assert not short.converged


@settings(max_examples=25, deadline=None)
@given(rate=st.floats(0.05, 0.45), limit=st.floats(1e-6, 1.0), steps=st.integers(1, 150))
def test_points_that_are_kept_or_called_back_do_not_change_the_way(
    rate: float, limit: float, steps: int
) -> None:
    seen: list[tuple[int, float, float]] = []
    options = {"gradient_norm": limit, "steps": steps, "executor": "reference"}
    start, rule = np.array([-1.0, 1.0]), optim.SGD(rate, momentum=0.3)
    plain = gd.minimise(parabola, start, rule, points=False, **options)
    kept = gd.minimise(parabola, start, rule, points=True, **options)
    called = gd.minimise(
        parabola,
        start,
        rule,
        callback=lambda k, v, x: seen.append((k, v, x.numpy()[0])),
        **options,
    )
    assert plain.points is None
    for other in (kept, called):
        assert np.array_equal(plain.values, other.values)
        assert plain.at.tolist() == other.at.tolist() == other.points[-1].tolist()
        assert plain.reason == other.reason
    assert [k for k, _, _ in seen] == list(range(plain.steps + 1))
    assert [v for _, v, _ in seen] == plain.values.tolist()
    assert [x for _, _, x in seen] == kept.points[:, 0].tolist()


def test_a_callback_ends_the_walk_by_saying_true() -> None:
    for rule in (optim.SGD(0.1), optim.LBFGS(), optim.RandomSearch(1.0)):
        found = gd.minimise(
            rosenbrock, np.zeros(2), rule, callback=lambda k, *_: k == 3, gradient_norm=None
        )
        assert (found.steps, found.converged) == (3, False)
        assert found.reason == "ended by the callback"


def test_a_plateau_lowers_the_rate_where_the_value_no_longer_falls() -> None:
    # A rate of 1 on x² jumps from x to −x for ever; half of it ends the walk in one step.
    schedule = optim.Plateau(0.5, patience=0)
    stuck = gd.minimise(lambda x: x * x, 1.0, optim.SGD(1.0), steps=50)
    found = gd.minimise(lambda x: x * x, 1.0, optim.SGD(1.0, schedule=schedule), steps=50)
    assert (stuck.value, found.value, found.converged) == (1.0, 0.0, True)


def test_groups_go_by_the_names_of_the_arguments() -> None:
    rule = optim.SGD(0.25, groups={"b": {"lr": 0.5}})
    found = gd.minimise(lambda a, b: a * a + b * b, {"a": 1.0, "b": 1.0}, rule, steps=1)
    assert (found.at["a"].item(), found.at["b"].item()) == (0.5, 0.0)
    with pytest.raises(ArgumentError, match=r"pattern.*matches a parameter.*'c' for a, b"):
        gd.minimise(lambda a, b: a, {"a": 1.0, "b": 1.0}, optim.SGD(groups={"c": {"lr": 1.0}}))


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="no signals")
@pytest.mark.parametrize("rule", [optim.SGD(1e-9), optim.LBFGS(), optim.RandomSearch()])
def test_ctrl_c_ends_the_walk_and_keeps_it(rule: Any) -> None:
    def interrupt(step: int, value: float, at: Any) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    found = gd.minimise(rosenbrock, np.zeros(2), rule, callback=interrupt, steps=10**9)
    assert found.reason == "stopped by SIGINT"
    assert found.steps >= 2


# ── Rates: too small, too large, of the wrong sign ──────────────────────────────────────────────


def test_the_lectures_loop_is_a_walk() -> None:
    def L(theta: gd.Tensor) -> gd.Tensor:
        return (theta - 3) ** 2 + ops.sin(theta)

    gamma, theta = 0.1, gd.tensor(0.0, requires_grad=True)
    for _ in range(40):
        theta = theta - gamma * gd.grad(L(theta), theta)
    found = gd.minimise(L, 0.0, optim.SGD(gamma), steps=40, gradient_norm=None)
    assert found.at.item() == pytest.approx(theta.item(), rel=1e-6)  # float32


def test_the_rate_decides_between_crawling_converging_circling_and_diverging() -> None:
    # On x² a step multiplies x by 1 − 2γ.
    def walk(rate: float) -> gd.Minimum:
        return gd.minimise(lambda x: x * x, np.array(1.0), optim.SGD(rate), steps=100)

    assert walk(1e-4).at.item() == pytest.approx((1 - 2e-4) ** 100)
    assert walk(0.4).converged
    assert walk(1.0).at.item() == 1.0
    assert walk(1.1).at.item() == pytest.approx(1.2**100, rel=1e-12)


def test_the_wrong_sign_is_refused_as_a_rate_and_shown_by_the_negated_function() -> None:
    with pytest.raises(ArgumentError, match="lr must be"):
        optim.SGD(-0.1)
    gamma, theta = -0.1, gd.tensor(1.0, requires_grad=True)
    for _ in range(10):
        theta = theta - gamma * gd.grad(theta * theta, theta)
    up = gd.minimise(lambda x: -(x * x), 1.0, optim.SGD(0.1), steps=10)
    assert up.at.item() == pytest.approx(theta.item(), rel=1e-6)  # float32
    assert np.all(np.diff(-up.values) > 0)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("rate", [1.02, 1.1, 3.0, 1e10, 1e30])  # it ends in any part of a call
def test_a_walk_out_of_the_finite_numbers_gives_back_its_last_good_point(
    rate: float, executor: str
) -> None:
    with pytest.raises(DivergenceError, match=r"left the finite numbers at step.*last_good") as e:
        gd.minimise(
            lambda x: ops.sum(x * x), [1.0, 0.5], optim.SGD(rate), steps=10**6, executor=executor
        )
    good = e.value.last_good
    assert np.isfinite(good.values).all()
    assert good.value == pytest.approx(np.square(good.at.numpy()).sum(), rel=1e-6)
    assert f"at step {good.steps + 1};" in str(e.value)
    with np.errstate(over="ignore"):
        following = good.at.numpy() * np.float32(1 - 2 * rate)
        assert np.square(following).sum() > np.finfo(np.float32).max * 0.99, "not a step too early"


def test_an_argument_may_leave_the_finite_numbers_before_the_value_does() -> None:
    with pytest.raises(DivergenceError, match="an argument that is not finite") as e:
        gd.minimise(lambda x: ops.sigmoid(x * 1e10), np.array(0.0), optim.SGD(1e300))
    assert (e.value.last_good.at.item(), e.value.last_good.value) == (0.0, 0.5)


@pytest.mark.parametrize(
    ("function", "start"),
    [(lambda x: -(x**2), 1.0), (lambda x: -ops.exp(x), 1.0)],
)
def test_l_bfgs_on_a_function_without_a_minimum_says_so(
    function: Callable[[gd.Tensor], gd.Tensor], start: float
) -> None:
    with pytest.raises(DivergenceError, match="a value of -inf") as e:
        gd.minimise(function, start, optim.LBFGS())
    assert np.isfinite([e.value.last_good.value, e.value.last_good.at.item()]).all()


def test_l_bfgs_stays_where_the_function_is_finite_and_says_what_it_met() -> None:
    found = gd.minimise(lambda x: ops.log(x), np.array(3.0), optim.LBFGS())
    assert found.reason == "the line search meets values that are not finite"
    assert not found.converged
    assert found.value == pytest.approx(np.log(found.at.item()))
    # Where the first step stays inside, a wall of the domain does no harm.
    found = gd.minimise(lambda x: x - ops.log(x), np.array(0.2), optim.LBFGS())
    assert found.converged
    assert found.at.item() == pytest.approx(1.0, abs=1e-5)


def test_a_module_that_diverged_holds_the_last_good_point() -> None:
    net = nn.Linear(1, 1, init=nn.Constant(1.0))
    with pytest.raises(DivergenceError) as e:
        gd.minimise(lambda net: ops.sum(ops.square(net([[2.0]]))), net, optim.SGD(10.0))
    assert e.value.last_good.at is net
    assert ops.sum(ops.square(net([[2.0]]))).item() == pytest.approx(e.value.last_good.value)


# ── The form of a point ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rule", [optim.SGD(0.2), optim.LBFGS(), optim.EvolutionStrategy(0.1)])
def test_what_is_found_has_the_form_of_the_start(rule: Any) -> None:
    Pair = namedtuple("Pair", "a b")

    def f(a: gd.Tensor, b: gd.Tensor) -> gd.Tensor:
        return ops.sum(ops.square(a - 1.0)) + ops.sum(ops.square(b - 2.0))

    one = gd.minimise(lambda x: ops.sum(ops.square(x - 1.0)), np.zeros((2, 3)), rule, steps=200)
    assert (one.at.shape, one.at.dtype, one.points.shape[1:]) == ((2, 3), np.float64, (2, 3))
    two = gd.minimise(f, (np.zeros(2), 0), rule, steps=200)
    assert [(x.shape, str(x.dtype)) for x in two.at] == [((2,), "float64"), ((), "float32")]
    assert [p.shape[1:] for p in two.points] == [(2,), ()]
    pair = gd.minimise(f, Pair(0.0, 0.0), rule, steps=200)
    assert type(pair.at) is type(pair.points) is Pair
    named = gd.minimise(f, {"b": 0.0, "a": [0.0, 0.0]}, rule, steps=200)
    assert list(named.at) == list(named.points) == ["b", "a"]
    for found in (two, pair, (named.at["a"], named.at["b"])):
        a, b = found.at if isinstance(found, gd.Minimum) else found
        assert a.numpy() == pytest.approx(np.full(a.shape, 1.0), abs=1e-4)  # 1e-5 / 2, and float32
        assert b.item() == pytest.approx(2.0, abs=1e-4)


@pytest.mark.parametrize("rule", [optim.SGD(0.1), optim.LBFGS(), optim.EvolutionStrategy(0.3)])
def test_a_module_is_changed_in_place_and_its_frozen_fields_are_not(rule: Any) -> None:
    X = np.linspace(-1, 1, 20).reshape(-1, 1)
    gd.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(1, 4, dtype="float64"), nn.Tanh(), nn.Linear(4, 1, dtype="float64")
    )
    net[0].weight.requires_grad_(False)
    frozen = net[0].weight.numpy().copy()

    def loss(net: nn.Module) -> gd.Tensor:
        return losses.mean(losses.squared_error(net(X), np.sin(X)))

    before = loss(net).item()
    found = gd.minimise(loss, net, rule, steps=100)
    assert found.at is net
    assert loss(net).item() == pytest.approx(found.value, rel=1e-9)
    assert found.value < 0.1 * before
    assert np.array_equal(net[0].weight.numpy(), frozen)
    assert list(found.points) == ["0.bias", "2.weight", "2.bias"]


def test_a_start_given_as_a_tensor_stays_as_it_is() -> None:
    start = gd.tensor([1.0, 1.0], requires_grad=True)
    found = gd.minimise(lambda x: ops.sum(x * x), start, optim.SGD(0.25))
    assert (start.tolist(), start.grad, found.at.requires_grad) == ([1.0, 1.0], None, False)


def test_an_argument_that_does_not_matter_stays_where_it_is() -> None:
    for rule in (optim.SGD(0.25), optim.LBFGS()):
        found = gd.minimise(lambda x, y: x * x, (1.0, 7.0), rule)
        assert found.converged
        assert found.at[1].item() == 7.0


def test_tensors_from_outside_are_constants() -> None:
    w = gd.tensor(2.0, requires_grad=True)
    found = gd.minimise(lambda x: (x - w) ** 2, 0.0, optim.SGD(0.25))
    assert (found.at.item(), w.item(), w.grad) == (pytest.approx(2.0, abs=1e-5), 2.0, None)


def test_draws_in_the_function_are_the_same_at_every_step_and_follow_the_seed() -> None:
    net = nn.Sequential(nn.Linear(8, 1, init=nn.Constant(1.0), dtype="float64"), nn.Dropout(0.5))

    def loss(net: nn.Module) -> gd.Tensor:
        return ops.mean(ops.square(net(np.eye(8)) - 1.0))

    def values(seed: int) -> list[float]:
        net[0].weight = np.full((1, 8), 2.0)
        net[0].bias = np.zeros(1)
        return gd.minimise(loss, net, optim.LBFGS(), seed=seed, steps=20).values.tolist()

    assert values(0) == values(0) != values(1)
    assert np.all(np.diff(values(0)) < 0), "a smooth function, which a line search needs"


# ── L-BFGS ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("executor", EXECUTORS)
def test_l_bfgs_takes_a_few_dozen_steps_through_rosenbrocks_valley(executor: str) -> None:
    found = gd.minimise(rosenbrock, np.array([-1.2, 1.0]), optim.LBFGS(), executor=executor)
    assert found.converged
    assert found.at.numpy() == pytest.approx([1.0, 1.0], abs=1e-6)
    assert found.steps < 60
    assert len(found.values) == len(found.points) == found.steps + 1
    assert np.all(np.diff(found.values) < 0)
    assert found.function_evaluations == found.gradient_evaluations >= found.steps + 1


def test_l_bfgs_keeps_to_its_steps_and_says_where_the_digits_end() -> None:
    start = np.array([-1.2, 1.0])
    few = gd.minimise(rosenbrock, start, optim.LBFGS(), steps=5)
    assert (few.steps, few.converged, few.reason) == (5, False, "all 5 steps done")
    # Around a kink the gradient is not small, and rounding hides the way to it.
    last = gd.minimise(lambda x: ops.sum(ops.abs(x)), np.array([1.3, -0.2]), optim.LBFGS())
    assert not last.converged
    assert "at this precision" in last.reason


def test_a_longer_memory_takes_fewer_steps() -> None:
    scale = np.geomspace(1, 1e3, 20)

    def bowl(x: gd.Tensor) -> gd.Tensor:
        return ops.sum(scale * ops.square(x - 1.0))

    short, long = (
        gd.minimise(bowl, np.zeros(20), optim.LBFGS(history_size=n)).steps for n in (1, 20)
    )
    assert long < short


def test_a_sigmoid_neuron_is_logistic_regression() -> None:
    # With all 30 columns a plane separates the classes, and the likelihood has no maximum: see
    # test_perceptron. The ten means alone overlap.
    table = load_breast_cancer()
    X, y = StandardScaler().fit_transform(table.data[:, :10]), table.target
    neuron = nn.Linear(10, 1, dtype="float64", init=nn.Zeros())

    def loss(neuron: nn.Module) -> gd.Tensor:
        a = ops.sigmoid(neuron(X))
        return losses.mean(losses.binary_cross_entropy(ops.squeeze(a, axis=1), y))

    found = gd.minimise(loss, neuron, optim.LBFGS(), gradient_norm=1e-8, steps=5000)
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X, y)
    assert found.converged
    # 1e-4: what scikit-learn's own stopping rule leaves open.
    assert neuron.weight.numpy() == pytest.approx(oracle.coef_, abs=1e-4)
    assert neuron.bias.numpy() == pytest.approx(oracle.intercept_, abs=1e-4)


def test_on_classes_that_a_plane_separates_the_weights_of_a_neuron_grow_without_end() -> None:
    table = load_breast_cancer()
    X, t = StandardScaler().fit_transform(table.data), 2.0 * table.target - 1.0

    def loss(w: gd.Tensor, b: gd.Tensor) -> gd.Tensor:
        return ops.mean(ops.softplus(-t * (X @ w + b)))

    sizes, values = [], []
    for limit in (1e-2, 1e-3, 1e-4):
        start = (np.zeros(30), np.array(0.0))
        found = gd.minimise(loss, start, optim.LBFGS(), gradient_norm=limit, steps=10_000)
        assert found.converged
        sizes.append(float(np.linalg.norm(found.at[0].numpy())))
        values.append(found.value)
    # There is no minimum: each smaller gradient is farther out, and the loss nearer to 0. Loss and
    # gradient fall like exp(−‖w‖), so the weights grow by about as much for each factor.
    assert sizes[1] > 1.2 * sizes[0]
    assert sizes[2] > 1.2 * sizes[1]
    assert values[2] < 0.1 * values[0]


# ── Misuse ──────────────────────────────────────────────────────────────────────────────────────


class Counting(nn.Module):
    """A module that changes its state when it is called."""

    def __init__(self) -> None:
        self.weight = gd.tensor(1.0, requires_grad=True)
        self.calls = gd.tensor(0.0)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        self.calls = self.calls + self.weight
        return self.weight * x


SGD = optim.SGD(0.1)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: gd.minimise(1.0, 1.0), ArgumentError, "a function to minimise; received 1.0"),
        (lambda: gd.minimise(lambda x: x, 1.0, optim.SGD), ArgumentError, "a rule is an optimizer"),
        (lambda: gd.minimise(lambda x: x, 1.0, "SGD"), ArgumentError, "write optim.SGD"),
        (lambda: gd.minimise(lambda x: x, 1.0, steps=0), ArgumentError, "steps must be at least 1"),
        (lambda: gd.minimise(lambda x: x, 1.0, gradient_norm=-1), ArgumentError, "gradient_norm"),
        (lambda: gd.minimise(lambda x: x, 1.0, loss_change="a"), ArgumentError, "loss_change must"),
        (lambda: gd.minimise(lambda x: x, 1.0, callback=1), ArgumentError, "callback"),
        (lambda: gd.minimise(lambda x: x, 1.0, points=1), ArgumentError, "points must be True or"),
        (lambda: gd.minimise(lambda x: x, 1.0, seed=0.5), ArgumentError, "seed must be a whole"),
        (lambda: gd.minimise(lambda x: x, 1.0, executor="gpu"), ArgumentError, "executor is one"),
        (lambda: gd.minimise(lambda x: x, np.nan), ArgumentError, "starts at finite numbers"),
        (lambda: gd.minimise(lambda x: x, []), ArgumentError, "at least one number to change"),
        (lambda: gd.minimise(lambda: 1.0, ()), ArgumentError, "at least one number to change"),
        (lambda: gd.minimise(lambda x: x, "here"), DtypeError, "holds numbers"),
        (lambda: gd.minimise(lambda x: x, None), DtypeError, "holds numbers"),
        (lambda: gd.minimise(lambda x: x, [1.0, 2.0]), ShapeError, "one number; .*losses.mean"),
        (lambda: gd.minimise(lambda x: 1.0, 1.0), ArgumentError, "tensor computed from"),
        (lambda: gd.minimise(lambda x: x > 0, 1.0), ShapeError, "gives one number"),
        (lambda: gd.minimise(lambda x: x if x > 0 else -x, 1.0), TraceError, "gd.ops.where"),
        (lambda: gd.minimise(lambda x: ops.log(x), 0.0), ArgumentError, "received a value of -inf"),
        (lambda: gd.minimise(lambda x: ops.log(x), 0.0, optim.LBFGS()), ArgumentError, "-inf"),
        (lambda: gd.minimise(lambda x: ops.log(x), 0.0, optim.RandomSearch()), ArgumentError,
         "finite where a minimisation starts"),
        (lambda: gd.minimise(lambda n: n(2.0), Counting(), SGD), ArgumentError, "changes calls"),
        (lambda: gd.minimise(lambda n: n(2.0), nn.Tanh(), SGD), ArgumentError, "has parameters"),
        (lambda: gd.minimise(lambda x: x, 1.0, optim.RandomSearch(), loss_change=0.1),
         ArgumentError, "loss_change is a criterion for rules that follow a gradient"),
    ],
)  # fmt: skip
def test_what_cannot_be_minimised_is_refused(
    call: Callable[[], Any], error: type[GradusError], says: str
) -> None:
    with pytest.raises(error, match=says):
        call()


def test_a_result_reads_like_one() -> None:
    found = gd.minimise(lambda a, b: a * a + ops.sum(b * b), {"a": 1.0, "b": [0.5, 0.0]},
                        optim.SGD(0.5))  # fmt: skip
    assert repr(found).splitlines() == [
        "Minimum",
        "  value      0, from 1.25",
        "  at         a = 0., b = [0., 0.]",
        "  converged  gradient norm 0 ≤ 1e-05",
        "  after      1 step: 2 values, 2 gradients",
    ]
    net = nn.Linear(20, 1)
    found = gd.minimise(lambda net: ops.sum(ops.square(net.weight)), net, SGD, steps=2)
    assert "at             the parameters of Linear(20 → 1)" in repr(found)
    assert "not converged  all 2 steps done" in repr(found)
    found = gd.minimise(lambda x: ops.sum(x * x), np.ones((3, 4)), SGD, steps=2)
    assert "float64[3, 4]" in repr(found)
