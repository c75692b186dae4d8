"""The five workloads that speed is claimed for, whole or with fewer rows, and what they learn."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradus as gd
from gradus import losses, nn, optim
from gradus.random import normal


@dataclass(frozen=True)
class Workload:
    """A network from its input to its output, and how it is trained."""

    name: str
    widths: tuple[int, ...]
    activation: Callable[[], nn.Module]
    batch: int
    rows: int
    optimizer: Callable[[], optim.Optimizer]
    loss: Any = losses.cross_entropy
    reduction: str = "mean"
    bias: bool = True

    def network(self) -> nn.Sequential:
        gd.manual_seed(0)
        layers: list[nn.Module] = []
        for n, m in itertools.pairwise(self.widths):
            layers += [nn.Linear(n, m, bias=self.bias), self.activation()]
        ends_activated = self.loss is losses.squared_error
        return nn.Sequential(*layers[: None if ends_activated else -1])

    def data(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        classes = max(self.widths[-1], 2)
        X = normal(1, 0, 0, (rows, self.widths[0])).astype(np.float32)
        y = np.arange(rows) % classes
        if self.loss is losses.cross_entropy:
            return X, y
        return X, np.eye(classes, dtype=np.float32)[y, : self.widths[-1]]

    def trainer(self, network: nn.Module, executor: Any = "native") -> gd.Trainer:
        return gd.Trainer(
            network, self.loss, self.optimizer(), reduction=self.reduction, executor=executor
        )

    def hashes(self, executors: Iterable[Any], *, rows: int, epochs: int) -> Iterator[str]:
        """SHA-256 of the parameters that each executor leaves, all from the same start."""
        X, y = self.data(rows)
        network = self.network()
        start = [p.numpy().copy() for p in network.parameters()]
        for executor in executors:
            for p, value in zip(network.parameters(), start, strict=True):
                p.assign(value)
            trainer = self.trainer(network, executor)
            trainer.fit(X, y, epochs=epochs, batch_size=self.batch, progress=False)
            yield digest(network)


def digest(network: nn.Module) -> str:
    """SHA-256 of the parameters, in their order."""
    found = hashlib.sha256()
    for p in network.parameters():
        found.update(np.ascontiguousarray(p.numpy()))
    return found.hexdigest()


def _sgd() -> optim.Optimizer:
    return optim.SGD(0.01)


WORKLOADS = {
    w.name: w
    for w in (
        Workload(
            "tiny", (2, 8, 8, 1), nn.Tanh, 10, 200, _sgd, losses.binary_cross_entropy_with_logits
        ),
        Workload("digits", (64, 100, 10), nn.ReLU, 32, 1797, optim.Adam),
        Workload(
            "lecture", (1000, 100, 10), nn.Sigmoid, 64, 64, _sgd,
            losses.squared_error, "sum", bias=False,
        ),
        Workload("mnist", (784, 256, 128, 10), nn.ReLU, 128, 60_000, optim.Adam),
        Workload("wide", (1024, 4096, 4096, 1000), nn.ReLU, 256, 768, _sgd),
    )
}  # fmt: skip
