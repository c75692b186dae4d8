"""Two identities: the same numbers in another dtype, and as a constant to differentiation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradus.ops.primitive import (
    Call,
    Draw,
    Params,
    as_given,
    call,
    one_operand,
    primitive,
    same,
)
from gradus.types import Array, DType, TensorType, as_dtype, bool_, is_float


def _cast_type(x: TensorType, *, dtype: DType) -> TensorType:
    return TensorType(x.shape, dtype)


def _cast_params(x: TensorType, dtype: Any) -> Params:
    return {"dtype": as_dtype(dtype)}


@primitive(_cast_type, as_given, canonical=_cast_params)
def astype(x: Array, *, dtype: DType, out: Array | None = None) -> Array:
    """y = x in another dtype        dx = dy in the dtype of x (from floats to floats only)"""
    if out is None:
        return x.astype(dtype)
    np.copyto(out, x, casting="unsafe")
    return out


@astype.gradient
def _(dy: Any, y: Any, x: Any, *, dtype: DType) -> Any:
    return dy.astype(x.dtype) if is_float(x.dtype) else None


@astype.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4), dtype=np.dtype(np.float64))
    yield call(draw.integers(9, 3), dtype=np.dtype(np.float64))


@primitive(same, as_given)
def stop_gradient(x: Array, out: Array | None = None) -> Array:
    """y = x, a constant to differentiation        dx = 0"""
    return np.positive(x, out=out) if x.dtype != bool_ else np.logical_or(x, False, out=out)


stop_gradient.blocks_gradient = True
stop_gradient.samples(one_operand())
