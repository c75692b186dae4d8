"""Reductions: weighted means and sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses
from gradus.errors import ArgumentError, ShapeError


def test_the_weighted_mean_divides_by_the_weights() -> None:
    values, w = gd.tensor(np.array([1.0, 4.0, 7.0])), [1, 0, 3]
    assert losses.mean(values).item() == 4.0
    assert losses.sum(values).item() == 12.0
    assert losses.mean(values, w).item() == 5.5
    assert losses.sum(values, w).item() == 22.0
    assert losses.sum(values, [0, 0, 0]).item() == 0.0
    assert losses.mean(values, w).dtype == np.float64


def test_a_weight_counts_as_that_many_copies() -> None:
    values = losses.squared_error(np.arange(5.0), np.ones(5))
    copies = np.repeat(values.numpy(), [1, 2, 3, 0, 1])
    assert losses.mean(values, [1, 2, 3, 0, 1]).item() == pytest.approx(copies.mean())


@pytest.mark.parametrize("w", [[1.0, -1.0], [float("nan"), 1.0]])
@pytest.mark.parametrize("reduce", [losses.mean, losses.sum])
def test_negative_weights_are_refused(reduce: Any, w: list[float]) -> None:
    with pytest.raises(ArgumentError, match="0 or more"):
        reduce(gd.ones(2), w)


def test_a_mean_of_nothing_and_a_mean_with_no_weight_are_refused() -> None:
    with pytest.raises(ShapeError, match="one example or more"):
        losses.mean(gd.zeros(0))
    with pytest.raises(ArgumentError, match="some weight above 0"):
        losses.mean(gd.ones(2), [0, 0])
    with pytest.raises(ShapeError, match=r"\(2,\); received \(2, 1\)"):
        losses.mean(gd.ones(2), [[1], [1]])
    assert losses.sum(gd.zeros(0), np.zeros(0)).item() == 0.0
