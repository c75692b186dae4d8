"""When training has broken down, and which layer to name: numbers not finite, losses absurd."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradus import random
from gradus.autodiff import grad
from gradus.errors import DivergenceError
from gradus.nn import Module
from gradus.nn.module import in_mode
from gradus.tensor import Tensor, tensor
from gradus.train.examples import Examples
from gradus.train.penalty import Penalty, penalty_of, reduced
from gradus.train.step import Loss

REMEDY = (
    "lower the learning rate, clip the gradients (clip_norm=1), or scale the inputs; the network "
    "holds its last good weights"
)
_EXPLODED = 1e6


def explodes(loss: float, unit: float, began: Callable[[], float]) -> bool:
    """Whether the loss of an epoch is absurd: over 10⁶ times what the fit began with.

    Over a whole epoch, because single batches may be of very different difficulty. Training that
    learns anything stays far below: its loss was the beginning's, or the targets', at the worst.

    Args:
        loss: of the epoch.
        unit: a loss of 1 an example. A fit that begins at a loss of nearly 0 does not explode
            while it stays below 10⁶ of them.
        began: asked only above that: the loss of the same rows with the weights that the fit
            began with, or of a constant prediction, whichever is larger.
    """
    return loss > _EXPLODED * unit and loss > _EXPLODED * began()


def explosion(row: Mapping[str, Any], began: float) -> DivergenceError:
    """The error for an epoch whose loss is absurd, given what would be recorded of it."""
    norms: Mapping[str, float] = row["gradient_norms"]
    # Empty where the epoch was stopped before the step whose gradients are looked at.
    largest = max(norms, key=lambda n: norms[n], default="")
    return DivergenceError(
        f"the loss exploded in epoch {row['epoch']}, by step {row['steps']}",
        received=f"a loss of {row['loss']:.3g} where {began:.3g} is the size to begin with"
        + (f"; the largest gradient is that of {largest}" if largest else ""),
        remedy=REMEDY,
    )


def first_fault(
    network: Module,
    loss: Loss,
    reduction: str,
    penalty: Penalty | None,
    batch: Examples,
    seed: int,
    step: int,
) -> str:
    """Say in words where a step with these weights and this batch leaves the finite numbers.

    The forward pass is looked at layer by layer, then the loss, then the gradients from the last
    layer back; if all are finite, the update itself was too large.
    """
    # A forward in training writes its state; the network's own stays as it is.
    state = {n: t.detach() for n, t in network.named_buffers().items()}
    params = network.named_parameters()
    with (
        in_mode(network, training=True),
        network.bind(state),
        random.use_stream(random.Stream(seed, step)),
        _watched(network) as faults,
    ):
        values = loss(network(tensor(batch.x)), tensor(batch.y))
        extra = penalty_of(penalty, network)
    if faults:
        return f"the output of layer {faults[0]} is not finite"
    if not _finite(values):
        return "the loss is not finite although every layer's output is"
    if extra is not None and not _finite(extra):
        return "the penalty is not finite although the loss is"
    weight = None if batch.weight is None else tensor(batch.weight)
    total = reduced(reduction, values, weight, extra)
    gradients = grad(total, list(params.values()), allow_unused=True)
    for name, g in reversed(list(zip(params, gradients, strict=True))):
        if not _finite(g):
            return f"the gradient of {name} is not finite"
    return "every layer and gradient is finite before the update: the update itself overflows"


def _finite(t: Tensor) -> bool:
    return bool(np.all(np.isfinite(t.numpy())))


def _all_finite(output: Any) -> bool:
    """Whether what a module gives is finite: a tensor, or several, as of a recurrent layer."""
    if isinstance(output, (tuple, list)):
        return all(map(_all_finite, output))
    return not isinstance(output, Tensor) or _finite(output)


@contextmanager
def _watched(network: Module) -> Iterator[list[str]]:
    """Note the names of innermost modules whose output is not finite, in the order of the call."""
    faults: list[str] = []
    names: dict[Module, str] = {}  # a module that stands in several places has its first name
    for name, module in network.named_modules():
        if not list(module.children()):
            names.setdefault(module, name)
    before = {module: vars(module).copy() for module in names}

    def watch(name: str, module: Module) -> None:
        forward, kind = module.forward, type(module).__name__

        def watched(*inputs: Any, **options: Any) -> Any:
            output = forward(*inputs, **options)
            if not _all_finite(output):
                faults.append(f"{name} ({kind})" if name else kind)
            return output

        object.__setattr__(module, "forward", watched)

    for module, name in names.items():
        watch(name, module)
    try:
        yield faults
    finally:
        for module, fields in before.items():
            if "forward" in fields:
                object.__setattr__(module, "forward", fields["forward"])
            else:
                object.__delattr__(module, "forward")
