"""Fusion: which elementwise operations become one chain, and in which order all is done."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from gradus.compiler.graph import Graph

_MOST_STEPS = 64  # operations in a chain: its registers must stay few


def groups(graph: Graph, is_elementwise: Callable[[int], bool]) -> list[list[int]]:
    """Operations of the graph in groups, in an order in which they can run.

    A group is a single operation, or elementwise operations of one shape that lean on each other.

    Args:
        graph: the program.
        is_elementwise: whether the node at a place may join a chain.
    """
    found = _Groups(graph)
    scalars: list[int] = []
    for i, node in enumerate(graph.nodes):
        if node.op is None:
            continue
        found.add(i)
        if not is_elementwise(i):
            continue
        shape = node.type.shape
        partners = [j for j in node.inputs if j in found.of and is_elementwise(j)]
        # Single numbers join even where they have nothing to do with each other: one call less.
        partners += scalars[-8:] if shape == () else []
        for j in partners:
            if graph.nodes[j].type.shape == shape:
                found.join(found.of[j], found.of[i])
        if shape == ():
            scalars.append(i)
    return _ordered(graph, found.members, found.of)


class _Groups:
    """Groups of the operations so far, each named by one of them.

    Attributes:
        of: group of each operation.
        members: operations of each group.
        needs: what each group needs, directly or not, as a number with a bit for each group; long
            sequences have thousands of them, and walking back through them takes far longer.
        readers: operations that read each operation.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.of: dict[int, int] = {}
        self.members: dict[int, list[int]] = {}
        self.needs: dict[int, int] = {}
        self.readers: dict[int, list[int]] = {}

    def add(self, i: int) -> None:
        """Make a group of one operation; what it reads must be in groups."""
        self.of[i], self.members[i], self.readers[i] = i, [i], []
        self.needs[i] = 0
        for j in self.graph.nodes[i].inputs:
            if j in self.of:
                self.readers[j].append(i)
                self.needs[i] |= self.needs[self.of[j]] | 1 << self.of[j]

    def join(self, a: int, b: int) -> None:
        """Make one group of two, unless it would be too long or one needs the other by a third."""
        if a == b or len(self.members[a]) + len(self.members[b]) > _MOST_STEPS:
            return
        if self._detour(a, b) or self._detour(b, a):
            return
        for m in self.members[b]:
            self.of[m] = a
        self.members[a] = sorted(self.members[a] + self.members.pop(b))
        self.needs[a] = (self.needs[a] | self.needs.pop(b)) & ~(1 << a | 1 << b)
        self._tell_readers(a)

    def _detour(self, a: int, b: int) -> bool:
        """Whether group b needs, through other groups, something of group a."""
        before = {
            self.of[i] for m in self.members[b] for i in self.graph.nodes[m].inputs if i in self.of
        }
        return any(self.needs[g] >> a & 1 for g in before - {a, b})

    def _tell_readers(self, a: int) -> None:
        """Add what a group needs, and the group, to what those need that need it."""
        now, stack = self.needs[a] | 1 << a, [a]
        while stack:
            readers = {self.of[k] for m in self.members[stack.pop()] for k in self.readers[m]}
            for g in readers - {a}:
                if self.needs[g] | now != self.needs[g]:
                    self.needs[g] |= now
                    stack.append(g)


def _ordered(
    graph: Graph, members: dict[int, list[int]], group_of: dict[int, int]
) -> list[list[int]]:
    """Groups so that each comes after what it needs; among those ready, the oldest first."""
    needs = {
        g: {group_of[i] for m in ms for i in graph.nodes[m].inputs if i in group_of} - {g}
        for g, ms in members.items()
    }
    users: dict[int, list[int]] = {g: [] for g in members}
    for g, others in needs.items():
        for other in others:
            users[other].append(g)
    waiting = {g: len(others) for g, others in needs.items()}
    ready: list[tuple[int, int]] = []
    for g, count in waiting.items():
        if count == 0:
            heappush(ready, (max(members[g]), g))
    found = []
    while ready:
        _, g = heappop(ready)
        found.append(members[g])
        for user in users[g]:
            waiting[user] -= 1
            if waiting[user] == 0:
                heappush(ready, (max(members[user]), user))
    return found
