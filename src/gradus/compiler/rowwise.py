"""Whether a traced function treats its rows one by one: row i of a result needs row i alone.

Only then may rows be cut into batches and a batch be padded. Evaluation mostly does so; what
takes a mean over the rows, numbers them or counts them does not. In between, a row may be several:
a convolution makes one of each place of each image, and the image of them again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gradus import ops
from gradus.compiler.graph import Graph, Node
from gradus.compiler.passes import eliminate_dead, pick_parts, simplify
from gradus.types import Array, TensorType

_AN_ITEM_AN_AXIS = ("shape", "bounds")  # parameters that speak of the rows in their first item


def row_by_row(one: Graph, other: Graph, rows: Collection[str]) -> bool:
    """Whether a function is proven to treat its rows one by one.

    Args:
        one: its graph for a number of rows, two or more.
        other: its graph for another number; what depends on the number shows in the comparison.
        rows: names of the inputs that have rows, along their first axis.

    Returns:
        False also where a function does so by operations that are not looked through.
    """
    # Rows that are stacked along a new axis and picked again, as in the state of a recurrent
    # layer, are where they were.
    one, other = (eliminate_dead(simplify(pick_parts(graph))) for graph in (one, other))
    found = [_rows_of(graph, rows) for graph in (one, other)]
    return found[0] is not None and found[0] == found[1] and _alike(one, other, found[0])


def _alike(one: Graph, other: Graph, rows: Collection[int]) -> bool:
    """Whether two graphs with rows at certain places differ in the number of rows alone."""
    return len(one.nodes) == len(other.nodes) and all(
        a.op is b.op
        and a.inputs == b.inputs
        and a.name == b.name
        and _apart_from_rows(a, place in rows) == _apart_from_rows(b, place in rows)
        for place, (a, b) in enumerate(zip(one.nodes, other.nodes, strict=True))
    )


def _apart_from_rows(node: Node, has_rows: bool) -> tuple[object, ...]:
    """Type, parameters and constant of a node, or those of one of its rows."""
    axes = slice(1 if has_rows else 0, None)
    params = {k: v[axes] if k in _AN_ITEM_AN_AXIS else v for k, v in node.params.items()}
    value = None
    if node.value is not None:
        value = (node.value[:1] if has_rows else node.value).tobytes()
    return node.type.shape[axes], node.type.dtype, params, value


def _repeats(value: Array) -> bool:
    return value.ndim > 0 and len(value) > 1 and bool((value == value[:1]).all())


def _rows_of(graph: Graph, rows: Collection[str]) -> dict[int, int] | None:
    """Places of the values made of the same row of the inputs, and how many rows they make of it.

    None where a value mixes rows, or an output has not one row for each.
    """
    n = next(t.shape[0] for name, t in graph.inputs.items() if name in rows)
    found: dict[int, int] = {}
    for place, node in enumerate(graph.nodes):
        own = [found.get(i, 0) for i in node.inputs]
        if node.name is not None:
            each = int(node.name in rows)
        elif node.value is not None:
            each = int(node.type.shape[:1] == (n,) and _repeats(node.value))
        elif any(own):
            each = max(own)
            types = [graph.nodes[i].type for i in node.inputs]
            given = _Operands(types, [k > 0 for k in own], n * each, n)
            if not {0, each}.issuperset(own) or not _keeps_rows(node, given):
                return None
            if node.op is ops.reshape:
                each = node.type.shape[0] // n
        else:
            each = int(_repeated(node, graph.nodes[node.inputs[0]].type, n))
        if each and node.type.shape[:1] != (n * each,):
            return None
        if each:
            found[place] = each
    return found if all(found.get(i) == 1 for i in graph.outputs.values()) else None


def _repeated(node: Node, operand: TensorType, n: int) -> bool:
    """Whether the operation makes n equal rows of one."""
    assert node.op is not None
    stretched = len(operand.shape) < len(node.type.shape) or operand.shape[:1] == (1,)
    return node.op.name == "broadcast_to" and node.type.shape[:1] == (n,) and stretched


@dataclass(frozen=True)
class _Operands:
    """Types of the operands, which of them have rows, how many, and of how many examples."""

    types: list[TensorType]
    own: list[bool]
    rows: int
    examples: int


_Rule = Callable[[_Operands, TensorType, Mapping[str, Any]], bool]


def _keeps_rows(node: Node, given: _Operands) -> bool:
    """Whether row i of the result is made of rows i, by an operation some of whose inputs have."""
    assert node.op is not None
    rule = _broadcasts if node.op.elementwise else _RULES.get(node.op.name)
    return rule is not None and rule(given, node.type, node.params)


def _broadcasts(given: _Operands, result: TensorType, _: Mapping[str, Any]) -> bool:
    """Rows stand along the first axis of the result; nothing else has several things there."""
    rank = len(result.shape)
    return all(
        len(t.shape) == rank if own else len(t.shape) < rank or t.shape[0] == 1
        for t, own in zip(given.types, given.own, strict=True)
    )


def _product(given: _Operands, result: TensorType, params: Mapping[str, Any]) -> bool:
    if len(result.shape) == 2:
        return given.own == [True, False]
    return _broadcasts(given, result, params)


def _along(given: _Operands, _: TensorType, params: Mapping[str, Any]) -> bool:
    """Something is done along axes (None: along all of them); the rows are none of these."""
    axis = params["axis"]
    axes = axis if isinstance(axis, tuple) else (axis,)
    return all(given.own) and 0 not in axes and None not in axes


def _shapes(given: _Operands, result: TensorType, _: Mapping[str, Any]) -> bool:
    """In row order, as many rows as before are the same rows."""
    return given.types[0].shape[:1] == result.shape[:1]


def _regroups(given: _Operands, result: TensorType, _: Mapping[str, Any]) -> bool:
    """In row order, each row of the inputs makes several rows of the result, or is made of them."""
    return len(result.shape) > 0 and result.shape[0] > 0 and result.shape[0] % given.examples == 0


def _permutes(_: _Operands, __: TensorType, params: Mapping[str, Any]) -> bool:
    return bool(params["axes"][0] == 0)


def _slices(given: _Operands, _: TensorType, params: Mapping[str, Any]) -> bool:
    return bool(params["bounds"][0] == (0, given.rows, 1))


def _takes(given: _Operands, _: TensorType, params: Mapping[str, Any]) -> bool:
    """Rows of positions in something without rows, or positions that are the same in every row."""
    return given.own == ([False, True] if params["axis"] == 0 else [True, False])


def _windows(given: _Operands, _: TensorType, params: Mapping[str, Any]) -> bool:
    return len(params["window"]) < len(given.types[0].shape)


_RULES: dict[str, _Rule] = {
    "argmax": _along,
    "argmin": _along,
    "astype": _shapes,
    "broadcast_to": _broadcasts,
    "concat": _along,
    "cumulative_sum": _along,
    "matmul": _product,
    "max": _along,
    "min": _along,
    "permute_dims": _permutes,
    "reshape": _regroups,
    "slice": _slices,
    "sliding_window": _windows,
    "sum": _along,
    "take": _takes,
    "take_along_axis": _along,
    "unslice": _slices,
}
