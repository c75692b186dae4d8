"""Random programs of ops, for Hypothesis: instructions over a pool of tensors of every dtype.

The instructions are tried while they are drawn, so what is known of a value (shape, dtype, size)
need not be worked out a second time. Two rules keep "equal up to rounding" meaningful: floats stay
small, and only numbers that no executor may round otherwise are compared, cast to integers, or
searched for the largest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import gradus as gd
from gradus import ops
from gradus.errors import GradusError
from gradus.types import DTYPES, bool_, is_float

Instruction = Callable[[list[gd.Tensor]], gd.Tensor]

_MOST = 4.0  # floats beyond it are scaled down by a power of two
_LENGTHS = [2, 3, 1, 4, 0, 5, 16, 17, 33, 130, 600]  # vectors and blocks, with and without a rest
_MOST_ELEMENTS = 2000


@dataclass(frozen=True)
class RandomProgram:
    """A function, and arrays to call it with.

    Attributes:
        inputs: of any dtype, shape and layout in memory.
        function: tensors to several results.
        scale: the largest finite number on the way, at least 1.
        counts: how often what occurs in it.
    """

    inputs: list[np.ndarray]
    function: Callable[..., list[gd.Tensor]]
    scale: float
    counts: dict[str, int]

    def tensors(self) -> list[gd.Tensor]:
        return [gd.tensor(a, requires_grad=a.dtype.kind == "f") for a in self.inputs]


def with_gradients(function: Callable[..., list[gd.Tensor]]) -> Callable[..., list[gd.Tensor]]:
    """The results, and the gradients of the sum of the squares of those that are floats."""

    def both(*tensors: gd.Tensor) -> list[gd.Tensor]:
        results = function(*tensors)
        squares = [(r * r).sum() for r in results if is_float(r.dtype)]
        learnt = [t for t in tensors if is_float(t.dtype)]
        if not (squares and learnt):
            return results
        return [*results, *gd.grad(sum(squares), learnt, allow_unused=True)]

    return both


@dataclass(frozen=True)
class _Value:
    """A value of the pool, and whether every executor must find the same bits."""

    tensor: gd.Tensor
    exact: bool


@st.composite
def programs(draw: Any) -> RandomProgram:
    """A program of up to ten instructions that ends in some of its values."""
    inputs = [draw(arrays()) for _ in range(draw(st.sampled_from([2, 1, 3])))]
    pool = [_Value(gd.tensor(a), True) for a in inputs]
    steps: list[Instruction] = []
    counts: dict[str, int] = {}
    for _ in range(draw(st.sampled_from([6, 1, 2, 3, 4, 8, 10]))):
        kind = draw(st.sampled_from(sorted(_KINDS)))
        made = _tried(_KINDS[kind](draw, pool), pool)
        if made is not None:
            steps.append(made[0])
            pool.append(made[1])
            counts[kind] = counts.get(kind, 0) + 1
    made_here = range(len(inputs), len(pool)) if steps else range(len(pool))
    kept = draw(st.sets(st.sampled_from(made_here), max_size=3)) | {len(pool) - 1}

    def function(*tensors: gd.Tensor) -> list[gd.Tensor]:
        values = list(tensors)
        for step in steps:
            values.append(step(values))
        return [values[i] for i in sorted(kept)]

    scale = max(1.0, *(_largest(v.tensor) for v in pool if is_float(v.tensor.dtype)), 1.0)
    return RandomProgram(inputs, function, scale, counts)


@st.composite
def arrays(draw: Any) -> np.ndarray:
    """An array of any dtype, down to empty, in any layout."""
    dtype = draw(st.sampled_from([*DTYPES[::-1], *DTYPES[:-3:-1]]))  # floats twice as often
    rank = draw(st.sampled_from([2, 1, 3, 0]))
    shape = [draw(st.sampled_from(_LENGTHS)) for _ in range(rank)]
    while np.prod(shape) > _MOST_ELEMENTS:
        shape[int(np.argmax(shape))] = 2
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    if dtype == bool_:
        x = rng.integers(0, 2, shape).astype(bool)
    elif is_float(dtype):
        x = np.round(rng.normal(size=shape), 2).astype(dtype)
        if draw(st.sampled_from([False] * 7 + [True])):
            x = np.where(rng.random(shape) < 0.3, rng.choice([np.inf, -np.inf, np.nan], shape), x)
    else:
        x = rng.integers(-4 if dtype.kind == "i" else 0, 5, shape)
        if draw(st.sampled_from([False] * 3 + [True])):  # what overflows
            ends = np.iinfo(dtype)
            x = np.where(rng.random(shape) < 0.3, rng.choice([ends.min, ends.max], shape), x)
    return _laid_out(draw, np.asarray(x, dtype))


def _laid_out(draw: Any, x: np.ndarray) -> np.ndarray:
    """The same numbers at other distances in memory."""
    layout = draw(st.sampled_from(["rows", "columns", "backwards", "apart", "repeated"]))
    if layout == "columns":
        return np.asarray(x, order="F")
    if layout == "backwards":
        return np.flip(np.flip(x).copy())
    if layout == "apart" and x.ndim:
        room = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        room[..., ::2] = x
        return room[..., ::2]
    if layout == "repeated" and x.ndim and len(x):
        return np.broadcast_to(x[:1], x.shape)
    return x


def _tried(
    made: tuple[Instruction, bool] | None, pool: list[_Value]
) -> tuple[Instruction, _Value] | None:
    """The instruction and what it gives; None where it refuses these values, or gives too many."""
    if made is None:
        return None
    instruction, exact = made
    values = [v.tensor for v in pool]
    try:
        with np.errstate(all="ignore"), gd.no_grad():
            result = instruction(values)
            if is_float(result.dtype) and _largest(result) > _MOST:
                factor = 2.0 ** -np.ceil(np.log2(_largest(result) / _MOST))
                instruction = _scaled(instruction, float(factor))
                result = instruction(values)
    except GradusError:
        return None
    if result.size > _MOST_ELEMENTS:
        return None
    return instruction, _Value(result, exact or not is_float(result.dtype))


def _scaled(instruction: Instruction, factor: float) -> Instruction:
    return lambda v: instruction(v) * factor


def _largest(t: gd.Tensor) -> float:
    numbers = np.abs(t.numpy().astype(np.float64))
    return float(numbers[np.isfinite(numbers)].max(initial=0.0))


# ── Instructions: what each kind draws, and whether the result keeps its operands' exactness ────

Made = tuple[Instruction, bool] | None

_SMOOTH: list[Callable[..., gd.Tensor]] = [
    ops.tanh, ops.sigmoid, ops.square, ops.sin, ops.cos, ops.softplus, ops.erf, ops.log_sigmoid,
    lambda x: ops.exp(3.0 * ops.tanh(x)), lambda x: ops.expm1(2.0 * ops.tanh(x)),
    lambda x: ops.sqrt(x * x + 1.0), lambda x: ops.log1p(x * x), lambda x: ops.log(x * x + 0.5),
    lambda x: x * 0.5 - 1.0,
]  # fmt: skip
_PLAIN: list[Callable[..., gd.Tensor]] = [
    ops.negative, ops.stop_gradient, ops.logical_not, ops.isfinite,
]  # fmt: skip
_KINKED: list[Callable[..., gd.Tensor]] = [
    ops.abs, ops.relu, lambda x: ops.clip(x, -1, 2), lambda x: ops.sign(ops.stop_gradient(x)),
]  # fmt: skip
_SMOOTH_PAIRS: list[Callable[..., gd.Tensor]] = [
    ops.add, ops.subtract, ops.multiply, ops.logaddexp, lambda a, b: a / (b * b + 1.0),
]  # fmt: skip
_PLAIN_PAIRS: list[Callable[..., gd.Tensor]] = [ops.logical_and, ops.logical_or]
_KINKED_PAIRS: list[Callable[..., gd.Tensor]] = [
    ops.maximum, ops.minimum, ops.equal, ops.not_equal, ops.less, ops.less_equal, ops.greater,
    ops.greater_equal, lambda a, b: ops.where(a > b, a, -b), ops.bitwise_right_shift,
]  # fmt: skip


def _some(draw: Any, pool: list[_Value], wanted: Callable[[_Value], bool]) -> int | None:
    """Place of a value with a property, the latest ones first."""
    found = [i for i in reversed(range(len(pool))) if wanted(pool[i])]
    return draw(st.sampled_from(found)) if found else None


def _unary(draw: Any, pool: list[_Value]) -> Made:
    i = draw(st.integers(0, len(pool) - 1))
    exact, dtype = pool[i].exact, pool[i].tensor.dtype
    kept = [*_PLAIN, *(_KINKED if exact else ())]
    if is_float(dtype) or draw(st.booleans()):
        op = draw(st.sampled_from([*_SMOOTH, *kept]))
    else:
        op = draw(st.sampled_from([*kept, ops.square, lambda x: x * 3 - 1]))
    return (lambda v: op(v[i])), exact and op in kept


def _binary(draw: Any, pool: list[_Value]) -> Made:
    i = draw(st.integers(0, len(pool) - 1))
    j = _some(draw, pool, lambda v: _broadcast(pool[i].tensor.shape, v.tensor.shape))
    assert j is not None, "every value broadcasts with itself"
    exact = pool[i].exact and pool[j].exact
    kept = [*_PLAIN_PAIRS, *(_KINKED_PAIRS if exact else ())]
    op = draw(st.sampled_from([*_SMOOTH_PAIRS, *kept]))
    return (lambda v: op(v[i], v[j])), op in kept


def _choice(draw: Any, pool: list[_Value]) -> Made:
    c = _some(draw, pool, lambda v: v.tensor.dtype == bool_)
    if c is None:
        return None
    i, j = (draw(st.integers(0, len(pool) - 1)) for _ in range(2))
    shapes = [pool[k].tensor.shape for k in (c, i, j)]
    if not _broadcast(*shapes):
        j = i = c
    return (lambda v: ops.where(v[c], v[i], v[j])), pool[i].exact and pool[j].exact


def _cast(draw: Any, pool: list[_Value]) -> Made:
    # A float outside the integers' range has no value that all processors agree on.
    i = _some(draw, pool, lambda v: v.exact and np.isfinite(v.tensor.numpy()).all())
    if i is None:
        return None
    dtype = draw(st.sampled_from(DTYPES))
    if is_float(pool[i].tensor.dtype) and dtype.kind == "u":
        return (lambda v: ops.abs(v[i]).astype(dtype)), True
    return (lambda v: v[i].astype(dtype)), True


def _reduce(draw: Any, pool: list[_Value]) -> Made:
    i = _some(draw, pool, lambda v: v.tensor.shape != ())
    if i is None:
        return None
    rank = len(pool[i].tensor.shape)
    axis = draw(st.sets(st.integers(0, rank - 1)).map(sorted).map(tuple))
    one = axis[0] if axis else 0
    keep = draw(st.booleans())
    running = [functools.partial(f, axis=one) for f in (ops.cumulative_sum, ops.softmax)]
    sums = [
        functools.partial(f, axis=axis or None, keepdims=keep)
        for f in (ops.sum, ops.mean, ops.logsumexp)
    ]
    ends = [functools.partial(f, axis=axis or None, keepdims=keep) for f in (ops.max, ops.min)]
    ends += [
        functools.partial(f, axis=one if axis else None, keepdims=keep)
        for f in (ops.argmax, ops.argmin)
    ]
    op = draw(st.sampled_from([*running, *sums, *(ends if pool[i].exact else ())]))
    return (lambda v: op(v[i])), op in ends


def _move(draw: Any, pool: list[_Value]) -> Made:
    i = _some(draw, pool, lambda v: v.tensor.shape != ())
    if i is None:
        return None
    shape = pool[i].tensor.shape
    rank = len(shape)
    axes = tuple(draw(st.permutations(range(rank))))
    axis = draw(st.integers(0, rank - 1))
    steps = [draw(st.sampled_from([1, 1, 2, -1, -2, 3])) for _ in shape]
    first = [draw(st.sampled_from([None, None, 1, -1])) for _ in shape]
    parts = tuple(slice(b, None, s) for b, s in zip(first, steps, strict=True))
    moves: list[Instruction] = [
        lambda v: ops.permute_dims(v[i], axes),
        lambda v: v[i][parts],
        lambda v: ops.permute_dims(v[i], axes).reshape(-1),
        lambda v: v[i].reshape(*shape[::-1]),
        lambda v: ops.flip(v[i], axis=axis),
        lambda v: ops.broadcast_to(v[i], (2, *shape)),
        lambda v: ops.broadcast_to(ops.expand_dims(v[i], axis), (*shape[:axis], 3, *shape[axis:])),
        lambda v: ops.stack([v[i], v[i][parts]] if v[i].shape == v[i][parts].shape else [v[i]]),
        lambda v: ops.concat([v[i], v[i][parts]], axis=axis),
        lambda v: ops.pad(v[i], [(k % 2, 1) for k in range(rank)]),
    ]
    return draw(st.sampled_from(moves)), pool[i].exact


def _matmul(draw: Any, pool: list[_Value]) -> Made:
    i = _some(draw, pool, lambda v: len(v.tensor.shape) >= 1)
    if i is None:
        return None
    inner = pool[i].tensor.shape[-1]
    j = _some(draw, pool, lambda v: len(v.tensor.shape) >= 2 and v.tensor.shape[-2] == inner)
    if j is not None and draw(st.booleans()):
        return (lambda v: v[i] @ v[j]), False
    if len(pool[i].tensor.shape) < 2:
        return (lambda v: v[i] @ v[i]), False
    if draw(st.booleans()):
        return (lambda v: v[i] @ v[i].mT), False
    return (lambda v: v[i].mT @ v[i]), False


def _index(draw: Any, pool: list[_Value]) -> Made:
    i = _some(draw, pool, lambda v: v.tensor.size > 0 and v.tensor.shape != ())
    if i is None:
        return None
    shape = pool[i].tensor.shape
    axis = draw(st.integers(0, len(shape) - 1))
    n = shape[axis]
    dtype = draw(st.sampled_from(["int64", "int32", "uint32"]))
    least = 0 if dtype == "uint32" else -n
    rows = np.array(draw(st.lists(st.integers(least, n - 1), max_size=4)), dtype)
    how = draw(st.sampled_from(["take", "scatter", "take along", "scatter along"]))
    if how == "take":
        return (lambda v: ops.take(v[i], rows, axis=axis)), pool[i].exact
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    length = n + 1
    if how == "scatter":
        places = rng.integers(0, length, n).astype(dtype)
        return (lambda v: ops.scatter_add(v[i], places, axis=axis, length=length)), False
    many = (*shape[:axis], draw(st.integers(0, 3)), *shape[axis + 1 :])
    if how == "take along":
        places = rng.integers(least, n, many).astype(dtype)
        return (lambda v: ops.take_along_axis(v[i], places, axis=axis)), pool[i].exact
    places = rng.integers(0, length, shape).astype(dtype)
    return (lambda v: ops.scatter_add_along_axis(v[i], places, axis=axis, length=length)), False


def _windows(draw: Any, pool: list[_Value]) -> Made:
    i = _some(draw, pool, lambda v: v.tensor.shape != ())
    if i is None:
        return None
    k = draw(st.integers(1, min(2, len(pool[i].tensor.shape))))
    window, stride, dilation = (
        tuple(draw(st.integers(1, most)) for _ in range(k)) for most in (3, 2, 2)
    )
    kinds = {"window": window, "stride": stride, "dilation": dilation}
    if draw(st.booleans()):
        return (lambda v: ops.sliding_window(v[i], **kinds)), pool[i].exact
    lengths = pool[i].tensor.shape[-k:]
    return (
        lambda v: ops.fold_windows(ops.sliding_window(v[i], **kinds), lengths=lengths, **kinds)
    ), False


_KINDS: dict[str, Callable[[Any, list[_Value]], Made]] = {
    "unary": _unary,
    "binary": _binary,
    "choice": _choice,
    "cast": _cast,
    "reduce": _reduce,
    "move": _move,
    "matmul": _matmul,
    "index": _index,
    "windows": _windows,
}


def _broadcast(*shapes: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True
