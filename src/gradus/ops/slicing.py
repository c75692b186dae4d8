"""Regular parts of a tensor: reading, writing, reversing, padding.

``slice`` and ``unslice`` are each other's gradient: one reads a regular part of a tensor, the
other writes it into an otherwise constant one. Padding is ``unslice`` into a larger shape.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gradus.checks import whole_numbers
from gradus.errors import ArgumentError, ShapeError
from gradus.ops.primitive import (
    Call,
    Draw,
    Params,
    as_given,
    call,
    composite,
    normalise_axes,
    primitive,
)
from gradus.types import Array, Shape, TensorType

# (start, stop, step) an axis; a negative step may have the stop None: up to and including 0.
Bounds = tuple[tuple[int, int | None, int], ...]


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


# ── Functions written in these ──────────────────────────────────────────────────────────────────


@composite(lambda draw: [call(draw(3, 4)), call(draw(3, 4), axis=1)])
def flip(x: Any, axis: int | Iterable[int] | None = None) -> Any:
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
def pad(x: Any, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Any:
    """Surround a tensor by a constant: (before, after) elements an axis."""
    old = np.shape(x)
    try:
        ends = [whole_numbers("widths", pair, least=0) for pair in widths]
        fits = [len(pair) for pair in ends] == [2] * len(old)
    except (TypeError, ArgumentError):
        fits = False
    if not fits:
        raise ArgumentError(
            f"pad takes one pair (before, after) of widths ≥ 0 for each axis of {old}",
            received=widths,
        )
    shape = tuple(n + before + after for n, (before, after) in zip(old, ends, strict=True))
    bounds = tuple((b, b + n, 1) for n, (b, _) in zip(old, ends, strict=True))
    return unslice(x, shape=shape, bounds=bounds, fill=value)
