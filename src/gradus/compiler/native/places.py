"""Places: which numbers of which buffer a value is. Views are places, and cost nothing to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradus.compiler.graph import Node
from gradus.types import Shape, TensorType

Steps = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """A value inside a buffer.

    Attributes:
        buffer: number of the buffer.
        type: shape and dtype of the value.
        start: number of the first element, counted in elements.
        steps: distance of neighbours along each axis, in elements; 0 repeats.
    """

    buffer: int
    type: TensorType
    start: int
    steps: Steps

    @property
    def dense(self) -> bool:
        """Whether the elements lie side by side in row order."""
        return all(
            n == 1 or s == d
            for n, s, d in zip(
                self.type.shape, self.steps, dense_steps(self.type.shape), strict=True
            )
        )


def dense_steps(shape: Sequence[int]) -> Steps:
    """Steps of a value whose elements lie side by side in row order.

    >>> dense_steps((2, 3, 4))
    (12, 4, 1)
    """
    steps, step = [], 1
    for n in reversed(shape):
        steps.append(step)
        step *= n
    return tuple(reversed(steps))


def view(node: Node, source: Place) -> Place | None:
    """Place of a view of another place, or None where the numbers must be copied."""
    assert node.op is not None
    rule = _VIEWS.get(node.op.name)
    found = None if rule is None else rule(source, node.type.shape, **node.params)
    return None if found is None else Place(source.buffer, node.type, *found)


Found = tuple[int, Steps] | None


def _permute(p: Place, wanted: Shape, /, *, axes: tuple[int, ...]) -> Found:
    return p.start, tuple(p.steps[a] for a in axes)


def _broadcast(p: Place, wanted: Shape, /, **_: Any) -> Found:
    lead = len(wanted) - len(p.steps)
    own = (
        0 if n == 1 and m != 1 else s
        for n, m, s in zip(p.type.shape, wanted[lead:], p.steps, strict=True)
    )
    return p.start, (0,) * lead + tuple(own)


def _slice(p: Place, wanted: Shape, /, *, bounds: Any) -> Found:
    start = p.start + sum(b[0] * s for b, s in zip(bounds, p.steps, strict=True))
    return start, tuple(b[2] * s for b, s in zip(bounds, p.steps, strict=True))


def _reshape(p: Place, wanted: Shape, /, **_: Any) -> Found:
    """Steps of the new axes, where each group of them covers a group of evenly spaced old ones."""
    if p.type.size == 0:
        return p.start, dense_steps(wanted)
    old = [(n, s) for n, s in zip(p.type.shape, p.steps, strict=True) if n != 1]
    steps: list[int] = []
    k = 0
    new = list(wanted)
    i = 0
    while i < len(new):
        if new[i] == 1:
            steps.append(0)
            i += 1
            continue
        n, m, j = new[i], old[k][0], i + 1
        last = k
        while n != m:
            if n < m:
                n, j = n * new[j], j + 1
            else:
                last += 1
                m *= old[last][0]
        if any(old[a][1] != old[a + 1][1] * old[a + 1][0] for a in range(k, last)):
            return None
        inner = dense_steps(new[i:j])
        steps += [s * old[last][1] for s in inner]
        i, k = j, last + 1
    return p.start, tuple(steps)


def _windows(p: Place, wanted: Shape, /, *, window: Steps, stride: Steps, dilation: Steps) -> Found:
    k = len(window)
    moved = p.steps[-k:]
    return p.start, (
        *p.steps[:-k],
        *(m * s for m, s in zip(moved, stride, strict=True)),
        *(m * d for m, d in zip(moved, dilation, strict=True)),
    )


_VIEWS: dict[str, Any] = {
    "permute_dims": _permute,
    "broadcast_to": _broadcast,
    "slice": _slice,
    "reshape": _reshape,
    "sliding_window": _windows,
    "stop_gradient": lambda p, shape: (p.start, p.steps),
}


def common_axes(shape: Shape, steps: Sequence[Steps]) -> tuple[list[int], list[list[int]]]:
    """Merge neighbouring axes over which every operand is evenly spaced; drop those of length 1.

    >>> common_axes((2, 3), [(3, 1), (0, 0)])
    ([6], [[1], [0]])
    """
    lengths: list[int] = []
    merged: list[list[int]] = [[] for _ in steps]
    for axis, n in enumerate(shape):
        if n == 1:
            continue
        own = [s[axis] for s in steps]
        if lengths and all(m[-1] == s * n for m, s in zip(merged, own, strict=True)):
            lengths[-1] *= n
            for m, s in zip(merged, own, strict=True):
                m[-1] = s
        else:
            lengths.append(n)
            for m, s in zip(merged, own, strict=True):
                m.append(s)
    return lengths, merged
