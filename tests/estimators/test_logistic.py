"""The sigmoid neuron is logistic regression, and says where that has no solution."""

from __future__ import annotations

import pickle
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from gradus import optim
from gradus.errors import ArgumentError, DataError
from gradus.estimators import LinearClassifier, LogisticNeuron
from gradus.estimators.separation import surely_bounded, way_down
from gradus.train import separable


@cache
def tumours() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def oracle(C: float = np.inf) -> LogisticRegression:
    return LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=10_000)


# ── It is logistic regression ───────────────────────────────────────────────────────────────────


def test_without_a_penalty_it_is_scikit_learns_logistic_regression() -> None:
    # The ten means: all 30 columns of this table have no optimum, see below.
    X, y = tumours()[0][:, :10], tumours()[1]
    # The smallest curvature is about 1e-4: with 1e-9, near the limit of L-BFGS, 6e-7 was seen.
    found = LogisticNeuron(tol=3e-9).fit(X, y)
    known = oracle().fit(X, y)
    assert found.converged_
    assert found.coef_ == pytest.approx(known.coef_, abs=2e-5)
    assert found.intercept_ == pytest.approx(known.intercept_, abs=2e-5)
    assert found.predict_proba(X) == pytest.approx(known.predict_proba(X), abs=2e-5)


def test_coefficients_are_in_the_units_of_the_table() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :10]  # from 0.05 to 2,500
    found = LogisticNeuron(tol=3e-9).fit(X, y)
    known = oracle().fit(StandardScaler().fit_transform(X), y)
    assert found.coef_[0] == pytest.approx(known.coef_[0] / X.std(axis=0), rel=2e-5)
    scores = X @ found.coef_[0] + found.intercept_
    assert found.decision_function(X) == pytest.approx(scores, abs=1e-8)


def test_all_columns_have_an_optimum_with_a_penalty_and_it_is_scikit_learns() -> None:
    X, y = tumours()
    found = LogisticNeuron(alpha=1e-3, tol=1e-8).fit(X, y)
    known = oracle(C=1 / (1e-3 * len(y))).fit(X, y)
    assert found.converged_
    assert found.coef_ == pytest.approx(known.coef_, abs=1e-5)
    assert found.intercept_ == pytest.approx(known.intercept_, abs=1e-5)


def test_without_an_intercept_it_is_scikit_learns_too() -> None:
    X, y = tumours()[0][:, :10], tumours()[1]
    found = LogisticNeuron(fit_intercept=False, scaling="none", tol=1e-8).fit(X, y)
    known = oracle().set_params(fit_intercept=False).fit(X, y)
    assert found.coef_ == pytest.approx(known.coef_, abs=1e-5)
    assert found.intercept_.tolist() == [0.0]


@pytest.mark.parametrize("solver", ["sgd", "adam", optim.SGD(1.0)], ids=str)
def test_gradient_descent_ends_where_l_bfgs_does(solver: object) -> None:
    X, y = tumours()
    options = {"alpha": 0.01, "max_iter": 5000, "learning_rate_init": 0.5}
    found = LogisticNeuron(solver, **options).fit(X, y)
    exact = LogisticNeuron(alpha=0.01, tol=1e-8).fit(X, y)
    # A gradient of norm 1e-6 leaves W within 1e-6 / α of the minimum.
    assert found.coef_ == pytest.approx(exact.coef_, abs=1e-4)


def test_balanced_classes_are_scikit_learns() -> None:
    X, y = tumours()
    found = LogisticNeuron(alpha=1e-2, tol=1e-8, scaling="none", class_weight="balanced").fit(X, y)
    known = oracle(C=1 / (1e-2 * len(y))).set_params(class_weight="balanced").fit(X, y)
    assert found.coef_ == pytest.approx(known.coef_, abs=1e-6)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), balanced=st.booleans())
def test_a_weight_of_a_row_is_how_often_it_is_there(seed: int, balanced: bool) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 2
    times = rng.integers(0, 4, 30)
    if len(set(y[times > 0])) < 2:
        return
    options = {"alpha": 0.01, "tol": 1e-8, "class_weight": "balanced" if balanced else None}
    weighted = LogisticNeuron(**options).fit(X, y, sample_weight=times)
    repeated = LogisticNeuron(**options).fit(X.repeat(times, axis=0), y.repeat(times))
    # A gradient of norm 1e-8 leaves W within 1e-8 / α of the minimum; numbers vary by about 1.
    assert weighted.coef_ == pytest.approx(repeated.coef_, abs=1e-5)
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-9)


# ── Where there is no optimum ───────────────────────────────────────────────────────────────────


def test_a_plane_between_the_classes_is_reported_and_separates_them() -> None:
    X, y = tumours()
    assert separable(X, y)
    with pytest.warns(ConvergenceWarning, match="a plane divides the classes.*alpha above 0"):
        found = LogisticNeuron().fit(X, y)
    assert not found.converged_
    assert "no minimum" in found.reason_
    assert found.score(X, y) == 1.0
    assert found.loss_ < 1e-5
    # The same predictions as scikit-learn, which stops somewhere as well.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        known = LogisticRegression(C=np.inf, max_iter=1000).fit(X, y)
    assert np.array_equal(found.predict(X), known.predict(X))


def test_a_category_of_one_class_alone_is_reported_by_name() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 10, 200), "city": ["Ulm", "Bonn"] * 100})
    y = frame["age"] + rng.normal(0, 10, 200) > 40
    frame.loc[frame.index[y][:5], "city"] = "Rom"
    with pytest.warns(ConvergenceWarning, match=r"falls for ever as the weights of .*'city = Rom'"):
        found = LogisticNeuron().fit(frame, y)
    assert not found.converged_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LogisticNeuron(alpha=1e-3).fit(frame, y).converged_


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), bias=st.booleans())
def test_a_way_down_is_found_where_the_classes_are_separable(seed: int, bias: bool) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(8, 2)), np.arange(8) % 2
    # In general position no row lies on a plane, and the two notions agree.
    assert (way_down(x, y, 2, bias=bias) is not None) == separable(x, y, bias=bias)


def test_no_way_down_loses_a_row() -> None:
    x, y = np.array([[0.0], [1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    way = way_down(x, y, 2)
    assert way is not None
    assert way[1, 0] > way[0, 0]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    rows=st.integers(6, 40),
    bias=st.booleans(),
    weighted=st.booleans(),
    twice=st.booleans(),
)
def test_what_is_surely_bounded_has_no_way_down(
    seed: int, rows: int, bias: bool, weighted: bool, twice: bool
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2)) * 10.0 ** rng.integers(-3, 4, 2)
    if twice:
        x = np.column_stack([x, x[:, 0] - x[:, 1], np.zeros(rows)])  # columns that say nothing new
    x[rows // 2 :, 0] = x[0, 0]  # and ties
    y = (x[:, 0] / np.abs(x[:, 0]).max() + rng.normal(0, 2 * rng.random(), rows) > 0).astype(int)
    y[:2] = 0, 1
    weight = rng.uniform(0.1, 5, rows) if weighted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no minimum it ends somewhere
        scaled = x / np.maximum(np.abs(x).max(axis=0), 1e-300)
        known = oracle().set_params(fit_intercept=bias, max_iter=50).fit(scaled, y, weight)
    score = known.decision_function(scaled)
    bounded = surely_bounded(x, y, score, weight, bias=bias)
    assert not bounded or way_down(x, y, 2, bias=bias) is None
    event(f"bounded: {bounded}")


def test_a_loss_that_is_the_same_everywhere_is_bounded() -> None:
    nothing, y = np.ones((20, 1)), [0, 1] * 10
    assert LogisticNeuron(fit_intercept=False).fit(nothing, y).converged_


@pytest.mark.parametrize("offset", [1e5, 1e7, 1e9])
def test_a_rare_category_far_from_0_is_seen(offset: float) -> None:
    rng = np.random.default_rng(0)
    age, rare = rng.normal(size=400), np.arange(400) < 4
    y = (age + rng.logistic(size=400) > 0) | rare
    x = np.column_stack([age, rare + offset])
    for score in (np.zeros(400), 20.0 * y - 10, age, age + 30 * rare):
        assert not surely_bounded(x, y.astype(int), score, None)


def test_rows_that_are_surely_bounded_need_no_linear_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = tumours()
    monkeypatch.setattr("gradus.estimators.convex.way_down", None)
    for columns in (1, 4, 10):  # of 30, which a plane divides
        weight = np.random.default_rng(columns).uniform(0.5, 2, len(X))
        assert LogisticNeuron().fit(X[:, :columns], y, weight).converged_


def test_an_end_before_the_minimum_is_reported() -> None:
    X, y = tumours()
    with pytest.warns(ConvergenceWarning, match="all 3 steps done.*raise max_iter") as seen:
        found = LogisticNeuron(alpha=0.1, max_iter=3).fit(X, y)
    assert seen[0].filename == __file__
    assert found.n_iter_ == 3
    assert not found.converged_


# ── As an estimator ─────────────────────────────────────────────────────────────────────────────


def test_three_classes_are_sent_to_the_linear_classifier() -> None:
    with pytest.raises(DataError, match="LinearClassifier"):
        LogisticNeuron().fit(*load_iris(return_X_y=True))


def test_a_frame_of_texts_dates_and_gaps_is_learnt_and_pickled() -> None:
    rng = np.random.default_rng(1)
    n = 120
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 10, n)),
            "city": rng.choice(["Ulm", "Bonn"], n),
            "seen": pd.date_range("2020-01-01", periods=n),
            "member": rng.choice([True, False], n),
        }
    )
    y = np.where(frame["city"].eq("Ulm") ^ (rng.random(n) < 0.2), "yes", "no")
    model = LogisticNeuron(alpha=1e-2).fit(frame, y)
    assert model.coef_.shape == (1, len(model.encoder_.feature_names))
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.score(frame, y) > 0.7
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(frame), model.predict_proba(frame))


def test_a_warm_start_begins_at_the_last_minimum() -> None:
    X, y = tumours()
    model = LogisticNeuron(alpha=0.01, warm_start=True).fit(X, y)
    first = model.n_iter_
    model.fit(X, y)
    assert first > 5
    assert model.n_iter_ == 0


def test_passes_one_by_one_come_near_the_minimum() -> None:
    X, y = tumours()
    exact = LogisticNeuron(alpha=0.01).fit(X, y)
    model = LogisticNeuron(alpha=0.01, random_state=0)
    for _ in range(50):
        model.partial_fit(X, y)
    assert model.n_iter_ == 50
    right = model.predict_proba(X)[np.arange(len(y)), y]
    value = -np.log(right).mean() + 0.005 * np.square(model.network_[0].weight.numpy()).sum()
    # Steps at a constant rate go to and fro around it.
    assert exact.loss_ <= value < 1.01 * exact.loss_


def test_passes_are_those_of_the_linear_classifier_at_the_same_rate() -> None:
    X, y = tumours()
    options = {"alpha": 0.01, "learning_rate_init": 0.05, "batch_size": 64, "random_state": 3}
    neuron, linear = LogisticNeuron(**options), LinearClassifier(**options)
    for _ in range(3):
        neuron.partial_fit(X, y)
        linear.partial_fit(X, y)
    assert np.array_equal(neuron.coef_, linear.coef_)
    again = pickle.loads(pickle.dumps(neuron))
    assert np.array_equal(again.predict_proba(X), neuron.predict_proba(X))
    again.partial_fit(X, y)


def test_a_first_batch_may_have_one_class_where_both_are_named() -> None:
    X, y = tumours()
    model = LogisticNeuron(alpha=0.01, random_state=0)
    with pytest.raises(DataError, match="at least two classes"):
        model.partial_fit(X[y == 1], y[y == 1])
    model.partial_fit(X[y == 1], y[y == 1], classes=[0, 1])
    assert model.predict_proba(X[y == 1])[:, 1].mean() > 0.5
    for _ in range(20):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.95


def test_three_named_classes_are_sent_to_the_linear_classifier_too() -> None:
    X, y = tumours()
    model = LogisticNeuron()
    with pytest.raises(DataError, match=r"3 classes.*LinearClassifier"):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert not hasattr(model, "network_")


def test_a_fit_after_passes_begins_anew_unless_it_starts_warm() -> None:
    X, y = tumours()
    model = LogisticNeuron(alpha=0.01, random_state=0).partial_fit(X, y)
    fresh = LogisticNeuron(alpha=0.01).fit(X, y)
    assert np.array_equal(model.fit(X, y).coef_, fresh.coef_)
    model.set_params(warm_start=True).fit(X, y)
    assert model.n_iter_ == 0


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"alpha": -1}, "alpha must be a finite number"),
        ({"solver": "newton"}, "solver is lbfgs, sgd or adam"),
        ({"scaling": "robust"}, "scaling must be"),
        ({"max_iter": 0}, "max_iter must be at least 1"),
        ({"learning_rate_init": 0}, "learning_rate_init must be"),
    ],
)
def test_an_option_without_meaning_is_refused(options: dict[str, object], rule: str) -> None:
    with pytest.raises(ArgumentError, match=rule):
        LogisticNeuron(**options).fit(*tumours())
