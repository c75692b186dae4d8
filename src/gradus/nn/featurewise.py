"""Layers that treat each feature by itself: scaled, bent, kept in bounds, cooled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus import ops
from gradus.checks import finite_number, whole_number
from gradus.errors import ArgumentError
from gradus.nn.init import Constant
from gradus.nn.linear import check_rows
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.tensor import Tensor, tensor
from gradus.types import is_float


class ScalingLayer(Module):
    """y = x · s: each feature times a learned number, which says how much the feature counts.

    In front of a network, with a higher rate than the other layers, it selects features softly.

    Source: RealMLP: Holzmüller, Grinsztajn and Steinwart, "Better by default" (2024).

    Attributes:
        scale: s, (features,), ones at the start.

    Args:
        features: length of the rows.
        dtype: of the parameter.

    Raises:
        ShapeError: an input (…, m) with m ≠ features.

    >>> layer = ScalingLayer(2)
    >>> layer.scale = [1.0, 0.5]
    >>> layer([[3.0, 4.0]]).tolist()
    [[3.0, 2.0]]
    """

    def __init__(self, features: int, dtype: npt.DTypeLike = "float32") -> None:
        self.features = whole_number("features", features, least=1)
        self.dtype = float_dtype(dtype)
        self.scale = parameter(Constant(1.0), (self.features,), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(…, features) to the same shape."""
        check_rows(self, x, self.features)
        return x * self.scale


class ParametricActivation(Module):
    """y = x + a (σ(x) − x): an activation σ of which each feature learns how much it wants.

    With a = 1 it is σ, with a = 0 the identity.

    Source: RealMLP: Holzmüller, Grinsztajn and Steinwart, "Better by default" (2024).

    Attributes:
        mix: a, (features,), ones at the start.

    Args:
        activation: σ, a module that keeps the shape.
        features: length of the rows.
        dtype: of the parameter.

    Raises:
        ShapeError: an input (…, m) with m ≠ features.

    >>> from gradus import nn
    >>> layer = ParametricActivation(nn.ReLU(), 2)
    >>> layer.mix = [1.0, 0.5]
    >>> layer([[-4.0, -4.0]]).tolist()
    [[0.0, -2.0]]
    """

    def __init__(self, activation: Module, features: int, dtype: npt.DTypeLike = "float32") -> None:
        if not isinstance(activation, Module):
            raise ArgumentError(
                "activation is a module",
                received=repr(activation)[:100],
                remedy="make one, as in nn.SELU() or nn.activation('selu')",
            )
        self.activation = activation
        self.features = whole_number("features", features, least=1)
        self.dtype = float_dtype(dtype)
        self.mix = parameter(Constant(1.0), (self.features,), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(…, features) to the same shape."""
        check_rows(self, x, self.features)
        return x + self.mix * (self.activation(x) - x)


class Clamp(Module):
    """In evaluation y = the nearest number in [low, high], for each output; in training y = x.

    A regression so never predicts what lies beyond all targets it has seen, and still learns from
    errors out there.

    Args:
        low: the least of each output.
        high: the greatest of each output.

    Raises:
        ArgumentError: bounds of different lengths, or low > high.
        ShapeError: an input (…, m) with another m than there are bounds.

    >>> clamp = Clamp([0.0], [1.0])
    >>> clamp([[3.0]]).tolist(), clamp.eval()([[3.0]]).tolist()
    ([[3.0]], [[1.0]])
    """

    def __init__(self, low: Iterable[float], high: Iterable[float]) -> None:
        self.low, self.high = _numbers("low", low), _numbers("high", high)
        pairs = zip(self.low, self.high, strict=False)
        if len(self.low) != len(self.high) or any(a > b for a, b in pairs):
            raise ArgumentError(
                "Clamp takes low ≤ high, a pair for each output",
                received=f"low={self.low}, high={self.high}"[:200],
            )

    def forward(self, x: Tensor) -> Tensor:
        """(…, outputs) to the same shape."""
        check_rows(self, x, len(self.low))
        if self.training:
            return x
        low, high = (_bounds(bounds, x) for bounds in (self.low, self.high))
        x = ops.where(x < low, low, x)
        return ops.where(x > high, high, x)


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    """One finite number or more, as Python's."""
    found = np.asarray(values, object) if isinstance(values, Iterable) else np.empty(0)
    if found.ndim != 1 or not found.size:
        raise ArgumentError(f"{name} is a list of one number or more", received=repr(values)[:100])
    return tuple(finite_number(f"each number of {name}", value) for value in found)


def _bounds(values: tuple[float, ...], x: Tensor) -> Tensor:
    return tensor(np.array(values), x.dtype) if is_float(x.dtype) else tensor(np.array(values))


class Temperature(Module):
    """y = x / T: scores made milder (T > 1) or sharper (T < 1), in the same order.

    T is no parameter: it is fitted on held-out examples when training is over, and kept with the
    model, so that the softmax of the scores is as often right as it says.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks" (2017).

    Attributes:
        temperature: T, a buffer of one number.

    Args:
        temperature: T at the start, > 0.

    >>> Temperature(2.0)([[3.0, 1.0]]).tolist()
    [[1.5, 0.5]]
    """

    def __init__(self, temperature: float = 1.0) -> None:
        start = finite_number("temperature", temperature, above=0)
        self.temperature = parameter(Constant(start), (), "float32", trained=False)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return x / self.temperature

    def config(self) -> dict[str, Any]:
        """The constructor's argument: T as it is now."""
        now = self.temperature
        return {"temperature": 1.0 if now.is_symbolic else now.item()}  # unknown in a trace
