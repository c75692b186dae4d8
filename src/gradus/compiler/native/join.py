"""Joining: fewer and fatter instructions.

A chain that takes up the result of a product runs inside the product, on what is still in cache;
chains that do the same on other numbers become segments of one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

from gradus.compiler.native.instructions import Chain, Instruction, Product, Segment


def joined(instructions: list[Instruction], kept: Collection[int]) -> list[Instruction]:
    """The same program with its instructions joined where that changes no result.

    Args:
        instructions: in an order of running in which nothing is overwritten that is still read.
        kept: buffers that are wanted afterwards.
    """
    return _with_segments(_with_epilogues(instructions, kept))


def _with_epilogues(instructions: list[Instruction], kept: Collection[int]) -> list[Instruction]:
    found: list[Instruction | None] = list(instructions)
    touching: defaultdict[int, list[int]] = defaultdict(list)
    for k, instruction in enumerate(instructions):
        for b in instruction.buffers:
            touching[b].append(k)
    for p, product in enumerate(found):
        if not isinstance(product, Product) or not product.may_have_chain:
            continue
        c = product.c.address.buffer
        # A product that has moved reads what was there before this one.
        readers = [k for k in touching[c] if k > p and found[k] is not None]
        if not readers or not _may_move(found, p, readers[0]):
            continue
        chain = found[readers[0]]
        taken = _taken_up(product, chain) if isinstance(chain, Chain) else None
        if taken is None:
            continue
        passes = c not in kept and len(readers) == 1
        then, panel = taken
        found[readers[0]] = replace(product, then=then, panel=panel, passes=passes)
        found[p] = None
    return [i for i in found if i is not None]


def _taken_up(product: Product, chain: Chain) -> tuple[Chain, int] | None:
    """The chain in the product's shape, and which of its inputs the product is."""
    if len(chain.segments) != 1:
        return None
    segment = chain.segments[0].shaped(product.m, product.n)
    if segment is None:
        return None
    c = product.c.address
    mine = [k for k, i in enumerate(segment.inputs) if i.address.buffer == c.buffer]
    if len(mine) != 1 or segment.inputs[mine[0]].address != c or not _dense(segment, mine[0]):
        return None
    return replace(chain, segments=(segment,)), mine[0]


def _dense(segment: Segment, k: int) -> bool:
    operand = segment.inputs[k]
    return operand.column == 1 and (segment.rows == 1 or operand.row == segment.columns)


def _may_move(instructions: list[Instruction | None], start: int, end: int) -> bool:
    """Whether an instruction may run just before a later one instead."""
    own = instructions[start]
    assert own is not None
    between = [i for i in instructions[start + 1 : end] if i is not None]
    return not any(i.reads & own.writes or i.writes & own.buffers for i in between)


def _with_segments(instructions: list[Instruction]) -> list[Instruction]:
    found: list[Instruction | None] = list(instructions)
    last: dict[object, int] = {}  # the latest chain of each form
    for k, chain in enumerate(found):
        if not isinstance(chain, Chain):
            continue
        earlier = last.get(chain.form)
        if earlier is not None and _may_move(found, earlier, k + 1):
            before = found[earlier]
            assert isinstance(before, Chain)
            found[k] = replace(chain, segments=before.segments + chain.segments)
            found[earlier] = None
        last[chain.form] = k
    return [i for i in found if i is not None]
