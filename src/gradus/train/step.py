"""The step: forward, loss, backward and update as one traced function of explicit state.

``(params, state, moments, batch, …) → (params, state, moments, loss)``. Everything a step
changes goes in and comes out, so that a compiled step, a checkpoint and a resumed run hold the
same thing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradus import losses, ops, random
from gradus.autodiff import grad
from gradus.compiler import Graph, trace
from gradus.nn import Module
from gradus.optim import Optimizer
from gradus.tensor import Tensor
from gradus.types import TensorType, int64

Loss = Callable[[Tensor, Tensor], Tensor]
Named = dict[str, Tensor]
REDUCTIONS = {"mean": losses.mean, "sum": losses.sum}


def training_graph(
    network: Module,
    loss: Loss,
    reduction: str,
    optimizer: Optimizer,
    batch: dict[str, TensorType],
    monitored: bool,
) -> Graph:
    """Graph of one training step.

    Args:
        network: the module to train.
        loss: one value an example.
        reduction: ``"mean"`` or ``"sum"``.
        optimizer: the update rule.
        batch: types of ``x``, ``y`` and, where examples are weighted, ``weight``.
        monitored: whether to give the norm of each parameter's gradient too.
    """

    def take_step(
        params: Named,
        state: Named,
        moments: dict[str, Named],
        batch: Named,
        factor: Tensor,
        step: Tensor,
        seed: Tensor,
    ) -> dict[str, Any]:
        stream = random.Stream(seed, step)
        with network.bind({**params, **state}), random.use_stream(stream):
            values = loss(network(batch["x"]), batch["y"])
            total = REDUCTIONS[reduction](values, batch.get("weight"))
            new_state = {n: t for n, t in network.named_buffers().items() if n in state}
        found = grad(total, list(params.values()), allow_unused=True)
        gradients = dict(zip(params, found, strict=True))
        new_params, new_moments = optimizer.apply(params, gradients, moments, step + 1, factor)
        outputs: dict[str, Any] = {
            "params": new_params,
            "state": new_state,
            "moments": new_moments,
            "loss": total,
        }
        if monitored:
            norms = {n: ops.sqrt(ops.sum(ops.square(g))) for n, g in gradients.items()}
            outputs["gradient_norm"] = norms
        return outputs

    params = network.named_parameters()
    dtype = next(iter(params.values())).dtype
    return _traced(
        network,
        True,
        take_step,
        params=params,
        state=network.named_buffers(),
        moments=optimizer.init_all(params),
        batch=batch,
        factor=TensorType((), dtype),
        step=TensorType((), int64),
        seed=TensorType((), int64),
    )


def evaluation_graph(network: Module, loss: Loss, batch: dict[str, TensorType]) -> Graph:
    """Graph of the prediction and, where the batch has a target, of each example's loss."""

    def evaluate(params: Named, state: Named, batch: Named) -> Named:
        with network.bind({**params, **state}):
            prediction = network(batch["x"])
            outputs = {"prediction": prediction}
            if "y" in batch:
                outputs["losses"] = loss(prediction, batch["y"])
        return outputs

    return _traced(
        network,
        False,
        evaluate,
        params=network.named_parameters(),
        state=network.named_buffers(),
        batch=batch,
    )


def _traced(
    network: Module, training: bool, function: Callable[..., Any], **examples: Any
) -> Graph:
    """Trace in the given mode; the network's own mode stays as it was."""
    before = network.training
    network.train(training)
    try:
        return trace(function, **examples).graph
    finally:
        network.train(before)
