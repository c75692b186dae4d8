"""How the lab draws: one style for all its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from gradus import nn
from gradus.lab.networks import outputs
from gradus.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by every kind of eye, in print too (after Okabe and Ito, 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444")
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gradus",  # the same picture, the same bytes
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


@contextmanager
def style() -> Iterator[None]:
    """The house's style, for drawing and for saving."""
    from cycler import cycler
    from matplotlib import rc_context

    with rc_context({**_STYLE, "axes.prop_cycle": cycler(color=COLOURS)}):
        yield


def panels(
    count: int = 1, width: float = 4.6, height: float = 3.4, rows: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels of this size, beside each other or in rows of equal length."""
    from matplotlib.figure import Figure

    across = count // rows
    figure = Figure(figsize=(width * across, height * rows), layout="constrained")
    return figure, list(figure.subplots(rows, across, squeeze=False).flat)


def plane(axes: Axes, network: nn.Module, X: Array, y: Array, margin: float = 0.3) -> None:
    """Two classes of points, and on which side of 0 a network's score is at each place."""
    low, high = X.min(axis=0) - margin, X.max(axis=0) + margin
    u, v = (np.linspace(low[k], high[k], 161, dtype="float32") for k in (0, 1))
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    z = outputs(network, grid).reshape(161, 161)
    axes.contourf(u, v, z, levels=[-np.inf, 0, np.inf], colors=[COLOURS[0], COLOURS[1]], alpha=0.18)
    if z.min() < 0 < z.max():
        axes.contour(u, v, z, levels=[0], colors="black", linewidths=1.4)
    for k, marker in enumerate("os"):
        at = X[y == k]
        axes.scatter(
            at[:, 0],
            at[:, 1],
            s=12 if len(X) > 20 else 70,
            c=COLOURS[k],
            marker=marker,
            linewidths=0,
        )
    axes.set(xlabel="x₁", ylabel="x₂", aspect="equal")
    axes.grid(False)
