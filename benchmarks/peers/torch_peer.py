"""PyTorch: eager as its tutorials write it, and the whole step as one compiled function."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.task import Task
from benchmarks.workloads import Array

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
_LOSSES: dict[str, Any] = {
    "bce": F.binary_cross_entropy_with_logits,
    "ce": F.cross_entropy,
    "sse": lambda out, y: F.mse_loss(out, y, reduction="sum"),
}


class Training:
    """Autograd and a fused optimizer."""

    many_steps_a_call = False
    comparable = True

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.threads)
        self.task, self.workload = task, task.workload
        self.X, self.y = torch.from_numpy(task.X), torch.from_numpy(task.y)
        self.network = _network(task)
        self.loss = _LOSSES[self.workload.loss]
        self.reset()

    def reset(self) -> None:
        """Back to the initial weights, with a new optimizer."""
        _assign(self.network, self.task)
        rule = torch.optim.SGD if self.workload.optimizer == "sgd" else torch.optim.Adam
        self.optimizer = rule(self.network.parameters(), lr=self.workload.rate, fused=True)

    def train(self, order: Array) -> None:
        """Take the steps."""
        for rows in torch.from_numpy(order).unbind():
            self.optimizer.zero_grad(set_to_none=True)
            out = self.network(self.X.index_select(0, rows))
            self.loss(out, self.y.index_select(0, rows)).backward()
            self.optimizer.step()

    replay = train

    def parameters(self) -> list[Array]:
        """Copies of all parameters."""
        return [p.detach().numpy().copy() for p in self.network.parameters()]


class CompiledTraining(Training):
    """Gradients by ``torch.func``, and the update, in one graph for ``torch.compile``.

    It runs in a third to three quarters of the time of compiling model and loss alone, which leaves
    autograd and the optimizer to Python.
    """

    def __init__(self, task: Task) -> None:
        import torch._inductor.config as inductor

        inductor.cpp_wrapper = True  # calls the kernels from C++: a fifth faster on `tiny`
        self.step = torch.compile(self._step, fullgraph=True)
        super().__init__(task)

    def reset(self) -> None:
        """Back to the initial weights."""
        _assign(self.network, self.task)
        self.params = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        self.first = {n: torch.zeros_like(p) for n, p in self.params.items()}
        self.second = {n: torch.zeros_like(p) for n, p in self.params.items()}
        self.done = torch.zeros(())

    def train(self, order: Array) -> None:
        """Take the steps."""
        with torch.no_grad():
            for rows in torch.from_numpy(order).unbind():
                self.step(self.params, self.first, self.second, self.done, rows)

    replay = train

    def parameters(self) -> list[Array]:
        """Copies of all parameters."""
        return [p.numpy().copy() for p in self.params.values()]

    def _loss_of(self, params: dict[str, Tensor], rows: Tensor) -> Tensor:
        x, y = self.X.index_select(0, rows), self.y.index_select(0, rows)
        out = torch.func.functional_call(self.network, params, x)
        return self.loss(out, y)

    def _step(
        self,
        params: dict[str, Tensor],
        first: dict[str, Tensor],
        second: dict[str, Tensor],
        done: Tensor,
        rows: Tensor,
    ) -> None:
        gradients = torch.func.grad(self._loss_of)(params, rows)
        if self.workload.optimizer == "sgd":
            for n, p in params.items():
                p.sub_(self.workload.rate * gradients[n])
            return
        done.add_(1)
        rate = self.workload.rate / -torch.expm1(done * math.log(0.9))
        root = (-torch.expm1(done * math.log(0.999))).rsqrt()
        for n, p in params.items():
            g, m, v = gradients[n], first[n], second[n]
            m.mul_(0.9).add_(g, alpha=0.1)
            v.mul_(0.999).add_(g * g, alpha=0.001)
            p.sub_(rate * m / (v.sqrt() * root + 1e-8))


class Prediction:
    """The network under ``inference_mode``."""

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(task.threads)
        self.network = _network(task).eval()
        _assign(self.network, task)

    def native(self, X: Array) -> Tensor:
        """The rows as a tensor."""
        return torch.from_numpy(X)

    @torch.inference_mode()
    def predict(self, rows: Tensor) -> Tensor:
        """Outputs of the network."""
        return self.network(rows)


def _network(task: Task) -> nn.Sequential:
    layers: list[nn.Module] = []
    for (weight, bias), name in zip(task.layers, task.workload.activations, strict=True):
        layers.append(nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None))
        if name != "identity":
            layers.append(_ACTIVATIONS[name]())
    return nn.Sequential(*layers)


@torch.no_grad()
def _assign(network: nn.Sequential, task: Task) -> None:
    """Give the network its initial weights."""
    for p, value in zip(network.parameters(), task.parameters, strict=True):
        p.copy_(torch.from_numpy(value))
        p.grad = None
