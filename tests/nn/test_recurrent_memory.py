"""Recurrent layers learn what needs memory: to say the first of eight random symbols at the end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, optim
from gradus.types import Array

SYMBOLS, STEPS, HIDDEN = 4, 8, 16

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "RNN": lambda: nn.RNN(SYMBOLS, HIDDEN),
    "RNN-relu": lambda: nn.RNN(SYMBOLS, HIDDEN, nonlinearity="relu"),
    "LSTM": lambda: nn.LSTM(SYMBOLS, HIDDEN),
    "GRU": lambda: nn.GRU(SYMBOLS, HIDDEN),
}


def sequences(rows: int, seed: int) -> tuple[Array, Array]:
    x = np.random.default_rng(seed).integers(0, SYMBOLS, (rows, STEPS))
    return x, x[:, 0]


def best_without_memory(x: Array, y: Array) -> float:
    """The accuracy on these rows that no function of the last symbol alone exceeds."""
    counts = np.zeros((SYMBOLS, SYMBOLS), np.int64)
    np.add.at(counts, (x[:, -1], y), 1)
    return float(counts.max(axis=1).sum() / len(y))


@pytest.mark.parametrize("name", LAYERS)
def test_the_first_symbol_is_recalled_at_the_end_of_new_sequences(name: str) -> None:
    gd.manual_seed(0)
    net = nn.Sequential(
        nn.Embedding(SYMBOLS, SYMBOLS), LAYERS[name](), nn.LastStep(), nn.Linear(HIDDEN, SYMBOLS)
    )
    trainer = gd.Trainer(
        net, losses.cross_entropy, optim.Adam(1e-2, clip_norm=1.0), metrics=["accuracy"]
    )
    trainer.fit(*sequences(600, seed=0), epochs=40, batch_size=30, progress=False)
    new = sequences(1000, seed=1)
    # 0.25 but for chance: the symbols are drawn independently, so the last says nothing of the
    # first. From each of five seeds all four layers were at 0.999 or 1 when this was written.
    assert best_without_memory(*new) < 0.3
    assert trainer.evaluate(*new)["accuracy"] > 0.95
