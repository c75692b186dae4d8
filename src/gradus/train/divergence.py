"""Where numbers stopped being finite: the layer to name when training breaks down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradus.autodiff import grad
from gradus.nn import Module
from gradus.tensor import Tensor, tensor
from gradus.train.step import Loss
from gradus.types import Array


def first_fault(network: Module, loss: Loss, x: Array, y: Array) -> str:
    """Say in words where a step with these weights and this batch leaves the finite numbers.

    The forward pass is looked at layer by layer, then the loss, then the gradients from the last
    layer back; if all are finite, the update itself was too large.
    """
    with _watched(network) as faults:
        values = loss(network(tensor(x)), tensor(y))
    if faults:
        return f"the output of layer {faults[0]} is not finite"
    if not _finite(values):
        return "the loss is not finite although every layer's output is"
    params = network.named_parameters()
    gradients = grad(values.mean(), list(params.values()), allow_unused=True)
    for name, g in reversed(list(zip(params, gradients, strict=True))):
        if not _finite(g):
            return f"the gradient of {name} is not finite"
    return "every layer and gradient is finite before the update: the update itself overflows"


def _finite(t: Tensor) -> bool:
    return bool(np.all(np.isfinite(t.numpy())))


@contextmanager
def _watched(network: Module) -> Iterator[list[str]]:
    """Note the names of innermost modules whose output is not finite, in the order of the call."""
    faults: list[str] = []
    leaves = [(n, m) for n, m in network.named_modules() if not list(m.children())]

    def watch(name: str, module: Module) -> None:
        forward = module.forward

        def watched(*inputs: Any) -> Any:
            output = forward(*inputs)
            if isinstance(output, Tensor) and not _finite(output):
                faults.append(
                    f"{name} ({type(module).__name__})" if name else type(module).__name__
                )
            return output

        object.__setattr__(module, "forward", watched)

    for name, module in leaves:
        watch(name, module)
    try:
        yield faults
    finally:
        for _, module in leaves:
            object.__delattr__(module, "forward")
