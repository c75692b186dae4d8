"""gradus on its native executor: the steps alone, and by way of ``Trainer.fit``."""

from __future__ import annotations

import numpy as np

import gradus as gd
from benchmarks.task import Task
from benchmarks.workloads import Array
from gradus import losses, nn, optim
from gradus.compiler.native.program import NativeProgram
from gradus.train.engine import Portion

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
_LOSSES = {
    "bce": losses.binary_cross_entropy_with_logits,
    "ce": losses.cross_entropy,
    "sse": losses.squared_error,
}


class Training:
    """The trainer's engine, which takes many steps a call, as JAX's ``scan`` does."""

    many_steps_a_call = True
    comparable = True

    def __init__(self, task: Task) -> None:
        self.trainer = trainer(task)
        self.rows = self.trainer._examples(task.X, task.y, None)
        self.beginning = self.trainer._engine.position()

    def reset(self) -> None:
        """Back to the initial weights and moments."""
        self.trainer._engine.go_back(self.beginning)

    def train(self, order: Array) -> None:
        """Take the steps in one call."""
        portion = Portion(order[None], {"factor": np.ones((1, len(order)))}, monitored=False)
        engine = self.trainer._engine
        engine.train(engine.position(), self.rows, [portion], lambda _: False)

    replay = train

    def program(self, batch: int) -> NativeProgram:
        """What runs the steps."""
        engine = self.trainer._engine
        found = engine.prepare(self.rows, [(batch, False)])[0].program
        assert isinstance(found, NativeProgram)
        return found

    def parameters(self) -> list[Array]:
        """Copies of all parameters."""
        return [p.numpy() for p in self.trainer.network.parameters()]


class FitTraining:
    """What people call: with its order of the rows, checks, gradient norms and history."""

    many_steps_a_call = True
    comparable = True

    def __init__(self, task: Task) -> None:
        self.task, self.trainer = task, trainer(task)
        self.beginning = self.trainer._engine.position()

    def reset(self) -> None:
        """Back to the initial weights and moments."""
        self.trainer._engine.go_back(self.beginning)

    def train(self, order: Array) -> None:
        """As many epochs as the order has; the trainer draws its own order."""
        # Fewer rows than there are make one short epoch: the first step is timed so.
        rows = min(order.size, self.task.workload.rows)
        self._fit(self.task.X[:rows], self.task.y[:rows], order.size // rows, shuffle=True)

    def replay(self, order: Array) -> None:
        """Take the steps in the order of the rows as they lie."""
        rows = order.ravel()
        self._fit(self.task.X[rows], self.task.y[rows], 1, shuffle=False)

    def parameters(self) -> list[Array]:
        """Copies of all parameters."""
        return [p.numpy() for p in self.trainer.network.parameters()]

    def _fit(self, X: Array, y: Array, epochs: int, shuffle: bool) -> None:
        batch = self.task.workload.batch
        self.trainer.fit(X, y, epochs=epochs, batch_size=batch, shuffle=shuffle, progress=False)


class Prediction:
    """``Trainer.predict``."""

    def __init__(self, task: Task) -> None:
        self.predict = trainer(task).predict

    def native(self, X: Array) -> Array:
        """The rows."""
        return X


def trainer(task: Task) -> gd.Trainer:
    """A trainer of the workload's network with its initial weights."""
    workload = task.workload
    layers: list[nn.Module] = []
    for (weight, bias), name in zip(task.layers, workload.activations, strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        linear.weight = weight
        if bias is not None:
            linear.bias = bias
        layers.append(linear)
        if name != "identity":
            layers.append(_ACTIVATIONS[name]())
    return gd.Trainer(
        nn.Sequential(*layers),
        _LOSSES[workload.loss],
        (optim.SGD if workload.optimizer == "sgd" else optim.Adam)(workload.rate),
        reduction="sum" if workload.loss == "sse" else "mean",
        executor="native",
        threads=task.threads,
    )
