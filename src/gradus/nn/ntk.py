"""Linear layers whose weights are of size 1 and are made small in the forward pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus import random
from gradus.checks import flag, require, whole_number
from gradus.errors import ShapeError
from gradus.modes import no_grad
from gradus.nn.init import Normal, Zeros
from gradus.nn.linear import affine
from gradus.nn.module import Module, in_mode
from gradus.nn.parameter import float_dtype, parameter
from gradus.nn.sequential import Sequential
from gradus.tensor import Tensor, as_array, tensor
from gradus.types import Array, float64

_LEAST_SPREAD = 0.25  # of what the units of a layer have on the average
_POINTS = 5  # the 5 of "he+5"
_ROUNDING = 1000  # times the last digit, through several layers


class NTKLinear(Module):
    """Every output is a weighted sum of the inputs, by weights of size 1: y = x Wᵀ / √m + b.

    A Linear layer divides its first weights by √m once, this one in every forward pass. An
    optimizer whose steps do not follow the size of the gradient, such as Adam, so moves the outputs
    of wide and of narrow layers by as much, and one rate does for all widths.

    Source: Jacot, Gabriel and Hongler, "Neural tangent kernel" (2018); RealMLP: Holzmüller,
    Grinsztajn and Steinwart, "Better by default" (2024).

    Attributes:
        weight: (out_features, in_features), standard normal at the start.
        bias: (out_features,), standard normal at the start, or None.

    Args:
        in_features: m, length of the input rows.
        out_features: length of the output rows.
        bias: whether to add b.
        zero: start W and b at 0 instead, so that a last layer first says 0 to everything.
        dtype: of the parameters.

    Raises:
        ShapeError: an input (…, k) with k ≠ m.

    >>> layer = NTKLinear(4, 1)
    >>> layer.weight, layer.bias = [[1.0, 1.0, 1.0, 1.0]], [0.5]
    >>> layer([[1.0, 2.0, 3.0, 4.0]]).tolist()  # 10 / √4 + 0.5
    [[5.5]]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        zero: bool = False,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.in_features = whole_number("in_features", in_features, least=1)
        self.out_features = whole_number("out_features", out_features, least=1)
        self.zero = flag("zero", zero)
        self.dtype = float_dtype(dtype)
        start = Zeros() if self.zero else Normal(1.0)
        self.weight = parameter(start, (self.out_features, self.in_features), self.dtype)
        self.bias = None
        if flag("bias", bias):
            self.bias = parameter(start, (self.out_features,), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) to (…, out_features)."""
        # The weights are divided, not the outputs: where they stay, that is done once for all rows.
        return affine(self, x, self.weight * (1.0 / math.sqrt(self.in_features)), self.bias)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().config(), "bias": self.bias is not None}


def start_from_data(
    network: Module, x: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
) -> None:
    """Start the NTK layers of a network from the rows that it will see.

    Layer by layer, each output z = w · x / √m of an ``NTKLinear`` gets weights with which z has
    deviation 1 over the rows, and a bias that puts its bend among them: b = −Σᵢ aᵢ zᵢ over five
    rows drawn at random, with weights aᵢ ≥ 0 drawn evenly from those that add up to 1. The order
    of the rows says nothing, and a row of weight 2 is the same as two equal rows. Layers made
    with ``zero=True`` stay at 0; layers of other kinds stay as they are, and so do outputs that are
    the same for all rows. Dropout stands aside.

    Source: Steinwart, "A sober look at neural network initializations" (2019), whose "he+5" the
    biases are; RealMLP: Holzmüller, Grinsztajn and Steinwart, "Better by default" (2024).

    Args:
        network: ``nn.Sequential``, or one layer.
        x: inputs, (n, …): a few thousand rows say enough.
        sample_weight: how often each counts, (n,), finite, at least 0 and not all of them 0.

    Raises:
        ShapeError: inputs that the network does not take, or none; weights of another number.
        ArgumentError: weights below 0 or not finite, or all of them 0.

    >>> from gradus import nn
    >>> net = nn.Sequential(nn.NTKLinear(1, 100), nn.ReLU(), nn.NTKLinear(100, 1, zero=True))
    >>> nn.start_from_data(net, [[3.0], [4.0], [5.0]])
    >>> z = net[0]([[3.0], [5.0]]).numpy()
    >>> bool((z.min(axis=0) < 1e-5).all() and (z.max(axis=0) > -1e-5).all())  # bent within the rows
    True
    """
    rows = as_array(x)
    if rows.ndim < 2 or not len(rows):
        raise ShapeError("a network starts from one row or more", received=rows.shape)
    weight = np.ones(len(rows)) if sample_weight is None else as_array(sample_weight)
    if weight.shape != (len(rows),):
        raise ShapeError(
            f"sample_weight has one number a row, ({len(rows)},)", received=weight.shape
        )
    require(
        bool(np.all(weight >= 0) and np.any(weight) and np.all(np.isfinite(weight))),
        "weights of rows are finite and at least 0, and some are above 0",
        repr(weight)[:100],
    )
    # Only what they are to each other matters, and sums of large ones would overflow.
    weight = weight.astype(float64) / weight.max()
    with in_mode(network, False), no_grad():
        _start(network, tensor(rows), weight)


def _start(layer: Module, x: Tensor, weight: Array) -> Tensor:
    """Start a layer from its inputs, and give its outputs."""
    if isinstance(layer, Sequential):
        for inner in layer:
            x = _start(inner, x, weight)
        return x
    if isinstance(layer, NTKLinear) and not layer.zero:
        rows = x.numpy().reshape(-1, layer.in_features).astype(float64)
        of_row = np.repeat(weight, len(rows) // len(weight))
        w = layer.weight.numpy()
        z = rows @ w.T / math.sqrt(layer.in_features)
        mean = np.average(z, axis=0, weights=of_row)
        spread = np.sqrt(np.average((z - mean) ** 2, axis=0, weights=of_row))
        size = (np.abs(rows) @ np.abs(w).T).max(axis=0)
        # Outputs that differ by rounding alone would be blown up to noise: they stay as they are.
        same = spread <= _ROUNDING * np.finfo(w.dtype).eps * size
        # A unit that hardly tells the rows apart would get weights that any step throws far.
        least = _LEAST_SPREAD * np.sqrt(np.mean(spread**2))
        factor = 1.0 / np.where(same, 1.0, np.maximum(spread, least))
        layer.weight.assign(w * factor[:, None])
        if layer.bias is not None:
            bend = -_among(z * factor, of_row)
            layer.bias.assign(np.where(same, layer.bias.numpy(), bend))
    return layer(x)


def _among(z: Array, weight: Array) -> Array:
    """A random convex combination of five rows, drawn anew for each column."""
    shares, parts = (
        random.uniform(*random.current_stream().next(), (_POINTS, z.shape[1])) for _ in range(2)
    )
    parts = -np.log1p(-parts)  # exponential: divided by their sum, even over the simplex
    chosen = np.empty_like(parts)
    for k, column in enumerate(z.T):
        # A row is drawn by its place in the order of the outputs, which is there in any order of
        # the rows, and as wide as the row weighs.
        order = np.argsort(column, kind="stable")
        below = np.cumsum(weight[order])
        places = np.searchsorted(below, shares[:, k] * below[-1], side="right")
        chosen[:, k] = column[order[np.minimum(places, len(order) - 1)]]
    return np.asarray((parts * chosen).sum(axis=0) / parts.sum(axis=0))
