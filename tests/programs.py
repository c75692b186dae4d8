"""Random programs of ops, for Hypothesis: a list of instructions over a pool of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import gradus as gd
from gradus import ops

Instruction = Callable[[list[gd.Tensor]], gd.Tensor]

_UNARY = [
    ops.tanh, ops.sigmoid, ops.square, ops.negative, ops.sin, ops.cos, ops.abs, ops.relu,
    ops.softplus, ops.erf, lambda x: ops.exp(ops.clip(x, max=3.0)),
    lambda x: ops.sqrt(x * x + 1.0), lambda x: ops.log1p(ops.abs(x)), lambda x: x * 0.5 - 1.0,
    lambda x: ops.expm1(ops.minimum(x, 2.0)),
]  # fmt: skip
_BINARY = [
    ops.add, ops.subtract, ops.multiply, ops.maximum, ops.minimum, ops.logaddexp,
    lambda a, b: ops.where(a > b, a, b * 2.0), lambda a, b: a / (ops.square(b) + 1.0),
]  # fmt: skip


def with_gradients(function: Callable[..., list[gd.Tensor]]) -> Callable[..., list[gd.Tensor]]:
    """The results, and the gradients of the sum of their squares."""

    def both(*tensors: gd.Tensor) -> list[gd.Tensor]:
        results = function(*tensors)
        total = sum((r * r).sum() for r in results)
        return [*results, *gd.grad(total, list(tensors), allow_unused=True)]

    return both


@st.composite
def programs(draw: Any) -> tuple[list[np.ndarray], Callable[..., gd.Tensor]]:
    """Inputs, and a function of them made of random instructions that ends in several results."""
    shape = st.lists(st.integers(0, 4), min_size=0, max_size=3).map(tuple)
    shapes = draw(st.lists(shape, min_size=1, max_size=3))
    seed = draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    inputs = [np.round(rng.normal(size=s), 2) for s in shapes]
    pool = list(shapes)
    steps: list[Instruction] = []
    for _ in range(draw(st.integers(1, 8))):
        made = draw(_instruction(pool))
        if made is not None:
            steps.append(made[0])
            pool.append(made[1])

    def function(*tensors: gd.Tensor) -> list[gd.Tensor]:
        values = list(tensors)
        for step in steps:
            values.append(step(values))
        return values[len(tensors) :] or values

    return inputs, function


@st.composite
def _instruction(
    draw: Any, pool: list[tuple[int, ...]]
) -> tuple[Instruction, tuple[int, ...]] | None:
    i = draw(st.integers(0, len(pool) - 1))
    shape = pool[i]
    kind = draw(
        st.sampled_from(["unary", "binary", "reduce", "move", "matmul", "index", "windows"])
    )
    if kind == "unary":
        op = draw(st.sampled_from(_UNARY))
        return (lambda v: op(v[i])), shape
    if kind == "binary":
        partners = []
        for j, other in enumerate(pool):
            try:
                partners.append((j, np.broadcast_shapes(shape, other)))
            except ValueError:
                continue
        j, result = draw(st.sampled_from(partners))
        op = draw(st.sampled_from(_BINARY))
        return (lambda v: op(v[i], v[j])), result
    if kind == "reduce" and shape:
        axis = draw(st.integers(0, len(shape) - 1))
        keep = draw(st.booleans())
        names = ["sum", "cumulative_sum", "logsumexp", "softmax"]
        name = draw(st.sampled_from([*names, "max", "mean"] if shape[axis] else ["sum"]))
        if name in ("cumulative_sum", "softmax"):
            return (lambda v: getattr(ops, name)(v[i], axis=axis)), shape
        reduced = tuple(1 if k == axis else n for k, n in enumerate(shape) if keep or k != axis)
        return (lambda v: getattr(ops, name)(v[i], axis=axis, keepdims=keep)), reduced
    if kind == "move" and shape:
        axes = tuple(draw(st.permutations(range(len(shape)))))
        step = draw(st.sampled_from([1, 2, -1]))
        how = draw(st.sampled_from(["permute", "slice", "reshape", "concat", "pad"]))
        if how == "permute":
            return (lambda v: ops.permute_dims(v[i], axes)), tuple(shape[a] for a in axes)
        if how == "slice":
            n = len(range(shape[0])[::step])
            return (lambda v: v[i][::step]), (n, *shape[1:])
        if how == "reshape":
            return (lambda v: ops.permute_dims(v[i], axes).reshape(-1)), (int(np.prod(shape)),)
        if how == "pad":
            padded = (shape[0] + 1, *shape[1:])
            widths = [(0, 1), *[(0, 0)] * (len(shape) - 1)]
            return (lambda v: ops.pad(v[i], widths)), padded
        return (lambda v: ops.concat([v[i], v[i] * 2.0], axis=0)), (2 * shape[0], *shape[1:])
    if kind == "matmul" and len(shape) >= 2:
        return (lambda v: v[i] @ v[i].mT), (*shape[:-1], shape[-2])
    if kind == "index" and shape and shape[0]:
        rows = draw(st.lists(st.integers(-shape[0], shape[0] - 1), max_size=4))
        return (lambda v: v[i][np.array(rows, dtype=np.int64)]), (len(rows), *shape[1:])
    if kind == "windows" and shape and shape[-1] >= 2:
        return (lambda v: ops.sliding_window(v[i], (2,))), (*shape[:-1], shape[-1] - 1, 2)
    return None
