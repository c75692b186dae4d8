"""What is one step of an explanation: an operation, or all that a layer does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gradus.modes import Scope
from gradus.nn import Module
from gradus.tensor import Tensor, constant

GRAINS = ("operation", "layer")


@dataclass(frozen=True, eq=False)
class Block:
    """Recorded tensors that are explained as one step.

    Attributes:
        op: name of the operation, or of the layer.
        params: what it was told besides its operands.
        tensors: in the order in which they were computed.
        result: the one that is read outside.
        given: what they read from outside.
        shown: the operands that the step is written with.
    """

    op: str
    params: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    result: Tensor
    given: tuple[Tensor, ...]
    shown: tuple[Tensor, ...]

    @property
    def own(self) -> tuple[Tensor, ...]:
        """Parameters that it reads and is not written with."""
        shown = set(self.shown)
        return tuple(
            t for t in self.given if t.record is None and t.requires_grad and t not in shown
        )


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
        given = tuple(dict.fromkeys(i for t in tensors for i in inputs_of(t) if i not in inside))
        if isinstance(key, Scope):
            [result] = (t for t in tensors if t in read)
            read_here = (t for t in given if t.record is not None)
            shown = tuple(dict.fromkeys((*_tensors(key.inputs), *read_here)))
            blocks.append(Block(_label(key), key.options, tuple(tensors), result, given, shown))
        else:
            record = key.record
            assert record is not None
            blocks.append(Block(record.op.name, record.params, (key,), key, given, record.inputs))
    return sorted(blocks, key=lambda b: order[b.result])


def inputs_of(t: Tensor) -> tuple[Tensor, ...]:
    """What a tensor was computed from."""
    return () if t.record is None else t.record.inputs


def _tensors(inputs: Iterable[Any]) -> Iterable[Tensor]:
    return (x if isinstance(x, Tensor) else constant(x) for x in inputs)


def _read(
    computed: list[Tensor], output: Tensor, of: Mapping[Tensor, Scope | Tensor]
) -> set[Tensor]:
    """What is read outside of its own block, and the output."""
    outside = {i for t in computed for i in inputs_of(t) if i in of and of[i] is not of[t]}
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
