"""Comparison, logic and choice, elementwise. Booleans have no derivative; a choice passes it on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradus.errors import DtypeError
from gradus.ops.primitive import (
    Call,
    Draw,
    boolean,
    call,
    common,
    one_operand,
    primitive,
    selected,
    two_operands,
)
from gradus.types import Array, DType, TensorType, bool_


@primitive(boolean)
def equal(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = (a = b)"""
    return np.equal(a, b, out=out)


@primitive(boolean)
def not_equal(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = (a ≠ b)"""
    return np.not_equal(a, b, out=out)


@primitive(boolean)
def less(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = (a < b)"""
    return np.less(a, b, out=out)


@primitive(boolean)
def less_equal(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = (a ≤ b)"""
    return np.less_equal(a, b, out=out)


@primitive(boolean)
def greater(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = (a > b)"""
    return np.greater(a, b, out=out)


@primitive(boolean)
def greater_equal(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = (a ≥ b)"""
    return np.greater_equal(a, b, out=out)


def _booleans(*types: TensorType) -> tuple[DType, ...]:
    for t in types:
        if t.dtype != bool_:
            raise DtypeError("logic takes booleans", received=t, remedy="compare first: x != 0")
    return (bool_,) * len(types)


@primitive(boolean, _booleans)
def logical_and(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = a and b"""
    return np.logical_and(a, b, out=out)


@primitive(boolean, _booleans)
def logical_or(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = a or b"""
    return np.logical_or(a, b, out=out)


@primitive(boolean, _booleans)
def logical_not(x: Array, out: Array | None = None) -> Array:
    """y = not x"""
    return np.logical_not(x, out=out)


@primitive(boolean)
def isfinite(x: Array, out: Array | None = None) -> Array:
    """y = x is neither infinite nor NaN"""
    return np.isfinite(x, out=out)


for _op in (equal, not_equal, less, less_equal, greater, greater_equal):
    _op.samples(two_operands)
isfinite.samples(one_operand())


@logical_and.samples
@logical_or.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw.booleans(3, 4), draw.booleans(4))


@logical_not.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw.booleans(3, 4))


def _choice(condition: TensorType, x: TensorType, y: TensorType) -> tuple[DType, ...]:
    if condition.dtype != bool_:
        raise DtypeError(
            "where chooses by booleans", received=condition, remedy="compare first: x > 0"
        )
    return (bool_, *common(x, y))


@primitive(selected, _choice)
def where(condition: Array, x: Array, y: Array, out: Array | None = None) -> Array:
    """z = x where the condition holds, else y        dx = dz where it holds, dy elsewhere"""
    if out is None:
        return np.where(condition, x, y)
    np.copyto(out, y)
    np.copyto(out, x, where=condition)
    return out


@where.gradient
def _(dz: Any, z: Any, condition: Any, x: Any, y: Any) -> Any:
    return None, where(condition, dz, 0.0), where(condition, 0.0, dz)


@where.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw.booleans(3, 4), draw(3, 4), draw(3, 4))
    yield call(draw.booleans(3, 1), draw(4), draw())
