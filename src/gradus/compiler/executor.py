"""What an executor is: it prepares a graph, and the program runs it, once or many steps a call.

The contract stands here; ``reference`` fulfils it in plain NumPy and thereby defines what every
other executor must compute.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradus.compiler.graph import Graph
from gradus.compiler.rows import RowProgram
from gradus.compiler.trace import Traced
from gradus.errors import ArgumentError, ShapeError
from gradus.types import Array, DType, Shape, TensorType, is_float

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Steps:
    """What several steps gave.

    Attributes:
        carry: the carried values after the last step.
        records: the other outputs, one row a step.
        done: number of steps taken.
    """

    carry: dict[str, Array]
    records: dict[str, Array]
    done: int


@dataclass(frozen=True)
class Leg:
    """What one program does in each round of a relay.

    Attributes:
        program: which.
        order: row numbers, (rounds, steps, batch).
        per_step: inputs with one value a step, (rounds, steps, …).
        fixed: inputs that stay the same.
    """

    program: Program
    order: Array
    per_step: Arrays
    fixed: Arrays


@dataclass(frozen=True)
class Relay:
    """Steps of several programs in turn; see ``relay``."""

    legs: Sequence[Leg]
    carry: Arrays
    data: Arrays
    watch: str
    stop: Callable[[int], bool]

    @property
    def rounds(self) -> int:
        """How often the legs follow each other."""
        return len(self.legs[0].order)

    def room(self) -> list[dict[str, Array]]:
        """For the outputs of each leg that are recorded."""
        return [
            {
                n: np.zeros((*leg.order.shape[:2], *t.shape), t.dtype)
                for n, t in leg.program.output_types.items()
                if n not in self.carry
            }
            for leg in self.legs
        ]


@dataclass(frozen=True)
class Relayed:
    """What a relay gave.

    Attributes:
        carry: the carried values after the last step.
        records: the other outputs of each leg, (rounds, steps, …); 0 of steps that were not taken.
        done: number of steps taken.
        ended: seconds from the beginning to the end of each round, or to where it was broken off,
            (rounds,); 0 of rounds that were not begun.
    """

    carry: dict[str, Array]
    records: list[dict[str, Array]]
    done: int
    ended: Array


class Program(ABC):
    """A prepared graph.

    Attributes:
        on_numpy: whether NumPy computes it, whose threads the caller may want to limit.
    """

    on_numpy = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @abstractmethod
    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Compute the outputs.

        Args:
            inputs: an array of the right type for every input; they are not changed.

        Returns:
            Arrays that belong to the caller.

        Raises:
            ShapeError: an input is missing, unknown, or of another type.
        """

    def steps(
        self,
        carry: Arrays,
        *,
        data: Arrays,
        order: Array,
        per_step: Arrays,
        fixed: Arrays,
        watch: str,
        stop: Callable[[int], bool],
    ) -> Steps:
        """Take several steps, each on its own rows, and return after the last one.

        An output that has the name of a carried input is carried into the next step; the others
        are recorded. The steps end early after one whose ``watch`` output is not finite, and
        before one for which ``stop(steps done)`` is true.

        Args:
            carry: starting values of the carried inputs.
            data: arrays of all rows; each step reads ``data[name][order[k]]``.
            order: row numbers, (steps, batch).
            per_step: inputs with one value a step, (steps, …).
            fixed: inputs that stay the same.
            watch: name of the recorded output that must stay finite.
            stop: asked before the first step, and then so often that nobody has to wait; the
                reference executor asks before each step.

        Raises:
            ShapeError, ArgumentError: what is given does not fit the program.
        """
        leg = Leg(self, order[None], {n: a[None] for n, a in per_step.items()}, fixed)
        found = relay([leg], carry, data=data, watch=watch, stop=stop)
        records = {n: a[0, : found.done] for n, a in found.records[0].items()}
        return Steps(found.carry, records, found.done)

    def take(self, relay: Relay) -> Relayed:
        """Take the steps of a relay that begins with this program; executors may do better."""
        began, now, done = time.perf_counter(), dict(relay.carry), 0
        records, ended = relay.room(), np.zeros(relay.rounds)

        def ends_early(k: int) -> bool:
            nonlocal now, done
            for leg, record in zip(relay.legs, records, strict=True):
                for i, rows in enumerate(leg.order[k]):
                    if relay.stop(done):
                        return True
                    inputs = {**leg.fixed, **now, **{n: v[k, i] for n, v in leg.per_step.items()}}
                    inputs.update({n: np.take(v, rows, axis=0) for n, v in relay.data.items()})
                    outputs = leg.program.run(inputs)
                    for name, array in record.items():
                        array[k, i] = outputs[name]
                    now = {n: outputs.get(n, v) for n, v in now.items()}
                    done += 1
                    if not np.all(np.isfinite(outputs[relay.watch])):
                        return True
            return False

        for k in range(relay.rounds):
            early = ends_early(k)
            ended[k] = time.perf_counter() - began
            if early:
                break
        return Relayed(now, records, done, ended)

    @cached_property
    def output_types(self) -> dict[str, TensorType]:
        """Type of each output."""
        return {n: self.graph.nodes[i].type for n, i in self.graph.outputs.items()}

    def check_leg(self, leg: Leg, relay: Relay) -> None:
        """Raise unless these steps can be taken."""
        order, watch = leg.order, relay.watch
        if order.ndim != 3 or order.dtype.kind not in "iu":
            raise ArgumentError(
                "order holds row numbers: integers, (rounds, steps, batch)",
                received=TensorType.of(order),
            )
        for name, array in leg.per_step.items():
            if array.shape[:2] != order.shape[:2]:
                raise ShapeError(
                    f"{name} has one item for each of {order.shape[1]} steps of each round",
                    received=array.shape,
                )
        given = {n: (a.shape, a.dtype) for n, a in (*relay.carry.items(), *leg.fixed.items())}
        given |= {n: (a.shape[2:], a.dtype) for n, a in leg.per_step.items()}
        batch = order.shape[2:]
        given |= {n: (batch + rows.shape[1:], rows.dtype) for n, rows in relay.data.items()}
        groups = relay.carry, relay.data, leg.per_step, leg.fixed
        if len(given) < sum(map(len, groups)):
            twice = [n for n, k in Counter(n for names in groups for n in names).items() if k > 1]
            raise ArgumentError(
                "every input is given once: carried, gathered, one a step, or fixed",
                received=f"{', '.join(twice)} more than once",
            )
        self._check_types(given)
        shortest = min((len(rows) for rows in relay.data.values()), default=0)
        if not _all_below(order, shortest):
            for name, rows in relay.data.items():
                if not _all_below(order, len(rows)):
                    raise ArgumentError(
                        f"row numbers of {name} lie in [0, {len(rows)})",
                        received=f"{order.min()} to {order.max()}",
                    )
        for name in sorted(self._changing & relay.carry.keys()):
            raise ShapeError(
                f"{name} is {self.graph.inputs[name]} and carried into the next step",
                received=f"an output {self.output_types[name]}",
            )
        if watch in relay.carry or watch not in self.graph.outputs:
            raise ArgumentError("watch names a recorded output", received=watch)
        seen = self.output_types[watch]
        if seen.shape != () or not is_float(seen.dtype):
            raise ShapeError(f"the watched {watch} is a single float", received=seen)

    def check_inputs(self, inputs: Arrays) -> None:
        """Raise unless every input is there and has its type."""
        self._check_types({n: (a.shape, a.dtype) for n, a in inputs.items()})

    @cached_property
    def _changing(self) -> set[str]:
        """Outputs that have the name of an input, and another type."""
        return self.graph.outputs.keys() - self.graph.carried

    @cached_property
    def _expected(self) -> dict[str, tuple[Shape, DType]]:
        return {n: (t.shape, t.dtype) for n, t in self.graph.inputs.items()}

    def _check_types(self, given: Mapping[str, tuple[Shape, DType]]) -> None:
        if given == self._expected:  # in a fraction of the time that comparing types takes
            return
        expected = self.graph.inputs
        wrong = [f"no {name}" for name in expected if name not in given]
        wrong += [f"an unknown {name}" for name in given if name not in expected]
        if wrong:
            rule = f"the program takes {', '.join(expected) or 'no inputs'}"
            raise ShapeError(rule, received=", ".join(wrong))
        for name, t in expected.items():
            if given[name] != self._expected[name]:
                raise ShapeError(
                    f"{name} is {t}",
                    received=TensorType(*given[name]),
                    remedy="trace again for another shape or dtype",
                )


def relay(
    legs: Sequence[Leg],
    carry: Arrays,
    *,
    data: Arrays,
    watch: str,
    stop: Callable[[int], bool],
) -> Relayed:
    """Take steps of several programs in turn, round after round: each hands on what it carries.

    Args:
        legs: what each does in a round; all have as many rounds.
        carry: as ``Program.steps`` takes it.
        data: the same.
        watch: the same.
        stop: the same, asked with the number of steps done in all.

    Raises:
        ShapeError, ArgumentError: what is given does not fit a program.
    """
    found = Relay(legs, carry, data, watch, stop)
    for leg in legs:
        leg.program.check_leg(leg, found)
    rounds = [len(leg.order) for leg in legs]
    if len(set(rounds)) != 1:
        raise ShapeError("there is a leg at least, and all have as many rounds", received=rounds)
    return legs[0].program.take(found)


class Executor(ABC):
    """Turns graphs into programs."""

    name: str

    @abstractmethod
    def prepare(self, graph: Graph) -> Program:
        """Plan the graph once; the program may then run any number of times."""

    def prepare_rows(self, trace: Callable[[int], Traced], rows: Collection[str]) -> RowProgram:
        """Plan a function for any number of rows.

        Args:
            trace: the function's graph for a number of rows.
            rows: names of the inputs that have rows, along the first axis, like every output.
        """
        return RowProgram(trace, rows, self.prepare)


def _all_below(order: Array, rows: int) -> bool:
    """Whether all row numbers lie in [0, rows)."""
    if order.dtype == np.int64:  # a negative number is a huge one without a sign
        return not order.size or bool(order.view(np.uint64).max() < rows)
    return not order.size or bool(order.min() >= 0 and order.max() < rows)
