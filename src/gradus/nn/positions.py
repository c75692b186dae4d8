"""Positions: attention takes its rows as a set, so each is told where it stands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gradus.checks import whole_number
from gradus.errors import ShapeError
from gradus.nn.init import Normal
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.tensor import Tensor, tensor
from gradus.types import float32, is_float


class SinusoidalPositions(Module):
    """y = x + p, where p[t, 2i] = sin(t / 10000^(2i/d)) and p[t, 2i + 1] is the cosine of the same.

    Nothing is learned, and any number of places will do. A shift by a fixed distance is the same
    rotation of each wave wherever it starts.

    Source: Vaswani et al., "Attention is all you need" (2017), 3.5.

    Args:
        embedding_dim: d, length of the rows.

    Raises:
        ShapeError: an input that is not (n, T, d).

    >>> import gradus as gd
    >>> SinusoidalPositions(2)(gd.zeros((1, 2, 2)))[0, 0].tolist()
    [0.0, 1.0]
    """

    def __init__(self, embedding_dim: int) -> None:
        self.embedding_dim = whole_number("embedding_dim", embedding_dim, least=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, T, d) to the same shape."""
        places = _places(self, x, self.embedding_dim)
        waves = np.arange(self.embedding_dim)
        angles = np.arange(places)[:, None] / 10_000.0 ** (waves // 2 * 2 / self.embedding_dim)
        found = np.where(waves % 2, np.cos(angles), np.sin(angles))
        # Waves are no whole numbers: with integers they make floats, as learned rows do.
        return x + tensor(found, x.dtype if is_float(x.dtype) else float32)


class LearnedPositions(Module):
    """y = x + weight[: T]: a learned row for each place.

    Source: Gehring et al., "Convolutional sequence to sequence learning" (2017).

    Attributes:
        weight: (num_positions, embedding_dim), normal with standard deviation 0.02 at the start.

    Args:
        num_positions: the most places.
        embedding_dim: d, length of the rows.
        dtype: of the parameters.

    Raises:
        ShapeError: an input that is not (n, T, d), or with more places.

    >>> import gradus as gd
    >>> LearnedPositions(8, 4)(gd.zeros((2, 5, 4))).shape
    (2, 5, 4)
    """

    def __init__(
        self, num_positions: int, embedding_dim: int, dtype: npt.DTypeLike = "float32"
    ) -> None:
        self.num_positions = whole_number("num_positions", num_positions, least=1)
        self.embedding_dim = whole_number("embedding_dim", embedding_dim, least=1)
        self.dtype = float_dtype(dtype)
        shape = (self.num_positions, self.embedding_dim)
        self.weight = parameter(Normal(0.02), shape, self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(n, T, d) with T ≤ num_positions to the same shape."""
        places = _places(self, x, self.embedding_dim)
        if places > self.num_positions:
            raise ShapeError(
                f"{self.summary()} takes at most {self.num_positions} places",
                received=f"an input of shape {x.shape}",
                remedy="cut the rows, build it for more places, or use SinusoidalPositions",
            )
        return x + self.weight[:places]


def _places(layer: Module, x: Tensor, length: int) -> int:
    """T of an input (n, T, length)."""
    if x.ndim != 3 or x.shape[2] != length:
        raise ShapeError(
            f"{layer.summary()} takes inputs of shape (n, T, {length})",
            received=f"an input of shape {x.shape}",
        )
    return x.shape[1]
