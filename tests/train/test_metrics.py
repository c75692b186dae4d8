"""Metrics: the same numbers as scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

import gradus as gd
from gradus import losses, nn
from gradus.errors import ArgumentError, GradusError, ShapeError
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


@pytest.mark.parametrize("places", [1, 6])
def test_accuracy_of_sequences_counts_every_place(places: int) -> None:
    scores, labels = RNG.normal(size=(40, places, 3)), RNG.integers(0, 3, (40, places))
    w = RNG.uniform(size=40)
    expected = sk.accuracy_score(
        labels.ravel(), scores.argmax(axis=2).ravel(), sample_weight=np.repeat(w, places)
    )
    assert np.isclose(accuracy(scores, labels, w), expected, rtol=1e-12)
    assert np.isclose(accuracy(scores, np.eye(3)[labels], w), expected, rtol=1e-12)


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
    assert list(metrics_named(["r2", mae, "rmse"], None)) == ["r2", "mae", "rmse"]


@pytest.mark.parametrize("metric", [rmse, mae, r2])
def test_values_that_would_be_compared_each_with_each_are_refused(metric: object) -> None:
    with pytest.raises(ShapeError, match=r"one shape; received \(40, 1\) and \(40,\)"):
        metric(VALUES.reshape(-1, 1), TARGETS)  # type: ignore[operator]


def test_classes_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"received \(40,\) and \(40, 2\)"):
        accuracy(RNG.normal(size=(40, 3)), np.zeros((40, 2)))
    with pytest.raises(ShapeError, match=r"received \(40, 5\) and \(40,\)"):
        accuracy(RNG.normal(size=(40, 5, 3)), np.zeros(40))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(rmse, sk.root_mean_squared_error), (mae, sk.mean_absolute_error), (r2, sk.r2_score)],
)
def test_weighted_regression_metrics_are_scikit_learns(ours: object, theirs: object) -> None:
    w = RNG.uniform(size=40)
    found = ours(VALUES, TARGETS, w)  # type: ignore[operator]
    assert np.isclose(found, theirs(TARGETS, VALUES, sample_weight=w), rtol=1e-12)  # type: ignore[operator]


def test_weighted_accuracy_is_scikit_learns() -> None:
    scores, labels, w = RNG.normal(size=(40, 3)), RNG.integers(0, 3, 40), RNG.uniform(size=40)
    expected = sk.accuracy_score(labels, scores.argmax(axis=1), sample_weight=w)
    assert np.isclose(accuracy(scores, labels, w), expected, rtol=1e-12)


X = RNG.normal(size=(40, 3)).astype(np.float32)
YES = (X[:, 0] > 0.3).astype(np.float32)


def probabilities() -> nn.Sequential:
    gd.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 1), nn.Sigmoid())


def test_accuracy_from_probabilities_parts_at_one_half() -> None:
    trainer = gd.Trainer(probabilities(), losses.binary_cross_entropy, metrics=["accuracy"])
    guessed = trainer.predict(X)[:, 0] > 0.5
    assert 0 < guessed.sum() < 40
    assert trainer.evaluate(X, YES)["accuracy"] == np.mean(guessed == YES)


def test_accuracy_from_scores_parts_at_zero() -> None:
    net = nn.Sequential(*probabilities()[:1])
    loss = losses.binary_cross_entropy_with_logits
    trainer = gd.Trainer(net, loss, metrics=[accuracy])
    guessed = trainer.predict(X)[:, 0] > 0
    assert trainer.evaluate(X, YES)["accuracy"] == np.mean(guessed == YES)


def test_accuracy_of_one_column_is_refused_where_the_loss_does_not_say_what_it_holds() -> None:
    net = probabilities()
    before = net[0].weight.numpy().copy()
    trainer = gd.Trainer(net, losses.squared_error, metrics=["accuracy"])
    with pytest.raises(ArgumentError, match=r"accuracy of one column.*a metric of your own"):
        trainer.fit(X, YES, progress=False)
    assert np.array_equal(net[0].weight.numpy(), before)


def test_an_evaluation_weighs_the_metrics_like_the_loss() -> None:
    net = nn.Sequential(nn.Linear(3, 1))
    trainer = gd.Trainer(net, losses.squared_error, metrics=["rmse", "mae", "r2"])
    w = np.repeat([0.0, 1.0, 3.0, 2.0], 10)
    weighted = trainer.evaluate(X, YES, sample_weight=w)
    rows = np.repeat(np.arange(40), w.astype(int))
    repeated = trainer.evaluate(X[rows], YES[rows])
    for name, value in weighted.items():
        # float32, sums of 60 terms in another order
        assert np.isclose(value, repeated[name], rtol=1e-5), name


def test_a_metric_of_ones_own_takes_prediction_and_target_alone() -> None:
    def largest(prediction: np.ndarray, target: np.ndarray) -> float:
        return float(np.abs(prediction - target).max())

    trainer = gd.Trainer(nn.Sequential(nn.Linear(3, 1)), losses.squared_error, metrics=[largest])
    assert trainer.evaluate(X, YES, sample_weight=np.ones(40))["largest"] > 0


def test_a_metric_that_does_not_fit_the_targets_is_refused_before_the_first_step() -> None:
    net = nn.Sequential(nn.Linear(3, 2))
    trainer = gd.Trainer(net, losses.cross_entropy, metrics=["rmse"])
    with pytest.raises(GradusError, match="of one shape"):
        trainer.fit(X, YES.astype(int), progress=False)
    assert len(trainer.history) == 0
