"""Gradient descent as a walk downhill on landscapes of two parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gradus import ops
from gradus.lab.demos.demo import Control, Demo, Figure, Recording
from gradus.lab.demos.packing import floats
from gradus.lab.demos.walk import by_walk, walk
from gradus.lab.experiment import Setting
from gradus.tensor import Tensor, tensor

_STEPS = 80
_X, _Y = (-2.0, 2.0), (-1.5, 1.5)
_STARTS = {
    "top left": (-1.7, 1.2), "top": (-0.2, 1.3), "top right": (1.7, 1.1),
    "left": (-1.8, 0.1), "right": (1.8, -0.2),
    "bottom left": (-1.6, -1.1), "bottom": (0.3, -1.3), "bottom right": (1.4, -1.2),
}  # fmt: skip
_NAMES = ("too small", "good", "large", "too large", "wrong sign")
# Depth, place and width of each hollow.
_HOLLOWS = ((1.6, -1.1, 0.6, 0.55), (1.0, 1.2, 0.7, 0.5), (1.2, 0.5, -0.8, 0.45))


def bowl(theta: Tensor) -> Tensor:
    """L = (x² + 10 y²) / 2, for each row (x, y)."""
    x, y = theta[:, 0], theta[:, 1]
    return (x**2 + 10.0 * y**2) / 2.0


def valley(theta: Tensor) -> Tensor:
    """L = (1 − x)² + 5 (y − x²)², Rosenbrock's (1960) with 5 for his 100."""
    x, y = theta[:, 0], theta[:, 1]
    return (1.0 - x) ** 2 + 5.0 * (y - x**2) ** 2


def hollows(theta: Tensor) -> Tensor:
    """A wide bowl with three hollows of different depth: several minima."""
    x, y = theta[:, 0], theta[:, 1]
    height = 1.5 + 0.1 * (x**2 + y**2)
    for depth, u, v, width in _HOLLOWS:
        height = height - depth * ops.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * width**2))
    return height


class _Landscape(NamedTuple):
    title: str
    loss: Callable[[Tensor], Tensor]
    rates: tuple[float, ...]  # by _NAMES


LANDSCAPES = {
    "bowl": _Landscape("a long bowl", bowl, (0.005, 0.1, 0.19, 0.21, -0.02)),
    "valley": _Landscape("a bent valley", valley, (0.001, 0.015, 0.025, 0.06, -0.002)),
    "hollows": _Landscape("three hollows", hollows, (0.003, 0.1, 0.4, 1.0, -0.1)),
}


def _record(setting: Setting) -> Recording:
    u, v = np.linspace(*_X, 81), np.linspace(*_Y, 61)
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    starts = np.asarray(list(_STARTS.values()))
    axes = (len(starts), len(_NAMES))
    surfaces = [landscape.loss(tensor(grid)).numpy() for landscape in LANDSCAPES.values()]
    walks = [
        walk(
            landscape.loss,
            np.repeat(starts, len(_NAMES), axis=0),
            np.tile(landscape.rates, len(starts)),
            _STEPS,
        )
        for landscape in LANDSCAPES.values()
    ]
    return Recording(
        controls=[
            Control(
                "landscape", "landscape", list(LANDSCAPES), 2,
                texts=[landscape.title for landscape in LANDSCAPES.values()],
            ),
            Control("start", "start", list(_STARTS)),
            Control("rate", "learning rate γ", _NAMES, 1),
            Control("step", "step", list(range(_STEPS + 1)), kind="time"),
        ],
        data={
            "x": _X, "y": _Y, "surfaces": floats(np.reshape(surfaces, (-1, len(v), len(u)))),
            # As much of the map between any two lines, so that flat parts have some too.
            "levels": floats([np.quantile(s, np.linspace(0.02, 0.95, 13)) for s in surfaces]),
            "starts": floats(starts), "rates": [list(s.rates) for s in LANDSCAPES.values()],
            "places": floats([by_walk(w.places, *axes) for w in walks]),
            "losses": floats([by_walk(w.losses, *axes) for w in walks]),
            "slopes": floats([by_walk(w.slopes, *axes) for w in walks]),
        },
        made=f"gradus took {_STEPS} steps θ := θ − γ ∇L(θ) on each landscape from {len(starts)} "
        f"starts with {len(_NAMES)} rates, in float64, the gradients by backpropagation. The long "
        "bowl is L = (x² + 10 y²)/2, where every rate below 2/10 arrives in the end. The bent "
        "valley is L = (1 − x)² + 5 (y − x²)², after Rosenbrock (1960); its lowest place is "
        "(1, 1). The three hollows are normal curves sunk into a wide bowl. A walk that is more "
        "than 10,000 away is not followed further.",
    )  # fmt: skip


DOWNHILL = Demo(
    "downhill",
    "Gradient descent as a walk downhill",
    "002, and the questions of 000",
    "gradient descent, the walker in the landscape",
    "Press play and watch the walker step against the gradient, which is across the level lines. "
    "Then change one thing: among the three hollows another start ends in another one, and "
    "nothing tells the walker that a deeper one is near. “Too small” has not arrived when the "
    "recording ends, “large” jumps from side to side, “too large” finds no rest or leaves the "
    "map, and with the wrong sign the walk goes uphill. A click on the map takes the nearest "
    "start.",
    [
        Figure(
            "map",
            "The landscape from above: level lines, and more tint where it is higher. The square "
            "is the start, the dot where the walker is now. The arrow points against the gradient; "
            "its length is always the same.",
        ),
        Figure(
            "losses",
            "The loss, the height of the walker, at each step of this walk; cut off where it is "
            "higher than all of the map.",
        ),
    ],
    _record,
)
