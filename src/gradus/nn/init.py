"""Initial values of parameters: where training starts.

An initialiser is a small frozen record, called with a shape. Random ones draw from
``gradus.random.current_stream()``, so ``gradus.random.manual_seed`` fixes them. A weight has the
shape (out, in, …): fan_in counts the inputs of a unit, fan_out the units an input reaches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradus import random
from gradus.checks import choice, finite_number
from gradus.errors import ArgumentError, ShapeError, TraceError
from gradus.tensor import Tensor
from gradus.types import Array, Shape, as_dtype, float32


@dataclass(frozen=True)
class Initialiser:
    """Base of every initialiser: subclass it as a frozen dataclass and write ``__call__``."""

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = float32) -> Array:
        """Array of initial values."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__(self, shape, dtype)")


@dataclass(frozen=True)
class Constant(Initialiser):
    """The same number everywhere.

    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    value: float

    def __post_init__(self) -> None:
        finite_number("value", self.value)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = float32) -> Array:
        """Array of initial values."""
        return np.full(shape, self.value, as_dtype(dtype))


@dataclass(frozen=True)
class Zeros(Initialiser):
    """0 everywhere: the usual start of a bias.

    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = float32) -> Array:
        """Array of initial values."""
        return np.zeros(shape, as_dtype(dtype))


@dataclass(frozen=True)
class Normal(Initialiser):
    """Normal numbers with mean 0 and standard deviation ``scale``.

    >>> Normal(0.1)((100, 100)).std().round(2)
    np.float32(0.1)
    """

    scale: float = 0.01

    def __post_init__(self) -> None:
        finite_number("scale", self.scale, least=0)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = float32) -> Array:
        """Array of initial values."""
        return (self.scale * random.normal(*_address(), shape)).astype(as_dtype(dtype))


@dataclass(frozen=True)
class Uniform(Initialiser):
    """Numbers evenly spread over [−bound, bound).

    >>> bool(abs(Uniform(0.1)((100, 100))).max() <= 0.1)
    True
    """

    bound: float

    def __post_init__(self) -> None:
        finite_number("bound", self.bound, least=0)

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = float32) -> Array:
        """Array of initial values."""
        u = random.uniform(*_address(), shape)
        return (self.bound * (2.0 * u - 1.0)).astype(as_dtype(dtype))


@dataclass(frozen=True)
class Scaled(Initialiser):
    """Base of those that keep the size of signals from layer to layer: variance gain² / fan.

    Attributes:
        distribution: "uniform" over ±√3 gain / √fan, or "normal".
        gain: factor that makes up for what the activation takes away.
    """

    distribution: str = "uniform"
    gain: float = 1.0

    def __post_init__(self) -> None:
        choice("distribution", self.distribution, "uniform", "normal")
        finite_number("gain", self.gain, above=0)

    def fan(self, shape: Shape) -> float:
        """Number of connections to divide the variance by."""
        raise NotImplementedError(f"{type(self).__name__} has no fan(self, shape)")

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = float32) -> Array:
        """Array of initial values."""
        scale = self.gain / math.sqrt(self.fan(shape))
        if self.distribution == "normal":
            return Normal(scale)(shape, dtype)
        return Uniform(math.sqrt(3.0) * scale)(shape, dtype)


@dataclass(frozen=True)
class Xavier(Scaled):
    """Variance 2 gain² / (fan_in + fan_out), for sigmoid and tanh.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks" (2010).

    >>> float(abs(Xavier()((2, 4))).max()) <= 1.0  # √(6 / (2 + 4))
    True
    """

    def fan(self, shape: Shape) -> float:
        """Mean of fan_in and fan_out."""
        fan_in, fan_out = fans(shape)
        return (fan_in + fan_out) / 2.0


@dataclass(frozen=True)
class LeCun(Scaled):
    """Variance gain² / fan_in, for linear units and SELU.

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998).

    >>> LeCun("normal")((1, 100)).shape
    (1, 100)
    """

    def fan(self, shape: Shape) -> float:
        """fan_in."""
        return fans(shape)[0]


@dataclass(frozen=True)
class He(Scaled):
    """Variance 2 / fan_in, for ReLU, which takes away half of it.

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers" (2015).

    >>> He("normal").gain == 2 ** 0.5
    True
    """

    gain: float = math.sqrt(2.0)

    def fan(self, shape: Shape) -> float:
        """fan_in."""
        return fans(shape)[0]


def chosen(init: Initialiser | None, usual: Initialiser) -> Initialiser:
    """The initialiser that was asked for, or the usual one of the layer.

    >>> chosen(None, Zeros())
    Zeros()
    """
    if init is not None and not isinstance(init, Initialiser):
        raise ArgumentError(
            "init is an initialiser or None",
            received=repr(init)[:100],
            remedy="pass one of gradus.nn.init, for example nn.Xavier()",
        )
    return init or usual


def fans(shape: Shape) -> tuple[int, int]:
    """Inputs of a unit, and units an input reaches; a kernel's places count for both.

    >>> fans((16, 3, 5, 5))
    (75, 400)
    """
    if len(shape) < 2 or 0 in shape:
        raise ShapeError(
            "a weight with fan_in and fan_out has the shape (out, in, …)",
            received=shape,
            remedy="use Zeros, Normal or Uniform for other shapes",
        )
    places = math.prod(shape[2:])
    return shape[1] * places, shape[0] * places


def _address() -> tuple[int, int, int]:
    """Address of the next draw."""
    seed, step, site = random.current_stream().next()
    if isinstance(seed, Tensor) or isinstance(step, Tensor):
        raise TraceError(
            "initial values are drawn outside of traced functions",
            remedy="build the module before, and pass its parameters in",
        )
    return seed, step, site
