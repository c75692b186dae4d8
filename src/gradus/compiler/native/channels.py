"""Order of axes: what lies between two convolutions lies as they make and read it.

A convolution computes rows of channels and shows them as (n, channels, height, width), by moving
axes; the next one moves them back. An activation in between would be computed in the shown order,
at the price of two copies. Elementwise operations do not care for the order: where most of what a
family of them reads and gives has its axes moved the same way, all of it is computed before the
move, and the two moves meet. Matrices are left to ``turned``, which also weighs their products.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gradus import ops
from gradus.compiler.graph import Builder, Graph, Node, moved

Axes = tuple[int, ...]


def before_moves(graph: Graph) -> Graph:
    """The graph with families of elementwise operations computed before their axes are moved."""
    order = {i: axes for f in _families(graph) if (axes := _wanted(graph, f)) for i in f}
    if not order:
        return graph
    builder = Builder()
    places: list[int] = []
    within: dict[int, int] = {}  # places of members, before their axes are moved

    def operand(j: int, axes: Axes) -> int:
        if order.get(j) == axes:
            return within[j]
        node = builder.nodes[places[j]]
        if node.type.shape == ():
            return places[j]
        if node.op is ops.permute_dims and node.params["axes"] == axes:
            return node.inputs[0]
        return builder.apply(ops.permute_dims, [places[j]], {"axes": _inverse(axes)})

    for i, node in enumerate(graph.nodes):
        if i in order and node.op is not None:
            axes = order[i]
            operands = [operand(j, axes) for j in node.inputs]
            within[i] = builder.apply(node.op, operands, node.params)
            places.append(builder.apply(ops.permute_dims, [within[i]], {"axes": axes}))
        else:
            places.append(builder.add(moved(node, places)))
    return builder.graph({name: places[i] for name, i in graph.outputs.items()})


def _families(graph: Graph) -> Iterable[set[int]]:
    """Elementwise operations that read each other, on values of three axes or more."""
    family: dict[int, set[int]] = {}
    for i, node in enumerate(graph.nodes):
        if _is_member(graph, node):
            family[i] = {i}
            for j in node.inputs:
                if j in family and family[j] is not family[i]:
                    family[i] |= family[j]
                    family.update(dict.fromkeys(family[i], family[i]))
    return {id(f): f for f in family.values()}.values()


def _is_member(graph: Graph, node: Node) -> bool:
    if node.op is None or not node.op.elementwise or len(node.type.shape) < 3:
        return False
    return all(graph.nodes[j].type.shape in ((), node.type.shape) for j in node.inputs)


def _wanted(graph: Graph, family: set[int]) -> Axes | None:
    """How axes are moved behind most of what the family reads, and back before what reads it."""
    votes: Counter[Axes | None] = Counter()
    read = {j for i in family for j in graph.nodes[i].inputs} - family
    for node in (graph.nodes[j] for j in read):
        if node.type.shape != ():
            votes[node.params["axes"] if node.op is ops.permute_dims else None] += 1
    given = {(j, k) for k, n in enumerate(graph.nodes) if k not in family for j in n.inputs}
    for node in (graph.nodes[k] for j, k in given if j in family):
        votes[_inverse(node.params["axes"]) if node.op is ops.permute_dims else None] += 1
    votes[None] += sum(i in family for i in graph.outputs.values())
    axes, most = max(votes.items(), key=lambda vote: vote[1], default=(None, 0))
    return axes if 2 * most > votes.total() else None


def _inverse(axes: Axes) -> Axes:
    return tuple(axes.index(k) for k in range(len(axes)))
