"""Convolutional networks against PyTorch: random settings, and a whole course of training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from sklearn.datasets import load_digits
from tests.windows import Case, convolutions, pools

import gradus as gd
from gradus import losses, nn, optim
from gradus.compiler.native import available
from gradus.random import normal

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def assert_same_layer(ours: nn.Module, theirs: Any, x: np.ndarray) -> None:
    """Same output, and same gradients of a random projection of it."""
    for name, t in ours.named_parameters().items():
        theirs.get_parameter(name).data.copy_(torch.tensor(t.numpy()))
    leaf, twin = gd.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = ours(leaf), theirs(twin)
    assert y.shape == tuple(expected.shape)
    direction = normal(7, 0, 0, y.shape)
    found = gd.grad((y * direction).sum(), [leaf, *ours.parameters()])
    leaves = [twin, *theirs.parameters()]
    wanted = torch.autograd.grad((expected * torch.tensor(direction)).sum(), leaves)
    for a, b in zip((y, *found), (expected, *wanted), strict=True):
        # Sums of at most a few hundred numbers of size 1 in another order.
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # its cost, in PyTorch
@settings(max_examples=200, deadline=None)
@given(convolutions())
def test_a_convolution_of_any_settings_is_pytorchs(case: Case) -> None:
    theirs = getattr(torch.nn, case.name)(**case.arguments, dtype=torch.float64)
    assert_same_layer(getattr(nn, case.name)(**case.arguments, dtype="float64"), theirs, case.x)


@settings(max_examples=200, deadline=None)
@given(pools())
def test_a_pool_of_any_settings_is_pytorchs(case: Case) -> None:
    ours = getattr(nn, case.name)(**case.arguments)
    # The maximum of a dilated window that meets nothing but padding is −∞; PyTorch gives its
    # gradient to a place of the input that is not in the window.
    assume(np.isfinite(ours(case.x).numpy()).all())
    assert_same_layer(ours, getattr(torch.nn, case.name)(**case.arguments), case.x)


# ── A course of training ────────────────────────────────────────────────────────────────────────


def of_lines(library: Any, dtype: Any) -> Any:
    """A small network that reads the rows of a digit as channels, in either library."""
    norm = getattr(library, "BatchNorm1d", None) or library.BatchNorm
    return library.Sequential(
        library.Unflatten(1, (8, 8)),
        library.Conv1d(8, 12, 3, padding=1, dtype=dtype), norm(12, dtype=dtype), library.ReLU(),
        library.MaxPool1d(2),
        library.Conv1d(12, 16, 3, padding="same", groups=2, dtype=dtype), library.Tanh(),
        library.AvgPool1d(2),
        library.Flatten(), library.Linear(32, 10, dtype=dtype),
    )  # fmt: skip


def of_images(library: Any, dtype: Any) -> Any:
    """A small network that reads a digit as an image, in either library."""
    norm = getattr(library, "BatchNorm2d", None) or library.BatchNorm
    return library.Sequential(
        library.Unflatten(1, (1, 8, 8)),
        library.Conv2d(1, 8, 3, padding=1, dtype=dtype), norm(8, dtype=dtype), library.ReLU(),
        library.MaxPool2d(2),
        library.Conv2d(8, 12, 3, padding="same", groups=2, dtype=dtype), library.Tanh(),
        library.AvgPool2d(2),
        library.Flatten(), library.Linear(48, 10, dtype=dtype),
    )  # fmt: skip


RULES: dict[str, tuple[optim.Optimizer, Callable[[Any], Any]]] = {
    "SGD": (
        optim.SGD(0.05, momentum=0.9),
        lambda parameters: torch.optim.SGD(parameters, 0.05, momentum=0.9),
    ),
    # Adam divides by the size of recent gradients; a larger eps keeps roundings of those near 0
    # from growing.
    "Adam": (
        optim.Adam(1e-2, eps=1e-4),
        lambda parameters: torch.optim.Adam(parameters, 1e-2, eps=1e-4),
    ),
}


@pytest.mark.parametrize("executor", ["reference", *["native"] * available()])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("network", [of_lines, of_images])
def test_fifty_steps_on_digits_are_pytorchs(
    network: Callable[[Any, Any], Any], rule: str, executor: str
) -> None:
    ours_rule, theirs_rule = RULES[rule]
    X, y = load_digits(return_X_y=True)
    X, y = X[:800] / 16, y[:800]
    gd.manual_seed(1)
    ours, theirs = network(nn, "float64"), network(torch.nn, torch.float64)
    state = theirs.state_dict()
    for name, t in {**ours.named_parameters(), **ours.named_buffers()}.items():
        state[name].copy_(torch.tensor(t.numpy()))

    optimizer, expected = theirs_rule(theirs.parameters()), []
    for rows in np.arange(800).reshape(50, 16):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            theirs(torch.tensor(X[rows])), torch.tensor(y[rows])
        )
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert expected[-1] < 0.7 * expected[0], "a course that stands still proves nothing"

    # Each fit is one step, and goes on where the last ended.
    trainer = gd.Trainer(ours, losses.cross_entropy, ours_rule, executor=executor)
    found = []
    for rows in np.arange(800).reshape(50, 16):
        history = trainer.fit(
            X[rows], y[rows], epochs=1, batch_size=16, shuffle=False, progress=False
        )
        found.append(history["loss"][-1])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    for name, t in {**ours.named_parameters(), **ours.named_buffers()}.items():
        # What lies near 0 is judged by numbers of size 1.
        np.testing.assert_allclose(t.numpy(), state[name].numpy(), rtol=1e-8, atol=1e-10)
