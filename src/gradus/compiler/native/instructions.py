"""Instructions of the native program: what they touch, and the numbers that C++ reads."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from gradus.types import DType, bool_, float32, float64, int32, int64, uint32

DTYPE_CODES: dict[DType, int] = {
    bool_: 0, uint32: 1, int32: 2, int64: 3, float32: 4, float64: 5,
}  # fmt: skip
KINDS = ("chain", "product", "copy", "fill", "reduce", "running_sum", "positions", "fold", "bits")
_CODES = {kind: code for code, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Address:
    """Stands for the byte address of an element of a buffer until the buffers are placed."""

    buffer: int
    offset: int


Numbers = list[int | Address]


class Instruction:
    """One instruction; subclasses say what it reads and writes, and its numbers.

    Attributes:
        kind: one of ``KINDS``.
    """

    kind: str

    @property
    def work(self) -> str:
        """What it does how often, in words."""
        return self.kind.replace("_", " ")

    @property
    def body(self) -> Numbers:
        """The numbers after that of the kind."""
        raise NotImplementedError

    @property
    def numbers(self) -> Numbers:
        """All its numbers, in the order in which C++ reads them."""
        return [_CODES[self.kind], *self.body]

    @property
    def reads(self) -> set[int]:
        """Buffers that it reads."""
        raise NotImplementedError

    @property
    def writes(self) -> set[int]:
        """Buffers that it writes."""
        raise NotImplementedError

    @property
    def buffers(self) -> set[int]:
        """Buffers that it touches."""
        return self.reads | self.writes

    def moved(self, old: int, new: int) -> Instruction:
        """The same with a buffer in the place of another."""
        raise NotImplementedError


@dataclass(frozen=True)
class Plain(Instruction):
    """An instruction that is a list of numbers, of which the last address is written."""

    kind: str
    given: tuple[int | Address, ...]

    @property
    def body(self) -> Numbers:
        return [*self.given]

    @property
    def reads(self) -> set[int]:
        return {n.buffer for n in self._addresses()[:-1]}

    @property
    def writes(self) -> set[int]:
        return {self._addresses()[-1].buffer}

    def _addresses(self) -> list[Address]:
        return [n for n in self.given if isinstance(n, Address)]

    def moved(self, old: int, new: int) -> Plain:
        return Plain(self.kind, tuple(_moved(n, old, new) for n in self.given))


@dataclass(frozen=True)
class Operand:
    """An operand of a chain: first element, and steps from row to row and column to column."""

    address: Address
    row: int
    column: int


@dataclass(frozen=True)
class Segment:
    """Places that a chain works on: a rectangle of numbers for each input and each result."""

    rows: int
    columns: int
    inputs: tuple[Operand, ...]
    results: tuple[Address, ...]

    def shaped(self, rows: int, columns: int) -> Segment | None:
        """The same numbers as a rectangle of another shape, where each input can be seen so."""
        if (rows, columns) == (self.rows, self.columns):
            return self
        if self.rows != 1 or self.columns != rows * columns:
            return None
        inputs = tuple(replace(i, row=columns * i.column) for i in self.inputs)
        return Segment(rows, columns, inputs, self.results)


Step = tuple[int, int, int, int, int, int, int]  # opcode, dtype from and to, registers, target


@dataclass(frozen=True)
class Chain(Instruction):
    """Elementwise operations, one after the other on each block of numbers of each segment.

    Attributes:
        inputs: dtype of each input.
        steps: the operations.
        results: dtype of each result.
        segments: places on which they are done.
    """

    inputs: tuple[int, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]
    segments: tuple[Segment, ...]
    kind: str = field(default="chain", init=False)

    @property
    def work(self) -> str:
        return f"{len(self.steps)} operations on {sum(s.rows * s.columns for s in self.segments)}"

    @property
    def form(self) -> tuple[tuple[int, ...], tuple[Step, ...], tuple[int, ...]]:
        """The chain without its places."""
        return self.inputs, self.steps, self.results

    @property
    def body(self) -> Numbers:
        found: Numbers = [len(self.inputs), *self.inputs, len(self.steps)]
        for step in self.steps:
            found += step
        found += [len(self.results), *self.results, len(self.segments)]
        for s in self.segments:
            found += [s.rows, s.columns]
            for i in s.inputs:
                found += [i.address, i.row, i.column]
            found += s.results
        return found

    @property
    def reads(self) -> set[int]:
        return {i.address.buffer for s in self.segments for i in s.inputs}

    @property
    def writes(self) -> set[int]:
        return {r.buffer for s in self.segments for r in s.results}

    def moved(self, old: int, new: int) -> Chain:
        segments = (
            replace(
                s,
                inputs=tuple(replace(i, address=_moved(i.address, old, new)) for i in s.inputs),
                results=tuple(_moved(r, old, new) for r in s.results),
            )
            for s in self.segments
        )
        return replace(self, segments=tuple(segments))

    def aligned(self, old: int, new: int) -> bool:
        """Whether each element of a buffer is read no later than the new one is written there."""
        for s in self.segments:
            if any(r.buffer == new for r in s.results):
                break
        else:
            return False
        if any(g is not s and self._touches(g, old) for g in self.segments):
            return False
        reading = [k for k, i in enumerate(s.inputs) if i.address.buffer == old]
        row = s.columns if s.rows > 1 else None
        dense = all(
            s.inputs[k].column == 1
            and s.inputs[k].row in (row, 0 if row is None else row)
            and s.inputs[k].address.offset == 0
            for k in reading
        )
        result = next(k for k, r in enumerate(s.results) if r.buffer == new)
        writer = next(k for k, step in enumerate(self.steps) if step[6] == -1 - result)
        last_read = max(
            (k for k, step in enumerate(self.steps) if any(o in reading for o in step[3:6])),
            default=-1,
        )
        return dense and last_read <= writer

    @staticmethod
    def _touches(segment: Segment, buffer: int) -> bool:
        return any(i.address.buffer == buffer for i in segment.inputs)


@dataclass(frozen=True)
class Factor:
    """An operand of a product: first element, steps along the batch, the rows and the columns."""

    address: Address
    batch: tuple[int, ...]
    row: int
    column: int


@dataclass(frozen=True)
class Product(Instruction):
    """A matrix product C = A B, batched, and perhaps a chain that takes up C while it is in cache.

    Attributes:
        dtype: of the numbers.
        batch: lengths of the batch.
        m, n, k: C is m × n, and sums have k terms.
        a, b, c: the operands.
        then: a chain of one m × n segment, or None.
        panel: which input of the chain is C.
        passes: whether nothing but the chain needs C.
    """

    dtype: int
    batch: tuple[int, ...]
    m: int
    n: int
    k: int
    a: Factor
    b: Factor
    c: Factor
    then: Chain | None = None
    panel: int = 0
    passes: bool = False
    kind: str = field(default="product", init=False)

    @property
    def work(self) -> str:
        sizes = " × ".join(map(str, (*self.batch, self.m, self.n, self.k)))
        return f"product {sizes}" + (f", then {self.then.work}" if self.then else "")

    @property
    def operations(self) -> int:
        """Multiplications and additions of the product itself."""
        return 2 * math.prod(self.batch) * self.m * self.n * self.k

    @property
    def may_have_chain(self) -> bool:
        """Whether a chain may be given to it: one product of floats, with none so far."""
        floats = (DTYPE_CODES[float32], DTYPE_CODES[float64])
        return self.then is None and not self.batch and self.dtype in floats

    @property
    def body(self) -> Numbers:
        found: Numbers = [self.dtype, len(self.batch), *self.batch, self.m, self.n, self.k]
        for f in (self.a, self.b, self.c):
            found += [f.address, len(f.batch), *f.batch, f.row, f.column]
        if self.then is None:
            return [*found, 0]
        return [*found, 1, self.panel, int(self.passes), *self.then.body]

    @property
    def reads(self) -> set[int]:
        own = {self.a.address.buffer, self.b.address.buffer}
        return own if self.then is None else own | (self.then.reads - {self.c.address.buffer})

    @property
    def writes(self) -> set[int]:
        own = {self.c.address.buffer}
        return own if self.then is None else own | self.then.writes

    def upright(self) -> Product:
        """A column as the row that it is in memory: Cᵀ = Bᵀ Aᵀ."""
        if self.n != 1 or self.m == 1:
            return self
        a, b, c = (replace(f, row=f.column, column=f.row) for f in (self.a, self.b, self.c))
        return replace(self, m=1, n=self.m, a=b, b=a, c=c)

    def moved(self, old: int, new: int) -> Product:
        a, b, c = (
            replace(f, address=_moved(f.address, old, new)) for f in (self.a, self.b, self.c)
        )
        then = None if self.then is None else self.then.moved(old, new)
        return replace(self, a=a, b=b, c=c, then=then)


def in_place(instruction: Instruction, old: int, new: int) -> bool:
    """Whether an instruction that reads a buffer may write the result in its place."""
    if isinstance(instruction, Chain):
        return instruction.aligned(old, new)
    if isinstance(instruction, Product) and instruction.then is not None:
        factors = {instruction.a.address.buffer, instruction.b.address.buffer}
        return old not in factors and instruction.then.aligned(old, new)
    return False


def _moved(n: Any, old: int, new: int) -> Any:
    return Address(new, n.offset) if isinstance(n, Address) and n.buffer == old else n
