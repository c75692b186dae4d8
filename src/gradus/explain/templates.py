"""What a linear classifier looks for in an image: one template a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradus.checks import whole_numbers
from gradus.errors import ArgumentError, ShapeError
from gradus.nn import Dropout, Flatten, Linear, Module, Sequential

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACROSS = 5  # pictures beside each other


def templates(layer: Module, shape: Sequence[int], classes: Sequence[Any] | None = None) -> Figure:
    """Draw the weights of each class as an image: what the class is recognised by.

    The score of class k is the sum of pixel times weight, so it grows with ink where row k of
    ``weight`` is above 0 (red) and falls where it is below (blue). All images share one scale,
    which is white at 0.

    Args:
        layer: ``nn.Linear``, or the ``nn.Sequential`` that begins with one (after a ``Flatten``).
        shape: (height, width) of the images.
        classes: a title for each image; by default the numbers of the outputs.

    Returns:
        A matplotlib figure, which shows itself in a notebook; ``figure.savefig(…)`` writes it.

    Raises:
        ArgumentError: no linear layer, or another number of titles.
        ShapeError: images of another size than the layer's inputs.

    Source: lecture 002, after Stanford's CS231n: linear models learn one template a class.

    >>> from gradus import nn
    >>> figure = templates(nn.Linear(64, 10), (8, 8))
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['0', '1', '2']
    """
    from matplotlib.figure import Figure

    weight = _linear(layer).weight.numpy()
    height_width = whole_numbers("shape", shape, least=1)
    if len(height_width) != 2 or math.prod(height_width) != weight.shape[1]:
        raise ShapeError(
            f"an image (height, width) has a pixel for each of the {weight.shape[1]} inputs",
            received=height_width,
        )
    titles = [str(c) for c in (range(len(weight)) if classes is None else classes)]
    if len(titles) != len(weight):
        raise ArgumentError(
            f"there is a class for each of the {len(weight)} outputs", received=len(titles)
        )
    largest = float(np.abs(weight).max()) or 1.0
    across = min(_ACROSS, len(weight))
    down = math.ceil(len(weight) / across)
    aspect = height_width[0] / height_width[1]
    size = (1.5 * across + 0.9, 1.5 * aspect * down + 0.35 * down)
    figure = Figure(figsize=size, layout="constrained")
    drawn: Any = None
    axes: list[Any] = []
    for k, row in enumerate(weight):
        axes.append(figure.add_subplot(down, across, k + 1))
        drawn = axes[-1].imshow(
            row.reshape(height_width), cmap="RdBu_r", vmin=-largest, vmax=largest
        )
        axes[-1].set(title=titles[k], xticks=[], yticks=[])
    figure.colorbar(drawn, ax=axes, label="weight", shrink=0.8)
    return figure


def _linear(layer: Any) -> Linear:
    """The first layer with weights, if it sees the pixels themselves."""
    layers = list(layer) if isinstance(layer, Sequential) else [layer]
    found = next((m for m in layers if not isinstance(m, (Dropout, Flatten))), None)
    if not isinstance(found, Linear):
        raise ArgumentError(
            "templates are the weights of a Linear layer",
            received=type(layer).__name__,
            remedy="pass the layer that sees the pixels, as in net[0]",
        )
    return found
