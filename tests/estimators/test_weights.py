"""Weights of rows and of classes: 2 counts twice, 0 leaves out.

In one batch and float64 the only difference is the order of sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils import compute_sample_weight

from gradus.errors import ArgumentError, DataError
from gradus.estimators import LinearClassifier, LogisticNeuron, MLPClassifier, MLPRegressor
from gradus.types import Array

RNG = np.random.default_rng(0)
ROWS = 24
X = RNG.normal(size=(ROWS, 3)) * [1.0, 10.0, 0.1] + [5.0, 0.0, 1.0]
X[3, 1] = np.nan
WEIGHT = np.tile([0.0, 1.0, 2.0, 1.0], ROWS // 4)
REPEATED = np.repeat(np.arange(ROWS), WEIGHT.astype(int))

NUMBERS = X[:, [0, 2]] @ [[1.0, 2.0], [3.0, -10.0]]
LABELS = (X[:, 0] > 5).astype(int) + (X[:, 2] > 1.05)
TARGETS: dict[str, tuple[type, Array]] = {
    "two classes": (MLPClassifier, np.where(X[:, 0] > 5, "old", "new")),
    "three classes": (MLPClassifier, LABELS),
    "several answers": (MLPClassifier, np.stack([LABELS > 0, X[:, 2] > 1, LABELS < 2], 1) * 1),
    "several questions": (MLPClassifier, np.stack([LABELS, LABELS[::-1]], axis=1)),
    "a number": (MLPRegressor, NUMBERS[:, 0]),
    "several numbers": (MLPRegressor, NUMBERS),
}
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 12, "random_state": 3, "n_iter_no_change": np.inf}


def outputs(model: Any) -> Array:
    """What the network says of all rows, before it becomes labels."""
    found = model.predict(X) if isinstance(model, MLPRegressor) else model.predict_proba(X)
    return np.concatenate(found, axis=1) if isinstance(found, list) else found


@pytest.mark.parametrize("preset", ["classic", "default", "strong", "ensemble"])
@pytest.mark.parametrize("target", TARGETS)
def test_weight_2_is_the_row_twice_and_weight_0_its_absence(target: str, preset: str) -> None:
    kind, y = TARGETS[target]
    # A deeper network would only enlarge the rounding; and two rows draw two dropouts.
    options = {**SMALL, "preset": preset, "dropout": 0.0}
    weighted = kind(**options).fit(X, y, sample_weight=WEIGHT)
    repeated = kind(**options).fit(X[REPEATED[::-1]], y[REPEATED[::-1]])
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(outputs(weighted), outputs(repeated), rtol=1e-7, atol=1e-9)
    plain = kind(**options).fit(X, y)
    assert np.abs(outputs(plain) - outputs(weighted)).max() > 1e-4, "the weights do something"


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_weights_count_in_every_loss_of_numbers(loss: str) -> None:
    weighted = MLPRegressor(loss=loss, **SMALL).fit(X, NUMBERS[:, 0], WEIGHT)
    repeated = MLPRegressor(loss=loss, **SMALL).fit(X[REPEATED], NUMBERS[REPEATED, 0])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)


def test_the_scale_of_the_weights_changes_nothing_without_a_penalty() -> None:
    one = MLPClassifier(**SMALL).fit(X, LABELS, WEIGHT)
    eight = MLPClassifier(**SMALL).fit(X, LABELS, 8 * WEIGHT)
    np.testing.assert_allclose(outputs(one), outputs(eight), rtol=1e-9)


@pytest.mark.parametrize("given", ["balanced", {0: 3.0, 1: 0.5, 2: 1.0}, {2: 4.0}])
def test_class_weights_are_the_same_weights_of_rows(given: Any) -> None:
    weight = None if given == "balanced" else WEIGHT + 1
    of_class = MLPClassifier(class_weight=given, **SMALL).fit(X, LABELS, weight)
    of_rows = compute_sample_weight(given, LABELS) * (1 if weight is None else weight)
    same = MLPClassifier(**SMALL).fit(X, LABELS, of_rows)
    np.testing.assert_array_equal(outputs(of_class), outputs(same))


def test_class_weights_name_labels_as_they_are() -> None:
    y = np.where(LABELS > 0, "yes", "no")
    named = MLPClassifier(class_weight={"yes": 2, "no": 1}, **SMALL).fit(X, y)
    np.testing.assert_array_equal(
        outputs(named), outputs(MLPClassifier(**SMALL).fit(X, y, np.where(LABELS > 0, 2, 1)))
    )


def test_class_weights_of_several_questions_are_a_list_of_dictionaries() -> None:
    _, y = TARGETS["several questions"]
    given = [{0: 2.0}, {1: 3.0}]
    listed = MLPClassifier(class_weight=given, **SMALL).fit(X, y)
    same = MLPClassifier(**SMALL).fit(X, y, compute_sample_weight(given, y))
    np.testing.assert_array_equal(outputs(listed), outputs(same))
    with pytest.raises(DataError, match="list of dictionaries"):
        MLPClassifier(class_weight={0: 2.0}, **SMALL).fit(X, y)


@pytest.mark.parametrize("given", ["balance", {7: 1.0}, 3])
def test_a_class_weight_that_is_none_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"class_weight|classes"):
        MLPClassifier(class_weight=given, **SMALL).fit(X, LABELS)


def test_balanced_weights_of_classes_see_how_much_the_rows_weigh() -> None:
    options = {"class_weight": "balanced", **SMALL}
    weighted = MLPClassifier(**options).fit(X, LABELS, WEIGHT)
    repeated = MLPClassifier(**options).fit(X[REPEATED], LABELS[REPEATED])
    np.testing.assert_allclose(outputs(weighted), outputs(repeated), rtol=1e-7, atol=1e-9)


def test_balanced_weights_find_more_of_the_rare_class() -> None:
    table, y = make_classification(1000, 6, weights=[0.93], class_sep=0.7, random_state=1)
    recipe = MLPClassifier((8,), preset="classic", random_state=0, max_iter=40, batch_size=50)
    plain, balanced = (
        balanced_accuracy_score(
            y[500:],
            clone(recipe)
            .set_params(class_weight=given)
            .fit(table[:500], y[:500])
            .predict(table[500:]),
        )
        for given in (None, "balanced")
    )
    assert balanced > plain + 0.1


def test_a_class_whose_rows_all_weigh_nothing_is_none_of_the_classes() -> None:
    weight = np.where(LABELS == 1, 0.0, 1.0)
    model = MLPClassifier(**SMALL).fit(X, LABELS, weight)
    assert model.classes_.tolist() == [0, 2]


def test_sparse_rows_are_weighted_as_dense_ones_are() -> None:
    rows = sparse.random_array((ROWS, 10), density=0.3, rng=np.random.default_rng(5), format="csr")
    weighted = MLPClassifier(**SMALL).fit(rows, LABELS, WEIGHT)
    repeated = MLPClassifier(**SMALL).fit(rows[REPEATED], LABELS[REPEATED])
    np.testing.assert_allclose(
        weighted.predict_proba(rows), repeated.predict_proba(rows), rtol=1e-7, atol=1e-9
    )


def test_rows_to_validate_on_are_weighted_too() -> None:
    held = {"X_val": X, "y_val": LABELS}
    options = {"early_stopping": True, "preset": "classic", **SMALL}
    weighted = MLPClassifier(**options).fit(X, LABELS, **held, sample_weight_val=WEIGHT)
    repeated = MLPClassifier(**options).fit(X, LABELS, X_val=X[REPEATED], y_val=LABELS[REPEATED])
    for curve in ("validation_loss_curve_", "validation_scores_"):
        np.testing.assert_allclose(getattr(weighted, curve), getattr(repeated, curve), rtol=1e-9)


@pytest.mark.parametrize(
    ("weight", "why"),
    [
        (np.ones(3), "shape"),
        (-WEIGHT, "Negative"),
        (np.where(WEIGHT == 2, np.nan, WEIGHT), "NaN"),
        (np.where(WEIGHT == 2, np.inf, WEIGHT), "infinity"),
        (np.zeros(ROWS), r"above 0|zero"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weight: Array, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        MLPClassifier(**SMALL).fit(X, LABELS, weight)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({1: -2}, "finite numbers of at least 0.*received -2 for the class 1"),
        ({1: np.nan}, "finite numbers of at least 0.*received nan for the class 1"),
        ({1: "2"}, "finite numbers of at least 0.*received '2' for the class 1"),
        ({7: 2}, r"names classes of y, \[0, 1, 2\]; received a weight of \[7\]"),
        ({0: 1, "1": 2}, r"received a weight of \['1'\].*as y does: 1 has no weight"),
        ([1, 2, 3], 'a dictionary of labels and their weights, or "balanced"'),
        (3, 'a dictionary of labels and their weights, or "balanced"'),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [MLPClassifier, LinearClassifier])
def test_weights_of_classes_that_are_none_are_named(kind: Any, given: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=f"class_weight.*{said}"):
        kind(class_weight=given).fit(X, LABELS)


def test_a_weight_of_a_class_that_there_is_not_is_refused_later_too() -> None:
    model = MLPClassifier(**SMALL, warm_start=True).fit(X, LABELS)
    linear = LinearClassifier(warm_start=True).fit(X, LABELS)
    for one in (model, linear):
        one.set_params(class_weight={7: 2.0})
        for call in (one.fit, one.partial_fit):
            with pytest.raises(ArgumentError, match=r"received a weight of \[7\]"):
                call(X, LABELS)


@pytest.mark.parametrize("kind", [MLPClassifier, LinearClassifier])
def test_weights_of_all_classes_fit_rows_that_lack_one(kind: Any) -> None:
    # As in a fold of a search; and in a part of the rows of which the first call named all classes.
    # A class of weight 0 is one that the rows lack, too.
    assert kind(class_weight={0: 0, 1: 2}).fit(X, LABELS).classes_.tolist() == [1, 2]
    few = LABELS < 2
    kind(class_weight={0: 1, 1: 2, 2: 3}).fit(X[few], LABELS[few])
    first = kind(class_weight={2: 3.0}, random_state=0)
    first.partial_fit(X[few], LABELS[few], classes=[0, 1, 2]).partial_fit(X, LABELS)


def test_several_questions_have_weights_each_and_answers_those_of_0_and_1() -> None:
    y = np.stack([LABELS, LABELS[::-1]], axis=1)
    given = [{0: 2.0}, "balanced"]
    found = MLPClassifier(class_weight=given, **SMALL).fit(X, y)
    each = [compute_sample_weight({0: 2.0, 1: 1, 2: 1}, y[:, 0]),
            compute_sample_weight("balanced", y[:, 1])]  # fmt: skip
    same = MLPClassifier(**SMALL).fit(X, y, each[0] * each[1])
    np.testing.assert_array_equal(outputs(found), outputs(same))
    with pytest.raises(ArgumentError, match=r"received a weight of \[9\]"):
        MLPClassifier(class_weight=[None, {9: 1.0}], **SMALL).fit(X, y)
    with pytest.raises(ArgumentError, match="an entry for each of the 2 questions"):
        MLPClassifier(class_weight=[{0: 1.0}], **SMALL).fit(X, y)
    answers = TARGETS["several answers"][1]
    MLPClassifier(class_weight=[{1: 2.0}, None, {0: 3.0}], **SMALL).fit(X, answers)
    with pytest.raises(ArgumentError, match=r"names classes of y, \[0, 1\]"):
        MLPClassifier(class_weight=[{1: 2.0}, None, {2: 3.0}], **SMALL).fit(X, answers)


@pytest.mark.parametrize("model", [MLPClassifier, LogisticNeuron, LinearClassifier])
def test_partial_fit_cannot_balance_classes(model: Any) -> None:
    one = model(class_weight={True: 2, False: 1}).partial_fit(X, LABELS > 0)
    one.set_params(class_weight="balanced")
    with pytest.raises(ArgumentError, match="write the weights down"):
        one.partial_fit(X, LABELS > 0)
    with pytest.raises(ArgumentError, match="write the weights down"):
        model(class_weight="balanced").partial_fit(X, LABELS > 0)
