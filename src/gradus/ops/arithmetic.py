"""Arithmetic, elementwise: sums, products, powers, extremes, and what belongs to them.

Operands broadcast as in NumPy. At kinks the derivative is PyTorch's: abs at 0 has 0; maximum and
minimum of equal numbers give each operand half.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradus.errors import ArgumentError, DtypeError
from gradus.ops.cast import stop_gradient
from gradus.ops.logic import equal, greater, greater_equal, less, logical_and, where
from gradus.ops.primitive import (
    Call,
    Draw,
    call,
    common,
    floating,
    numbers,
    one_operand,
    primitive,
    same,
    two_operands,
)
from gradus.ops.transcendental import log
from gradus.types import Array, DType, TensorType


@primitive(same)
def add(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = a + b        da = dy, db = dy"""
    return np.add(a, b, out=out)


@add.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    return dy, dy


@primitive(same, numbers)
def subtract(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = a − b        da = dy, db = −dy"""
    return np.subtract(a, b, out=out)


@subtract.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    return dy, -dy


@primitive(same)
def multiply(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = a b        da = dy b, db = dy a"""
    return np.multiply(a, b, out=out)


@multiply.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    return dy * b, dy * a


@primitive(same, floating)
def divide(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = a / b        da = dy / b, db = −dy (y / b)"""
    return np.divide(a, b, out=out)


@divide.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    # Not −da y: where b is subnormal da overflows, and ∞ times y = 0 would be NaN.
    return dy / b, -(dy * (y / b))


@primitive(same, numbers)
def negative(x: Array, out: Array | None = None) -> Array:
    """y = −x        dx = −dy"""
    return np.negative(x, out=out)


@negative.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return -dy


@primitive(same, numbers)
def square(x: Array, out: Array | None = None) -> Array:
    """y = x²        dx = 2 x dy"""
    return np.square(x, out=out)


@square.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy * (2.0 * x)


@primitive(same, numbers)
def power(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = aᵇ        da = dy b aᵇ⁻¹ (0 where b is 0), db = dy y ln a (0 where a is 0 and b ≥ 0)

    Raises:
        ArgumentError: integers to a negative power.
    """
    if b.dtype.kind == "i" and b.size and b.min() < 0:
        raise ArgumentError(
            "integers to a negative power are no integers",
            received=f"the power {b.min()}",
            remedy="use floats: 2.0 ** -1, or x.astype('float32') ** -1",
        )
    return np.power(a, b, out=out)


@power.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    # A choice by where does not stop 0 · ∞ on its other side, so that side gets harmless numbers.
    still = equal(b, 0)
    da = where(still, 0.0, dy * b * power(where(still, 1.0, a), b - 1))
    settled = logical_and(equal(a, 0), greater_equal(b, 0))
    db = where(settled, 0.0, dy * y * log(where(settled, 1.0, a)))
    return da, db


@primitive(same)
def maximum(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = max(a, b)        da = dy where a > b, dy/2 where a = b, else 0; NaN if either is"""
    return np.maximum(a, b, out=out)


@maximum.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    half = where(equal(a, b), dy * 0.5, dy)
    return where(less(a, b), 0.0, half), where(less(b, a), 0.0, half)


@primitive(same)
def minimum(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = min(a, b)        da = dy where a < b, dy/2 where a = b, else 0; NaN if either is"""
    return np.minimum(a, b, out=out)


@minimum.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    half = where(equal(a, b), dy * 0.5, dy)
    return where(greater(a, b), 0.0, half), where(greater(b, a), 0.0, half)


for _op in (add, subtract, multiply, maximum, minimum):
    _op.samples(two_operands)


@divide.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4), draw(3, 4, gap=0.5))
    yield call(draw(2, 1, 3), draw(4, 1, gap=0.5))
    yield call(draw(), draw(0, 3, gap=0.5))


@power.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(3, 4, low=0.2), draw(3, 4))
    yield call(draw(2, 1, 3, low=0.2), draw(4, 1))


for _op in (negative, square):
    _op.samples(one_operand())


@primitive(same)
def abs(x: Array, out: Array | None = None) -> Array:
    """y = |x|        dx = dy sign x, 0 at 0"""
    return np.absolute(x, out=out)


@abs.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    # sign itself refuses to be differentiated; here its zero derivative is the right one.
    return dy * sign(stop_gradient(x))


@primitive(same, numbers)
def sign(x: Array, out: Array | None = None) -> Array:
    """y = −1, 0 or 1 as x is negative, 0 or positive        no derivative to learn from"""
    return np.sign(x, out=out)


@primitive(same, floating)
def sqrt(x: Array, out: Array | None = None) -> Array:
    """y = √x        dx = dy / 2y"""
    return np.sqrt(x, out=out)


@sqrt.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy / (2.0 * y)


abs.samples(one_operand())
sign.samples(one_operand())
sqrt.samples(one_operand(low=0.2))


def _integers(*types: TensorType) -> tuple[DType, ...]:
    found = common(*types)
    if found[0].kind not in "iu":
        raise DtypeError("shifts take integers", received=" and ".join(map(str, types)))
    return found


@primitive(same, _integers)
def bitwise_right_shift(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = ⌊a / 2ᵇ⌋ for integers"""
    return np.right_shift(a, b, out=out)


@bitwise_right_shift.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw.integers(1000, 3, 4), draw.integers(5, 4))
