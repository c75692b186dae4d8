"""The way to a number as data: values forward, derivatives backward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradus.types import Array


@dataclass(frozen=True, eq=False)
class Leaf:
    """A value that was not computed on the way.

    Attributes:
        name: of the value; None for a constant, which is written as it is.
        kind: ``"parameter"``: derivatives with respect to it are asked for and, where layers are on
            the way, it is a field of one; ``"constant"``: numbers that stand in the program;
            ``"input"``: other data.
        value: the numbers.
    """

    name: str | None
    kind: str
    value: Array


@dataclass(frozen=True, eq=False)
class Step:
    """One operation on the way to the number, or all that a layer does.

    Attributes:
        name: of the value.
        op: name of the operation, or of the layer.
        operands: what it takes, in the order in which it is written.
        params: what it was told besides: axes, shapes, settings.
        own: a layer's parameters, which are not among the operands.
        value: what it gives.
    """

    name: str
    op: str
    operands: tuple[Leaf | Step, ...] = field(repr=False)  # each knows its own
    params: Mapping[str, Any]
    own: tuple[Leaf, ...]
    value: Array


@dataclass(frozen=True, eq=False)
class Share:
    """What reaches a value's derivative by way of one operation that reads it.

    Attributes:
        step: the operation.
        position: which of its operands the value is; −1 of a layer.
        incoming: derivative of the number with respect to what the operation gives.
        local: derivative of that with respect to the operand, for elementwise operations.
        outgoing: what comes of both, summed over what was stretched.
    """

    step: Step
    position: int
    incoming: Array
    local: Array | None
    outgoing: Array


@dataclass(frozen=True, eq=False)
class Gradient:
    """The derivative of the number with respect to one value: the sum of its shares."""

    name: str
    shares: tuple[Share, ...]
    value: Array


@dataclass(frozen=True, eq=False)
class Way:
    """A computation, and how its derivatives come about.

    Attributes:
        name: of the number.
        forward: its steps, in the order in which they were taken.
        backward: derivatives, from the number to what it was computed from.
    """

    name: str
    forward: tuple[Step, ...]
    backward: tuple[Gradient, ...]
