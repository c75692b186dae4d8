"""The step: forward, loss, backward and update as one traced function of explicit state.

``(params, state, optimizer, batch, …) → (params, state, optimizer, loss)``. Everything a step
changes goes in and comes out, so that a compiled step, a checkpoint and a resumed run hold the
same thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradus import losses, ops, random
from gradus.autodiff import grad
from gradus.compiler import Executor, Program, trace
from gradus.errors import ArgumentError
from gradus.nn import Module
from gradus.optim import Optimizer
from gradus.tensor import Tensor
from gradus.types import Array, TensorType, int64

Loss = Callable[[Tensor, Tensor], Tensor]
REDUCTIONS = {"mean": losses.mean, "sum": losses.sum}
PARAMS, STATE, OPTIMIZER = "params", "state", "optimizer"


@dataclass(frozen=True)
class StepBuilder:
    """Traces and prepares the programs of one network, loss and optimizer, each once."""

    network: Module
    loss: Loss
    reduction: str
    optimizer: Optimizer
    executor: Executor

    def __post_init__(self) -> None:
        if self.reduction not in REDUCTIONS:
            raise ArgumentError(
                f"reduction is one of {', '.join(REDUCTIONS)}", received=self.reduction
            )

    def train(self, batch: dict[str, TensorType], monitored: bool) -> Program:
        """Program of one training step; a monitored one also gives each gradient's norm.

        Args:
            batch: types of ``x``, ``y`` and, where examples are weighted, ``weight``.
            monitored: whether to give the norms.
        """
        params = self.network.named_parameters()
        reduce = REDUCTIONS[self.reduction]

        def step(
            params: dict[str, Tensor],
            state: dict[str, Tensor],
            optimizer: dict[str, dict[str, Tensor]],
            batch: dict[str, Tensor],
            factor: Tensor,
            step: Tensor,
            seed: Tensor,
        ) -> dict[str, Any]:
            stream = random.Stream(seed, step)
            with self.network.bind({**params, **state}), random.use_stream(stream):
                values = self.loss(self.network(batch["x"]), batch["y"])
                total = reduce(values, batch.get("weight"))
                new_state = self.network.named_buffers()
            gradients = dict(
                zip(params, grad(total, list(params.values()), allow_unused=True), strict=True)
            )
            new_params, new_optimizer = self.optimizer.apply(
                params, gradients, optimizer, step + 1, factor
            )
            outputs: dict[str, Any] = {
                PARAMS: new_params,
                STATE: {n: t for n, t in new_state.items() if n in state},
                OPTIMIZER: new_optimizer,
                "loss": total,
            }
            if monitored:
                outputs["gradient_norm"] = {
                    n: ops.sqrt(ops.sum(ops.square(g))) for n, g in gradients.items()
                }
            return outputs

        dtype = next(iter(params.values())).dtype
        self.network.train()
        traced = trace(
            step,
            params,
            self.network.named_buffers(),
            self.optimizer.init_all(params),
            batch,
            TensorType((), dtype),
            TensorType((), int64),
            TensorType((), int64),
        )
        return self.executor.prepare(traced.graph)

    def evaluate(self, x: TensorType, y: TensorType | None) -> Program:
        """Program of the prediction and, where a target is given, of each example's loss."""

        def evaluate(
            params: dict[str, Tensor],
            state: dict[str, Tensor],
            batch: dict[str, Tensor],
        ) -> dict[str, Tensor]:
            with self.network.bind({**params, **state}):
                prediction = self.network(batch["x"])
                outputs = {"prediction": prediction}
                if "y" in batch:
                    outputs["losses"] = self.loss(prediction, batch["y"])
            return outputs

        batch = {"x": x} if y is None else {"x": x, "y": y}
        was_training = self.network.training
        self.network.eval()
        try:
            traced = trace(
                evaluate, self.network.named_parameters(), self.network.named_buffers(), batch
            )
        finally:
            self.network.train(was_training)
        return self.executor.prepare(traced.graph)


def flatten(prefix: str, tree: dict[str, Any]) -> dict[str, Array]:
    """Arrays of nested dictionaries of tensors, under the names of the program's inputs."""
    found: dict[str, Array] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found.update(flatten(f"{prefix}.{name}", value))
        else:
            found[f"{prefix}.{name}"] = value.numpy()
    return found


def part(carry: dict[str, Array], prefix: str) -> dict[str, Array]:
    """The carried arrays below a prefix, by the rest of their names."""
    return {n[len(prefix) + 1 :]: a for n, a in carry.items() if n.startswith(prefix + ".")}
