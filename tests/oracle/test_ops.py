"""Every operation against PyTorch: values, first and second derivatives, and special inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradus as gd
from gradus import ops
from gradus.ops.primitive import COMPOSITES, PRIMITIVES, Call, every_sample

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.oracle

# ── The table: our name, PyTorch's function of the same operands and parameters ─────────────────


def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(x: Any, axis: Any = None, keepdims: bool = False, **more: Any) -> Any:
        axes = tuple(range(x.ndim)) if axis is None else axis
        return function(x, dim=axes, keepdim=keepdims, **more) if x.ndim else function(x, dim=())

    return reduced


def position(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False: function(x, dim=axis, keepdim=keepdims)


def ranges(shape: Any, bounds: Any) -> list[Any]:
    return [torch.tensor(list(range(n)[slice(*b)])) for n, b in zip(shape, bounds, strict=True)]


def part(x: Any, bounds: Any) -> Any:
    for axis, places in enumerate(ranges(x.shape, bounds)):
        x = torch.index_select(x, axis, places.long())
    return x


def whole(x: Any, shape: Any, bounds: Any, fill: float = 0.0) -> Any:
    places = torch.meshgrid(*ranges(shape, bounds), indexing="ij")
    return torch.full(shape, fill, dtype=x.dtype).index_put(places, x)


def padded(x: Any, widths: Any, value: float = 0.0) -> Any:
    return F.pad(x, [w for pair in reversed(widths) for w in pair], value=value)


def taken(x: Any, indices: Any, axis: int = 0) -> Any:
    return x[(slice(None),) * axis + (indices,)]


def added_at(values: Any, indices: Any, axis: int, length: int) -> Any:
    flat = values.flatten(axis, axis + indices.ndim - 1)
    shape = (*values.shape[:axis], length, *values.shape[axis + indices.ndim :])
    zeros = torch.zeros(shape, dtype=values.dtype)
    return zeros.index_add(axis, indices.flatten() % length, flat)


def added_along(values: Any, indices: Any, axis: int, length: int) -> Any:
    shape = (*values.shape[:axis], length, *values.shape[axis + 1 :])
    return torch.zeros(shape, dtype=values.dtype).scatter_add(axis, indices % length, values)


def windows(x: Any, window: Any, stride: Any = 1, dilation: Any = 1) -> Any:
    k = len(window)
    strides = (stride,) * k if isinstance(stride, int) else stride
    dilations = (dilation,) * k if isinstance(dilation, int) else dilation
    for i in range(k):
        x = x.unfold(x.ndim - k, (window[i] - 1) * dilations[i] + 1, strides[i]) if k == 1 else x
    if k == 2:
        x = x.unfold(-2, (window[0] - 1) * dilations[0] + 1, strides[0])
        x = x.unfold(-2, (window[1] - 1) * dilations[1] + 1, strides[1])
    return x[(..., *(slice(None, None, d) for d in dilations))]


def folded(y: Any, lengths: Any, **params: Any) -> Any:
    """The transpose of ``windows``, by PyTorch's own differentiation."""
    x = torch.zeros((*y.shape[: -2 * len(lengths)], *lengths), dtype=y.dtype, requires_grad=True)
    return torch.autograd.grad((windows(x, **params) * y).sum(), x, create_graph=True)[0]


def clamped(x: Any, min: Any = None, max: Any = None) -> Any:
    return torch.clamp(x, min, max)


TABLE: dict[str, Callable[..., Any]] = {
    "abs": torch.abs,
    "add": torch.add,
    "argmax": position(torch.argmax),
    "argmin": position(torch.argmin),
    "astype": lambda x, dtype: x.to(getattr(torch, str(dtype))),
    "bitwise_right_shift": torch.bitwise_right_shift,
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
    "clip": clamped,
    "concat": lambda *parts, axis: torch.cat(parts, dim=axis),
    "cos": torch.cos,
    "cumulative_sum": lambda x, axis=0: torch.cumsum(x, dim=axis),
    "divide": torch.divide,
    "equal": torch.eq,
    "erf": torch.erf,
    "exp": torch.exp,
    "expand_dims": lambda x, axis: torch.unsqueeze(x, axis),
    "expm1": torch.expm1,
    "flip": lambda x, axis=None: torch.flip(x, tuple(range(x.ndim)) if axis is None else (axis,)),
    "fold_windows": folded,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "isfinite": torch.isfinite,
    "less": torch.lt,
    "less_equal": torch.le,
    "log": torch.log,
    "log1p": torch.log1p,
    "log_sigmoid": F.logsigmoid,
    "log_softmax": lambda x, axis=-1: torch.log_softmax(x, dim=axis),
    "logaddexp": torch.logaddexp,
    "logical_and": torch.logical_and,
    "logical_not": torch.logical_not,
    "logical_or": torch.logical_or,
    "logsumexp": reduction(torch.logsumexp),
    "matmul": torch.matmul,
    "matrix_transpose": lambda x: x.mT,
    "max": reduction(torch.amax),
    "maximum": torch.maximum,
    "mean": reduction(torch.mean),
    "min": reduction(torch.amin),
    "minimum": torch.minimum,
    "multiply": torch.multiply,
    "negative": torch.negative,
    "not_equal": torch.ne,
    "pad": padded,
    "permute_dims": lambda x, axes=None: x.permute(axes or tuple(range(x.ndim))[::-1]),
    "power": torch.pow,
    "relu": torch.relu,
    "reshape": lambda x, shape: x.reshape(shape),
    "scatter_add": added_at,
    "scatter_add_along_axis": added_along,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "sin": torch.sin,
    "slice": part,
    "sliding_window": windows,
    "softmax": lambda x, axis=-1: torch.softmax(x, dim=axis),
    "softplus": F.softplus,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "squeeze": lambda x, axis: torch.squeeze(x, axis),
    "std": reduction(lambda x, dim, keepdim=False, correction=0: torch.std(
        x, dim=dim, keepdim=keepdim, correction=correction)),
    "stop_gradient": lambda x: x.detach(),
    "subtract": torch.subtract,
    "sum": reduction(torch.sum),
    "take": taken,
    "take_along_axis": lambda x, indices, axis=-1: torch.take_along_dim(
        x, indices % x.shape[axis], dim=axis),
    "tanh": torch.tanh,
    "unslice": whole,
    "var": reduction(lambda x, dim, keepdim=False, correction=0: torch.var(
        x, dim=dim, keepdim=keepdim, correction=correction)),
    "where": torch.where,
}  # fmt: skip

# PyTorch has no generator that is a function of (seed, step, site); tests/test_random.py compares
# with the published numbers of Philox instead.
WITHOUT_MATCH = {"random_bits"}

OURS: dict[str, Callable[..., Any]] = {
    **{name: op.function for name, op in COMPOSITES.items()},
    **PRIMITIVES,
    "matmul": ops.matmul,
}
ROWS = [
    pytest.param(name, sample, id=f"{name}-{i}")
    for name, op in [*PRIMITIVES.items(), *COMPOSITES.items()]
    if name not in WITHOUT_MATCH
    for i, sample in enumerate(every_sample(op))
]
# gradus refuses to differentiate sign, PyTorch gives 0.
SLOPE_ROWS = [row for row in ROWS if row.values[0] != "sign"]


def test_the_table_covers_every_operation() -> None:
    assert set(TABLE) | WITHOUT_MATCH == {*PRIMITIVES, *COMPOSITES}
    assert not set(TABLE) & WITHOUT_MATCH


# ── Comparing ───────────────────────────────────────────────────────────────────────────────────


def close(ours: Any, theirs: Any, rtol: float, atol: float = 0.0) -> None:
    ours = ours.numpy() if isinstance(ours, gd.Tensor) else ours
    theirs = theirs.detach().resolve_conj().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


def leaves(sample: Call) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Operands for both libraries, and those of them that are differentiated."""
    a = [gd.tensor(x, requires_grad=x.dtype.kind == "f") for x in sample.inputs]
    b = [torch.tensor(np.array(x)) for x in sample.inputs]
    for t in b:
        t.requires_grad_(t.is_floating_point())
    return a, b, [a[i] for i in sample.differentiable], [b[i] for i in sample.differentiable]


def weights(shape: Any, seed: int, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def filled(found: Any, like: Any) -> Any:
    return [torch.zeros_like(t) if g is None else g for g, t in zip(found, like, strict=True)]


def slopes(y: Any, x: list[Any], w: np.ndarray, create_graph: bool = False) -> list[Any]:
    return gd.grad((y * w).sum(), x, create_graph=create_graph, allow_unused=True)


def their_slopes(y: Any, x: list[Any], w: np.ndarray, create_graph: bool = False) -> list[Any]:
    total = (y * torch.tensor(w)).sum()
    if not total.requires_grad:
        return filled([None] * len(x), x)
    return filled(torch.autograd.grad(total, x, create_graph=create_graph, allow_unused=True), x)


@pytest.mark.parametrize(("name", "sample"), ROWS)
def test_values_are_pytorchs(name: str, sample: Call) -> None:
    a, b, _, _ = leaves(sample)
    ours, theirs = OURS[name](*a, **sample.params), TABLE[name](*b, **sample.params)
    # atol 1e-15: a sum that cancels to nearly 0 keeps the rounding of its terms.
    close(ours, theirs, 1e-10, 1e-15)


@pytest.mark.parametrize(("name", "sample"), ROWS)
def test_values_in_float32_are_pytorchs(name: str, sample: Call) -> None:
    narrow = [x.astype(np.float32) if x.dtype == np.float64 else x for x in sample.inputs]
    a, b, _, _ = leaves(Call(tuple(narrow), sample.params))
    ours, theirs = OURS[name](*a, **sample.params), TABLE[name](*b, **sample.params)
    close(ours, theirs, 1e-5, 1e-6)


@pytest.mark.parametrize(("name", "sample"), SLOPE_ROWS)
def test_first_and_second_derivatives_are_pytorchs(name: str, sample: Call) -> None:
    a, b, xa, xb = leaves(sample)
    ours, theirs = OURS[name](*a, **sample.params), TABLE[name](*b, **sample.params)
    if not xa or not ours.requires_grad:
        blocked = getattr(PRIMITIVES.get(name), "blocks_gradient", False)
        assert not theirs.requires_grad or blocked
        return
    w = weights(ours.shape, 0)
    ga, gb = slopes(ours, xa, w, True), their_slopes(theirs, xb, w, True)
    for g, h in zip(ga, gb, strict=True):
        close(g, h, 1e-8, 1e-14)
    u = [weights(x.shape, 1 + i) for i, x in enumerate(xa)]
    total = gd.tensor(0.0, "float64")
    their_total = torch.tensor(0.0, dtype=torch.float64)
    for g, h, v in zip(ga, gb, u, strict=True):
        total, their_total = total + (g * v).sum(), their_total + (h * torch.tensor(v)).sum()
    if not total.requires_grad:
        assert all(not s.any() for s in their_slopes(their_total, xb, np.ones(())))
        return
    second = slopes(total, xa, np.ones(()))
    for g, h in zip(second, their_slopes(their_total, xb, np.ones(())), strict=True):
        close(g, h, 1e-6, 1e-12)


# ── Layouts ─────────────────────────────────────────────────────────────────────────────────────

ELEMENTWISE = sorted(
    {n for n, op in PRIMITIVES.items() if op.elementwise and op.gradient_rule is not None}
    | {"clip", "log_sigmoid", "relu", "softplus"}
)
COUNT = {name: PRIMITIVES[name].arity if name in PRIMITIVES else 1 for name in ELEMENTWISE}
PARAMS: dict[str, dict[str, Any]] = {"clip": {"min": -0.5, "max": 0.75}}


def layouts() -> dict[str, list[np.ndarray]]:
    """Three operands each, positive so that logarithm and power are defined."""
    rng = np.random.default_rng(3)
    x, y, z = (rng.uniform(0.1, 2.0, size=(6, 4)) for _ in range(3))
    return {
        "transposed": [x.T, y.T, z.T],
        "every other": [x[::2, ::3], y[::2, ::3], z[::2, ::3]],
        "backwards": [x[::-1, ::-1], y[:, ::-1], z[::-1]],
        "stretched": [np.broadcast_to(x[0], (6, 4)), y, np.broadcast_to(z[:, :1], (6, 4))],
        "broadcast": [x[:, None, :1], y[0], z[:1, :1]],
        "against a scalar": [x, y[0, 0], z[0, 0]],
        "scalars": [np.asarray(x[0, 0]), np.asarray(y[0, 0]), np.asarray(z[0, 0])],
        "empty": [x[:0], y[:0], z[0]],
        "single": [x[:1, :1], y[:1, :1], z[:1, :1]],
    }


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_memory_layout_gives_pytorchs_numbers(name: str, layout: str) -> None:
    arrays = [np.asarray(x) for x in layouts()[layout][: COUNT[name]]]
    if name == "where":
        arrays[0] = arrays[0] > 1.0
    params = PARAMS.get(name, {})
    # Once as arrays handed in as they lie, once as tensors with derivatives.
    a, b, xa, xb = leaves(Call(tuple(arrays), params))
    theirs = TABLE[name](*b, **params)
    close(OURS[name](*arrays, **params), theirs, 1e-10)
    ours = OURS[name](*a, **params)
    close(ours, theirs, 1e-10)
    w = weights(ours.shape, 0)
    for g, h in zip(slopes(ours, xa, w), their_slopes(theirs, xb, w), strict=True):
        close(g, h, 1e-8, 1e-14)


# ── Special numbers ─────────────────────────────────────────────────────────────────────────────

TINY = {np.float32: 1e-45, np.float64: 5e-324}


def special(dtype: Any) -> np.ndarray:
    info, tiny = np.finfo(dtype), TINY[dtype]
    positive = [0.0, tiny, info.smallest_normal / 4, info.smallest_normal, info.eps, 0.5, 1.0,
                2.5, 3.0, 20.0, 88.5, 1e4, info.max, np.inf]  # fmt: skip
    return np.array([*positive, *(-v for v in positive), np.nan], dtype)


def every_combination(name: str, dtype: Any) -> list[np.ndarray]:
    values = special(dtype)
    if COUNT.get(name, 1) == 1:
        return [values]
    a, b = (m.reshape(-1) for m in np.meshgrid(values, values, indexing="ij"))
    return [a > 0, a, b] if name == "where" else [a, b]


def same_numbers(
    ours: np.ndarray, theirs: np.ndarray, rtol: float, given: Any, signed_zeros: bool = False
) -> None:
    """Equal within rtol, NaN in the same places, infinities equal, perhaps signs of zeros too."""
    both = np.isnan(ours) & np.isnan(theirs)
    with np.errstate(all="ignore"):
        # A result below the smallest normal number has fewer digits: compare by their distance.
        tiny = 4 * np.finfo(ours.dtype).smallest_normal * np.finfo(ours.dtype).eps
        near = np.abs(ours - theirs) <= rtol * np.abs(theirs) + tiny
    fine = both | (ours == theirs) | near
    if signed_zeros:
        fine &= (ours != 0) | (theirs != 0) | (np.signbit(ours) == np.signbit(theirs))
    bad = np.flatnonzero(~fine)
    shown = [(*(x.reshape(-1)[i] for x in given), ours[i], theirs[i]) for i in bad[:5]]
    assert not bad.size, f"{bad.size} differ; operands, ours, theirs: {shown}"


# Zeros of either sign are right: relu(−0) is the larger of 0 and −0; ln σ(∞) comes to 0 from below.
EITHER_ZERO = {"relu", "log_sigmoid"}
# The slope at NaN, the last special number: NaN in gradus for abs, 0 in PyTorch; 1 and 0 for clip.
EITHER_AT_NAN = {"abs", "clip"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_values_at_special_numbers_are_pytorchs(name: str, dtype: Any) -> None:
    arrays, params = every_combination(name, dtype), PARAMS.get(name, {})
    ours = OURS[name](*arrays, **params).numpy()
    theirs = TABLE[name](*map(torch.tensor, arrays), **params).numpy()
    rtol = 1e-5 if dtype is np.float32 else 1e-10
    same_numbers(ours, theirs, rtol, arrays, signed_zeros=name not in EITHER_ZERO)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivatives_at_special_numbers_are_pytorchs(name: str) -> None:
    params = PARAMS.get(name, {})
    a, b, xa, xb = leaves(Call(tuple(every_combination(name, np.float64)), params))
    ours, theirs = OURS[name](*a, **params), TABLE[name](*b, **params)
    w = np.ones(ours.shape)
    for g, h in zip(slopes(ours, xa, w), their_slopes(theirs, xb, w), strict=True):
        ours_, theirs_ = g.numpy(), h.numpy()
        if name in EITHER_AT_NAN:
            ours_, theirs_ = ours_[:-1], theirs_[:-1]
        same_numbers(ours_, theirs_, 1e-8, [x.detach().numpy() for x in b])


COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]


@pytest.mark.parametrize("name", [*COMPARISONS, "isfinite", "sign"])
def test_comparisons_of_special_numbers_are_pytorchs(name: str) -> None:
    a, b = every_combination("add", np.float64)
    arrays = [a, b] if name in COMPARISONS else [a]
    ours, theirs = OURS[name](*arrays).numpy(), TABLE[name](*map(torch.tensor, arrays)).numpy()
    if name == "sign":
        # sign(NaN): NaN here, as in the array API; PyTorch says 0.
        ours = np.where(np.isnan(a), 0.0, ours)
    assert np.array_equal(ours, theirs)


SOFT = ["logsumexp", "softmax", "log_softmax"]


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize(
    "row",
    [
        [1e4, -1e4, 0.0],
        [1e4, 1e4, 1e4],
        [-1e4, -1e4, -1e4],
        [1e300, 1e300, 0.0],
        [-np.inf, 0.0, 1.0],
        [-np.inf, -np.inf, 1.0],
        [np.nan, 0.0, 1.0],
        [np.inf, 0.0, 1.0],
    ],
    ids=str,
)
def test_soft_functions_of_extreme_scores_are_pytorchs(name: str, row: list[float]) -> None:
    a, b, xa, xb = leaves(Call((np.array(row),), {"axis": 0}))
    ours, theirs = OURS[name](*a, axis=0), TABLE[name](*b, axis=0)
    same_numbers(ours.numpy().reshape(-1), theirs.detach().numpy().reshape(-1), 1e-10, [])
    w = weights(ours.shape, 4)
    g, h = slopes(ours, xa, w)[0].numpy(), their_slopes(theirs, xb, w)[0].numpy()
    if name == "logsumexp" and max(row) == 1e300:
        # PyTorch's eˣ⁻ʸ gives 1 to each of two equal scores, since y = x + ln 2 rounds to x.
        h = h / 2.0
    same_numbers(g, h, 1e-8, [np.array(row)])


@pytest.mark.parametrize("name", ["max", "min", "sum", "mean", "cumulative_sum", "argmax"])
def test_nan_and_infinity_pass_through_reductions_as_in_pytorch(name: str) -> None:
    for row in ([1.0, np.nan, 3.0], [np.inf, -np.inf, 0.0], [-np.inf, 1.0, 2.0], [-0.0, 0.0, 0.0]):
        ours = OURS[name](np.array(row), axis=0).numpy()
        theirs = TABLE[name](torch.tensor(row, dtype=torch.float64), axis=0).numpy()
        np.testing.assert_array_equal(ours, theirs)


# ── Kinks: equal numbers and corners ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "inputs", "params"),
    [
        ("abs", [[0.0, -0.0, 1.0]], {}),
        ("relu", [[0.0, -0.0, 1.0, -1.0]], {}),
        ("clip", [[-0.5, 0.75, 0.0, 1.0]], {"min": -0.5, "max": 0.75}),
        ("clip", [[-0.5, 0.0]], {"min": -0.5}),
        ("clip", [[0.5, 0.5]], {"min": 0.5, "max": 0.5}),
        ("maximum", [[0.0, 1.0, 2.0], [0.0, 1.0, 3.0]], {}),
        ("minimum", [[0.0, 1.0, 2.0], [-0.0, 1.0, 3.0]], {}),
        ("max", [[2.0, 1.0, 2.0, 2.0]], {"axis": 0}),
        ("min", [[1.0, 1.0, 2.0, 2.0]], {"axis": 0}),
        ("power", [[0.0, 0.0, 2.0, -2.0], [0.0, 2.0, 0.0, 3.0]], {}),
        ("sqrt", [[0.0, 4.0]], {}),
    ],
)
def test_derivatives_at_kinks_are_pytorchs(
    name: str, inputs: list[list[float]], params: dict[str, Any]
) -> None:
    a, b, xa, xb = leaves(Call(tuple(map(np.array, inputs)), params))
    ours, theirs = OURS[name](*a, **params), TABLE[name](*b, **params)
    w = np.ones(ours.shape)
    for g, h in zip(slopes(ours, xa, w), their_slopes(theirs, xb, w), strict=True):
        np.testing.assert_array_equal(g.numpy(), h.numpy())


# ── Random programs ─────────────────────────────────────────────────────────────────────────────

UNARY = ["abs", "cos", "exp", "negative", "relu", "sigmoid", "sin", "softplus", "square", "tanh"]
BINARY = ["add", "logaddexp", "maximum", "minimum", "multiply", "subtract"]
INSTRUCTION = st.one_of(
    st.tuples(st.sampled_from(UNARY), st.integers(0, 99), st.just(0)),
    st.tuples(st.sampled_from(BINARY), st.integers(0, 99), st.integers(0, 99)),
    st.tuples(st.sampled_from(["sum", "mean", "softmax"]), st.integers(0, 99), st.integers(0, 1)),
)


def program(table: dict[str, Callable[..., Any]], inputs: list[Any], lines: Any) -> Any:
    """Each line works on results so far; values are kept small by tanh."""
    values = list(inputs)
    for name, i, j in lines:
        x = values[i % len(values)]
        if name in BINARY:
            y = table[name](x, values[j % len(values)])
        elif name in ("sum", "mean"):
            y = table[name](x, axis=j, keepdims=True)
        elif name == "softmax":
            y = table[name](x, axis=j)
        else:
            y = table[name](x)
        values.append(table["tanh"](y))
    total = values[0].sum()
    for v in values[1:]:
        total = total + v.sum()
    return total


@settings(max_examples=150, deadline=None, derandomize=True)
@given(lines=st.lists(INSTRUCTION, min_size=1, max_size=12), seed=st.integers(0, 1000))
def test_random_programs_have_pytorchs_values_and_derivatives(lines: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=s) for s in ((3, 4), (1, 4), (3, 1))]
    a, b, xa, xb = leaves(Call(tuple(arrays)))
    ours, theirs = program(OURS, a, lines), program(TABLE, b, lines)
    # 12 lines of sums of 12 numbers: a few hundred roundings, that is 1e-13.
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-10, abs=1e-10)
    for g, h in zip(gd.grad(ours, xa), torch.autograd.grad(theirs, xb), strict=True):
        close(g, h, 1e-8, 1e-10)


def test_a_second_opinion_on_the_error_function() -> None:
    for x in (-3.0, -0.5, 0.0, 1e-8, 2.0):
        assert ops.erf(np.array(x)).item() == pytest.approx(math.erf(x), rel=1e-14)
