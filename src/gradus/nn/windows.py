"""Windows that slide over images and signals: what convolution and pooling share.

Layers take and give channels first, (n, channels, *lengths), as in PyTorch. Inside, channels stand
last: what belongs to one place then lies side by side, so that windows are copied in whole runs and
one matrix product serves all places of all examples.

A window over several axes is one over each of them in turn, which makes 3 + 3 slices of a 3 × 3
window instead of 9. The gradient puts slices back whole; that of ``ops.sliding_window`` adds up,
number by number, what overlaps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from gradus import ops
from gradus.checks import require, whole_number, whole_numbers
from gradus.errors import ShapeError
from gradus.nn.module import Module
from gradus.tensor import Tensor

Sizes = int | tuple[int, ...]
_NAMES = {1: "length", 2: "height, width"}


class Windowed(Module):
    """Base of layers that look at (n, channels, *lengths) through windows.

    Attributes:
        axes: number of lengths.
    """

    axes: ClassVar[int]

    def _sizes(self, name: str, value: Any, *, least: int) -> Sizes:
        """A whole number for all axes, or one an axis; as the caller wrote it."""
        if not isinstance(value, (tuple, list)):
            return whole_number(name, value, least=least)
        found = whole_numbers(name, value, least=least)
        rule = f"{name} is a whole number for all axes, or one for each of {self.axes}"
        require(len(found) == self.axes, rule, value)
        return found

    def _each(self, value: Sizes) -> tuple[int, ...]:
        """The number of each axis."""
        return (value,) * self.axes if isinstance(value, int) else value

    def _check(self, x: Tensor, channels: int | None = None) -> None:
        """Raise a ShapeError unless x is (n, channels, *lengths); None stands for any number."""
        fits = x.ndim == self.axes + 2 and channels in (None, x.shape[1])
        if not fits or 0 in x.shape[1:]:
            named = "channels" if channels is None else channels
            raise ShapeError(
                f"{self.summary()} takes inputs of shape (n, {named}, {_NAMES[self.axes]})",
                received=f"an input of shape {x.shape}",
                remedy="give rows that shape by nn.Unflatten(1, (channels, …)), and check the "
                "out_channels of the layer before",
            )

    def _slide(
        self,
        x: Tensor,
        join: Callable[[list[Tensor]], Tensor],
        window: Sizes,
        stride: Sizes,
        dilation: Sizes = 1,
    ) -> Tensor:
        """What ``join`` makes of each window over (n, *lengths, …), window by window.

        Args:
            x: the input, with channels last and padded.
            join: makes one tensor of what stands at each place of a window, for all windows.
            window: places of a window along each length.
            stride: distance of neighbouring windows.
            dilation: distance of neighbouring places of a window.

        Raises:
            ShapeError: no window fits into the lengths.
        """
        settings = list(zip(*map(self._each, (window, stride, dilation)), strict=True))
        reach = tuple(apart * (size - 1) + 1 for size, _, apart in settings)
        lengths = x.shape[1 : 1 + self.axes]
        if any(r > n for r, n in zip(reach, lengths, strict=True)):
            raise ShapeError(
                f"a window of {self.summary()} fits into the padded input",
                received=f"({_NAMES[self.axes]}) of {lengths}, and a window that takes {reach}",
                remedy="pad more, take a smaller window, or shrink the image less before",
            )
        for axis, (size, step, apart) in reversed(list(enumerate(settings, 1))):
            x = join(shifts(x, axis, size, step, apart))
        return x


def shifts(x: Tensor, axis: int, window: int, stride: int = 1, dilation: int = 1) -> list[Tensor]:
    """What stands at each place of a window, for all windows along one axis.

    Part p is x[i·stride + p·dilation] along the axis, for every window i that fits.

    >>> import gradus as gd
    >>> [part.tolist() for part in shifts(gd.arange(5), 0, window=2, stride=2)]
    [[0, 2], [1, 3]]
    """
    count = (x.shape[axis] - dilation * (window - 1) - 1) // stride + 1
    before = (slice(None),) * axis
    starts = range(0, window * dilation, dilation)
    return [x[(*before, slice(p, p + (count - 1) * stride + 1, stride))] for p in starts]


def channels_last(x: Tensor) -> Tensor:
    """(n, channels, *lengths) to (n, *lengths, channels)."""
    return ops.permute_dims(x, axes=(0, *range(2, x.ndim), 1))


def channels_first(x: Tensor) -> Tensor:
    """(n, *lengths, channels) to (n, channels, *lengths)."""
    return ops.permute_dims(x, axes=(0, x.ndim - 1, *range(1, x.ndim - 1)))


def padded(x: Tensor, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """(n, *lengths, channels) with (before, after) more places at the ends of each length."""
    if not any(map(any, widths)):
        return x
    return ops.pad(x, [(0, 0), *widths, (0, 0)], value)
