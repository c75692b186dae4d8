"""Several tensors as one: along an axis that they have, or along a new one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradus.errors import ShapeError
from gradus.ops.movement import expand_dims
from gradus.ops.primitive import Call, Draw, Params, call, common, normalise_axis, primitive
from gradus.ops.slicing import slice
from gradus.types import Array, TensorType


def _joined(*types: TensorType, axis: int) -> TensorType:
    first = types[0].shape
    for t in types[1:]:
        rest = [n for i, n in enumerate(t.shape) if i != axis]
        if len(t.shape) != len(first) or rest != [n for i, n in enumerate(first) if i != axis]:
            raise ShapeError(
                f"tensors are joined along axis {axis} when all other axes are equal",
                received=" and ".join(str(u.shape) for u in types),
            )
    length = sum(t.shape[axis] for t in types)
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
