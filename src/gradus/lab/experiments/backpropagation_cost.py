"""Backpropagation against one finite difference a parameter."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradus import losses, ops
from gradus.autodiff import grad
from gradus.compiler import compile as compiled
from gradus.compiler import executor_named, trace
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import mlp
from gradus.lab.pictures import panels
from gradus.tensor import Tensor, tensor
from gradus.types import float64

_ROWS, _IN, _OUT = 64, 20, 5
_SHIFT = 1e-6  # about the square root of what float64 can tell apart


def _work(function: Callable[..., Any], weights: dict[str, Tensor]) -> int:
    """Numbers that the program's matrix products multiply and add, and its other results."""
    graph = trace(function, weights).graph
    total = 0
    for node in graph.nodes:
        size = node.type.size
        total += size * (graph.nodes[node.inputs[0]].type.shape[-1] if node.op is ops.matmul else 1)
    return total


def _seconds(run: Callable[[], Any]) -> float:
    """Shortest of twenty runs, which is the one that was disturbed least."""
    times = []
    for _ in range(20):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


@experiment(
    "Why backpropagation, and not one difference quotient a parameter?",
    lecture="000, 002, 004",
    claim="Differentiating naively costs one more evaluation of the loss for each parameter; "
    "backpropagation gives all derivatives for a few evaluations, whatever their number.",
)
def backpropagation_cost(setting: Setting) -> Finding:
    """The gradient of one network after another, wider and wider, in both ways."""
    rng = np.random.default_rng(setting.seed)
    x, y = rng.standard_normal((_ROWS, _IN)), rng.integers(0, _OUT, _ROWS)
    widths = (2, 8, 32, 128, *setting.pick((), (512,)))
    executor = executor_named("auto", threads=1)
    rows: list[dict[str, float]] = []
    for width in widths:
        network = mlp(_IN, width, width, _OUT, seed=setting.seed, dtype=float64)
        weights = network.named_parameters()

        def loss(weights: dict[str, Tensor], network: Any = network) -> Tensor:
            with network.bind(weights):
                return losses.mean(losses.cross_entropy(network(x), y))

        def slopes(weights: dict[str, Tensor], loss: Any = loss) -> Any:
            return grad(loss(weights), list(weights.values()))

        forward, backward = (compiled(f, executor=executor) for f in (loss, slopes))
        exact = np.concatenate([g.numpy().ravel() for g in backward(weights)])
        once = _seconds(partial(forward, weights))
        all_at_once = _seconds(partial(backward, weights))
        tried = np.unique(np.linspace(0, exact.size - 1, setting.pick(40, 400)).astype(int))
        differences = [_quotient(forward, weights, int(k)) for k in tried]
        gap = np.abs(np.array(differences) - exact[tried]).max() / np.abs(exact).max()
        rows.append({
            "parameters": float(exact.size), "seconds_forward": once,
            "seconds_backpropagation": all_at_once, "seconds_differences": once * (exact.size + 1),
            "work_ratio": _work(slopes, weights) / _work(loss, weights), "gap": float(gap),
        })  # fmt: skip
    table = {name: [row[name] for row in rows] for name in rows[0]}
    ratio = table["work_ratio"]

    figure, (left, right) = panels(2)
    count = table["parameters"]
    left.loglog(count, table["seconds_differences"], "o-", label="a difference each")
    left.loglog(count, table["seconds_backpropagation"], "s-", label="backpropagation")
    left.loglog(count, table["seconds_forward"], "^-", label="the loss once")
    left.set(xlabel="parameters", ylabel="seconds for all derivatives")
    left.legend(fontsize=9)
    evaluations = np.array(table["parameters"]) + 1
    right.loglog(count, evaluations, "o-", label="a difference each")
    right.loglog(count, ratio, "s-", label="backpropagation")
    right.set(xlabel="parameters", ylabel="work, in evaluations of the loss")
    right.legend(fontsize=9)
    gap = max(table["gap"])
    faster = table["seconds_differences"][-1] / table["seconds_backpropagation"][-1]
    return Finding(
        verdict(max(ratio) < 4 and gap < 1e-4),
        f"Loss and gradient together took {min(ratio):.2f} to {max(ratio):.2f} times the "
        f"multiplications and additions of the loss alone, for {count[0]:,.0f} to {count[-1]:,.0f} "
        f"parameters; a difference each takes {count[-1] + 1:,.0f}. By the clock backpropagation "
        f"was {faster:,.0f} times as fast for the largest network.",
        f"Traced the loss of networks {_IN}-h-h-{_OUT} on {_ROWS} rows, and its gradient, and "
        "counted the work in the two graphs. Timed both; a difference each takes the time of one "
        f"loss more than there are parameters. Compared {setting.pick(40, 400)} of the derivatives "
        "with difference quotients.",
        table,
        [
            Picture(
                figure,
                "Seconds, and work counted in the graphs, for all derivatives of one loss; both "
                "axes logarithmic.",
            )
        ],
        remark=f"Differences also lose digits: they are off by up to {gap:.0e} of the largest "
        "derivative. What backpropagation pays for its speed is memory, for it keeps every "
        "intermediate value.",
    )  # fmt: skip


def _quotient(loss: Callable[..., Any], weights: dict[str, Tensor], k: int) -> float:
    """(L(θ + h eₖ) − L(θ)) / h."""
    for name, weight in weights.items():
        if k < weight.size:
            values = weight.numpy().copy()
            values.reshape(-1)[k] += _SHIFT
            moved = {**weights, name: tensor(values, requires_grad=True)}
            return float((loss(moved).item() - loss(weights).item()) / _SHIFT)
        k -= weight.size
    raise IndexError(k)
