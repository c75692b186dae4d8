"""Extreme scores: values and derivatives stay finite and right, without a look at PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest

import gradus as gd
from gradus import ops

EXTREME = [-1e4, -1e3, -90.0, -1.0, 0.0, 1.0, 90.0, 1e3, 1e4]


def slope(function: Callable[[gd.Tensor], gd.Tensor], x: np.ndarray) -> np.ndarray:
    t = gd.tensor(x, requires_grad=True)
    return gd.grad(function(t).sum(), t).numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("function", "value", "derivative"),
    [
        # At ±10⁴ and ±10³ the limits are exact in both dtypes.
        (ops.sigmoid, lambda x: float(x > 0), lambda x: 0.0),
        (ops.softplus, lambda x: max(x, 0.0), lambda x: float(x > 0)),
        (ops.log_sigmoid, lambda x: min(x, 0.0), lambda x: float(x < 0)),
        (ops.tanh, np.sign, lambda x: 0.0),
        (ops.erf, np.sign, lambda x: 0.0),
        (ops.relu, lambda x: max(x, 0.0), lambda x: float(x > 0)),
    ],
)
def test_saturating_functions_reach_their_limits(
    function: Callable[[object], gd.Tensor],
    value: Callable[[float], float],
    derivative: Callable[[float], float],
    dtype: type,
) -> None:
    far = np.array([x for x in EXTREME if abs(x) >= 1e3], dtype)
    assert function(far).tolist() == [value(x) for x in far.tolist()]
    assert slope(function, far).tolist() == [derivative(x) for x in far.tolist()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", [ops.sigmoid, ops.softplus, ops.log_sigmoid, ops.tanh])
def test_derivatives_of_every_order_stay_finite(
    function: Callable[[object], gd.Tensor], dtype: type
) -> None:
    x = gd.tensor(np.array(EXTREME, dtype), requires_grad=True)
    y = function(x)
    for _ in range(3):
        assert np.isfinite(y.numpy()).all()
        y = gd.grad(y.sum(), x, create_graph=True)
    assert np.isfinite(y.numpy()).all()


def test_sigmoid_of_large_negative_scores_keeps_its_digits() -> None:
    # 1/(1 + e⁹⁰) = e⁻⁹⁰ to 39 digits: no rounding to 0 in float64.
    assert ops.sigmoid(np.array(-90.0)).item() == pytest.approx(np.exp(-90.0), rel=1e-15)
    assert ops.softplus(np.array(-90.0)).item() == pytest.approx(np.exp(-90.0), rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [-1e4, 0.0, 1e4])
def test_soft_functions_do_not_mind_a_common_shift(shift: float, dtype: type) -> None:
    scores = np.array([0.0, 1.0, -2.0], dtype)  # exact beside 1e4 in float32
    moved = scores + dtype(shift)
    assert ops.softmax(moved).tolist() == ops.softmax(scores).tolist()
    # float32: 1e4 and a logarithm near 1.35 share 24 bits.
    rtol = 1e-6 if dtype is np.float32 else 1e-12
    assert ops.log_softmax(moved).numpy() == pytest.approx(
        ops.log_softmax(scores).numpy(), rel=rtol
    )
    expected = ops.logsumexp(scores).item() + shift
    assert ops.logsumexp(moved).item() == pytest.approx(expected, rel=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_soft_functions_of_scores_far_apart_are_exact(dtype: type) -> None:
    scores = np.array([1e4, -1e4, 0.0], dtype)
    assert ops.softmax(scores).tolist() == [1.0, 0.0, 0.0]
    assert ops.log_softmax(scores).tolist() == [0.0, -2e4, -1e4]
    assert ops.logsumexp(scores).item() == 1e4
    assert slope(ops.logsumexp, scores).tolist() == [1.0, 0.0, 0.0]
    for function in (ops.softmax, ops.log_softmax):
        assert np.isfinite(slope(lambda x, f=function: f(x)[..., 0], scores)).all()


def test_the_slopes_of_logsumexp_sum_to_one_however_large_the_scores() -> None:
    assert slope(ops.logsumexp, np.array([1e300, 1e300, 0.0])).tolist() == [0.5, 0.5, 0.0]


def test_logsumexp_of_impossible_scores_is_minus_infinity() -> None:
    assert ops.logsumexp(np.full(3, -np.inf)).item() == -np.inf
    assert ops.logsumexp(np.array([-np.inf, 2.0])).item() == 2.0


def test_expm1_and_log1p_keep_small_numbers() -> None:
    assert ops.expm1(np.array(1e-18)).item() == 1e-18
    assert ops.log1p(np.array(1e-18)).item() == 1e-18


def test_division_by_a_subnormal_has_a_derivative_without_nan() -> None:
    a, b = gd.tensor(np.array(0.0)), gd.tensor(np.array(1e-310), requires_grad=True)
    assert gd.grad(a / b, b).item() == 0.0


def test_the_derivatives_of_a_constant_power_are_zero_at_zero_too() -> None:
    for power in (0, 1):
        x = gd.tensor(np.array([0.0, 2.0]), requires_grad=True)
        first = gd.grad((x**power).sum(), x, create_graph=True)
        assert first.tolist() == [power, power]
        second = gd.grad(first.sum(), x, create_graph=True)
        assert second.tolist() == [0.0, 0.0]
        assert gd.grad(second.sum(), x).tolist() == [0.0, 0.0]


def test_the_unchosen_branch_of_where_does_not_poison_the_chosen_one() -> None:
    # log(x) at x ≤ 0 is NaN or -∞, its slope too; where must give them weight 0, not 0 · NaN.
    x = gd.tensor(np.array([-1.0, 2.0]), requires_grad=True)
    y = ops.where(x > 0, ops.log(ops.where(x > 0, x, 1.0)), 0.0)
    assert gd.grad(y.sum(), x).tolist() == [0.0, 0.5]


def test_numpy_is_kept_from_warning_about_special_numbers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (ops.log, ops.sqrt, ops.exp, ops.sigmoid, ops.softmax):
            function(np.array([-1.0, 0.0, np.inf, 1e308, np.nan]))
        ops.divide(np.zeros(2), np.zeros(2))
        ops.astype(np.array([np.nan, 1e300]), dtype="int64")
        ops.astype(np.array([1e300]), dtype="float32")
