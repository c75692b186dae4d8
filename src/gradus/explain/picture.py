"""A graph as a picture: boxes, arrows between them, and what is said about both."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("input", "parameter", "constant", "operation", "output", "elsewhere")


@dataclass(frozen=True)
class Box:
    """A value.

    Attributes:
        kind: one of KINDS.
        name: of the value.
        title: name, and how it is computed.
        value: as it is shown.
        gradient: as it is shown; "" for none.
        about: all of it, in words and numbers.
    """

    kind: str
    name: str
    title: str
    value: str = ""
    gradient: str = ""
    about: str = ""


@dataclass(frozen=True)
class Arrow:
    """From an operand (by its place among the boxes) to a result; the local derivative, or ""."""

    start: int
    end: int
    label: str = ""


@dataclass(frozen=True)
class Picture:
    """Boxes and arrows in the order of computation, and what is said about them.

    Attributes:
        title: what it is.
        boxes: each behind what it is computed from.
        arrows: between them.
        notes: what the numbers are: pairs of their colour's name and words.
    """

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    notes: tuple[tuple[str, str], ...]
