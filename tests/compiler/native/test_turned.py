"""Storage order: which matrices lie transposed, and that it changes no result but its last bits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.compiler import executor_named, trace
from gradus.compiler.native import NativeExecutor, available
from gradus.compiler.native.instructions import Product
from gradus.random import normal
from gradus.types import TensorType, float32, float64

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")


class Residual(nn.Module):
    """x + f(x), and x beside it: a value of many readers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width, dtype="float64")

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return ops.concat([x + ops.tanh(self.inner(x)), x[:, :1] * 2.0], axis=1)


def linear(*widths: int) -> nn.Linear:
    return nn.Linear(*widths, dtype="float64")


NETWORKS: dict[str, Any] = {
    "classes": lambda: [linear(9, 100), nn.ReLU(), linear(100, 10)],
    "three layers": lambda: [
        linear(9, 24), nn.Tanh(), linear(24, 7), nn.Sigmoid(), linear(7, 10),
    ],
    "dropout": lambda: [linear(9, 50), nn.Dropout(0.3), nn.GELU(), linear(50, 10)],
    "batch norm": lambda: [linear(9, 33), nn.BatchNorm(33, dtype="float64"), linear(33, 10)],
    "layer norm": lambda: [linear(9, 33), nn.LayerNorm(33, dtype="float64"), linear(33, 10)],
    "residual": lambda: [linear(9, 20), Residual(20), linear(21, 10)],
    "as wide as the input": lambda: [linear(9, 9), nn.ReLU(), linear(9, 10)],
}  # fmt: skip
LOSSES: dict[str, Any] = {
    "classes": (losses.cross_entropy, lambda n: np.arange(n) % 10),
    "numbers": (losses.squared_error, lambda n: normal(3, 0, 0, (n, 10))),
    "rows": (
        lambda p, y: ops.sum(ops.square(p @ p.T - y @ y.T), axis=1) * 1e-3,
        lambda n: normal(3, 0, 0, (n, 10)),
    ),
    "itself": (lambda p, y: ops.sum(ops.square(p[:, :9] - y), axis=1), None),
}  # fmt: skip


@pytest.mark.parametrize("batch", [2, 13, 32])
@pytest.mark.parametrize("task", LOSSES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_what_it_learns_on_the_reference(name: str, task: str, batch: int) -> None:
    loss, targets = LOSSES[task]
    x = normal(1, 0, 0, (52, 9))
    y = x if targets is None else targets(52)
    found = []
    for executor in ("native", "reference"):
        gd.manual_seed(0)
        net = nn.Sequential(*NETWORKS[name]())
        trainer = gd.Trainer(net, loss, optim.SGD(1e-3, momentum=0.9), executor=executor)
        trainer.fit(x, y, epochs=1, batch_size=batch, progress=False)
        found.append({n: t.numpy() for n, t in net.named_parameters().items()})
    for key, array in found[0].items():
        np.testing.assert_allclose(array, found[1][key], rtol=1e-8, atol=1e-10)


def products(batch: int, *widths: int) -> list[tuple[int, int, int]]:
    """Products of a step of descent: rows, columns and terms."""

    def step(x: gd.Tensor, **w: gd.Tensor) -> dict[str, gd.Tensor]:
        h = x
        for k, weight in enumerate(w.values()):
            h = h @ weight.T if k == 0 else ops.tanh(h) @ weight.T
        loss = ops.square(h).sum()
        found = gd.grad(loss, list(w.values()))
        new = {n: a - g for (n, a), g in zip(w.items(), found, strict=True)}
        return {**new, "loss": loss}

    weights = {
        f"w{k}": gd.zeros((n, m), "float32").requires_grad_()
        for k, (m, n) in enumerate(itertools.pairwise(widths))
    }
    graph = trace(step, x=TensorType((batch, widths[0]), float32), **weights).graph
    program: Any = NativeExecutor(1).prepare(graph)
    return [(i.m, i.n, i.k) for i in program.instructions if isinstance(i, Product)]


def test_layers_that_are_no_whole_vectors_run_along_the_batch() -> None:
    forward, head, *_ = products(32, 64, 100, 10)
    assert forward == (100, 32, 64)
    assert head == (10, 32, 100)


def test_a_batch_that_is_no_whole_vector_runs_along_the_layers() -> None:
    forward, head, *_ = products(33, 16, 64, 16)
    assert forward == (33, 64, 16)
    assert head == (33, 16, 64)


def test_the_order_of_a_product_is_that_of_its_readers() -> None:
    types = {"a": TensorType((20, 30), float64), "b": TensorType((40, 30), float64)}
    program: Any = NativeExecutor(1).prepare(
        trace(lambda a, b: ops.exp((a @ b.T).T), **types).graph
    )
    assert [i.work for i in program.instructions] == [
        "product 40 × 20 × 30, then 1 operations on 800"
    ]
    given = {n: normal(5, 0, k, t.shape) for k, (n, t) in enumerate(types.items())}
    expected = np.exp(given["b"] @ given["a"].T)
    np.testing.assert_allclose(program.run(given)["result"], expected, rtol=1e-12)


class Masked(nn.Module):
    """A linear layer with some weights left out: a matrix of yes and no beside one of numbers."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.weight = gd.tensor(normal(7, 0, 0, (outputs, inputs)), requires_grad=True)
        self.mask = gd.tensor(normal(7, 0, 1, (outputs, inputs)) > 0)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return x @ ops.where(self.mask, self.weight, 0.0).T


@pytest.mark.parametrize("width", [8, 16, 100])
def test_a_mask_is_stored_the_way_of_its_weights(width: int) -> None:
    x, y = normal(1, 0, 0, (50, 8)), normal(2, 0, 0, (50, 3))
    found = []
    for executor in ("native", "reference"):
        net = nn.Sequential(Masked(8, width), nn.Tanh(), Masked(width, 3))
        masks = [net[k].mask.numpy().copy() for k in (0, 2)]
        trainer = gd.Trainer(net, losses.squared_error, optim.SGD(1e-2), executor=executor)
        found.append(trainer.fit(x, y, epochs=3, batch_size=50, progress=False)["loss"])
        for k, mask in zip((0, 2), masks, strict=True):
            np.testing.assert_array_equal(net[k].mask.numpy(), mask)
    np.testing.assert_allclose(*found, rtol=1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda result: ops.exp(ops.broadcast_to(result.sum(), (20000,))),
        lambda result: (ops.tanh(result) @ result.T).sum(),
        lambda result: ops.tanh(result).astype("float64"),
        lambda result: ops.tanh(result)[:2],
        lambda result: ops.tanh(result).T,
    ],
)
def test_an_output_with_the_name_of_another_kind_of_input_is_a_value_of_its_own(
    function: Any,
) -> None:
    x = normal(3, 0, 0, (20, 30)).astype(np.float32)
    graph = trace(function, result=TensorType((20, 30), float32)).graph
    found, expected = (
        executor_named(name).prepare(graph).run({"result": x})["result"]
        for name in ("native", "reference")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_what_is_elementwise_between_two_changes_of_order_copies_nothing() -> None:
    def function(x: gd.Tensor, z: gd.Tensor) -> gd.Tensor:
        first = ops.permute_dims(x, axes=(0, 3, 1, 2))
        masked = ops.where(first > 0.0, ops.tanh(first), 0.5) + ops.permute_dims(z, (0, 3, 1, 2))
        return ops.permute_dims(masked, axes=(0, 2, 3, 1)).reshape(-1, 5)

    types = {n: TensorType((2, 3, 4, 5), float64) for n in "xz"}
    graph = trace(function, **types).graph
    program: Any = NativeExecutor(1).prepare(graph)
    assert [i.work for i in program.instructions] == ["4 operations on 120"]
    given = {n: normal(5, 0, k, t.shape) for k, (n, t) in enumerate(types.items())}
    expected = executor_named("reference").prepare(graph).run(given)["result"]
    np.testing.assert_allclose(program.run(given)["result"], expected, rtol=1e-12)
