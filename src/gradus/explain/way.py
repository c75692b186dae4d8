"""The way to a number as data: values forward, derivatives backward."""

from __future__ import annotations

from dataclasses import dataclass

from gradus.explain.symbols import derivative, formula, written
from gradus.types import Array


@dataclass(frozen=True, eq=False)
class Step:
    """One operation on the way to the number.

    Attributes:
        name: of the value.
        op: name of the operation.
        operands: names of what it takes; a number that stands in the program is its own name.
        given: their values.
        value: what it gives.
    """

    name: str
    op: str
    operands: tuple[str, ...]
    given: tuple[Array, ...]
    value: Array

    @property
    def formula(self) -> str:
        """The operation with the names of its operands."""
        return formula(self.op, self.operands)

    @property
    def numbers(self) -> str:
        """The operation with the numbers put in."""
        return formula(self.op, [written(a) for a in self.given])


@dataclass(frozen=True, eq=False)
class Share:
    """What reaches a value's derivative by way of one operation that reads it.

    Attributes:
        step: the operation.
        position: which of its operands the value is.
        incoming: derivative of the number with respect to what the operation gives.
        local: derivative of that with respect to the operand, for elementwise operations.
        outgoing: what comes of both, summed over what was stretched.
    """

    step: Step
    position: int
    incoming: Array
    local: Array | None
    outgoing: Array

    @property
    def formula(self) -> str:
        """Formula of the local derivative; "" where none is known."""
        if self.local is None:
            return ""
        return derivative(self.step.op, self.position, self.step.operands, self.step.name)


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
