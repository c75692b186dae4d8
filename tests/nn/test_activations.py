"""Activations: values by hand, large inputs, kinks, and the unit without a derivative."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gradus as gd
from gradus import nn
from gradus.errors import ArgumentError, GradientError

SMOOTH = {
    **{cls.__name__: cls() for cls in nn.ACTIVATIONS.values() if cls is not nn.Sign},
    "GELU-tanh": nn.GELU("tanh"),
    "Softplus-5": nn.Softplus(5.0),
    "ELU-3": nn.ELU(3.0),
}
HUGE = [-1e4, -1e3, -100.0, -30.0, 0.0, 30.0, 100.0, 1e3, 1e4]

# At x = −1, 0, 2.
BY_HAND = {
    nn.Sigmoid(): [1 / (1 + math.e), 0.5, 1 / (1 + math.exp(-2))],
    nn.Tanh(): [-math.tanh(1), 0.0, math.tanh(2)],
    nn.ReLU(): [0.0, 0.0, 2.0],
    nn.LeakyReLU(0.1): [-0.1, 0.0, 2.0],
    nn.ELU(2.0): [2 / math.e - 2, 0.0, 2.0],
    nn.Softplus(): [math.log(1 + 1 / math.e), math.log(2), math.log(1 + math.exp(2))],
    nn.SiLU(): [-1 / (1 + math.e), 0.0, 2 / (1 + math.exp(-2))],
    nn.Identity(): [-1.0, 0.0, 2.0],
    nn.Sign(): [-1.0, 0.0, 1.0],
}


@pytest.mark.parametrize(("module", "expected"), BY_HAND.items(), ids=str)
def test_values_are_those_worked_out_by_hand(module: nn.Module, expected: list[float]) -> None:
    got = module(np.array([-1.0, 0.0, 2.0])).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("module", SMOOTH.values(), ids=SMOOTH)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_two_derivatives_are_finite_at_ten_thousand(
    module: nn.Module, dtype: str
) -> None:
    x = gd.tensor(HUGE, dtype, requires_grad=True)
    y = module(x)
    first = gd.grad(y.sum(), x, create_graph=True)
    # Where the first derivative is a constant, nothing depends on x any more.
    second = gd.grad((first * first).sum() + 0.0 * x.sum(), x)
    assert all(np.isfinite(t.numpy()).all() for t in (y, first, second))


@pytest.mark.parametrize(
    ("module", "slope"),
    [(nn.ReLU(), 0.0), (nn.LeakyReLU(0.2), 0.2), (nn.ELU(3.0), 3.0), (nn.Sigmoid(), 0.25)],
    ids=str,
)
def test_the_slope_at_0_is_the_one_from_below(module: nn.Module, slope: float) -> None:
    x = gd.tensor(np.float64(0.0), requires_grad=True)
    assert gd.grad(module(x), x).item() == slope


@pytest.mark.parametrize("module", SMOOTH.values(), ids=SMOOTH)
def test_nan_stays_nan(module: nn.Module) -> None:
    assert np.isnan(module([np.nan]).numpy()).all()


def test_sign_computes_but_refuses_to_be_learned_from() -> None:
    x = gd.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    y = nn.Sign()(x)
    assert y.tolist() == [-1.0, 0.0, 1.0]
    with pytest.raises(GradientError, match=r"sign has no derivative.*tanh or sigmoid"):
        y.sum().backward()


def test_softmax_gives_probabilities_in_the_order_of_the_scores() -> None:
    p = nn.Softmax()([[1e4, -1e4, 0.0], [1.0, 3.0, 2.0]]).numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-6)
    assert np.argsort(p[1]).tolist() == [0, 2, 1]
    assert nn.Softmax(dim=0)(np.zeros((4, 2))).tolist() == [[0.25, 0.25]] * 4


def test_an_activation_is_found_by_name() -> None:
    for name, cls in nn.ACTIVATIONS.items():
        assert type(nn.activation(name)) is cls
    assert nn.ACTIVATIONS["logistic"] is nn.Sigmoid
    with pytest.raises(ArgumentError, match=r"identity, sigmoid.*received rleu"):
        nn.activation("rleu")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.GELU("erf"), "approximate must be 'none' or 'tanh'"),
        (lambda: nn.Softplus(0.0), r"beta must be a finite number in \(0, inf\)"),
        (lambda: nn.LeakyReLU("0.1"), "negative_slope"),
        (lambda: nn.ELU(math.inf), "alpha"),
        (lambda: nn.Softmax(0.5), "dim must be a whole number"),
    ],
)
def test_wrong_settings_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        wrong()  # type: ignore[operator]
