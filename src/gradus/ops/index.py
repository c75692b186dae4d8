"""Reading and adding at positions given by integers.

``take`` and ``scatter_add`` are each other's gradient, and so are ``take_along_axis`` and
``scatter_add_along_axis``. Negative positions count from the end; one outside the axis is an
error, never silently another element.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradus.checks import whole_number
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.ops.logic import less, where
from gradus.ops.primitive import Call, Draw, Params, as_given, call, normalise_axis, primitive
from gradus.types import Array, Shape, TensorType


def _check_integers(indices: TensorType) -> None:
    if indices.dtype.kind not in "iu":
        raise DtypeError(
            "positions are integers", received=indices, remedy="use indices.astype('int64')"
        )


def _check_range(indices: Array, length: int) -> None:
    if indices.size and (indices.min() < -length or indices.max() >= length):
        outside = indices[(indices < -length) | (indices >= length)]
        raise position_error(int(outside.flat[0]), length)


# Farther below 0 than any axis is long, and within 32 bits.
_FAR = 2**30


def from_zero(indices: Any) -> Any:
    """The indices, for an axis where negative ones are wrong: they are moved far out of it."""
    _check_integers(indices.type)
    return where(less(indices, 0), indices - _FAR, indices)


def position_error(position: int, length: int) -> ArgumentError:
    """Error for a position outside its axis; what ``from_zero`` has moved is named as it was."""
    moved = position < -_FAR // 2
    return ArgumentError(
        f"positions along an axis of length {length} lie in [{0 if moved else -length}, {length})",
        received=position + _FAR if moved else position,
        remedy="check labels and categories: they count from 0",
    )


# ── take and scatter_add: whole slabs along one axis ────────────────────────────────────────────


def _taken(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
    _check_integers(indices)
    return TensorType((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _take_axis(x: TensorType, indices: TensorType, axis: int = 0) -> Params:
    return {"axis": normalise_axis(axis, len(x.shape))}


@primitive(_taken, as_given, canonical=_take_axis)
def take(x: Array, indices: Array, *, axis: int) -> Array:
    """y[…, k, …] = x[…, indices[k], …]        dx = dy added up at the indices"""
    _check_range(indices, x.shape[axis])
    return np.take(x, indices, axis=axis)


@take.gradient
def _(dy: Any, y: Any, x: Any, indices: Any, *, axis: int) -> Any:
    return scatter_add(dy, indices, axis=axis, length=x.shape[axis]), None


def _scattered(dy: TensorType, indices: TensorType, *, axis: int, length: int) -> TensorType:
    _check_integers(indices)
    rank = len(indices.shape)
    if dy.shape[axis : axis + rank] != indices.shape:
        raise ShapeError(
            f"axes {axis} to {axis + rank} of the values have the shape of the indices",
            received=f"values {dy.shape}, indices {indices.shape}",
        )
    return TensorType((*dy.shape[:axis], length, *dy.shape[axis + rank :]), dy.dtype)


def _scatter_params(dy: TensorType, indices: TensorType, axis: int, length: int) -> Params:
    rank = len(dy.shape) - len(indices.shape) + 1
    return {"axis": normalise_axis(axis, rank), "length": whole_number("length", length, least=0)}


@primitive(_scattered, as_given, canonical=_scatter_params)
def scatter_add(
    values: Array, indices: Array, *, axis: int, length: int, out: Array | None = None
) -> Array:
    """y[…, i, …] = Σ values[…, k, …] over k with indices[k] = i        dv = dy taken there"""
    _check_range(indices, length)
    rank = indices.ndim
    shape = (*values.shape[:axis], length, *values.shape[axis + rank :])
    y = np.empty(shape, values.dtype) if out is None else out
    y[...] = 0
    flat = values.reshape(*values.shape[:axis], indices.size, *values.shape[axis + rank :])
    np.add.at(np.moveaxis(y, axis, 0), indices.reshape(-1), np.moveaxis(flat, axis, 0))
    return y


@scatter_add.gradient
def _(dy: Any, y: Any, values: Any, indices: Any, *, axis: int, length: int) -> Any:
    return take(dy, indices, axis=axis), None


@take.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(5, 3), np.array([4, 0, -1, 4]), axis=0)
    yield call(draw(2, 5), np.array([[1, 1], [3, 0]]), axis=1)
    yield call(draw(4), np.array(2))


@scatter_add.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(4, 3), np.array([4, 0, -1, 4]), axis=0, length=5)
    yield call(draw(2, 2, 2, 3), np.array([[1, 1], [3, 0]]), axis=1, length=4)


# ── take_along_axis and scatter_add_along_axis: one element a place ─────────────────────────────


def _picked(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
    _check_integers(indices)
    fits = len(x.shape) == len(indices.shape) and all(
        n == m for i, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True)) if i != axis
    )
    if not fits:
        raise ShapeError(
            f"values and indices have equal lengths on every axis but axis {axis}",
            received=f"values {x.shape}, indices {indices.shape}",
        )
    return TensorType(indices.shape, x.dtype)


def _pick_axis(x: TensorType, indices: TensorType, axis: int = -1) -> Params:
    return {"axis": normalise_axis(axis, len(x.shape))}


@primitive(_picked, as_given, canonical=_pick_axis)
def take_along_axis(x: Array, indices: Array, *, axis: int) -> Array:
    """y[i, j] = x[i, indices[i, j]] for axis 1        dx = dy added up in those places"""
    _check_range(indices, x.shape[axis])
    return np.take_along_axis(x, indices, axis=axis)


@take_along_axis.gradient
def _(dy: Any, y: Any, x: Any, indices: Any, *, axis: int) -> Any:
    return scatter_add_along_axis(dy, indices, axis=axis, length=x.shape[axis]), None


def _spread_out(values: TensorType, indices: TensorType, *, axis: int, length: int) -> TensorType:
    _check_integers(indices)
    if values.shape != indices.shape:
        raise ShapeError(
            "values and indices have the same shape", received=f"{values} and {indices}"
        )
    shape: Shape = (*values.shape[:axis], length, *values.shape[axis + 1 :])
    return TensorType(shape, values.dtype)


def _spread_params(values: TensorType, indices: TensorType, axis: int, length: int) -> Params:
    at = normalise_axis(axis, len(values.shape))
    return {"axis": at, "length": whole_number("length", length, least=0)}


@primitive(_spread_out, as_given, canonical=_spread_params)
def scatter_add_along_axis(
    values: Array, indices: Array, *, axis: int, length: int, out: Array | None = None
) -> Array:
    """y[i, k] = Σ values[i, j] over j with indices[i, j] = k        dv = dy taken there"""
    _check_range(indices, length)
    shape = (*values.shape[:axis], length, *values.shape[axis + 1 :])
    y = np.empty(shape, values.dtype) if out is None else out
    y[...] = 0
    places: list[Array] = list(np.indices(values.shape, sparse=True))
    places[axis] = indices
    np.add.at(y, tuple(places), values)
    return y


@scatter_add_along_axis.gradient
def _(dy: Any, y: Any, values: Any, indices: Any, *, axis: int, length: int) -> Any:
    return take_along_axis(dy, indices, axis=axis), None


@take_along_axis.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(4, 3), np.array([[2], [0], [-1], [1]]), axis=1)
    yield call(draw(4, 3), np.array([[2, 0, 0], [2, 1, 1]]), axis=0)


@scatter_add_along_axis.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(4, 1), np.array([[2], [0], [-1], [1]]), axis=1, length=3)
    yield call(draw(2, 3), np.array([[2, 0, 0], [2, 1, 1]]), axis=0, length=4)
