"""Steps and predictions as graphs, traced once for all networks that are alike.

What the compiler finds out about a graph it remembers as long as the graph lives. So a second fit
in a cross-validation or a search begins at once: nothing is traced or planned again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from gradus.compiler import Graph, Traced
from gradus.modes import is_recording
from gradus.nn import Module
from gradus.optim import Optimizer
from gradus.tensor import Tensor
from gradus.train.alike import likeness
from gradus.train.penalty import Penalty
from gradus.train.step import Loss, evaluation_graph, training_graph, without_norms
from gradus.types import TensorType

# With all that is planned for it a graph of so many nodes takes less than a megabyte; larger ones,
# such as long unrolled networks, take long to run, so that tracing them again matters less.
_REMEMBERED, _MOST_NODES = 64, 2000


@dataclass(frozen=True)
class TracedStep:
    """A training step.

    Attributes:
        monitored: the step with the norms of its gradients.
        plain: the step without them.
        captured: tensors from outside that it reads, such as weights of classes in a loss.
    """

    monitored: Graph
    plain: Graph
    captured: Mapping[str, Tensor]

    @property
    def graph(self) -> Graph:
        """The larger of the two."""
        return self.monitored


Found = TypeVar("Found", Traced, TracedStep)
_found: OrderedDict[Hashable, Traced | TracedStep] = OrderedDict()  # the latest last


def traced_step(
    network: Module,
    loss: Loss,
    reduction: str,
    optimizer: Optimizer,
    batch: dict[str, TensorType],
    penalty: Penalty | None,
) -> TracedStep:
    """A training step on batches of these types; see ``training_graph``."""

    def found() -> TracedStep:
        traced = training_graph(network, loss, reduction, optimizer, batch, penalty)
        return TracedStep(traced.graph, without_norms(traced.graph), traced.captured)

    return _once(likeness("step", network, loss, reduction, optimizer, batch, penalty), found)


def traced_rows(network: Module, loss: Loss, batch: dict[str, TensorType]) -> Traced:
    """Predictions and losses for rows of these types; see ``evaluation_graph``."""
    alike = likeness("rows", network, loss, batch)
    return _once(alike, lambda: evaluation_graph(network, loss, batch))


def _once(alike: Hashable | None, trace: Callable[[], Found]) -> Found:
    """What tracing finds, or has found for things that are alike.

    The callers hold the lock under which networks are traced.
    """
    key = (alike, is_recording())
    known = None if alike is None else _found.pop(key, None)
    found = trace() if known is None else known
    if alike is not None and not found.captured and len(found.graph.nodes) <= _MOST_NODES:
        _found[key] = found
        if len(_found) > _REMEMBERED:
            _found.popitem(last=False)
    return found  # type: ignore[return-value]  # under this key there is nothing of another kind
