"""What y may be, and that predictions come back as the same kind of thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.datasets import load_iris

from gradus.errors import ArgumentError, DataError
from gradus.estimators import (
    LinearClassifier,
    LogisticNeuron,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)

RNG = np.random.default_rng(1)
X = RNG.normal(size=(30, 3))
NUMBERS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)  # 0, 1, 2
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "preset": "classic",
    "max_iter": 40,
    "learning_rate_init": 0.05,
    "random_state": 0,
    "executor": "reference",  # what is asked here is the same on all
}
MAPPINGS = {
    "whole numbers": np.array([-5, 10, 700]),
    "small numbers": np.array([0, 1, 255], np.uint8),
    "floats": np.array([-1.0, 0.0, 2.0]),
    "texts": np.array(["ash", "beech", "çam"]),
    "objects": np.array(["ash", "beech", "a much longer name"], dtype=object),
}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", MAPPINGS)
def test_labels_of_any_kind_are_classes_and_come_back(kind: str, classes: int) -> None:
    y = MAPPINGS[kind][np.minimum(NUMBERS, classes - 1)]
    model = MLPClassifier(**SMALL).fit(X, y)
    same = MLPClassifier(**SMALL).fit(X, np.unique(y, return_inverse=True)[1])
    assert model.classes_.tolist() == sorted(set(y.tolist()))
    found = model.predict(X)
    assert found.shape == (30,)
    assert set(found.tolist()) <= set(y.tolist())
    assert found.dtype.kind == ("U" if kind == "objects" else y.dtype.kind)
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(X))
    assert model.score(X, y) > 0.8


def test_yes_and_no_may_be_booleans() -> None:
    y = NUMBERS > 0
    model = MLPClassifier(**SMALL).fit(X, y)
    assert model.predict(X).dtype == bool
    assert model.classes_.tolist() == [False, True]
    for given in (y.astype(object), pd.Series(y, dtype="boolean"), y.tolist()):
        again = MLPClassifier(**SMALL).fit(X, given)
        np.testing.assert_array_equal(again.predict(X), model.predict(X))


TEXTS = np.array(["low", "mid", "top"])[NUMBERS]


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(TEXTS),
        pd.Series(TEXTS, index=np.arange(30)[::-1] * 7),
        pd.Series(TEXTS, dtype="category"),
        pd.Series(pd.Categorical(TEXTS, categories=["top", "low", "mid", "never"], ordered=True)),
        pd.Categorical(TEXTS),
        pd.Series(TEXTS, dtype="string"),
        pd.DataFrame({"y": TEXTS}),
        pl.Series(TEXTS),
        pl.Series(TEXTS, dtype=pl.Categorical),
        pa.array(TEXTS.tolist()),
        pa.chunked_array([TEXTS[:10].tolist(), TEXTS[10:].tolist()]),
        pa.array(TEXTS.tolist()).dictionary_encode(),
        TEXTS.tolist(),
    ],
    ids=lambda y: type(y).__module__.split(".")[0] + "." + type(y).__name__,
)
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_a_column_of_any_library_is_the_target(y: Any) -> None:
    model = MLPClassifier(**SMALL).fit(X, y)
    expected = MLPClassifier(**SMALL).fit(X, TEXTS)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    assert model.classes_.tolist() == ["low", "mid", "top"]


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(X[:, 0]),
        pd.Series(X[:, 0], dtype="Float64"),
        pl.Series(X[:, 0]),
        pa.array(X[:, 0]),
        X[:, 0].astype(object),
        X[:, 0].tolist(),
    ],
    ids=lambda y: type(y).__module__.split(".")[0] + "." + type(y).__name__,
)
def test_a_column_of_any_library_is_a_number_to_predict(y: Any) -> None:
    model = MLPRegressor(**SMALL).fit(X, y)
    expected = MLPRegressor(**SMALL).fit(X, X[:, 0])
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    assert model.predict(X).shape == (30,)


@pytest.mark.parametrize("given", ["array", "lists", "pandas", "sparse"])
def test_several_labels_a_row(given: str) -> None:
    y = np.stack([NUMBERS > 0, NUMBERS > 1, X[:, 2] > 0], axis=1).astype(int)
    forms = {
        "array": y,
        "lists": y.tolist(),
        "pandas": pd.DataFrame(y),
        "sparse": sparse.csr_array(y),
    }
    model = MLPClassifier(**SMALL).fit(X, forms[given])
    assert model.predict(X).shape == model.predict_proba(X).shape == (30, 3)
    assert model.decision_function(X).shape == (30, 3)
    assert set(np.unique(model.predict(X))) <= {0, 1}
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)
    assert np.mean(model.predict(X) == y) > 0.85
    assert 0 <= model.score(X, y) <= 1


def test_a_label_that_no_row_has_is_learnt_as_never() -> None:
    y = np.stack([NUMBERS > 0, np.zeros(30, bool), NUMBERS > 1], axis=1).astype(int)
    found = MLPClassifier(**SMALL).fit(X, y).predict_proba(X)
    assert found[:, 1].max() < 0.1


def test_several_questions_a_row_each_with_classes_of_its_own() -> None:
    y = np.stack([TEXTS, np.where(X[:, 2] > 0, "yes", "no")], axis=1)
    model = MLPClassifier(**SMALL).fit(X, y)
    assert [c.tolist() for c in model.classes_] == [["low", "mid", "top"], ["no", "yes"]]
    assert [p.shape for p in model.predict_proba(X)] == [(30, 3), (30, 2)]
    assert all(np.allclose(p.sum(axis=1), 1) for p in model.predict_proba(X))
    assert model.predict(X).shape == (30, 2)
    assert np.mean(model.predict(X) == y) > 0.8
    logs = model.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(logs[0]), model.predict_proba(X)[0])
    right = np.all(model.predict(X) == y, axis=1)
    assert model.score(X, y) == right.mean()
    weight = np.arange(30.0)
    assert model.score(X, y, weight) == pytest.approx(np.average(right, weights=weight))
    with pytest.raises(DataError, match=r"answers \(30, 2\)"):
        model.score(X, y[:, [0, 1, 0]])


def test_classes_of_several_questions_may_be_named_before_they_come() -> None:
    y = np.stack([NUMBERS > 0, NUMBERS > 1], axis=1).astype(int)
    model = MLPClassifier(**SMALL).partial_fit(X, y, classes=[[0, 1, 2], [0, 1]])
    model.partial_fit(X, np.stack([NUMBERS, 1 - y[:, 1]], axis=1))
    assert [p.shape for p in model.predict_proba(X)] == [(30, 3), (30, 2)]
    with pytest.raises(DataError, match="each of the 2 questions"):
        MLPClassifier(**SMALL).partial_fit(X, y, classes=[[0, 1]])


@pytest.mark.parametrize("model", [MLPClassifier(**SMALL), MLPRegressor(**SMALL)])
def test_targets_to_calibrate_by_are_refused_before_training(model: Any) -> None:
    model.set_params(calibrate=True, early_stopping=False)
    with pytest.raises(DataError, match="as many columns as in training"):
        model.fit(X, NUMBERS, X_val=X, y_val=np.stack([NUMBERS, 1 - NUMBERS], axis=1))
    assert not hasattr(model, "history_")


@pytest.mark.parametrize("classes", [2, 3])
def test_what_a_network_is_sure_of_has_a_finite_logarithm(classes: int) -> None:
    y = np.minimum(NUMBERS, classes - 1)
    model = MLPClassifier(**{**SMALL, "hidden_layer_sizes": ()}).fit(X, y)
    far = 1e4 * X
    scores = model.decision_function(far)
    scores = np.column_stack([np.zeros(30), scores]) if classes == 2 else scores
    # 1 − p would be 0 from a score of 37 on, and its logarithm infinite.
    np.testing.assert_allclose(
        model.predict_log_proba(far), log_softmax(scores, axis=1), atol=1e-12
    )
    np.testing.assert_allclose(model.predict_proba(far), softmax(scores, axis=1), rtol=1e-10)


def test_questions_of_mixed_kinds_keep_their_kinds() -> None:
    y = np.empty((30, 2), dtype=object)
    y[:, 0], y[:, 1] = TEXTS, NUMBERS
    model = MLPClassifier(**SMALL).fit(X, y)
    found = model.predict(X)
    assert found.dtype == object
    assert {type(v) for v in found[:, 0]} == {str}
    assert model.classes_[1].tolist() == [0, 1, 2]


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_several_numbers_a_row(columns: int) -> None:
    y = X @ RNG.normal(size=(3, columns)) * 100 + 1000
    model = MLPRegressor(**SMALL).fit(X, y if columns > 1 else y[:, 0])
    assert model.predict(X).shape == ((30, columns) if columns > 1 else (30,))
    assert model.score(X, y) > 0.8


def test_a_column_of_targets_is_one_number_a_row_and_scikit_learn_is_told() -> None:
    with pytest.warns(UserWarning, match="column-vector"):
        assert MLPRegressor(**SMALL).fit(X, X[:, :1]).predict(X).shape == (30,)


def test_quantiles_of_several_numbers_have_an_axis_of_their_own() -> None:
    options = {**SMALL, "loss": "quantile", "quantiles": (0.9, 0.1)}
    model = MLPRegressor(**options).fit(X, X[:, :2])
    found = model.predict_quantiles(X)
    assert found.shape == (30, 2, 2)
    assert np.all(found[..., 0] <= found[..., 1])
    assert MLPRegressor(**options).fit(X, X[:, 0]).predict_quantiles(X).shape == (30, 2)


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_have_scikit_learns_shapes(classes: int) -> None:
    y = np.minimum(NUMBERS, classes - 1)
    model = MLPClassifier(**SMALL).fit(X, y)
    assert model.predict_proba(X[:1]).shape == (1, classes)
    assert model.decision_function(X).shape == ((30,) if classes == 2 else (30, 3))
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    np.testing.assert_array_equal(
        model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)]
    )


def test_float_targets_that_are_numbers_are_no_classes() -> None:
    with pytest.raises(ValueError, match=r"[Uu]nknown label type"):
        MLPClassifier(**SMALL).fit(X, X[:, 0])


# Labels that come later ---------------------------------------------------------------------------


def test_a_first_partial_fit_may_name_classes_that_come_later() -> None:
    model = MLPClassifier(**SMALL)
    model.partial_fit(X[NUMBERS < 2], NUMBERS[NUMBERS < 2], classes=[0, 1, 2])
    assert model.classes_.tolist() == [0, 1, 2]
    for _ in range(60):
        model.partial_fit(X, NUMBERS)
    assert model.score(X, NUMBERS) > 0.8


LATE = {"partial_fit": "classes=", "warm start": "warm_start=False", "X_val": "X_val and y_val"}


@pytest.mark.parametrize("late", LATE)
def test_a_label_that_training_does_not_know_is_refused_with_what_helps_there(late: str) -> None:
    known = NUMBERS < 2
    model = MLPClassifier(**SMALL, warm_start=True).partial_fit(X[known], TEXTS[known])
    before = model.predict_proba(X)
    calls: dict[str, Callable[[], Any]] = {
        "partial_fit": lambda: model.partial_fit(X, TEXTS),
        "warm start": lambda: model.fit(X, TEXTS),
        "X_val": lambda: model.partial_fit(X[known], TEXTS[known], X_val=X, y_val=TEXTS),
    }
    with pytest.raises(DataError, match=rf"one of the classes.*'top'.*do: leave.*{LATE[late]}"):
        calls[late]()
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("late", ["partial_fit", "warm start"])
@pytest.mark.parametrize("kind", [LinearClassifier, LogisticNeuron, Perceptron])
def test_one_layer_refuses_it_with_what_helps_there(kind: Any, late: str) -> None:
    known = NUMBERS < 2
    model = kind(warm_start=True).partial_fit(X[known], TEXTS[known])
    before = model.decision_function(X)
    with pytest.raises(DataError, match=rf"one of the classes.*'top'.*do: leave.*{LATE[late]}"):
        (model.partial_fit if late == "partial_fit" else model.fit)(X, TEXTS)
    np.testing.assert_array_equal(model.decision_function(X), before)


@pytest.mark.parametrize("late", ["numbers after texts", "texts after numbers"])
def test_labels_of_another_kind_are_refused_with_the_reason(late: str) -> None:
    first, then = (TEXTS, NUMBERS) if late == "numbers after texts" else (NUMBERS, TEXTS)
    model = MLPClassifier(**SMALL).partial_fit(X, first)
    with pytest.raises(DataError, match="one of the classes"):
        model.partial_fit(X, then)


def test_later_targets_have_the_shape_of_the_first() -> None:
    model = MLPRegressor(**SMALL).partial_fit(X, X[:, :2])
    with pytest.raises(ValueError, match="as many columns"):
        model.partial_fit(X, X[:, 0])
    yes = MLPClassifier(**SMALL).partial_fit(X, (X[:, :2] > 0).astype(int))
    with pytest.raises(ValueError, match="as many columns"):
        yes.partial_fit(X, (X > 0).astype(int))
    one = MLPClassifier(**SMALL).partial_fit(X, NUMBERS)
    with pytest.raises(ValueError, match="as many columns"):
        one.partial_fit(X, (X > 0).astype(int))


def test_longer_texts_than_in_the_first_call_are_not_cut_short() -> None:
    model = MLPClassifier(**SMALL)
    model.partial_fit(X, np.where(NUMBERS > 0, "a", "b"), classes=["a", "b", "abc"])
    y = np.where(NUMBERS > 0, "abc", "b")
    for _ in range(60):
        model.partial_fit(X, y)
    assert "abc" in model.predict(X).tolist()


CLASSIFIERS = [MLPClassifier(), LinearClassifier(), LogisticNeuron(), Perceptron()]


@pytest.mark.parametrize(
    ("y", "why"),
    [
        (TEXTS[:29], "inconsistent numbers of samples|inconsistent"),
        (np.full(30, "a"), "at least two classes"),
        (np.where(X[:, 0] > 0, np.nan, 1.0), "NaN"),
        (np.array(["a", 1, 2.0] * 10, dtype=object), "labels of a column are of one type"),
        (NUMBERS.reshape(30, 1, 1), "1d|dim|2D|array"),
        ([[1], [1, 2], []] * 10, "inhomogeneous|label|sequence"),
        (None, "requires y"),
        ("text", "array|shape|scalar"),
    ],
    ids=str,
)
@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_targets_that_are_no_classes_are_refused(model: Any, y: Any, why: str) -> None:
    with pytest.raises((ValueError, TypeError), match=why):
        model.fit(X, y)


GAPS: dict[str, Any] = {
    "None in a list": ["a", None, "b"] * 10,
    "NaN in a list of texts": ["a", np.nan, "b"] * 10,  # which NumPy would make the text "nan"
    "None among numbers": np.array([0, None, 1] * 10, dtype=object),
    "NaN": np.tile([0.0, np.nan, 1.0], 10),
    "a NumPy NaN among objects": np.array(["a", np.float32("nan"), "b"] * 10, dtype=object),
    "pandas None": pd.Series(["a", None, "b"] * 10),
    "pandas category": pd.Series(["a", None, "b"] * 10, dtype="category"),
    "pandas Int64": pd.Series([0, None, 1] * 10, dtype="Int64"),
    "pandas string": pd.Series(["a", pd.NA, "b"] * 10, dtype="string"),
    "pandas frame": pd.DataFrame({"y": ["a", None, "b"] * 10}),
    "NaT": pd.Series(pd.to_datetime(["2020-01-01", None, "2021-01-01"] * 10)),
    "NaT in a list": [np.datetime64("2020", "Y"), np.datetime64("NaT"), np.datetime64("2021")] * 10,
    "polars": pl.Series(["a", None, "b"] * 10),
}


@pytest.mark.parametrize("y", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("model", CLASSIFIERS, ids=repr)
def test_rows_without_a_label_are_counted_and_the_first_is_named(model: Any, y: Any) -> None:
    said = r"every row needs a label.*received 10 of 30 missing, the first in row 2.*remove"
    with pytest.raises(DataError, match=said):
        model.fit(X, y)


def test_a_row_without_one_of_several_answers_is_one_without_a_label() -> None:
    y = np.array([["a", "x"], ["b", None], ["a", "y"]] * 10, dtype=object)
    with pytest.raises(DataError, match=r"10 of 30 missing, the first in row 2"):
        MLPClassifier(**SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("y", "why"),
    [
        (np.where(X[:, 0] > 0, np.nan, 1.0), "NaN"),
        (np.where(X[:, 0] > 0, np.inf, 1.0), "infinity"),
        (TEXTS, "not strings; received .top. in row 1"),
        (X[:, 0] + 1j, "[Cc]omplex"),
        (X[:5, 0], "inconsistent"),
        (pd.Series([pd.NA, 1.0, 2.0] * 10, dtype="Float64"), "NaN|NA|missing"),
    ],
    ids=["NaN", "inf", "texts", "complex", "short", "pd.NA"],
)
def test_targets_that_are_no_numbers_are_refused(y: Any, why: str) -> None:
    with pytest.raises((ValueError, TypeError), match=why):
        MLPRegressor(**SMALL).fit(X, y)


@pytest.mark.parametrize(
    "model", [MLPClassifier(**SMALL), LinearClassifier(), Perceptron()], ids=str
)
def test_the_classes_of_a_further_call_are_those_of_the_first(model: Any) -> None:
    X, y = load_iris(return_X_y=True)
    model = clone(model).partial_fit(X[:100], y[:100], classes=[0, 1, 2])
    model.partial_fit(X[:50], y[:50], classes=[2, 1, 0])
    for other in ([0, 1], [0, 1, 2, 3], 2):
        with pytest.raises(ArgumentError, match="the classes are those of the first call"):
            model.partial_fit(X[:50], y[:50], classes=other)


def test_the_classes_of_several_questions_stay_the_same_too() -> None:
    X, y = load_iris(return_X_y=True)
    both = np.column_stack([y, y > 0])
    model = MLPClassifier(**SMALL).partial_fit(X, both, classes=[[0, 1, 2], [0, 1]])
    model.partial_fit(X, both, classes=[[0, 1, 2], [0, 1]])
    for other in ([[0, 1, 2], [0, 2]], [[0, 1, 2]], 5):
        with pytest.raises(ArgumentError, match=r"first call, \[\[0, 1, 2\], \[0, 1\]\]; received"):
            model.partial_fit(X, both, classes=other)
