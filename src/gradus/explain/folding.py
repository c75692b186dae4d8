"""A picture on a page: which way it flows, and where it is folded.

The flow goes to the right or down, in one piece or folded like text into several rows or columns:
whatever comes out nearest to the form of a page. An arrow that would run too far, or from one
column to another, is replaced by a box that names where it comes from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from gradus.explain.layout import Point, layered, ranks_of
from gradus.explain.picture import Arrow, Box, Picture

_PAGE = (1240.0, 960.0)
_FOLDS = 8  # columns or rows at most
_TRIED = 2  # ways of folding that are worked out
_FAR = 7  # layers that an arrow passes at most
_BETWEEN = 64.0  # between columns


@dataclass(frozen=True)
class Placed:
    """A box with its centre and size."""

    box: Box
    centre: Point
    size: Point


@dataclass(frozen=True)
class Route:
    """An arrow: straight and curved pieces by turns, straight first and last."""

    points: tuple[Point, ...]
    label: str


@dataclass(frozen=True)
class Arrangement:
    """Where everything stands.

    Attributes:
        size: of the whole.
        rightwards: whether the flow goes to the right, not down.
        boxes: with those that stand for others elsewhere.
        routes: of the arrows.
    """

    size: Point
    rightwards: bool
    boxes: tuple[Placed, ...]
    routes: tuple[Route, ...]


def arranged(picture: Picture, measure: Callable[[Box], Point]) -> Arrangement:
    """Place the boxes, whose sizes are measured so, and lead the arrows."""
    ranks = ranks_of(len(picture.boxes), ((a.start, a.end) for a in picture.arrows))
    page = _Page(picture, measure, [r - min(ranks) for r in ranks])
    choices = []
    for rightwards in (True, False):  # to the right, as one writes, where there is room
        lengths, breadths = page.extent(rightwards)
        for folds in range(1, _FOLDS + 1):
            bands = page.bands(lengths, folds)
            guess = _misfit(_turned(_estimate(bands, lengths, breadths), rightwards), folds)
            if folds == 1 and guess < 2:
                whole = page.folded(bands, rightwards)
                if _misfit(whole.size, 1) <= 1:
                    return whole
            choices.append((guess, rightwards, bands))
    tried = [
        (page.folded(bands, rightwards), max(bands) + 1)
        for _, rightwards, bands in sorted(choices)[:_TRIED]
    ]
    return min(tried, key=lambda found: _misfit(found[0].size, found[1]))[0]


def _misfit(size: Point, folds: int) -> float:
    """How many times larger than a page; folding has its price for the reader."""
    return max(size[0] / _PAGE[0], size[1] / _PAGE[1]) * (1 + 0.12 * (folds - 1))


def _estimate(bands: list[int], lengths: list[float], breadths: list[float]) -> Point:
    """About how broad and how long all columns are together."""
    columns = range(max(bands) + 1)
    inside = [[r for r, band in enumerate(bands) if band == k] for k in columns]
    broad = sum(max(breadths[r] for r in column) + _BETWEEN for column in inside)
    return broad, max(sum(lengths[r] for r in column) for column in inside)


def _turned(p: Point, rightwards: bool) -> Point:
    return (p[1], p[0]) if rightwards else p


@dataclass(frozen=True)
class _Part:
    """One column: its boxes, their places among those of the picture, edges and labels."""

    boxes: list[Box]
    places: list[int | None]
    edges: list[tuple[int, int]]
    labels: list[str]


class _Page:
    """A picture, the sizes of its boxes, and the layer of each."""

    def __init__(self, picture: Picture, measure: Callable[[Box], Point], ranks: list[int]) -> None:
        self.boxes, self.arrows = picture.boxes, picture.arrows
        self.measure, self.ranks = measure, ranks
        self.count = max(ranks) + 1
        self.computed = {a.end for a in self.arrows}

    def extent(self, rightwards: bool) -> tuple[list[float], list[float]]:
        """About how long each layer is along the flow, and how broad across it."""
        lengths, breadths = [0.0] * self.count, [0.0] * self.count
        for box, rank in zip(self.boxes, self.ranks, strict=True):
            across, along = _turned(self.measure(box), rightwards)
            lengths[rank] = max(lengths[rank], along + 44.0)
            breadths[rank] += across + 24.0
        return lengths, breadths

    def bands(self, lengths: Sequence[float], count: int) -> list[int]:
        """The column of each layer: about equally long ones, cut where few values pass."""
        ends = {a.start: 0 for a in self.arrows}
        for a in self.arrows:
            ends[a.start] = max(ends[a.start], self.ranks[a.end])
        passing = [0] * self.count  # values that come from before a layer and are still read
        for box, end in ends.items():
            for rank in range(self.ranks[box] + 1, end + 1):
                passing[rank] += 1
        starts = list(accumulate(lengths, initial=0.0))
        length = starts[-1] / count
        cuts = [0]
        for k in range(1, count):
            away = [abs(start - k * length) for start in starts]
            near = [r for r in range(cuts[-1] + 1, self.count) if away[r] < 0.2 * length]
            if near:
                cuts.append(min(near, key=lambda r: (passing[r], away[r])))
        return [bisect_right(cuts, rank) - 1 for rank in range(self.count)]

    def folded(self, bands: Sequence[int], rightwards: bool) -> Arrangement:
        """All columns (or rows) beside each other."""
        placed: dict[int, Placed] = {}
        more: list[Placed] = []
        routes: list[Route] = []
        across = along = 0.0
        # Room for the labels: on arrows to the right they lie along them.
        widest = max((len(a.label) for a in self.arrows), default=0)
        between = 36.0 + (8.5 * widest if rightwards else 0.0)
        for band in range(max(bands) + 1):
            part = self._part(bands, band, "row" if rightwards else "column")
            sizes = [self.measure(b) for b in part.boxes]
            found = layered([_turned(s, rightwards) for s in sizes], part.edges, between)

            def at(p: Point, shift: float = across) -> Point:
                return _turned((p[0] + shift, p[1]), rightwards)

            for k, place in enumerate(part.places):
                here = Placed(part.boxes[k], at(found.centres[k]), sizes[k])
                if place is None:
                    more.append(here)
                else:
                    placed[place] = here
            for route, label in zip(found.routes, part.labels, strict=True):
                routes.append(Route(tuple(map(at, route)), label))
            across += found.size[0] + _BETWEEN
            along = max(along, found.size[1])
        boxes = (*(placed[k] for k in range(len(self.boxes))), *more)
        size = _turned((across - _BETWEEN, along), rightwards)
        return Arrangement(size, rightwards, boxes, tuple(routes))

    def _part(self, bands: Sequence[int], band: int, fold: str) -> _Part:
        """One column. What comes from elsewhere stands in front, what goes elsewhere behind."""
        band_of = [bands[r] for r in self.ranks]
        for a in reversed(self.arrows):
            if a.start not in self.computed:  # data stand with whoever reads them first
                band_of[a.start] = band_of[a.end]
        here = [a for a in self.arrows if band_of[a.end] == band]
        entries = dict.fromkeys(self._entry(a) for a in here if self._is_cut(a, band_of))
        members = [k for k, b in enumerate(band_of) if b == band]
        place = {key: n for n, key in enumerate([*entries, *members])}
        edges, labels = [], []
        for a in here:
            start = self._entry(a) if self._is_cut(a, band_of) else a.start
            edges.append((place[start], place[a.end]))
            labels.append(a.label)
        goals: dict[int, set[int]] = {}  # columns in which what is computed here is read
        for a in self.arrows:
            if band_of[a.start] == band != band_of[a.end] and a.start in self.computed:
                goals.setdefault(a.start, set()).add(band_of[a.end])
        leaving: dict[tuple[int, ...], list[int]] = {}  # one box for all that goes the same way
        for k, readers in goals.items():
            leaving.setdefault(tuple(sorted(readers)), []).append(k)
        for n, left in enumerate(leaving.values(), start=len(place)):
            edges += [(place[k], n) for k in left]
            labels += [""] * len(left)
        boxes = [_from_elsewhere(self.boxes[k]) for k, _ in entries]
        boxes += [self.boxes[k] for k in members]
        for where, left in leaving.items():
            boxes.append(_to_elsewhere([self.boxes[k].name for k in left], band, where, fold))
        places = [*[None] * len(entries), *members, *[None] * len(leaving)]
        return _Part(boxes, places, edges, labels)

    def _is_cut(self, a: Arrow, band_of: Sequence[int]) -> bool:
        far = self.ranks[a.end] - self.ranks[a.start] > _FAR
        return far or band_of[a.start] != band_of[a.end]

    def _entry(self, a: Arrow) -> tuple[int, int]:
        """What stands for an operand from elsewhere: one box for all that read it near by."""
        return a.start, self.ranks[a.end] // _FAR


def _from_elsewhere(box: Box) -> Box:
    about = f"{box.name}, which stands elsewhere in the picture"
    return Box("elsewhere", box.name, box.name, about=about)


def _to_elsewhere(names: Sequence[str], band: int, goals: Sequence[int], fold: str) -> Box:
    told = ", ".join("next " + fold if g == band + 1 else f"{fold} {g + 1}" for g in goals)
    about = f"{', '.join(names)}: read in the {told}"
    return Box("elsewhere", ", ".join(names), f"→ {told}", about=about)
