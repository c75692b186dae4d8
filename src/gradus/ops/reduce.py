"""Reductions over axes: sum, max, min, argmax, argmin, and the running sum.

``axis`` is an integer, a tuple or None (all axes). The gradient of max and min is shared evenly
among equal extremes, as ``torch.amax`` does. Sums keep the dtype, except that booleans count as
int64.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradus.errors import ArgumentError
from gradus.ops.logic import equal, where
from gradus.ops.movement import broadcast_to, reshape
from gradus.ops.primitive import (
    Call,
    Draw,
    Params,
    call,
    normalise_axes,
    normalise_axis,
    primitive,
)
from gradus.ops.slicing import flip
from gradus.types import Array, DType, Shape, TensorType, bool_, int64

Axes = tuple[int, ...]


def _axes(x: TensorType, axis: int | Iterable[int] | None = None, keepdims: bool = False) -> Params:
    return {"axis": normalise_axes(axis, len(x.shape)), "keepdims": bool(keepdims)}


def reduced_shape(shape: Shape, axes: Axes, keepdims: bool) -> Shape:
    """Shape after the axes are reduced away, or kept with length 1.

    >>> reduced_shape((2, 3, 4), (1,), True)
    (2, 1, 4)
    """
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _reduced(x: TensorType, *, axis: Axes, keepdims: bool) -> TensorType:
    return TensorType(reduced_shape(x.shape, axis, keepdims), x.dtype)


def _extreme(x: TensorType, *, axis: Axes, keepdims: bool) -> TensorType:
    if any(x.shape[a] == 0 for a in axis):
        raise ArgumentError("an empty axis has no largest or smallest element", received=x)
    return _reduced(x, axis=axis, keepdims=keepdims)


def _spread(dy: Any, x: Any, axis: Axes) -> Any:
    """Stretch what was reduced back over the axes."""
    return broadcast_to(reshape(dy, shape=reduced_shape(x.shape, axis, True)), shape=x.shape)


def _countable(x: TensorType) -> tuple[DType, ...]:
    return (int64 if x.dtype == bool_ else x.dtype,)


@primitive(_reduced, _countable, canonical=_axes)
def sum(x: Array, *, axis: Axes, keepdims: bool, out: Array | None = None) -> Array:
    """y = Σ x over the axes        dx = dy, repeated along them"""
    return np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype, out=out)


@sum.gradient
def _(dy: Any, y: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return _spread(dy, x, axis)


def _extreme_gradient(dy: Any, y: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    chosen = equal(x, _spread(y, x, axis))
    count = _spread(sum(chosen, axis=axis, keepdims=True).astype(x.dtype), x, axis)
    return where(chosen, _spread(dy, x, axis) / count, 0.0)


@primitive(_extreme, canonical=_axes)
def max(x: Array, *, axis: Axes, keepdims: bool, out: Array | None = None) -> Array:
    """y = max x over the axes        dx = dy / (number of largest) at the largest, else 0"""
    return np.max(x, axis=axis, keepdims=keepdims, out=out)


@primitive(_extreme, canonical=_axes)
def min(x: Array, *, axis: Axes, keepdims: bool, out: Array | None = None) -> Array:
    """y = min x over the axes        dx = dy / (number of smallest) at the smallest, else 0"""
    return np.min(x, axis=axis, keepdims=keepdims, out=out)


max.gradient(_extreme_gradient)
min.gradient(_extreme_gradient)


@sum.samples
@max.samples
@min.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4), axis=None)
    yield call(draw(2, 3, 4), axis=1)
    yield call(draw(2, 3, 4), axis=(0, -1), keepdims=True)
    yield call(draw(), axis=())


def _position(x: TensorType, *, axis: int | None, keepdims: bool) -> TensorType:
    axes = normalise_axes(axis, len(x.shape))
    shape = _extreme(x, axis=axes, keepdims=keepdims).shape
    return TensorType(shape, int64)


def _one_axis(x: TensorType, axis: int | None = None, keepdims: bool = False) -> Params:
    return {
        "axis": None if axis is None else normalise_axis(axis, len(x.shape)),
        "keepdims": bool(keepdims),
    }


@primitive(_position, canonical=_one_axis)
def argmax(x: Array, *, axis: int | None, keepdims: bool) -> Array:
    """y = index of the first largest element along the axis (of the flattened tensor: None)"""
    return np.asarray(np.argmax(x, axis=axis, keepdims=keepdims), dtype=np.int64)


@primitive(_position, canonical=_one_axis)
def argmin(x: Array, *, axis: int | None, keepdims: bool) -> Array:
    """y = index of the first smallest element along the axis (of the flattened tensor: None)"""
    return np.asarray(np.argmin(x, axis=axis, keepdims=keepdims), dtype=np.int64)


@argmax.samples
@argmin.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4), axis=None)
    yield call(draw(2, 3, 4), axis=1, keepdims=True)


def _along(x: TensorType, *, axis: int) -> TensorType:
    return x


def _running_axis(x: TensorType, axis: int | None = None) -> Params:
    if axis is None and len(x.shape) != 1:
        raise ArgumentError("cumulative_sum of several axes needs one named", received=x)
    return {"axis": normalise_axis(0 if axis is None else axis, len(x.shape))}


@primitive(_along, _countable, canonical=_running_axis)
def cumulative_sum(x: Array, *, axis: int, out: Array | None = None) -> Array:
    """yᵢ = x₀ + … + xᵢ along the axis        dxᵢ = dyᵢ + … + dyₙ₋₁"""
    return np.cumsum(x, axis=axis, dtype=x.dtype, out=out)


@cumulative_sum.gradient
def _(dy: Any, y: Any, x: Any, *, axis: int) -> Any:
    return flip(cumulative_sum(flip(dy, axis=axis), axis=axis), axis=axis)


@cumulative_sum.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(5))
    yield call(draw(3, 4), axis=0)
    yield call(draw(3, 4), axis=-1)
