"""Linear layers whose weights are of size 1 and are made small in the forward pass."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from gradus.checks import flag, whole_number
from gradus.nn.init import Normal, Zeros
from gradus.nn.linear import affine
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.tensor import Tensor


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
