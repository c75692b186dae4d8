"""Pictures of graphs as SVG: text stays text; shapes and words say what the colours say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from html import escape

from gradus.explain.folding import Arrangement, Placed, Route, arranged
from gradus.explain.layout import Point, bend
from gradus.explain.picture import KINDS, Box, Picture

_MARGIN = 24.0
_ROW, _PAD = 19.0, 12.0
_LINE = 18.0  # of the legend
_COLOURS = {  # fill and border
    "input": ("#dbeafe", "#1d4ed8"),
    "parameter": ("#fef3c7", "#b45309"),
    "constant": ("#f3f4f6", "#6b7280"),
    "operation": ("#ffffff", "#374151"),
    "output": ("#dcfce7", "#15803d"),
    "elsewhere": ("#ffffff", "#6b7280"),
}
_WORDS = {
    "input": "input: data",
    "parameter": "parameter: its derivative is asked for",
    "constant": "constant",
    "operation": "operation",
    "output": "output",
    "elsewhere": "drawn elsewhere",
}
# Sizes are of DejaVu Sans, the widest of the fonts; in another one boxes have some room left.
_STYLE = """
#ID text { font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans",
  sans-serif; font-size: 13px; fill: #111827; text-anchor: middle; }
#ID .title { font-weight: 600; }
#ID .kind { font-size: 11px; font-weight: 400; fill: #4b5563; }
#ID .gradient { fill: #b91c1c; }
#ID .local { font-size: 12px; fill: #6d28d9; stroke: #ffffff; stroke-width: 4px;
  stroke-linejoin: round; paint-order: stroke; }
#ID .legend { font-size: 12px; text-anchor: start; }
#ID .arrow { fill: none; stroke: #6b7280; stroke-width: 1.4px; }
#ID .rule { stroke-width: 1px; }
"""


def of(picture: Picture) -> str:
    """The whole picture, as a document that can also stand in a page."""
    key = "g" + hashlib.sha256(repr(picture).encode("utf-8", "replace")).hexdigest()[:8]
    found = arranged(picture, size_of)
    width = max(found.size[0], 440.0)
    legend, height = _legend(picture, found, width)
    about = " ".join([f"{len(picture.boxes)} boxes.", *(f"{b.about}." for b in picture.boxes)])
    size = (width + 2 * _MARGIN, found.size[1] + height + 3 * _MARGIN)
    marker = (
        f'<marker id="{key}-tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        '<path d="M0 0.5 8 4 0 7.5z" fill="#6b7280"/></marker>'
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{key}" width="{_n(size[0])}" '
        f'height="{_n(size[1])}" viewBox="0 0 {_n(size[0])} {_n(size[1])}" role="img" '
        f'aria-labelledby="{key}-title {key}-about">',
        f'<title id="{key}-title">{_text(picture.title)}</title>',
        f'<desc id="{key}-about">{_text(about)}</desc>',
        f"<style>{_STYLE.replace('ID', key)}</style>",
        f"<defs>{marker}</defs>",
        f'<rect width="{_n(size[0])}" height="{_n(size[1])}" rx="8" fill="#ffffff"/>',
        f'<g transform="translate({_n(_MARGIN + (width - found.size[0]) / 2)} {_n(_MARGIN)})">',
        *(_arrow(route, found.rightwards, key) for route in found.routes),
        *(_box(k, placed, key) for k, placed in enumerate(found.boxes)),
        *_labels(found),
        "</g>",
        f'<g transform="translate({_n(_MARGIN)} {_n(found.size[1] + 2 * _MARGIN)})">',
        *legend,
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


# ── Text ────────────────────────────────────────────────────────────────────────────────────────


def _text(text: str) -> str:
    """Text of an XML document, in which control characters cannot stand."""
    return escape("".join(c if _allowed(c) else "\N{REPLACEMENT CHARACTER}" for c in text))


def _allowed(c: str) -> bool:
    return c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")


def _width(text: str, size: float = 13.0) -> float:
    """About as wide as the widest of the fonts writes it."""
    return size * sum(_advance(c) for c in text)


def _advance(c: str) -> float:
    if c in "ijl.,:;'|!·· ′":
        return 0.36
    if c in "fIrt()[]-/“”₀₁₂₃₄₅₆₇₈₉²ᵀ":
        return 0.46
    if c in "mwMW@%…→−+=<>≤≥≠×√∂Σ":
        return 0.92
    return 0.72 if c.isupper() else 0.64 if ord(c) < 0x1100 else 1.05


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


# ── Boxes ───────────────────────────────────────────────────────────────────────────────────────


def size_of(box: Box) -> Point:
    """Width and height of a box."""
    kind = _tag(box)
    head = 1.08 * _width(box.title) + (_width(" " + kind, 11) if kind else 0.0)
    rows = 1 + bool(box.value) + bool(box.gradient)
    widest = max(head, _width(box.value), _width(box.gradient))
    return (max(widest + 2 * _PAD, 48.0), rows * _ROW + (11.0 if rows > 1 else 7.0))


def _tag(box: Box) -> str:
    return "" if box.kind in ("operation", "elsewhere") else box.kind


def _box(k: int, placed: Placed, key: str) -> str:
    box, (x, y), (w, h) = placed.box, placed.centre, placed.size
    fill, border = _COLOURS[box.kind]
    tag = _tag(box)
    space = " " if box.title and tag else ""
    title = _text(box.title) + space + (f'<tspan class="kind">{tag}</tspan>' if tag else "")
    top = y - h / 2 + 4
    rows = [f'<text class="title" x="{_n(x)}" y="{_n(top + 14)}">{title}</text>']
    if box.value:
        rows.append(f'<text x="{_n(x)}" y="{_n(top + _ROW + 13)}">{_text(box.value)}</text>')
    if box.gradient:
        rule = top + 2 * _ROW
        rows.append(
            f'<path class="rule" d="M{_n(x - w / 2 + 8)} {_n(rule)}h{_n(w - 16)}" '
            f'stroke="{border}"/>'
        )
        rows.append(
            f'<text class="gradient" x="{_n(x)}" y="{_n(rule + 15)}">{_text(box.gradient)}</text>'
        )
    names = f"{key}-{k}-title {key}-{k}-about"
    said = box.name or box.title or box.value
    return (
        f'<g role="img" aria-labelledby="{names}">'
        f'<title id="{key}-{k}-title">{_text(f"{said}, {box.kind}")}</title>'
        f'<desc id="{key}-{k}-about">{_text(box.about)}</desc>'
        f"{_shape(box.kind, x - w / 2, y - h / 2, w, h, fill, border)}{''.join(rows)}</g>"
    )


def _shape(kind: str, x: float, y: float, w: float, h: float, fill: str, border: str) -> str:
    """The outline: round for data, cut corners for parameters, dashes for what is fixed."""
    colours = f'fill="{fill}" stroke="{border}"'
    if kind == "parameter":
        c = min(9.0, h / 3)
        return (
            f'<path d="M{_n(x + c)} {_n(y)}h{_n(w - 2 * c)}l{_n(c)} {_n(c)}v{_n(h - 2 * c)}'
            f'l{_n(-c)} {_n(c)}h{_n(2 * c - w)}l{_n(-c)} {_n(-c)}v{_n(2 * c - h)}z" {colours}/>'
        )
    radius = {"input": min(16.0, h / 2), "elsewhere": h / 2}.get(kind, 4.0)
    more = {
        "constant": ' stroke-dasharray="5 3"',
        "elsewhere": ' stroke-dasharray="2 3"',
        "output": ' stroke-width="3"',
    }.get(kind, "")
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="{_n(radius)}" '
        f"{colours}{more}/>"
    )


# ── Arrows ──────────────────────────────────────────────────────────────────────────────────────


def _arrow(route: Route, rightwards: bool, key: str) -> str:
    first, *points = route.points
    path = [f"M{_n(first[0])} {_n(first[1])}"]
    here = first
    for k, there in enumerate(points):
        if max(abs(there[0] - here[0]), abs(there[1] - here[1])) < 0.5:
            continue  # rounding could turn its direction, and with it the tip, around
        if k % 2:
            path.append(
                "C" + " ".join(f"{_n(a)} {_n(b)}" for a, b in bend(here, there, rightwards))
            )
        else:
            path.append(f"L{_n(there[0])} {_n(there[1])}")
        here = there
    return f'<path class="arrow" d="{"".join(path)}" marker-end="url(#{key}-tip)"/>'


Area = tuple[float, float, float, float]  # left, top, right, bottom


def _labels(found: Arrangement) -> Iterator[str]:
    """Local derivatives beside the last bend of their arrows, where nothing else stands."""
    taken = [_area(p.centre, p.size) for p in found.boxes]
    for route in found.routes:
        if route.label:
            size = (_width(route.label, 12) + 4, 14.0)
            start, end = route.points[-3:-1]
            curve = (start, *bend(start, end, found.rightwards))
            spots = [_on(curve, t) for t in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82)]
            areas = [_area(spot, size) for spot in spots]
            free = (k for k, a in enumerate(areas) if not any(_meet(a, b) for b in taken))
            best = next(free, 0)
            taken.append(areas[best])
            x, y = spots[best]
            yield f'<text class="local" x="{_n(x)}" y="{_n(y + 4)}">{_text(route.label)}</text>'


def _on(curve: Sequence[Point], t: float) -> Point:
    """A point of a Bézier curve."""
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    x, y = (sum(w * p[axis] for w, p in zip(weights, curve, strict=True)) for axis in (0, 1))
    return x, y


def _area(centre: Point, size: Point) -> Area:
    (x, y), (w, h) = centre, size
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def _meet(a: Area, b: Area) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


# ── Legend ──────────────────────────────────────────────────────────────────────────────────────


def _legend(picture: Picture, found: Arrangement, width: float) -> tuple[list[str], float]:
    """What shapes, colours and numbers mean, in as many rows as it takes; and their height."""
    lines: list[str] = []
    x, y = 0.0, 0.0
    there = {p.box.kind for p in found.boxes}
    swatches = [(kind, "legend", _WORDS[kind]) for kind in KINDS if kind in there]
    for kind, style, words in [*swatches, *(("", *note) for note in picture.notes)]:
        long = 0.92 * _width(words, 12) + (34.0 if kind else 0.0)
        if x > 0 and x + long > width:
            x, y = 0.0, y + _LINE
        if kind:
            lines.append(_shape(kind, x, y + 1, 26, 13, *_COLOURS[kind]))
        at = x + (34.0 if kind else 0.0)
        lines.append(f'<text class="legend {style}" x="{_n(at)}" y="{_n(y + 12)}">{words}</text>')
        x += long + 18
    return lines, y + _LINE
