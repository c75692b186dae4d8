"""Which functions treat their rows one by one: those for which it is proven really do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, ops
from gradus.compiler import trace
from gradus.compiler.rowwise import row_by_row
from gradus.types import TensorType, float32, int64

W = gd.tensor(np.linspace(-1, 1, 12).reshape(4, 3).astype(np.float32))
LAYER, TABLE = nn.Linear(4, 3), nn.Embedding(7, 3)
RUNNING = nn.BatchNorm(4).eval()
PLACES = nn.Sequential(
    nn.LearnedPositions(4, 2), nn.TransformerEncoderLayer(2, 1, 3, causal=True), nn.Flatten()
).eval()

ALONE: dict[str, Callable[[Any], Any]] = {
    "picked from a stack": lambda x: ops.stack([x, x * 2.0, x + 1.0])[1],
    "joined and picked in other columns": lambda x: ops.concat([x, x * 2.0], axis=1)[:, 3:6],
    "elementwise": lambda x: ops.tanh(x) * 2.0 + x,
    "product": lambda x: x @ W,
    "layer": lambda x: LAYER(x),
    "running statistics": lambda x: RUNNING(x),
    "softmax": lambda x: ops.softmax(x, axis=1),
    "sum of each row": lambda x: x.sum(axis=1),
    "largest place": lambda x: ops.argmax(x, axis=1),
    "running sum": lambda x: ops.cumulative_sum(x, axis=1),
    "reshape": lambda x: x.reshape(x.shape[0], 2, 2),
    "places as rows": lambda x: (x.reshape(-1, 2) @ W[:2]).reshape(x.shape[0], 6),
    "batched product": lambda x: x.reshape(x.shape[0], 2, 2) @ x.reshape(x.shape[0], 2, 2),
    "product with each row": lambda x: W.T @ x.reshape(x.shape[0], 4, 1),
    "columns": lambda x: x[:, 1:3],
    "columns turned": lambda x: ops.flip(x, axis=1),
    "padding": lambda x: ops.pad(x, ((0, 0), (1, 1))),
    "windows": lambda x: ops.sliding_window(x, window=(2,)),
    "side by side": lambda x: ops.concat([x, x * 2.0], axis=1),
    "inner axes": lambda x: x.reshape(x.shape[0], 2, 2).permute(0, 2, 1),
    "transformer": lambda x: PLACES(x.reshape(x.shape[0], 2, 2)),
    "embedding": lambda x: TABLE(ops.argmax(x, axis=1)),
    "chosen columns": lambda x: ops.take(x, gd.tensor([2, 0]), axis=1),
    "zeros to begin with": lambda x: ops.concat([gd.zeros((x.shape[0], 2)), x], axis=1),
    "the same for all": lambda x: x * 0.0 + ops.broadcast_to(W[0, :1], (x.shape[0], 4)),
    "dtype": lambda x: (x > 0).astype("int64"),
}
TOGETHER: dict[str, Callable[[Any], Any]] = {
    "mean over rows": lambda x: x - x.mean(axis=0),
    "mean over all": lambda x: x - x.mean(),
    "batch statistics": lambda x: nn.BatchNorm(4, track_running_stats=False)(x),
    "row beside row": lambda x: x @ x.T,
    "rows in a product": lambda x: x * (x.T @ x).sum(axis=0),
    "running sum of rows": lambda x: ops.cumulative_sum(x, axis=0),
    "rows turned": lambda x: ops.flip(x, axis=0),
    "half of the rows": lambda x: ops.concat([x[1:], x[:1]], axis=0),
    "first row": lambda x: x - x[0],
    "largest of all": lambda x: x * (ops.argmax(x) + 0.0),
    "rows as columns": lambda x: x.reshape(4, x.shape[0]).T,
    "divided by the number of rows": lambda x: x / float(x.shape[0]),
    "places in another order": lambda x: x.reshape(2, -1).T.reshape(x.shape[0], 4),
    "numbered places": lambda x: (
        x.reshape(-1, 1) * gd.arange(4 * x.shape[0]).reshape(-1, 1).astype("float32")
    ).reshape(x.shape[0], 4),
    "places of other rows": lambda x: ops.flip(x.reshape(-1, 2), axis=0).reshape(x.shape[0], 4),
    "several results a row": lambda x: x.reshape(-1, 2),
    "numbered rows": lambda x: x * gd.arange(x.shape[0]).reshape(-1, 1).astype("float32"),
    "without rows": lambda x: W,
    "a row of what is stacked": lambda x: ops.stack([x, x * 2.0, x])[:, 0],
    "columns of what is joined below": lambda x: ops.concat([x, x * 2.0])[x.shape[0] // 2 :][::2],
    "column by the number of rows": lambda x: x[:, x.shape[0] - 2 : x.shape[0] - 1],
    "weight by the number of rows": lambda x: x + W[x.shape[0] - 1, 0],
    "as many columns as rows": lambda x: ops.broadcast_to(x[:, :1], (x.shape[0],) * 2).sum(axis=1),
    "ones by the number of rows": lambda x: x + gd.ones(3 * x.shape[0]).sum(),
    "more rows": lambda x: ops.pad(x, ((0, 2), (0, 0))),
    "a row for each": lambda x: ops.take(x, gd.tensor(list(range(x.shape[0]))[::-1])),
}


def proven(function: Callable[[Any], Any]) -> bool:
    one, other = (trace(function, x=TensorType((n, 4), float32)).graph for n in (2, 4))
    return row_by_row(one, other, ["x"])


@pytest.mark.parametrize("name", ALONE)
def test_rows_stand_alone_in(name: str) -> None:
    function = ALONE[name]
    assert proven(function)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    with gd.no_grad():
        together = function(gd.tensor(x)).numpy()
        for k in range(5):
            alone = function(gd.tensor(x[k : k + 1])).numpy()[0]
            # float32: another number of rows may change the order of sums.
            np.testing.assert_allclose(together[k], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", TOGETHER)
def test_rows_do_not_stand_alone_in(name: str) -> None:
    assert not proven(TOGETHER[name])


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.cross_entropy, TensorType((), int64)),
        (losses.squared_error, TensorType((3,), float32)),
        (losses.binary_cross_entropy_with_logits, TensorType((3,), float32)),
    ],
)
def test_losses_of_rows_stand_alone(loss: losses.Loss, y: TensorType) -> None:
    def function(x: gd.Tensor, y: gd.Tensor) -> gd.Tensor:
        return loss(x @ W, y)

    one, other = (
        trace(function, x=TensorType((n, 4), float32), y=TensorType((n, *y.shape), y.dtype)).graph
        for n in (2, 4)
    )
    assert row_by_row(one, other, ["x", "y"])


def test_random_draws_belong_to_places_and_not_to_rows() -> None:
    noisy = nn.Dropout(0.5)
    assert not proven(lambda x: noisy(x))
