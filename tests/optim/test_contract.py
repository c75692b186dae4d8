"""The contract table: one row for every optimizer and its main settings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import nn, ops, optim
from gradus.errors import ArgumentError, FileError, ShapeError
from gradus.optim import Optimizer

# Learning rates: those at which the rule reaches the minimum in the steps given below.
PARABOLA: dict[str, Optimizer] = {
    "SGD": optim.SGD(0.2),
    "momentum": optim.SGD(0.05, momentum=0.8),
    "dampening": optim.SGD(0.2, momentum=0.5, dampening=0.3),
    "nesterov": optim.SGD(0.05, momentum=0.8, nesterov=True),
    "RMSprop": optim.RMSprop(0.05, schedule=optim.Cosine()),
    "RMSprop centered": optim.RMSprop(0.01, alpha=0.9, centered=True, schedule=optim.Cosine()),
    "RMSprop momentum": optim.RMSprop(0.03, momentum=0.5, schedule=optim.Cosine()),
    "Adagrad": optim.Adagrad(1.0),
    "Adam": optim.Adam(0.1),
    "amsgrad": optim.Adam(0.1, amsgrad=True),
    "epsilon hat": optim.Adam(0.1, epsilon_hat=True),
    "AdamW": optim.AdamW(0.1, weight_decay=0.0),
    "AdamW scheduled decay": optim.AdamW(0.1, weight_decay=0.0, decay_schedule=optim.Step(1)),
}
# Rosenbrock's valley is curved and 2,500 times as steep as long: (rule, number of steps).
ROSENBROCK: dict[str, tuple[Optimizer, int]] = {
    "SGD": (optim.SGD(1.5e-3), 4000),
    "momentum": (optim.SGD(5e-4, momentum=0.9), 1500),
    "nesterov": (optim.SGD(5e-4, momentum=0.9, nesterov=True), 1500),
    "RMSprop": (optim.RMSprop(0.02, schedule=optim.Cosine()), 2000),
    "Adagrad": (optim.Adagrad(0.5), 2500),
    "Adam": (optim.Adam(0.05), 1500),
    "amsgrad": (optim.Adam(0.1, amsgrad=True), 1500),
    "AdamW": (optim.AdamW(0.05, weight_decay=0.0), 1500),
}
RULES = [pytest.param(rule, id=name) for name, rule in PARABOLA.items()]


def parabola(theta: gd.Tensor) -> gd.Tensor:
    """(x − 1)² + 2 (y + 2)², smallest at (1, −2)."""
    return (ops.square(theta - np.array([1.0, -2.0])) * np.array([1.0, 2.0])).sum()


def rosenbrock(theta: gd.Tensor) -> gd.Tensor:
    """(1 − x)² + 100 (y − x²)², smallest at (1, 1)."""
    x, y = theta[0], theta[1]
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


def descend(
    rule: Optimizer, loss: Callable[[gd.Tensor], gd.Tensor], start: list[float], steps: int
) -> np.ndarray:
    """The training loop in its plainest form."""
    theta = gd.tensor(np.array(start), requires_grad=True)
    states = rule.init_all({"theta": theta})
    assert isinstance(rule.schedule, optim.Schedule)
    factors = rule.schedule.factor(np.arange(float(steps)), steps, steps)
    for step, factor in enumerate(factors.tolist(), 1):
        gradient = gd.grad(loss(theta), theta)
        with gd.no_grad():
            new, states = rule.apply(
                {"theta": theta}, {"theta": gradient}, states, step=step, factor=factor
            )
        theta.assign(new["theta"])
    return theta.numpy()


def one_step(rule: Optimizer, theta: Any, gradient: Any, **more: Any) -> np.ndarray:
    params = {"theta": gd.tensor(theta)}
    new, _ = rule.apply(
        params, {"theta": gd.tensor(gradient)}, rule.init_all(params), step=1, **more
    )
    return new["theta"].numpy()


# ── Minima ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rule", RULES)
def test_the_minimum_of_a_parabola_is_reached(rule: Optimizer) -> None:
    # 1e-3: rules with normalised steps keep circling at the scale of the last rate.
    assert descend(rule, parabola, [-1.0, 1.0], 300) == pytest.approx([1.0, -2.0], abs=1e-3)


@pytest.mark.parametrize(
    ("rule", "steps"), [pytest.param(*row, id=name) for name, row in ROSENBROCK.items()]
)
def test_rosenbrocks_valley_is_followed_to_its_end(rule: Optimizer, steps: int) -> None:
    # 0.1: along the flat valley floor a loss of 1e-3 is 0.06 away from the minimum.
    theta = descend(rule, rosenbrock, [-0.5, 1.0], steps)
    assert theta == pytest.approx([1.0, 1.0], abs=0.1)


def test_the_lectures_step_is_the_step_of_sgd() -> None:
    gamma, theta = 0.1, gd.tensor(np.array([2.0, -1.0]), requires_grad=True)
    gradient = gd.grad(parabola(theta), theta)
    theta_by_hand = theta - gamma * gradient
    assert np.array_equal(
        one_step(optim.SGD(gamma), theta, gradient), theta_by_hand.numpy()
    )  # the same bits: the same three operations


# ── What every rule keeps to ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
def test_dtypes_and_shapes_are_kept(rule: Optimizer, dtype: str) -> None:
    rule = dataclasses.replace(rule, clip_norm=1.0, clip_value=0.5, weight_decay=0.1)
    params = {"a": gd.ones((2, 3), dtype), "b": gd.ones((), dtype), "c": gd.ones((0,), dtype)}
    states = rule.init_all(params)
    for step in (1, 2):
        new, states = rule.apply(params, params, states, step=step, factor=0.5)
        assert {n: p.type for n, p in new.items()} == {n: p.type for n, p in params.items()}
        for name, state in states.items():
            assert all(s.type == params[name].type for s in state.values())


def test_numpy_numbers_as_settings_do_not_widen_the_parameters() -> None:
    rate, share = np.float64(0.1), np.float64(0.9)
    for rule in (
        optim.SGD(rate, momentum=share),
        optim.Adam(rate, betas=[share, share]),  # type: ignore[arg-type]
        optim.RMSprop(groups={"*": {"alpha": share, "lr": np.float32(0.1)}}),
    ):
        assert one_step(rule, np.ones(2, np.float32), np.ones(2, np.float32)).dtype == np.float32
        assert optim.from_config(json.loads(json.dumps(optim.to_config(rule)))) == rule


@pytest.mark.parametrize("rule", RULES)
def test_an_update_leaves_what_it_was_given_alone(rule: Optimizer) -> None:
    params = {"theta": gd.tensor([1.0, 2.0])}
    states = rule.init_all(params)
    before = {name: s.numpy().copy() for name, s in states["theta"].items()}
    rule.apply(params, {"theta": gd.tensor([3.0, 4.0])}, states, step=1)
    assert params["theta"].tolist() == [1.0, 2.0]
    assert all(np.array_equal(before[n], s.numpy()) for n, s in states["theta"].items())


@pytest.mark.parametrize("rule", RULES)
def test_parameters_do_not_share_their_state(rule: Optimizer) -> None:
    both = {"a": gd.tensor([1.0]), "b": gd.tensor([1.0])}
    states = rule.init_all(both)
    a, b = states["a"].values(), states["b"].values()
    assert not {id(s) for s in a} & {id(s) for s in b}
    # Next to a parameter with large gradients, b moves as if it were alone.
    grads = {"a": gd.tensor([100.0]), "b": gd.tensor([1.0])}
    alone, alone_states = {"b": both["b"]}, {"b": states["b"]}
    for step in (1, 2, 3):
        both, states = rule.apply(both, grads, states, step=step)
        alone, alone_states = rule.apply(alone, {"b": grads["b"]}, alone_states, step=step)
    assert both["b"].tolist() == alone["b"].tolist()


@pytest.mark.parametrize("rule", RULES)
def test_the_factor_scales_the_rate_of_a_first_step(rule: Optimizer) -> None:
    whole, half = (one_step(rule, [1.0], [0.5], factor=f)[0] for f in (1.0, 0.5))
    assert 1.0 - half == pytest.approx((1.0 - whole) / 2, rel=1e-5)  # float32


@pytest.mark.parametrize("rule", RULES)
def test_step_and_factor_may_be_tensors(rule: Optimizer) -> None:
    params, grads = {"theta": gd.tensor([1.0])}, {"theta": gd.tensor([0.5])}
    states = rule.init_all(params)
    plain, _ = rule.apply(params, grads, states, step=3, factor=0.5)
    given, _ = rule.apply(params, grads, states, step=gd.tensor(3), factor=gd.tensor(0.5))
    assert plain["theta"].tolist() == given["theta"].tolist()


def test_an_update_can_be_differentiated() -> None:
    # θ' = θ − γ · 2θ, so the loss θ'² after the step has the derivative 2θ' (1 − 2γ).
    theta = gd.tensor(3.0, requires_grad=True)
    gradient = gd.grad(theta**2, theta, create_graph=True)
    rule = optim.SGD(0.1)
    new, _ = rule.apply({"t": theta}, {"t": gradient}, {"t": {}}, step=1)
    assert gd.grad(new["t"] ** 2, theta).item() == pytest.approx(2 * 2.4 * 0.8, rel=1e-6)


def test_the_first_adam_step_has_the_length_of_the_rate() -> None:
    # Without the bias correction in full precision, 1 − 0.9999999 would be off by 1/8 in float32.
    rule = optim.Adam(0.01, betas=(0.9, 0.9999999))
    moved = 1.0 - one_step(rule, [1.0], [1e-3])[0]
    assert moved == pytest.approx(0.01, rel=1e-4)


def test_epsilon_hat_stands_beside_the_second_moment_before_its_correction() -> None:
    # First step: m = 0.1 g, √v = √0.001 g, so γ √0.001/0.1 · 0.1 g / (√0.001 g + ε).
    g, eps, root = 2.0, 0.5, 0.001**0.5
    moved = -one_step(optim.Adam(0.1, eps=eps, epsilon_hat=True), np.array([0.0]), np.array([g]))
    assert moved == pytest.approx([0.1 * root * g / (root * g + eps)], rel=1e-12)
    plain = -one_step(optim.Adam(0.1, eps=eps), np.array([0.0]), np.array([g]))
    assert plain == pytest.approx([0.1 * g / (g + eps)], rel=1e-12)


def test_adam_without_memory_steps_by_the_sign() -> None:
    assert one_step(optim.Adam(0.5, betas=(0.0, 0.0)), [1.0, 1.0], [3.0, -9.0]) == pytest.approx(
        [0.5, 1.5], rel=1e-6
    )


def test_centered_rmsprop_stays_finite_under_a_constant_gradient() -> None:
    # v − m² comes to 0 there, and rounding can push it below.
    rule = optim.RMSprop(1e-3, alpha=0.9, centered=True)
    params, grads = {"theta": gd.tensor([0.0] * 50)}, {"theta": gd.tensor(np.linspace(0.1, 7, 50))}
    grads["theta"] = grads["theta"].astype("float32")
    states = rule.init_all(params)
    for step in range(1, 400):
        params, states = rule.apply(params, grads, states, step=step)
    assert np.isfinite(params["theta"].numpy()).all()


# ── Weight decay ────────────────────────────────────────────────────────────────────────────────


def test_decoupled_decay_shrinks_by_the_rate_whatever_the_gradient() -> None:
    for gradient in (1e-3, 1.0, 1e3):
        plain = one_step(optim.AdamW(0.1, weight_decay=0.0), np.array([2.0]), np.array([gradient]))
        decayed = one_step(
            optim.AdamW(0.1, weight_decay=0.5), np.array([2.0]), np.array([gradient])
        )
        assert plain - decayed == pytest.approx([0.1 * 0.5 * 2.0], rel=1e-12)


def test_the_factor_on_the_decay_leaves_the_rest_of_the_step_alone() -> None:
    def moved(rule: Optimizer, **factors: float) -> float:
        return float(one_step(rule, np.array([2.0]), np.array([1.0]), **factors)[0] - 2.0)

    rule = optim.AdamW(0.1, weight_decay=0.5, decay_schedule=optim.Cosine())
    without = moved(optim.AdamW(0.1, weight_decay=0.0), factor=0.5)
    # The rate that the decay is multiplied by is that of the step, 0.1 · 0.5.
    assert moved(rule, factor=0.5, decay=0.3) - without == pytest.approx(-0.05 * 0.15 * 2, rel=1e-9)
    assert moved(rule, factor=0.5, decay=0.0) == without
    plain = optim.AdamW(0.1, weight_decay=0.5)
    assert moved(plain, factor=0.5, decay=0.3) == moved(plain, factor=0.5), "none is scheduled"


def test_a_group_may_be_without_the_scheduled_decay() -> None:
    rule = optim.AdamW(
        weight_decay=0.5, decay_schedule=optim.Cosine(), groups={"*.bias": {"weight_decay": 0.0}}
    )
    params = {n: gd.tensor(np.array([2.0])) for n in ("0.weight", "0.bias")}
    zero = {n: gd.tensor(np.array([0.0])) for n in params}
    new, _ = rule.apply(params, zero, rule.init_all(params), step=1, decay=0.5)
    assert new["0.bias"].item() == 2.0
    assert new["0.weight"].item() == pytest.approx(2.0 * (1 - 1e-3 * 0.25), rel=1e-14)
    with pytest.raises(ArgumentError, match="a group of AdamW overrides"):
        optim.AdamW(groups={"*": {"decay_schedule": optim.Cosine()}})


def test_coupled_decay_disappears_in_adams_normalisation() -> None:
    # The first step of Adam has length lr whatever the gradient, decay included.
    decayed = one_step(optim.Adam(0.1, weight_decay=0.5), np.array([2.0]), np.array([1.0]))
    assert decayed == pytest.approx([1.9], rel=1e-6)


def test_both_decays_are_the_same_in_sgd() -> None:
    decayed = one_step(optim.SGD(0.1, weight_decay=0.5), np.array([2.0]), np.array([1.0]))
    assert decayed == pytest.approx([2.0 - 0.1 * (1.0 + 0.5 * 2.0)], rel=1e-12)


# ── Groups ──────────────────────────────────────────────────────────────────────────────────────


def test_the_first_group_that_matches_counts() -> None:
    rule = optim.SGD(0.1, groups={"*.bias": {"lr": 1.0}, "0.*": {"lr": 10.0, "momentum": 0.9}})
    params = {name: gd.tensor([0.0]) for name in ("0.bias", "0.weight", "1.weight")}
    states = rule.init_all(params)
    new, _ = rule.apply(params, {n: gd.tensor([1.0]) for n in params}, states, step=1)
    assert {n: round(-p.item(), 6) for n, p in new.items()} == {
        "0.bias": 1.0,
        "0.weight": 10.0,
        "1.weight": 0.1,
    }
    assert {n: list(s) for n, s in states.items()} == {
        "0.bias": [],
        "0.weight": ["momentum"],
        "1.weight": [],
    }


def test_a_group_keeps_the_other_settings() -> None:
    rule = optim.Adam(0.1, betas=(0.5, 0.6), groups={"b": {"lr": 0.2}}).for_parameter("b")
    assert isinstance(rule, optim.Adam)
    assert (rule.lr, rule.betas) == (0.2, (0.5, 0.6))


def test_a_group_may_have_a_factor_on_the_rate_that_follows_it() -> None:
    rule = optim.Adam(0.1, groups={"*.bias": {"lr_factor": 0.5, "eps": 1e-6}})
    for made, rate in ((rule, 0.05), (dataclasses.replace(rule, lr=0.01), 0.005)):
        found = made.for_parameter("0.bias")
        assert isinstance(found, optim.Adam)
        assert (found.lr, found.eps) == (rate, 1e-6)
        assert made.for_parameter("0.weight") is made


def test_a_group_with_a_rate_and_a_factor_is_refused() -> None:
    with pytest.raises(ArgumentError, match="lr, or a factor on it, lr_factor; received both"):
        optim.SGD(0.1, groups={"*": {"lr": 0.1, "lr_factor": 2.0}})
    with pytest.raises(ArgumentError, match=r"lr_factor must be a finite number in \[0, inf\)"):
        optim.SGD(0.1, groups={"*": {"lr_factor": -0.1}})


@pytest.mark.parametrize("field", ["learning_rate", "clip_norm", "schedule", "groups"])
def test_a_group_with_a_setting_that_is_not_its_own_is_refused(field: str) -> None:
    with pytest.raises(ArgumentError, match=f"overrides lr, momentum.*received.*{field}|{field}"):
        optim.SGD(0.1, groups={"*": {field: 1.0}})


def test_a_group_with_a_wrong_value_is_refused_at_once() -> None:
    with pytest.raises(ArgumentError, match=r"lr must be a finite number in \(0, inf\)"):
        optim.SGD(0.1, groups={"*": {"lr": -1.0}})


# ── Clipping ────────────────────────────────────────────────────────────────────────────────────


def test_clipping_by_norm_keeps_the_direction_over_all_parameters() -> None:
    grads = {"a": gd.tensor(np.array([3.0])), "b": gd.tensor(np.array([0.0, 4.0]))}
    clipped = optim.SGD(clip_norm=1.0).clip(grads)
    assert clipped["a"].numpy() == pytest.approx([0.6], rel=1e-6)
    assert clipped["b"].numpy() == pytest.approx([0.0, 0.8], rel=1e-6)
    assert optim.global_norm(grads).item() == 5.0


def test_gradients_within_the_norm_are_not_touched() -> None:
    grads = {"a": gd.tensor([0.3]), "b": gd.tensor([0.4])}
    clipped = optim.SGD(clip_norm=1.0).clip(grads)
    assert [clipped[n].tolist() for n in grads] == [grads[n].tolist() for n in grads]


def test_clipping_by_value_comes_before_clipping_by_norm() -> None:
    clipped = optim.SGD(clip_value=1.0, clip_norm=1.0).clip({"a": gd.tensor([100.0, -1.0])})
    assert clipped["a"].numpy() == pytest.approx([0.5**0.5, -(0.5**0.5)], rel=1e-5)


def test_the_norm_is_that_of_the_updated_parameters_alone() -> None:
    rule = optim.SGD(1.0, clip_norm=1.0)
    grads = {"a": gd.tensor([1.0]), "other": gd.tensor([1e6])}
    new, _ = rule.apply({"a": gd.tensor([0.0])}, grads, {"a": {}}, step=1)
    assert new["a"].item() == pytest.approx(-1.0, rel=1e-5)


# ── Misuse ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: optim.SGD(0.0), r"lr must be a finite number in \(0, inf\)"),
        (lambda: optim.SGD(-1.0), r"lr must be .*; received -1.0"),
        (lambda: optim.SGD(float("nan")), "lr must be"),
        (lambda: optim.SGD(float("inf")), "lr must be"),
        (lambda: optim.SGD(lr="0.1"), "lr must be a finite number .*; received '0.1'"),
        (lambda: optim.SGD(0.1, momentum=-0.1), r"momentum must be .* in \[0, inf\)"),
        (lambda: optim.SGD(0.1, weight_decay=-0.1), "weight_decay must be"),
        (lambda: optim.SGD(0.1, nesterov=1), "nesterov must be True or False"),
        (lambda: optim.Adam(epsilon_hat=1), "epsilon_hat must be True or False"),
        (lambda: optim.Adam(amsgrad=0), "amsgrad must be True or False"),
        (lambda: optim.RMSprop(centered=None), "centered must be True or False"),
        (lambda: optim.SGD(0.1, nesterov=True), "momentum > 0 and dampening 0"),
        (lambda: optim.SGD(0.1, momentum=0.9, dampening=0.1, nesterov=True), "dampening 0"),
        (lambda: optim.SGD(0.1, momentum=0.9, dampening=None), "dampening must be a finite number"),
        (lambda: optim.RMSprop(alpha=-1.0), "alpha must be"),
        (lambda: optim.RMSprop(eps=-1.0), "eps must be"),
        (lambda: optim.Adagrad(lr_decay=-1.0), "lr_decay must be"),
        (
            lambda: optim.Adagrad(initial_accumulator_value=-1.0),
            "accumulator_value must be",
        ),
        (lambda: optim.Adam(betas=(0.9, 1.0)), r"each of the betas must be .* in \[0, 1\)"),
        (lambda: optim.Adam(betas=0.9), r"betas must be two numbers in \[0, 1\)"),
        (lambda: optim.AdamW(betas=(0.9,)), r"betas must be two numbers in \[0, 1\)"),
        (lambda: optim.Adam(1e-3, clip_norm=0.0), r"clip_norm must be .* in \(0, inf\)"),
        (lambda: optim.Adam(1e-3, clip_value=True), "clip_value must be"),
        (lambda: optim.Adam(1e-3, schedule=0.9), "schedule must be one from gradus.optim"),
        (lambda: optim.AdamW(decay_schedule=0.9), "decay_schedule must be a schedule"),
        (lambda: optim.AdamW(decay_schedule=optim.Plateau()), "that is known beforehand"),
        (lambda: optim.Adam(1e-3, groups=["bias"]), "groups must be a dictionary"),
        (
            lambda: optim.Adam(1e-3, groups={"bias": 0.1}),
            "overrides .* must be a dictionary",
        ),
    ],
)
def test_settings_without_meaning_are_refused(make: Callable[[], Optimizer], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        make()


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam, optim.AdamW])
def test_parameters_given_to_an_optimizer_are_sent_to_the_trainer(rule: type[Optimizer]) -> None:
    net: Any = nn.Linear(2, 1)
    for make, lr in (
        (lambda: rule(net.parameters(), lr=0.1), 0.1),
        (lambda: rule(net, lr=0.1), 0.1),
        (lambda: rule(net.parameters()), 0.01),
        (lambda: rule(iter(net.parameters()), 0.1), 0.01),
    ):
        says = rf"no parameters; .* write {rule.__name__}\(lr={lr}\), .*gd\.Trainer.*apply"
        with pytest.raises(ArgumentError, match=says):
            make()


def test_a_parameter_without_gradient_or_state_is_named() -> None:
    rule, params = optim.SGD(0.1), {"w": gd.tensor([1.0])}
    with pytest.raises(ArgumentError, match="gradient of its name; received none for w"):
        rule.apply(params, {}, rule.init_all(params), step=1)
    with pytest.raises(ArgumentError, match="state of its name; received none for w"):
        rule.apply(params, params, {}, step=1)


def test_a_gradient_of_another_shape_is_refused_not_broadcast() -> None:
    rule, params = optim.SGD(0.1), {"w": gd.tensor([1.0, 2.0])}
    with pytest.raises(ShapeError, match=r"gradient of w .* float32\[2\]; received float32\[\]"):
        rule.apply(params, {"w": gd.tensor(1.0)}, rule.init_all(params), step=1)


def test_steps_are_counted_from_one() -> None:
    rule, params = optim.Adam(0.1), {"w": gd.tensor([1.0])}
    with pytest.raises(ArgumentError, match="counted from 1; received 0"):
        rule.apply(params, params, rule.init_all(params), step=0)


def test_settings_cannot_be_changed_behind_a_compiled_step() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        optim.SGD(0.1).lr = 1.0  # type: ignore[misc]


# ── Plain data ──────────────────────────────────────────────────────────────────────────────────

CONFIGURED = [
    *PARABOLA.values(),
    optim.SGD(1e-3, groups={"*.bias": {"lr_factor": 0.1}}),
    optim.SGD(1e-3, clip_norm=1.0, clip_value=2.0, schedule=optim.Step(3, gamma=0.5)),
    optim.Adam(1e-3, groups={"*.bias": {"lr": 0.1, "betas": (0.5, 0.6)}, "x": {"amsgrad": True}}),
    optim.AdamW(1e-3, schedule=optim.WarmUp(100, start=0.1, then=optim.Cosine(0.1))),
    optim.AdamW(1e-3, schedule=optim.WarmUp(epochs=2, then=optim.Exponential(0.9))),
    optim.AdamW(
        1e-3, schedule=optim.Plateau(), decay_schedule=optim.WarmUp(9, then=optim.Cosine())
    ),
    optim.RMSprop(1e-3, schedule=optim.OneCycle(0.4, start=0.1, final=0.0)),
    optim.Adagrad(1e-3, schedule=optim.Exponential(0.9)),
    optim.Adam(1e-3, schedule=optim.CosLog(3)),
    optim.AdamW(1e-3, schedule=optim.FlatCosine(0.3)),
    optim.Adagrad(1e-3, schedule=optim.Plateau(0.5, patience=0, min_factor=0.1)),
]


def test_every_class_is_in_the_table_of_the_round_trip() -> None:
    known = {*optim.OPTIMIZERS.values(), *optim.SCHEDULES.values()}
    exported = {c for c in vars(optim).values() if isinstance(c, type)}
    bases = {Optimizer, optim.Schedule, optim.PlateauState}
    # Rules of gd.minimise, which no run of the command line has.
    bases |= {optim.LBFGS, optim.Search, optim.RandomSearch, optim.EvolutionStrategy}
    assert known == {c for c in exported if dataclasses.is_dataclass(c)} - bases
    assert {type(rule) for rule in CONFIGURED} == set(optim.OPTIMIZERS.values())
    used = {type(rule.schedule) for rule in CONFIGURED}
    assert used == set(optim.SCHEDULES.values()), "every schedule makes the round trip"


@pytest.mark.parametrize("rule", CONFIGURED, ids=repr)
def test_an_optimizer_survives_json(rule: Optimizer) -> None:
    text = json.dumps(optim.to_config(rule), allow_nan=False)
    assert "null" not in text, "TOML has none"
    assert optim.from_config(json.loads(text)) == rule


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ([], "optimizer must be a table"),
        ({}, "type of the optimizer must be one of SGD, "),
        ({"type": "Sgd"}, "'Sgd'"),
        ({"type": ["SGD"]}, "must be one of"),
        ({"type": "os.system"}, "must be one of"),
        ({"type": "SGD", "rate": 1.0}, "settings of SGD are lr, .*'rate'"),
        ({"type": "SGD", "lr": "0.1"}, "SGD must be valid.*lr must be a finite number.*'0.1'"),
        ({"type": "SGD", "lr": None}, "finite number"),
        ({"type": "SGD", "lr": True}, "finite number"),
        ({"type": "SGD", "lr": 10**400}, "finite number"),
        ({"type": "SGD", "lr": float("nan")}, "finite number"),
        ({"type": "SGD", "lr": -1.0}, "settings of SGD must be valid.*lr must be"),
        ({"type": "SGD", "nesterov": 1}, "True or False"),
        ({"type": "Adam", "betas": [0.9]}, "two numbers"),
        ({"type": "Adam", "betas": [0.9, "b"]}, "finite number"),
        ({"type": "Adam", "groups": {"b": {"lr": []}}}, "finite number"),
        ({"type": "Adam", "groups": {"b": []}}, "overrides .* must be a dictionary"),
        ({"type": "Adam", "groups": {"b": {"groups": {}}}}, "settings of Adam must be valid"),
        ({"type": "AdamW", "decay_schedule": {"type": "Plateau"}}, "decay_schedule of AdamW must"),
        ({"type": "Adam", "schedule": "Cosine"}, "schedule of Adam must be a table"),
        ({"type": "Adam", "schedule": {"type": "SGD"}}, "one of Constant, Step"),
        ({"type": "Adam", "schedule": {"type": "Step"}}, "settings of Step must be valid"),
        ({"type": "Adam", "schedule": {"type": "Step", "epochs": 1.5}}, "whole number"),
        ({"type": "Adam", "schedule": {"type": "Step", "epochs": 10**400}}, "64 bits"),
        ({"type": "Adam", "schedule": {"type": "WarmUp", "steps": 2, "then": {"type": "WarmUp"}}},
         "then of WarmUp must be one of Constant"),
    ],
)  # fmt: skip
def test_a_damaged_configuration_is_refused(config: Any, says: str) -> None:
    with pytest.raises(FileError, match=says):
        optim.from_config(config)


def test_a_class_of_ones_own_is_not_written_into_a_run() -> None:
    @dataclasses.dataclass(frozen=True)
    class SGD(optim.SGD):
        pass

    with pytest.raises(ArgumentError, match="that gradus knows"):
        optim.to_config(SGD(0.1))
