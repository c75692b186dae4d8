"""Storage order: matrices lie as the products that make and read them run best.

A product computes C in whole vectors along the rows of C, and wants the rows of its right factor
side by side. A network's layers are rarely as wide as whole vectors (10 classes, 100 units), but a
batch is, and x Wᵀ, whose right factor lies the wrong way, is the transpose of W xᵀ. So some
matrices are stored transposed, and with each of them what has its shape and is joined to it by
elementwise operations: an activation with its derivative, a weight with its moments. These are
chosen together, family by family, by an estimate of what the products would take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradus import ops
from gradus.compiler.graph import Builder, Graph, Node
from gradus.compiler.native.row_order import along_other, turns
from gradus.types import TensorType, is_float

_SWAP = {"axes": (1, 0)}
_VECTOR = 64  # bytes, of the targets for which a share of a vector counts most
# What a number costs, in multiplications and additions: a right factor is rearranged beside the
# product, other operations read from afar what does not lie in the order of their work.
_PACKED, _COPIED = 4, 30
# Operations that read a transposed matrix as well as another.
_EITHER_WAY = ("matmul", "permute_dims", "slice", "sum", "max", "min", "take_along_axis")


def turned(graph: Graph, is_elementwise: Callable[[Node], bool]) -> tuple[Graph, frozenset[str]]:
    """The graph with some matrices transposed, and the names of carried ones among them."""
    members = {i for f in _chosen(graph, _families(graph, is_elementwise)) for i in f.members}
    names = frozenset(str(graph.nodes[i].name) for i in members if graph.nodes[i].name is not None)
    if not members:
        return graph, names
    builder = Builder()
    places: list[int] = []  # of each node, transposed where it is a member
    swapped: dict[int, int] = {}

    def other_way(i: int) -> int:
        if i not in swapped:
            node = builder.nodes[places[i]]
            if turns(node):
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
        elif node.op is ops.scatter_add_along_axis:
            operands = [places[j] if j in members else other_way(j) for j in node.inputs]
            places.append(builder.apply(node.op, operands, along_other(node)))
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


# ── Families ────────────────────────────────────────────────────────────────────────────────────


@dataclass(eq=False)
class _Family:
    """Matrices of one shape that are stored the same way; each family is itself alone.

    Attributes:
        members: inputs and results of elementwise operations.
        copied: numbers that are read in another order where the family is transposed.
        turned: whether it is.
    """

    members: list[int]
    copied: int
    turned: bool = False


def _families(graph: Graph, is_elementwise: Callable[[Node], bool]) -> list[_Family]:
    """Families that may be stored transposed. Inputs among them are carried: they stay.

    Others come anew with every step, as the rows of a batch do.
    """
    matrices = [
        i for i, n in enumerate(graph.nodes) if len(n.type.shape) == 2 and min(n.type.shape) > 1
    ]
    elementwise = {i for i in matrices if is_elementwise(graph.nodes[i])}
    own = elementwise | {i for i in matrices if _gives_either_way(graph, i)}
    readers = _readers(graph)
    beside: dict[int, list[int]] = {i: [] for i in matrices}
    for i in elementwise:
        for j in graph.nodes[i].inputs:
            if graph.nodes[j].type.shape == graph.nodes[i].type.shape:
                beside[i].append(j)
                beside[j].append(i)
    left = dict.fromkeys(sorted(own))
    found = []
    while left:
        start = next(iter(left))
        kin, stack = {start}, [start]
        while stack:
            for j in beside[stack.pop()]:
                if j not in kin:
                    kin.add(j)
                    stack.append(j)
        members = sorted(kin & own)
        for i in members:
            del left[i]
        if any(is_float(graph.nodes[i].type.dtype) for i in kin):
            found.append(_Family(members, _copied(graph, readers, kin, set(members))))
    return found


def _gives_either_way(graph: Graph, i: int) -> bool:
    """Whether something that is no elementwise operation may give its result transposed."""
    node = graph.nodes[i]
    return node.name in graph.carried or node.op is ops.scatter_add_along_axis


def _readers(graph: Graph) -> dict[int, list[int]]:
    """Nodes that read each node, once for each operand."""
    found: dict[int, list[int]] = {}
    for i, node in enumerate(graph.nodes):
        for j in node.inputs:
            found.setdefault(j, []).append(i)
    return found


def _copied(graph: Graph, readers: dict[int, list[int]], kin: set[int], members: set[int]) -> int:
    """Numbers that would be read in another order if the members were transposed."""
    size = graph.nodes[min(kin)].type.size
    free = ("matmul", "permute_dims", "broadcast_to")
    foreign = sum(
        (node := graph.nodes[i]).op is None or node.op.name not in free for i in kin - members
    )
    reading = (i for j in members for i in readers.get(j, []) if i not in members)
    far = sum((op := graph.nodes[i].op) is not None and op.name not in _EITHER_WAY for i in reading)
    names = {graph.nodes[i].name for i in members}
    shown = sum((i in members) != (n in names) for n, i in graph.outputs.items())
    return size * (foreign + far + shown)


# ── What products would take ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Side:
    """An operand or the result of a product: its family, and whether it is read transposed."""

    family: _Family | None
    swapped: bool

    @property
    def across(self) -> bool:
        """Whether its columns lie side by side."""
        return self.swapped != (self.family is not None and self.family.turned)


@dataclass(frozen=True)
class _Work:
    """A product C = A B, C being m × n and the sums of k terms."""

    a: _Side
    b: _Side
    c: _Side
    m: int
    n: int
    k: int
    lanes: int

    @property
    def cost(self) -> int:
        """Multiplications and additions, or what takes as long."""
        # Cᵀ = Bᵀ Aᵀ where C lies so.
        m, n = (self.n, self.m) if self.c.across else (self.m, self.n)
        lies = not self.a.across if self.c.across else self.b.across
        whole = -(-n // self.lanes) * self.lanes
        return m * self.k * whole + _PACKED * self.k * n * lies


def _chosen(graph: Graph, families: list[_Family]) -> list[_Family]:
    """The families to transpose."""
    works = _works(graph, families)
    # Activations before weights: theirs are the sizes that are no whole vectors.
    order = sorted(families, key=lambda f: any(graph.nodes[i].name for i in f.members))
    changed = True
    while changed:
        changed = False
        for family in order:
            mine = [w for w in works if family in (w.a.family, w.b.family, w.c.family)]
            before = _cost(family, mine)
            family.turned = not family.turned
            better = _cost(family, mine) < before
            family.turned = family.turned == better
            changed = changed or better
    return [f for f in families if f.turned]


def _cost(family: _Family, works: list[_Work]) -> int:
    return sum(w.cost for w in works) + _COPIED * family.copied * family.turned


def _works(graph: Graph, families: list[_Family]) -> list[_Work]:
    of = {i: f for f in families for i in f.members}
    readers = _readers(graph)

    def operand(i: int) -> _Side:
        node, swapped = graph.nodes[i], False
        while turns(node):
            i, swapped = node.inputs[0], not swapped
            node = graph.nodes[i]
        return _Side(of.get(i), swapped)

    def result(i: int) -> _Side:
        for j in readers.get(i, []):
            if j in of and graph.nodes[j].type.shape == graph.nodes[i].type.shape:
                return _Side(of[j], False)
            if turns(graph.nodes[j]):
                found = result(j)
                return _Side(found.family, not found.swapped)
        return _Side(None, False)

    found = []
    for i, node in enumerate(graph.nodes):
        if node.op is None or node.op.name != "matmul" or len(node.type.shape) != 2:
            continue
        a, b = node.inputs
        (m, n), k = node.type.shape, graph.nodes[a].type.shape[-1]
        if node.type.size:
            lanes = _VECTOR // node.type.dtype.itemsize
            found.append(_Work(operand(a), operand(b), result(i), m, n, k, lanes))
    return found
