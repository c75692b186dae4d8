"""What is one step of an explanation: an operation, or all that a layer does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gradus.autodiff import pull_back, sum_to
from gradus.modes import Scope, no_grad
from gradus.nn import Module
from gradus.tensor import Tensor, constant
from gradus.types import Array

GRAINS = ("operation", "layer")

# Which operand (−1: of a layer), the operand, the local derivative where the operation is
# elementwise, and what arrives at the operand.
Pulled = tuple[int, Tensor, Array | None, Array]


@dataclass(frozen=True, eq=False)
class Block:
    """Recorded tensors that are explained as one step.

    Attributes:
        op: name of the operation, or of the layer.
        tensors: in the order in which they were computed.
        result: the one that is read outside.
        given: what they read from outside.
        shown: the operands that the step is written with.
    """

    op: str
    tensors: tuple[Tensor, ...]
    result: Tensor
    given: tuple[Tensor, ...]
    shown: tuple[Tensor, ...]

    def pulled_back(self, dy: Tensor) -> Iterator[Pulled]:
        """What reaches each tensor outside, given the derivative with respect to the result."""
        with no_grad():
            yield from self._of_one(dy) if len(self.tensors) == 1 else self._of_many(dy)

    def _of_one(self, dy: Tensor) -> Iterator[Pulled]:
        y = self.result
        if y.record is None or y.is_leaf or y.record.op.gradient_rule is None:
            return
        outgoing = pull_back(y.record, y, dy)
        slopes = pull_back(y.record, y, constant(np.ones(y.shape, y.dtype)))
        for k, (t, out, slope) in enumerate(zip(y.record.inputs, outgoing, slopes, strict=True)):
            if out is not None and slope is not None:
                elementwise = getattr(y.record.op, "elementwise", False)  # no compiled call is
                local = slope.numpy() if elementwise else None
                yield k, t, local, sum_to(out, t.shape).numpy()

    def _of_many(self, dy: Tensor) -> Iterator[Pulled]:
        pending = {self.result: dy}
        for y in reversed(self.tensors):
            if y not in pending or y.record is None or y.is_leaf:
                continue
            if y.record.op.gradient_rule is None:
                continue
            for t, out in zip(y.record.inputs, pull_back(y.record, y, pending.pop(y)), strict=True):
                if out is not None and t.requires_grad:
                    out = sum_to(out, t.shape)
                    pending[t] = pending[t] + out if t in pending else out
        for t in self.given:
            if t in pending:
                yield -1, t, None, pending[t].numpy()


def blocks_of(computed: list[Tensor], output: Tensor, grain: str) -> list[Block]:
    """Blocks of recorded tensors, in the order of their computation.

    A layer that gives away more than one of its values is taken apart: these are explained, too.
    """
    order = {t: k for k, t in enumerate(computed)}
    of: dict[Tensor, Scope | Tensor] = {t: t for t in computed}
    if grain == "layer":
        of |= {t: scope for t in computed if (scope := _layer(t)) is not None}
    given_away = Counter(of[t] for t in _read(computed, output, of))
    of = {t: key if given_away[key] == 1 else t for t, key in of.items()}
    read = _read(computed, output, of)
    members: dict[Scope | Tensor, list[Tensor]] = {}
    for t in computed:
        members.setdefault(of[t], []).append(t)
    blocks = []
    for key, tensors in members.items():
        inside = set(tensors)
        given = tuple(dict.fromkeys(i for t in tensors for i in _inputs(t) if i not in inside))
        if isinstance(key, Scope):
            [result] = (t for t in tensors if t in read)
            read_here = (t for t in given if t.record is not None)
            shown = tuple(dict.fromkeys((*key.inputs, *read_here)))
            blocks.append(Block(_label(key), tuple(tensors), result, given, shown))
        else:
            assert key.record is not None
            blocks.append(Block(key.record.op.name, (key,), key, given, key.record.inputs))
    return sorted(blocks, key=lambda b: order[b.result])


def _read(
    computed: list[Tensor], output: Tensor, of: Mapping[Tensor, Scope | Tensor]
) -> set[Tensor]:
    """What is read outside of its own block, and the output."""
    outside = {i for t in computed for i in _inputs(t) if i in of and of[i] is not of[t]}
    return outside | {output}


def _layer(t: Tensor) -> Scope | None:
    """The call that a tensor was computed in, where that is one step at the grain of layers."""
    scope = None if t.record is None else t.record.scope
    return scope if scope is not None and _is_layer(scope) else None


def _is_layer(scope: Scope) -> bool:
    owner = scope.owner
    if isinstance(owner, Module):
        return next(owner.children(), None) is None
    return owner is not None


def _label(scope: Scope) -> str:
    owner = scope.owner
    return owner.summary() if isinstance(owner, Module) else str(owner.__name__)


def _inputs(t: Tensor) -> tuple[Tensor, ...]:
    return () if t.record is None else t.record.inputs
