"""Tracing: run a function once on symbolic tensors and keep what it did as a graph.

Whatever the function computes with operations is traced, backward passes included. Tensors that it
reads from outside (the weights of a module) become inputs too, named ``captured.…``, and are
read anew at every call; Python numbers and arrays become constants.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus.compiler.graph import Builder, Graph, Node
from gradus.compiler.tree import named, rebuild
from gradus.errors import TraceError
from gradus.modes import Trace, current_trace, enable_grad, no_grad, tracing
from gradus.tensor import Record, Tensor
from gradus.types import TensorType, as_dtype


@dataclass(frozen=True)
class Traced:
    """What tracing found.

    Attributes:
        graph: the program.
        captured: tensors from outside, under the names of their inputs.
        output: the function's result, its tensors replaced by the names of the graph's outputs.
        recorded: places of the nodes through which the function lets derivatives flow.
    """

    graph: Graph
    captured: dict[str, Tensor]
    output: Any
    recorded: frozenset[int]

    def replay(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Apply the operations to tensors, recorded just where the function itself would."""
        values: list[Tensor] = []
        for place, node in enumerate(self.graph.nodes):
            if node.name is not None:
                values.append(inputs[node.name])
            elif node.value is not None:
                values.append(Tensor(node.value, node.type, literal=True))
            else:
                assert node.op is not None
                with enable_grad() if place in self.recorded else no_grad():
                    values.append(node.op(*(values[i] for i in node.inputs), **node.params))
        return {name: values[place] for name, place in self.graph.outputs.items()}


@dataclass(frozen=True)
class OutputName:
    """Stands for an output of the graph inside a result."""

    name: str


def is_traced_leaf(leaf: Any) -> bool:
    """Whether an argument becomes an input of the graph (tensors, arrays, types of them)."""
    return isinstance(leaf, (Tensor, np.ndarray, np.generic, TensorType))


def trace(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Traced:
    """Trace a function of tensors.

    Args:
        function: any function of tensors, arrays, and nested tuples, lists and dictionaries of
            them. It is called once.
        args: examples: tensors, arrays or ``TensorType``; other values are handed on as they are.
        kwargs: further examples, by name.

    Raises:
        TraceError: the function asks for the value of a symbolic tensor, or stores one outside.
        DtypeError: an argument of a dtype that gradus does not compute in.

    >>> import gradus as gd
    >>> print(trace(lambda x: x * 2.0, gd.tensor([1.0, 3.0])).graph)
    graph
      input %0: float32[2] = x
      %1 : float32[]  = constant 2.0
      %2 : float32[2] = multiply(%0, %1)
      return result=%2
    """
    tree = named_arguments(function, args, kwargs)
    given = named(tree)
    with tracing() as active:
        inputs = {
            name: symbol(name, type_of(leaf), isinstance(leaf, Tensor) and leaf.requires_grad)
            for name, leaf in given.items()
            if is_traced_leaf(leaf)
        }
        arguments = rebuild(tree, iter([inputs.get(n, leaf) for n, leaf in given.items()]))
        positional = list(arguments.values())[: len(args)]
        result = function(*positional, **{k: arguments[k] for k in kwargs})
    found = named(result, "" if isinstance(result, dict) else "result")
    outputs = {name: leaf for name, leaf in found.items() if isinstance(leaf, Tensor)}
    shape = [OutputName(name) if name in outputs else leaf for name, leaf in found.items()]
    graph, captured, recorded = _graph_of(inputs, outputs, active)
    return Traced(graph.verify(), captured, rebuild(result, iter(shape)), recorded)


def named_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Arguments under the names that the function gives them, or their numbers."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names += [str(i) for i in range(len(names), len(args))]
    return {**dict(zip(names, args, strict=False)), **kwargs}


def symbol(name: str, type: TensorType, requires_grad: bool = False) -> Tensor:
    """A new input of the trace that is active; it stands in the graph if it is used."""
    return Tensor(None, type, requires_grad=requires_grad, trace=current_trace(), name=name)


def type_of(leaf: Any) -> TensorType:
    """Type of an argument that becomes an input."""
    if isinstance(leaf, (Tensor, TensorType)):
        return leaf.type if isinstance(leaf, Tensor) else leaf
    return TensorType(np.shape(leaf), as_dtype(leaf.dtype))


def _graph_of(
    inputs: dict[str, Tensor], outputs: dict[str, Tensor], active: Trace
) -> tuple[Graph, dict[str, Tensor], frozenset[int]]:
    """Graph of what the outputs were computed from."""
    computed: dict[Tensor, Record] = {}
    outside: dict[Tensor, None] = {}
    stack = list(outputs.values())
    while stack:
        t = stack.pop()
        if t.trace is None:
            outside[t] = None
        elif t.trace is not active:
            raise TraceError(
                "a traced function returns tensors of its own trace",
                received=repr(t),
                remedy="do not store tensors of a traced function outside it",
            )
        elif t.record is None:
            inputs.setdefault(str(t.name), t)
        elif t not in computed:
            computed[t] = t.record
            stack.extend(t.record.inputs)
    ordered = sorted(computed, key=lambda t: computed[t].order)

    builder = Builder()
    places = {t: builder.add(Node(t.type, name=name)) for name, t in inputs.items()}
    captured: dict[str, Tensor] = {}
    # In the order of their use, which does not depend on the walk above.
    used = [i for t in ordered for i in computed[t].inputs] + list(outputs.values())
    for t in dict.fromkeys(used):
        if t in outside and not t.literal:
            name = f"captured.{t.name or len(captured)}"
            while name in inputs or name in captured:
                name += "'"
            captured[name] = t
    places.update({t: builder.add(Node(t.type, name=name)) for name, t in captured.items()})

    def place(t: Tensor) -> int:
        if t not in places:
            places[t] = builder.constant(t.numpy())
        return places[t]

    for t in ordered:
        record = computed[t]
        operands = tuple(place(i) for i in record.inputs)
        places[t] = builder.add(Node(t.type, record.op, operands, record.params))
    graph = builder.graph({name: place(t) for name, t in outputs.items()})
    return graph, captured, frozenset(i for t, i in places.items() if t.requires_grad)
