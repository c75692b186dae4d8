"""Elementwise primitives: arithmetic, comparison, choice, and the functions of one number.

Operands broadcast as in NumPy. Integers become float32 where the result is a real function.
At kinks the derivative is PyTorch's: abs at 0 has 0; maximum and minimum of equal numbers give
each operand half.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradus.errors import DtypeError
from gradus.ops.primitive import (
    Call,
    Draw,
    Params,
    Sampler,
    as_given,
    boolean,
    call,
    common,
    floating,
    numbers,
    primitive,
    same,
    selected,
)
from gradus.types import Array, DType, TensorType, as_dtype, bool_, is_float

# ── Samples ─────────────────────────────────────────────────────────────────────────────────────


def _one(**domain: Any) -> Sampler:
    """Samples of a function of one number."""

    def sampler(draw: Draw) -> Iterable[Call]:
        yield call(draw(3, 4, **domain))
        yield call(draw(**domain))
        yield call(draw(0, 3, **domain))

    return sampler


def _two(draw: Draw) -> Iterable[Call]:
    """Samples of a function of two numbers: equal shapes, and every way of broadcasting."""
    yield call(draw(3, 4), draw(3, 4))
    yield call(draw(3, 4), draw(4))
    yield call(draw(2, 1, 3), draw(4, 1))
    yield call(draw(), draw(2, 3))
    yield call(draw(0, 3), draw(3))


# ── Arithmetic ──────────────────────────────────────────────────────────────────────────────────


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

    Integers to a negative power are an error in NumPy; use a float exponent.
    """
    return np.power(a, b, out=out)


@power.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    da = where(equal(b, 0), 0.0, dy * b * power(a, b - 1))
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
    _op.samples(_two)


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
    _op.samples(_one())

# ── Functions of one number ─────────────────────────────────────────────────────────────────────


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


@primitive(same, floating)
def exp(x: Array, out: Array | None = None) -> Array:
    """y = eˣ        dx = dy y"""
    return np.exp(x, out=out)


@exp.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy * y


@primitive(same, floating)
def expm1(x: Array, out: Array | None = None) -> Array:
    """y = eˣ − 1, exact near 0        dx = dy (y + 1)"""
    return np.expm1(x, out=out)


@expm1.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy * (y + 1.0)


@primitive(same, floating)
def log(x: Array, out: Array | None = None) -> Array:
    """y = ln x        dx = dy / x"""
    return np.log(x, out=out)


@log.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy / x


@primitive(same, floating)
def log1p(x: Array, out: Array | None = None) -> Array:
    """y = ln(1 + x), exact near 0        dx = dy / (1 + x)"""
    return np.log1p(x, out=out)


@log1p.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy / (x + 1.0)


@primitive(same, floating)
def logaddexp(a: Array, b: Array, out: Array | None = None) -> Array:
    """y = ln(eᵃ + eᵇ) without overflow        da = dy eᵃ⁻ʸ, db = dy eᵇ⁻ʸ"""
    return np.logaddexp(a, b, out=out)


@logaddexp.gradient
def _(dy: Any, y: Any, a: Any, b: Any) -> Any:
    # σ(a − b) equals eᵃ⁻ʸ, and keeps its own derivative exact where y and a are large.
    difference = a - b
    return dy * sigmoid(difference), dy * sigmoid(-difference)


@primitive(same, floating)
def sin(x: Array, out: Array | None = None) -> Array:
    """y = sin x        dx = dy cos x"""
    return np.sin(x, out=out)


@sin.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy * cos(x)


@primitive(same, floating)
def cos(x: Array, out: Array | None = None) -> Array:
    """y = cos x        dx = −dy sin x"""
    return np.cos(x, out=out)


@cos.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return -(dy * sin(x))


@primitive(same, floating)
def tanh(x: Array, out: Array | None = None) -> Array:
    """y = tanh x        dx = dy (1 − y²)"""
    return np.tanh(x, out=out)


@tanh.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy * (1.0 - y * y)


@primitive(same, floating)
def sigmoid(x: Array, out: Array | None = None) -> Array:
    """y = 1 / (1 + e⁻ˣ)        dx = dy y (1 − y)

    Lecture 002 prints 1/(1 − e⁻ˣ) once; the plus sign is right. Computed from e^−|x|, which
    cannot overflow.
    """
    z = np.exp(-np.abs(x))
    return np.divide(np.where(x >= 0, x.dtype.type(1), z), 1 + z, out=out)


@sigmoid.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy * (y * (1.0 - y))


@primitive(same, floating)
def erf(x: Array, out: Array | None = None) -> Array:
    """y = 2/√π ∫₀ˣ e^−t² dt        dx = dy 2/√π e^−x²"""
    from scipy.special import erf as scipy_erf  # late: SciPy costs more to import than NumPy

    return np.asarray(scipy_erf(x, out=out))


@erf.gradient
def _(dy: Any, y: Any, x: Any) -> Any:
    return dy * (2.0 / np.pi**0.5 * exp(-(x * x)))


for _op in (abs, exp, expm1, sin, cos, tanh, sigmoid, erf):
    _op.samples(_one())
for _op in (sqrt, log):
    _op.samples(_one(low=0.2))
log1p.samples(_one(low=-0.7))
logaddexp.samples(_two)
sign.samples(_one())

# ── Comparison, logic, choice ───────────────────────────────────────────────────────────────────


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
    _op.samples(_two)
isfinite.samples(_one())


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


# ── Casting, and the two identities ─────────────────────────────────────────────────────────────


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
stop_gradient.samples(_one())


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
