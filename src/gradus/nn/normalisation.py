"""Normalisation: numbers shifted and scaled to mean 0 and variance 1, then to what is learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from gradus import ops
from gradus.checks import finite_number, flag, whole_number, whole_numbers
from gradus.errors import ArgumentError, ShapeError
from gradus.nn.init import Constant, Zeros
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.nn.windows import channels_first, channels_last
from gradus.tensor import Tensor


class LayerNorm(Module):
    """Each example by itself: y = (x − mean x) / √(var x + eps) · weight + bias.

    Mean and (biased) variance are taken over the last axes, those of ``normalized_shape``.

    Source: Ba, Kiros and Hinton, "Layer normalization" (2016).

    Attributes:
        weight: ones of ``normalized_shape`` at the start, or None.
        bias: zeros of ``normalized_shape`` at the start, or None.

    Args:
        normalized_shape: lengths of the last axes; an integer for one axis.
        eps: keeps the root from 0.
        elementwise_affine: whether to learn weight and bias.
        dtype: of the parameters.

    Raises:
        ShapeError: an input whose last axes are others.

    >>> [round(v, 2) for v in LayerNorm(2)([[1.0, 3.0]])[0].tolist()]
    [-1.0, 1.0]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.normalized_shape = whole_numbers("normalized_shape", normalized_shape, least=1)
        if not self.normalized_shape:
            raise ArgumentError("normalized_shape names one axis or more", received="none")
        self.eps = finite_number("eps", eps, least=0)
        self.elementwise_affine = flag("elementwise_affine", elementwise_affine)
        self.dtype = float_dtype(dtype)
        self.weight = self.bias = None
        if self.elementwise_affine:
            self.weight = parameter(Constant(1.0), self.normalized_shape, self.dtype)
            self.bias = parameter(Zeros(), self.normalized_shape, self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(…, *normalized_shape) to the same shape."""
        rank = len(self.normalized_shape)
        if x.shape[-rank:] != self.normalized_shape:
            raise ShapeError(
                f"{self.summary()} takes inputs that end in {self.normalized_shape}",
                received=f"an input of shape {x.shape}",
            )
        axes = tuple(range(-rank, 0))
        centred = x - ops.mean(x, axis=axes, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
        return _affine(centred / ops.sqrt(variance + self.eps), self.weight, self.bias)


class BatchNorm(Module):
    """Each feature over the batch: y = (x − mean) / √(var + eps) · weight + bias.

    Features stand along the second axis. Those of images and signals, their channels, have mean and
    variance over the batch and all places (PyTorch's BatchNorm1d, BatchNorm2d and BatchNorm3d).

    In training mean and variance are the batch's, the variance biased (divided by n). Running
    ones, the variance unbiased (divided by n − 1), follow them and are used when training is over:
    running ← (1 − momentum) · running + momentum · batch. No gradient flows through these.

    Source: Ioffe and Szegedy, "Batch normalization" (2015).

    Attributes:
        weight: (num_features,), ones at the start, or None.
        bias: (num_features,), zeros at the start, or None.
        running_mean: (num_features,), zeros at the start, or None.
        running_var: (num_features,), ones at the start, or None.

    Args:
        num_features: length of the rows, or number of channels.
        eps: keeps the root from 0.
        momentum: weight of the newest batch in the running statistics, in [0, 1].
        affine: whether to learn weight and bias.
        track_running_stats: whether to keep running statistics; without, the batch's count always.
        dtype: of the parameters and the statistics.

    Raises:
        ShapeError: an input that is not (n, num_features, …), or a single number a feature where
            its statistics would be needed.

    >>> import gradus as gd
    >>> norm = BatchNorm(1)
    >>> [round(v, 2) for v in norm(gd.tensor([[1.0], [3.0]])).reshape(-1).tolist()]
    [-1.0, 1.0]
    >>> round(norm.running_mean.item(), 2), round(norm.running_var.item(), 2)
    (0.2, 1.1)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.num_features = whole_number("num_features", num_features, least=1)
        self.eps = finite_number("eps", eps, least=0)
        self.momentum = finite_number("momentum", momentum, least=0, most=1)
        self.affine = flag("affine", affine)
        self.track_running_stats = flag("track_running_stats", track_running_stats)
        self.dtype = float_dtype(dtype)
        shape, ones = (self.num_features,), Constant(1.0)
        self.weight = self.bias = self.running_mean = self.running_var = None
        if self.affine:
            self.weight = parameter(ones, shape, self.dtype)
            self.bias = parameter(Zeros(), shape, self.dtype)
        if self.track_running_stats:
            self.running_mean = parameter(Zeros(), shape, self.dtype, trained=False)
            self.running_var = parameter(ones, shape, self.dtype, trained=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, num_features, …) to the same shape."""
        if x.ndim < 2 or x.shape[1] != self.num_features:
            raise ShapeError(
                f"{self.summary()} takes inputs of shape (n, {self.num_features}, …)",
                received=f"an input of shape {x.shape}",
            )
        if x.ndim == 2:
            return self._normalised(x)
        places = channels_last(x)
        rows = ops.reshape(places, shape=(x.size // self.num_features, self.num_features))
        return channels_first(ops.reshape(self._normalised(rows), shape=places.shape))

    def _normalised(self, x: Tensor) -> Tensor:
        """(rows, num_features) to the same shape."""
        if self.training or self.running_mean is None or self.running_var is None:
            mean, variance = self._batch_statistics(x)
        else:
            mean, variance = self.running_mean, self.running_var
        return _affine((x - mean) / ops.sqrt(variance + self.eps), self.weight, self.bias)

    def _batch_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance of the batch; in training they enter the running ones."""
        n = x.shape[0]
        if n < 2:
            raise ShapeError(
                "batch normalisation in training takes two examples or more, or two places of one",
                received=f"{n} of each, as rows of shape {x.shape}",
                remedy="take a larger batch, drop the last incomplete one, or call eval()",
            )
        mean = ops.mean(x, axis=0)
        variance = ops.mean(ops.square(x - mean), axis=0)
        if self.training and self.running_mean is not None and self.running_var is not None:
            # Setting a buffer takes its value alone: Module lets no gradient into it.
            new, old = self.momentum, 1.0 - self.momentum
            self.running_mean = old * self.running_mean + new * mean
            self.running_var = old * self.running_var + new * (n / (n - 1)) * variance
        return mean, variance


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """X · weight + bias, where they are learned."""
    return x if weight is None or bias is None else x * weight + bias
