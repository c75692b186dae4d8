"""The way to a number, found on the records that its computation left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set

import numpy as np

from gradus import ops
from gradus.arriving import Arriving
from gradus.autodiff import check_unchanged, pull_back, sum_to
from gradus.errors import ArgumentError
from gradus.explain.blocks import GRAINS, Block, blocks_of
from gradus.explain.symbols import indexed
from gradus.explain.way import Gradient, Leaf, Share, Step, Way
from gradus.modes import no_grad
from gradus.nn import Module
from gradus.tensor import Tensor, constant
from gradus.types import Array


def way_to(output: Tensor, grain: str, names: Mapping[str, Tensor]) -> Way:
    """Steps to a recorded tensor, and derivatives where it is a single number."""
    wrong = [type(t).__name__ for t in (output, *names.values()) if not isinstance(t, Tensor)]
    if wrong:
        raise ArgumentError("explanations and their names take tensors", received=", ".join(wrong))
    computed = _computed(output)
    if not computed or output.is_symbolic:
        raise ArgumentError(
            "an explanation takes a tensor that was computed from others",
            received=repr(output),
            remedy="compute it from tensors, outside no_grad and gd.compile",
        )
    if grain not in GRAINS:
        raise ArgumentError(f"grain is one of {', '.join(GRAINS)}", received=repr(grain))
    for t in computed:
        if t.record is not None:
            check_unchanged(t.record)  # or numbers would stand there that were not computed with
    blocks = blocks_of(computed, output, grain)
    called = _names(blocks, output, names)
    found: dict[Tensor, Leaf | Step] = {}
    fields = {t for layer in _layers(blocks) for t in layer.values()}
    steps = {b: _step(b, called, fields, found) for b in blocks}
    backward: tuple[Gradient, ...] = ()
    if output.size == 1 and output.requires_grad:
        backward = _backward(output, steps, called)
    return Way(called[output], tuple(steps.values()), backward)


def _computed(output: Tensor) -> list[Tensor]:
    """All recorded tensors on the way to the output, in the order in which they were computed."""
    found: dict[Tensor, int] = {}
    stack = [output]
    while stack:
        t = stack.pop()
        if t.record is not None and t not in found:
            found[t] = t.record.order
            stack.extend(t.record.inputs)
    return sorted(found, key=found.__getitem__)


# ── Names ───────────────────────────────────────────────────────────────────────────────────────


def _names(blocks: list[Block], output: Tensor, given: Mapping[str, Tensor]) -> dict[Tensor, str]:
    """What each tensor on the way is called; no two are called the same."""
    called = {t: name for name, t in given.items()}
    if len(called) < len(given):
        raise ArgumentError("a tensor has one name", received=", ".join(given))
    computed = [b.result for b in blocks]
    # Dicts and sets throughout: == of tensors compares their numbers.
    read = dict.fromkeys(t for b in blocks for t in (*b.shown, *b.own))
    inputs = [t for t in read if t.record is None and not t.literal]
    strangers = [name for name, t in given.items() if t not in {*inputs, *computed}]
    if strangers:
        raise ArgumentError(
            "names are for tensors on the way to the output",
            received=", ".join(strangers),
            remedy="leave them out; at another grain they may be on it",
        )
    taken = set(given)

    def call(t: Tensor, name: str) -> None:
        """Give a tensor a name, unless it has one or the name is taken."""
        if t not in called and name not in taken:
            called[t] = name
            taken.add(name)

    for t in (*inputs, *computed):
        if t.name:
            call(t, t.name)
    call(output, "L")
    there = set(inputs)
    for k, fields in enumerate(_layers(blocks), start=1):
        for field, t in fields.items():
            if t in there:
                call(t, indexed(field, k))
    for letter, tensors in (("x", inputs), ("u", computed)):
        k = 1
        for t in tensors:
            while t not in called:
                call(t, indexed(letter, k))
                k += 1
    return called


def _layers(blocks: list[Block]) -> list[dict[str, Tensor]]:
    """The tensors of each module that computes something, by their fields, in the order of use."""
    scopes = [t.record.scope for b in blocks for t in b.tensors if t.record is not None]
    owners = {id(s.owner): s.owner for s in scopes if s is not None}
    found = [
        {n: v for n, v in vars(m).items() if isinstance(v, Tensor)}
        for m in owners.values()
        if isinstance(m, Module)
    ]
    return [fields for fields in found if fields]


# ── Forward ─────────────────────────────────────────────────────────────────────────────────────


def _step(
    block: Block,
    called: Mapping[Tensor, str],
    fields: Set[Tensor],
    found: dict[Tensor, Leaf | Step],
) -> Step:
    """The step of a block; each value that it meets is found once."""

    def leaf(t: Tensor) -> Leaf:
        # Beside the fields of layers, what else derivatives are asked for is what these are given.
        trained = t.requires_grad and (not fields or t in fields)
        kind = "parameter" if trained else "constant" if t.literal else "input"
        made = found.setdefault(t, Leaf(called.get(t), kind, t.numpy()))
        assert isinstance(made, Leaf)
        return made

    operands = tuple(found[t] if t in found else leaf(t) for t in block.shown)
    own = tuple(map(leaf, block.own))
    value = block.result.numpy()
    step = Step(called[block.result], block.op, operands, block.params, own, value)
    found[block.result] = step
    return step


# ── Backward ────────────────────────────────────────────────────────────────────────────────────


def _backward(
    output: Tensor, steps: dict[Block, Step], called: Mapping[Tensor, str]
) -> tuple[Gradient, ...]:
    """One sweep from the number to the leaves: what reaches each value, and by way of what.

    What a function without a derivative reads has no gradient, nor has what leads there.
    """
    reached: defaultdict[Tensor, Arriving] = defaultdict(Arriving)
    reached[output].add(constant(np.ones(output.shape, output.dtype)))
    stopped: set[Tensor] = set()
    shares: dict[Tensor, list[Share]] = {}
    for block in reversed(steps):
        parts: dict[tuple[Tensor, int], Tensor] = {}
        inside = set(block.tensors)
        with no_grad():
            for y in reversed(block.tensors):
                for k, t, dt in _pulled(y, reached, stopped):
                    if t not in inside:
                        key = (t, k if len(inside) == 1 else -1)
                        parts[key] = parts[key] + dt if key in parts else dt
            slopes = _slopes(block) if parts else ()
        for (t, k), dt in reversed(parts.items()):
            incoming = reached[block.result].total(block.result.shape).numpy()
            share = Share(steps[block], k, incoming, slopes[k] if slopes else None, dt.numpy())
            shares.setdefault(t, []).insert(0, share)
    made = dict.fromkeys(t for b in steps for t in b.given if t.record is None)
    computed = [b.result for b in reversed(steps)]
    return tuple(
        Gradient(
            called[t],
            tuple(shares.get(t, ())),
            reached[t].total(t.shape).numpy() if t in reached else np.zeros(t.shape, t.dtype),
        )
        for t in (*computed, *made)
        if t.requires_grad and t is not output and t not in stopped
    )


def _pulled(
    y: Tensor, reached: defaultdict[Tensor, Arriving], stopped: set[Tensor]
) -> list[tuple[int, Tensor, Tensor]]:
    """What of a value's derivative reaches each operand: its place, the operand, the derivative.

    It is added to what has reached the operands, as in ``autodiff``, to the same bits.
    """
    record = y.record
    if record is None or y.is_leaf or not (y in reached or y in stopped):
        return []
    if y in stopped or record.op.gradient_rule is None:
        stopped.update(t for t in record.inputs if t.requires_grad)
        return []
    dy = reached[y].total(y.shape)
    found = []
    for k, (t, dt) in enumerate(zip(record.inputs, pull_back(record, y, dy), strict=True)):
        if dt is not None and t.requires_grad:
            found.append((k, t, sum_to(dt, t.shape)))
            if record.op is ops.slice:
                reached[t].add_slice(record.params["bounds"], dy)
            else:
                reached[t].add(found[-1][2])
    return found


def _slopes(block: Block) -> tuple[Array | None, ...]:
    """Local derivatives of an elementwise operation with respect to its operands."""
    record = block.result.record
    if len(block.tensors) > 1 or record is None or not getattr(record.op, "elementwise", False):
        return ()  # of a compiled call nobody has said whether it is one
    ones = constant(np.ones(block.result.shape, block.result.dtype))
    found = pull_back(record, block.result, ones)
    return tuple(None if d is None else d.numpy() for d in found)
