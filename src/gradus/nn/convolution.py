"""Convolution: one small set of weights that looks at every place of an image or a signal."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from gradus import ops
from gradus.checks import choice, flag, require, whole_number
from gradus.errors import ArgumentError
from gradus.nn.init import Uniform, fans
from gradus.nn.parameter import float_dtype, parameter
from gradus.nn.windows import Sizes, Windowed, channels_first, channels_last, padded
from gradus.tensor import Tensor


class _Convolution(Windowed):
    """What Conv1d and Conv2d share: everything but the number of axes."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.in_channels = whole_number("in_channels", in_channels, least=1)
        self.out_channels = whole_number("out_channels", out_channels, least=1)
        self.kernel_size = self._sizes("kernel_size", kernel_size, least=1)
        self.stride = self._sizes("stride", stride, least=1)
        self.dilation = self._sizes("dilation", dilation, least=1)
        self.padding = self._padding(padding)
        self.groups = whole_number("groups", groups, least=1)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ArgumentError(
                "groups divides in_channels and out_channels",
                received=f"{groups} groups, {in_channels} → {out_channels} channels",
                remedy="groups=1 lets every output see every input channel",
            )
        self.dtype = float_dtype(dtype)
        kernel = self._each(self.kernel_size)
        shape = (self.out_channels, self.in_channels // self.groups, *kernel)
        usual = Uniform(1.0 / math.sqrt(fans(shape)[0]))
        self.weight = parameter(usual, shape, self.dtype)
        self.bias = None
        if flag("bias", bias):
            self.bias = parameter(usual, (self.out_channels,), self.dtype)

    def _padding(self, padding: Any) -> Sizes | str:
        if not isinstance(padding, str):
            return self._sizes("padding", padding, least=0)
        require(
            padding != "same" or set(self._each(self.stride)) == {1},
            'padding "same" takes stride 1: with another the output is smaller than the input',
            f"stride={self.stride}",
            "give the padding in numbers",
        )
        return choice("padding", padding, "valid", "same")

    @property
    def _widths(self) -> list[tuple[int, int]]:
        """Zeros before and after each axis."""
        if self.padding == "same":
            pairs = zip(self._each(self.kernel_size), self._each(self.dilation), strict=True)
            surplus = [d * (k - 1) for k, d in pairs]
            return [(s // 2, s - s // 2) for s in surplus]
        widths = 0 if isinstance(self.padding, str) else self.padding
        return [(p, p) for p in self._each(widths)]

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, *lengths) to (n, out_channels, *lengths′)."""
        self._check(x, self.in_channels)
        x = padded(channels_last(x), self._widths)
        parts = self.groups
        x = ops.reshape(x, shape=(*x.shape[:-1], parts, self.in_channels // parts))
        windows = self._slide(x, _side_by_side, self.kernel_size, self.stride, self.dilation)
        *places, _, size = windows.shape
        rows = ops.reshape(windows, shape=(math.prod(places), parts, size))
        weight = ops.reshape(
            channels_last(self.weight), shape=(parts, self.out_channels // parts, size)
        )
        y = _side_by_side([ops.matmul(rows[:, g], weight[g].T) for g in range(parts)])
        if self.bias is not None:
            y = y + self.bias
        return channels_first(ops.reshape(y, shape=(*places, self.out_channels)))

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().config(), "bias": self.bias is not None}


def _side_by_side(parts: list[Tensor]) -> Tensor:
    return ops.concat(parts, axis=-1)


class Conv1d(_Convolution):
    """The same weighted sum at every place of a signal: y = w ∗ x + b.

    y[n, o, i] = b[o] + Σ over c, p of weight[o, c, p] · x[n, c, i·stride + p·dilation], x standing
    in zeros, ``padding`` of them at each end. Of m places ⌊(m + 2·padding − dilation·(k − 1) − 1) /
    stride⌋ + 1 are left. The mathematical convolution would turn the kernel round; networks learn
    it either way.

    With ``groups`` g, the channels are cut into g parts, and each part of the outputs sees its own
    part of the inputs alone.

    Source: LeCun et al., "Gradient-based learning applied to document recognition" (1998); the
    arithmetic of sizes: Dumoulin and Visin, "A guide to convolution arithmetic" (2016).

    Attributes:
        weight: (out_channels, in_channels / groups, k).
        bias: (out_channels,), or None. Both start in U(−1/√f, 1/√f), f = k · in_channels / groups
            being the numbers an output sees; PyTorch's choice.

    Args:
        in_channels: numbers at each place of the input.
        out_channels: numbers at each place of the output.
        kernel_size: k, the places of a window.
        stride: distance of neighbouring windows.
        padding: zeros at each end; "valid" is none, and "same" as many as keep the length, one
            more behind than before where they are odd.
        dilation: distance of neighbouring places of a window.
        groups: number of parts that do not see each other.
        bias: whether to add b.
        dtype: of the parameters.

    Raises:
        ShapeError: an input that is not (n, in_channels, length), or is shorter than a window.
        ArgumentError: groups that do not divide both numbers of channels; "same" with a stride.

    >>> import gradus as gd
    >>> layer = Conv1d(1, 1, 2, bias=False)
    >>> layer.weight = [[[-1.0, 1.0]]]
    >>> layer(gd.tensor([[[1.0, 4.0, 9.0, 16.0]]])).tolist()
    [[[3.0, 5.0, 7.0]]]
    """

    axes = 1


class Conv2d(_Convolution):
    """The same weighted sum at every place of an image: y = w ∗ x + b.

    y[n, o, i, j] = b[o] + Σ over c, p, q of weight[o, c, p, q] · x[n, c, i·s + p·d, j·s + q·d] with
    stride s and dilation d, x standing in a frame of zeros. Sizes, groups, initial values and
    errors are those of ``Conv1d``, for each axis; an argument is one number for both axes, or
    (height, width).

    Attributes:
        weight: (out_channels, in_channels / groups, height, width of the kernel).
        bias: (out_channels,), or None.

    Args:
        in_channels: numbers at each place of the input, such as 3 colours.
        out_channels: numbers at each place of the output, each with a kernel of its own.
        kernel_size: height and width of a window.
        stride: distance of neighbouring windows.
        padding: zeros at each edge; "valid" is none, and "same" as many as keep the size.
        dilation: distance of neighbouring places of a window.
        groups: number of parts of the channels that do not see each other.
        bias: whether to add b.
        dtype: of the parameters.

    Raises:
        ShapeError: an input that is not (n, in_channels, height, width), or smaller than a window.
        ArgumentError: groups that do not divide both numbers of channels; "same" with a stride.

    >>> import gradus as gd
    >>> layer = Conv2d(1, 4, 3, padding="same", bias=False)
    >>> layer
    Conv2d(1 → 4, kernel_size=3, padding='same', bias=False)  # weight (4, 1, 3, 3), 36 parameters
    >>> layer(gd.zeros((5, 1, 8, 8))).shape
    (5, 4, 8, 8)
    """

    axes = 2
