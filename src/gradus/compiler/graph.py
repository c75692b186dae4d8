"""The typed graph: a program in single assignment, with named inputs and outputs.

A node is an input, a constant, or a primitive applied to earlier nodes. Every node has a shape
and a dtype. Passes turn graphs into graphs, and executors turn them into programs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from gradus.errors import GradusError, GraphError
from gradus.ops import Primitive
from gradus.types import Array, TensorType

Found = TypeVar("Found")
More = ParamSpec("More")


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value: an input (``name``), a constant (``value``) or an operation (``op``)."""

    type: TensorType
    op: Primitive | None = None
    inputs: tuple[int, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    value: Array | None = None

    @property
    def is_constant(self) -> bool:
        """Whether the value is known before the program runs."""
        return self.value is not None


@dataclass(frozen=True, eq=False)
class Graph:
    """A program: nodes in the order of their computation.

    Attributes:
        nodes: every value; a node refers to earlier ones by their places here.
        outputs: names of the results and the places of their nodes.
    """

    nodes: tuple[Node, ...]
    outputs: Mapping[str, int]

    @cached_property
    def inputs(self) -> dict[str, TensorType]:
        """Names and types of what the program takes."""
        return {n.name: n.type for n in self.nodes if n.name is not None}

    @cached_property
    def carried(self) -> frozenset[str]:
        """Names of inputs that an output of the same name and type may follow in the next step."""
        found = {n: self.nodes[i].type for n, i in self.outputs.items()}
        return frozenset(n for n, t in self.inputs.items() if found.get(n) == t)

    @property
    def operations(self) -> int:
        """Number of primitive applications."""
        return sum(n.op is not None for n in self.nodes)

    # Checking -----------------------------------------------------------------------------------

    def verify(self) -> Graph:
        """Return the graph if it keeps every rule of a graph.

        Raises:
            GraphError: a node that uses a later one, too few or too many operands, a type that is
                not what the rule of its operation says, two inputs of one name, or an output that
                does not exist.
        """
        names: set[str] = set()
        for place, node in enumerate(self.nodes):
            kinds = (node.op is not None) + (node.name is not None) + (node.value is not None)
            _expect(kinds == 1, f"%{place} is one of input, constant and operation", node)
            if node.name is not None:
                _expect(node.name not in names, "every input has a name of its own", node.name)
                names.add(node.name)
            elif node.value is not None:
                _expect(
                    TensorType.of(node.value) == node.type,
                    f"constant %{place} has its type",
                    node.type,
                )
            else:
                self._verify_operation(place, node)
        for name, place in self.outputs.items():
            _expect(0 <= place < len(self.nodes), f"output {name} exists", place)
        return self

    def _verify_operation(self, place: int, node: Node) -> None:
        assert node.op is not None
        here = f"%{place} = {node.op.name}"
        earlier = all(0 <= i < place for i in node.inputs)
        _expect(earlier, f"{here} uses earlier values", node.inputs)
        count = len(node.inputs)
        fits = count >= node.op.arity if node.op.variadic else count == node.op.arity
        _expect(fits, f"{here} takes {node.op.arity} operands", count)
        types = [self.nodes[i].type for i in node.inputs]
        dtypes = tuple(t.dtype for t in types)
        try:
            expected = node.op.type_rule(*types, **node.params)
            cast = node.op.dtype_rule(*types)
        except (GradusError, TypeError) as error:
            raise GraphError(f"{here} follows its rule: {error}") from error
        # Writing types out takes longer than all of the rest.
        if expected != node.type:
            raise GraphError(f"in a graph, {here} gives {expected}", received=node.type)
        if cast != dtypes:
            raise GraphError(f"in a graph, {here} takes {cast}", received=dtypes)

    # Text ---------------------------------------------------------------------------------------

    def __str__(self) -> str:
        heads = [f"%{i}: {n.type} = {n.name}" for i, n in enumerate(self.nodes) if n.name]
        rows = [
            (f"%{i}", str(n.type), _body(n)) for i, n in enumerate(self.nodes) if n.name is None
        ]
        width = [max((len(r[k]) for r in rows), default=0) for k in (0, 1)]
        lines = [f"  {a:<{width[0]}} : {b:<{width[1]}} = {c}" for a, b, c in rows]
        ends = ", ".join(f"{name}=%{place}" for name, place in self.outputs.items())
        inputs = "".join(f"  input {h}\n" for h in heads)
        return f"graph\n{inputs}" + "\n".join([*lines, f"  return {ends}"])

    @property
    def hash(self) -> str:
        """SHA-256 of the program: the same for the same text and constants, on every machine."""
        digest = hashlib.sha256(str(self).encode())
        for node in self.nodes:
            if node.value is not None:
                digest.update(np.ascontiguousarray(node.value).tobytes())
        return digest.hexdigest()


def _expect(holds: bool, rule: str, received: object) -> None:
    if not holds:
        raise GraphError(f"in a graph, {rule}", received=received)


def _body(node: Node) -> str:
    if node.op is None:
        assert node.value is not None
        return f"constant {_short(node.value)}"
    arguments = [f"%{i}" for i in node.inputs]
    arguments += [f"{k}={_plain(v)}" for k, v in node.params.items()]
    return f"{node.op.name}({', '.join(arguments)})"


def _short(array: Array) -> str:
    if array.size <= 4:
        return str(array.tolist())
    return f"of {array.size} numbers, {array.flat[0].item()} … {array.flat[-1].item()}"


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, np.dtype) else repr(value)


# ── Rewriting ───────────────────────────────────────────────────────────────────────────────────


class Builder:
    """Collects nodes for a new graph; each ``add`` returns the place of the value."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(self, node: Node) -> int:
        """Append a node."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def constant(self, value: Array) -> int:
        """Append a constant."""
        return self.add(Node(TensorType.of(value), value=value))

    def apply(self, op: Primitive, inputs: Iterable[int], params: Mapping[str, Any]) -> int:
        """Append an operation; its type follows from its rule."""
        places = tuple(inputs)
        type_ = op.type_rule(*(self.nodes[i].type for i in places), **params)
        return self.add(Node(type_, op, places, params))

    def graph(self, outputs: Mapping[str, int]) -> Graph:
        """The graph of the nodes so far."""
        return Graph(tuple(self.nodes), dict(outputs))


def moved(node: Node, places: Sequence[int]) -> Node:
    """The node with its inputs at their new places."""
    if node.op is None:
        return node
    return Node(node.type, node.op, tuple(places[i] for i in node.inputs), node.params)


# ── Remembering ─────────────────────────────────────────────────────────────────────────────────


def once_a_graph(
    function: Callable[Concatenate[Graph, More], Found],
) -> Callable[Concatenate[Graph, More], Found]:
    """A function of a graph that remembers what it found for as long as the graph lives.

    Graphs do not change. What is found must not hold the graph itself; what else the function is
    given, by place, can be hashed.
    """
    found: WeakKeyDictionary[Graph, dict[Hashable, Found]] = WeakKeyDictionary()

    @wraps(function)
    def remembering(graph: Graph, *more: More.args, **_: More.kwargs) -> Found:
        known = found.setdefault(graph, {})
        if more not in known:
            known[more] = function(graph, *more)  # type: ignore[call-arg]  # by place
        return known[more]

    return remembering  # type: ignore[return-value]  # what wraps gives names the graph
