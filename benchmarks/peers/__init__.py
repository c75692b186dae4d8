"""The frameworks: each file has the one way to do the work in which that framework is fastest.

A training class is made of a `Task` and has ``reset``, ``train(order)`` and ``parameters()``; a
prediction class has ``native(X)``, which turns rows into the framework's arrays, and
``predict(rows)``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from benchmarks.task import Task
from benchmarks.workloads import Array

FRAMEWORKS = {  # as people type them: as the tables call them
    "numpy": ("NumPy",),
    "torch": ("PyTorch eager", "PyTorch compiled"),
    "sklearn": ("scikit-learn",),
    "jax": ("JAX",),
    "onnxruntime": ("ONNX Runtime",),
}
TRAINING = {
    "gradus": "gradus_peer:Training",
    "gradus fit": "gradus_peer:FitTraining",
    "NumPy": "numpy_peer:Training",
    "PyTorch eager": "torch_peer:Training",
    "PyTorch compiled": "torch_peer:CompiledTraining",
    "scikit-learn": "sklearn_peer:Training",
    "JAX": "jax_peer:Training",
}
PREDICTION = {
    "gradus": "gradus_peer:Prediction",
    "NumPy": "numpy_peer:Prediction",
    "ONNX Runtime": "onnx_peer:Prediction",
    "PyTorch eager": "torch_peer:Prediction",
    "scikit-learn": "sklearn_peer:Prediction",
    "JAX": "jax_peer:Prediction",
}


class Training(Protocol):
    """A workload, ready to be trained.

    Attributes:
        many_steps_a_call: whether a call has costs of its own, so that it must not be cut short.
        comparable: whether its arithmetic is the workload's own.
    """

    many_steps_a_call: bool
    comparable: bool

    def reset(self) -> None:
        """Back to the initial weights and moments."""

    def train(self, order: Array) -> None:
        """Take a step for each row of the order, (steps, batch), and wait for the last."""

    def replay(self, order: Array) -> None:
        """The same, in exactly this order, even where training draws an order of its own."""

    def parameters(self) -> list[Array]:
        """Weight (out, in) and bias of each layer."""


class Prediction(Protocol):
    """A workload's network with its initial weights."""

    def native(self, X: Array) -> Any:
        """Rows as the framework's own array."""

    def predict(self, rows: Any) -> Any:
        """Outputs of the network, computed when this returns."""


def make(entry: str, task: Task) -> Any:
    """The class that an entry of ``TRAINING`` or ``PREDICTION`` names, made for the task."""
    module, name = entry.split(":")
    return getattr(import_module(f"benchmarks.peers.{module}"), name)(task)
