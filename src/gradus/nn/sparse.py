"""Layers with random sparse connections: which inputs an output sees is drawn once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus import ops
from gradus.checks import finite_number, flag, whole_number
from gradus.errors import ArgumentError
from gradus.nn.init import Initialiser, Uniform
from gradus.nn.linear import affine
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.tensor import Tensor
from gradus.types import Array, Shape, bool_, float32


@dataclass(frozen=True)
class _Connections(Initialiser):
    """True at so many random places of each row."""

    each: int

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = float32) -> Array:
        """Array of yes and no."""
        ranks = np.argsort(Uniform(1.0)(shape, "float64"), axis=1, kind="stable")
        mask = np.zeros(shape, bool_)
        np.put_along_axis(mask, ranks[:, : self.each], True, axis=1)
        return mask


class SparseLinear(Module):
    """Every output is a weighted sum of a few of the inputs: y = x (M ∘ W)ᵀ + b.

    The mask M is drawn when the layer is made, with the same number of connections for each output,
    and never changes. Weights without a connection have no effect and learn nothing.

    Attributes:
        weight: (out_features, in_features).
        mask: (out_features, in_features), True where there is a connection; kept with the model.
        bias: (out_features,), or None.

    Args:
        in_features: length of the input rows.
        out_features: length of the output rows.
        density: share of the inputs that an output sees, in (0, 1]; at least one.
        bias: whether to add b.
        dtype: of the parameters. Both are drawn from U(−1/√k, 1/√k) for k connections an output.

    Raises:
        ShapeError: an input (…, m) with m ≠ in_features.

    Source: lecture 002, which asks for networks with random sparse connections.

    >>> import gradus as gd
    >>> layer = SparseLinear(10, 4, density=0.3)
    >>> layer.mask.numpy().sum(axis=1).tolist()
    [3, 3, 3, 3]
    >>> layer(gd.ones((2, 10))).shape
    (2, 4)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        density: float = 0.1,
        bias: bool = True,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.in_features = whole_number("in_features", in_features, least=1)
        self.out_features = whole_number("out_features", out_features, least=1)
        self.density = finite_number("density", density)
        if not 0 < self.density <= 1:
            raise ArgumentError("density is a share in (0, 1]", received=density)
        self.dtype = float_dtype(dtype)
        each = max(1, round(self.density * self.in_features))
        usual = Uniform(1.0 / math.sqrt(each))
        shape = (self.out_features, self.in_features)
        self.weight = parameter(usual, shape, self.dtype)
        self.mask = parameter(_Connections(each), shape, bool_, trained=False)
        self.bias = None
        if flag("bias", bias):
            self.bias = parameter(usual, (self.out_features,), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) to (…, out_features)."""
        return affine(self, x, ops.where(self.mask, self.weight, 0.0), self.bias)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().config(), "bias": self.bias is not None}
