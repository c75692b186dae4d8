"""The computational graph as a drawing: each value with its number above, its gradient below."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gradus.compiler import Graph
from gradus.errors import ArgumentError
from gradus.explain import svg
from gradus.explain.find import way_to
from gradus.explain.picture import Arrow, Box, Picture
from gradus.explain.symbols import TEXT, formula, number, written
from gradus.explain.text import operation
from gradus.explain.way import Leaf, Step, Way
from gradus.files import write_bytes
from gradus.tensor import Tensor
from gradus.types import Array, bool_

_MOST = 1000  # boxes; beyond, nobody finds anything
_LABELLED = 60  # arrows that have room for their local derivatives
_TITLE = 30  # characters of a formula in a box


class Drawing:
    """A picture of a graph. A notebook shows it; ``str`` and ``svg`` give the SVG document."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.svg = svg.of(picture)

    def __str__(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        boxes, arrows = len(self.picture.boxes), len(self.picture.arrows)
        return f"<{self.picture.title}: {boxes} boxes, {arrows} arrows; .save('graph.svg')>"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        """For notebooks, which would squeeze a broad picture: this one scrolls."""
        return f'<div style="overflow-x: auto">{self.svg}</div>'

    def save(self, path: str | Path) -> None:
        """Write the SVG document, whole or not at all.

        Raises:
            FileError: the folder cannot be written.
            ArgumentError: a file name that does not end in .svg.
        """
        file = Path(path)
        if file.suffix.lower() != ".svg":
            raise ArgumentError(
                "a drawing is saved as .svg",
                received=str(path),
                remedy="save it as .svg; browsers and rsvg-convert make other forms of it",
            )
        write_bytes(file, self.svg.encode(), "drawing")


def draw(output: Tensor | Graph, /, *, grain: str = "operation", **names: Tensor) -> Drawing:
    """Draw how a tensor was computed: the computational graph, with values and gradients.

    A box is a value, with its number above the line and the derivative of the output below. An
    arrow leads from an operand to what is computed of it; on it, in small graphs, stands the local
    derivative. Of arrays there are the shape, the least and the greatest number.

    Args:
        output: a recorded tensor, as for ``arithmetic``; or the graph of a traced function, where
            types stand in the place of numbers.
        grain: ``"operation"``, or ``"layer"``, as for ``arithmetic``.
        names: names for tensors on the way, as for ``arithmetic``.

    Raises:
        ArgumentError, GradientError: as ``arithmetic``; names or layers for a traced graph; no
            box, or more than 1000.

    >>> import gradus as gd
    >>> a, b, w, t = (gd.tensor(v, requires_grad=True) for v in (1.0, 2.0, 2.0, 4.0))
    >>> L = ((a + b) * w - t) ** 2 + w ** 2
    >>> draw(L, a=a, b=b, w=w, t=t)
    <Computational graph of L: 10 boxes, 10 arrows; .save('graph.svg')>
    """
    if isinstance(output, Graph):
        if names or grain != "operation":
            raise ArgumentError(
                "a traced graph is drawn by operations, under its own names",
                received=f"grain={grain!r} and names for {', '.join(names) or 'nothing'}",
                remedy="draw the tensor that the function gives outside of a trace",
            )
        return Drawing(_checked(_of_graph(output)))
    return Drawing(_checked(_of_way(way_to(output, grain, names), grain)))


def _checked(picture: Picture) -> Picture:
    if not 1 <= len(picture.boxes) <= _MOST:
        raise ArgumentError(
            f"a drawing has 1 to {_MOST} boxes",
            received=len(picture.boxes),
            remedy="draw a smaller part, or a layer at a time: grain='layer'",
        )
    return picture


# ── What was computed ───────────────────────────────────────────────────────────────────────────


def _of_way(way: Way, grain: str) -> Picture:
    gradients = {g.name: g.value for g in way.backward}
    if way.backward:
        last = way.forward[-1].value
        gradients[way.name] = np.ones(last.shape, last.dtype)
    slopes = {(s.step, s.position): s.local for g in way.backward for s in g.shares}
    places: dict[Leaf | Step, int] = {}
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    for step in way.forward:
        starts = []
        for k, value in [*enumerate(step.operands), *((-1, leaf) for leaf in step.own)]:
            if isinstance(value, Leaf) and (value not in places or value.kind == "constant"):
                places[value] = len(boxes)
                boxes.append(_leaf(value, way.name, gradients))
            local = slopes.get((step, k))
            label = number(local.item(), 4) if local is not None and local.size == 1 else ""
            starts.append((places[value], label))
        places[step] = len(boxes)
        boxes.append(_step(step, way.name, gradients, grain))
        arrows += [Arrow(start, len(boxes) - 1, label) for start, label in starts]
    if len(arrows) > _LABELLED:
        arrows = [Arrow(a.start, a.end) for a in arrows]
    notes = [("", "above the line: the value" if way.backward else "in a box: the value")]
    if way.backward:
        name = TEXT.name(way.name)
        notes.append(("gradient", f"below the line: the gradient, ∂{name}/∂(this value)"))
    if any(a.label for a in arrows):
        notes.append(("local", "on an arrow: local derivative, ∂(its end)/∂(its start)"))
    title = f"Computational graph of {TEXT.name(way.name)}"
    return Picture(title, tuple(boxes), tuple(arrows), tuple(notes))


def _leaf(leaf: Leaf, output: str, gradients: dict[str, Array]) -> Box:
    if leaf.name is None:
        return Box("constant", "", "", _look(leaf.value), about=f"constant {written(leaf.value)}")
    name = TEXT.name(leaf.name)
    about = f"{name} = {written(leaf.value)}"
    gradient = gradients.get(leaf.name)
    told, shown = _gradient(name, TEXT.name(output), gradient)
    return Box(leaf.kind, _cut(name), _cut(name), _look(leaf.value), shown, about + told)


def _step(step: Step, output: str, gradients: dict[str, Array], grain: str) -> Box:
    name, whole = TEXT.name(step.name), operation(step)
    short = step.op if grain == "layer" else whole
    if len(short) > _TITLE:
        short = f"{step.op}(…)" if grain == "operation" else _cut(short)
    told, shown = _gradient(name, TEXT.name(output), gradients.get(step.name))
    kind = "output" if step.name == output else "operation"
    about = f"{name} = {whole} = {written(step.value)}{told}"
    return Box(kind, _cut(name), f"{_cut(name)} = {short}", _look(step.value), shown, about)


def _gradient(name: str, output: str, gradient: Array | None) -> tuple[str, str]:
    """What is told of a gradient, and what is shown of it."""
    if gradient is None:
        return "", ""
    return f"; ∂{output}/∂{name} = {written(gradient)}", _look(gradient, shape=False)


def _look(array: Array, *, shape: bool = True) -> str:
    """A number, a few numbers, or of many the shape, the least and the greatest."""
    if array.size == 1:
        return number(array.item(), 4)
    if array.size == 0:
        return f"empty, {'×'.join(map(str, array.shape))}"
    if array.ndim == 1 and array.size <= 3:
        return f"[{', '.join(number(x, 3) for x in array.tolist())}]"
    numbers = _range(array)
    return f"{'×'.join(map(str, array.shape))}: {numbers}" if shape else numbers


def _range(array: Array) -> str:
    """The least and the greatest number; how many are none."""
    if array.dtype == bool_:
        return f"{number(100 * float(array.mean()), 3)} % True"
    known = array[array == array]  # NaN alone does not equal itself
    if known.size == 0:
        return "all nan"
    low, high = (number(x.item(), 3) for x in (known.min(), known.max()))
    lost = f", {array.size - known.size} nan" if known.size < array.size else ""
    return (f"all {low}" if low == high and not lost else f"{low} … {high}") + lost


def _cut(text: str, most: int = _TITLE) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


# ── What was traced ─────────────────────────────────────────────────────────────────────────────


def _of_graph(graph: Graph) -> Picture:
    outputs: dict[int, list[str]] = {}
    for name, place in graph.outputs.items():
        outputs.setdefault(place, []).append(name)
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    places: dict[int, int] = {}
    for place, node in enumerate(graph.nodes):
        if node.is_constant and place not in outputs:
            continue  # a box for each use
        starts = []
        for i in node.inputs:
            if i not in places or graph.nodes[i].is_constant:
                places[i] = len(boxes)
                boxes.append(_node(graph, i, []))
            starts.append(places[i])
        places[place] = len(boxes)
        boxes.append(_node(graph, place, outputs.get(place, [])))
        arrows += [Arrow(start, len(boxes) - 1) for start in starts]
    title = f"Traced graph of {', '.join(graph.outputs)}"
    return Picture(title, tuple(boxes), tuple(arrows), (("", "in a box: dtype and shape"),))


def _node(graph: Graph, place: int, outputs: list[str]) -> Box:
    node = graph.nodes[place]
    type_ = str(node.type)
    if node.value is not None and not outputs:
        return Box("constant", "", "", _look(node.value), about=f"constant {written(node.value)}")
    name = _called(graph, place)
    whole = name
    if node.value is not None:
        whole = f"{name} = {_look(node.value)}"
    elif node.op is not None:
        operands = [_called(graph, i) for i in node.inputs]
        shape = graph.nodes[node.inputs[0]].type.shape if node.inputs else ()
        whole = f"{name} = {formula(node.op.name, operands, node.params, shape)}"
    title = f"{name} = {node.op.name}(…)" if node.op and len(whole) > _TITLE else _cut(whole)
    if outputs:
        names = ", ".join(outputs)
        short = _cut(names)
        return Box("output", short, f"{short}: {title}", type_, about=f"{names}: {whole}, {type_}")
    kind = "input" if node.op is None else "operation"
    return Box(kind, _cut(name), title, type_, about=f"{whole}, {type_}")


def _called(graph: Graph, place: int) -> str:
    node = graph.nodes[place]
    if node.name is not None:
        return TEXT.name(node.name)
    return written(node.value) if node.value is not None else f"%{place}"
