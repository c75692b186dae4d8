"""What an executor is: it prepares a graph, and the program runs it, once or many steps a call.

The contract stands here; ``reference`` fulfils it in plain NumPy and thereby defines what every
other executor must compute.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Mapping
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
class Feed:
    """What steps are given; see ``Program.steps``."""

    carry: Arrays
    data: Arrays
    order: Array
    per_step: Arrays
    fixed: Arrays
    watch: str
    stop: Callable[[int], bool]


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
        feed = Feed(carry, data, order, per_step, fixed, watch, stop)
        self._check_feed(feed)
        return self._take(feed)

    def _take(self, feed: Feed) -> Steps:
        """Take the steps one by one; executors that can do better do."""
        now = dict(feed.carry)
        records: dict[str, list[Array]] = {n: [] for n in self.graph.outputs if n not in now}
        done = 0
        for k, rows in enumerate(feed.order):
            if feed.stop(done):
                break
            inputs = {**feed.fixed, **now, **{n: v[k] for n, v in feed.per_step.items()}}
            inputs.update({n: np.take(v, rows, axis=0) for n, v in feed.data.items()})
            outputs = self.run(inputs)
            for name, rows_so_far in records.items():
                rows_so_far.append(outputs[name])
            now = {n: outputs.get(n, v) for n, v in now.items()}
            done += 1
            if not np.all(np.isfinite(outputs[feed.watch])):
                break
        stacked = {
            n: np.stack(v) if v else np.empty((0, *self._output(n).shape), self._output(n).dtype)
            for n, v in records.items()
        }
        return Steps(now, stacked, done)

    def _output(self, name: str) -> TensorType:
        return self.graph.nodes[self.graph.outputs[name]].type

    def _check_feed(self, feed: Feed) -> None:
        """Raise unless ``steps`` can be taken with these."""
        if feed.order.ndim != 2 or feed.order.dtype.kind not in "iu":
            raise ArgumentError(
                "order holds row numbers: integers, (steps, batch)",
                received=TensorType.of(feed.order),
            )
        for name, array in feed.per_step.items():
            if array.shape[:1] != feed.order.shape[:1]:
                raise ShapeError(
                    f"{name} has one item for each of {len(feed.order)} steps", received=array.shape
                )
        given = {n: (a.shape, a.dtype) for n, a in (*feed.carry.items(), *feed.fixed.items())}
        given |= {n: (a.shape[1:], a.dtype) for n, a in feed.per_step.items()}
        batch = feed.order.shape[1:]
        given |= {n: (batch + rows.shape[1:], rows.dtype) for n, rows in feed.data.items()}
        groups = feed.carry, feed.data, feed.per_step, feed.fixed
        if len(given) < sum(map(len, groups)):
            twice = [n for n, k in Counter(n for names in groups for n in names).items() if k > 1]
            raise ArgumentError(
                "every input is given once: carried, gathered, one a step, or fixed",
                received=f"{', '.join(twice)} more than once",
            )
        self._check_types(given)
        shortest = min((len(rows) for rows in feed.data.values()), default=0)
        if not _all_below(feed.order, shortest):
            for name, rows in feed.data.items():
                if not _all_below(feed.order, len(rows)):
                    raise ArgumentError(
                        f"row numbers of {name} lie in [0, {len(rows)})",
                        received=f"{feed.order.min()} to {feed.order.max()}",
                    )
        for name in sorted(self._changing & feed.carry.keys()):
            raise ShapeError(
                f"{name} is {self.graph.inputs[name]} and carried into the next step",
                received=f"an output {self._output(name)}",
            )
        if feed.watch in feed.carry or feed.watch not in self.graph.outputs:
            raise ArgumentError("watch names a recorded output", received=feed.watch)
        seen = self._output(feed.watch)
        if seen.shape != () or not is_float(seen.dtype):
            raise ShapeError(f"the watched {feed.watch} is a single float", received=seen)

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
