"""Losses against PyTorch: forwards, gradients and second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, random
from gradus.ops.primitive import Draw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

F = torch.nn.functional
K = 4

draw = Draw()
NUMBERS, OTHERS = draw(6), draw(6)
ROWS, MORE_ROWS = draw(6, 3), draw(6, 3)
PROBABILITIES = draw(6, low=0.05, high=0.95)
SCORES = draw(6, K)
CLASS_PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
LABELS = np.array([0, 3, 1, 1, 2, 0])
YES_NO = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.25])

Loss = Callable[[Any, Any], Any]


def per_row(loss: Callable[..., Any], **options: Any) -> Loss:
    """PyTorch's elementwise loss, summed over the outputs of an example."""

    def of(y: Any, t: Any) -> Any:
        values = loss(y, t, reduction="none", **options)
        return values if values.ndim == 1 else values.sum(dim=1)

    return of


def torch_pinball(y: Any, t: Any) -> Any:
    return torch.maximum(0.8 * (t - y), -0.2 * (t - y)).sum(dim=1)


# gradus's loss, PyTorch's, prediction, target.
TABLE: dict[str, tuple[Loss, Loss, np.ndarray, np.ndarray]] = {
    "squared_error": (losses.squared_error, per_row(F.mse_loss), NUMBERS, OTHERS),
    "squared_error-rows": (losses.squared_error, per_row(F.mse_loss), ROWS, MORE_ROWS),
    "absolute_error": (losses.absolute_error, per_row(F.l1_loss), ROWS, MORE_ROWS),
    "huber": (losses.huber, per_row(F.huber_loss), ROWS, MORE_ROWS),
    "huber-0.4": (
        lambda y, t: losses.huber(y, t, delta=0.4), per_row(F.huber_loss, delta=0.4),
        ROWS, MORE_ROWS,
    ),
    "pinball": (lambda y, t: losses.pinball(y, t, quantile=0.8), torch_pinball, ROWS, MORE_ROWS),
    "nll": (
        losses.nll, lambda p, t: F.nll_loss(p.log(), t, reduction="none"),
        CLASS_PROBABILITIES, LABELS,
    ),
    "cross_entropy": (losses.cross_entropy, per_row(F.cross_entropy), SCORES, LABELS),
    "cross_entropy-smooth": (
        lambda s, t: losses.cross_entropy(s, t, label_smoothing=0.1),
        per_row(F.cross_entropy, label_smoothing=0.1), SCORES, LABELS,
    ),
    "cross_entropy-distributions": (
        losses.cross_entropy, per_row(F.cross_entropy), SCORES, CLASS_PROBABILITIES[::-1].copy(),
    ),
    "cross_entropy-smooth-distributions": (
        lambda s, t: losses.cross_entropy(s, t, label_smoothing=0.3),
        per_row(F.cross_entropy, label_smoothing=0.3), SCORES, CLASS_PROBABILITIES[::-1].copy(),
    ),
    "max_margin": (
        losses.max_margin, lambda s, t: K * F.multi_margin_loss(s, t, reduction="none"),
        SCORES, LABELS,
    ),
    "max_margin-2": (
        lambda s, t: losses.max_margin(s, t, margin=2.0),
        lambda s, t: K * F.multi_margin_loss(s, t, margin=2.0, reduction="none"), SCORES, LABELS,
    ),
    "binary_cross_entropy": (
        losses.binary_cross_entropy, per_row(F.binary_cross_entropy), PROBABILITIES, YES_NO,
    ),
    "binary_cross_entropy-rows": (
        losses.binary_cross_entropy, per_row(F.binary_cross_entropy),
        CLASS_PROBABILITIES, CLASS_PROBABILITIES[::-1].copy(),
    ),
    "binary_cross_entropy_with_logits": (
        losses.binary_cross_entropy_with_logits, per_row(F.binary_cross_entropy_with_logits),
        NUMBERS, YES_NO,
    ),
    "binary_cross_entropy_with_logits-rows": (
        losses.binary_cross_entropy_with_logits, per_row(F.binary_cross_entropy_with_logits),
        SCORES, CLASS_PROBABILITIES,
    ),
}  # fmt: skip

# PyTorch has no second derivative of the first; the finite differences of tests/losses judge it.
ONCE = {"max_margin", "max_margin-2"}

every_loss = pytest.mark.parametrize("name", TABLE)


def direction(shape: Any, dtype: str, site: int) -> np.ndarray:
    return random.normal(3, 0, site, tuple(shape)).astype(dtype)


def both(name: str, dtype: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Values, gradients and second derivatives: ours and PyTorch's."""
    ours, theirs, prediction, target = TABLE[name]
    x = prediction.astype(dtype)
    t = target if target.dtype.kind == "i" else target.astype(dtype)
    v, w = direction((6,), dtype, 0), direction(x.shape, dtype, 1)

    a = gd.tensor(x, requires_grad=True)
    values = ours(a, t)
    first = gd.grad((values * v).sum(), a, create_graph=True)
    second = gd.grad((first * w).sum() + 0.0 * a.sum(), a)

    b = torch.tensor(x, requires_grad=True)
    their_values = theirs(b, torch.tensor(t))
    once = name in ONCE
    (their_first,) = torch.autograd.grad(
        (their_values * torch.tensor(v)).sum(), b, create_graph=not once
    )
    found = [(values, their_values), (first, their_first)]
    if not once:
        total = (their_first * torch.tensor(w)).sum() + 0.0 * b.sum()
        found.append((second, torch.autograd.grad(total, b)[0]))
    return [(np.array(p), q.detach().numpy()) for p, q in found]


def test_the_table_has_every_loss() -> None:
    assert {name.split("-")[0] for name in TABLE} == set(losses.LOSSES)


@every_loss
def test_float64_agrees_to_second_order(name: str) -> None:
    for (a, b), rtol in zip(both(name, "float64"), (1e-10, 1e-8, 1e-6), strict=False):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * (1e-6 + np.abs(b).max()))


@every_loss
def test_float32_agrees(name: str) -> None:
    for a, b in both(name, "float32")[:2]:
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * (1e-6 + np.abs(b).max()))


@pytest.mark.parametrize("scale", [30.0, 1e4])
def test_large_scores_agree(scale: float) -> None:
    z = scale * np.sign(SCORES)
    pairs = [
        (losses.cross_entropy(z, LABELS),
         F.cross_entropy(torch.tensor(z), torch.tensor(LABELS), reduction="none")),
        (losses.binary_cross_entropy_with_logits(z, CLASS_PROBABILITIES),
         F.binary_cross_entropy_with_logits(
             torch.tensor(z), torch.tensor(CLASS_PROBABILITIES), reduction="none").sum(dim=1)),
    ]  # fmt: skip
    for a, b in pairs:
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10)


def test_certain_probabilities_agree() -> None:
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    expected = F.binary_cross_entropy(torch.tensor(p), torch.tensor(t), reduction="none")
    assert losses.binary_cross_entropy(p, t).tolist() == expected.tolist()


def test_reductions_agree_and_squared_error_relates_as_stated() -> None:
    y, t = torch.tensor(ROWS), torch.tensor(MORE_ROWS)
    values = losses.squared_error(ROWS, MORE_ROWS)
    total, mean = F.mse_loss(y, t, reduction="sum").item(), F.mse_loss(y, t).item()
    assert losses.sum(values).item() == pytest.approx(total, rel=1e-12)
    assert losses.mean(values).item() == pytest.approx(3 * mean, rel=1e-12)


def test_class_weights_are_a_weighted_mean() -> None:
    classes = np.array([0.5, 1.0, 2.0, 0.1])
    expected = F.cross_entropy(
        torch.tensor(SCORES), torch.tensor(LABELS), weight=torch.tensor(classes)
    )
    got = losses.mean(losses.cross_entropy(SCORES, LABELS), classes[LABELS])
    assert got.item() == pytest.approx(expected.item(), rel=1e-12)
