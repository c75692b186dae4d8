"""Other shapes of the same elements: reordered axes, reshaping, repetition along axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gradus.checks import whole_numbers
from gradus.errors import ShapeError
from gradus.ops.primitive import (
    Call,
    Draw,
    Params,
    as_given,
    broadcast_shapes,
    call,
    composite,
    normalise_axes,
    normalise_axis,
    primitive,
)
from gradus.types import Array, Shape, TensorType


def _given_shape(x: TensorType, *, shape: Shape) -> TensorType:
    return TensorType(shape, x.dtype)


# ── permute_dims ────────────────────────────────────────────────────────────────────────────────


def _permuted(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    return TensorType(tuple(x.shape[a] for a in axes), x.dtype)


def _permutation(x: TensorType, axes: Sequence[int] | None = None) -> Params:
    rank = len(x.shape)
    order = tuple(range(rank))[::-1] if axes is None else whole_numbers("axes", axes)
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
    wanted = list(whole_numbers("shape", shape))
    known = int(np.prod([n for n in wanted if n != -1], dtype=np.int64))
    if wanted.count(-1) == 1 and known > 0 and x.size % known == 0:
        wanted[wanted.index(-1)] = x.size // known
    if any(n < 0 for n in wanted) or int(np.prod(wanted, dtype=np.int64)) != x.size:
        raise ShapeError(
            f"a reshape keeps the number of elements, here {x.size} in {x.shape}",
            received=f"shape={shape}",
            remedy="one length may be -1, which is then worked out",
        )
    return {"shape": tuple(wanted)}


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


def _stretch(x: TensorType, shape: int | Sequence[int]) -> Params:
    wanted = whole_numbers("shape", shape, least=0)
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


# ── Functions written in these ──────────────────────────────────────────────────────────────────


@composite(lambda draw: [call(draw(3, 4), axis=1), call(draw(3), axis=-1)])
def expand_dims(x: Any, axis: int) -> Any:
    """Insert an axis of length 1."""
    shape = list(np.shape(x))
    shape.insert(normalise_axis(axis, len(shape) + 1), 1)
    return reshape(x, shape=shape)


@composite(lambda draw: [call(draw(3, 1, 4), axis=1)])
def squeeze(x: Any, axis: int | Iterable[int]) -> Any:
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
