"""The step: forward, loss, backward and update as one traced function of explicit state.

``(params, state, moments, batch, …) → (params, state, moments, loss)``. The loss that is given is
summed over the examples, with the penalty, whatever the reduction that is differentiated.
Everything a step changes goes in and comes out, so that a compiled step, a checkpoint and a
resumed run hold the same thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradus import ops, random
from gradus.autodiff import grad
from gradus.compiler import Graph, Traced, trace
from gradus.errors import ArgumentError, ShapeError
from gradus.nn import Module
from gradus.nn.module import in_mode
from gradus.optim import Optimizer
from gradus.tensor import Tensor
from gradus.train.factors import factor_types
from gradus.train.penalty import Penalty, penalty_of, reduced, summed
from gradus.types import TensorType, int64

Loss = Callable[[Tensor, Tensor], Tensor]
Named = dict[str, Tensor]

_NORM = "gradient_norm"


def prefixed(prefix: str, named: Mapping[str, Any]) -> dict[str, Any]:
    """Names as a traced step has them, of what a dictionary among its arguments holds."""
    return {f"{prefix}.{name}": value for name, value in named.items()}


def training_graph(
    network: Module,
    loss: Loss,
    reduction: str,
    optimizer: Optimizer,
    batch: dict[str, TensorType],
    penalty: Penalty | None = None,
) -> Traced:
    """One training step, which gives the norm of each parameter's gradient, too.

    Args:
        network: the module to train.
        loss: one value an example.
        reduction: ``"mean"`` or ``"sum"``.
        optimizer: the update rule.
        batch: types of ``x``, ``y`` and, where examples are weighted, ``weight``.
        penalty: added to the sum of the losses.

    Raises:
        ArgumentError: network or loss read a parameter that is no field of a module.
    """

    def take_step(
        params: Named,
        state: Named,
        moments: dict[str, Named],
        batch: Named,
        factor: Tensor,
        step: Tensor,
        seed: Tensor,
        decay: Any = 1.0,
    ) -> dict[str, Any]:
        stream = random.Stream(seed, step)
        with network.bind({**params, **state}), random.use_stream(stream):
            values = loss(network(batch["x"]), batch["y"])
            weight = batch.get("weight")
            extra = penalty_of(penalty, network)
            total = reduced(reduction, values, weight, extra)
            new_state = {n: t for n, t in network.named_buffers().items() if n in state}
        found = grad(total, list(params.values()), allow_unused=True)
        gradients = dict(zip(params, found, strict=True))
        new_params, new_moments = optimizer.apply(
            params, gradients, moments, step + 1, factor, decay
        )
        return {
            "params": new_params,
            "state": new_state,
            "moments": new_moments,
            "loss": summed(values, weight, extra),
            _NORM: {n: ops.sqrt(ops.sum(ops.square(g))) for n, g in gradients.items()},
        }

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
        **factor_types(optimizer, dtype),
        step=TensorType((), int64),
        seed=TensorType((), int64),
    )


def without_norms(graph: Graph) -> Graph:
    """The step without the norms of its gradients, which cost a pass over all weights."""
    kept = {n: i for n, i in graph.outputs.items() if not n.startswith(f"{_NORM}.")}
    return Graph(graph.nodes, kept)


def evaluation_graph(network: Module, loss: Loss, batch: dict[str, TensorType]) -> Traced:
    """The prediction and, where the batch has a target, each example's loss."""

    def evaluate(weights: Named, batch: Named) -> Named:
        with network.bind(weights):
            prediction = network(batch["x"])
            _check_prediction(prediction, batch["x"])
            outputs = {"prediction": prediction}
            if "y" in batch:
                outputs["losses"] = loss(prediction, batch["y"])
        return outputs

    weights = {**network.named_parameters(), **network.named_buffers()}
    return _traced(network, False, evaluate, weights=weights, batch=batch)


def _check_prediction(prediction: Any, x: Tensor) -> None:
    if not isinstance(prediction, Tensor):
        raise ArgumentError(
            "a network to train gives one tensor, its prediction",
            received=type(prediction).__name__,
            remedy="return the prediction alone from forward; keep the rest in another method",
        )
    if prediction.shape[:1] != x.shape[:1]:
        raise ShapeError(
            "a network gives a prediction for each row",
            received=f"an output of {prediction.shape} for an input of {x.shape}",
            remedy="keep the first axis: reduce over the others, as in axis=1",
        )


def _traced(
    network: Module, training: bool, function: Callable[..., Any], **examples: Any
) -> Traced:
    with in_mode(network, training):
        traced = trace(function, **examples)
    hidden = [str(t.type) for t in traced.captured.values() if t.requires_grad]
    if hidden:
        raise ArgumentError(
            "every tensor that is trained is a field of a module inside the network",
            received=f"another one that asks for gradients, of {hidden[0]}",
            remedy="make it a field (self.weight = …), or freeze it with requires_grad_(False)",
        )
    return traced
