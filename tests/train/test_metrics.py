"""Metrics: the same numbers as scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from gradus.train.metrics import accuracy, labels_of, mae, metrics_named, r2, rmse

RNG = np.random.default_rng(0)
VALUES, TARGETS = RNG.normal(size=(2, 40))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(rmse, sk.root_mean_squared_error), (mae, sk.mean_absolute_error), (r2, sk.r2_score)],
)
@pytest.mark.parametrize("shape", [(40,), (40, 1)])
def test_regression_metrics_are_scikit_learns(
    ours: object, theirs: object, shape: tuple[int, ...]
) -> None:
    found = ours(VALUES.reshape(shape), TARGETS.reshape(shape))  # type: ignore[operator]
    assert np.isclose(found, theirs(TARGETS, VALUES), rtol=1e-12)  # type: ignore[operator]


def test_accuracy_compares_the_largest_score_with_labels_or_distributions() -> None:
    scores, labels = RNG.normal(size=(40, 3)), RNG.integers(0, 3, 40)
    expected = sk.accuracy_score(labels, scores.argmax(axis=1))
    assert accuracy(scores, labels) == expected
    assert accuracy(scores, np.eye(3)[labels]) == expected


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
def test_accuracy_of_one_column_takes_positive_scores_for_class_one(shape: tuple[int, ...]) -> None:
    labels = RNG.integers(0, 2, 40)
    expected = sk.accuracy_score(labels, VALUES > 0)
    assert accuracy(VALUES.reshape(shape), labels) == expected
    assert accuracy(VALUES.reshape(shape), labels.reshape(-1, 1)) == expected


def test_a_score_of_zero_is_class_zero_and_ties_go_to_the_first() -> None:
    assert labels_of(np.array([[0.0], [1e-9]])).tolist() == [0, 1]
    assert labels_of(np.array([[1.0, 1.0]])).tolist() == [0]


def test_r2_of_a_constant_target_is_one_or_zero() -> None:
    assert r2(np.ones(3), np.ones(3)) == 1.0
    assert r2(np.zeros(3), np.ones(3)) == 0.0


def test_metrics_keep_the_order_they_are_given_in() -> None:
    assert list(metrics_named(["r2", mae, "rmse"])) == ["r2", "mae", "rmse"]
