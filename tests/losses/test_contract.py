"""The contract table: every loss, through the same statements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses
from gradus.modes import tracing
from gradus.ops.primitive import Draw
from gradus.tensor import Tensor
from gradus.types import TensorType


@dataclass(frozen=True, eq=False)
class Row:
    """A loss with sample arguments: five examples, away from kinks."""

    loss: Callable[..., Tensor]
    prediction: np.ndarray
    target: np.ndarray
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, prediction: Any, target: Any = None) -> Tensor:
        return self.loss(prediction, self.target if target is None else target, **self.options)


draw = Draw()
NUMBERS, OTHERS = draw(5), draw(5)
ROWS, MORE_ROWS = draw(5, 3), draw(5, 3)
CUBES, MORE_CUBES = draw(5, 2, 2), draw(5, 2, 2)
PROBABILITIES = draw(5, low=0.05, high=0.95)
SCORES = draw(5, 4)
CLASS_PROBABILITIES = np.exp(SCORES / 4) / np.exp(SCORES / 4).sum(axis=1, keepdims=True)
LABELS = np.array([0, 3, 1, 1, 2])
SEQUENCES, SEQUENCE_LABELS = draw(5, 2, 3), np.arange(10).reshape(5, 2) % 3
DISTRIBUTIONS = CLASS_PROBABILITIES[::-1]
YES_NO = np.array([0, 1, 1, 0, 1])

TABLE = {
    "squared_error": Row(losses.squared_error, NUMBERS, OTHERS),
    "squared_error-rows": Row(losses.squared_error, ROWS, MORE_ROWS),
    "squared_error-cubes": Row(losses.squared_error, CUBES, MORE_CUBES),
    "absolute_error": Row(losses.absolute_error, NUMBERS, OTHERS),
    "absolute_error-rows": Row(losses.absolute_error, ROWS, MORE_ROWS),
    "huber": Row(losses.huber, NUMBERS, OTHERS),
    "huber-rows": Row(losses.huber, ROWS, MORE_ROWS, {"delta": 0.7}),
    "pinball": Row(losses.pinball, NUMBERS, OTHERS),
    "pinball-rows": Row(losses.pinball, ROWS, MORE_ROWS, {"quantile": 0.9}),
    "nll": Row(losses.nll, CLASS_PROBABILITIES, LABELS),
    "cross_entropy": Row(losses.cross_entropy, SCORES, LABELS),
    "cross_entropy-smooth": Row(losses.cross_entropy, SCORES, LABELS, {"label_smoothing": 0.2}),
    "cross_entropy-distributions": Row(losses.cross_entropy, SCORES, DISTRIBUTIONS),
    "cross_entropy-smooth-distributions": Row(
        losses.cross_entropy, SCORES, DISTRIBUTIONS, {"label_smoothing": 0.2}
    ),
    "cross_entropy-sequences": Row(losses.cross_entropy, SEQUENCES, SEQUENCE_LABELS),
    "cross_entropy-smooth-sequences": Row(
        losses.cross_entropy, SEQUENCES, SEQUENCE_LABELS, {"label_smoothing": 0.2}
    ),
    "cross_entropy-sequences-of-distributions": Row(
        losses.cross_entropy, SEQUENCES, np.full((5, 2, 3), 1 / 3)
    ),
    "max_margin": Row(losses.max_margin, SCORES, LABELS),
    "max_margin-wide": Row(losses.max_margin, SCORES, LABELS, {"margin": 2.5}),
    "binary_cross_entropy": Row(losses.binary_cross_entropy, PROBABILITIES, YES_NO),
    "binary_cross_entropy-rows": Row(
        losses.binary_cross_entropy, CLASS_PROBABILITIES, DISTRIBUTIONS
    ),
    "binary_cross_entropy_with_logits": Row(
        losses.binary_cross_entropy_with_logits, NUMBERS, YES_NO
    ),
    "binary_cross_entropy_with_logits-rows": Row(
        losses.binary_cross_entropy_with_logits, SCORES, DISTRIBUTIONS
    ),
}

every_loss = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def test_the_table_has_every_loss() -> None:
    assert {row.loss for row in TABLE.values()} == set(losses.LOSSES.values())
    assert {*losses.LOSSES, "LOSSES", "mean", "sum"} == set(losses.__all__)


@every_loss
@every_dtype
def test_a_loss_gives_one_value_an_example_in_the_predictions_dtype(row: Row, dtype: str) -> None:
    values = row(gd.tensor(row.prediction.astype(dtype)))
    assert values.type == TensorType((5,), np.dtype(dtype))
    assert (values.numpy() >= 0).all()


@every_loss
def test_gradients_agree_with_finite_differences_to_second_order(row: Row) -> None:
    # A shorter step than usual: ln p bends fast where p is small.
    assert gd.gradcheck(row, [row.prediction], step=5e-4, rtol=1e-8, atol=1e-8)
    assert gd.gradcheck(row, [row.prediction], step=5e-4, order=2, rtol=1e-6, atol=1e-7)


@every_loss
def test_each_value_depends_on_its_own_example_alone(row: Row) -> None:
    whole = row(row.prediction).numpy()
    apart = [row(row.prediction[i : i + 1], target=row.target[i : i + 1]).item() for i in range(5)]
    np.testing.assert_allclose(whole, apart, rtol=1e-14)


@every_loss
def test_no_examples_give_no_values(row: Row) -> None:
    assert row(row.prediction[:0], target=row.target[:0]).shape == (0,)


@every_loss
def test_lists_do_as_well_as_tensors(row: Row) -> None:
    values = row(row.prediction.tolist(), target=row.target.tolist())
    np.testing.assert_allclose(values.numpy(), row(row.prediction).numpy(), rtol=1e-5)


@every_loss
def test_a_loss_computes_on_symbolic_tensors(row: Row) -> None:
    with tracing() as trace:
        prediction, target = (
            Tensor(None, TensorType.of(x), trace=trace) for x in (row.prediction, row.target)
        )
        values = row(prediction, target=target)
        total = losses.mean(values, Tensor(None, values.type, trace=trace))
    assert values.type == TensorType((5,), np.dtype("float64"))
    assert total.type == TensorType((), np.dtype("float64"))


LARGE = [row for row in TABLE.values() if row.loss.__name__ not in ("nll", "binary_cross_entropy")]


@pytest.mark.parametrize("row", LARGE, ids=[n for n, row in TABLE.items() if row in LARGE])
@every_dtype
def test_values_and_two_derivatives_are_finite_for_predictions_of_ten_thousand(
    row: Row, dtype: str
) -> None:
    large = np.where(row.prediction > 0, 1e4, -1e4).astype(dtype)
    x = gd.tensor(large, requires_grad=True)
    values = row(x)
    first = gd.grad(values.sum(), x, create_graph=True)
    second = gd.grad((first * first).sum() + 0.0 * x.sum(), x)
    assert all(np.isfinite(t.numpy()).all() for t in (values, first, second))


@every_loss
def test_nan_passes_through_for_the_trainer_to_report(row: Row) -> None:
    assert np.isnan(row(np.full_like(row.prediction, np.nan)).numpy()).all()
