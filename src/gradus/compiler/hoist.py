"""Taking apart what a program must compute for every run and what only when the weights change.

A transposed weight or √(running variance + ε) stays the same while rows are predicted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gradus.compiler.graph import Builder, Graph, Node, moved
from gradus.compiler.passes import eliminate_dead


def hoist(graph: Graph, changing: Collection[str]) -> tuple[Graph, Graph]:
    """What does not depend on the inputs that change, and the rest.

    Args:
        graph: the program.
        changing: names of the inputs that change from run to run.

    Returns:
        A graph of other inputs, whose outputs are called ``hoisted.…``; and the graph that takes
        these as inputs, beside those of its own inputs that it still needs.

    >>> from gradus.compiler import trace
    >>> from gradus.types import TensorType, float32
    >>> w, x = TensorType((2, 3), float32), TensorType((5, 3), float32)
    >>> once, rest = hoist(trace(lambda w, x: x @ w.T, w, x).graph, ["x"])
    >>> list(once.inputs), list(once.outputs), list(rest.inputs)
    (['w'], ['hoisted.2'], ['x', 'hoisted.2'])
    """
    known = _known(graph, changing)
    later = (n for i, n in enumerate(graph.nodes) if i not in known)
    wanted = {i for n in later for i in n.inputs} | set(graph.outputs.values())
    hoisted = {i: f"hoisted.{i}" for i in sorted(known & wanted) if graph.nodes[i].op is not None}
    return _part(graph, hoisted), _rest(graph, known - wanted, hoisted)


def _known(graph: Graph, changing: Collection[str]) -> set[int]:
    """The other inputs, and what follows from them without becoming larger.

    Something larger is cheaper to compute again than to read: a bias that is repeated for each row.
    """
    known: set[int] = set()
    for i, node in enumerate(graph.nodes):
        if node.name is not None and node.name not in changing:
            known.add(i)
        if known.intersection(node.inputs):
            operands = {j: graph.nodes[j] for j in node.inputs}
            fixed = all(j in known or n.is_constant for j, n in operands.items())
            if fixed and node.type.size <= max(n.type.size for n in operands.values()):
                known.add(i)
    return known


def _part(graph: Graph, outputs: dict[int, str]) -> Graph:
    """The graph of these values alone."""
    needed = _needed(graph, outputs)
    builder = Builder()
    places: list[int] = []
    for i, node in enumerate(graph.nodes):
        places.append(builder.add(moved(node, places)) if i in needed else -1)
    return builder.graph({name: places[i] for i, name in outputs.items()}).verify()


def _needed(graph: Graph, outputs: Iterable[int]) -> set[int]:
    needed = set(outputs)
    for i in reversed(range(len(graph.nodes))):
        if i in needed:
            needed.update(graph.nodes[i].inputs)
    return needed


def _rest(graph: Graph, dropped: set[int], hoisted: dict[int, str]) -> Graph:
    """The graph with inputs in the place of what is hoisted, and without what is dropped."""
    builder = Builder()
    places: list[int] = []
    for i, node in enumerate(graph.nodes):
        now = Node(node.type, name=hoisted[i]) if i in hoisted else node
        places.append(-1 if i in dropped else builder.add(moved(now, places)))
    found = builder.graph({name: places[i] for name, i in graph.outputs.items()})
    return eliminate_dead(found).verify()
