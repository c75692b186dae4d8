"""The max-margin loss at its exact minimum, and the ways that lead there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import gradus as gd
from gradus import data, losses, ops, optim
from gradus.errors import ArgumentError, DataError, ShapeError
from gradus.train import MaxMargin, max_margin

# What the solver leaves open, of numbers of size 1.
SOLVED = 1e-8


def iris() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def objective(X: np.ndarray, y: np.ndarray, decay: float) -> Callable[..., gd.Tensor]:
    """What is minimised, in the words of gradus.losses."""

    def of(weight: gd.Tensor, bias: gd.Tensor) -> gd.Tensor:
        loss = losses.mean(losses.max_margin(X @ weight.T + bias, y))
        return loss + decay / 2 * ops.sum(ops.square(weight))

    return of


# ── The minimum ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("decay", [1e-3, 1e-2, 1.0])
def test_value_and_bound_meet_at_the_loss_of_gradus(decay: float) -> None:
    X, y = iris()
    found = max_margin(X, y, weight_decay=decay)
    value = objective(X, y, decay)(gd.tensor(found.weight), gd.tensor(found.bias)).item()
    assert found.value == pytest.approx(value, rel=1e-12)
    assert abs(found.gap) < SOLVED
    assert found.bias.sum() == pytest.approx(0.0, abs=1e-12)
    # Where λ > 0, moving all rows of W alike changes no lead but the penalty.
    assert found.weight.sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    classes=st.integers(2, 4),
    d=st.integers(1, 3),
    decay=st.sampled_from([1e-3, 0.1, 10.0]),
    margin=st.sampled_from([0.5, 1.0, 3.0]),
)
def test_no_step_in_any_direction_leads_lower(
    seed: int, classes: int, d: int, decay: float, margin: float
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(classes, 20))
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    X = rng.normal(size=(n, d)) + y[:, None]
    found = max_margin(X, y, weight_decay=decay, margin=margin)

    def value(W: np.ndarray, b: np.ndarray) -> float:
        loss = losses.mean(losses.max_margin(X @ W.T + b, y, margin=margin))
        return loss.item() + decay / 2 * np.square(W).sum()

    assert found.value == pytest.approx(value(found.weight, found.bias), rel=1e-9)
    for size in (1e-4, 1e-2, 1.0):
        for _ in range(10):
            W = found.weight + size * rng.normal(size=found.weight.shape)
            b = found.bias + size * rng.normal(size=found.bias.shape)
            assert value(W, b) >= found.value - SOLVED * max(1.0, found.value)


@pytest.mark.parametrize(
    ("X", "y"),
    [
        data.toy.blobs(120, noise=0.8),
        (iris()[0][50:], iris()[1][50:] - 1),
        (StandardScaler().fit_transform(load_breast_cancer().data), load_breast_cancer().target),
    ],
    ids=["blobs", "iris", "breast_cancer"],
)
@pytest.mark.parametrize("decay", [1e-2, 1e-1])
def test_for_two_classes_it_is_the_support_vector_machine(
    X: np.ndarray, y: np.ndarray, decay: float
) -> None:
    X = X.astype(np.float64)
    found = max_margin(X, y, weight_decay=decay)
    oracle = SVC(kernel="linear", C=2 / (decay * len(y)), tol=1e-9).fit(X, y)
    w, b = oracle.coef_[0], oracle.intercept_[0]
    # libsvm's own weights have a slightly higher value; near the minimum the value is as flat as
    # λ/2 ‖ΔW‖², so that 1e-8 of it are 1e-3 of W.
    theirs = objective(X, y, decay)(
        gd.tensor(np.array([-w, w]) / 2), gd.tensor(np.array([-b, b]) / 2)
    ).item()
    assert found.value <= theirs + SOLVED
    assert found.value == pytest.approx(theirs, rel=1e-5)
    assert found.weight[1] - found.weight[0] == pytest.approx(w, abs=2e-3)
    assert found.bias[1] - found.bias[0] == pytest.approx(b, abs=2e-3)
    assert np.mean(found.predict(X) == oracle.predict(X)) > 0.995


# ── What gradient descent makes of the same objective ───────────────────────────────────────────


def test_gradient_descent_approaches_the_minimum_from_above() -> None:
    X, y = iris()
    exact = max_margin(X, y, weight_decay=0.01)
    start = {"weight": np.zeros((3, 4)), "bias": np.zeros(3)}
    rule = optim.SGD(0.5, schedule=optim.Cosine())
    above = [
        gd.minimise(objective(X, y, 0.01), start, rule, steps=n).value - exact.value
        for n in (10, 100, 1000, 4000)
    ]
    assert all(distance > -SOLVED for distance in above)
    assert above == sorted(above, reverse=True)
    # The loss has kinks, and steps of a falling rate come near them like 1/steps.
    assert above[-1] < 1e-3 * exact.value


def test_weight_decay_of_the_optimizer_is_the_penalty_of_the_program() -> None:
    X, y = iris()
    start = {"weight": np.zeros((3, 4)), "bias": np.zeros(3)}

    def loss(weight: gd.Tensor, bias: gd.Tensor) -> gd.Tensor:
        return losses.mean(losses.max_margin(X @ weight.T + bias, y))

    decayed = optim.SGD(0.1, weight_decay=0.01, groups={"bias": {"weight_decay": 0.0}})
    one = gd.minimise(loss, start, decayed, steps=200).at
    other = gd.minimise(objective(X, y, 0.01), start, optim.SGD(0.1), steps=200).at
    for name in start:
        assert one[name].numpy() == pytest.approx(other[name].numpy(), rel=1e-9, abs=1e-12)


def test_digits_are_learnt_exactly_and_gradient_descent_comes_near() -> None:
    digits = load_digits()
    X, y = digits.data / 16.0, digits.target
    found = max_margin(X[:150], y[:150], weight_decay=1e-2)
    assert abs(found.gap) < SOLVED
    assert np.mean(found.predict(X[:150]) == y[:150]) == 1.0
    start = {"weight": np.zeros((10, 64)), "bias": np.zeros(10)}
    rule = optim.SGD(0.2, schedule=optim.Cosine())  # a rate that stays jumps about the kinks
    walked = gd.minimise(objective(X[:150], y[:150], 1e-2), start, rule, steps=1000)
    assert found.value < walked.value < 1.1 * found.value


# ── As a result ─────────────────────────────────────────────────────────────────────────────────


def test_the_module_gives_the_same_scores() -> None:
    X, y = iris()
    found = max_margin(X, y)
    scores = found.network()(X).numpy()
    assert scores == pytest.approx(X @ found.weight.T + found.bias, rel=1e-12)
    assert found.classes[scores.argmax(axis=1)].tolist() == found.predict(X).tolist()


def test_labels_may_be_of_any_kind() -> None:
    X, y = iris()
    names = np.array(["setosa", "versicolor", "virginica"])
    found = max_margin(X, names[y])
    assert isinstance(found, MaxMargin)
    assert found.predict(X[:2]).tolist() == ["setosa", "setosa"]
    assert "4 inputs, 3 classes; value 0.13" in repr(found)


# ── Misuse ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda X, y: max_margin(X, y, weight_decay=0.0), ArgumentError, r"weight_decay must be"),
        (lambda X, y: max_margin(X, y, margin=-1.0), ArgumentError, "margin must be"),
        (lambda X, y: max_margin(X, np.zeros(len(y))), DataError, "two or more different labels"),
        (lambda X, y: max_margin(X, y[:-1]), ShapeError, "one label a row"),
        (lambda X, y: max_margin(X * np.nan, y), DataError, "finite"),
    ],
)
def test_what_has_no_minimum_is_refused(
    call: Callable[..., Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        call(*iris())


def test_without_the_solver_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "clarabel", None)
    with pytest.raises(ArgumentError, match=r"needs Clarabel.*pip install 'gradus\[qp\]'"):
        max_margin(*iris())


@pytest.mark.parametrize("wrong", [[[1.0, 2.0, 3.0]], [1.0, 2.0], [1, 2]])
def test_rows_of_another_width_are_not_told(wrong: Any) -> None:
    with pytest.raises(ShapeError):
        max_margin([[0.0, 0.0], [1.0, 1.0]], [0, 1]).predict(wrong)
