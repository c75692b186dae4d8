"""Networks and data that several experiments share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from gradus import data, losses, nn, optim
from gradus.modes import no_grad
from gradus.nn.module import in_mode
from gradus.random import manual_seed
from gradus.tensor import tensor
from gradus.train import History, Trainer
from gradus.types import Array


def mlp(
    *sizes: int, activation: type[nn.Module] = nn.Tanh, seed: int = 0, **options: Any
) -> nn.Sequential:
    """Layers of these sizes with the activation between them; options go to each ``Linear``."""
    manual_seed(seed)
    layers: list[nn.Module] = []
    for m, n in pairwise(sizes):
        layers += [nn.Linear(m, n, **options), activation()]
    return nn.Sequential(*layers[:-1])


def fit(
    network: nn.Module,
    X: Array,
    y: Array,
    *,
    loss: Callable[..., Any] = losses.cross_entropy,
    rule: optim.Optimizer | None = None,
    epochs: int = 10,
    batch_size: int | None = None,
    seed: int = 0,
) -> History:
    """Train on all rows; without a batch size they are one batch, as in plain gradient descent."""
    trainer = Trainer(network, loss, rule, seed=seed)
    rows = len(X) if batch_size is None else batch_size
    return trainer.fit(X, y, epochs=epochs, batch_size=rows, progress=False)


def outputs(network: nn.Module, X: Array) -> Array:
    """What the network gives for these rows, in evaluation mode."""
    with no_grad(), in_mode(network, training=False):
        return network(tensor(X)).numpy()


def accuracy(network: nn.Module, X: Array, y: Array) -> float:
    """Share of rows whose class has the largest score; for one score, the right side of 0."""
    scores = outputs(network, X)
    told = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(np.int64)
    return float((told == y).mean())


def put(layer: nn.Module, weight: Any, bias: Any = None) -> None:
    """Set the weights of a layer by hand."""
    values = [weight] if bias is None else [weight, bias]
    for parameter, value in zip(layer.parameters(), values, strict=True):
        parameter.assign(np.asarray(value, parameter.dtype))


def column(y: Array) -> Array:
    """Classes 0 and 1 as the target of a network with one output."""
    return y.astype(np.float32).reshape(-1, 1)


def digits(seed: int, held_out: float = 0.2) -> tuple[Array, Array, Array, Array]:
    """Handwritten digits, X and y to train on, X and y held out; pixels are in [0, 1]."""
    table, target = data.load("digits")
    X = np.stack([table.column(name) for name in table.drop(target).names], axis=1)
    X = (X / 16).astype(np.float32)
    y = table.column(target).astype(np.int64)
    here, there = data.split_indices(len(y), held_out, seed, stratify=y)
    return X[here], y[here], X[there], y[there]
