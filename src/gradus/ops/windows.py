"""Sliding windows: what convolution and pooling stand on.

``sliding_window`` and ``fold_windows`` are each other's gradient: one reads overlapping windows,
the other adds overlapping windows up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np

from gradus.checks import whole_numbers
from gradus.errors import ArgumentError, ShapeError
from gradus.ops.primitive import Call, Draw, Params, as_given, call, primitive
from gradus.types import Array, Shape, TensorType

Ints = tuple[int, ...]


def _counts(lengths: Shape, window: Ints, stride: Ints, dilation: Ints) -> Shape:
    """Number of windows along each axis."""
    return tuple(
        (n - d * (w - 1) - 1) // s + 1
        for n, w, s, d in zip(lengths, window, stride, dilation, strict=True)
    )


def _windows(x: TensorType, *, window: Ints, stride: Ints, dilation: Ints) -> TensorType:
    k = len(window)
    counts = _counts(x.shape[-k:], window, stride, dilation)
    if any(n < 1 for n in counts):
        raise ShapeError(
            "a window, dilated, must fit into the axes that it slides over",
            received=f"axes {x.shape[-k:]}, window {window}, dilation {dilation}",
            remedy="pad the input, or take a smaller window",
        )
    return TensorType((*x.shape[:-k], *counts, *window), x.dtype)


def _window_params(
    x: TensorType,
    window: Sequence[int] | int,
    stride: Sequence[int] | int = 1,
    dilation: Sequence[int] | int = 1,
) -> Params:
    sizes = whole_numbers("window", window)
    k = len(sizes)
    params = {
        "window": sizes,
        "stride": (stride,) * k if isinstance(stride, int) else whole_numbers("stride", stride),
        "dilation": (dilation,) * k
        if isinstance(dilation, int)
        else whole_numbers("dilation", dilation),
    }
    if not 1 <= k <= len(x.shape) or any(len(v) != k or min(v) < 1 for v in params.values()):
        raise ArgumentError(
            f"window, stride and dilation are {k} numbers ≥ 1, one an axis at the end of {x.shape}",
            received=params,
        )
    return params


@primitive(_windows, as_given, canonical=_window_params)
def sliding_window(x: Array, *, window: Ints, stride: Ints, dilation: Ints) -> Array:
    """y[…, i, p] = x[…, i·stride + p·dilation] over the last axes        dx = overlaps of dy added

    k window sizes slide over the last k axes, one number over the last; the result has k axes of
    window positions, then k axes of places in the window.
    """
    k = len(window)
    counts = _counts(x.shape[-k:], window, stride, dilation)
    steps = x.strides[-k:]
    strides = (
        *x.strides[:-k],
        *(n * s for n, s in zip(steps, stride, strict=True)),
        *(n * d for n, d in zip(steps, dilation, strict=True)),
    )
    shape = (*x.shape[:-k], *counts, *window)
    return np.array(np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False))


@sliding_window.gradient
def _(dy: Any, y: Any, x: Any, *, window: Ints, stride: Ints, dilation: Ints) -> Any:
    lengths = x.shape[-len(window) :]
    return fold_windows(dy, lengths=lengths, window=window, stride=stride, dilation=dilation)


def _folded(
    y: TensorType, *, lengths: Ints, window: Ints, stride: Ints, dilation: Ints
) -> TensorType:
    k = len(window)
    expected = (*_counts(lengths, window, stride, dilation), *window)
    if y.shape[-2 * k :] != expected:
        raise ShapeError(f"windows over {lengths} have the shape {expected}", received=y)
    return TensorType((*y.shape[: -2 * k], *lengths), y.dtype)


@primitive(_folded, as_given)
def fold_windows(
    y: Array,
    *,
    lengths: Ints,
    window: Ints,
    stride: Ints,
    dilation: Ints,
    out: Array | None = None,
) -> Array:
    """x[…, n] = Σ y[…, i, p] over i·stride + p·dilation = n        dy = windows of dx"""
    k = len(window)
    counts = y.shape[-2 * k : -k]
    x = np.empty((*y.shape[: -2 * k], *lengths), y.dtype) if out is None else out
    x[...] = 0
    for place in product(*map(range, window)):
        reached = [
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, n, s, d in zip(place, counts, stride, dilation, strict=True)
        ]
        target: Any = (..., *reached)
        source: Any = (..., *place)
        x[target] += y[source]
    return x


@fold_windows.gradient
def _(dx: Any, x: Any, y: Any, *, lengths: Ints, window: Ints, stride: Ints, dilation: Ints) -> Any:
    return sliding_window(dx, window=window, stride=stride, dilation=dilation)


@sliding_window.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(2, 6), window=(3,))
    yield call(draw(2, 7), window=(2,), stride=2, dilation=3)
    yield call(draw(2, 5, 6), window=(2, 3), stride=(1, 2), dilation=(2, 1))


@fold_windows.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(draw(2, 4, 3), lengths=(6,), window=(3,), stride=(1,), dilation=(1,))
    yield call(draw(3, 2, 2, 2, 3), lengths=(5, 6), window=(2, 3), stride=(2, 2), dilation=(2, 1))
