"""Exponentials, logarithms, circular and soft functions, elementwise.

Integers become float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradus.ops.primitive import (
    floating,
    one_operand,
    primitive,
    same,
    two_operands,
)
from gradus.types import Array


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


for _op in (exp, expm1, sin, cos, tanh, sigmoid, erf):
    _op.samples(one_operand())
log.samples(one_operand(low=0.2))
log1p.samples(one_operand(low=-0.7))
logaddexp.samples(two_operands)
