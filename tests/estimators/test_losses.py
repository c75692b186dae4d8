"""Each loss is learnt to its own least: mean, median, between them, quantile, or your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import mean_pinball_loss

from gradus import losses, ops
from gradus.errors import ArgumentError, ShapeError
from gradus.estimators import MLPClassifier, MLPRegressor
from gradus.tensor import Tensor

Array = np.ndarray
Loss = Callable[[Tensor, Tensor], Tensor]

# Two kinds of rows, so that a network can tell each kind one number, and that is the loss's least.
KINDS = (slice(0, 300), slice(300, 600))
X = np.repeat([0.0, 1.0], 300)[:, None]


def _skewed() -> Array:
    """Exponential numbers around 1 and 5; a tenth are far above."""
    rng = np.random.default_rng(0)
    y = np.repeat([1.0, 5.0], 300) + rng.exponential(size=600)
    y[rng.random(600) < 0.1] += 30
    return y


Y = _skewed()
STD = Y.std()  # the network learns standardised numbers, and huber's δ = 1 is one deviation


# A full-batch descent whose rate falls to 0: it comes to the least of a loss with corners.
DESCENT: dict[str, Any] = {
    "preset": "classic",
    "hidden_layer_sizes": (8,),
    "batch_size": 600,
    "max_iter": 200,
    "learning_rate_init": 0.03,
    "learning_rate": "cosine",
    "n_iter_no_change": np.inf,
    "alpha": 0.0,
    "random_state": 0,
}


def fitted(y: Array = Y, weight: Array | None = None, **options: Any) -> MLPRegressor:
    return MLPRegressor(**DESCENT | options).fit(X, y, sample_weight=weight)


def least(of: Callable[[Array], Array], y: Array, weight: Array | None = None) -> Array:
    """For each kind of rows the number from which errors cost least, by SciPy."""
    found = []
    for part in KINDS:
        w = None if weight is None else weight[part]
        cost = minimize_scalar(
            lambda m, t=y[part], w=w: np.average(of((t - m) / STD), weights=w),
            bounds=(y.min(), y.max()),
            options={"xatol": 1e-9},
        )
        found.append(cost.x)
    return np.array(found)


def huber(r: Array) -> Array:
    return np.where(np.abs(r) <= 1, r * r / 2, np.abs(r) - 0.5)


def expectile(r: Array) -> Array:
    return np.where(r > 0, 0.9, 0.1) * r * r


def own_absolute(prediction: Tensor, target: Tensor) -> Tensor:
    return ops.sum(ops.abs(prediction - target), axis=1)


def own_expectile(prediction: Tensor, target: Tensor) -> Tensor:
    r = target - prediction
    return ops.sum(ops.where(r > 0, 0.9, 0.1) * r * r, axis=1)


# What the loss is learnt to, and how near: a corner is met to the gap between two rows.
LEAST: list[tuple[Any, Callable[[Array], Array], float]] = [
    ("squared_error", np.square, 0.01),
    ("absolute_error", np.abs, 0.05),
    ("huber", huber, 0.01),
    (own_absolute, np.abs, 0.05),
    (own_expectile, expectile, 0.02),
]
every_loss = pytest.mark.parametrize(
    ("loss", "of", "near"), LEAST, ids=[str(getattr(loss, "__name__", loss)) for loss, *_ in LEAST]
)


@every_loss
def test_a_loss_is_learnt_to_its_least(
    loss: Any, of: Callable[[Array], Array], near: float
) -> None:
    found = fitted(loss=loss).predict([[0.0], [1.0]])
    np.testing.assert_allclose(found, least(of, Y), atol=near)


def test_outliers_move_the_mean_and_hardly_the_median() -> None:
    mean, between, median = (
        fitted(loss=loss).predict([[0.0]])[0] for loss in ("auto", "huber", "absolute_error")
    )
    assert mean == pytest.approx(Y[KINDS[0]].mean(), abs=0.01)
    assert median == pytest.approx(np.median(Y[KINDS[0]]), abs=0.05)
    assert median + 0.3 < between < mean - 1


@every_loss
def test_of_several_values_each_is_learnt_to_its_own(
    loss: Any, of: Callable[[Array], Array], near: float
) -> None:
    y = np.stack([Y, 100 - 2 * Y], axis=1)
    found = fitted(y, loss=loss).predict([[0.0], [1.0]])
    assert found.shape == (2, 2)
    # Standardised, the second is the first with the other sign.
    np.testing.assert_allclose(found[:, 0], least(of, Y), atol=near)
    mirrored = least(lambda r: of(-r), Y)
    np.testing.assert_allclose(found[:, 1], 100 - 2 * mirrored, atol=2 * near)


@every_loss
def test_rows_count_by_their_weight(loss: Any, of: Callable[[Array], Array], near: float) -> None:
    weight = np.where(Y > 20, 3.0, 1.0)
    found = fitted(Y, weight, loss=loss).predict([[0.0], [1.0]])
    if loss in ("huber", own_expectile):  # what is standardised depends on the weights
        unit = np.sqrt(np.average((Y - np.average(Y, weights=weight)) ** 2, weights=weight)) / STD
        expected = least(lambda r: of(r / unit), Y, weight)
    else:
        expected = least(of, Y, weight)
    np.testing.assert_allclose(found, expected, atol=2 * near)


def test_quantiles_are_those_of_the_rows() -> None:
    levels = [0.1, 0.5, 0.9]
    found = fitted(loss="quantile", quantiles=levels, max_iter=400).predict_quantiles(
        [[0.0], [1.0]]
    )
    for part, numbers in zip(KINDS, found, strict=True):
        for q, number in zip(levels, numbers, strict=True):
            best = mean_pinball_loss(Y[part], np.full(300, np.quantile(Y[part], q)), alpha=q)
            assert mean_pinball_loss(Y[part], np.full(300, number), alpha=q) <= best * 1.01


def test_a_function_that_is_a_loss_of_the_house_is_learnt_as_by_its_name() -> None:
    for name in ("squared_error", "absolute_error", "huber"):
        one, other = (fitted(max_iter=20, loss=loss) for loss in (name, getattr(losses, name)))
        assert np.array_equal(one.predict(X), other.predict(X))


def test_members_each_learn_by_a_function_of_yours() -> None:
    model = fitted(loss=own_absolute, members=3)
    np.testing.assert_allclose(model.predict([[0.0], [1.0]]), least(np.abs, Y), atol=0.2)


# ── Classes ─────────────────────────────────────────────────────────────────────────────────────


def brier(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared distance of the probabilities from what was: least where they are the shares."""
    hot = ops.equal(ops.expand_dims(target, axis=1), np.arange(prediction.shape[1]))
    return ops.sum(ops.square(ops.softmax(prediction, axis=1) - hot), axis=1)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("loss", ["cross_entropy", brier], ids=["cross_entropy", "own"])
def test_probabilities_are_learnt_to_the_shares_of_the_classes(loss: Any, classes: int) -> None:
    rng = np.random.default_rng(1)
    y = np.concatenate([rng.choice(classes, 300), rng.binomial(classes - 1, 0.3, 300)])
    model = MLPClassifier(**DESCENT, loss=loss).fit(X, y)
    shares = [np.bincount(y[part], minlength=classes) / 300 for part in KINDS]
    np.testing.assert_allclose(model.predict_proba([[0.0], [1.0]]), shares, atol=3e-3)


# ── What is refused ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("loss", ["mse", "cross_entropy", 3, ["huber"]], ids=str)
def test_names_of_no_loss_of_numbers_are_refused(loss: Any) -> None:
    says = "the loss is one of auto, squared_error, absolute_error, huber, quantile, or a function"
    with pytest.raises(ArgumentError, match=says):
        fitted(loss=loss)


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (lambda p, t: ops.sum(ops.abs(p - t)), "one value an example"),
        (lambda p, t: ops.abs(p - t), "one value an example"),
        (lambda p, t: 0.0, "a loss gives a tensor"),
    ],
    ids=["a sum", "a value an output", "no tensor"],
)
def test_functions_that_give_no_value_a_row_are_refused(loss: Loss, says: str) -> None:
    with pytest.raises((ArgumentError, ShapeError), match=says):
        fitted(np.stack([Y, Y], axis=1), loss=loss)


def test_margins_say_no_probabilities_unless_they_are_calibrated() -> None:
    X, y = load_iris(return_X_y=True)
    margins = MLPClassifier(loss="max_margin", preset="classic", random_state=0)
    assert not hasattr(margins, "predict_proba")
    assert hasattr(clone(margins).set_params(calibrate=True), "predict_proba")  # asked before fit
    margins.fit(X, y)
    assert not hasattr(margins, "predict_proba")
    assert not hasattr(margins, "predict_log_proba")
    assert margins.score(X, y) > 0.9
    assert margins.decision_function(X).shape == (150, 3)
    margins.set_params(calibrate=True).fit(X, y)
    np.testing.assert_allclose(margins.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    margins.set_params(loss="auto")  # what was fitted counts
    assert margins.predict_proba(X).shape == (150, 3)
    margins.set_params(loss="max_margin", calibrate=False).fit(X, y).set_params(loss="auto")
    assert not hasattr(margins, "predict_proba")
