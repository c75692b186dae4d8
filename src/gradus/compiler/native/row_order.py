"""Operations on transposed matrices, as operations on the matrices: transposing is a place."""

from __future__ import annotations

from collections import Counter

from gradus import ops
from gradus.compiler.graph import Builder, Graph, Node, moved


def in_row_order(graph: Graph) -> Graph:
    """Operations on transposed matrices become those on the matrices, which need no copy.

    (A B)ᵀ becomes Bᵀ Aᵀ, and what reads or adds along one axis does so along the other.
    """
    uses = Counter(i for node in graph.nodes for i in node.inputs)
    uses.update(graph.outputs.values())
    builder = Builder()
    places: list[int] = []

    def swapped(i: int) -> int:
        axes = _swap(len(builder.nodes[i].type.shape))
        return builder.apply(ops.permute_dims, [i], {"axes": axes})

    for node in graph.nodes:
        now = moved(node, places)
        source = builder.nodes[now.inputs[0]] if now.inputs else None
        if source is None or source.op is None:
            places.append(builder.add(now))
        elif turns(now) and uses[node.inputs[0]] == 1 and source.op.name == "matmul":
            b, a = (swapped(k) for k in reversed(source.inputs))
            places.append(builder.apply(source.op, [b, a], {}))
        elif turns(source) and now.op is ops.take_along_axis and len(now.type.shape) == 2:
            operands = [source.inputs[0], swapped(now.inputs[1])]
            places.append(swapped(builder.apply(now.op, operands, along_other(now))))
        else:
            places.append(builder.add(now))
    return builder.graph({name: places[i] for name, i in graph.outputs.items()})


def turns(node: Node) -> bool:
    """Whether a node transposes matrices."""
    return node.op is ops.permute_dims and node.params["axes"] == _swap(len(node.type.shape))


def _swap(rank: int) -> tuple[int, ...]:
    """The axes of a stack of matrices, the last two exchanged."""
    return (*range(rank - 2), rank - 1, rank - 2)


def along_other(node: Node) -> dict[str, object]:
    """Parameters of an operation along one axis of a matrix, for its transpose."""
    return {**node.params, "axis": 1 - node.params["axis"]}
