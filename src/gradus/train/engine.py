"""The engine: weights as plain arrays, and the prepared programs that move them.

It takes steps and computes outputs. What to train on, when to stop and what to tell people is
the trainer's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradus.compiler import Executor, Program
from gradus.data import batch_bounds
from gradus.errors import DivergenceError
from gradus.nn import Module
from gradus.optim import Optimizer
from gradus.tensor import Tensor
from gradus.train.divergence import first_fault
from gradus.train.examples import Examples
from gradus.train.step import Loss, evaluation_graph, training_graph
from gradus.types import Array, TensorType

PARAMS, STATE, MOMENTS = "params", "state", "moments"
_ROWS = 1024  # rows a call outside training: large enough to be fast, small in memory


class Engine:
    """One network, loss and optimizer on one executor.

    Attributes:
        arrays: parameters, state of the network and moments of the optimizer, by dotted name.
        step: number of steps taken so far.
    """

    def __init__(
        self,
        network: Module,
        loss: Loss,
        reduction: str,
        optimizer: Optimizer,
        executor: Executor,
        seed: int,
    ) -> None:
        self.network, self.loss, self.reduction = network, loss, reduction
        self.optimizer, self.executor, self.seed = optimizer, executor, seed
        self.dtype = network.parameters()[0].dtype
        self.step = 0
        self.arrays = _flatten(MOMENTS, optimizer.init_all(network.named_parameters()))
        self._programs: dict[Any, Program] = {}
        self.read_network()

    # The network's weights ----------------------------------------------------------------------

    def read_network(self) -> None:
        """Take the weights as they stand in the network; somebody may have set them by hand."""
        self.arrays.update(_flatten(PARAMS, self.network.named_parameters()))
        self.arrays.update(_flatten(STATE, self.network.named_buffers()))

    def write_network(self) -> None:
        """Put the weights into the network."""
        named = {
            **_prefixed(PARAMS, self.network.named_parameters()),
            **_prefixed(STATE, self.network.named_buffers()),
        }
        for name, t in named.items():
            t.assign(self.arrays[name])

    def weights(self) -> dict[str, Array]:
        """Parameters and state of the network, to be put back by ``restore``."""
        return {n: a for n, a in self.arrays.items() if not n.startswith(MOMENTS)}

    def restore(self, weights: dict[str, Array]) -> None:
        """Put weights back."""
        self.arrays.update(weights)

    # Training -----------------------------------------------------------------------------------

    def train(
        self,
        rows: Examples,
        batches: Array,
        factors: Array,
        *,
        monitored: bool,
        stop: Callable[[], bool],
    ) -> dict[str, Array]:
        """Take a step for each batch of row numbers, and record each step's loss.

        Args:
            rows: the examples.
            batches: row numbers, (steps, batch).
            factors: the schedule's factor for each step.
            monitored: whether to record the norm of each parameter's gradient too.
            stop: asked before each step.

        Returns:
            ``loss`` and, where monitored, ``gradient_norm.…``: one value for each step taken.

        Raises:
            DivergenceError: something stopped being finite; the weights are the last good ones.
        """
        program = self._training_program(rows.types(batches.shape[1]), monitored)
        before, first = self.arrays, self.step
        carry, records, done = self._steps(program, before, rows, batches, factors, stop)
        self.arrays, self.step = carry, first + done
        if done and not _finite({**carry, "loss": records["loss"]}):
            self._explain(program, before, rows, batches, factors, first)
        return records

    def _steps(
        self,
        program: Program,
        arrays: dict[str, Array],
        rows: Examples,
        batches: Array,
        factors: Array,
        stop: Callable[[], bool],
    ) -> tuple[dict[str, Array], dict[str, Array], int]:
        numbers = np.arange(self.step, self.step + len(batches), dtype=np.int64)
        found = program.steps(
            arrays,
            data={f"batch.{n}": a for n, a in rows.arrays.items()},
            order=batches,
            per_step={"step": numbers, "factor": factors.astype(self.dtype)},
            fixed={"seed": np.asarray(self.seed, np.int64)},
            watch="loss",
            stop=stop,
        )
        return found.carry, found.records, found.done

    def _explain(
        self,
        program: Program,
        arrays: dict[str, Array],
        rows: Examples,
        batches: Array,
        factors: Array,
        first: int,
    ) -> None:
        """Repeat the steps one by one up to the one that leaves the finite numbers, and say why.

        Steps are pure functions of what they are given, so the repetition meets the same numbers.
        """
        for k in range(len(batches)):
            self.arrays, self.step = arrays, first + k
            one = slice(k, k + 1)
            arrays, records, _ = self._steps(
                program, arrays, rows, batches[one], factors[one], lambda: False
            )
            if not _finite({**arrays, "loss": records["loss"]}):
                break
        self.write_network()
        batch = rows.take(batches[k])
        raise DivergenceError(
            f"training left the finite numbers at step {self.step + 1}",
            received=first_fault(self.network, self.loss, batch.x, batch.y),
            remedy="lower the learning rate, clip the gradients (clip_norm=1), or scale the "
            "inputs; the network holds its last good weights",
        )

    # Predicting ---------------------------------------------------------------------------------

    def forward(self, x: Array, y: Array | None = None) -> dict[str, Array]:
        """``prediction`` for every row and, where targets are given, its loss in ``losses``."""
        weights = self.weights()
        parts: list[dict[str, Array]] = []
        for start, end in batch_bounds(len(x), _ROWS):
            batch = {"x": x[start:end]} if y is None else {"x": x[start:end], "y": y[start:end]}
            types = {n: TensorType.of(a) for n, a in batch.items()}
            program = self._evaluation_program(types)
            parts.append(program.run({**weights, **_prefixed("batch", batch)}))
        return {n: np.concatenate([p[n] for p in parts]) for n in parts[0]}

    # Programs -----------------------------------------------------------------------------------

    def _training_program(self, batch: dict[str, TensorType], monitored: bool) -> Program:
        key = ("train", monitored, *batch.items())
        if key not in self._programs:
            graph = training_graph(
                self.network, self.loss, self.reduction, self.optimizer, batch, monitored
            )
            self._programs[key] = self.executor.prepare(graph)
        return self._programs[key]

    def _evaluation_program(self, batch: dict[str, TensorType]) -> Program:
        key = ("evaluate", *batch.items())
        if key not in self._programs:
            graph = evaluation_graph(self.network, self.loss, batch)
            self._programs[key] = self.executor.prepare(graph)
        return self._programs[key]


def _flatten(prefix: str, tree: Any) -> dict[str, Array]:
    """Arrays of nested dictionaries of tensors, under the names of a program's inputs."""
    if isinstance(tree, Tensor):
        return {prefix: tree.numpy()}
    return {k: a for n, t in tree.items() for k, a in _flatten(f"{prefix}.{n}", t).items()}


def _prefixed(prefix: str, named: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{n}": value for n, value in named.items()}


def _finite(arrays: dict[str, Array]) -> bool:
    return all(bool(np.isfinite(a).all()) for a in arrays.values())
