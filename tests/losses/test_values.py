"""Losses: values worked out by hand, and how the losses relate to each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn
from gradus.ops.primitive import Draw

draw = Draw()
NUMBERS, ROWS, MORE_ROWS, SCORES = draw(5), draw(5, 3), draw(5, 3), draw(5, 4)
LABELS = np.array([0, 3, 1, 1, 2])
YES_NO = np.array([0, 1, 1, 0, 1])


@pytest.mark.parametrize("K", [2, 3, 10, 1000])
def test_uniform_scores_cost_the_logarithm_of_the_number_of_classes(K: int) -> None:
    values = losses.cross_entropy(np.full((3, K), 7.0), [0, 1, K - 1]).numpy()
    np.testing.assert_allclose(values, math.log(K), rtol=1e-14)


def test_the_worked_scores_of_the_softmax_loss() -> None:
    # Scores (3.2, 5.1, −1.7) with class 0 right, the usual example beside lecture 002's formulas.
    scores = np.array([[3.2, 5.1, -1.7]])
    assert losses.cross_entropy(scores, [0]).item() == pytest.approx(2.0404, abs=1e-4)
    assert losses.max_margin(scores, [0]).item() == pytest.approx(2.9)


def test_the_right_class_is_left_out_of_the_max_margin_sum() -> None:
    assert losses.max_margin(np.array([[10.0, 0.0, 0.0]]), [0]).item() == 0.0


def test_squared_error_sums_over_outputs_and_not_over_examples() -> None:
    values = losses.squared_error(np.array([[1.0, 2.0], [3.0, 5.0]]), np.zeros((2, 2)))
    assert values.tolist() == [5.0, 34.0]


def test_cross_entropy_is_nll_after_softmax_and_takes_labels_as_one_hot_rows() -> None:
    values = losses.cross_entropy(SCORES, LABELS).numpy()
    np.testing.assert_allclose(losses.nll(nn.Softmax()(SCORES), LABELS).numpy(), values)
    one_hot = np.eye(4)[LABELS]
    for target in (one_hot, one_hot.astype("int64")):
        np.testing.assert_allclose(losses.cross_entropy(SCORES, target).numpy(), values)


def test_smoothing_all_the_way_expects_every_class_alike() -> None:
    smooth = losses.cross_entropy(SCORES, LABELS, label_smoothing=1).numpy()
    even = losses.cross_entropy(SCORES, np.full((5, 4), 0.25)).numpy()
    np.testing.assert_allclose(smooth, even, rtol=1e-14)


def test_binary_losses_from_probabilities_and_from_scores_agree() -> None:
    p = nn.Sigmoid()(NUMBERS)
    a = losses.binary_cross_entropy(p, YES_NO).numpy()
    b = losses.binary_cross_entropy_with_logits(NUMBERS, YES_NO).numpy()
    np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("z", [20.0, 30.0, 500.0])
def test_binary_cross_entropy_is_exact_for_confident_scores_of_both_signs(z: float) -> None:
    values = losses.binary_cross_entropy_with_logits(np.array([z, -z]), [1, 0]).numpy()
    np.testing.assert_allclose(values, math.log1p(math.exp(-z)), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_certain_mistake_costs_100_and_has_a_finite_gradient(dtype: str) -> None:
    p = gd.tensor([0.0, 1.0, 0.0, 1.0], dtype, requires_grad=True)
    values = losses.binary_cross_entropy(p, [1, 0, 0, 1])
    assert values.tolist() == [100.0, 100.0, 0.0, 0.0]
    assert np.isfinite(gd.grad(values.sum(), p).numpy()).all()


def test_equal_numbers_have_no_error_and_no_slope() -> None:
    for loss in (losses.squared_error, losses.absolute_error, losses.huber, losses.pinball):
        y = gd.tensor([1.5, -2.0], requires_grad=True)
        values = loss(y, [1.5, -2.0])
        assert not values.numpy().any()
        assert not gd.grad(values.sum(), y).numpy().any()


def test_pinball_is_least_at_the_quantile() -> None:
    t = draw(999)
    places = np.sort(t)
    costs = [losses.mean(losses.pinball(np.full(999, y), t, quantile=0.8)).item() for y in places]
    assert int(np.argmin(costs)) == 799


def test_the_target_takes_the_dtype_of_the_prediction() -> None:
    y = gd.tensor([1.0], requires_grad=True)
    assert losses.squared_error(y, np.array([3.0])).dtype == np.float32
    assert losses.squared_error(np.array([1, 2]), [1, 4]).tolist() == [0.0, 4.0]


def test_a_target_can_be_differentiated_too() -> None:
    y, t = (gd.tensor(x, requires_grad=True) for x in (ROWS, MORE_ROWS))
    dy, dt = gd.grad(losses.squared_error(y, t).sum(), [y, t])
    np.testing.assert_allclose(dy.numpy(), -dt.numpy())
