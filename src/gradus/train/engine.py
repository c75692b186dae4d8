"""The engine: the prepared programs that move a network's weights, and what they need beside it.

It takes steps and computes outputs. What to train on, when to stop and what to tell people is
the trainer's business. The weights stand in the network and nowhere else, so that whoever looks
between two calls (a callback, a drawing) sees them as they are, and may change them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus.compiler import Executor, Program, Steps, Traced, settings
from gradus.data import batch_bounds
from gradus.errors import ArgumentError, DivergenceError, ShapeError
from gradus.modes import no_grad
from gradus.nn import Module
from gradus.optim import Optimizer
from gradus.tensor import Tensor, tensor
from gradus.train.divergence import REMEDY, first_fault
from gradus.train.examples import Examples
from gradus.train.step import Loss, evaluation_graph, training_graph
from gradus.types import Array, TensorType

_ROWS = 1024  # rows a call outside training: large enough to be fast, small in memory


Position = tuple[int, dict[str, Array]]  # number of steps, and what a step carries


@dataclass(frozen=True)
class _Prepared:
    """A program, and tensors from outside that it reads, such as weights of classes in a loss."""

    program: Program
    captured: Mapping[str, Tensor]

    def fixed(self) -> dict[str, Array]:
        return {n: t.numpy() for n, t in self.captured.items()}


class Engine:
    """One network, loss and optimizer on one executor.

    Attributes:
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
        self._moments: dict[str, dict[str, Array]] = {}  # by parameter, by name in the program
        self._programs: dict[Any, _Prepared] = {}

    # Weights ------------------------------------------------------------------------------------

    def weights(self) -> dict[str, Array]:
        """Parameters and state of the network as they are; later steps leave the arrays alone."""
        return {n: t.numpy() for n, t in _tensors(self.network).items()}

    def restore(self, weights: Mapping[str, Array]) -> None:
        """Put weights back."""
        for name, t in _tensors(self.network).items():
            t.assign(weights[name])

    def _carry(self) -> dict[str, Array]:
        """What a step changes: parameters, state, and moments of the optimizer, made where new."""
        params = self.network.named_parameters()
        carry = {
            **_prefixed("params", params),
            **_prefixed("state", self.network.named_buffers()),
        }
        arrays = {n: t.numpy() for n, t in carry.items()}
        for name, p in params.items():
            if name not in self._moments:
                made = self.optimizer.for_parameter(name).init(p)
                moments = _prefixed(f"moments.{name}", made)
                self._moments[name] = {n: t.numpy() for n, t in moments.items()}
            arrays.update(self._moments[name])
        return arrays

    def _keep(self, step: int, carry: Mapping[str, Array]) -> None:
        """Stand at a step, with what was carried there."""
        self.step = step
        params = self.network.named_parameters()
        for name, t in params.items():
            t.assign(carry[f"params.{name}"], copy=False)
            self._moments[name] = {n: carry[n] for n in self._moments[name]}
        for name, t in self.network.named_buffers().items():
            t.assign(carry[f"state.{name}"], copy=False)

    def position(self) -> Position:
        """Where training stands, for ``go_back``: later steps leave its arrays alone."""
        return self.step, self._carry()

    def go_back(self, position: Position) -> None:
        """Take back all steps since then, as if they had not been."""
        self._keep(*position)

    # Training -----------------------------------------------------------------------------------

    def train(
        self,
        rows: Examples,
        batches: Array,
        factors: Array,
        *,
        monitored: bool,
        stop: Callable[[int], bool],
    ) -> dict[str, Array]:
        """Take a step for each batch of row numbers, and record each step's loss.

        Args:
            rows: the examples.
            batches: row numbers, (steps, batch).
            factors: the schedule's factor for each step.
            monitored: whether to record the norm of each parameter's gradient too.
            stop: asked with the number of steps done in this call; see ``Program.steps``.

        Returns:
            ``loss``, summed over the examples of the batch, and, where monitored,
            ``gradient_norm.…``: one value for each step taken.

        Raises:
            DivergenceError: something stopped being finite; the weights are the last good ones.
        """
        prepared = self._training_program(rows.types(batches.shape[1]), monitored)
        before = self._carry()
        found = self._steps(prepared, before, rows, batches, factors, stop)
        if not _sound(before, found):
            raise self._explained(prepared, rows, batches, factors)
        self._keep(self.step + found.done, found.carry)
        return found.records

    def _steps(
        self,
        prepared: _Prepared,
        carry: dict[str, Array],
        rows: Examples,
        batches: Array,
        factors: Array,
        stop: Callable[[int], bool],
    ) -> Steps:
        numbers = np.arange(self.step, self.step + len(batches), dtype=np.int64)
        return prepared.program.steps(
            carry,
            data=_prefixed("batch", rows.arrays),
            order=batches,
            per_step={"step": numbers, "factor": factors.astype(self.dtype)},
            fixed={"seed": np.asarray(self.seed, np.int64), **prepared.fixed()},
            watch="loss",
            stop=stop,
        )

    def _explained(
        self, prepared: _Prepared, rows: Examples, batches: Array, factors: Array
    ) -> DivergenceError:
        """Repeat the steps one by one, keep the good ones, and say what is wrong with the next.

        Steps are pure functions of what they are given, so the repetition meets the same numbers.
        """
        k = 0
        while True:
            one, before = slice(k, k + 1), self._carry()
            found = self._steps(prepared, before, rows, batches[one], factors[one], lambda _: False)
            if not _sound(before, found):
                break
            self._keep(self.step + 1, found.carry)
            k += 1
        batch = rows.take(batches[k])
        fault = first_fault(self.network, self.loss, self.reduction, batch, self.seed, self.step)
        return DivergenceError(
            f"training left the finite numbers at step {self.step + 1}",
            received=fault,
            remedy=REMEDY,
        )

    # Predicting ---------------------------------------------------------------------------------

    def forward(
        self, x: Array, y: Array | None = None, weights: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """``prediction`` for every row and, where targets are given, its loss in ``losses``.

        With other weights than the network's where some are given.
        """
        weights = _prefixed("weights", self.weights() if weights is None else weights)
        parts: list[dict[str, Array]] = []
        for start, end in batch_bounds(len(x), _ROWS):
            batch = {"x": x[start:end]} if y is None else {"x": x[start:end], "y": y[start:end]}
            types = {n: TensorType.of(a) for n, a in batch.items()}
            prepared = self._evaluation_program(types)
            inputs = {**weights, **_prefixed("batch", batch), **prepared.fixed()}
            parts.append(prepared.program.run(inputs))
        return {n: np.concatenate([p[n] for p in parts]) for n in parts[0]}

    def losses_of(self, prediction: Array, y: Array) -> Array:
        """Loss of every target beside one and the same prediction, (1, …).

        The loss is so shown all targets: in a trace it sees no values, and could not refuse a
        label or a probability out of range.

        Raises:
            ArgumentError, ShapeError: a loss that gives anything but one value an example.
        """
        parts: list[Array] = []
        for start, end in batch_bounds(len(y), _ROWS):
            repeated = np.repeat(prediction, end - start, axis=0)
            with no_grad():
                values = self.loss(tensor(repeated), tensor(y[start:end]))
            if not isinstance(values, Tensor):
                raise ArgumentError(
                    "a loss gives a tensor, one value an example",
                    received=type(values).__name__,
                    remedy="compute it from the prediction with tensors and gradus.ops",
                )
            if values.shape != (end - start,):
                raise ShapeError(
                    f"a loss gives one value an example, here {(end - start,)}",
                    received=f"values of {values.shape}",
                    remedy="leave losses.mean and losses.sum to reduction=; sum over the outputs "
                    "of an example with ops.sum(…, axis=1)",
                )
            parts.append(values.numpy())
        return np.concatenate(parts)

    # Programs -----------------------------------------------------------------------------------

    def prepare(self, rows: Examples, batches: Iterable[tuple[int, bool]]) -> None:
        """Make the programs of an epoch: what cannot be done is refused before the first step.

        Args:
            rows: the examples.
            batches: number of rows and whether monitored, of each kind of step.
        """
        for size, monitored in batches:
            self._training_program(rows.types(size), monitored)

    def _training_program(self, batch: dict[str, TensorType], monitored: bool) -> _Prepared:
        # By what is trained, too: parameters may be frozen between two calls.
        key = ("train", monitored, *batch.items(), settings(self.network))
        return self._prepare(
            key,
            lambda: training_graph(
                self.network, self.loss, self.reduction, self.optimizer, batch, monitored
            ),
        )

    def _evaluation_program(self, batch: dict[str, TensorType]) -> _Prepared:
        key = ("evaluate", *batch.items(), settings(self.network))
        return self._prepare(key, lambda: evaluation_graph(self.network, self.loss, batch))

    def _prepare(self, key: tuple[Any, ...], make: Callable[[], Traced]) -> _Prepared:
        if key not in self._programs:
            traced = make()
            self._programs[key] = _Prepared(self.executor.prepare(traced.graph), traced.captured)
        return self._programs[key]


def _tensors(network: Module) -> dict[str, Tensor]:
    return {**network.named_parameters(), **network.named_buffers()}


def _prefixed(prefix: str, named: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{n}": value for n, value in named.items()}


def _sound(before: dict[str, Array], found: Steps) -> bool:
    """Whether all is finite that was before, and every loss; a buffer may hold −inf on purpose."""
    return _finite(found.records["loss"]) and all(
        _finite(a) or not _finite(before[n]) for n, a in found.carry.items()
    )


def _finite(array: Array) -> bool:
    return bool(np.isfinite(array).all())
