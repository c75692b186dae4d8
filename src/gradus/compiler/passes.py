"""Passes: graphs to smaller graphs that compute the same bits.

Nothing here changes a single rounding: what would (adding 0 to −0, reordering a sum) is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradus import ops
from gradus.compiler.graph import Builder, Graph, Node, moved, once_a_graph
from gradus.ops.joining import concat_
from gradus.types import Array

# A folded constant may be this many bytes larger than what it was computed from.
_FOLD_BYTES = 4096


@once_a_graph
def optimise(graph: Graph) -> Graph:
    """All passes, until nothing changes; the result is verified."""
    while True:
        before = len(graph.nodes)
        for step in (simplify, fold_constants, eliminate_common, eliminate_dead):
            graph = step(graph)
        if len(graph.nodes) == before:
            return graph.verify()


def _rewrite(graph: Graph, rule: Callable[[Builder, Node], int]) -> Graph:
    """Rebuild the graph; the rule places each node, or names the place of an equal one."""
    builder = Builder()
    places: list[int] = []
    for node in graph.nodes:
        places.append(rule(builder, moved(node, places)))
    return builder.graph({name: places[i] for name, i in graph.outputs.items()})


def simplify(graph: Graph) -> Graph:
    """Drop operations that return their operand, and merge movements of movements."""
    return _rewrite(graph, _simpler)


def _simpler(builder: Builder, node: Node) -> int:
    if node.op is None:
        return builder.add(node)
    operands = [builder.nodes[i] for i in node.inputs]
    first = operands[0] if operands else node
    if node.op is ops.stop_gradient:
        return node.inputs[0]
    if node.op in (ops.reshape, ops.broadcast_to, ops.astype) and first.type == node.type:
        return node.inputs[0]
    if node.op is ops.reshape and first.op is ops.reshape:
        return _simpler(builder, Node(node.type, node.op, first.inputs, node.params))
    if node.op is concat_ and len(operands) == 1:
        return node.inputs[0]
    if node.op is ops.slice and node.params["bounds"] == tuple((0, n, 1) for n in first.type.shape):
        return node.inputs[0]
    if node.op is ops.permute_dims:
        axes = node.params["axes"]
        if axes == tuple(range(len(axes))):
            return node.inputs[0]
        if first.op is ops.permute_dims:
            inner = first.params["axes"]
            merged = Node(node.type, node.op, first.inputs, {"axes": tuple(inner[a] for a in axes)})
            return _simpler(builder, merged)
    if node.op is ops.negative and first.op is ops.negative:
        return first.inputs[0]
    if node.op is ops.multiply:
        for one, other in ((0, 1), (1, 0)):
            if _is_one(operands[one]) and operands[other].type == node.type:
                return node.inputs[other]
    if node.op is ops.divide and _is_one(operands[1]) and first.type == node.type:
        return node.inputs[0]
    return builder.add(node)


def _is_one(node: Node) -> bool:
    return node.value is not None and bool(np.all(node.value == 1))


def fold_constants(graph: Graph) -> Graph:
    """Compute what depends on constants only, unless the result would be much larger."""

    def fold(builder: Builder, node: Node) -> int:
        operands = [builder.nodes[i] for i in node.inputs]
        if node.op is None or not all(n.is_constant for n in operands):
            return builder.add(node)
        if node.type.nbytes > _FOLD_BYTES + sum(n.type.nbytes for n in operands):
            return builder.add(node)
        with np.errstate(all="ignore"):
            value = node.op.forward(*(n.value for n in operands), **node.params)
        return builder.constant(np.array(value, order="C"))

    return _rewrite(graph, fold)


def eliminate_common(graph: Graph) -> Graph:
    """Compute equal operations on equal operands, and keep equal constants, once."""
    known: dict[tuple[object, ...], int] = {}

    def merge(builder: Builder, node: Node) -> int:
        if node.name is not None:
            return builder.add(node)
        key = _identity(node)
        if key not in known:
            known[key] = builder.add(node)
        return known[key]

    return _rewrite(graph, merge)


def _identity(node: Node) -> tuple[object, ...]:
    if node.op is None:
        assert node.value is not None
        return ("constant", node.type, _bytes(node.value))
    # repr tells 0.0 from −0.0 and 1 from True, which equality does not.
    return (node.op.name, node.inputs, repr(sorted(node.params.items())))


def _bytes(array: Array) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def eliminate_dead(graph: Graph) -> Graph:
    """Drop what no output needs; inputs stay, used or not."""
    live = set(graph.outputs.values())
    for place in reversed(range(len(graph.nodes))):
        if place in live:
            live.update(graph.nodes[place].inputs)
    builder = Builder()
    places: list[int] = []
    for i, node in enumerate(graph.nodes):
        keep = i in live or node.name is not None
        places.append(builder.add(moved(node, places)) if keep else -1)
    return builder.graph({name: places[i] for name, i in graph.outputs.items()})


def pick_parts(graph: Graph) -> Graph:
    """A slice of joined parts becomes a slice of the one that it lies in.

    For looking at graphs, not for running them: the numbers lie elsewhere then, and NumPy may add
    them up in another order.
    """
    return _rewrite(graph, _of_one_part)


def _of_one_part(builder: Builder, node: Node) -> int:
    joined = builder.nodes[node.inputs[0]] if node.op is ops.slice else node
    if node.op is not ops.slice or joined.op is not concat_:
        return builder.add(node)
    axis, bounds = joined.params["axis"], node.params["bounds"]
    start, stop, step = slice(*bounds[axis]).indices(joined.type.shape[axis])
    before = 0
    for part in joined.inputs:
        behind = before + builder.nodes[part].type.shape[axis]
        if step > 0 and before <= start and stop <= behind:
            own = (start - before, stop - before, step)
            params = {"bounds": (*bounds[:axis], own, *bounds[axis + 1 :])}
            return builder.add(Node(node.type, node.op, (part,), params))
        before = behind
    return builder.add(node)
