"""The way to a number: its steps are the computation, and its shares add up to the gradients."""

from __future__ import annotations

import gc
import math
import re
import weakref
from dataclasses import dataclass
from io import StringIO
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.programs import RandomProgram, programs

import gradus as gd
from gradus import explain, losses, nn, ops
from gradus.errors import ArgumentError, GradientError
from gradus.explain import text
from gradus.explain.symbols import derivative, number, written
from gradus.ops.primitive import Draw
from gradus.types import is_float


def lecture() -> tuple[gd.Tensor, dict[str, gd.Tensor]]:
    """The graph of lecture 003."""
    values = {"a": 1.0, "b": 2.0, "w": 2.0, "t": 4.0}
    v = {n: gd.tensor(x, requires_grad=True) for n, x in values.items()}
    return ((v["a"] + v["b"]) * v["w"] - v["t"]) ** 2 + v["w"] ** 2, v


def formulas(way: explain.Way) -> list[str]:
    return [text.operation(step) for step in way.forward]


def test_the_lectures_graph_has_its_values_gradients_and_local_derivatives() -> None:
    output, named = lecture()
    way = explain.arithmetic(output, **named)
    assert [(s.name, s.value.item()) for s in way.forward] == [
        ("u₁", 3), ("u₂", 6), ("u₃", 2), ("u₄", 4), ("u₅", 4), ("L", 8),
    ]  # fmt: skip
    found = {g.name: g for g in way.backward}
    assert [found[n].value.item() for n in "abwt"] == [8, 8, 16, -4]
    locals_ = {(s.step.name, n): s.local for n, g in found.items() for s in g.shares}
    assert {k: float(a) for k, a in locals_.items() if a is not None} == {
        ("u₁", "a"): 1, ("u₁", "b"): 1, ("u₂", "u₁"): 2, ("u₂", "w"): 3, ("u₃", "u₂"): 1,
        ("u₃", "t"): -1, ("u₄", "u₃"): 4, ("u₅", "w"): 4, ("L", "u₄"): 1, ("L", "u₅"): 1,
    }  # fmt: skip


def test_where_paths_meet_the_shares_stand_side_by_side() -> None:
    output, named = lecture()
    line = next(x for x in str(explain.arithmetic(output, **named)).split("\n") if "∂L/∂w" in x)
    assert "4 · [u₁ = 3] + 1 · [2·w = 4]" in line
    assert line.endswith("=  16")


@given(programs())
def test_the_gradients_are_those_of_autodiff(program: RandomProgram) -> None:
    tensors = program.tensors()
    results = program.function(*tensors)
    squares = [(r * r).sum() for r in results if is_float(r.dtype) and r.requires_grad]
    if not squares or squares[0].record is None:
        return
    for k, t in enumerate(tensors):
        t.name = f"in{k}"
    output = sum(squares[1:], squares[0])
    found = {g.name: g.value for g in explain.arithmetic(output).backward}
    for t in tensors:
        if t.name in found:
            np.testing.assert_array_equal(found[t.name], gd.grad(output, t).numpy())


def test_a_value_that_is_read_whole_and_in_slices_has_the_bits_of_autodiff() -> None:
    x = gd.tensor(Draw()(4, 6), requires_grad=True, name="x")
    y = x * x
    read = [ops.sin(y), y[:2] ** 2, ops.exp(y[:, 1]), y[2:] ** 3, y[:2] * 0.3, ops.tanh(y)]
    for kept in range(1, 1 << len(read)):
        output = sum((r.sum() for k, r in enumerate(read) if kept >> k & 1), gd.tensor(0.0))
        found = {g.name: g.value for g in explain.arithmetic(output).backward}
        np.testing.assert_array_equal(found["x"], gd.grad(output, x).numpy())


@given(programs())
def test_the_shares_of_every_value_add_up_to_its_gradient(program: RandomProgram) -> None:
    results = program.function(*program.tensors())
    squares = [(r * r).sum() for r in results if is_float(r.dtype) and r.requires_grad]
    if not squares or squares[0].record is None:
        return
    output = sum(squares[1:], squares[0])
    gradients = explain.arithmetic(output).backward
    for gradient in gradients:
        parts = [s.outgoing for s in gradient.shares]
        if all(np.isfinite(p).all() for p in parts):
            size = sum(float(np.abs(p).max(initial=0)) for p in parts)
            np.testing.assert_allclose(sum(parts), gradient.value, rtol=1e-4, atol=1e-5 * size)


ONE: dict[str, Any] = {
    "negative": lambda x: -x, "square": ops.square, "exp": ops.exp, "expm1": ops.expm1,
    "log": ops.log, "log1p": ops.log1p, "sqrt": ops.sqrt, "tanh": ops.tanh,
    "sigmoid": ops.sigmoid, "abs": ops.abs, "sin": ops.sin, "cos": ops.cos,
}  # fmt: skip
TWO: dict[str, Any] = {
    "add": lambda x, y: x + y, "subtract": lambda x, y: x - y, "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y, "power": lambda x, y: x**y,
}  # fmt: skip


def evaluated(formula: str) -> float:
    """The number of a formula as it is written."""
    for sign, python in {"−": "-", "·": "*", "²": "**2", "^": "**"}.items():
        formula = formula.replace(sign, python)
    names = {n: getattr(math, n) for n in ("exp", "log", "sin", "cos", "sqrt")}
    return float(eval(formula, {"sign": lambda x: math.copysign(1, x), **names}))


@pytest.mark.parametrize("name", [*ONE, *TWO])
@given(x=st.floats(0.25, 3), y=st.floats(0.25, 3))
def test_the_formula_of_a_local_derivative_gives_the_local_derivative(
    name: str, x: float, y: float
) -> None:
    given = [gd.tensor(np.array(v), requires_grad=True) for v in (x, y)]
    result = ONE[name](given[0]) if name in ONE else TWO[name](*given)
    step = explain.arithmetic(result, a=given[0]).forward[-1]
    assert step.op == name
    gradients = gd.grad(result, given[: len(step.operands)])
    for k, gradient in enumerate(gradients):
        operands = [repr(float(v.value)) for v in step.operands]
        text = derivative(name, k, operands, repr(result.item()))
        assert evaluated(text) == pytest.approx(gradient.item(), rel=1e-9, abs=1e-12)


def test_tensors_have_the_names_that_they_are_given_or_their_own() -> None:
    x, w = gd.tensor([1.0, 2.0]), gd.tensor([3.0, 4.0], requires_grad=True, name="weights")
    z = (x * w).sum()
    way = explain.arithmetic(ops.tanh(z), input=x, z=z)
    assert formulas(way) == ["input · weights", "sum(u₁)", "tanh(z)"]
    assert way.forward[-1].name == "L"


def test_a_value_that_is_no_single_number_is_written_without_derivatives() -> None:
    x = gd.tensor([1.0, -2.0], requires_grad=True)
    assert str(explain.arithmetic(x * 2.0)) == ("Forward\n  L = x₁ · 2  =  [1, −2] · 2  =  [2, −4]")


def test_a_loss_of_a_network_is_written_out_too() -> None:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(20, 12), nn.ReLU(), nn.Linear(12, 3))
    loss = losses.mean(losses.cross_entropy(net(gd.ones((4, 20))), gd.tensor([0, 1, 2, 0])))
    way = explain.arithmetic(loss, W=net[0].weight)
    gradient = next(g for g in way.backward if g.name == "W")
    np.testing.assert_array_equal(gradient.value, gd.grad(loss, net[0].weight).numpy())
    assert "⟨12×20: " in str(way)


def test_a_network_of_the_digits_fits_a_screen_at_the_grain_of_layers() -> None:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
    x, y = gd.ones((4, 64)), gd.tensor([0, 1, 2, 0])
    loss = losses.mean(losses.cross_entropy(net(x), y))
    way = explain.arithmetic(loss, grain="layer", x=x, y=y)
    assert formulas(way) == [
        "Linear(64 → 100)(x)", "ReLU()(u₁)", "Linear(100 → 10)(u₂)", "cross_entropy(u₃, y)",
        "mean(u₄)",
    ]  # fmt: skip
    assert len(str(way).split("\n")) <= 24
    found = {g.name: g.value for g in way.backward}
    for name, t in {"weight₁": net[0].weight, "bias₂": net[2].bias}.items():
        np.testing.assert_array_equal(found[name], gd.grad(loss, t).numpy())


class Residual(nn.Module):
    """A result that is read inside and outside of the module that computes it."""

    def __init__(self) -> None:
        self.weight = gd.tensor(np.eye(3) * 0.5, requires_grad=True)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        h = ops.tanh(x @ self.weight)
        self.kept = h
        return h * h + ops.exp(h) + x


@pytest.mark.parametrize(
    "net",
    [
        lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 3)),
        lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm(3), nn.ELU(), nn.Softmax()),
        lambda: nn.Sequential(Residual(), nn.Tanh(), Residual()),
    ],
)
def test_the_shares_of_layers_add_up_to_the_gradients(net: Any) -> None:
    gd.manual_seed(0)
    network = net()
    x = gd.tensor(np.array([[1.0, -0.5, 0.2], [0.3, 2.0, -1.0]]), requires_grad=True)
    out = network(x)
    kept = [layer.kept for layer in network if isinstance(layer, Residual)]
    total = sum([(k * 3.0).sum() for k in kept], (out * gd.tensor([1.0, 2.0, -1.0])).sum())
    way = explain.arithmetic(total, grain="layer", x=x)
    fine = {g.name: g.value for g in explain.arithmetic(total, x=x).backward}
    for g in way.backward:
        parts = sum(s.outgoing for s in g.shares)
        np.testing.assert_allclose(parts, g.value, rtol=1e-5, atol=1e-6)
        if g.name in fine and not g.name.startswith("u"):
            np.testing.assert_array_equal(g.value, fine[g.name])


def test_an_unknown_grain_is_refused() -> None:
    output, named = lecture()
    with pytest.raises(ArgumentError, match="operation, layer; received 'line'"):
        explain.arithmetic(output, grain="line", **named)


def test_what_was_not_computed_has_no_way() -> None:
    with pytest.raises(ArgumentError, match="computed from others"):
        explain.arithmetic(gd.tensor(1.0, requires_grad=True))


def test_a_name_for_a_stranger_is_refused() -> None:
    output, named = lecture()
    with pytest.raises(ArgumentError, match="on the way to the output; received q"):
        explain.arithmetic(output, q=gd.tensor(1.0), **named)


def test_numbers_are_short_and_have_true_minus_signs() -> None:
    assert [number(x) for x in (1.0, -0.5, 1 / 3, 1e-9, -0.0)] == [
        "1", "−0.5", "0.333333", "1e−09", "0",
    ]  # fmt: skip
    assert written(np.zeros((0, 3))) == "[]"


# ── Other forms ─────────────────────────────────────────────────────────────────────────────────


def test_latex_has_a_line_for_each_step_and_derivative() -> None:
    output, named = lecture()
    steps, derivatives = explain.arithmetic(output, **named).latex().split(r"\end{align*}")[:2]
    assert [line.strip(" \\") for line in steps.strip().split("\n")[1:]] == [
        "u_{1} &= a + b && = 1 + 2 && = 3",
        r"u_{2} &= u_{1} \cdot w && = 3 \cdot 2 && = 6",
        "u_{3} &= u_{2} - t && = 6 - 4 && = 2",
        "u_{4} &= u_{3}^{2} && = 2^{2} && = 4",
        "u_{5} &= w^{2} && = 2^{2} && = 4",
        "L &= u_{4} + u_{5} && = 4 + 4 && = 8",
    ]
    assert (
        r"4 \cdot \underbrace{3}_{u_{1}} + 1 \cdot \underbrace{4}_{2 \, w} && = 16" in derivatives
    )
    assert r"4 \cdot (-1) && = -4" in derivatives


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12))
def test_any_name_makes_whole_latex_and_html(name: str) -> None:
    x = gd.tensor([1.0, 2.0], requires_grad=True, name=name)
    way = explain.arithmetic((x * 3.0).sum())
    text = way.latex().replace(r"\{", "").replace(r"\}", "")
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    elements = ElementTree.fromstring(
        re.sub(r"<style>.*?</style>", "", way.html(), flags=re.DOTALL)
    )
    assert len(elements.findall("table/tbody/tr")) == len(way.forward) + len(way.backward)


def test_a_notebook_shows_the_tables_and_rich_prints_every_number() -> None:
    output, named = lecture()
    way = explain.arithmetic(output, **named)
    assert way._repr_html_() == way.html()
    console = Console(width=100, record=True, file=StringIO())
    console.print(way)
    printed = console.export_text()
    cells = [
        c for row in way.html().split("<tr>")[1:] for c in re.findall(r"<t[dh].*?>(.*?)<", row)
    ]
    assert len(cells) == 4 * 15
    assert all(cell in printed for cell in cells)


# ── What formulas say ───────────────────────────────────────────────────────────────────────────

M = gd.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="m")


@pytest.mark.parametrize(
    ("computed", "formula", "latex"),
    [
        (lambda: M.sum(), "sum(m)", r"\operatorname{sum}(m)"),
        (lambda: M.sum(axis=1), "sum(m, axis=1)", r"\operatorname{sum}(m, \mathrm{axis}=1)"),
        (lambda: M.sum(axis=(0, 1)), "sum(m)", r"\operatorname{sum}(m)"),
        (
            lambda: M.max(axis=0, keepdims=True),
            "max(m, axis=0, keepdims=True)",
            r"\operatorname{max}(m, \mathrm{axis}=0, \mathrm{keepdims}=\mathrm{True})",
        ),
        (lambda: M[:, 1:], "m[:, 1:]", "m[:, 1:]"),
        (lambda: M[1:, ::-1], "m[1:, ::−1]", "m[1:, ::-1]"),
        (lambda: M[:1, ::2], "m[:1, ::2]", "m[:1, ::2]"),
        (lambda: M.T, "mᵀ", r"m^{\top}"),
        (
            lambda: M.reshape(3, 2),
            "reshape(m, shape=(3, 2))",
            r"\operatorname{reshape}(m, \mathrm{shape}=(3, 2))",
        ),
        (
            lambda: ops.concat([M, M], axis=1),
            "concat(m, m, axis=1)",
            r"\operatorname{concat}(m, m, \mathrm{axis}=1)",
        ),
        (
            lambda: M.astype("float32"),
            "astype(m, dtype=float32)",
            r"\operatorname{astype}(m, \mathrm{dtype}=\mathrm{float32})",
        ),
    ],
)
def test_what_an_operation_was_told_stands_in_its_formula(
    computed: Any, formula: str, latex: str
) -> None:
    way = explain.arithmetic(computed())
    assert formulas(way) == [formula]
    assert f"&= {latex} &&" in way.latex()


@pytest.mark.parametrize(
    ("name", "written", "latex"),
    [
        ("learning rate", "“learning rate”", r"\text{``learning rate''}"),
        ("a+b", "“a+b”", r"\text{``a+b''}"),
        ("2", "“2”", r"\text{``2''}"),
        ("x²", "“x²”", r"\text{``x²''}"),
        ("h′", "h′", r"\mathrm{h'}"),
        ("layer.weight", "layer.weight", r"\mathrm{layer.weight}"),
    ],
)
def test_names_that_could_be_taken_for_a_formula_stand_in_quotation_marks(
    name: str, written: str, latex: str
) -> None:
    x = gd.tensor(3.0, requires_grad=True, name=name)
    way = explain.arithmetic(x * 2.0)
    assert formulas(way) == [f"{written} · 2"]
    assert rf"{latex} \cdot 2" in way.latex()
    assert f"∂L/∂{written}" in str(way)


def test_all_that_a_loss_was_given_is_written() -> None:
    s = gd.tensor([[1.0, 2.0, 0.0]] * 2, requires_grad=True, name="s")
    target = np.array([0, 1])
    loss = losses.cross_entropy(s, target, label_smoothing=0.1)
    target[:] = 2  # what was computed with is written
    assert formulas(explain.arithmetic(losses.mean(loss, [1.0, 3.0]), grain="layer")) == [
        "cross_entropy(s, [0, 1], label_smoothing=0.1)", "mean(u₁, [1, 3])",
    ]  # fmt: skip
    many = losses.cross_entropy(s, target=gd.tensor([0, 2]))
    assert formulas(explain.arithmetic(many, grain="layer")) == ["cross_entropy(s, x₁)"]


def test_data_that_were_changed_after_the_call_are_not_written() -> None:
    s, y = gd.tensor([[1.0, 2.0]], requires_grad=True, name="s"), gd.tensor([1])
    loss = losses.cross_entropy(s, y)
    y.assign([0])
    assert formulas(explain.arithmetic(loss, grain="layer")) == ["cross_entropy(s)"]


# ── What is hard to explain ─────────────────────────────────────────────────────────────────────


def test_numbers_that_were_changed_afterwards_are_not_put_in() -> None:
    a, b = gd.tensor([1.0, 2.0], requires_grad=True), gd.tensor([3.0, 4.0], requires_grad=True)
    product = a * b
    b.assign([9.0, 9.0])
    with pytest.raises(GradientError, match="changed in place"):
        explain.arithmetic(product, a=a, b=b)


@pytest.mark.parametrize("grain", ["operation", "layer"])
def test_a_compiled_function_on_the_way_is_one_step(grain: str) -> None:
    a, b = gd.tensor(2.0, requires_grad=True), gd.tensor(3.0, requires_grad=True)
    compiled = gd.compile(lambda x, y: x * y + x)
    way = explain.arithmetic(compiled(a, b) * 2.0, grain=grain, a=a, b=b)
    assert {g.name: g.value.item() for g in way.backward if g.name in "ab"} == {"a": 8, "b": 4}


def test_beside_a_step_function_the_other_derivatives_are_given() -> None:
    a, w = gd.tensor(2.0, requires_grad=True), gd.tensor(3.0, requires_grad=True)
    way = explain.arithmetic(ops.sign(a) * w, a=a, w=w)
    assert formulas(way) == ["sign(a)", "u₁ · w"]
    assert {g.name: g.value.item() for g in way.backward if g.name == "w"} == {"w": 1}
    assert "a" not in {g.name for g in way.backward}


class Odd(nn.Module):
    """Fields with the names of other things."""

    def __init__(self) -> None:
        self.x, self.u = (gd.tensor(v, requires_grad=True) for v in (2.0, 3.0))

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return x * self.x + self.u * x


@pytest.mark.parametrize("grain", ["operation", "layer"])
def test_no_two_tensors_have_one_name(grain: str) -> None:
    a = gd.tensor(1.0, requires_grad=True, name="w")
    b = gd.tensor(2.0, requires_grad=True, name="w")
    c = gd.tensor(4.0, requires_grad=True, name="u₁")
    d = gd.tensor(5.0, requires_grad=True, name="L")
    way = explain.arithmetic((Odd()(a) * b + c) * d, grain=grain, **{"x₁": b})
    steps, derived = ([v.name for v in part] for part in (way.forward, way.backward))
    assert len(steps) == len(set(steps))
    assert len(derived) == len(set(derived))
    assert not {"w", "u₁", "L", "x₁"} & set(steps)


def test_a_tensor_has_one_name() -> None:
    output, named = lecture()
    with pytest.raises(ArgumentError, match="a tensor has one name"):
        explain.arithmetic(output, again=named["a"], **named)


def test_a_layer_is_written_with_all_tensors_that_it_was_given() -> None:
    s, y = gd.tensor([[1.0, 2.0]], requires_grad=True), gd.tensor([1])
    loss = losses.mean(losses.cross_entropy(prediction=s, target=y))
    way = explain.arithmetic(loss, grain="layer", s=s, y=y)
    assert formulas(way)[0] == "cross_entropy(s, y)"


def test_steps_stand_behind_what_they_read() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            self.w = gd.tensor([1.0], requires_grad=True)

        def forward(self, a: gd.Tensor, b: gd.Tensor) -> gd.Tensor:
            first = self.w * 2.0
            return (losses.squared_error(a, b) * first).sum()

    a, b = (gd.tensor([[v, v]], requires_grad=True) for v in (1.0, 3.0))
    two = Two()
    way = explain.arithmetic(two(a, b), grain="layer", a=a, b=b)
    assert [s.name for s in way.forward] == ["u₁", "L"]
    assert "u₁" in [v.name for v in way.forward[1].operands]


def test_sums_over_what_was_stretched_are_shown_and_signs_stand_in_parentheses() -> None:
    a = gd.tensor(2.0, requires_grad=True)
    text = str(explain.arithmetic((a + gd.tensor([1.0, 2.0])).sum(), a=a))
    assert "=  Σ [1, 1] · 1" in text
    text = str(explain.arithmetic(a - a * 2.0 - a * 3.0, a=a))
    assert "+ (−1) · 3" in text


def test_whole_numbers_are_written_in_full_and_powers_of_powers_in_parentheses() -> None:
    assert written(np.array(1234567)) == "1234567"
    x = gd.tensor(1e-7, requires_grad=True)
    way = explain.arithmetic(x**2 + x)
    assert "(1e−07)²" in str(way)
    assert "(10^{-7})^{2}" in way.latex()


def test_modules_that_cannot_be_hashed_are_explained() -> None:
    @dataclass
    class Data(nn.Module):
        scale: float = 2.0

        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return x * self.scale

    x = gd.tensor(3.0, requires_grad=True)
    assert formulas(explain.arithmetic(Data()(x), x=x))[0] == "x · 2"


@pytest.mark.parametrize(("output", "names"), [(3.0, {}), (None, {}), (gd.tensor(1.0), {"a": [1]})])
def test_what_is_no_tensor_is_refused(output: Any, names: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="take tensors"):
        explain.arithmetic(output, **names)


def test_calls_keep_no_past_alive() -> None:
    class Cell(nn.Module):
        def __init__(self) -> None:
            self.w = gd.tensor(0.9, requires_grad=True)

        def forward(self, h: gd.Tensor) -> gd.Tensor:
            self.kept = [h.detach() * self.w]
            return self.kept[0]

    cell, h = Cell(), gd.tensor(1.0)
    gone = []
    for _ in range(50):
        h = cell(h)
        gone.append(weakref.ref(h))
    assert sum(r() is not None for r in gone) <= 2
    module = weakref.ref(cell)
    gc.disable()
    try:
        del cell
        assert module() is None
    finally:
        gc.enable()


def test_arrays_are_written_with_all_their_axes() -> None:
    assert [written(np.array(a)) for a in (2.0, [2.0], [[2.0]], [[1.0], [3.0]])] == [
        "2", "[2]", "[[2]]", "[[1], [3]]",
    ]  # fmt: skip


def test_a_product_of_matrices_says_what_comes_in_and_what_it_is_multiplied_by() -> None:
    x, W = (
        gd.tensor([[1.0], [3.0]], requires_grad=True),
        gd.tensor([[2.0, 5.0]], requires_grad=True),
    )
    shown = re.sub(" +", " ", str(explain.arithmetic(ops.sum((x @ W) ** 2), x=x, W=W)))
    # ∂L/∂u₁ = 2 u₁ = [[4, 10], [12, 30]]; times [[2], [5]], and times [[1, 3]] from the left.
    assert "[[4, 10], [12, 30]] @ [[2, 5]]ᵀ = [[58], [174]]" in shown
    assert "[[1], [3]]ᵀ @ [[4, 10], [12, 30]] = [[40, 100]]" in shown


def test_a_matrix_that_meets_a_stack_gets_the_sum_over_the_stack() -> None:
    x, W = gd.ones((3, 1, 2)), gd.tensor([[1.0], [2.0]], requires_grad=True)
    way = explain.arithmetic(ops.sum(x @ W), x=x, W=W)
    [line] = (row for row in str(way).splitlines() if row.strip().startswith("∂L/∂W"))
    assert "Σ [[[1, 1]], [[1, 1]], [[1, 1]]]ᵀ @ [[[1]], [[1]], [[1]]]" in line
    assert line.endswith("=  [[3], [3]]")


def test_what_goes_through_a_layer_says_what_comes_in() -> None:
    layer, x = nn.Linear(2, 1), gd.tensor([[1.0, 2.0]])
    shown = str(explain.arithmetic(ops.sum(layer(x)) * 3.0, grain="layer", x=x))
    assert "[[3]] through u₁" in shown
