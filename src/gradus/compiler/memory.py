"""Memory: how long each value lives, and where it lies in one arena.

Values that are never alive together share addresses. Views live where their source lives, and
keep it alive. Results of the program lie outside, since the caller keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradus.compiler.graph import Graph

ALIGNMENT = 64  # bytes: a cache line, and the width of an AVX-512 register


@dataclass(frozen=True)
class Lifetime:
    """A stored value is alive from the node that computes it to the last one that reads it."""

    first: int
    last: int


@dataclass(frozen=True)
class Placement:
    """Where the values lie.

    Attributes:
        offsets: place of the node to first byte in the arena.
        size: bytes of the arena.
        unshared: bytes that the same values would take side by side.
    """

    offsets: dict[int, int]
    size: int
    unshared: int


def roots(graph: Graph) -> list[int]:
    """For each node, the node whose memory it may show: itself, or the source of a view."""
    found: list[int] = []
    for i, node in enumerate(graph.nodes):
        is_view = node.op is not None and node.op.view
        found.append(found[node.inputs[0]] if is_view else i)
    return found


def lifetimes(graph: Graph) -> dict[int, Lifetime]:
    """Lifetimes of the values that need storage inside the arena."""
    root = roots(graph)
    last = {}
    for i, node in enumerate(graph.nodes):
        for operand in (i, *node.inputs):
            last[root[operand]] = i
    returned = {root[i] for i in graph.outputs.values()}
    return {
        i: Lifetime(i, last[i])
        for i, node in enumerate(graph.nodes)
        if node.op is not None and root[i] == i and i not in returned
    }


def place(graph: Graph) -> Placement:
    """Place the values, largest first, each at the lowest address that is free for its lifetime.

    >>> from gradus.compiler import trace
    >>> from gradus.types import TensorType, float32
    >>> chain = trace(lambda x: (((x + 1.0) + 2.0) + 3.0) + 4.0, TensorType((16,), float32)).graph
    >>> plan = place(chain)
    >>> plan.size, plan.unshared
    (128, 192)
    """
    lives = lifetimes(graph)
    bytes_of = {i: graph.nodes[i].type.nbytes for i in lives}
    offsets, size = arrange(lives, bytes_of)
    return Placement(offsets, size, sum(map(_aligned, bytes_of.values())))


def arrange(
    lives: Mapping[int, Lifetime], bytes_of: Mapping[int, int]
) -> tuple[dict[int, int], int]:
    """Offsets of values with these lifetimes and sizes, and the size of the arena."""
    sizes = {i: _aligned(bytes_of[i]) for i in lives}
    offsets: dict[int, int] = {}
    # First and last use, start and stop of what is placed so far: arrays, since a long sequence
    # has thousands of values and each is compared with all before it.
    placed = np.zeros((4, len(lives)), np.int64)
    for count, i in enumerate(sorted(lives, key=lambda i: (-sizes[i], i))):
        first, last, start, stop = placed[:, :count]
        beside = (first <= lives[i].last) & (lives[i].first <= last)
        order = np.argsort(start[beside])
        # Behind each of those beside, and behind all that start before it.
        free = np.maximum.accumulate([0, *stop[beside][order]])
        room = np.append(start[beside][order], np.iinfo(np.int64).max) - free
        offsets[i] = int(free[np.argmax(room >= sizes[i])])
        placed[:, count] = lives[i].first, lives[i].last, offsets[i], offsets[i] + sizes[i]
    return offsets, int(placed[3].max(initial=0))


def _aligned(n: int) -> int:
    return -(-n // ALIGNMENT) * ALIGNMENT
