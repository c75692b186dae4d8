"""Affine layers, and the layers that only pass numbers on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from gradus import ops
from gradus.checks import flag, whole_number, whole_numbers
from gradus.errors import ArgumentError, ShapeError
from gradus.nn.init import Initialiser, Uniform, Zeros, chosen
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.ops.primitive import normalise_axis
from gradus.tensor import Tensor


class Linear(Module):
    """Every output is a weighted sum of the inputs: y = x Wᵀ + b.

    The lectures write x W + b (001, 002), W x + b (003) or W x − b (004); here each row of
    ``weight`` holds the weights of one output, as in PyTorch.

    Attributes:
        weight: (out_features, in_features).
        bias: (out_features,), or None.

    Args:
        in_features: length of the input rows.
        out_features: length of the output rows.
        bias: whether to add b.
        init: initial weights, with b starting at 0. Without it both are drawn from
            U(−1/√in_features, 1/√in_features), PyTorch's choice.
        dtype: of the parameters.

    Raises:
        ShapeError: an input (…, m) with m ≠ in_features.

    >>> import gradus as gd
    >>> layer = Linear(2, 1)
    >>> layer.weight, layer.bias = [[2.0, 3.0]], [0.5]
    >>> layer(gd.tensor([[1.0, 1.0], [0.0, 2.0]])).tolist()
    [[5.5], [6.5]]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        init: Initialiser | None = None,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.in_features = whole_number("in_features", in_features, least=1)
        self.out_features = whole_number("out_features", out_features, least=1)
        self.init = init
        self.dtype = float_dtype(dtype)
        usual = Uniform(1.0 / math.sqrt(self.in_features))
        shape = (self.out_features, self.in_features)
        self.weight = parameter(chosen(init, usual), shape, self.dtype)
        self.bias = None
        if flag("bias", bias):
            start = Zeros() if init else usual
            self.bias = parameter(start, (self.out_features,), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) to (…, out_features)."""
        return affine(self, x, self.weight, self.bias)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().config(), "bias": self.bias is not None}


def affine(layer: Module, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x Wᵀ + b, or the error of a layer whose weight does not fit x."""
    check_rows(layer, x, weight.shape[1])
    y = ops.matmul(x, weight.T)
    return y if bias is None else y + bias


def check_rows(layer: Module, x: Any, features: int) -> None:
    """Refuse what is not one tensor whose last axis has so many features."""
    if not isinstance(x, Tensor):
        raise ArgumentError(
            f"{layer.summary()} takes one tensor",
            received=type(x).__name__,
            remedy="behind a recurrent layer, put nn.LastStep() or nn.EveryStep() before this one",
        )
    if x.ndim == 0 or x.shape[-1] != features:
        raise ShapeError(
            f"{layer.summary()} takes rows of {features} features",
            received=f"an input of shape {x.shape}",
            remedy="check the number of columns, and the out_features of the layer before",
        )


def check_matrix(layer: Module, x: Any, features: int) -> None:
    """Refuse what is not one tensor (n, features)."""
    check_rows(layer, x, features)
    if x.ndim != 2:
        raise ShapeError(
            f"{layer.summary()} takes inputs of shape (n, {features})",
            received=f"an input of shape {x.shape}",
        )


class Maxout(Module):
    """Every output is the largest of several affine functions: yᵢ = maxₖ (x Wₖᵀ + bₖ)ᵢ.

    It learns its own convex activation. Output i has the rows i·pieces to (i + 1)·pieces − 1 of
    ``affine.weight``.

    Source: Goodfellow et al., "Maxout networks" (2013); lecture 002.

    Args:
        in_features: length of the input rows.
        out_features: length of the output rows.
        pieces: number of affine functions an output.
        init: as for Linear.
        dtype: of the parameters.

    Raises:
        ShapeError: an input (…, m) with m ≠ in_features.

    >>> import gradus as gd
    >>> layer = Maxout(1, 1)
    >>> layer.affine.weight, layer.affine.bias = [[1.0], [-1.0]], [0.0, 0.0]
    >>> layer(gd.tensor([[3.0], [-2.0]])).tolist()  # |x|
    [[3.0], [2.0]]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        init: Initialiser | None = None,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.in_features = whole_number("in_features", in_features, least=1)
        self.out_features = whole_number("out_features", out_features, least=1)
        self.pieces = whole_number("pieces", pieces, least=1)
        self.affine = Linear(in_features, self.out_features * self.pieces, init=init, dtype=dtype)
        self.init, self.dtype = self.affine.init, self.affine.dtype

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) to (…, out_features)."""
        y = self.affine(x)
        groups = ops.reshape(y, shape=(*y.shape[:-1], self.out_features, self.pieces))
        return ops.max(groups, axis=-1)


class Flatten(Module):
    """All axes from ``start_dim`` on become one; the axes before them count examples.

    Raises:
        ShapeError: an input without the axis ``start_dim``.

    >>> import gradus as gd
    >>> Flatten()(gd.zeros((5, 8, 8))).shape
    (5, 64)
    """

    def __init__(self, start_dim: int = 1) -> None:
        self.start_dim = whole_number("start_dim", start_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(n, a, b, …) to (n, a·b·…)."""
        start = normalise_axis(self.start_dim, x.ndim)
        return ops.reshape(x, shape=(*x.shape[:start], math.prod(x.shape[start:])))


class Unflatten(Module):
    """One axis becomes several: rows of 64 pixels become images of 8 × 8, in row order.

    Args:
        dim: the axis.
        unflattened_size: lengths of the new axes; one may be -1, which is then worked out.

    Raises:
        ShapeError: an input without the axis, or with another length than the new ones make.

    >>> import gradus as gd
    >>> Unflatten(1, (1, 8, 8))(gd.zeros((5, 64))).shape
    (5, 1, 8, 8)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = whole_number("dim", dim)
        self.unflattened_size = whole_numbers("unflattened_size", unflattened_size, least=-1)
        if not self.unflattened_size or self.unflattened_size.count(-1) > 1:
            raise ArgumentError(
                "unflattened_size is one length or more, of which one may be -1",
                received=unflattened_size,
            )

    def forward(self, x: Tensor) -> Tensor:
        """(n, a·b·…) to (n, a, b, …)."""
        axis = normalise_axis(self.dim, x.ndim)
        size, length = self.unflattened_size, x.shape[axis]
        known = math.prod(n for n in size if n != -1)
        if -1 in size and known and length % known == 0:
            size = tuple(length // known if n == -1 else n for n in size)
        if math.prod(size) != length or -1 in size:
            raise ShapeError(
                f"{self.summary()} takes an axis {self.dim} whose length is that of all new axes",
                received=f"an input of shape {x.shape}",
                remedy="count the columns: an image has channels · height · width of them",
            )
        return ops.reshape(x, shape=(*x.shape[:axis], *size, *x.shape[axis + 1 :]))


class Identity(Module):
    """y = x.

    >>> import gradus as gd
    >>> Identity()(gd.tensor([1.0])).tolist()
    [1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """The input."""
        return x
