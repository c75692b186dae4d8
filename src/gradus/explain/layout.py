"""Layered drawings of graphs without cycles: where boxes stand, and how edges run between them.

Layers by longest path, each value drawn towards those that read it; long edges pass through
places of their own in the layers between; medians and exchanges of neighbours take crossings away;
the boxes of a layer then stand as near to their neighbours as their order allows, which is
isotonic regression. Source: Sugiyama, Tagawa and Toda, "Methods for visual understanding of
hierarchical system structures" (1981); Gansner et al., "A technique for drawing directed graphs"
(1993).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

Point = tuple[float, float]
Edge = tuple[int, int]

_GAP = 22.0  # between the boxes of a layer
_LANE = 16.0  # between an edge that passes by and its neighbour
_PORT = 20.0  # between the arrows of a box
_SWEEPS = 24
_ROUNDS = 24


@dataclass(frozen=True)
class Layout:
    """Where everything stands; layers follow each other downwards.

    Attributes:
        size: width and height of all.
        centres: of the boxes.
        routes: of the edges, from box to box. Pieces lead straight down and curve by turns: a
            straight one first, a straight one last.
        layers: the boxes of each layer, from left to right.
        crossings: of edges, between neighbouring layers.
        crossings_before: as many as there were before the layers were ordered.
    """

    size: Point
    centres: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    layers: tuple[tuple[int, ...], ...]
    crossings: int
    crossings_before: int


def ranks_of(count: int, edges: Iterable[Edge]) -> list[int]:
    """A layer for each box, below the layers of all that lead to it.

    Args:
        count: number of boxes.
        edges: pairs of boxes; every edge leads to a later one.

    >>> ranks_of(4, [(0, 2), (1, 3), (2, 3)])
    [0, 1, 1, 2]
    """
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for i, j in edges:
        before[j].append(i)
        after[i].append(j)
    ranks = [0] * count
    for j in range(count):
        ranks[j] = max((ranks[i] + 1 for i in before[j]), default=0)
    # Down again where that makes edges shorter: boxes that nothing leads to come along.
    for i in reversed(range(count)):
        coming = sum(bool(before[k]) for k in before[i])
        if after[i] and len(after[i]) >= coming:
            ranks[i] = min(ranks[j] for j in after[i]) - 1
    return ranks


def layered(sizes: Sequence[Point], edges: Sequence[Edge], between: float = 40.0) -> Layout:
    """Draw boxes of these sizes, layers so far apart; every edge leads to a later box."""
    return _Layers(sizes, edges, between).layout()


def bend(start: Point, end: Point, rightwards: bool) -> tuple[Point, Point, Point]:
    """A curve that leaves and arrives along the flow, and so keeps between its layers."""
    if rightwards:
        middle = (start[0] + end[0]) / 2
        return (middle, start[1]), (middle, end[1]), end
    middle = (start[1] + end[1]) / 2
    return (start[0], middle), (end[0], middle), end


class _Layers:
    """Boxes, and the places of edges that pass by: both are *items*, boxes first."""

    def __init__(self, sizes: Sequence[Point], edges: Sequence[Edge], between: float) -> None:
        self.sizes, self.between = sizes, between
        ranks = ranks_of(len(sizes), edges)
        lowest = min(ranks, default=0)
        self.ranks = [r - lowest for r in ranks]
        self.layers: list[list[int]] = [[] for _ in range(max(self.ranks, default=-1) + 1)]
        for item, rank in enumerate(self.ranks):
            self.layers[rank].append(item)
        passing: dict[tuple[int, int], int] = {}  # edges out of one box share their way
        self.paths: list[list[int]] = []
        for i, j in edges:
            path = [i]
            for rank in range(self.ranks[i] + 1, self.ranks[j]):
                if (i, rank) not in passing:
                    passing[i, rank] = len(self.ranks)
                    self.layers[rank].append(len(self.ranks))
                    self.ranks.append(rank)
                path.append(passing[i, rank])
            self.paths.append([*path, j])
        pairs = [pair for path in self.paths for pair in pairwise(path)]
        self.above: list[list[int]] = [[] for _ in self.ranks]
        self.below: list[list[int]] = [[] for _ in self.ranks]
        for u, v in dict.fromkeys(pairs):
            self.above[v].append(u)
            self.below[u].append(v)
        # The longest ways to each box are the main ones, which shall run straight.
        depth = [0] * len(sizes)
        for i, j in sorted(edges, key=lambda edge: edge[1]):
            depth[j] = max(depth[j], depth[i] + 1)
        self.main = {(i, j) for i, j in edges if depth[i] + 1 == depth[j]}

    def layout(self) -> Layout:
        before = self._crossings()
        self._order()
        x = self._across()
        return self._drawn(x, before, self._crossings())

    def _is_box(self, item: int) -> bool:
        return item < len(self.sizes)

    # Order of the layers ------------------------------------------------------------------------

    def _crossings(self) -> int:
        total = 0
        for upper, lower in pairwise(self.layers):
            place = {v: k for k, v in enumerate(lower)}
            ends = [sorted(place[v] for v in self.below[u]) for u in upper]
            total += _inversions([k for row in ends for k in row])
        return total

    def _order(self) -> None:
        """Order each layer by the middle of its neighbours, up and down; the best is kept."""
        best, fewest, waited = [list(layer) for layer in self.layers], self._crossings(), 0
        for sweep in range(_SWEEPS):
            if fewest == 0 or waited > 6:
                break
            down = sweep % 2 == 0
            beside = self.above if down else self.below
            rows = self.layers if down else self.layers[::-1]
            for fixed, row in pairwise(rows):
                place = {v: k for k, v in enumerate(fixed)}
                middle = {
                    v: sum(place[u] for u in beside[v]) / len(beside[v]) if beside[v] else k
                    for k, v in enumerate(row)
                }
                row.sort(key=lambda v: middle[v])
            self._exchange()
            now = self._crossings()
            waited += 1
            if now < fewest:
                best, fewest, waited = [list(layer) for layer in self.layers], now, 0
        self.layers = best

    def _exchange(self) -> None:
        """Exchange neighbours as long as that takes crossings away."""
        place = {v: k for layer in self.layers for k, v in enumerate(layer)}
        for _ in range(4):
            improved = False
            for layer in self.layers:
                for k in range(len(layer) - 1):
                    u, v = layer[k], layer[k + 1]
                    gain = 0
                    for beside in (self.above, self.below):
                        for p in beside[u]:
                            for q in beside[v]:
                                gain += (place[p] > place[q]) - (place[p] < place[q])
                    if gain > 0:
                        layer[k], layer[k + 1] = v, u
                        place[u], place[v] = k + 1, k
                        improved = True
            if not improved:
                break

    # Places across ------------------------------------------------------------------------------

    def _width(self, item: int) -> float:
        return self.sizes[item][0] if self._is_box(item) else 0.0

    def _apart(self, u: int, v: int) -> float:
        """How far the centres of two neighbours are apart at least."""
        gap = _GAP if self._is_box(u) and self._is_box(v) else _LANE
        return (self._width(u) + self._width(v)) / 2 + gap

    def _across(self) -> list[float]:
        """The horizontal place of each item."""
        x = [0.0] * len(self.ranks)
        rows = []
        for layer in self.layers:
            steps = [self._apart(u, v) for u, v in pairwise(layer)]
            offsets = list(accumulate(steps, initial=0.0))[: len(layer)]
            for v, offset in zip(layer, offsets, strict=True):
                x[v] = offset - offsets[-1] / 2
            rows.append((layer, offsets))
        for k in range(_ROUNDS):
            # Both sides at once in the end: a box stands between what it reads and who reads it.
            sides = [self.above] if k % 2 == 0 else [self.below]
            if k >= _ROUNDS // 2:
                sides = [self.above, self.below]
            for layer, offsets in rows if k % 2 == 0 else reversed(rows):
                wanted, weights = [], []
                for v in layer:
                    pulls = [(self._pull(u, v), x[u]) for side in sides for u in side[v]]
                    weight = sum(p for p, _ in pulls)
                    wanted.append(sum(p * at for p, at in pulls) / weight if pulls else x[v])
                    weights.append(weight if pulls else 0.01)
                for v, place in zip(layer, _in_order(wanted, weights, offsets), strict=True):
                    x[v] = place
        return x

    def _pull(self, u: int, v: int) -> float:
        """How much two neighbours are drawn together: most where that keeps an edge straight."""
        if not (self._is_box(u) and self._is_box(v)):
            return 0.5 if self._is_box(u) or self._is_box(v) else 8.0
        return 2.0 if (u, v) in self.main or (v, u) in self.main else 0.1

    # Routes -------------------------------------------------------------------------------------

    def _drawn(self, x: list[float], before: int, crossings: int) -> Layout:
        boxes = range(len(self.sizes))
        left = min((x[v] - self._width(v) / 2 for v in range(len(x))), default=0.0)
        x = [at - left for at in x]
        tops, bottoms = self._bands(x)
        centres = []
        for v in boxes:
            centres.append((x[v], (tops[self.ranks[v]] + bottoms[self.ranks[v]]) / 2))
        out = {u: self._ports(u, [(v, v) for v in self.below[u]], x) for u in boxes}
        into: dict[int, list[tuple[int, int]]] = {v: [] for v in boxes}
        for k, path in enumerate(self.paths):
            into[path[-1]].append((path[-2], k))
        arrive = {v: self._ports(v, found, x) for v, found in into.items()}
        routes = []
        for k, path in enumerate(self.paths):
            first, last = path[0], path[-1]
            start, end = out[first][path[1]], arrive[last][k]
            route = [(start, centres[first][1] + self.sizes[first][1] / 2)]
            route.append((start, bottoms[self.ranks[first]]))
            for item in path[1:-1]:
                rank = self.ranks[item]
                route += [(x[item], tops[rank]), (x[item], bottoms[rank])]
            route += [(end, tops[self.ranks[last]])]
            route.append((end, centres[last][1] - self.sizes[last][1] / 2))
            routes.append(tuple(route))
        width = max((x[v] + self._width(v) / 2 for v in range(len(x))), default=0.0)
        layers = tuple(tuple(v for v in row if self._is_box(v)) for row in self.layers)
        size = (width, bottoms[-1] if bottoms else 0.0)
        return Layout(size, tuple(centres), tuple(routes), layers, crossings, before)

    def _bands(self, x: list[float]) -> tuple[list[float], list[float]]:
        """Where each layer begins and ends; far-going edges get more room to turn."""
        tops, bottoms, top = [], [], 0.0
        for row in self.layers:
            tops.append(top)
            height = max((self.sizes[v][1] for v in row if self._is_box(v)), default=0.0)
            bottoms.append(top + height)
            far = max((abs(x[u] - x[v]) for u in row for v in self.below[u]), default=0.0)
            top = bottoms[-1] + self.between + min(0.1 * far, 50.0)
        return tops, bottoms

    def _ports(
        self, item: int, ends: Sequence[tuple[int, int]], x: Sequence[float]
    ) -> dict[int, float]:
        """Where edges meet a box: in the order in which they come, straight where that can be.

        Args:
            item: the box.
            ends: the item at the other end of each edge, and the edge's key.
            x: horizontal places of the items.
        """
        ends = sorted(ends, key=lambda end: (x[end[0]], end[1]))
        step = min(_PORT, 0.7 * self._width(item) / max(len(ends), 1))
        room = max(self._width(item) / 2 - 10 - step * (len(ends) - 1) / 2, 0.0)
        offsets = [step * (k - (len(ends) - 1) / 2) for k in range(len(ends))]
        wanted = [min(max((x[v] - x[item]) / 2, -room), room) for v, _ in ends]
        weights = [self._pull(v, item) for v, _ in ends]
        places = _in_order(wanted, weights, offsets)
        # Edges that want to meet the box at one end of it push each other over that end.
        edge = self._width(item) / 2 - min(10.0, 0.05 * self._width(item))
        push = max(max(places, default=0.0) - edge, 0.0) + min(min(places, default=0.0) + edge, 0.0)
        return {key: x[item] + at - push for (_, key), at in zip(ends, places, strict=True)}


def _inversions(numbers: Sequence[int]) -> int:
    """Pairs that stand in the wrong order."""
    total, sorted_before = 0, list[int]()
    for k in numbers:
        place = bisect_right(sorted_before, k)
        total += len(sorted_before) - place
        sorted_before.insert(place, k)
    return total


def _in_order(
    wanted: Sequence[float], weights: Sequence[float], offsets: Sequence[float]
) -> list[float]:
    """Places nearest to the wanted ones, in least squares, that are as far apart as the offsets.

    Without its offset each place is at least the one before: neighbours that want it otherwise
    are pooled at their mean (isotonic regression).
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, members
    for at, weight, offset in zip(wanted, weights, offsets, strict=True):
        pool = (at - offset, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            mean, other, members = pools.pop()
            both = pool[1] + other
            pool = ((mean * other + pool[0] * pool[1]) / both, both, members + pool[2])
        pools.append(pool)
    free = [mean for mean, _, members in pools for _ in range(members)]
    return [place + offset for place, offset in zip(free, offsets, strict=True)]
