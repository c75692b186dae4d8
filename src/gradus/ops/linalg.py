"""The matrix product, batched."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from gradus.errors import ShapeError
from gradus.ops.movement import expand_dims, matrix_transpose, reshape, squeeze
from gradus.ops.primitive import Call, Draw, broadcast_shapes, call, composite, primitive
from gradus.types import Array, TensorType


def _product(a: TensorType, b: TensorType) -> TensorType:
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ShapeError(
            "a matrix product takes operands of two axes or more",
            received=f"{a.shape} @ {b.shape}",
            remedy="give a vector a second axis: x.reshape(1, -1)",
        )
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            "the columns of the first operand must number the rows of the second",
            received=f"{a.shape} @ {b.shape}",
            remedy="check the number of features, or transpose one operand",
        )
    batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return TensorType((*batch, a.shape[-2], b.shape[-1]), a.dtype)


@primitive(_product)
def matmul_(a: Array, b: Array, out: Array | None = None) -> Array:
    """Y = A B over the last two axes        dA = dY Bᵀ, dB = Aᵀ dY

    The axes before the last two broadcast.
    """
    return np.matmul(a, b, out=out)


@matmul_.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    da = matmul_(dy, matrix_transpose(b))
    if len(a.shape) > 2 == len(b.shape):
        # One matrix for the whole stack: one product of all rows, not a sum of as many products.
        a, dy = (reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1])) for x in (a, dy))
    return da, matmul_(matrix_transpose(a), dy)


@matmul_.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4), draw(4, 2))
    yield call(draw(2, 3, 4), draw(4, 2))
    yield call(draw(2, 1, 2, 3), draw(4, 3, 2))
    yield call(draw(0, 3), draw(3, 2))


@composite(
    lambda draw: [call(draw(3), draw(3)), call(draw(2, 3), draw(3)), call(draw(3), draw(3, 2))]
)
def matmul(a: Any, b: Any) -> Any:
    """Matrix product; a vector on the left counts as a row, one on the right as a column.

    >>> import gradus as gd
    >>> gd.ops.matmul(gd.tensor([1.0, 2.0]), gd.tensor([3.0, 4.0])).item()
    11.0
    """
    row, column = len(np.shape(a)) == 1, len(np.shape(b)) == 1
    y = matmul_(expand_dims(a, axis=0) if row else a, expand_dims(b, axis=1) if column else b)
    axes = [-2] * row + [-1] * column
    return squeeze(y, axis=axes) if axes else y
