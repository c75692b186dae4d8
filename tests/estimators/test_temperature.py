"""Calibrated probabilities are as often right as they say, and the classes stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from gradus import nn
from gradus.errors import ArgumentError
from gradus.estimators import MLPClassifier, MLPRegressor, NetworkClassifier, load
from gradus.estimators.temperature import temperature
from gradus.tensor import Tensor

Array = np.ndarray


def generated(n: int, classes: int, seed: int) -> tuple[Array, Array]:
    """Rows and classes that are drawn with probabilities of softmax f(x)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 8))
    weight = 0.6 * np.random.default_rng(99).normal(size=(8, classes))
    scores = X @ weight + np.sin(2 * X[:, :1]) * np.arange(classes)
    return X, np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)


def classifier(**options: Any) -> MLPClassifier:
    """A network that can learn 600 rows by heart, and 400 to calibrate by."""
    small: dict[str, Any] = {
        "preset": "classic",
        "hidden_layer_sizes": (64,),
        "learning_rate_init": 5e-3,
        "max_iter": 100,
        "random_state": 0,
        "validation_fraction": 0.4,
        "calibrate": True,
    }
    return MLPClassifier(**small | options)


def calibration_error(p: Array, y: Array, bins: int = 15) -> float:
    """Mean distance of what the largest probability says and how often it is right."""
    says, right = p.max(axis=1), p.argmax(axis=1) == y
    place = np.minimum((says * bins).astype(int), bins - 1)
    parts = [place == b for b in range(bins)]
    return sum(abs((right[part] - says[part]).sum()) for part in parts) / len(y)


# ── On fresh rows ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(
    ("options", "sure"),
    [
        ({}, "too"),
        ({"members": 4}, "too"),
        ({"label_smoothing": 0.3}, "hardly"),
        ({"early_stopping": True, "monitor": "loss", "label_smoothing": 0.3}, "hardly"),
    ],
    ids=str,
)
def test_fresh_rows_are_told_with_better_probabilities_and_as_the_same_classes(
    options: dict[str, Any], sure: str, classes: int
) -> None:
    model = classifier(**options).fit(*generated(1000, classes, 0))
    assert (model.temperature_ > 1) == (sure == "too")
    X, y = generated(5000, classes, 1)
    after = model.predict_proba(X)
    found, scores, t = model.predict(X), model.decision_function(X), model.temperature_
    model.network_[-1].temperature.assign(1.0)
    before = model.predict_proba(X)
    assert np.array_equal(model.predict(X), found)
    # Without calibration 0.05 to 0.09. 400 rows know T to some percent, which leaves about 0.015.
    assert calibration_error(before, y) > 0.04
    assert calibration_error(after, y) < 0.6 * calibration_error(before, y)
    assert log_loss(y, after) < log_loss(y, before) - 0.005
    np.testing.assert_allclose(scores * t, model.decision_function(X), rtol=1e-4, atol=1e-5)


def test_of_several_answers_and_several_questions_one_temperature_serves_all() -> None:
    X, first = generated(4000, 2, 0)
    second = generated(4000, 3, 0)[1]
    for y in (np.stack([first, second > 0], axis=1), np.stack([first, second], axis=1)):
        for members in (1, 3):
            model = classifier(members=members, max_iter=150).fit(X[:1000], y[:1000])
            assert model.temperature_ > 1
            after, found = _cost(model, X[1000:], y[1000:]), model.predict(X)
            model.network_[-1].temperature.assign(1.0)
            assert after < _cost(model, X[1000:], y[1000:])
            assert np.array_equal(model.predict(X), found)


def _cost(model: MLPClassifier, X: Array, y: Array) -> float:
    p = model.predict_proba(X)
    if not isinstance(p, list):  # of yes
        p = [np.stack([1 - of_yes, of_yes], axis=1) for of_yes in p.T]
    return sum(log_loss(column, q) for column, q in zip(y.T, p, strict=True))


@pytest.mark.parametrize("classes", [2, 3])
def test_of_an_ensemble_the_mean_probability_is_calibrated(classes: int) -> None:
    X, y = generated(1000, classes, 2)
    model = classifier(members=4, dtype="float64").fit(X, y)
    *_, mean, last = model.network_
    assert isinstance(mean, nn.MemberMean)
    assert isinstance(last, nn.Temperature)
    each = model.network_[:-2].eval()(X_of(model, X)).numpy()
    if classes == 2:
        p = special.expit(each).mean(axis=1)
        expected = special.expit(special.logit(p) / model.temperature_)
        expected = np.concatenate([1 - expected, expected], axis=1)
    else:
        p = special.softmax(each, axis=2).mean(axis=1)
        expected = special.softmax(np.log(p) / model.temperature_, axis=1)
    assert model.temperature_ > 1
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-9)


def X_of(model: MLPClassifier, X: Array) -> Array:
    """Rows as the network takes them."""
    return np.asarray(model.encoder_.transform_matrix(X, None, np.float64))


# ── The rule ────────────────────────────────────────────────────────────────────────────────────


def _log_loss(scores: Array, numbers: Array, t: float, weight: Array | None = None) -> float:
    log_p = special.log_softmax(scores / t, axis=1)[np.arange(len(scores)), numbers]
    return -float(np.average(log_p, weights=weight))


@pytest.mark.parametrize("factor", [0.01, 0.5, 3.0, 200.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_temperature_of_least_log_loss(factor: float, weighted: bool) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(scale=2, size=(20_000, 3))
    numbers = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    weight = rng.uniform(0.1, 2, 20_000) if weighted else None
    found = temperature([(factor * scores, numbers)], weight)
    best = minimize_scalar(
        lambda log_t: _log_loss(factor * scores, numbers, np.exp(log_t), weight),
        bracket=(np.log(factor) - 1, np.log(factor) + 1),
    )
    # One row of an unknown class among 20,000 moves it by less than 10⁻³.
    assert found == pytest.approx(np.exp(best.x), rel=1e-3)
    assert found == pytest.approx(factor, rel=0.05), "the scores were right before the factor"


@given(seed=st.integers(0, 10**6), n=st.integers(1, 30), scale=st.floats(1e-3, 1e3))
def test_the_log_loss_of_the_rows_held_out_never_grows(seed: int, n: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    scores, numbers = scale * rng.normal(size=(n, 3)), rng.integers(0, 3, n)
    weight = rng.uniform(0.1, 5, n)
    t = temperature([(scores, numbers)], weight)
    assert t == np.float32(t) > 0
    before = _log_loss(scores, numbers, 1.0, weight)
    assert _log_loss(scores, numbers, t, weight) <= before * (1 + 1e-12)


def test_rows_that_are_all_told_rightly_do_not_ask_for_certainty() -> None:
    """By their own log-loss alone T would be 0, and one mistake would cost without bound."""
    scores = np.array([[2.0, 0.0]] * 20)
    t = temperature([(scores, np.zeros(20, int))])
    assert t < 1
    mistake = _log_loss(scores[:1], np.array([1]), t)
    assert mistake == pytest.approx(np.log(42), rel=1e-3), "½ of a row in 20 + 1"


def test_weights_count_rows_and_their_scale_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    scores, numbers = 3 * rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    t = temperature([(scores, numbers)])
    assert temperature([(scores, numbers)], np.full(50, 1e-3)) == pytest.approx(t, rel=1e-5)
    loud = np.where(numbers == 0, 1e6, 1.0)  # all but one class hardly counts
    alone = numbers == 0
    expected = temperature([(scores[alone], numbers[alone])])
    assert temperature([(scores, numbers)], loud) == pytest.approx(expected, rel=1e-3)


# ── In the estimator ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("members", [1, 3])
def test_training_is_as_without_and_only_the_temperature_is_added(members: int) -> None:
    X, y = generated(300, 3, 3)
    held = {"X_val": X[:100], "y_val": y[:100]}
    small = {"max_iter": 10, "members": members, "warm_start": True}
    model, other = classifier(**small), classifier(calibrate=False, **small)
    for _ in range(2):  # the second time T is not 1 at first
        model.fit(X[100:], y[100:], **held)
        other.fit(X[100:], y[100:], **held)
        assert model.loss_curve_ == other.loss_curve_
        assert model.validation_loss_curve_ == other.validation_loss_curve_
        for a, b in zip(model.network_.parameters(), other.network_.parameters(), strict=True):
            assert np.array_equal(a.numpy(), b.numpy())
        before, after = (log_loss(y[:100], m.predict_proba(X[:100])) for m in (other, model))
        assert after < before
    assert not hasattr(other, "temperature_")
    assert model.set_params(calibrate=False).fit(X, y).temperature_ == 1.0
    assert other.set_params(calibrate=True).fit(X[100:], y[100:], **held).temperature_ != 1.0


def test_a_network_has_its_temperature_from_the_start_and_in_its_file(tmp_path: Path) -> None:
    X, y = generated(200, 2, 4)
    model = classifier()
    assert not hasattr(model, "temperature_")
    assert model.build(X, y).temperature_ == 1.0
    assert model.fit(X, y).temperature_ != 1.0
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.temperature_ == model.temperature_
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.transform(X).shape == (200, 64)


def test_further_passes_calibrate_by_rows_that_are_given() -> None:
    X, y = generated(400, 2, 5)
    held = {"X_val": X[:100], "y_val": y[:100]}
    model = classifier()
    with pytest.raises(ArgumentError, match="pass X_val and y_val, or set calibrate=False"):
        model.partial_fit(X, y)
    found = []
    for _ in range(3):
        found.append(model.partial_fit(X[100:], y[100:], **held).temperature_)
    assert len(set(found)) == 3
    for watching in (False, True):
        plain = classifier(calibrate=False, early_stopping=watching)
        for _ in range(2):
            plain.partial_fit(X[100:], y[100:], **held)
        plain.set_params(calibrate=True).partial_fit(X[100:], y[100:], **held)
        assert plain.temperature_ == pytest.approx(found[2], rel=0.2), "Adam began anew"
    with pytest.raises(AttributeError, match="was not calibrated"):
        _ = classifier(calibrate=False, max_iter=1).fit(X, y).temperature_


@pytest.mark.parametrize("options", [{"loss": "max_margin"}, {"preset": "default"}], ids=str)
def test_scores_that_never_were_probabilities_become_some(options: dict[str, Any]) -> None:
    X, y = generated(1500, 3, 6)
    model = classifier(max_iter=20, **options).fit(X[:800], y[:800])
    after = log_loss(y[800:], model.predict_proba(X[800:]))
    for module in model._temperatures:
        module.temperature.assign(1.0)
    assert after < log_loss(y[800:], model.predict_proba(X[800:])) + 0.01


class _Tripled(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 3.0


def test_a_network_that_does_more_than_its_layers_is_calibrated_whole() -> None:
    made = NetworkClassifier(_Tripled(nn.Linear(3, 2)), calibrate=True).build(np.eye(3), [0, 1, 1])
    assert [type(m) for m in made.network_] == [_Tripled, nn.Temperature]


@pytest.mark.parametrize(
    ("options", "rows", "calibrated"),
    [
        ({"preset": "default"}, 100, True),
        ({"preset": "strong"}, 100, True),
        ({"preset": "default"}, 99, False),  # on which none are held out
        ({"preset": "default", "early_stopping": False}, 100, False),
        ({"preset": "default", "calibrate": False}, 100, False),
        ({"preset": "classic"}, 100, False),
        ({"preset": "ensemble", "members": 2}, 100, False),
        ({"preset": "classic", "early_stopping": True, "calibrate": "auto"}, 100, True),
    ],
    ids=str,
)
def test_presets_that_smooth_labels_calibrate_by_rows_that_are_held_out_in_any_case(
    options: dict[str, Any], rows: int, calibrated: bool
) -> None:
    X, y = generated(rows, 2, 3)
    model = MLPClassifier((8,), max_iter=2, copies=1, random_state=0, **options).fit(X, y)
    assert hasattr(model, "temperature_") is calibrated


def test_a_further_pass_without_rows_held_out_leaves_the_temperature() -> None:
    X, y = generated(300, 2, 5)
    model = MLPClassifier((8,), max_iter=5, copies=1, random_state=0).fit(X, y)
    before = model.temperature_
    model.partial_fit(X, y)
    assert model.temperature_ == before != 1
    model.partial_fit(X, y, X_val=X[:150], y_val=y[:150])
    assert model.temperature_ != before


def test_rows_that_a_network_has_learnt_from_do_not_calibrate_it() -> None:
    X, y = generated(300, 2, 5)
    model = classifier(warm_start=True, calibrate=True, max_iter=2).fit(X, y)
    model.fit(X, y)  # by the same rows again
    found = model.temperature_
    model.set_params(calibrate=False).partial_fit(X, y)
    with pytest.raises(ArgumentError, match="after training that held out none"):
        model.set_params(calibrate=True).fit(X, y)
    assert model.set_params(calibrate="auto", early_stopping=True).fit(X, y).temperature_ == found
    assert model.fit(X, y, X_val=X[:90], y_val=y[:90]).temperature_ != found
    model = classifier(warm_start=True, calibrate=False, max_iter=2).fit(X, y)
    model.set_params(calibrate="auto", early_stopping=True).fit(X, y)
    assert not hasattr(model, "temperature_")


def test_given_rows_calibrate_where_there_are_few_of_them_to_train_on() -> None:
    X, y = generated(150, 2, 3)
    model = MLPClassifier((8,), max_iter=5, random_state=0)
    assert model.fit(X[:90], y[:90], X_val=X[90:], y_val=y[90:]).temperature_ != 1


@pytest.mark.parametrize("given", ["auto", "yes", 2])
def test_numbers_are_calibrated_or_not(given: Any) -> None:
    X, y = generated(150, 2, 3)
    with pytest.raises(ArgumentError, match="calibrate"):
        MLPRegressor((8,), max_iter=2, calibrate=given).fit(X, y.astype(float))
