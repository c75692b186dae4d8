"""Vector functions, on every instruction set: within 2 units in the last place, right at the edges.

The truth is NumPy's, in double for float32 and in long double for float64; native/tests puts all
2³² floats to the same test (make native-test).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import ops
from gradus.compiler import trace
from gradus.compiler.native import NativeExecutor, available, targets

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")

BOUND = 2.0  # units in the last place
WIDER = {"float32": np.float64, "float64": np.longdouble}
narrow_long_double = np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _logaddexp(a: Any, b: Any) -> Any:
    return np.logaddexp(a.astype(np.longdouble), b.astype(np.longdouble))


def _erf(x: Any) -> Any:
    """2/√π e^(−x²) Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)), whose terms all have the sign of x."""
    y = np.clip(x.astype(np.longdouble), -7, 7)  # where erf is ±1 to the last bit and beyond
    term, total = y, y.copy()
    for n in range(1, 300):
        term = term * (2 * y * y / (2 * n + 1))
        total += term
    return total * np.exp(-y * y) * 2 / np.sqrt(4 * np.arctan(np.longdouble(1)))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh,
    "sigmoid": _sigmoid, "sin": np.sin, "cos": np.cos, "sqrt": np.sqrt, "erf": _erf,
    "logaddexp": _logaddexp, "power": np.power,
}  # fmt: skip


def program(name: str, dtype: str, target: str, count: int) -> Callable[..., np.ndarray]:
    """The function as a native program over so many numbers."""
    op = getattr(ops, name)
    example = [gd.tensor(np.ones(count, dtype)) for _ in range(op.arity)]
    prepared = NativeExecutor(1, target).prepare(
        trace(lambda *x: op(*x), *example).graph  # by place: inputs are called x.0, x.1
    )
    names = list(prepared.graph.inputs)
    return lambda *x: prepared.run(dict(zip(names, x, strict=True)))["result"]


def numbers(dtype: str) -> np.ndarray:
    """Any bits at all, and the ranges where the functions do their work; then the edges."""
    rng = np.random.default_rng(0)
    size = np.dtype(dtype).itemsize
    any_bits = np.frombuffer(rng.bytes(8192 * size), dtype)
    wide = 110 if dtype == "float32" else 760
    ranges = [rng.uniform(-r, r, 4096) for r in (1.5, 10, 110, wide)]
    small = rng.uniform(-1, 1, 4096) * 2.0 ** -rng.integers(0, 40, 4096)
    with np.errstate(over="ignore"):
        return np.concatenate(
            [any_bits, *(r.astype(dtype) for r in (*ranges, small)), edges(dtype)]
        )


def edges(dtype: str) -> np.ndarray:
    limits = np.finfo(dtype)
    points = [
        0, limits.smallest_subnormal, 3 * limits.smallest_subnormal, limits.tiny / 2, limits.tiny,
        limits.eps, 0.25, 0.5, 0.55, 0.75, 1, np.nextafter(1, 0), np.nextafter(1, 2), 1.5, 2, 3,
        np.pi / 2, np.pi, 87.5, 88.7228, 88.73, 89, 103.9, 104.5, 708.4, 709.78, 709.79, 710,
        744.4, 745.2, 746, 499_999, 500_001, 1e10, 1e30, limits.max / 2, limits.max, np.inf, np.nan,
    ]  # fmt: skip
    x = np.array(points).astype(dtype)
    return np.concatenate([x, -x])


def error(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Distance in units of the last place at the true value; infinite where a special is wrong."""
    limits = np.finfo(found.dtype)
    special = ~np.isfinite(truth) | (truth == 0)
    same = (found == truth) & (np.signbit(found) == np.signbit(truth))
    right = np.where(np.isnan(truth), np.isnan(found), same)
    # A true value past the largest number may round to infinity.
    overflowed = np.isinf(found) & (np.abs(truth) > limits.max)
    right = np.where(overflowed, np.signbit(found) == np.signbit(truth), right)
    _, exponent = np.frexp(np.where(special, 1, truth))
    exponent = np.clip(exponent - 1, limits.minexp, limits.maxexp - 1)
    unit = np.ldexp(truth.dtype.type(1), exponent - limits.nmant)
    distance = np.abs(found.astype(truth.dtype) - truth) / unit
    wrong_sign = (found == 0) & (np.signbit(found) != np.signbit(truth))
    return np.where(special | overflowed | wrong_sign, np.where(right, 0, np.inf), distance)


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_within_two_units_in_the_last_place(
    name: str, dtype: str, target: str
) -> None:
    if dtype == "float64" and narrow_long_double:
        pytest.skip("no wider float on this machine")
    given = [numbers(dtype)]
    if getattr(ops, name).arity == 2:
        given = [given[0], np.random.default_rng(1).permutation(given[0])]
    found = program(name, dtype, target, given[0].size)(*given)
    with np.errstate(all="ignore"):
        truth = FUNCTIONS[name](*(x.astype(WIDER[dtype]) for x in given))
        wrong = error(found, truth)
    worst = int(np.argmax(wrong))
    assert wrong[worst] <= BOUND, f"{name}({', '.join(repr(x[worst]) for x in given)})"


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_result_depends_on_its_own_number_alone(name: str, dtype: str, target: str) -> None:
    # Wherever it stands in a vector and whatever stands beside it, down to a vector's last rest.
    given = [edges(dtype)]
    if getattr(ops, name).arity == 2:
        given = [given[0], np.roll(given[0], 5)]
    alone = np.array([program(name, dtype, target, 1)(*(x[i : i + 1] for x in given))[0]
                      for i in range(given[0].size)])  # fmt: skip
    for shift in range(0, 20, 3):
        turned = [np.ascontiguousarray(np.roll(x, shift)[: x.size - shift]) for x in given]
        found = program(name, dtype, target, turned[0].size)(*turned)
        assert np.array_equal(found, np.roll(alone, shift)[: found.size], equal_nan=True)


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["tanh", "erf", "sin"])
def test_odd_functions_are_odd_to_the_last_bit(name: str, dtype: str, target: str) -> None:
    x = numbers(dtype)
    run = program(name, dtype, target, x.size)
    assert np.array_equal(run(-x), -run(x), equal_nan=True)
