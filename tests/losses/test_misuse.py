"""Losses: what wrong arguments are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn
from gradus.errors import ArgumentError, DtypeError, GradientError, ShapeError

PAIRED = [
    losses.squared_error, losses.absolute_error, losses.huber, losses.pinball,
    losses.binary_cross_entropy, losses.binary_cross_entropy_with_logits,
]  # fmt: skip
LABELLED = [losses.nll, losses.cross_entropy, losses.max_margin]
EVEN = np.full((2, 3), 1 / 3)


@pytest.mark.parametrize("loss", PAIRED)
def test_a_column_and_a_vector_are_not_broadcast(loss: Any) -> None:
    with pytest.raises(ShapeError, match=r"\(4, 1\) and a target of \(4,\).*target.reshape\(4, 1"):
        loss(np.full((4, 1), 0.5), np.zeros(4))
    with pytest.raises(ShapeError, match="number of examples"):
        loss(np.full(4, 0.5), np.zeros(3))


@pytest.mark.parametrize("loss", LABELLED)
@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_a_label_outside_the_classes_is_refused(loss: Any, labels: list[int]) -> None:
    outside = labels[1] or labels[0]
    with pytest.raises(ArgumentError, match=rf"3 classes lie between 0 and 2; received {outside}"):
        loss(EVEN, labels)


@pytest.mark.parametrize("loss", LABELLED)
@pytest.mark.parametrize("label", [3, -1])
def test_a_compiled_loss_refuses_a_label_outside_the_classes(loss: Any, label: int) -> None:
    compiled = gd.compile(loss)
    assert compiled(gd.tensor(EVEN), gd.tensor([0, 1])).shape == (2,)
    low = -3 if label > 0 else 0  # where negative ones are wrong, the range says so
    with pytest.raises(ArgumentError, match=rf"\[{low}, 3\); received {label}.*count from 0"):
        compiled(gd.tensor(EVEN), gd.tensor([0, label]))


@pytest.mark.parametrize("loss", LABELLED)
@pytest.mark.parametrize("labels", [[0.0, 1.0], [True, False]])
def test_labels_that_are_no_integers_are_refused(loss: Any, labels: list[Any]) -> None:
    with pytest.raises(DtypeError, match=r"labels are integers.*astype\('int64'\)"):
        loss(EVEN, labels)


@pytest.mark.parametrize("loss", LABELLED)
def test_labels_and_scores_of_other_shapes_are_refused(loss: Any) -> None:
    with pytest.raises(ShapeError, match=r"labels of 2 examples have the shape \(2,\)"):
        loss(EVEN, [[0], [1]])
    with pytest.raises(ShapeError, match=r"\(n, K\).*binary_cross_entropy_with_logits"):
        loss(EVEN[0], 0)


def test_scores_of_several_predictions_want_a_label_each() -> None:
    scores = np.zeros((2, 4, 3))
    for labels in (np.zeros((4, 2), int), np.zeros(2, int), np.zeros((2, 4, 1), int)):
        with pytest.raises(ShapeError, match=r"labels of 2 examples have the shape \(2, 4\)"):
            losses.cross_entropy(scores, labels)
    with pytest.raises(ArgumentError, match="3 classes lie between 0 and 2; received 3"):
        losses.cross_entropy(scores, np.full((2, 4), 3))
    with pytest.raises(ShapeError, match=r"or \(n, …, K\); received \(2, 0, 3\)"):
        losses.cross_entropy(np.zeros((2, 0, 3)), np.zeros((2, 0), int))
    for loss in (losses.nll, losses.max_margin):
        with pytest.raises(ShapeError, match=r"takes predictions \(n, K\), a row an example;"):
            loss(scores, np.zeros((2, 4), int))


@pytest.mark.parametrize("loss", [losses.nll, losses.binary_cross_entropy])
@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_probabilities_outside_0_to_1_are_refused_with_the_loss_for_scores(
    loss: Any, p: float
) -> None:
    with pytest.raises(ArgumentError, match=r"takes probabilities.*use (binary_)?cross_entropy"):
        loss(np.full((1, 2), p), [0] if loss is losses.nll else [[0, 1]])


@pytest.mark.parametrize(
    "loss", [losses.binary_cross_entropy, losses.binary_cross_entropy_with_logits]
)
def test_labels_of_minus_1_and_1_are_refused_by_yes_no_losses(loss: Any) -> None:
    with pytest.raises(ArgumentError, match=r"0 .no. and 1 .yes.; received -1"):
        loss(np.array([0.5, 0.5]), [-1, 1])


@pytest.mark.parametrize("rows", [[[0.5, 0.6, 0.0]], [[1.5, -0.5, 0.0]], [[0.0, 0.0, 0.0]]])
def test_rows_that_are_no_distribution_are_refused(rows: list[list[float]]) -> None:
    with pytest.raises(ArgumentError, match="sum 1"):
        losses.cross_entropy(EVEN[:1], rows)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda: losses.huber([1.0], [1.0], delta=0.0),
            r"delta must be .* in \(0, inf\)",
        ),
        (lambda: losses.pinball([1.0], [1.0], quantile=1.0), r"quantile must be .* in \(0, 1\)"),
        (lambda: losses.max_margin(EVEN, [0, 1], margin=0), "margin must be"),
        (
            lambda: losses.cross_entropy(EVEN, [0, 1], label_smoothing=1.5),
            r"smoothing must be .* in \[0, 1\]",
        ),
        (lambda: losses.huber([1.0], [1.0], delta=float("nan")), "delta must be"),
    ],
)
def test_options_outside_their_range_are_refused(wrong: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        wrong()


def test_a_loss_of_hard_decisions_cannot_be_learned_from() -> None:
    x = gd.tensor([0.5, -0.5], requires_grad=True)
    values = losses.squared_error(nn.Sign()(x), [1, 1])
    assert values.tolist() == [0.0, 4.0]
    with pytest.raises(GradientError, match="sign"):
        losses.mean(values).backward()
