"""Embeddings of numbers: each feature becomes several, so that a network bends along it early."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus import ops
from gradus.checks import finite_number, whole_number
from gradus.errors import ArgumentError
from gradus.nn.init import Normal, Uniform, Zeros
from gradus.nn.linear import check_matrix
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.tensor import Tensor, tensor
from gradus.types import Array


class PeriodicEmbedding(Module):
    """Each feature x becomes x itself and an affine function of waves: [x, V cos(2π w x + b) + c].

    Frequencies w and phases b are learned, and every feature j has its own:
    y[j] = [xⱼ, Σₖ cos(2π wⱼₖ xⱼ + bⱼₖ) Vⱼₖ + cⱼ].

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
    learning" (2022); in this form (PBLD) RealMLP: Holzmüller, Grinsztajn and Steinwart, "Better by
    default" (2024).

    Attributes:
        frequency: w, (features, frequencies), normal with deviation ``sigma`` at the start.
        phase: b, (features, frequencies), from U(−π, π).
        weight: V, (features, frequencies, size − 1), from U(−1/√frequencies, 1/√frequencies).
        bias: c, (features, size − 1), from the same.
        out_features: features · size.

    Args:
        features: length of the input rows.
        frequencies: number of waves of a feature.
        size: how many numbers a feature becomes, ≥ 2.
        sigma: deviation of the first frequencies, in waves a unit of x.
        dtype: of the parameters.

    Raises:
        ShapeError: an input that is not (n, features).

    >>> layer = PeriodicEmbedding(2, size=3)
    >>> y = layer([[0.5, 7.0]])
    >>> y.shape, y[0, 0].item(), y[0, 3].item()
    ((1, 6), 0.5, 7.0)
    """

    def __init__(
        self,
        features: int,
        frequencies: int = 16,
        size: int = 4,
        sigma: float = 0.1,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.features = whole_number("features", features, least=1)
        self.frequencies = whole_number("frequencies", frequencies, least=1)
        self.size = whole_number("size", size, least=2)
        self.sigma = finite_number("sigma", sigma, least=0)
        self.dtype = float_dtype(dtype)
        self.out_features = self.features * self.size
        waves, usual = (self.features, self.frequencies), Uniform(1 / math.sqrt(self.frequencies))
        self.frequency = parameter(Normal(self.sigma), waves, self.dtype)
        self.phase = parameter(Uniform(math.pi), waves, self.dtype)
        self.weight = parameter(usual, (*waves, self.size - 1), self.dtype)
        self.bias = parameter(usual, (self.features, self.size - 1), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(n, features) to (n, features · size)."""
        check_matrix(self, x, self.features)
        columns = ops.expand_dims(x.T, axis=2)  # (features, n, 1): one matrix product a feature
        angles = columns * (2 * math.pi * self.frequency)[:, None] + self.phase[:, None]
        bent = ops.matmul(ops.cos(angles), self.weight) + self.bias[:, None]
        return _rows(ops.concat([columns, bent], axis=2))


class PiecewiseLinearEmbedding(Module):
    """Each feature becomes a learned function of it that is linear between given edges.

    The edges b₀ < … < b_T of a feature make T bins, and e_t = (x − b_{t−1}) / (b_t − b_{t−1}) cut
    to [0, 1] says how much of bin t lies below x; the first is not cut below, nor the last above,
    so that nothing is lost outside. Then y[j] = xⱼ uⱼ + cⱼ + Σ_t e_{jt} V_{jt}. V starts at 0: the
    embedding starts linear and learns its bends.

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
    learning" (2022); with the linear part and without activation as in Gorishniy, Kotelnikov and
    Babenko, "TabM" (2025), where it is version B.

    Attributes:
        linear: u, (features, size), from U(−1/√size, 1/√size).
        bias: c, (features, size), from the same.
        weight: V, (features, most bins, size), zeros at the start; what a feature with fewer bins
            has beyond them has no effect.
        out_features: features · size.

    Args:
        edges: for each feature two rising numbers or more, such as its quantiles.
        size: how many numbers a feature becomes.
        dtype: of the parameters.

    Raises:
        ArgumentError: edges that do not rise, as numbers of the dtype.
        ShapeError: an input that is not (n, features).

    >>> layer = PiecewiseLinearEmbedding([[0.0, 1.0, 3.0]], size=1)
    >>> layer.linear, layer.bias, layer.weight = [[0.0]], [[0.0]], [[[10.0], [1.0]]]
    >>> layer([[0.5], [2.0], [-1.0], [5.0]]).tolist()
    [[5.0], [10.5], [-10.0], [12.0]]
    """

    def __init__(
        self,
        edges: Iterable[Iterable[float]],
        size: int = 16,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.dtype = float_dtype(dtype)
        # Lists: what is looked up at every call are the tuples among a module's fields.
        self.edges = [_rising(i, numbers, self.dtype) for i, numbers in enumerate(edges)]
        if not self.edges:
            raise ArgumentError("edges has a list for each feature, of one or more", received="[]")
        self.size = whole_number("size", size, least=1)
        self.features = len(self.edges)
        self.out_features = self.features * self.size
        self._bins = max(map(len, self.edges)) - 1
        shape, usual = (self.features, self.size), Uniform(1 / math.sqrt(self.size))
        self.linear = parameter(usual, shape, self.dtype)
        self.bias = parameter(usual, shape, self.dtype)
        self.weight = parameter(Zeros(), (self.features, self._bins, self.size), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(n, features) to (n, features · size)."""
        check_matrix(self, x, self.features)
        columns = ops.expand_dims(x.T, axis=2)  # (features, n, 1): one matrix product a feature
        left, slope, low, high = (tensor(a, self.dtype) for a in self._pieces())
        share = (columns - left) * slope
        share = ops.where(share < low, 0.0, ops.where(share > high, 1.0, share))
        straight = columns * self.linear[:, None] + self.bias[:, None]
        return _rows(straight + ops.matmul(share, self.weight))

    def _pieces(self) -> Array:
        """Left edge, 1 / width, and where e is cut: 4 times (features, 1, bins)."""
        left, slope, low = np.zeros((3, self.features, 1, self._bins))
        high = np.ones_like(low)
        for i, numbers in enumerate(self.edges):
            bins = len(numbers) - 1
            left[i, 0, :bins] = numbers[:-1]
            slope[i, 0, :bins] = 1.0 / np.diff(numbers)  # beyond the bins it stays 0, and so does e
            low[i, 0, 0], high[i, 0, bins - 1] = -np.inf, np.inf
        return np.stack([left, slope, low, high])

    def summary(self) -> str:
        """The layer without the edges, which may be thousands of numbers."""
        counts = [len(numbers) - 1 for numbers in self.edges]
        bins = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else f"{counts[0]}"
        return f"{type(self).__name__}({self.features} → {self.out_features}, bins: {bins})"


def _rising(place: int, numbers: Any, dtype: str) -> list[float]:
    """The edges of a feature, in Python's numbers."""
    if not isinstance(numbers, (Sequence, np.ndarray)) or len(numbers) < 2:
        raise ArgumentError(
            f"edges[{place}] is a list of two numbers or more", received=repr(numbers)[:100]
        )
    found = [finite_number(f"each number of edges[{place}]", edge) for edge in numbers]
    if not (np.diff(np.asarray(found, dtype)) >= np.finfo(dtype).tiny).all():
        raise ArgumentError(
            f"edges[{place}] rises from number to number, as {dtype}",
            received=repr(found)[:100],
            remedy=f"take np.unique(np.asarray(edges, {dtype!r})), and leave out a constant column",
        )
    return found


def _rows(y: Tensor) -> Tensor:
    """(features, n, size) to (n, features · size)."""
    features, n, size = y.shape
    return ops.reshape(ops.permute_dims(y, axes=(1, 0, 2)), shape=(n, features * size))
