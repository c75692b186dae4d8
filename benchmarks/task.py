"""What a worker is given: a workload, its data and initial weights, and a number of threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.workloads import WORKLOADS, Array, Workload

Layers = list[tuple[Array, Array | None]]  # weight (out, in) and bias (out,) of each layer


@dataclass(frozen=True)
class Task:
    """One workload on so many threads."""

    workload: Workload
    threads: int
    X: Array
    y: Array
    layers: Layers

    @classmethod
    def make(cls, workload: Workload, threads: int = 1) -> Task:
        """Data and weights drawn from the workload's seeds."""
        return cls(workload, threads, *workload.data(), workload.weights())

    def save(self, path: Path) -> None:
        """Write data and weights, so that every process begins with the same bits."""
        arrays = {"X": self.X, "y": self.y}
        for k, (weight, bias) in enumerate(self.layers):
            arrays[f"weight{k}"] = weight
            if bias is not None:
                arrays[f"bias{k}"] = bias
        np.savez(path, **arrays)

    @classmethod
    def read(cls, path: Path, name: str, threads: int) -> Task:
        """What ``save`` wrote."""
        with np.load(path) as file:
            arrays = dict(file)
        count = sum(n.startswith("weight") for n in arrays)
        layers = [(arrays[f"weight{k}"], arrays.get(f"bias{k}")) for k in range(count)]
        return cls(WORKLOADS[name], threads, arrays["X"], arrays["y"], layers)

    @property
    def parameters(self) -> list[Array]:
        """All weights and biases, layer by layer."""
        return [a for layer in self.layers for a in layer if a is not None]
