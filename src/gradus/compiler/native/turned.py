"""Storage order: products give rows side by side, and weights lie as products want to read them.

x Wᵀ wants the rows of Wᵀ side by side. Where nothing wants those of W, as in the first layer, the
carried input W is stored as Wᵀ, and with it what has its shape and is joined to it by elementwise
operations: its gradient, its moments, the updated W. A product then needs no copy in another order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradus import ops
from gradus.compiler.graph import Builder, Graph, Node, moved
from gradus.types import TensorType, is_float

_SWAP = {"axes": (1, 0)}


def turned(graph: Graph, is_elementwise: Callable[[Node], bool]) -> tuple[Graph, frozenset[str]]:
    """The graph with some carried inputs and their outputs transposed, and their names."""
    families = [
        _kin(graph, i, is_elementwise) for i in _wanted(graph) if _is_matrix(graph.nodes[i])
    ]
    members = {j for family in families if _carried(graph, family) for j in family}
    names = frozenset(str(graph.nodes[i].name) for i in members if graph.nodes[i].name is not None)
    if not members:
        return graph, names
    builder = Builder()
    places: list[int] = []  # of each node, transposed where it is a member
    swapped: dict[int, int] = {}

    def other_way(i: int) -> int:
        if i not in swapped:
            node = builder.nodes[places[i]]
            if node.op is ops.permute_dims and node.params == _SWAP:
                return node.inputs[0]
            swapped[i] = builder.apply(ops.permute_dims, [places[i]], _SWAP)
        return swapped[i]

    def stretched(i: int, node: Node) -> int:
        """An operand from outside for a member."""
        if graph.nodes[i].type.shape == ():
            return places[i]
        if graph.nodes[i].type.shape == node.type.shape:
            return other_way(i)
        full = builder.apply(ops.broadcast_to, [places[i]], {"shape": node.type.shape})
        return builder.apply(ops.permute_dims, [full], _SWAP)

    for i, node in enumerate(graph.nodes):
        if i not in members:
            at = {j: other_way(j) if j in members else places[j] for j in node.inputs}
            places.append(builder.add(_with_inputs(node, [at[j] for j in node.inputs])))
        elif node.op is None:
            shape = node.type.shape[::-1]
            places.append(builder.add(Node(TensorType(shape, node.type.dtype), name=node.name)))
        else:
            operands = [places[j] if j in members else stretched(j, node) for j in node.inputs]
            places.append(builder.apply(node.op, operands, node.params))
    outputs = {
        name: places[i] if (name in names) == (i in members) else other_way(i)
        for name, i in graph.outputs.items()
    }
    return builder.graph(outputs), names


def _with_inputs(node: Node, inputs: list[int]) -> Node:
    return node if node.op is None else Node(node.type, node.op, tuple(inputs), node.params)


def _is_matrix(node: Node) -> bool:
    return len(node.type.shape) == 2 and node.type.size > 0 and is_float(node.type.dtype)


def _wanted(graph: Graph) -> list[int]:
    """Inputs that are the right factor of products, transposed more often than not."""
    votes: dict[int, int] = {}
    for node in graph.nodes:
        if node.op is None or node.op.name != "matmul":
            continue
        right = graph.nodes[node.inputs[1]]
        if right.name is not None:
            votes[node.inputs[1]] = votes.get(node.inputs[1], 0) - 1
        elif right.op is ops.permute_dims and graph.nodes[right.inputs[0]].name is not None:
            votes[right.inputs[0]] = votes.get(right.inputs[0], 0) + 1
    return [i for i, sum_ in votes.items() if sum_ > 0]


def _kin(graph: Graph, start: int, is_elementwise: Callable[[Node], bool]) -> set[int]:
    """Inputs and elementwise results of one shape that are joined to a node.

    Two are joined where one is an operand of the other, or both have an operand of the shape.
    """
    shape = graph.nodes[start].type.shape
    alike = {i for i, n in enumerate(graph.nodes) if n.type.shape == shape}
    elementwise = {i for i in alike if is_elementwise(graph.nodes[i])}
    beside: dict[int, list[int]] = {i: [] for i in alike}
    for i in elementwise:
        for j in graph.nodes[i].inputs:
            if j in alike:
                beside[i].append(j)
                beside[j].append(i)
    found, stack = {start}, [start]
    while stack:
        for j in beside[stack.pop()]:
            if j not in found:
                found.add(j)
                stack.append(j)
    return {i for i in found if i in elementwise or graph.nodes[i].name is not None}


def _carried(graph: Graph, family: set[int]) -> bool:
    """Whether all inputs among these are outputs, too.

    Such a value stays where it is from step to step. Others come anew with every step, as the rows
    of a batch do, and turning them would take longer than it saves.
    """
    names = {graph.nodes[i].name for i in family} - {None}
    return names <= graph.outputs.keys()


def products_in_row_order(graph: Graph) -> Graph:
    """(A B)ᵀ becomes Bᵀ Aᵀ, which needs no copy: transposed operands are only places."""
    uses = np.zeros(len(graph.nodes), np.int64)
    for node in graph.nodes:
        for i in node.inputs:
            uses[i] += 1
    for i in graph.outputs.values():
        uses[i] += 1
    builder = Builder()
    places: list[int] = []
    for i, node in enumerate(graph.nodes):
        now = moved(node, places)
        source = builder.nodes[now.inputs[0]] if now.op is ops.permute_dims else None
        rank = len(node.type.shape)
        swaps = (*range(rank - 2), rank - 1, rank - 2)
        if (
            source is not None
            and source.op is not None
            and source.op.name == "matmul"
            and now.params["axes"] == swaps
            and uses[graph.nodes[i].inputs[0]] == 1
        ):
            b, a = (
                builder.apply(ops.permute_dims, [k], {"axes": _swapped(builder.nodes[k])})
                for k in reversed(source.inputs)
            )
            places.append(builder.apply(source.op, [b, a], {}))
        else:
            places.append(builder.add(now))
    return builder.graph({name: places[i] for name, i in graph.outputs.items()})


def _swapped(node: Node) -> tuple[int, ...]:
    rank = len(node.type.shape)
    return (*range(rank - 2), rank - 1, rank - 2)
