"""The five workloads: a network, its data, its loss and its optimizer, all from one seed.

Whole batches only: the rows are a multiple of the batch size, so that every step of every framework
does the same work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SEED = 0


@dataclass(frozen=True)
class Workload:
    """What is trained, and on what.

    Attributes:
        sizes: number of inputs, of units in each hidden layer, and of outputs.
        hidden: activation after each hidden layer: ``"tanh"``, ``"relu"`` or ``"sigmoid"``.
        output: activation after the last layer: ``"identity"`` or ``"sigmoid"``.
        loss: ``"bce"`` (of logits) and ``"ce"`` are means over the batch, ``"sse"`` is a sum.
        optimizer: ``"sgd"``, or ``"adam"`` with β = (0.9, 0.999), ε = 10⁻⁸.
        steps: steps of one call, in frameworks that take many steps a call.
        checked: steps of a run after which the parameters of all frameworks are compared.
    """

    name: str
    sizes: tuple[int, ...]
    hidden: str
    loss: str
    optimizer: str
    rate: float
    batch: int
    rows: int
    steps: int
    checked: int = 5
    output: str = "identity"
    bias: bool = True

    def scaled(self, units: int, batch: int) -> Workload:
        """The same in small: no more than so many units a layer, and four batches of rows."""
        sizes = tuple(min(n, units) for n in self.sizes)
        return replace(self, sizes=sizes, batch=batch, rows=4 * batch)

    def data(self) -> tuple[Array, Array]:
        """Inputs (rows, features), float32, and targets as the loss takes them."""
        rng = np.random.default_rng(SEED)
        if self.name == "digits" and self.sizes[0] == 64:
            from sklearn.datasets import load_digits

            X, y = load_digits(return_X_y=True)
            return (X[: self.rows] / 16).astype(np.float32), y[: self.rows].astype(np.int64)
        if self.loss == "sse":
            X = rng.standard_normal((self.rows, self.sizes[0]), np.float32)
            return X, rng.random((self.rows, self.sizes[-1]), np.float32)
        # Clouds whose centres lie 4 deviations apart; a tenth of the labels are wrong, so that the
        # gradients never fade away.
        classes = max(self.sizes[-1], 2)
        y = rng.integers(classes, size=self.rows)
        centres = rng.standard_normal((classes, self.sizes[0]), np.float32)
        X = rng.standard_normal((self.rows, self.sizes[0]), np.float32)
        X += np.float32(4 / np.sqrt(2 * self.sizes[0])) * centres[y]
        wrong = rng.random(self.rows) < 0.1
        y = np.where(wrong, rng.integers(classes, size=self.rows), y)
        return X, y.astype(np.float32).reshape(-1, 1) if self.loss == "bce" else y

    def weights(self) -> list[tuple[Array, Array | None]]:
        """Initial weight (out, in) and bias (out,) of each layer, from U(−1/√in, 1/√in)."""
        rng = np.random.default_rng(SEED + 1)
        layers: list[tuple[Array, Array | None]] = []
        for n, m in zip(self.sizes, self.sizes[1:], strict=False):
            bound = 1 / np.sqrt(n)
            weight = rng.uniform(-bound, bound, (m, n)).astype(np.float32)
            bias = rng.uniform(-bound, bound, m).astype(np.float32)
            layers.append((weight, bias if self.bias else None))
        return layers

    def order(self, steps: int) -> Array:
        """Row numbers of each step's batch, (steps, batch): shuffled epochs, one after another."""
        rng = np.random.default_rng(SEED + 2)
        epochs = -(-steps * self.batch // self.rows)
        rows = np.concatenate([rng.permutation(self.rows) for _ in range(epochs)])
        return rows[: steps * self.batch].reshape(steps, self.batch)

    @property
    def activations(self) -> list[str]:
        """The activation after each layer."""
        return [self.hidden] * (len(self.sizes) - 2) + [self.output]


WORKLOADS = {
    w.name: w
    for w in (
        Workload("tiny", (2, 8, 8, 1), "tanh", "bce", "sgd", 0.1, 10, 1000, steps=10_000),
        Workload("digits", (64, 100, 10), "relu", "ce", "adam", 1e-3, 32, 1792, steps=2240),
        Workload(
            "lecture", (1000, 100, 10), "sigmoid", "sse", "sgd", 1e-3, 64, 64, steps=500,
            output="sigmoid", bias=False,
        ),
        Workload("mnist", (784, 256, 128, 10), "relu", "ce", "adam", 1e-3, 128, 59904, steps=468),
        Workload(
            "wide", (1024, 4096, 4096, 1000), "relu", "ce", "sgd", 0.1, 256, 1024, steps=4,
            checked=2,
        ),
    )
}  # fmt: skip
