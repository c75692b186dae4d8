"""The perceptron rule: when it ends, what it learns, and what it says where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import Perceptron

import gradus as gd
from gradus import data, losses, nn, ops, optim
from gradus.compiler.native import available
from gradus.errors import ArgumentError, DataError, DtypeError, GradientError, ShapeError
from gradus.train import perceptron, separable

EXECUTORS = ["reference", *(["native"] if available() else [])]
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def flowers() -> tuple[np.ndarray, np.ndarray]:
    """Setosa and versicolor, which a line separates."""
    X, y = load_iris(return_X_y=True)
    return X[:100], y[:100]


def sklearns(X: Any, y: Any, passes: int, bias: bool = True) -> Perceptron:
    return Perceptron(max_iter=passes, tol=None, shuffle=False, eta0=1.0, fit_intercept=bias).fit(
        X, y
    )


# ── The rule ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("passes", [1, 2, 7])
def test_the_weights_are_scikit_learns(passes: int, bias: bool, executor: str) -> None:
    for X, y in (flowers(), data.toy.blobs(150, noise=1.0), data.toy.moons(100)):
        X = X.astype(np.float64)  # scikit-learn would add float32 up in float32
        found = perceptron(X, y, max_passes=passes, bias=bias, keep_best=False, executor=executor)
        oracle = sklearns(X, y, passes, bias)
        assert found.weight == pytest.approx(oracle.coef_[0], rel=1e-9)
        assert found.bias == pytest.approx(oracle.intercept_[0], rel=1e-9)


def test_the_way_of_the_rule_by_hand() -> None:
    # The "and" of two inputs: (0, 0) → no, (0, 1) → no, (1, 0) → no, (1, 1) → yes.
    w, b, mistakes = np.zeros(2), 0.0, []
    for _ in range(100):
        mistakes.append(0)
        for x, t in zip(CORNERS, [-1, -1, -1, 1], strict=True):
            if t * (w @ x + b) <= 0:
                w, b, mistakes[-1] = w + t * x, b + t, mistakes[-1] + 1
        if not mistakes[-1]:
            break
    found = perceptron(CORNERS, [0, 0, 0, 1])
    assert (found.weight.tolist(), found.bias) == (w.tolist(), b)
    assert found.mistakes.tolist() == mistakes
    assert (found.converged, found.errors, found.passes) == (True, 0, len(mistakes))
    assert found.predict(CORNERS).tolist() == [0, 0, 0, 1]
    assert found.threshold == -b


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), d=st.integers(1, 5), n=st.integers(2, 40))
def test_novikoffs_bound_holds_wherever_a_plane_separates(seed: int, d: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=d), rng.normal()
    X = rng.integers(-9, 10, size=(n, d)).astype(float)  # whole numbers: sums without rounding
    scores = X @ w + b
    assume(np.abs(scores).min() > 0.3 and len(np.unique(scores > 0)) == 2)
    gamma = np.abs(scores).min() / np.sqrt(w @ w + b * b)
    radius = np.sqrt((X**2).sum(axis=1) + 1).max()
    bound = (radius / gamma) ** 2
    found = perceptron(X, scores > 0, max_passes=int(bound) + 2, executor="reference")
    assert found.converged
    assert found.mistakes.sum() <= bound
    assert found.predict(X).tolist() == (scores > 0).tolist()
    assert separable(X, scores > 0)


def test_without_a_bias_the_plane_goes_through_zero() -> None:
    X = np.array([[1.0], [2.0]])
    assert perceptron(X, [0, 1]).converged
    found = perceptron(X, [0, 1], bias=False, max_passes=10)
    assert (found.converged, found.bias) == (False, 0.0)
    assert separable(X, [0, 1])
    assert not separable(X, [0, 1], bias=False)


@pytest.mark.parametrize(
    "labels", [(0, 1), (-1, 1), (-1.0, 1.0), (False, True), ("no", "yes"), (7, 9)]
)
def test_any_two_labels_will_do(labels: tuple[Any, Any]) -> None:
    X, y = flowers()
    found = perceptron(X, np.array(labels)[y])
    assert found.predict(X).tolist() == np.array(labels)[y].tolist()
    assert found.weight.tolist() == perceptron(X, y).weight.tolist()


def test_a_shuffled_order_follows_the_seed() -> None:
    X, y = flowers()
    one, same, other = (perceptron(X, y, shuffle=True, seed=s) for s in (0, 0, 1))
    assert one.converged
    assert other.converged
    assert one.weight.tolist() == same.weight.tolist() != other.weight.tolist()


# ── Where no plane separates ────────────────────────────────────────────────────────────────────


def test_exclusive_or_is_never_learnt_and_nothing_is_claimed_of_it() -> None:
    found = perceptron(CORNERS, [0, 1, 1, 0], max_passes=50)
    assert (found.converged, found.passes) == (False, 50)
    assert np.all(found.mistakes > 0)
    assert found.reason == "not separated within 50 passes, which proves nothing"
    assert not separable(CORNERS, [0, 1, 1, 0])


def test_too_few_passes_say_the_same_although_a_plane_exists() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    found = perceptron(X, y, max_passes=1)
    assert found.reason == "not separated within 1 pass, which proves nothing"
    assert separable(X, y), "all 30 columns together"
    assert not separable(X[:, :10], y), "the ten means"


def test_the_best_weights_are_kept_where_the_last_are_worse() -> None:
    X, y = data.toy.blobs(200, noise=0.9)
    ends = [perceptron(X, y, max_passes=n, keep_best=False).errors for n in range(1, 27)]
    kept = perceptron(X, y, max_passes=26)
    assert kept.errors == min(ends) < ends[-1]
    assert np.sum(kept.predict(X) != y) == kept.errors


def test_gradient_descent_settles_where_the_rule_does_not() -> None:
    X, y = data.toy.blobs(400, noise=1.0)
    last = [perceptron(X, y, max_passes=n, keep_best=False).errors for n in range(5, 25)]

    def squashed(w: gd.Tensor, b: gd.Tensor) -> gd.Tensor:
        return losses.mean(losses.binary_cross_entropy_with_logits(X @ w + b, y))

    def hinge(w: gd.Tensor, b: gd.Tensor) -> gd.Tensor:
        return ops.mean(ops.relu(1.0 - (2.0 * y - 1.0) * (X @ w + b)))

    for loss in (squashed, hinge):
        w, b = gd.minimise(loss, (np.zeros(2), 0.0), optim.SGD(0.2)).at
        errors = np.sum((X @ w.numpy() + b.numpy() > 0) != y)
        # Two unit clouds √2 to either side of the best line: 8 % of the rows are beyond it.
        assert errors <= 0.1 * len(y)
        assert errors < np.mean(last)
    assert not separable(X, y)


def test_the_sign_itself_has_no_gradient_to_descend() -> None:
    unit: Any = nn.Sequential(nn.Linear(2, 1), nn.Sign())
    with pytest.raises(GradientError):
        gd.minimise(lambda unit: ops.mean(unit(CORNERS.astype(np.float32))), unit)


def test_numbers_too_large_to_add_up_are_not_called_separated() -> None:
    found = perceptron([[1.7e308], [-1.7e308], [1.6e308]], [0, 1, 1], max_passes=5)
    assert not found.converged
    assert found.errors > 0


# ── As a module ─────────────────────────────────────────────────────────────────────────────────


def test_the_module_decides_as_the_rule_does() -> None:
    X, y = flowers()
    found = perceptron(X, y)
    network = found.network()
    assert repr(network).startswith("Sequential")
    signs = network(X).numpy().ravel()
    assert signs.tolist() == (2 * y - 1).tolist()
    assert found.predict(X).tolist() == y.tolist()


# ── Separability ────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_what_the_program_says_is_what_two_hulls_say(seed: int, scale: float) -> None:
    # In one dimension: two sets are separable where their ranges do not meet.
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=6) * scale, np.array([0, 0, 0, 1, 1, 1])
    x[3:] += rng.choice([0, 1, 3]) * scale
    apart = x[:3].max() < x[3:].min() or x[3:].max() < x[:3].min()
    assert separable(x.reshape(-1, 1), y) is bool(apart)
    # A column that is the same in every row adds nothing, nor does its rounding.
    constant = np.column_stack([x, np.full(6, 0.1 * scale)])
    assert separable(constant, y) is bool(apart)


def test_classes_that_touch_are_not_separable() -> None:
    assert not separable([[0.0], [1.0], [1.0], [2.0]], [0, 0, 1, 1])


# ── Misuse ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: perceptron([[1.0], [2.0]], [0, 0]), DataError, "two different labels; .* 1: 0"),
        (lambda: perceptron(CORNERS, [0, 1, 2, 2]), DataError, "two different .* 3: 0, 1, 2"),
        (lambda: perceptron(CORNERS, [0, 1]), ShapeError, r"one label a row, \(4,\)"),
        (lambda: perceptron(CORNERS, [[0], [1], [1], [0]]), ShapeError, r"ravel\(\)"),
        (lambda: perceptron([[1.0], [np.nan]], [0, 1]), DataError, "finite"),
        (lambda: perceptron([["a"], ["b"]], [0, 1]), DtypeError, "numbers"),
        (lambda: perceptron([1.0, 2.0], [0, 1]), ShapeError, "reshape"),
        (lambda: perceptron(np.empty((0, 2)), []), DataError, "at least one row"),
        (lambda: perceptron(np.ones((2, 0)), [0, 1]), ShapeError, "one input or more"),
        (lambda: perceptron(CORNERS, [0.0, 1.0, np.nan, 1.0]), DataError, "every row has a label"),
        (lambda: perceptron(CORNERS, np.array([0, "a", None, 1], object)), DtypeError, "one kind"),
        (lambda: perceptron(CORNERS, [0, 0, 0, 1], max_passes=0), ArgumentError, "max_passes"),
        (lambda: perceptron(CORNERS, [0, 0, 0, 1], shuffle=1), ArgumentError, "shuffle must be"),
        (lambda: perceptron(CORNERS, [0, 0, 0, 1], seed="a"), ArgumentError, "seed must be"),
        (lambda: separable(CORNERS, [0, 0, 0, 0]), DataError, "two different labels"),
    ],
)
def test_rows_and_settings_without_meaning_are_refused(
    call: Callable[[], Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize("wrong", [[[1.0, 2.0, 3.0]], [1.0, 2.0], [1, 2]])
def test_rows_of_another_width_are_not_told(wrong: Any) -> None:
    with pytest.raises(ShapeError):
        perceptron(CORNERS, [0, 0, 0, 1]).predict(wrong)
