"""Primitives that move elements without changing them, and the functions written in them.

``slice`` and ``unslice`` are each other's gradient: one reads a regular part of a tensor, the
other writes it into an otherwise constant one. Padding is ``unslice`` into a larger shape.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gradus.errors import ArgumentError, ShapeError
from gradus.ops.primitive import (
    Call,
    Draw,
    Params,
    as_given,
    broadcast_shapes,
    call,
    common,
    composite,
    normalise_axes,
    normalise_axis,
    primitive,
)
from gradus.types import Array, Shape, TensorType

# (start, stop, step) an axis; a negative step may have the stop None: up to and including 0.
Bounds = tuple[tuple[int, int | None, int], ...]


def _given_shape(x: TensorType, *, shape: Shape) -> TensorType:
    return TensorType(shape, x.dtype)


# ── permute_dims ────────────────────────────────────────────────────────────────────────────────


def _permuted(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    return TensorType(tuple(x.shape[a] for a in axes), x.dtype)


def _permutation(x: TensorType, axes: Sequence[int] | None = None) -> Params:
    rank = len(x.shape)
    order = tuple(range(rank))[::-1] if axes is None else tuple(axes)
    order = tuple(normalise_axis(a, rank) for a in order)
    if sorted(order) != list(range(rank)):
        raise ShapeError(f"axes must name each of the {rank} axes once", received=axes)
    return {"axes": order}


@primitive(_permuted, as_given, canonical=_permutation, view=True)
def permute_dims(x: Array, *, axes: tuple[int, ...]) -> Array:
    """y = x with axis axes[i] moved to place i        dx = dy with the axes moved back"""
    return np.transpose(x, axes)


@permute_dims.gradient
def _(dy: Any, y: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return permute_dims(dy, axes=tuple(int(a) for a in np.argsort(axes)))


@permute_dims.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4))
    yield call(draw(2, 3, 4), axes=(1, 2, 0))
    yield call(draw(), axes=())


# ── reshape ─────────────────────────────────────────────────────────────────────────────────────


def _new_shape(x: TensorType, shape: int | Sequence[int]) -> Params:
    wanted = [shape] if isinstance(shape, (int, np.integer)) else list(shape)
    known = int(np.prod([n for n in wanted if n != -1], dtype=np.int64))
    if wanted.count(-1) == 1 and known > 0 and x.size % known == 0:
        wanted[wanted.index(-1)] = x.size // known
    if any(n < 0 for n in wanted) or int(np.prod(wanted, dtype=np.int64)) != x.size:
        raise ShapeError(
            f"a reshape keeps the number of elements, here {x.size} in {x.shape}",
            received=f"shape={shape}",
            remedy="one length may be -1, which is then worked out",
        )
    return {"shape": tuple(int(n) for n in wanted)}


@primitive(_given_shape, as_given, canonical=_new_shape, view=True)
def reshape(x: Array, *, shape: Shape) -> Array:
    """y = x read in row order into another shape        dx = dy read back"""
    return np.reshape(x, shape)


@reshape.gradient
def _(dy: Any, y: Any, x: Any, *, shape: Shape) -> Any:
    return reshape(dy, shape=x.shape)


@reshape.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4), shape=(2, -1))
    yield call(draw(1, 1), shape=())
    yield call(draw(0, 3), shape=(3, 0))


# ── broadcast_to ────────────────────────────────────────────────────────────────────────────────


def _stretch(x: TensorType, shape: Sequence[int]) -> Params:
    wanted = tuple(int(n) for n in shape)
    if broadcast_shapes(x.shape, wanted) != wanted:
        raise ShapeError(
            f"{x.shape} stretches only along axes of length 1 and new leading axes",
            received=f"shape={wanted}",
        )
    return {"shape": wanted}


@primitive(_given_shape, as_given, canonical=_stretch, view=True)
def broadcast_to(x: Array, *, shape: Shape) -> Array:
    """y = x repeated along the axes where it has length 1        dx = Σ dy over them"""
    return np.broadcast_to(x, shape)


@broadcast_to.gradient
def _(dy: Any, y: Any, x: Any, *, shape: Shape) -> Any:
    return dy  # the caller sums what was stretched, as for every operand


@broadcast_to.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 1), shape=(2, 3, 4))
    yield call(draw(), shape=(2,))


# ── slice and unslice ───────────────────────────────────────────────────────────────────────────


def slice_shape(shape: Shape, bounds: Bounds) -> Shape:
    """Shape of the part that the bounds name."""
    return tuple(len(range(n)[builtins.slice(*b)]) for n, b in zip(shape, bounds, strict=True))


def _bounds(shape: Shape, slices: Sequence[builtins.slice]) -> Bounds:
    if len(slices) != len(shape):
        raise ShapeError(f"one slice an axis of {shape}", received=f"{len(slices)} slices")
    found = []
    for n, s in zip(shape, slices, strict=True):
        start, stop, step = s.indices(n)
        empty = not range(start, stop, step)
        # −1 would count from the end: an empty part and one down to 0 need other words.
        found.append((0, 0, 1) if empty else (start, stop if stop >= 0 else None, step))
    return tuple(found)


def _as_slices(bounds: Bounds) -> tuple[builtins.slice, ...]:
    return tuple(builtins.slice(*b) for b in bounds)


def _part(x: TensorType, *, bounds: Bounds) -> TensorType:
    return TensorType(slice_shape(x.shape, bounds), x.dtype)


def _part_params(
    x: TensorType,
    slices: Sequence[builtins.slice] | None = None,
    bounds: Bounds | None = None,
) -> Params:
    return {"bounds": bounds if bounds is not None else _bounds(x.shape, slices or ())}


@primitive(_part, as_given, canonical=_part_params, view=True)
def slice(x: Array, *, bounds: Bounds) -> Array:
    """y = x[start:stop:step, …]        dx = dy in those places, else 0"""
    return x[_as_slices(bounds)]


@slice.gradient
def _(dy: Any, y: Any, x: Any, *, bounds: Bounds) -> Any:
    return unslice(dy, shape=x.shape, bounds=bounds)


def _whole(x: TensorType, *, shape: Shape, bounds: Bounds, fill: float) -> TensorType:
    if slice_shape(shape, bounds) != x.shape:
        raise ShapeError(
            f"the slices of {shape} cover {slice_shape(shape, bounds)}", received=x.shape
        )
    return TensorType(shape, x.dtype)


def _whole_params(x: TensorType, shape: Shape, bounds: Bounds, fill: float = 0.0) -> Params:
    return {"shape": tuple(shape), "bounds": bounds, "fill": fill}


@primitive(_whole, as_given, canonical=_whole_params)
def unslice(
    x: Array, *, shape: Shape, bounds: Bounds, fill: float, out: Array | None = None
) -> Array:
    """y = a tensor of ``fill`` with y[start:stop:step, …] = x        dx = dy in those places"""
    y = np.empty(shape, x.dtype) if out is None else out
    y[...] = fill
    y[_as_slices(bounds)] = x
    return y


@unslice.gradient
def _(dy: Any, y: Any, x: Any, *, shape: Shape, bounds: Bounds, fill: float) -> Any:
    return slice(dy, bounds=bounds)


@slice.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(5, 4), bounds=((1, 4, 2), (0, 4, 1)))
    yield call(draw(5), bounds=((4, None, -2),))
    yield call(draw(5), bounds=((2, 2, 1),))


@unslice.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(2, 4), shape=(5, 4), bounds=((1, 4, 2), (0, 4, 1)))
    yield call(draw(3), shape=(5,), bounds=((4, None, -2),), fill=2.0)


# ── concat ──────────────────────────────────────────────────────────────────────────────────────


def _joined(*types: TensorType, axis: int) -> TensorType:
    first = types[0].shape
    for t in types[1:]:
        rest = [n for i, n in enumerate(t.shape) if i != axis]
        if len(t.shape) != len(first) or rest != [n for i, n in enumerate(first) if i != axis]:
            raise ShapeError(
                f"tensors are joined along axis {axis} when all other axes are equal",
                received=" and ".join(str(u.shape) for u in types),
            )
    length = builtins.sum(t.shape[axis] for t in types)
    return TensorType((*first[:axis], length, *first[axis + 1 :]), types[0].dtype)


def _join_axis(*types: TensorType, axis: int = 0) -> Params:
    return {"axis": normalise_axis(axis, len(types[0].shape))}


@primitive(_joined, common, canonical=_join_axis)
def concat_(*parts: Array, axis: int, out: Array | None = None) -> Array:
    """y = the parts one after another along the axis        each part gets its piece of dy"""
    return np.concatenate(parts, axis=axis, out=out)


@concat_.gradient
def _(dy: Any, y: Any, *parts: Any, axis: int) -> Any:
    pieces, start = [], 0
    for part in parts:
        stop = start + part.shape[axis]
        bounds = tuple((start, stop, 1) if i == axis else (0, n, 1) for i, n in enumerate(dy.shape))
        pieces.append(slice(dy, bounds=bounds))
        start = stop
    return tuple(pieces)


@concat_.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(2, 3), draw(1, 3), axis=0)
    yield call(draw(2, 3), draw(2, 0), draw(2, 2), axis=-1)


# ── Functions written in these ──────────────────────────────────────────────────────────────────


def concat(tensors: Iterable[Any], axis: int = 0) -> Any:
    """Join tensors along an existing axis.

    >>> import gradus as gd
    >>> gd.ops.concat([gd.tensor([1.0]), gd.tensor([2.0, 3.0])]).tolist()
    [1.0, 2.0, 3.0]
    """
    return concat_(*tensors, axis=axis)


def stack(tensors: Iterable[Any], axis: int = 0) -> Any:
    """Join tensors of one shape along a new axis."""
    parts = list(tensors)
    shapes = [np.shape(t) for t in parts]
    if len(set(shapes)) > 1:
        raise ShapeError(
            "stack takes tensors of one shape", received=" and ".join(map(str, shapes))
        )
    return concat([expand_dims(t, axis=axis) for t in parts], axis=axis)


@composite(lambda draw: [call(draw(3, 4), axis=1), call(draw(3), axis=-1)])
def expand_dims(x: Any, *, axis: int) -> Any:
    """Insert an axis of length 1."""
    shape = list(np.shape(x))
    shape.insert(normalise_axis(axis, len(shape) + 1), 1)
    return reshape(x, shape=shape)


@composite(lambda draw: [call(draw(3, 1, 4), axis=1)])
def squeeze(x: Any, *, axis: int | Iterable[int]) -> Any:
    """Drop axes of length 1."""
    axes = normalise_axes(axis, len(np.shape(x)))
    if any(np.shape(x)[a] != 1 for a in axes):
        raise ShapeError("only axes of length 1 can be dropped", received=f"{np.shape(x)}, {axis=}")
    return reshape(x, shape=[n for i, n in enumerate(np.shape(x)) if i not in axes])


@composite(lambda draw: [call(draw(3, 4)), call(draw(2, 3, 4))])
def matrix_transpose(x: Any) -> Any:
    """Exchange the last two axes."""
    rank = len(np.shape(x))
    if rank < 2:
        raise ShapeError("a transpose takes two axes or more", received=np.shape(x))
    return permute_dims(x, axes=(*range(rank - 2), rank - 1, rank - 2))


@composite(lambda draw: [call(draw(3, 4)), call(draw(3, 4), axis=1)])
def flip(x: Any, *, axis: int | Iterable[int] | None = None) -> Any:
    """Reverse the order along the axes."""
    axes = normalise_axes(axis, len(np.shape(x)))
    return slice(
        x,
        slices=[
            builtins.slice(None, None, -1 if i in axes else 1) for i in range(len(np.shape(x)))
        ],
    )


@composite(
    lambda draw: [
        call(draw(2, 3), widths=((1, 2), (0, 1))),
        call(draw(3), widths=((2, 0),), value=1.0),
    ]
)
def pad(x: Any, widths: Sequence[tuple[int, int]], *, value: float = 0.0) -> Any:
    """Surround a tensor by a constant: (before, after) elements an axis."""
    if len(widths) != len(np.shape(x)) or any(w < 0 for pair in widths for w in pair):
        raise ArgumentError(
            f"pad takes one pair of widths ≥ 0 for each axis of {np.shape(x)}", received=widths
        )
    shape = tuple(
        n + before + after for n, (before, after) in zip(np.shape(x), widths, strict=True)
    )
    bounds = tuple((b, b + n, 1) for n, (b, _) in zip(np.shape(x), widths, strict=True))
    return unslice(x, shape=shape, bounds=bounds, fill=value)
