"""A graph as a picture: its boxes and arrows, and where they stand on a page.

The flow goes down or to the right, in one piece or folded like text into several columns or rows:
whatever comes out nearest to the form of a page. An arrow that would run too far, or from one
column to another, is replaced by a box that names where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gradus.explain.layout import Point, layered, ranks_of

KINDS = ("input", "parameter", "constant", "operation", "output", "elsewhere")

_PAGE = (1240.0, 960.0)
_FOLDS = 8  # columns or rows at most
_TRIED = 2  # ways of folding that are worked out
_FAR = 7  # layers that an arrow passes at most
_BETWEEN = 64.0  # between columns


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
    least = min(ranks, default=0)
    ranks = [r - least for r in ranks]
    choices: list[tuple[float, bool, list[int]]] = []
    for rightwards in (True, False):
        lengths, breadths = _extent([_turned(measure(b), rightwards) for b in picture.boxes], ranks)
        for folds in range(1, _FOLDS + 1):
            bands = _bands(picture, ranks, lengths, folds)
            guess = _misfit(_turned(_estimate(bands, lengths, breadths), rightwards), folds)
            choices.append((guess, rightwards, bands))
    whole = [choice for choice in choices if not any(choice[2]) and choice[0] < _TRIED]
    tried: list[tuple[float, Arrangement]] = []
    for _, rightwards, bands in [*whole, *sorted(choices)[:_TRIED]]:
        found = _folded(picture, measure, ranks, bands, rightwards)
        tried.append((_misfit(found.size, max(bands) + 1), found))
        if not any(bands) and tried[-1][0] <= 1:
            return found  # in one piece, and to the right as one writes, where there is room
    return min(tried, key=lambda choice: choice[0])[1]


def _misfit(size: Point, folds: int) -> float:
    """How many times larger than a page; folding has its price for the reader."""
    return max(size[0] / _PAGE[0], size[1] / _PAGE[1]) * (1 + 0.12 * (folds - 1))


# ── Folding ─────────────────────────────────────────────────────────────────────────────────────


def _extent(sizes: Sequence[Point], ranks: Sequence[int]) -> tuple[list[float], list[float]]:
    """About how long each layer is along the flow, and how broad across it."""
    lengths, breadths = ([0.0] * (max(ranks, default=0) + 1) for _ in range(2))
    for (across, along), rank in zip(sizes, ranks, strict=True):
        lengths[rank] = max(lengths[rank], along + 44.0)
        breadths[rank] += across + 24.0
    return lengths, breadths


def _bands(picture: Picture, ranks: list[int], lengths: list[float], count: int) -> list[int]:
    """The column of each layer: about equally long ones, cut where few values pass."""
    passing = [0] * len(lengths)  # values that are computed before a layer and read in or behind it
    last = {a.start: 0 for a in picture.arrows}
    for a in picture.arrows:
        last[a.start] = max(last[a.start], ranks[a.end])
    for box, end in last.items():
        for rank in range(ranks[box] + 1, end + 1):
            passing[rank] += 1
    total, target = sum(lengths), sum(lengths) / count
    starts = [sum(lengths[:rank]) for rank in range(len(lengths))]
    cuts: list[int] = []
    for k in range(1, count):
        near = [
            rank
            for rank in range((cuts[-1] if cuts else 0) + 1, len(lengths))
            if abs(starts[rank] - k * total / count) < 0.2 * target
        ]
        if near:
            cuts.append(min(near, key=lambda r: (passing[r], abs(starts[r] - k * total / count))))
    return [sum(rank >= cut for cut in cuts) for rank in range(len(lengths))]


def _estimate(bands: list[int], lengths: list[float], breadths: list[float]) -> Point:
    """About how broad and how long all columns are together."""
    columns = range(max(bands) + 1)
    inside = [[r for r, band in enumerate(bands) if band == k] for k in columns]
    broad = sum(max(breadths[r] for r in column) + _BETWEEN for column in inside)
    return broad, max(sum(lengths[r] for r in column) for column in inside)


def _folded(
    picture: Picture,
    measure: Callable[[Box], Point],
    ranks: list[int],
    bands: Sequence[int],
    rightwards: bool,
) -> Arrangement:
    """The picture in bands: one for each column, or row, of layers."""
    placed: list[Placed | None] = [None] * len(picture.boxes)
    more: list[Placed] = []
    routes: list[Route] = []
    across = along = 0.0
    # Room for the labels: on arrows to the right they lie along them.
    widest = max((len(a.label) for a in picture.arrows), default=0)
    between = 36.0 + (8.5 * widest if rightwards else 0.0)
    for band in range(max(bands) + 1):
        part = _part(picture, ranks, bands, band, "row" if rightwards else "column")
        sizes = [measure(b) for b in part.boxes]
        found = layered([_turned(s, rightwards) for s in sizes], part.edges, between)
        shift = (across, 0.0)

        def at(p: Point, shift: Point = shift) -> Point:
            return _turned((p[0] + shift[0], p[1] + shift[1]), rightwards)

        for box, size, centre, place in zip(
            part.boxes, sizes, found.centres, part.places, strict=True
        ):
            here = Placed(box, at(centre), size)
            if place is None:
                more.append(here)
            else:
                placed[place] = here
        for route, label in zip(found.routes, part.labels, strict=True):
            routes.append(Route(tuple(map(at, route)), label))
        across += found.size[0] + _BETWEEN
        along = max(along, found.size[1])
    boxes = [p for p in placed if p is not None]
    size = _turned((across - _BETWEEN, along), rightwards)
    return Arrangement(size, rightwards, (*boxes, *more), tuple(routes))


def _turned(p: Point, rightwards: bool) -> Point:
    return (p[1], p[0]) if rightwards else p


@dataclass(frozen=True)
class _Part:
    """One column: its boxes, their places among those of the picture, edges and labels."""

    boxes: list[Box]
    places: list[int | None]
    edges: list[tuple[int, int]]
    labels: list[str]


def _part(picture: Picture, ranks: list[int], bands: Sequence[int], band: int, fold: str) -> _Part:
    band_of = [bands[r] for r in ranks]
    read = {a.end for a in picture.arrows}
    for a in reversed(picture.arrows):
        if a.start not in read:  # data stand with whoever reads them first
            band_of[a.start] = band_of[a.end]
    members = [k for k, b in enumerate(band_of) if b == band]
    # What comes from elsewhere stands in front, what goes elsewhere behind.
    entries: dict[tuple[int, int], Box] = {}
    exits: dict[int, set[int]] = {}
    for a in picture.arrows:
        if band_of[a.end] == band and _cut(a, ranks, band_of):
            box = picture.boxes[a.start]
            about = f"{box.name}, which stands elsewhere in the picture"
            entries[a.start, ranks[a.end] // _FAR] = Box(
                "elsewhere", box.name, box.name, about=about
            )
        if band_of[a.start] == band != band_of[a.end] and a.start in read:
            exits.setdefault(a.start, set()).add(band_of[a.end])
    place = {k: n + len(entries) for n, k in enumerate(members)}
    entry = {key: n for n, key in enumerate(entries)}
    edges, labels = [], []
    for a in picture.arrows:
        if band_of[a.end] == band:
            far = _cut(a, ranks, band_of)
            start = entry[a.start, ranks[a.end] // _FAR] if far else place[a.start]
            edges.append((start, place[a.end]))
            labels.append(a.label)
    leaving: dict[tuple[int, ...], list[int]] = {}  # one box for all that goes the same way
    for k, goals in exits.items():
        leaving.setdefault(tuple(sorted(goals)), []).append(k)
    for n, left in enumerate(leaving.values(), start=len(entries) + len(members)):
        edges += [(place[k], n) for k in left]
        labels += [""] * len(left)
    ends = [
        _exit([picture.boxes[k].name for k in left], band, goals, fold)
        for goals, left in leaving.items()
    ]
    boxes = [*entries.values(), *(picture.boxes[k] for k in members), *ends]
    places: list[int | None] = [*[None] * len(entries), *members, *[None] * len(ends)]
    return _Part(boxes, places, edges, labels)


def _cut(a: Arrow, ranks: list[int], band_of: list[int]) -> bool:
    return band_of[a.start] != band_of[a.end] or ranks[a.end] - ranks[a.start] > _FAR


def _exit(names: Sequence[str], band: int, goals: Sequence[int], fold: str) -> Box:
    told = ", ".join("next " + fold if g == band + 1 else f"{fold} {g + 1}" for g in goals)
    about = f"{', '.join(names)}: read in the {told}"
    return Box("elsewhere", ", ".join(names), f"→ {told}", about=about)
