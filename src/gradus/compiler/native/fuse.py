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
    operations = [i for i, n in enumerate(graph.nodes) if n.op is not None]
    group_of = {i: i for i in operations}
    members = {i: [i] for i in operations}
    candidates = [i for i in operations if is_elementwise(i)]
    scalars: list[int] = []
    for i in candidates:
        shape = graph.nodes[i].type.shape
        partners = [j for j in graph.nodes[i].inputs if j in group_of and is_elementwise(j)]
        # Single numbers join even where they have nothing to do with each other: one call less.
        partners += scalars[-8:] if shape == () else []
        for j in partners:
            same_shape = graph.nodes[j].type.shape == shape
            if same_shape and _may_merge(graph, members, group_of, group_of[j], group_of[i]):
                _merge(members, group_of, group_of[j], group_of[i])
        if shape == ():
            scalars.append(i)
    return _ordered(graph, members, group_of)


def _may_merge(
    graph: Graph, members: dict[int, list[int]], group_of: dict[int, int], a: int, b: int
) -> bool:
    """Whether two groups can be one: neither reaches the other by way of a third."""
    if a == b or len(members[a]) + len(members[b]) > _MOST_STEPS:
        return False
    return not (_detour(graph, members, group_of, a, b) or _detour(graph, members, group_of, b, a))


def _detour(
    graph: Graph, members: dict[int, list[int]], group_of: dict[int, int], a: int, b: int
) -> bool:
    """Whether group b needs, through other groups, something of group a."""
    seen = {a, b}
    stack = [
        group_of[i]
        for m in members[b]
        for i in graph.nodes[m].inputs
        if i in group_of and group_of[i] not in seen
    ]
    while stack:
        g = stack.pop()
        if g in seen:
            continue
        seen.add(g)
        for m in members[g]:
            for i in graph.nodes[m].inputs:
                if i in group_of:
                    if group_of[i] == a:
                        return True
                    stack.append(group_of[i])
    return False


def _merge(members: dict[int, list[int]], group_of: dict[int, int], a: int, b: int) -> None:
    for m in members[b]:
        group_of[m] = a
    members[a] = sorted(members[a] + members.pop(b))


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
