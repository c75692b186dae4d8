"""Pooling: the largest or the mean of each window, channel by channel; images become smaller."""

from __future__ import annotations

import math
import operator
from functools import reduce

from gradus import ops
from gradus.checks import flag, require
from gradus.nn.windows import Sizes, Windowed, channels_first, channels_last, padded
from gradus.tensor import Tensor, ones
from gradus.types import float32, is_float


class _Pool(Windowed):
    """What pools with a sliding window share: where the windows are."""

    kernel_size: Sizes
    stride: Sizes | None
    padding: Sizes

    def _place(
        self, kernel_size: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes = 1
    ) -> None:
        self.kernel_size = self._sizes("kernel_size", kernel_size, least=1)
        self.stride = None if stride is None else self._sizes("stride", stride, least=1)
        self.padding = self._sizes("padding", padding, least=0)
        pairs = zip(self._each(self.kernel_size), self._each(dilation), strict=True)
        reach = [d * (k - 1) + 1 for k, d in pairs]
        require(
            all(2 * p <= r for p, r in zip(self._each(self.padding), reach, strict=True)),
            "padding is at most half of what a window takes",
            f"padding={padding} for windows that take {reach}",
            "take a larger window, or pad the input with ops.pad",
        )

    @property
    def _widths(self) -> list[tuple[int, int]]:
        return [(p, p) for p in self._each(self.padding)]

    @property
    def _step(self) -> Sizes:
        return self.kernel_size if self.stride is None else self.stride


def _numbers_last(x: Tensor) -> Tensor:
    """Channels last, and floats, which −∞ and means are."""
    return channels_last(x if is_float(x.dtype) else x.astype(float32))


class _MaxPool(_Pool):
    """What MaxPool1d and MaxPool2d share."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
    ) -> None:
        self.dilation = self._sizes("dilation", dilation, least=1)
        self._place(kernel_size, stride, padding, self.dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, *lengths) to (n, channels, *lengths′)."""
        self._check(x)
        x = padded(_numbers_last(x), self._widths, -math.inf)
        x = self._slide(x, _first_largest, self.kernel_size, self._step, self.dilation)
        return channels_first(x)


def _first_largest(parts: list[Tensor]) -> Tensor:
    """The largest of the parts; the whole gradient goes to the first that is, and NaN stays."""
    best = parts[0]
    for part in parts[1:]:
        better = ops.logical_or(ops.greater(part, best), ops.not_equal(part, part))
        best = ops.where(better, part, best)
    return best


class _AvgPool(_Pool):
    """What AvgPool1d and AvgPool2d share."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        count_include_pad: bool = True,
    ) -> None:
        self._place(kernel_size, stride, padding)
        self.count_include_pad = flag("count_include_pad", count_include_pad)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, *lengths) to (n, channels, *lengths′)."""
        self._check(x)
        total = self._totals(_numbers_last(x))
        if self.count_include_pad:
            return channels_first(total / math.prod(self._each(self.kernel_size)))
        places = self._totals(ones((1, *x.shape[2:], 1), total.dtype))
        return channels_first(total / places)

    def _totals(self, x: Tensor) -> Tensor:
        """The sum of each window over (n, *lengths, channels)."""
        return self._slide(padded(x, self._widths), _total, self.kernel_size, self._step)


def _total(parts: list[Tensor]) -> Tensor:
    return reduce(operator.add, parts)


class _AdaptiveAvgPool(Windowed):
    """What AdaptiveAvgPool1d and AdaptiveAvgPool2d share."""

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = self._sizes("output_size", output_size, least=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, *lengths) to (n, channels, *output_size)."""
        self._check(x)
        for axis, n in enumerate(self._each(self.output_size), 2):
            length, before = x.shape[axis], (slice(None),) * axis
            ends = [(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]
            parts = [
                ops.mean(x[(*before, slice(*part))], axis=axis, keepdims=True) for part in ends
            ]
            x = ops.concat(parts, axis=axis)
        return x


class MaxPool1d(_MaxPool):
    """The largest number of each window of a signal: y[n, c, i] = maxₚ x[n, c, i·stride + p·d].

    Of m places ⌊(m + 2·padding − d·(k − 1) − 1) / stride⌋ + 1 are left, d being the dilation. The
    gradient goes to the first of several that are equally large, as in PyTorch.

    Source: LeCun et al., "Gradient-based learning applied to document recognition" (1998), which
    take means; Scherer, Müller and Behnke, "Evaluation of pooling operations" (2010), maxima.

    Args:
        kernel_size: k, the places of a window.
        stride: distance of neighbouring windows; as many as k where it is None.
        padding: places of −∞ at each end, at most half of what a window takes.
        dilation: distance of neighbouring places of a window.

    Raises:
        ShapeError: an input that is not (n, channels, length), or is shorter than a window.
        ArgumentError: more padding than half a window.

    >>> MaxPool1d(2)([[[1.0, 4.0, 2.0, 3.0, 9.0]]]).tolist()
    [[[4.0, 3.0]]]
    """

    axes = 1


class MaxPool2d(_MaxPool):
    """The largest number of each window of an image, channel by channel.

    y[n, c, i, j] = max over p, q of x[n, c, i·stride + p·d, j·stride + q·d]. Sizes, ties, sources
    and errors are those of ``MaxPool1d``, for each axis; an argument is one number for both axes,
    or (height, width).

    Args:
        kernel_size: height and width of a window.
        stride: distance of neighbouring windows; the kernel's size where it is None.
        padding: places of −∞ at each edge, at most half of what a window takes.
        dilation: distance of neighbouring places of a window.

    Raises:
        ShapeError: an input that is not (n, channels, height, width), or smaller than a window.
        ArgumentError: more padding than half a window.

    >>> MaxPool2d(2)([[[[1.0, 2.0], [4.0, 3.0]]]]).tolist()
    [[[[4.0]]]]
    """

    axes = 2


class AvgPool1d(_AvgPool):
    """The mean of each window of a signal: y[n, c, i] = Σₚ x[n, c, i·stride + p] / k.

    Source: LeCun et al., "Gradient-based learning applied to document recognition" (1998).

    Args:
        kernel_size: k, the places of a window.
        stride: distance of neighbouring windows; as many as k where it is None.
        padding: zeros at each end, at most half a window.
        count_include_pad: whether these zeros count; otherwise the sum is divided by the number of
            places that belong to the input.

    Raises:
        ShapeError: an input that is not (n, channels, length), or is shorter than a window.
        ArgumentError: more padding than half a window.

    >>> AvgPool1d(2)([[[1.0, 4.0, 2.0, 3.0, 9.0]]]).tolist()
    [[[2.5, 2.5]]]
    """

    axes = 1


class AvgPool2d(_AvgPool):
    """The mean of each window of an image, channel by channel.

    y[n, c, i, j] = Σ over p, q of x[n, c, i·stride + p, j·stride + q] / (number of places). Source
    and errors are those of ``AvgPool1d``; an argument is one number for both axes, or (height,
    width).

    Args:
        kernel_size: height and width of a window.
        stride: distance of neighbouring windows; the kernel's size where it is None.
        padding: zeros at each edge, at most half a window.
        count_include_pad: whether these zeros count.

    Raises:
        ShapeError: an input that is not (n, channels, height, width), or smaller than a window.
        ArgumentError: more padding than half a window.

    >>> AvgPool2d(2)([[[[1.0, 2.0], [4.0, 3.0]]]]).tolist()
    [[[[2.5]]]]
    """

    axes = 2


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of a signal cut into a given number of parts, whatever its length.

    Part i of m goes from place ⌊i·length / m⌋ up to ⌈(i + 1)·length / m⌉; parts overlap where m
    does not divide the length, as in PyTorch.

    Args:
        output_size: m, the parts; 1 is the mean of all.

    Raises:
        ShapeError: an input that is not (n, channels, length).

    >>> AdaptiveAvgPool1d(2)([[[1.0, 2.0, 6.0]]]).tolist()
    [[[1.5, 4.0]]]
    """

    axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of an image cut into a given number of parts, whatever its size.

    ``AdaptiveAvgPool2d(1)`` takes the mean of each channel, so that a head of one size follows
    images of any. Parts along each axis are those of ``AdaptiveAvgPool1d``.

    Source: Lin, Chen and Yan, "Network in network" (2014), for the mean of all.

    Args:
        output_size: parts along both axes, or (height, width).

    Raises:
        ShapeError: an input that is not (n, channels, height, width).

    >>> AdaptiveAvgPool2d(1)([[[[1.0, 2.0], [4.0, 3.0]]]]).tolist()
    [[[[2.5]]]]
    """

    axes = 2
