"""A graph as a picture: its boxes and arrows, and where they stand on a page.

The flow goes down or to the right, in one piece or folded like text into several columns or rows:
whatever comes out nearest to the form of a page. An arrow that would run too far, or from one
column to another, is replaced by a box that names where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gradus.explain.layout import Point, layered, ranks_of

KINDS = ("input", "parameter", "constant", "operation", "output", "elsewhere")

_PAGE = (1240.0, 820.0)
_FOLDS = 8  # columns or rows at most
_FAR = 12  # layers that an arrow passes at most
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
    choices = []
    for rightwards in (False, True):
        whole = _folded(picture, measure, ranks, [0] * (max(ranks, default=0) + 1), rightwards)
        choices.append((_misfit(whole.size, 1), whole, None))
        if choices[-1][0] <= 1:
            continue
        lengths, breadths = _extent(whole, ranks, rightwards)
        for count in range(2, _FOLDS + 1):
            bands = _bands(picture, ranks, lengths, count)
            size = _estimate(bands, lengths, breadths, rightwards)
            choices.append((_misfit(size, count), whole, bands))
    if any(misfit <= 1 for misfit, _, bands in choices if not bands):
        choices = [choice for choice in choices if not choice[2]]
    _, whole, bands = min(choices, key=lambda choice: choice[0])
    return _folded(picture, measure, ranks, bands, whole.rightwards) if bands else whole


def _misfit(size: Point, folds: int) -> float:
    """How many times larger than a page; folding has its price for the reader."""
    return max(size[0] / _PAGE[0], size[1] / _PAGE[1]) * (1 + 0.12 * (folds - 1))


# ── Folding ─────────────────────────────────────────────────────────────────────────────────────


def _extent(
    whole: Arrangement, ranks: list[int], rightwards: bool
) -> tuple[list[float], list[float]]:
    """How long each layer is along the flow, with the way to the next, and how broad across it."""
    count = max(ranks, default=0) + 1
    along, across = (0, 1) if rightwards else (1, 0)
    starts = [whole.size[along]] * count
    low, high = [whole.size[across]] * count, [0.0] * count
    for placed, rank in zip(whole.boxes, ranks, strict=False):
        starts[rank] = min(starts[rank], placed.centre[along] - placed.size[along] / 2)
        low[rank] = min(low[rank], placed.centre[across] - placed.size[across] / 2)
        high[rank] = max(high[rank], placed.centre[across] + placed.size[across] / 2)
    ends = [*starts[1:], whole.size[along]]
    lengths = [max(end - start, 1.0) for start, end in zip(starts, ends, strict=True)]
    return lengths, [max(b - a, 0.0) for a, b in zip(low, high, strict=True)]


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


def _estimate(
    bands: list[int], lengths: list[float], breadths: list[float], rightwards: bool
) -> Point:
    count = max(bands) + 1
    long = max(sum(n for n, b in zip(lengths, bands, strict=True) if b == k) for k in range(count))
    broad = [
        max(n for n, b in zip(breadths, bands, strict=True) if b == k) + _BETWEEN
        for k in range(count)
    ]
    return (long, sum(broad)) if rightwards else (sum(broad), long)


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
    across = 0.0
    along = 0.0
    for band in range(max(bands) + 1):
        part = _part(picture, ranks, bands, band, "row" if rightwards else "column")
        sizes = [measure(b) for b in part.boxes]
        found = layered([_turned(s, rightwards) for s in sizes], part.edges)
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
    members = [k for k, b in enumerate(band_of) if b == band]
    read = {a.end for a in picture.arrows}
    # What comes from elsewhere stands in front, what goes elsewhere behind.
    entries: dict[tuple[int, int], Box] = {}
    exits: dict[int, list[int]] = {}
    for a in picture.arrows:
        if band_of[a.end] == band and _cut(a, ranks, band_of):
            box = picture.boxes[a.start]
            about = f"{box.name}, which stands elsewhere in the picture"
            entries[a.start, ranks[a.end] // _FAR] = Box(
                "elsewhere", box.name, box.name, about=about
            )
        if band_of[a.start] == band != band_of[a.end] and a.start in read:
            exits.setdefault(a.start, []).append(band_of[a.end])
    place = {k: n + len(entries) for n, k in enumerate(members)}
    entry = {key: n for n, key in enumerate(entries)}
    edges, labels = [], []
    for a in picture.arrows:
        if band_of[a.end] == band:
            far = _cut(a, ranks, band_of)
            start = entry[a.start, ranks[a.end] // _FAR] if far else place[a.start]
            edges.append((start, place[a.end]))
            labels.append(a.label)
    leaving = []
    for k, goals in exits.items():
        edges.append((place[k], len(entries) + len(members) + len(leaving)))
        labels.append("")
        leaving.append(_exit(picture.boxes[k], band, sorted(set(goals)), fold))
    boxes = [*entries.values(), *(picture.boxes[k] for k in members), *leaving]
    places: list[int | None] = [*[None] * len(entries), *members, *[None] * len(leaving)]
    return _Part(boxes, places, edges, labels)


def _cut(a: Arrow, ranks: list[int], band_of: list[int]) -> bool:
    return band_of[a.start] != band_of[a.end] or ranks[a.end] - ranks[a.start] > _FAR


def _exit(box: Box, band: int, goals: Iterable[int], fold: str) -> Box:
    told = ["next " + fold if g == band + 1 else f"{fold} {g + 1}" for g in goals]
    title = f"→ {', '.join(told)}"
    return Box("elsewhere", box.name, title, about=f"{box.name} is read in the {', '.join(told)}")
