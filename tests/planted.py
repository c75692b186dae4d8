"""Runs with a planted fault each, and the same run repaired as the verdict's remedy says."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn import datasets

import gradus as gd
from gradus import losses, nn, optim
from gradus.data import toy
from gradus.errors import DivergenceError
from gradus.train import EarlyStopping
from gradus.types import Array


def run(
    net: Callable[[], nn.Module],
    X: Array,
    y: Array,
    optimizer: optim.Optimizer,
    loss: Any = losses.cross_entropy,
    **fit: Any,
) -> gd.History:
    gd.manual_seed(0)
    trainer = gd.Trainer(net(), loss, optimizer, metrics=fit.pop("metrics", ()), threads=1)
    with suppress(DivergenceError):
        trainer.fit(X, y, progress=False, **{"epochs": 20, **fit})
    return trainer.history


def mlp(*widths: int, act: Callable[[], nn.Module] = nn.ReLU, init: Any = None) -> nn.Sequential:
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        parts += [nn.Linear(before, after, init=init), act()]
    return nn.Sequential(*parts[:-1])


@cache
def wine(scaled: bool = True) -> tuple[Array, Array]:
    X, y = datasets.load_wine(return_X_y=True)
    return ((X - X.mean(axis=0)) / X.std(axis=0) if scaled else X), y


@cache
def digits(rows: int = 600) -> tuple[Array, Array]:
    X, y = datasets.load_digits(return_X_y=True)
    return X[:rows] / 16, y[:rows]


@cache
def diabetes(scaled: bool = True) -> tuple[Array, Array]:
    X, y = datasets.load_diabetes(return_X_y=True)
    X = X / X.std(axis=0)
    return X, ((y - y.mean()) / y.std() if scaled else y)


@cache
def rare() -> tuple[Array, Array]:
    """Two clouds, one of them with one row in twenty."""
    X, y = toy.blobs(1000, seed=5)
    keep = (y == 0) | (np.cumsum(y == 1) <= 25)
    return X[keep], y[keep]


@cache
def drowned() -> tuple[Array, Array]:
    """One row in twenty is of the other class, and lies among many of the first."""
    draw = np.random.default_rng(0)
    X = draw.normal(size=(600, 2))
    y = (np.arange(600) % 20 == 0).astype(np.int64)
    return X + np.stack([1.7 * y, 0 * y], axis=1), y


@cache
def noise() -> tuple[Array, Array, Array, Array]:
    """Labels that the inputs hardly tell: what can be learnt by heart only."""
    draw = np.random.default_rng(0)
    X = draw.normal(size=(160, 20))
    y = (X[:, 0] + 1.5 * draw.normal(size=160) > 0).astype(np.int64)
    return X[:80], y[:80], X[80:], y[80:]


@dataclass(frozen=True)
class Case:
    """A fault, the same run without it, and what else may be said of the fault."""

    planted: Callable[[], gd.History]
    repaired: Callable[[], gd.History]
    companions: frozenset[str] = frozenset()


def negative(net: nn.Sequential) -> nn.Sequential:
    """ReLU units with a bias so low that no row reaches them."""
    net[0].bias = np.full(net[0].bias.shape, -30.0)
    return net


def far(net: nn.Sequential) -> nn.Sequential:
    net[0].bias = [12.0]
    return net


CASES: dict[str, list[Case]] = {
    "vanishing_gradients": [
        Case(
            lambda: run(lambda: mlp(13, *[16] * 8, 3, act=nn.Sigmoid), *wine(), optim.SGD(0.1)),
            lambda: run(
                lambda: mlp(13, *[16] * 8, 3, act=nn.ReLU, init=nn.He()), *wine(), optim.SGD(0.1)
            ),
            frozenset({"stuck_on_a_flat_region"}),
        ),
    ],
    "exploding_gradients": [
        Case(
            lambda: run(
                lambda: mlp(13, *[32] * 6, 3, init=nn.Normal(1.0)), *wine(), optim.SGD(0.01)
            ),
            lambda: run(lambda: mlp(13, *[32] * 6, 3, init=nn.He()), *wine(), optim.SGD(0.01)),
            frozenset({"initial_loss", "diverged"}),
        ),
    ],
    "dead_relus": [
        Case(
            lambda: run(lambda: negative(mlp(13, 16, 3)), *wine(), optim.Adam(3e-3)),
            lambda: run(lambda: mlp(13, 16, 3), *wine(), optim.Adam(3e-3)),
            frozenset({"stuck_on_a_flat_region"}),
        ),
        Case(
            lambda: run(lambda: mlp(64, 32, 10), *digits(), optim.Adam(3.0)),
            lambda: run(lambda: mlp(64, 32, 10), *digits(), optim.Adam(3e-3)),
            frozenset({"rate_too_large", "stuck_on_a_flat_region"}),
        ),
    ],
    "saturated_units": [
        Case(
            lambda: run(
                lambda: mlp(64, 32, 10, act=nn.Tanh, init=nn.Normal(5.0)), *digits(), optim.SGD(0.1)
            ),
            lambda: run(
                lambda: mlp(64, 32, 10, act=nn.Tanh, init=nn.Xavier()), *digits(), optim.SGD(0.1)
            ),
            frozenset({"initial_loss"}),
        ),
        Case(
            lambda: run(
                lambda: mlp(13, 32, 3, act=nn.Sigmoid), *wine(scaled=False), optim.SGD(0.1)
            ),
            lambda: run(lambda: mlp(13, 32, 3, act=nn.Sigmoid), *wine(), optim.SGD(1.0)),
            frozenset(
                {
                    "dominating_feature_scale",
                    "underfitting",
                    "stuck_on_a_flat_region",
                    "rate_too_small",
                }
            ),
        ),
    ],
    "rate_too_small": [
        Case(
            lambda: run(lambda: mlp(64, 32, 10), *digits(), optim.SGD(1e-3)),
            lambda: run(lambda: mlp(64, 32, 10), *digits(), optim.SGD(0.1)),
        ),
        Case(
            lambda: run(lambda: mlp(13, 32, 3), *wine(), optim.Adam(1e-5)),
            lambda: run(lambda: mlp(13, 32, 3), *wine(), optim.Adam(1e-2)),
        ),
    ],
    "rate_too_large": [
        Case(
            lambda: run(lambda: mlp(10, 1), *diabetes(), optim.SGD(0.24), losses.squared_error),
            lambda: run(lambda: mlp(10, 1), *diabetes(), optim.SGD(0.02), losses.squared_error),
        ),
        Case(
            lambda: run(
                lambda: mlp(2, 16, 2, act=nn.Tanh), *toy.moons(200), optim.Adam(1.0), epochs=40
            ),
            lambda: run(
                lambda: mlp(2, 16, 2, act=nn.Tanh), *toy.moons(200), optim.Adam(0.01), epochs=40
            ),
            frozenset({"saturated_units"}),
        ),
    ],
    "diverged": [
        Case(
            lambda: run(lambda: mlp(10, 1), *diabetes(), optim.SGD(1.0), losses.squared_error),
            lambda: run(lambda: mlp(10, 1), *diabetes(), optim.SGD(0.01), losses.squared_error),
        ),
        Case(
            lambda: run(lambda: mlp(10, 16, 1), *diabetes(), optim.SGD(1e30), losses.squared_error),
            lambda: run(lambda: mlp(10, 16, 1), *diabetes(), optim.SGD(0.01), losses.squared_error),
        ),
    ],
    "overfitting": [
        Case(
            lambda: run(
                lambda: mlp(20, 128, 2),
                *noise()[:2],
                optim.Adam(3e-3),
                validation=noise()[2:],
                epochs=40,
            ),
            lambda: run(
                lambda: mlp(20, 128, 2),
                *noise()[:2],
                optim.Adam(3e-3),
                validation=noise()[2:],
                epochs=40,
                callbacks=[EarlyStopping(patience=3)],
            ),
        ),
    ],
    "underfitting": [
        Case(
            lambda: run(lambda: mlp(2, 2), *toy.circles(200), optim.Adam(0.03)),
            lambda: run(lambda: mlp(2, 16, 2), *toy.circles(200), optim.Adam(0.03)),
        ),
        Case(
            lambda: run(lambda: mlp(13, 32, 3), *wine(), optim.AdamW(3e-3, weight_decay=100.0)),
            lambda: run(lambda: mlp(13, 32, 3), *wine(), optim.AdamW(3e-3, weight_decay=0.01)),
        ),
    ],
    "stuck_on_a_flat_region": [
        Case(
            lambda: run(
                lambda: far(nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())),
                toy.blobs(200)[0],
                toy.blobs(200)[1].astype(float),
                optim.SGD(0.1),
                losses.squared_error,
            ),
            lambda: run(
                lambda: nn.Sequential(nn.Linear(2, 1), nn.Sigmoid()),
                toy.blobs(200)[0],
                toy.blobs(200)[1].astype(float),
                optim.SGD(0.1),
                losses.squared_error,
            ),
        ),
        Case(
            lambda: run(
                lambda: mlp(13, 16, 3, act=nn.Tanh, init=nn.Zeros()), *wine(), optim.Adam(3e-3)
            ),
            lambda: run(
                lambda: mlp(13, 16, 3, act=nn.Tanh, init=nn.Xavier()), *wine(), optim.Adam(3e-3)
            ),
            frozenset({"vanishing_gradients"}),
        ),
    ],
    "dominating_feature_scale": [
        Case(
            lambda: run(lambda: mlp(13, 32, 3), *wine(scaled=False), optim.Adam(1e-3)),
            lambda: run(lambda: mlp(13, 32, 3), *wine(), optim.Adam(1e-2)),
            frozenset({"initial_loss"}),
        ),
    ],
    "label_imbalance": [
        Case(
            lambda: run(lambda: mlp(2, 16, 2), *rare(), optim.Adam(3e-3), metrics=["accuracy"]),
            lambda: run(
                lambda: mlp(2, 16, 2),
                *rare(),
                optim.Adam(3e-3),
                metrics=["accuracy"],
                sample_weight=np.where(rare()[1] == 1, 20.0, 1.0),
            ),
        ),
        Case(  # the rare class is not found at all
            lambda: run(lambda: mlp(2, 16, 2), *drowned(), optim.Adam(1e-2)),
            lambda: run(
                lambda: mlp(2, 16, 2),
                *drowned(),
                optim.Adam(1e-2),
                sample_weight=np.where(drowned()[1] == 1, 19.0, 1.0),
            ),
            frozenset({"underfitting"}),
        ),
    ],
    "initial_loss": [
        Case(
            lambda: run(
                lambda: mlp(10, 16, 1),
                *diabetes(scaled=False),
                optim.Adam(0.03),
                losses.squared_error,
                epochs=60,
            ),
            lambda: run(
                lambda: mlp(10, 16, 1), *diabetes(), optim.Adam(0.03), losses.squared_error
            ),
        ),
        Case(
            lambda: run(lambda: mlp(64, 32, 10, init=nn.Normal(1.0)), *digits(), optim.Adam(3e-3)),
            lambda: run(lambda: mlp(64, 32, 10, init=nn.He()), *digits(), optim.Adam(3e-3)),
        ),
    ],
}
