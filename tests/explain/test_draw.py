"""Drawings: every value and gradient stands there once, as text, whatever it is called."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.explain.test_arithmetic import lecture
from tests.programs import RandomProgram, programs

import gradus as gd
from gradus import explain, losses, nn, ops
from gradus.compiler import trace
from gradus.errors import ArgumentError, FileError, GradientError
from gradus.types import is_float

SVG = "{http://www.w3.org/2000/svg}"


def drawn(drawing: explain.Drawing) -> ElementTree.Element:
    """The picture, read as XML."""
    return ElementTree.fromstring(drawing.svg)


def texts(drawing: explain.Drawing) -> list[list[str]]:
    """What is written in each box: its title, value and gradient."""
    groups = [g for g in drawn(drawing).iter(f"{SVG}g") if g.get("role") == "img"]
    return [["".join(t.itertext()) for t in g.findall(f"{SVG}text")] for g in groups]


def network() -> tuple[nn.Module, gd.Tensor]:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
    labels = np.arange(8) % 10
    return net, losses.mean(losses.cross_entropy(net(gd.ones((8, 64))), labels))


def test_the_lectures_graph_shows_its_values_gradients_and_local_derivatives() -> None:
    output, named = lecture()
    drawing = explain.draw(output, **named)
    assert sorted(texts(drawing)) == sorted([
        ["a parameter", "1", "8"], ["b parameter", "2", "8"], ["w parameter", "2", "16"],
        ["t parameter", "4", "−4"], ["u₁ = a + b", "3", "8"], ["u₂ = u₁ · w", "6", "4"],
        ["u₃ = u₂ − t", "2", "4"], ["u₄ = u₃²", "4", "1"], ["u₅ = w²", "4", "1"],
        ["L = u₄ + u₅ output", "8", "1"],
    ])  # fmt: skip
    local = [t.text for t in drawn(drawing).iter(f"{SVG}text") if t.get("class") == "local"]
    assert sorted(map(str, local)) == sorted(["1"] * 5 + ["−1", "2", "3", "4", "4"])


def test_the_picture_in_the_docs_is_the_one_that_is_drawn() -> None:
    output, named = lecture()
    there = Path(__file__).parents[2] / "docs" / "images" / "graph.svg"
    assert there.read_text(encoding="utf-8") == explain.draw(output, **named).svg


@given(programs())
def test_every_value_and_gradient_stands_in_its_box_once(program: RandomProgram) -> None:
    results = program.function(*program.tensors())
    squares = [(r * r).sum() for r in results if is_float(r.dtype) and r.requires_grad]
    if not squares or squares[0].record is None:
        return
    output = sum(squares[1:], squares[0])
    drawing = explain.draw(output)
    way = explain.arithmetic(output)
    boxes = drawing.picture.boxes
    shown = [[text for text in (box.value, box.gradient) if text] for box in boxes]
    found = texts(drawing)
    assert [row[1:] for row in found[: len(boxes)]] == shown
    assert all(len(row) == 1 for row in found[len(boxes) :])  # those that stand for others
    gradients = {g.name for g in way.backward} | {way.name}
    assert {b.name for b in boxes if b.gradient} == gradients
    titled = [b.title for b in boxes if b.kind in ("operation", "output")]
    assert [t.split(" = ")[0] for t in titled] == [s.name for s in way.forward]


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=20))
@example("</text><script>alert(1)</script>")
@example("\x00 \x0b \ud800 \uffff & ' \" ]]>")
@example("L → ∂L/∂L " * 20)
def test_any_name_makes_well_formed_xml(name: str) -> None:
    x = gd.tensor([1.0, 2.0], requires_grad=True, name=name)
    drawing = explain.draw((x * 3.0).sum())
    root = drawn(drawing)
    drawing.svg.encode()
    assert {e.tag.removeprefix(SVG) for e in root.iter()} == {
        "svg", "title", "desc", "style", "defs", "marker", "path", "rect", "g", "text", "tspan",
    }  # fmt: skip


def test_the_picture_and_each_box_have_words_for_those_who_cannot_see_them() -> None:
    output, named = lecture()
    root = drawn(explain.draw(output, **named))
    ids = {e.get("id"): "".join(e.itertext()) for e in root.iter() if e.get("id")}
    labelled = [e for e in root.iter() if e.get("role") == "img"]
    assert len(labelled) == 11
    said = [[ids[key] for key in str(e.get("aria-labelledby")).split()] for e in labelled]
    assert said[0][0] == "Computational graph of L"
    assert "w = 2; ∂L/∂w = 16." in said[0][1]
    assert ["w, parameter", "w = 2; ∂L/∂w = 16"] in said
    assert ["u₂, operation", "u₂ = u₁ · w = 6; ∂L/∂u₂ = 4"] in said


def test_text_is_never_smaller_than_11_pixels() -> None:
    sizes = re.findall(r"font-size: (\d+)px", explain.draw(lecture()[0]).svg)
    assert sizes
    assert min(map(int, sizes)) >= 11


def test_two_drawings_on_one_page_have_no_name_in_common() -> None:
    output, named = lecture()
    one, two = (drawn(explain.draw(output, **n)) for n in (named, {}))
    ids = [{e.get("id") for e in root.iter() if e.get("id")} for root in (one, two)]
    assert not ids[0] & ids[1]
    assert explain.draw(output, **named).svg == explain.draw(output, **named).svg


def test_kinds_are_told_apart_by_words_and_the_legend_explains_those_that_occur() -> None:
    x, w = gd.tensor(2.0, name="x"), gd.tensor(3.0, requires_grad=True, name="w")
    drawing = explain.draw(ops.tanh(x * w * 0.5))
    kinds = {b.name or b.value: b.kind for b in drawing.picture.boxes}
    assert kinds == {
        "x": "input", "w": "parameter", "0.5": "constant", "u₁": "operation",
        "u₂": "operation", "L": "output",
    }  # fmt: skip
    legend = [t.text for t in drawn(drawing).iter(f"{SVG}text") if "legend" in str(t.get("class"))]
    assert legend == [
        "input: data", "parameter: its derivative is asked for", "constant", "operation", "output",
        "above the line: the value", "below the line: the gradient, ∂L/∂(this value)",
        "on an arrow: local derivative, ∂(its end)/∂(its start)",
    ]  # fmt: skip
    legend = [str(t.text) for t in drawn(explain.draw(lecture()[0])).iter(f"{SVG}text")]
    assert "input: data" not in legend


def test_a_constant_is_drawn_wherever_it_is_used() -> None:
    x = gd.tensor(2.0, requires_grad=True, name="x")
    boxes = explain.draw(ops.where(ops.greater(x, 0.0), x * 2.0, x + 2.0)).picture.boxes
    assert [b.value for b in boxes if b.kind == "constant"] == ["2", "2"]


def test_a_network_is_drawn_a_layer_at_a_time_with_its_parameters() -> None:
    net, loss = network()
    drawing = explain.draw(loss, grain="layer")
    assert [(b.kind, b.title) for b in drawing.picture.boxes] == [
        ("input", "x₁"), ("parameter", "weight₁"), ("parameter", "bias₁"),
        ("operation", "u₁ = Linear(64 → 100)"), ("operation", "u₂ = ReLU()"),
        ("parameter", "weight₂"), ("parameter", "bias₂"),
        ("operation", "u₃ = Linear(100 → 10)"), ("constant", ""),
        ("operation", "u₄ = cross_entropy"), ("output", "L = mean"),
    ]  # fmt: skip
    found = {b.name: b for b in drawing.picture.boxes}
    slope = gd.grad(loss, net[2].bias).numpy()
    assert found["bias₂"].gradient == f"{slope.min():.3g} … {slope.max():.3g}".replace("-", "−")
    assert found["u₁"].value.startswith("8×100: ")


def test_what_a_network_is_given_is_an_input_though_its_derivative_is_asked_for() -> None:
    x = gd.tensor([[1.0, 2.0]], requires_grad=True)
    layer = nn.Linear(2, 1)  # kept: an explanation does not keep alive what it tells of
    way = gd.explain.arithmetic(layer(x), x=x)
    kinds = {leaf.name: leaf.kind for step in way.forward for leaf in (*step.operands, *step.own)
             if isinstance(leaf, explain.Leaf)}  # fmt: skip
    assert kinds == {"x": "input", "weight₁": "parameter", "bias₁": "parameter"}


def test_arrays_show_their_shape_and_range_and_dead_ones_say_so() -> None:
    x = gd.tensor(-np.ones((4, 5)), requires_grad=True, name="x")
    boxes = {b.name: b for b in explain.draw(ops.relu(x).sum()).picture.boxes}
    assert (boxes["x"].value, boxes["x"].gradient) == ("4×5: all −1", "all 0")
    assert [b.value for b in boxes.values() if "True" in b.value] == ["4×5: 100 % True"]
    y = gd.tensor([0.5, -2.0], requires_grad=True, name="y")
    assert explain.draw((y * y).sum()).picture.boxes[0].value == "[0.5, −2]"


def test_a_traced_graph_shows_types() -> None:
    graph = trace(lambda x, w: ops.tanh(x @ w).sum(axis=1), gd.ones((2, 3)), gd.ones((3, 4))).graph
    drawing = explain.draw(graph)
    assert sorted(texts(drawing)) == sorted([
        ["x input", "float32[2, 3]"], ["w input", "float32[3, 4]"], ["%2 = x @ w", "float32[2, 4]"],
        ["%3 = tanh(%2)", "float32[2, 4]"], ["result: %4 = sum(%3, axis=1) output", "float32[2]"],
    ])  # fmt: skip
    with pytest.raises(ArgumentError, match="drawn by operations"):
        explain.draw(graph, grain="layer")


def test_every_output_of_a_traced_graph_is_one_here() -> None:
    graph = trace(lambda x: (x, x * 2.0, gd.tensor(3.0)), gd.tensor(1.0)).graph
    kinds = [(b.kind, b.name) for b in explain.draw(graph).picture.boxes]
    assert sorted(name for kind, name in kinds if kind == "output") == sorted(graph.outputs)


def test_a_value_that_is_no_single_number_is_drawn_without_gradients() -> None:
    x = gd.tensor([1.0, -2.0], requires_grad=True, name="x")
    drawing = explain.draw(x * 2.0)
    assert [b.gradient for b in drawing.picture.boxes] == ["", "", ""]
    assert "the gradient" not in drawing.svg
    assert "in a box: the value" in drawing.svg


def recurrence(steps: int) -> gd.Tensor:
    w, u = (gd.tensor(np.eye(2) * 0.9, requires_grad=True, name=n) for n in "wu")
    h = gd.tensor(np.zeros((1, 2)))
    for _ in range(steps):
        h = ops.tanh(h @ w + gd.tensor(np.ones((1, 2))) @ u)
    return (h * h).sum()


def test_a_long_recurrence_is_folded_to_a_page_that_can_be_read() -> None:
    drawing = explain.draw(recurrence(38))
    assert len(drawing.picture.boxes) == 195
    root = drawn(drawing)
    # In one piece its 117 layers would take 12,000 pixels.
    assert max(float(str(root.get(side))) for side in ("width", "height")) < 4000
    assert len([row for row in texts(drawing) if row[0] == "w"]) > 5  # named where it is read


def test_too_large_a_graph_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"1 to 1000 boxes; received .*grain='layer'"):
        explain.draw(recurrence(260))


def test_a_graph_of_nothing_is_refused() -> None:
    with pytest.raises(ArgumentError, match="1 to 1000 boxes; received 0"):
        explain.draw(trace(lambda: 3).graph)


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_none_and_arrays_without_numbers_are_drawn() -> None:
    x = gd.tensor([np.nan, np.inf, -np.inf, 1.0], requires_grad=True, name="x")
    none = gd.tensor(np.zeros((0, 3)), requires_grad=True, name="none")
    compiled = gd.compile(lambda a: a * 2.0)
    boxes = {b.name: b for b in explain.draw((compiled(x) + none.sum()).sum()).picture.boxes}
    assert boxes["x"].value == "4: −inf … inf, 1 nan"
    assert (boxes["none"].value, boxes["none"].gradient) == ("empty, 0×3", "empty, 0×3")
    assert boxes["u₁"].title == "u₁ = compiled(x)"


def test_what_arithmetic_refuses_is_not_drawn() -> None:
    output, named = lecture()
    with pytest.raises(ArgumentError, match="operation, layer; received 'line'"):
        explain.draw(output, grain="line")
    with pytest.raises(ArgumentError, match="computed from others"):
        explain.draw(gd.tensor(1.0))
    with pytest.raises(ArgumentError, match="on the way to the output; received q"):
        explain.draw(output, q=gd.tensor(1.0))
    with pytest.raises(ArgumentError, match="take tensors; received int"):
        explain.draw(3)  # type: ignore[arg-type]
    named["a"].assign(5.0)
    with pytest.raises(GradientError, match="changed in place"):
        explain.draw(output)


def test_a_drawing_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    drawing = explain.draw(lecture()[0])
    file = tmp_path / "graph.svg"
    drawing.save(file)
    assert file.read_text(encoding="utf-8") == str(drawing) == drawing._repr_svg_()
    with pytest.raises(ArgumentError, match=r"saved as \.svg"):
        drawing.save(tmp_path / "graph.png")
    with pytest.raises(FileError, match="drawing must be written"):
        drawing.save(tmp_path / "nowhere" / "graph.svg")
    assert os.listdir(tmp_path) == ["graph.svg"]
