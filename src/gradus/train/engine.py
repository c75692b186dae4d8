"""The engine: the prepared programs that move a network's weights, and what they need beside it.

It takes steps and computes outputs. What to train on, when to stop and what to tell people is
the trainer's business. The weights stand in the network and nowhere else, so that whoever looks
between two calls (a callback, a drawing) sees them as they are, and may change them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from gradus.compiler import (
    Executor,
    Leg,
    Program,
    Reading,
    Relayed,
    RowProgram,
    Shared,
    Shortcut,
    Traced,
    finite,
    relay,
    settings,
)
from gradus.errors import DivergenceError
from gradus.modes import no_grad
from gradus.nn import Ensemble, Module, Sequential
from gradus.optim import Optimizer
from gradus.tensor import Tensor, tensor
from gradus.train.divergence import REMEDY, first_fault
from gradus.train.examples import Examples, Kinds, kinds_of
from gradus.train.factors import Factors
from gradus.train.penalty import Penalty, penalty_of
from gradus.train.step import Loss, prefixed
from gradus.train.traced import TracedStep, traced_rows, traced_step
from gradus.train.untraced import untraced
from gradus.types import Array, TensorType

_KINDS = 8  # programs kept for training, and for predicting: other batches, other settings


@dataclass(frozen=True)
class Position:
    """Where training stands; later steps leave the arrays alone.

    Attributes:
        step: number of steps taken.
        tensors: parameters and state of the network, by their names in the program.
        carry: the arrays that these hold, and the moments of the optimizer.
        settings: those of the network; they say which tensors it has, and what is trained.
    """

    step: int
    tensors: Mapping[str, Tensor]
    carry: Mapping[str, Array]
    settings: Hashable


@dataclass(frozen=True)
class Portion:
    """Steps on batches of one size, in each of some epochs.

    Attributes:
        batches: row numbers, (epochs, steps, batch).
        factors: what the schedules say at each step, by the names of ``factor_types``,
            (epochs, steps).
        monitored: whether to record the norm of each parameter's gradient too.
    """

    batches: Array
    factors: Factors
    monitored: bool


@dataclass(frozen=True)
class _Prepared:
    """A program, and the tensors from outside that it reads."""

    program: Program
    captured: Mapping[str, Tensor]

    def fixed(self) -> dict[str, Array]:
        return {n: t.numpy() for n, t in self.captured.items()}


class Engine:
    """One network, loss and optimizer on one executor.

    Attributes:
        step: number of steps taken so far.
        shortcut: predicts what an array holds, or answers None: use ``forward``.
    """

    def __init__(
        self,
        network: Module,
        loss: Loss,
        reduction: str,
        optimizer: Optimizer,
        executor: Executor,
        seed: int,
        penalty: Penalty | None = None,
    ) -> None:
        self.network, self.loss, self.reduction = network, loss, reduction
        self.optimizer, self.seed, self.penalty = optimizer, seed, penalty
        self.dtype = network.parameters()[0].dtype
        self.step = 0
        self._moments: dict[str, dict[str, Array]] = {}  # of each parameter; names of the program
        self._carried: tuple[Hashable, dict[str, Tensor]] = None, {}  # the network's, by settings
        # Not of methods: the engine would hold itself, and its weights stay until a collection.
        self._steps = lru_cache(_KINDS)(
            partial(_step, network, loss, reduction, optimizer, penalty)
        )
        self.run_on(executor)

    def run_on(self, executor: Executor) -> None:
        """Compute by this executor from here on; weights, moments and steps stay what they are."""
        self._trainings = lru_cache(_KINDS)(partial(_training_program, executor, self._steps))
        self._rows = lru_cache(_KINDS)(partial(_row_program, self.network, self.loss, executor))
        self._last: tuple[Any, list[_Prepared]] | None = None  # what was prepared last, for what
        self.shortcut: Shortcut = _no_shortcut

    # Weights ------------------------------------------------------------------------------------

    def weights(self) -> dict[str, Array]:
        """Parameters and state of the network as they are; later steps leave the arrays alone."""
        with untraced:
            return {n: t.numpy() for n, t in _tensors(self.network).items()}

    def restore(self, weights: Mapping[str, Array]) -> None:
        """Put weights back."""
        with untraced:
            for name, t in _tensors(self.network).items():
                t.assign(weights[name])

    def position(self) -> Position:
        """Where training stands, to begin from or to go back to."""
        with untraced:  # parameters may be frozen between two calls
            now = settings(self.network)
            if self._carried[0] != now:
                self._carried = now, self._named()
        tensors = self._carried[1]
        carry = {n: t.numpy() for n, t in tensors.items()}
        for name in tensors:
            carry.update(self._moments.get(name, {}))
        return Position(self.step, tensors, carry, now)

    def _named(self) -> dict[str, Tensor]:
        """Parameters and state by their names in the program; moments for what has none yet."""
        params = self.network.named_parameters()
        for name, t in params.items():
            if (own := f"params.{name}") not in self._moments:
                made = self.optimizer.for_parameter(name).init(t)
                moments = prefixed(f"moments.{name}", made)
                self._moments[own] = {n: m.numpy() for n, m in moments.items()}
        return {**prefixed("params", params), **prefixed("state", self.network.named_buffers())}

    def go_back(self, position: Position) -> None:
        """Take back all steps since then, as if they had not been."""
        self._keep(position.tensors, position.step, position.carry)

    def _keep(self, tensors: Mapping[str, Tensor], step: int, carry: Mapping[str, Array]) -> None:
        """Stand at a step, with what was carried there."""
        self.step = step
        with untraced:
            for name, t in tensors.items():
                t.assign(carry[name], copy=False)
        for moments in self._moments.values():
            moments.update({n: carry[n] for n in moments if n in carry})

    # Training -----------------------------------------------------------------------------------

    def train(
        self,
        start: Position,
        rows: Examples,
        portions: Sequence[Portion],
        stop: Callable[[int], bool],
    ) -> Relayed:
        """Take a step for each batch of row numbers, portion by portion, epoch by epoch.

        Args:
            start: where training stands.
            rows: the examples.
            portions: the batches.
            stop: asked with the number of steps done; see ``relay``.

        Returns:
            Of each portion ``loss``, summed over the examples of the batch, and, where monitored,
            ``gradient_norm.…``: one value for each step taken.

        Raises:
            DivergenceError: something stopped being finite; the weights are the last good ones.
        """
        kinds = [(p.batches.shape[2], p.monitored) for p in portions]
        programs = self._prepared(rows, kinds, start.settings)
        found = self._relayed(programs, start.step, start.carry, rows, portions, stop)
        if not _sound(start.carry, found):
            raise self._explained(programs, start, rows, portions)
        self._keep(start.tensors, start.step + found.done, found.carry)
        return found

    def _relayed(
        self,
        programs: Sequence[_Prepared],
        step: int,
        carry: Mapping[str, Array],
        rows: Examples,
        portions: Sequence[Portion],
        stop: Callable[[int], bool],
    ) -> Relayed:
        counts = [p.batches.shape[1] for p in portions]
        firsts = np.cumsum([step, *counts[:-1]])
        legs = [
            Leg(
                prepared.program,
                rows.numbers(portion.batches),
                {
                    "step": _numbers(first, sum(counts), portion.batches),
                    **{n: f.astype(self.dtype) for n, f in portion.factors.items()},
                },
                {"seed": np.asarray(self.seed, np.int64), **prepared.fixed()},
            )
            for prepared, portion, first in zip(programs, portions, firsts, strict=True)
        ]
        data = prefixed("batch", rows.arrays)
        return relay(legs, carry, data=data, watch="loss", stop=stop)

    def _explained(
        self,
        programs: Sequence[_Prepared],
        start: Position,
        rows: Examples,
        portions: Sequence[Portion],
    ) -> DivergenceError:
        """Repeat the steps one by one, keep the good ones, and say what is wrong with the next.

        Steps are pure functions of what they are given, so the repetition meets the same numbers.
        """
        self.go_back(start)
        carry = start.carry
        for prepared, one in _one_by_one(programs, portions):
            found = self._relayed([prepared], self.step, carry, rows, [one], lambda _: False)
            if not _sound(carry, found):
                fault = first_fault(
                    self.network,
                    self.loss,
                    self.reduction,
                    self.penalty,
                    rows.take(one.batches[0, 0]),
                    self.seed,
                    self.step,
                )
                return DivergenceError(
                    f"training left the finite numbers at step {self.step + 1}",
                    received=fault,
                    remedy=REMEDY,
                )
            carry = found.carry
            self._keep(start.tensors, self.step + 1, carry)
        return DivergenceError(
            "training left the finite numbers",
            received="steps that give finite ones when they are repeated",
            remedy="change no tensor that the loss reads while fit runs",
        )

    # Predicting ---------------------------------------------------------------------------------

    def forward(
        self,
        x: Array,
        y: Array | None = None,
        weights: Mapping[str, Array] | None = None,
        limit: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> dict[str, Array]:
        """``prediction`` for every row and, where targets are given, its loss in ``losses``.

        Args:
            x: inputs, (rows, …).
            y: targets, (rows, …).
            weights: others than the network's.
            limit: entered where NumPy computes.
        """
        batch = {"x": x} if y is None else {"x": x, "y": y}
        with untraced:
            now = settings(self.network)
            program = self._rows(kinds_of(batch), now)
            run = program.prepared(len(x))
            tensors = _tensors(self.network)
            if weights is not None:
                tensors = {n: tensor(a) for n, a in weights.items()}
            shared = prefixed("weights", {n: Reading.of(t) for n, t in tensors.items()})
            if y is None and weights is None:
                self.shortcut = self._short(program, shared, now) or _no_shortcut
        with limit() if run.on_numpy else nullcontext():
            return run.outputs(shared, prefixed("batch", batch))

    def _short(self, program: RowProgram, shared: Shared, now: Hashable) -> Shortcut | None:
        """The program's shortcut, where the fields of the network say all about its structure."""
        modules = [m for _, m in self.network.named_modules()]
        found = program.shortcut(modules, shared) if all(map(_by_fields, modules)) else None
        return found if found and settings(self.network) == now else None

    def penalty_with(self, weights: Mapping[str, Array]) -> float:
        """What these weights are charged with, 0 without a penalty."""
        with untraced:
            found = _tensors(self.network)
            given = {n: tensor(weights[n], requires_grad=t.requires_grad) for n, t in found.items()}
            with no_grad(), self.network.bind(given):
                penalty = penalty_of(self.penalty, self.network)
        return 0.0 if penalty is None else float(penalty.numpy())

    # Programs -----------------------------------------------------------------------------------

    def prepare(self, rows: Examples, kinds: Sequence[tuple[int, bool]]) -> list[_Prepared]:
        """Programs of an epoch, made where new: what cannot be done is refused beforehand.

        Args:
            rows: the examples.
            kinds: number of rows and whether monitored, of each kind of step.
        """
        with untraced:
            return self._prepared(rows, kinds, settings(self.network))

    def _prepared(
        self, rows: Examples, kinds: Sequence[tuple[int, bool]], now: Hashable
    ) -> list[_Prepared]:
        asked = rows.kinds, kinds, now
        if not self._last or self._last[0] != asked:
            with untraced:
                made = [self._trainings(tuple(rows.types(n).items()), m, now) for n, m in kinds]
            self._last = asked, made
        return self._last[1]


def _training_program(
    executor: Executor,
    step: Callable[[Kinds, Hashable], TracedStep],
    batch: Kinds,
    monitored: bool,
    now: Hashable,
) -> _Prepared:
    """Program of a step, with the settings that the network has now, for batches of these types."""
    traced = step(batch, now)
    graph = traced.monitored if monitored else traced.plain
    return _Prepared(executor.prepare(graph), traced.captured)


def _step(
    network: Module,
    loss: Loss,
    reduction: str,
    optimizer: Optimizer,
    penalty: Penalty | None,
    batch: Kinds,
    _: Hashable,
) -> TracedStep:
    """A step, with the settings that the network has now, on batches of these types."""
    return traced_step(network, loss, reduction, optimizer, dict(batch), penalty)


def _row_program(
    network: Module, loss: Loss, executor: Executor, kinds: Kinds, _: Hashable
) -> RowProgram:
    """Program of the network, with the settings that it has now, for rows of these kinds."""

    def traced(rows: int) -> Traced:
        types = {n: TensorType((rows, *t.shape), t.dtype) for n, t in kinds}
        return traced_rows(network, loss, types)

    return executor.prepare_rows(traced, [f"batch.{n}" for n, _ in kinds])


def _by_fields(module: Module) -> bool:
    """Whether the fields of a module, and the lists among them, hold all modules inside it."""
    kind = type(module)
    known = (Module.children, Sequential.children, Ensemble.children)
    return kind.children in known and kind.named_modules is Module.named_modules


def _no_shortcut(x: Any) -> None:
    """Where there is no short way, or not yet."""


def _tensors(network: Module) -> dict[str, Tensor]:
    return {**network.named_parameters(), **network.named_buffers()}


def _numbers(first: int, per_epoch: int, batches: Array) -> Array:
    """Numbers of a portion's steps, int64, (epochs, steps)."""
    epochs, steps, _ = batches.shape
    return first + per_epoch * np.arange(epochs)[:, None] + np.arange(steps)


def _one_by_one(
    programs: Sequence[_Prepared], portions: Sequence[Portion]
) -> Iterator[tuple[_Prepared, Portion]]:
    """Each step by itself, in the order in which they are taken."""
    for k in range(len(portions[0].batches)):
        for prepared, portion in zip(programs, portions, strict=True):
            for i in range(portion.batches.shape[1]):
                at = slice(k, k + 1), slice(i, i + 1)
                factors = {n: f[at] for n, f in portion.factors.items()}
                yield prepared, Portion(portion.batches[at], factors, portion.monitored)


def _sound(before: Mapping[str, Array], found: Relayed) -> bool:
    """Whether all is finite that was before, and every loss; a buffer may hold −inf on purpose."""
    if not finite([record["loss"] for record in found.records]):
        return False
    return finite([*found.carry.values()]) or all(
        finite([a]) or not finite([before[n]]) for n, a in found.carry.items()
    )
