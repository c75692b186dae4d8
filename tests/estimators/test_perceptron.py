"""The perceptron as an estimator: the rule's weights, one unit a class, and going on."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model
from sklearn.datasets import load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import has_fit_parameter

from gradus import data
from gradus.errors import ArgumentError
from gradus.estimators import Perceptron


def flowers() -> tuple[np.ndarray, np.ndarray]:
    """Setosa and versicolor, which a line separates."""
    X, y = load_iris(return_X_y=True)
    return X[:100], y[:100]


@pytest.mark.parametrize("intercept", [True, False])
def test_the_weights_are_scikit_learns(intercept: bool) -> None:
    X, y = flowers()
    found = Perceptron(shuffle=False, fit_intercept=intercept).fit(X, y)
    oracle = linear_model.Perceptron(
        max_iter=found.n_iter_, tol=None, shuffle=False, fit_intercept=intercept
    ).fit(X, y)
    assert found.coef_ == pytest.approx(oracle.coef_, rel=1e-9)
    assert found.intercept_ == pytest.approx(oracle.intercept_, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    inputs=st.integers(1, 4),
    labels=st.sampled_from([(0, 1), (-1, 1), ("no", "yes")]),
)
def test_classes_that_a_plane_divides_end_without_a_mistake(
    seed: int, inputs: int, labels: tuple[object, object]
) -> None:
    rng = np.random.default_rng(seed)
    w, X = rng.normal(size=inputs), rng.normal(size=(40, inputs))
    w /= np.linalg.norm(w)
    side = np.where(X @ w > 0, 1, -1)
    X += 0.3 * side[:, None] * w  # a margin, so that Novikoff's bound is small
    y = np.array(labels)[(side > 0).astype(int)]
    if len(set(y)) < 2:
        return
    model = Perceptron(max_iter=5000, random_state=seed).fit(X, y)
    assert model.converged_
    assert model.mistakes_[-1] == 0
    assert len(model.mistakes_) == model.n_iter_
    assert model.score(X, y) == 1.0


def test_several_classes_have_a_unit_each_and_the_largest_score_wins() -> None:
    X, y = make_blobs(150, centers=[[-5, 0], [5, 0], [0, 8]], random_state=0)
    model = Perceptron(random_state=0).fit(X, y)
    assert model.converged_
    assert model.coef_.shape == (3, 2)
    scores = model.decision_function(X)
    assert scores == pytest.approx(X @ model.coef_.T + model.intercept_)
    for k in range(3):  # each unit fires for its own class alone
        assert np.array_equal(scores[:, k] > 0, y == k)


def test_classes_that_overlap_are_reported_and_the_best_weights_kept() -> None:
    X, y = data.toy.blobs(200, noise=0.9)
    with pytest.warns(ConvergenceWarning, match=r"12 rows are on the wrong side after 26 passes"):
        best = Perceptron(shuffle=False, max_iter=26).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="69 rows"):
        last = Perceptron(shuffle=False, max_iter=26, keep_best=False).fit(X, y)
    assert not best.converged_
    assert best.score(X, y) == 1 - 12 / 200
    assert last.score(X, y) == 1 - 69 / 200


def test_passes_one_by_one_are_the_passes_of_a_fit() -> None:
    X, y = flowers()
    whole = Perceptron(shuffle=False).fit(X, y)
    model = Perceptron(shuffle=False)
    for count in whole.mistakes_:
        model.partial_fit(X, y, classes=[0, 1])
        assert model.mistakes_.tolist() == [count]
    assert np.array_equal(model.coef_, whole.coef_)
    assert np.array_equal(model.intercept_, whole.intercept_)


def test_a_batch_of_one_class_corrects_that_class() -> None:
    X, y = flowers()
    model = Perceptron(shuffle=False).partial_fit(X[:50], y[:50], classes=[0, 1])
    assert np.all(model.predict(X[:50]) == 0)


def test_a_warm_start_goes_on_from_the_last_weights() -> None:
    X, y = flowers()
    model = Perceptron(shuffle=False, warm_start=True).fit(X, y)
    before = model.coef_
    model.fit(X, y)
    assert model.n_iter_ == 1
    assert np.array_equal(model.coef_, before)


def test_a_frame_has_its_categories_one_by_one() -> None:
    frame = pd.DataFrame({"size": [1.0, 2.0, None, 9.0], "kind": ["a", "b", "a", None]})
    model = Perceptron(random_state=0).fit(frame, ["x", "y", "x", "y"])
    names = model.encoder_.feature_names
    assert names == ("size", "size is missing", "kind = a", "kind = b", "kind is missing")
    assert model.coef_.shape == (1, len(names))
    assert model.predict(frame).tolist() == ["x", "y", "x", "y"]
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(frame), model.predict(frame))


def test_there_are_no_weights_of_rows() -> None:
    assert not has_fit_parameter(Perceptron(), "sample_weight")


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"max_iter": 0}, "max_iter must be at least 1"),
        ({"shuffle": 1}, "shuffle must be True or False"),
        ({"scaling": "robust"}, "scaling must be"),
        ({"keep_best": None}, "keep_best must be True or False"),
    ],
)
def test_an_option_without_meaning_is_refused(options: dict[str, object], rule: str) -> None:
    with pytest.raises(ArgumentError, match=rule):
        Perceptron(**options).fit(*flowers())
