"""Optimizers, clipping and schedules against PyTorch: same settings, same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import ops, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

STEPS = 1000

# Name, settings: the same words for both libraries. A rule that divides by the size of recent
# gradients, with little memory and a tiny eps, jumps about its minimum chaotically: there a
# difference of one rounding grows to 1e-2 between two runs of PyTorch itself. Such rules get a
# larger eps, or a rate that leaves them on the way to the minimum for all 1,000 steps.
SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.02}),
    ("SGD", {"lr": 0.02, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.02, "momentum": 0.9}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.02, "momentum": 0.5, "nesterov": True, "weight_decay": 0.05}),
    ("RMSprop", {"lr": 1e-4}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 0.05, "weight_decay": 0.05}),
    ("RMSprop", {"lr": 1e-4, "momentum": 0.7}),
    ("RMSprop", {"lr": 1e-4, "centered": True}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.7, "alpha": 0.95, "eps": 0.1}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.05}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-6}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.5, 0.9), "eps": 0.05}),
    ("Adam", {"lr": 1e-4, "betas": (0.0, 0.99)}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1, "betas": (0.8, 0.95)}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.0}),
    ("AdamW", {"lr": 0.01, "amsgrad": True, "betas": (0.8, 0.95), "eps": 1e-6}),
]


def problem() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Data and starting point of a least-squares fit, bent by a sine."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
    params = {"W": rng.normal(size=(4, 3)), "b": rng.normal(size=3), "s": rng.normal(size=())}
    return X, Y, params


def our_course(rule: optim.Optimizer, factors: np.ndarray) -> list[dict[str, np.ndarray]]:
    """Parameters after each step."""
    X, Y, start = problem()
    params = {n: gd.tensor(p, requires_grad=True) for n, p in start.items()}
    states, course = rule.init_all(params), []
    for step, factor in enumerate(factors.tolist(), 1):
        W, b, s = params.values()
        residual = ops.matmul(X, W) + b - s * Y
        loss = (residual**2).mean() + 0.3 * ops.sin(3.0 * W).sum() + ops.cos(s)
        grads = dict(zip(params, gd.grad(loss, list(params.values())), strict=True))
        with gd.no_grad():
            new, states = rule.apply(params, grads, states, step=step, factor=factor)
        for name, value in new.items():
            params[name].assign(value)
        course.append({n: p.numpy().copy() for n, p in params.items()})
    return course


def their_course(
    make: Callable[[Any], Any], factors: np.ndarray, clip: Callable[[Any], Any] | None = None
) -> list[dict[str, np.ndarray]]:
    X, Y, start = problem()
    params = {n: torch.tensor(p, requires_grad=True) for n, p in start.items()}
    tX, tY, course = torch.tensor(X), torch.tensor(Y), []
    optimizer = make(list(params.values()))
    base = optimizer.param_groups[0]["lr"]
    for factor in factors.tolist():
        optimizer.zero_grad()
        W, b, s = params.values()
        residual = tX @ W + b - s * tY
        loss = (residual**2).mean() + 0.3 * torch.sin(3.0 * W).sum() + torch.cos(s)
        loss.backward()
        if clip is not None:
            clip(list(params.values()))
        optimizer.param_groups[0]["lr"] = base * factor
        optimizer.step()
        course.append({n: p.detach().numpy().copy() for n, p in params.items()})
    return course


def assert_same_course(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    moved = max(np.abs(theirs[-1][n] - theirs[0][n]).max() for n in theirs[0])
    assert moved > 0.05, "a course that stands still proves nothing"
    for step in (0, 1, 2, 9, 99, len(ours) - 1):
        for name in ours[step]:
            # 1e-9 is the promise; atol for elements that cross 0 at sizes around 1.
            np.testing.assert_allclose(
                ours[step][name], theirs[step][name], rtol=1e-9, atol=1e-10, err_msg=f"step {step}"
            )


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=lambda v: str(v))
def test_a_thousand_steps_are_pytorchs(name: str, settings: dict[str, Any]) -> None:
    factors = np.ones(STEPS)
    ours = our_course(getattr(optim, name)(**settings), factors)
    theirs = their_course(lambda p: getattr(torch.optim, name)(p, **settings), factors)
    assert_same_course(ours, theirs)


def test_every_optimizer_and_setting_is_compared() -> None:
    import dataclasses

    shared = {f.name for f in dataclasses.fields(optim.Optimizer)} - {"lr"}
    # Compared with scikit-learn, below, and by hand in tests/optim.
    shared |= {"epsilon_hat", "decay_schedule"}
    for name, kind in optim.OPTIMIZERS.items():
        compared = {key for n, settings in SETTINGS if n == name for key in settings}
        assert compared == {f.name for f in dataclasses.fields(kind)} - shared


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_the_defaults_are_pytorchs(name: str) -> None:
    import inspect

    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    ours = getattr(optim, name)()
    for n in (n for settings_of, s in SETTINGS if settings_of == name for n in s):
        assert getattr(ours, n) == theirs[n].default, n


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_a_hundred_steps_in_float32_are_pytorchs(name: str) -> None:
    rng = np.random.default_rng(1)
    start = rng.normal(size=50).astype(np.float32)
    gradients = (0.01 * rng.normal(size=(100, 50))).astype(np.float32)
    rule, theta = getattr(optim, name)(lr=0.01), {"w": gd.tensor(start)}
    states = rule.init_all(theta)
    parameter = torch.tensor(start, requires_grad=True)
    optimizer = getattr(torch.optim, name)([parameter], lr=0.01)
    for step, g in enumerate(gradients, 1):
        theta, states = rule.apply(theta, {"w": gd.tensor(g)}, states, step=step)
        parameter.grad = torch.tensor(g)
        optimizer.step()
    # Rounding differs by about 2⁻²⁴ at each of 100 steps.
    np.testing.assert_allclose(theta["w"].numpy(), parameter.detach().numpy(), rtol=1e-5, atol=1e-5)


def test_clipping_by_norm_is_pytorchs() -> None:
    factors = np.ones(200)
    ours = our_course(optim.SGD(0.05, momentum=0.5, clip_norm=0.3), factors)
    theirs = their_course(
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.5),
        factors,
        lambda p: torch.nn.utils.clip_grad_norm_(p, 0.3),
    )
    assert_same_course(ours, theirs)


def test_clipping_by_value_is_pytorchs() -> None:
    factors = np.ones(200)
    ours = our_course(optim.Adam(0.05, clip_value=0.1), factors)
    theirs = their_course(
        lambda p: torch.optim.Adam(p, 0.05),
        factors,
        lambda p: torch.nn.utils.clip_grad_value_(p, 0.1),
    )
    assert_same_course(ours, theirs)


def test_a_scheduled_course_is_pytorchs() -> None:
    rule = optim.AdamW(0.05, schedule=optim.WarmUp(20, then=optim.Cosine()))
    assert isinstance(rule.schedule, optim.Schedule)
    factors = rule.schedule.factor(np.arange(300.0), 300, 30)
    assert_same_course(
        our_course(rule, factors), their_course(lambda p: torch.optim.AdamW(p, 0.05), factors)
    )


# ── scikit-learn ────────────────────────────────────────────────────────────────────────────────


def sklearns_course(make: Callable[[Any], Any]) -> list[dict[str, np.ndarray]]:
    """Parameters after each step of an optimizer of scikit-learn's neural networks."""
    X, Y, params = problem()
    tX, tY, course = torch.tensor(X), torch.tensor(Y), []
    optimizer = make(list(params.values()))
    for _ in range(200):
        W, b, s = (torch.tensor(p, requires_grad=True) for p in params.values())
        residual = tX @ W + b - s * tY
        loss = (residual**2).mean() + 0.3 * torch.sin(3.0 * W).sum() + torch.cos(s)
        loss.backward()
        updates = optimizer._get_updates([t.grad.numpy() for t in (W, b, s)])
        params = {n: p + u for (n, p), u in zip(params.items(), updates, strict=True)}
        course.append(params)
    return course


@pytest.mark.parametrize(
    ("rule", "name", "settings"),
    [
        (optim.Adam(0.003, epsilon_hat=True), "Adam", {"learning_rate_init": 0.003}),
        # An ε so large that where it stands shows in the first digit of the first step.
        (
            optim.AdamW(0.01, betas=(0.8, 0.95), eps=0.05, weight_decay=0.0, epsilon_hat=True),
            "Adam",
            {"learning_rate_init": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.05},
        ),
        (
            optim.SGD(0.02, momentum=0.9, nesterov=True),
            "SGD",
            {"learning_rate_init": 0.02, "momentum": 0.9, "nesterov": True},
        ),
        (
            optim.SGD(0.02, momentum=0.7),
            "SGD",
            {"learning_rate_init": 0.02, "momentum": 0.7, "nesterov": False},
        ),
        # Nesterov's look ahead along no momentum is the plain step.
        (
            optim.SGD(0.02),
            "SGD",
            {"learning_rate_init": 0.02, "momentum": 0.0, "nesterov": True},
        ),
    ],
)
def test_two_hundred_steps_are_scikit_learns(
    rule: optim.Optimizer, name: str, settings: dict[str, Any]
) -> None:
    from sklearn.neural_network import _stochastic_optimizers as theirs

    ours = our_course(rule, np.ones(200))
    course = sklearns_course(lambda p: getattr(theirs, f"{name}Optimizer")(p, **settings))
    moved = max(np.abs(course[-1][n] - course[0][n]).max() for n in course[0])
    assert moved > 0.05, "a course that stands still proves nothing"
    for a, b in zip(ours, course, strict=True):
        for n in a:
            # 200 steps of roundings of 1e-16; atol for elements that cross 0 at sizes around 1.
            np.testing.assert_allclose(a[n], b[n], rtol=1e-12, atol=1e-13)


# ── Schedules ───────────────────────────────────────────────────────────────────────────────────

T = torch.optim.lr_scheduler
LR, TOTAL, PER_EPOCH = 0.8, 60, 5


def linear(o: Any, start: float, steps: int) -> Any:
    return T.LinearLR(o, start_factor=start, total_iters=steps)


# Ours, PyTorch's, and whether PyTorch's counts epochs.
SCHEDULES: list[tuple[optim.Schedule, Callable[[Any], Any], bool]] = [
    (optim.Step(3), lambda o: T.StepLR(o, 3), True),
    (optim.Step(2, gamma=0.7), lambda o: T.StepLR(o, 2, 0.7), True),
    (optim.Exponential(0.9), lambda o: T.ExponentialLR(o, 0.9), True),
    (optim.Cosine(), lambda o: T.CosineAnnealingLR(o, TOTAL), False),
    (optim.Cosine(0.2), lambda o: T.CosineAnnealingLR(o, TOTAL, eta_min=0.2 * LR), False),
    (optim.WarmUp(7), lambda o: linear(o, 1 / 3, 7), False),
    (optim.WarmUp(epochs=2, start=0.01), lambda o: linear(o, 0.01, 10), False),
    (
        optim.WarmUp(10, start=0.1, then=optim.Cosine()),
        lambda o: T.SequentialLR(
            o, [linear(o, 0.1, 10), T.CosineAnnealingLR(o, TOTAL - 10)], milestones=[10]
        ),
        False,
    ),
    (
        optim.OneCycle(final=1e-4),
        lambda o: T.OneCycleLR(
            o, LR, total_steps=TOTAL, final_div_factor=400.0, cycle_momentum=False
        ),
        False,
    ),
    (
        optim.OneCycle(0.45, start=0.2, final=0.01),
        lambda o: T.OneCycleLR(
            o,
            LR,
            total_steps=TOTAL,
            pct_start=0.45,
            div_factor=5.0,
            final_div_factor=20.0,
            cycle_momentum=False,
        ),
        False,
    ),
]


@pytest.mark.filterwarnings("ignore:The epoch parameter")  # SequentialLR's own call
@pytest.mark.parametrize(
    ("ours", "theirs", "by_epoch"), SCHEDULES, ids=[repr(row[0]) for row in SCHEDULES]
)
def test_rates_are_pytorchs(
    ours: optim.Schedule, theirs: Callable[[Any], Any], by_epoch: bool
) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], LR)
    scheduler, rates = theirs(optimizer), []
    for step in range(TOTAL):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not by_epoch or (step + 1) % PER_EPOCH == 0:
            scheduler.step()
    # PyTorch multiplies step by step, so its rounding adds up over 60 steps.
    factors = ours.factor(np.arange(float(TOTAL)), TOTAL, PER_EPOCH)
    np.testing.assert_allclose(LR * factors, rates, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "settings",
    [
        {"factor": 0.5, "patience": 2, "threshold": 1e-4},
        {"factor": 0.1, "patience": 0, "threshold": 0.05},
        {"factor": 0.3, "patience": 1, "threshold": 0.0, "min_factor": 0.05},
        {},
    ],
    ids=str,
)
def test_a_plateau_lowers_the_rate_when_pytorchs_does(settings: dict[str, float]) -> None:
    rng = np.random.default_rng(2)
    losses = 0.5 + np.exp(-0.1 * np.arange(80)) + 0.1 * rng.random(80)
    losses[30] = np.nan
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], LR)
    floor = settings.get("min_factor", 0.0) * LR
    theirs = {n: v for n, v in settings.items() if n != "min_factor"}
    # eps=0: PyTorch otherwise skips changes of the rate below 1e-8.
    scheduler = T.ReduceLROnPlateau(optimizer, min_lr=floor, eps=0.0, **theirs)
    plateau = optim.Plateau(**settings)  # type: ignore[arg-type]
    state = plateau.init()
    for loss in losses.tolist():
        scheduler.step(loss)
        state = plateau.next(state, loss)
        assert LR * state.factor == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert state.factor < 1.0, "a rate that never changes proves nothing"
