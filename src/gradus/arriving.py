"""What reaches a tensor when derivatives are walked backwards: of all of it, and of its slices."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise

from gradus import ops
from gradus.ops.slicing import Bounds
from gradus.tensor import Tensor
from gradus.types import Shape


@dataclass
class Arriving:
    """What has reached a tensor so far; slices are put together when all of them are there."""

    whole: Tensor | None = None
    slices: dict[Bounds, Tensor] = field(default_factory=dict)

    def add(self, dt: Tensor) -> None:
        """Something reaches all of it."""
        self.whole = dt if self.whole is None else self.whole + dt

    def add_slice(self, bounds: Bounds, dt: Tensor) -> None:
        """Something reaches a slice of it."""
        self.slices[bounds] = self.slices[bounds] + dt if bounds in self.slices else dt

    def total(self, shape: Shape) -> Tensor:
        """The gradient of the tensor, which has this shape.

        Slices that follow each other, such as the steps of a sequence, are joined. Adding each of
        them to zeros of the whole shape would take as long for every slice as this does for all.
        """
        slices = self.slices
        row = in_a_row(shape, slices)
        if row is not None:
            axis, in_order, bounds = row
            slices = {bounds: ops.concat([slices[b] for b in in_order], axis=axis)}
        parts = [] if self.whole is None else [self.whole]
        for bounds, dt in slices.items():
            whole = bounds == _all_of(shape)
            parts.append(dt if whole else ops.unslice(dt, shape=shape, bounds=bounds))
        return sum(parts[1:], parts[0])


def in_a_row(shape: Shape, slices: Collection[Bounds]) -> tuple[int, list[Bounds], Bounds] | None:
    """The axis along which slices follow each other, their order, and what they cover together.

    None where they overlap, leave gaps, or are a single one.

    >>> in_a_row((2, 9), [((0, 2, 1), (3, 5, 1)), ((0, 2, 1), (0, 3, 1))])
    (1, [((0, 2, 1), (0, 3, 1)), ((0, 2, 1), (3, 5, 1))], ((0, 2, 1), (0, 5, 1)))
    """
    if len(slices) < 2:
        return None
    whole = _all_of(shape)
    for axis, n in enumerate(shape):
        rest = (whole[:axis], 1, whole[axis + 1 :])
        if all((b[:axis], b[axis][2], b[axis + 1 :]) == rest for b in slices):
            parts = {b: range(n)[slice(*b[axis])] for b in slices}
            ends = {b: (r.start, r.start + len(r)) for b, r in parts.items()}
            in_order = sorted(slices, key=ends.__getitem__)
            if all(ends[a][1] == ends[b][0] for a, b in pairwise(in_order)):
                covered = (ends[in_order[0]][0], ends[in_order[-1]][1], 1)
                return axis, in_order, (*whole[:axis], covered, *whole[axis + 1 :])
    return None


def _all_of(shape: Shape) -> Bounds:
    return tuple((0, n, 1) for n in shape)
