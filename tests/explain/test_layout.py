"""Layered drawings: boxes stand apart, edges lead on and pass nothing, crossings get fewer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradus.explain.folding import Arrangement, arranged
from gradus.explain.layout import Layout, Point, bend, layered, ranks_of
from gradus.explain.picture import Arrow, Box, Picture

Edges = list[tuple[int, int]]


@st.composite
def graphs(draw: Any, most: int = 24) -> tuple[list[Point], Edges]:
    """Sizes of boxes, and edges that lead to later ones; some stand there twice."""
    count = draw(st.integers(1, most))
    sides = st.integers(20, 160)
    sizes = [(float(draw(sides)), float(draw(sides))) for _ in range(count)]
    if count == 1:
        return sizes, []
    ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    pairs = draw(st.lists(ends.filter(lambda e: e[0] != e[1]), max_size=2 * count))
    return sizes, [(min(e), max(e)) for e in pairs]


def points(route: tuple[Point, ...], rightwards: bool = False) -> Iterator[Point]:
    """Points along a route: straight and curved pieces by turns."""
    for k, (start, end) in enumerate(pairwise(route)):
        handles = bend(start, end, rightwards)
        for n in range(11):
            t = n / 10
            if k % 2:
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                yield tuple(  # type: ignore[misc]
                    sum(w * p[axis] for w, p in zip(weights, (start, *handles), strict=True))
                    for axis in (0, 1)
                )
            else:
                yield (start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1]))


def inside(p: Point, centre: Point, size: Point) -> bool:
    """Whether a point lies in a box; its border does not count, nor what rounding makes of it."""
    return all(abs(p[k] - centre[k]) < size[k] / 2 - 1e-6 for k in (0, 1))


def overlap(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    return all(abs(a[0][k] - b[0][k]) < (a[1][k] + b[1][k]) / 2 - 1e-6 for k in (0, 1))


@given(graphs())
def test_boxes_stand_apart_and_within_the_picture(graph: tuple[list[Point], Edges]) -> None:
    sizes, edges = graph
    found = layered(sizes, edges)
    boxes = list(zip(found.centres, sizes, strict=True))
    assert not any(overlap(a, b) for a, b in combinations(boxes, 2))
    for centre, size in boxes:
        for k in (0, 1):
            assert centre[k] - size[k] / 2 >= -1e-6
            assert centre[k] + size[k] / 2 <= found.size[k] + 1e-6


@given(graphs())
@example(([(20.0, 20.0)] * 4, [(0, 3)] * 4 + [(1, 2), (2, 3)]))  # five arrows to a narrow box
def test_edges_lead_down_from_box_to_box(graph: tuple[list[Point], Edges]) -> None:
    sizes, edges = graph
    found = layered(sizes, edges)
    place = {v: k for k, layer in enumerate(found.layers) for v in layer}
    for (i, j), route in zip(edges, found.routes, strict=True):
        assert place[i] < place[j]
        assert all(b[1] >= a[1] - 1e-6 for a, b in pairwise(route))
        (x, y), (width, height) = found.centres[i], sizes[i]
        assert route[0][1] == pytest.approx(y + height / 2)
        assert abs(route[0][0] - x) <= width / 2
        (x, y), (width, height) = found.centres[j], sizes[j]
        assert route[-1][1] == pytest.approx(y - height / 2)
        assert abs(route[-1][0] - x) <= width / 2


@given(graphs())
def test_no_edge_passes_through_a_box(graph: tuple[list[Point], Edges]) -> None:
    sizes, edges = graph
    found = layered(sizes, edges)
    for route in found.routes:
        for p in points(route):
            assert not any(
                inside(p, centre, size) for centre, size in zip(found.centres, sizes, strict=True)
            )


@given(graphs())
def test_ordering_the_layers_adds_no_crossing(graph: tuple[list[Point], Edges]) -> None:
    found = layered(*graph)
    assert found.crossings <= found.crossings_before


@given(graphs())
def test_the_same_graph_gives_the_same_drawing(graph: tuple[list[Point], Edges]) -> None:
    assert layered(*graph) == layered(*graph)


def crossings(found: Layout) -> int:
    """Pairs of neighbouring layers' edges that cross, by where they end."""
    ends = [(r[k], r[k + 1]) for r in found.routes for k in range(1, len(r) - 1, 2)]
    return sum(
        a[0][1] == b[0][1] and (a[0][0] - b[0][0]) * (a[1][0] - b[1][0]) < 0
        for a, b in combinations(ends, 2)
    )


@pytest.mark.parametrize(
    ("edges", "before", "after"),
    [
        ([(0, 3), (1, 2)], 1, 0),  # crossed, and need not be
        ([(0, 2), (0, 3), (1, 2), (1, 3)], 1, 1),  # cannot be otherwise
        ([(0, 5), (1, 4), (2, 3)], 3, 0),
        ([(0, 6), (1, 5), (2, 4), (3, 7), (4, 7), (5, 7), (6, 7)], 3, 0),
    ],
)
def test_crossings_that_need_not_be_are_taken_away(edges: Edges, before: int, after: int) -> None:
    count = 1 + max(j for _, j in edges)
    found = layered([(40.0, 20.0)] * count, edges)
    assert (found.crossings_before, found.crossings, crossings(found)) == (before, after, after)


def test_a_value_stands_near_those_that_read_it() -> None:
    # 4 is read by the last box only, and 5 is a number that comes with it.
    assert ranks_of(7, [(0, 1), (1, 2), (2, 3), (5, 6), (3, 6)]) == [0, 1, 2, 3, 0, 3, 4]


def test_a_chain_runs_straight_whatever_comes_in_from_the_side() -> None:
    edges = [(0, 2), (1, 2), *[e for k in range(2, 20, 2) for e in ((k, k + 2), (k + 1, k + 2))]]
    found = layered([(100.0, 40.0)] * 21, edges)
    chain = [found.centres[k][0] for k in range(2, 21, 2)]
    # Two boxes of 100 side by side would shift it by 61 a layer if it stood in their middle.
    assert max(chain) - min(chain) < 61


# ── On a page ───────────────────────────────────────────────────────────────────────────────────


def picture(count: int, edges: Edges) -> Picture:
    boxes = tuple(Box("operation", f"u{k}", f"u{k}", "1") for k in range(count))
    return Picture("P", boxes, tuple(Arrow(i, j) for i, j in edges), ())


def check(found: Arrangement) -> None:
    boxes = [(p.centre, p.size) for p in found.boxes]
    assert not any(overlap(a, b) for a, b in combinations(boxes, 2))
    centres, sizes = (np.array(list(part)) for part in zip(*boxes, strict=True))
    for route in found.routes:
        at = np.array(list(points(route.points, found.rightwards)))
        within = np.abs(at[:, None] - centres) < sizes / 2 - 1e-6
        assert not within.all(axis=-1).any()
        assert (at >= -1e-6).all()
        assert (at <= np.array(found.size) + 1e-6).all()


@given(graphs(40))
def test_on_a_page_boxes_stand_apart_and_arrows_pass_none(
    graph: tuple[list[Point], Edges],
) -> None:
    sizes, edges = graph
    named = {f"u{k}": size for k, size in enumerate(sizes)}
    found = arranged(picture(len(sizes), edges), lambda b: named.get(b.title, (60.0, 20.0)))
    check(found)
    assert [p.box.name for p in found.boxes[: len(sizes)]] == list(named)


@pytest.mark.parametrize("count", [30, 200])
def test_a_long_chain_is_folded_and_says_where_it_goes_on(count: int) -> None:
    chain = picture(count, [(k, k + 1) for k in range(count - 1)])
    found = arranged(chain, lambda box: (140.0, 68.0))
    check(found)
    # Unfolded, 200 boxes one below the other take 21,000 pixels.
    assert max(found.size) < 3500
    signs = [p.box for p in found.boxes[count:]]
    exits = [b for b in signs if b.title.startswith("→")]
    entries = [b for b in signs if not b.title.startswith("→")]
    assert len(exits) == len(entries) >= 1
    assert [b.name for b in exits] == [b.name for b in entries]


def test_what_is_read_far_away_is_named_there_instead_of_an_arrow() -> None:
    edges = [(0, 1), *((k, k + 1) for k in range(1, 15)), (0, 15)]
    found = arranged(picture(16, edges), lambda box: (60.0, 30.0))
    assert [p.box.title for p in found.boxes[16:] if p.box.title == "u0"] == ["u0"]


def test_a_small_graph_stands_in_one_piece_and_runs_to_the_right() -> None:
    found = arranged(picture(3, [(0, 2), (1, 2)]), lambda box: (100.0, 60.0))
    assert found.rightwards
    assert len(found.boxes) == 3
    assert found.boxes[2].centre[0] > found.boxes[0].centre[0]
