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
@pytest.mark.parametrize("steps", [1, 63, 200])  # within a call, to its edge, over several
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
@given(
    rate=st.floats(0.05, 0.45), limit=st.floats(1e-6, 1.0), steps=st.integers(1, 150)
)
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
@pytest.mark.parametrize("rate", [1.0001, 1.1, 3.0, 1e10, 1e30])  # it ends in any part of a call
def test_a_walk_out_of_the_finite_numbers_gives_back_its_last_good_point(
    rate: float, executor: str
) -> None:
    with pytest.raises(DivergenceError, match=r"left the finite numbers at step.*last_good") as e:
        gd.minimise(
            lambda x: x * x, [1.0, 0.5], optim.SGD(rate), steps=10**6, executor=executor
        ) if False else gd.minimise(
            lambda x: (x * x).sum(), [1.0, 0.5], optim.SGD(rate), steps=10**6, executor=executor
        )
    good = e.value.last_good
    assert np.isfinite(good.values).all()
    assert np.isfinite(good.at.numpy()).all()
    assert good.value == pytest.approx(float(np.square(good.at.numpy()).sum()), rel=1e-6)
    assert f"at step {good.steps + 1};" in str(e.value)
    points = by_hand(optim.SGD(rate), lambda x: (x * x).sum(), [1.0, 0.5], 1) if False else None
    assert points is None
