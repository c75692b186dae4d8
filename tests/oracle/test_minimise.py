"""L-BFGS against PyTorch's, and gradient descent against PyTorch's loop: the same minima."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

import gradus as gd
from gradus import losses, ops, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def torch_lbfgs(function: Callable[[Any], Any], start: np.ndarray) -> tuple[np.ndarray, float]:
    """Where PyTorch's L-BFGS with its strong Wolfe line search ends."""
    x = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    rule = torch.optim.LBFGS(
        [x],
        max_iter=2000,
        history_size=10,
        tolerance_grad=1e-9,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Any:
        rule.zero_grad()
        value = function(x)
        value.backward()
        return value

    rule.step(closure)
    return x.detach().numpy(), function(x).item()


def test_l_bfgs_finds_pytorchs_minimum_of_rosenbrocks_function() -> None:
    # In ten dimensions, with several valleys that meet.
    def valley(x: Any) -> Any:
        return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()

    start = np.linspace(-0.5, 0.5, 10)
    x, value = torch_lbfgs(valley, start)
    found = gd.minimise(valley, start, optim.LBFGS(), gradient_norm=1e-9)
    assert found.converged
    # A gradient of 1e-9 leaves the point open by 1e-9 over the least curvature, about 0.1.
    assert found.at.numpy() == pytest.approx(x, abs=1e-6)
    assert found.value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("decay", [1e-1, 1e-3])
def test_l_bfgs_finds_pytorchs_minimum_of_logistic_regression(decay: float) -> None:
    table = load_wine()
    X, y = StandardScaler().fit_transform(table.data), table.target

    def ours(W: gd.Tensor) -> gd.Tensor:
        return losses.mean(losses.cross_entropy(X @ W.T, y)) + decay / 2 * ops.sum(ops.square(W))

    def theirs(W: Any) -> Any:
        scores = torch.tensor(X) @ W.T
        loss = torch.nn.functional.cross_entropy(scores, torch.tensor(y))
        return loss + decay / 2 * (W**2).sum()

    W, value = torch_lbfgs(theirs, np.zeros((3, 13)))
    found = gd.minimise(ours, np.zeros((3, 13)), optim.LBFGS(), gradient_norm=1e-9)
    assert found.converged
    # Strongly convex by the decay λ: gradients of 1e-9 leave 1e-9 / λ open.
    assert found.at.numpy() == pytest.approx(W, abs=2e-9 / decay)
    assert found.value == pytest.approx(value, rel=1e-12)


def test_the_way_down_is_pytorchs() -> None:
    def bent(x: Any) -> Any:
        return ((x - 1.0) ** 4).sum() + (x[0] * x[1]) ** 2

    start = np.array([2.0, -1.0])
    x = torch.tensor(start, requires_grad=True)
    rule, values = torch.optim.SGD([x], lr=0.01, momentum=0.5), []
    for _ in range(100):
        value = bent(x)
        values.append(value.item())
        rule.zero_grad()
        value.backward()
        rule.step()
    found = gd.minimise(bent, start, optim.SGD(0.01, momentum=0.5), steps=100, gradient_norm=None)
    assert found.values[:-1] == pytest.approx(values, rel=1e-12)
    assert found.at.numpy() == pytest.approx(x.detach().numpy(), rel=1e-12)
