"""Lowering: a graph to instructions of the native program.

Every value gets a place in a buffer; views are places and need no instruction. What is left is
elementwise chains, matrix products, reductions, copies and the few others, each a list of numbers.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradus.compiler.graph import Graph, Node
from gradus.compiler.memory import Lifetime
from gradus.compiler.native.channels import before_moves
from gradus.compiler.native.fuse import groups
from gradus.compiler.native.instructions import (
    DTYPE_CODES,
    Address,
    Chain,
    Factor,
    Instruction,
    Operand,
    Plain,
    Product,
    Segment,
    Step,
)
from gradus.compiler.native.join import joined
from gradus.compiler.native.places import Place, Steps, common_axes, dense_steps, view
from gradus.compiler.native.row_order import in_row_order
from gradus.compiler.native.turned import turned
from gradus.types import Array, Shape, TensorType

_REDUCTIONS = {"sum": 0, "max": 1, "min": 2, "argmax": 3, "argmin": 4}
_POSITIONS = {"take": 0, "scatter_add": 1, "take_along_axis": 2, "scatter_add_along_axis": 3}


@dataclass
class Lowered:
    """A graph as instructions over buffers.

    Attributes:
        instructions: in the order of running.
        sizes: bytes of each buffer.
        inputs: place of each input; dense.
        outputs: place of each output; dense, in a buffer of its own, which for a carried value may
            be its input's.
        constants: buffers that are filled once, with their contents.
        turned: names of inputs, and of outputs of the same names, that are stored transposed.
    """

    instructions: list[Instruction] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    inputs: dict[str, Place] = field(default_factory=dict)
    outputs: dict[str, Place] = field(default_factory=dict)
    constants: dict[int, Array] = field(default_factory=dict)
    turned: frozenset[str] = frozenset()

    def lifetimes(self) -> dict[int, Lifetime]:
        """First and last instruction that touch each buffer."""
        lives: dict[int, Lifetime] = {}
        for k, instruction in enumerate(self.instructions):
            for b in instruction.buffers:
                lives[b] = Lifetime(lives[b].first if b in lives else k, k)
        return lives

    def numbers(self, places: Mapping[int, int]) -> list[list[int]]:
        """The instructions as C++ reads them, with the buffers at these places."""
        return [
            [places[n.buffer] + n.offset if isinstance(n, Address) else n for n in i.numbers]
            for i in self.instructions
        ]


def lower(graph: Graph, opcode: Callable[[str], int], *, may_turn: bool) -> Lowered:
    """Lower a graph.

    Args:
        graph: the program, optimised.
        opcode: number of an elementwise operation, or -1.
        may_turn: whether matrices may be stored transposed. Sums over one of their axes then have
            another order, and which are transposed depends on the number of rows.
    """
    graph, names = before_moves(graph), frozenset[str]()
    if may_turn:
        graph, names = turned(graph, lambda node: _is_chained(node, opcode))
    lowered = _Lowering(in_row_order(graph), opcode).run()
    lowered.turned = names
    return lowered


def _is_chained(node: Node, opcode: Callable[[str], int]) -> bool:
    return node.op is not None and opcode(node.op.name) >= 0 and not node.op.view


class _Lowering:
    def __init__(self, graph: Graph, opcode: Callable[[str], int]) -> None:
        self.graph, self.opcode = graph, opcode
        self.out = Lowered()
        self.places: dict[int, Place] = {}
        self.dense_copies: dict[Place, Place] = {}
        self.live = self._needed()
        self.readers: dict[int, list[int]] = {}
        for i in self.live:
            for j in graph.nodes[i].inputs:
                self.readers.setdefault(j, []).append(i)

    def _needed(self) -> set[int]:
        live = set(self.graph.outputs.values())
        for i in reversed(range(len(self.graph.nodes))):
            if i in live:
                live.update(self.graph.nodes[i].inputs)
        return live

    def run(self) -> Lowered:
        for i, node in enumerate(self.graph.nodes):
            if node.name is not None:
                self.places[i] = self.out.inputs[node.name] = self.buffer(node.type)
            elif node.value is not None and i in self.live:
                self.places[i] = place = self.buffer(node.type)
                self.out.constants[place.buffer] = node.value
        for group in groups(self.graph, lambda i: self._is_chained(self.graph.nodes[i])):
            group = [i for i in group if i in self.live]
            if group and self._is_chained(self.graph.nodes[group[0]]):
                self.chain(group)
            elif group:
                self.single(group[0], self.graph.nodes[group[0]])
        self._results()
        kept = {p.buffer for p in self.out.outputs.values()}
        self.out.instructions = joined(self.out.instructions, kept)
        return self.out

    def _is_chained(self, node: Node) -> bool:
        return _is_chained(node, self.opcode)

    # Buffers and copies -------------------------------------------------------------------------

    def buffer(self, type_: TensorType) -> Place:
        """A new dense buffer for a value of the type."""
        self.out.sizes.append(type_.nbytes)
        return Place(len(self.out.sizes) - 1, type_, 0, dense_steps(type_.shape))

    def emit(self, kind: str, *numbers: int | Address) -> None:
        """Append an instruction."""
        self.out.instructions.append(Plain(kind, numbers))

    def at(self, p: Place) -> Address:
        """Address of the first element."""
        return Address(p.buffer, p.start * p.type.dtype.itemsize)

    def copy(self, source: Place, target: Place) -> None:
        """Copy between two places of one shape."""
        lengths, (a, b) = common_axes(source.type.shape, [source.steps, target.steps])
        size = source.type.dtype.itemsize
        if source.type.size:
            ends: list[int | Address] = [self.at(source), *_list(a), self.at(target), *_list(b)]
            self.emit("copy", size, *_list(lengths), *ends)

    def dense(self, p: Place) -> Place:
        """The place itself where its elements lie side by side, or a copy where they do."""
        if p.dense:
            return Place(p.buffer, p.type, p.start, dense_steps(p.type.shape))
        if p not in self.dense_copies:
            made = self.buffer(p.type)
            self.copy(p, made)
            self.dense_copies[p] = made
        return self.dense_copies[p]

    # Chains -------------------------------------------------------------------------------------

    def chain(self, group: list[int]) -> None:
        """One pass over all elements for all operations of the group."""
        nodes = self.graph.nodes
        shape = nodes[group[0]].type.shape
        inside = {i: k for k, i in enumerate(group)}
        outside = list(dict.fromkeys(i for g in group for i in nodes[g].inputs if i not in inside))
        operands = [_stretched(self.places[i], shape) for i in outside]
        rows, columns, steps = self._two_axes(shape, operands)
        register = {i: k for k, i in enumerate(outside)}
        register.update({i: len(outside) + k for i, k in inside.items()})
        results = [i for i in group if self._leaves(i, inside)]
        for i in results:
            self.places[i] = self.buffer(nodes[i].type)
        targets = _slots(group, results, nodes)
        segment = Segment(
            rows,
            columns,
            tuple(Operand(self.at(p), *s) for p, s in zip(operands, steps, strict=True)),
            tuple(self.at(self.places[i]) for i in results),
        )
        chain = Chain(
            tuple(DTYPE_CODES[p.type.dtype] for p in operands),
            tuple(self._step(nodes[i], register, targets[i]) for i in group),
            tuple(DTYPE_CODES[nodes[i].type.dtype] for i in results),
            (segment,),
        )
        self.out.instructions.append(chain)

    def _step(self, node: Node, register: Mapping[int, int], target: int) -> Step:
        assert node.op is not None
        named = [register[j] for j in node.inputs]
        a, b, c = [*named, *[named[-1]] * (3 - len(named))]
        if node.op.name == "isfinite":
            b = c = a
        operand = node.inputs[1] if node.op.name == "where" else node.inputs[0]
        dtypes = (self.graph.nodes[operand].type.dtype, node.type.dtype)
        source, made = (DTYPE_CODES[t] for t in dtypes)
        return self.opcode(node.op.name), source, made, a, b, c, target

    def _leaves(self, i: int, inside: Mapping[int, int]) -> bool:
        """Whether something outside the group needs the value."""
        read = any(k not in inside for k in self.readers.get(i, []))
        return read or i in self.graph.outputs.values()

    def _two_axes(self, shape: Shape, operands: list[Place]) -> tuple[int, int, list[Steps]]:
        """Rows, columns, and each operand's steps along them; what does not fit is copied."""
        lengths, merged = common_axes(shape, [dense_steps(shape), *(p.steps for p in operands)])
        fits = len(lengths) <= 2 and all(m[-1] in (0, 1) for m in merged[1:] if m)
        if not fits:
            for k, p in enumerate(operands):
                if any(p.steps) and not p.dense:
                    operands[k] = self.dense(p)
            lengths, merged = common_axes(shape, [dense_steps(shape), *(p.steps for p in operands)])
        size = int(np.prod(shape, dtype=np.int64))
        if size == 0:
            return 1, 0, [(0, 1) for _ in operands]
        if not lengths:  # one number: as a row, like the same chain on longer ones
            return 1, 1, [(0, int(any(p.steps))) for p in operands]
        pad = 2 - len(lengths)
        rows, columns = [1] * pad + lengths
        return rows, columns, [tuple([0] * pad + m) for m in merged[1:]]

    # Everything else ----------------------------------------------------------------------------

    def single(self, i: int, node: Node) -> None:
        """Lower an operation that is no chain."""
        assert node.op is not None
        sources = [self.places[k] for k in node.inputs]
        if node.op.view or node.op.name == "sliding_window":
            self.places[i] = view(node, sources[0]) or view_of_dense(node, self.dense(sources[0]))
            return
        self.places[i] = target = self.buffer(node.type)
        if node.type.size:
            getattr(self, "_" + node.op.name.removesuffix("_"))(sources, target, **node.params)

    def _matmul(self, sources: list[Place], target: Place) -> None:
        a, b = sources
        batch = target.type.shape[:-2]
        lead = [_stretched(p, (*batch, *p.type.shape[-2:])).steps[:-2] for p in (a, b)]
        lengths, steps = common_axes(batch, [*lead, dense_steps(target.type.shape)[:-2]])
        left, right, result = (
            Factor(self.at(p), tuple(own), *p.steps[-2:])
            for p, own in zip((a, b, target), steps, strict=True)
        )
        m, k = a.type.shape[-2:]
        n = b.type.shape[-1]
        dtype = DTYPE_CODES[a.type.dtype]
        product = Product(dtype, tuple(lengths), m, n, k, left, right, result)
        self.out.instructions.append(product.upright())

    def _reduction(self, name: str, x: Place, target: Place, axes: tuple[int, ...]) -> None:
        """Bring the axes into (outer, reduced, inner), copying where they do not come apart so.

        Numbers that lie side by side are summed several at a time, others one after another. Which
        of them it is must not depend on the number of rows, so it is asked of the axes as they are
        and not of what is left of them here: an axis of one row has gone.
        """
        kept = [i for i in range(len(x.type.shape)) if i not in axes]
        # The order of the summed axes is free: that in memory lets them be one.
        reduced = sorted(axes, key=lambda i: -x.steps[i])
        along = _side_by_side(x, reduced) and not _side_by_side(x, kept)
        p = self._reordered(x, (*kept, *reduced))
        shape, steps = p.type.shape, p.steps
        outer_shape, [outer] = common_axes(shape[: len(kept)], [steps[: len(kept)]])
        red_shape, [red] = common_axes(shape[len(kept) :], [steps[len(kept) :]])
        if len(red_shape) > 1 or len(outer_shape) > (1 if along else 2):
            p = self.dense(p if along else self._reordered(x, (*reduced, *kept)))
            n, results = math.prod(shape[len(kept) :]), target.type.size
            outer_shape, outer = [results], [n if along else 1]
            red_shape, red = [n], [1 if along else results]
        outer_shape, outer = (
            [1] * (2 - len(outer_shape)) + outer_shape,
            [0] * (2 - len(outer)) + outer,
        )
        if outer_shape[0] == 1 and outer[1] != 1:
            # One kept axis that is not contiguous: rows to reduce one after another.
            outer_shape, outer = outer_shape[::-1], outer[::-1]
        n, step = (red_shape or [1])[0], (red or [1])[0]
        self.emit(
            "reduce",
            _REDUCTIONS[name],
            DTYPE_CODES[x.type.dtype],
            outer_shape[0], n, outer_shape[1],
            outer[0], step, outer[1],
            self.at(p),
            self.at(target),
        )  # fmt: skip

    def _reordered(self, p: Place, order: tuple[int, ...]) -> Place:
        shape = tuple(p.type.shape[i] for i in order)
        return Place(
            p.buffer, TensorType(shape, p.type.dtype), p.start, tuple(p.steps[i] for i in order)
        )

    def _sum(self, sources: list[Place], target: Place, *, axis: Steps, keepdims: bool) -> None:
        if sources[0].type.size == 0:
            self.fill(target, 0)
        else:
            self._reduction("sum", sources[0], target, axis)

    def _max(self, sources: list[Place], target: Place, *, axis: Steps, keepdims: bool) -> None:
        self._reduction("max", sources[0], target, axis)

    def _min(self, sources: list[Place], target: Place, *, axis: Steps, keepdims: bool) -> None:
        self._reduction("min", sources[0], target, axis)

    def _argmax(
        self, sources: list[Place], target: Place, *, axis: int | None, keepdims: bool
    ) -> None:
        self._position("argmax", sources[0], target, axis)

    def _argmin(
        self, sources: list[Place], target: Place, *, axis: int | None, keepdims: bool
    ) -> None:
        self._position("argmin", sources[0], target, axis)

    def _position(self, name: str, x: Place, target: Place, axis: int | None) -> None:
        if axis is None:
            x = self.dense(x)
            x = Place(x.buffer, TensorType((x.type.size,), x.type.dtype), x.start, (1,))
        self._reduction(name, x, target, (axis or 0,))

    def _cumulative_sum(self, sources: list[Place], target: Place, *, axis: int) -> None:
        x = self.dense(sources[0])
        outer, n, inner = _around(x.type.shape, axis)
        dtype = DTYPE_CODES[x.type.dtype]
        self.emit("running_sum", dtype, outer, n, inner, self.at(x), self.at(target))

    def _concat(self, sources: list[Place], target: Place, *, axis: int) -> None:
        start = target.start
        for p in sources:
            self.copy(p, Place(target.buffer, p.type, start, target.steps))
            start += p.type.shape[axis] * target.steps[axis]

    def _unslice(
        self, sources: list[Place], target: Place, *, shape: Shape, bounds: Any, fill: float
    ) -> None:
        self.fill(target, fill)
        start = target.start + sum(b[0] * s for b, s in zip(bounds, target.steps, strict=True))
        steps = tuple(b[2] * s for b, s in zip(bounds, target.steps, strict=True))
        self.copy(sources[0], Place(target.buffer, sources[0].type, start, steps))

    def fill(self, target: Place, value: float) -> None:
        """Fill a dense place with one number."""
        raw = np.asarray(value, target.type.dtype).tobytes().ljust(8, b"\0")
        (number,) = struct.unpack("<q", raw)
        size = target.type.dtype.itemsize
        self.emit("fill", size, target.type.size, number, self.at(target))

    def _take(self, sources: list[Place], target: Place, *, axis: int) -> None:
        x, at = map(self.dense, sources)
        outer, n, inner = _around(x.type.shape, axis)
        self._positions("take", x, at, target, (outer, n, inner, at.type.size))

    def _scatter_add(self, sources: list[Place], target: Place, *, axis: int, length: int) -> None:
        x, at = map(self.dense, sources)
        outer, n, inner = _around(target.type.shape, axis)
        self._positions("scatter_add", x, at, target, (outer, n, inner, at.type.size))

    def _take_along_axis(self, sources: list[Place], target: Place, *, axis: int) -> None:
        x, at = map(self.dense, sources)
        outer, n, inner = _around(x.type.shape, axis)
        self._positions("take_along_axis", x, at, target, (outer, n, inner, at.type.shape[axis]))

    def _scatter_add_along_axis(
        self, sources: list[Place], target: Place, *, axis: int, length: int
    ) -> None:
        x, at = map(self.dense, sources)
        sizes = (*_around(target.type.shape, axis), at.type.shape[axis])
        self._positions("scatter_add_along_axis", x, at, target, sizes)

    def _positions(
        self, name: str, x: Place, at: Place, target: Place, sizes: tuple[int, int, int, int]
    ) -> None:
        codes = (DTYPE_CODES[x.type.dtype], DTYPE_CODES[at.type.dtype])
        addresses = (self.at(x), self.at(at), self.at(target))
        self.emit("positions", _POSITIONS[name], *codes, *sizes, *addresses)

    def _fold_windows(
        self,
        sources: list[Place],
        target: Place,
        *,
        lengths: Steps,
        window: Steps,
        stride: Steps,
        dilation: Steps,
    ) -> None:
        y = self.dense(sources[0])
        k = len(window)
        counts = y.type.shape[-2 * k : -k]
        outer = int(np.prod(y.type.shape[: -2 * k], dtype=np.int64))
        lists = [n for part in (lengths, counts, window, stride, dilation) for n in _list(part)]
        self.emit("fold", DTYPE_CODES[y.type.dtype], outer, *lists, self.at(y), self.at(target))

    def _random_bits(self, sources: list[Place], target: Place, *, site: int, shape: Shape) -> None:
        seed, step = sources
        self.emit("bits", site, target.type.size, self.at(seed), self.at(step), self.at(target))

    # Results ------------------------------------------------------------------------------------

    def _results(self) -> None:
        """Give every output a dense buffer of its own."""
        taken = {p.buffer for p in self.out.inputs.values()} | set(self.out.constants)
        for name, i in self.graph.outputs.items():
            p = self.places[i]
            whole = p.start == 0 and p.dense and p.type.nbytes == self.out.sizes[p.buffer]
            if p.buffer in taken or not whole:
                made = self.buffer(p.type)
                self.copy(p, made)
                p = made
            taken.add(p.buffer)
            self.out.outputs[name] = Place(p.buffer, p.type, 0, dense_steps(p.type.shape))


def view_of_dense(node: Node, source: Place) -> Place:
    """View of a dense place, which every view has."""
    found = view(node, source)
    assert found is not None
    return found


def _stretched(p: Place, shape: Shape) -> Place:
    """The place broadcast to a shape."""
    lead = len(shape) - len(p.steps)
    own = (
        0 if n == 1 and m != 1 else s
        for n, m, s in zip(p.type.shape, shape[lead:], p.steps, strict=True)
    )
    return Place(p.buffer, TensorType(shape, p.type.dtype), p.start, (0,) * lead + tuple(own))


def _side_by_side(x: Place, axes: list[int]) -> bool:
    """Whether neighbours along one of the axes are neighbours in memory."""
    return any(x.steps[i] == 1 < x.type.shape[i] for i in axes)


def _around(shape: Shape, axis: int) -> tuple[int, int, int]:
    """Lengths before, of, and behind an axis."""
    before = int(np.prod(shape[:axis], dtype=np.int64))
    return before, shape[axis], int(np.prod(shape[axis + 1 :], dtype=np.int64))


def _list(numbers: Any) -> list[int]:
    return [len(numbers), *(int(n) for n in numbers)]


def _slots(group: list[int], results: list[int], nodes: tuple[Node, ...]) -> dict[int, int]:
    """Where each operation of a chain writes: −1 − k for result k, else a scratch slot."""
    last: dict[int, int] = {}
    for position, i in enumerate(group):
        for j in nodes[i].inputs:
            last[j] = position
    targets: dict[int, int] = {}
    free: list[int] = []
    used = 0
    for position, i in enumerate(group):
        if i in results:
            targets[i] = -1 - results.index(i)
        else:
            if not free:
                free.append(used)
                used += 1
            targets[i] = free.pop()
        for j in dict.fromkeys(nodes[i].inputs):
            if targets.get(j, -1) >= 0 and last[j] == position:
                free.append(targets[j])
    return targets
