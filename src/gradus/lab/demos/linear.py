"""A line, its residuals, and the loss as a landscape over slope and intercept."""

from __future__ import annotations

import numpy as np

from gradus import ops
from gradus.lab.demos.demo import Control, Demo, Figure, Recording, minus
from gradus.lab.demos.packing import floats
from gradus.lab.demos.walk import by_walk, walk
from gradus.lab.experiment import Setting
from gradus.tensor import Tensor, tensor
from gradus.types import Array

_STEPS = 40
_W, _B = np.linspace(-1, 3, 21), np.linspace(-2, 2, 21)  # places of the sliders
# As shares of 2/λ, beyond which no step length leads down the steepest direction.
_RATES = {"too small": 0.003, "good": 0.5, "zigzag": 0.95, "too large": 1.03}


def points(seed: int, count: int = 30) -> tuple[Array, Array]:
    """Points around a line, x from −1 to 3."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 3, count))
    return x, 1.4 * x - 0.6 + rng.normal(0, 0.7, count)


def loss(theta: Tensor, x: Array, y: Array) -> Tensor:
    """L(w, b) = mean of (w x + b − y)² over the points, for each row (w, b) of θ."""
    w, b = theta[:, 0:1], theta[:, 1:2]
    return ops.mean((w * tensor(x) + b - tensor(y)) ** 2, axis=1)


def _record(setting: Setting) -> Recording:
    x, y = points(setting.seed)
    # L is a parabola: its curvatures are those of 2/n Σ (x, 1)ᵀ(x, 1).
    design = np.stack([x, np.ones_like(x)], axis=1)
    limit = 2 / float(np.linalg.eigvalsh(2 * design.T @ design / len(x))[-1])
    rates = [float(f"{share * limit:.3g}") for share in _RATES.values()]
    starts = np.stack(np.meshgrid(_W, _B, indexing="ij"), axis=-1).reshape(-1, 2)
    axes = (len(rates), len(_W), len(_B))
    found = walk(
        lambda theta: loss(theta, x, y),
        np.tile(starts, (len(rates), 1)),
        np.repeat(rates, len(starts)),
        _STEPS,
    )
    u, v = np.linspace(-1.5, 3.5, 61), np.linspace(-2.5, 2.5, 61)
    places = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    surface = loss(tensor(places), x, y).numpy().reshape(61, 61)
    lowest = np.linalg.lstsq(design, y)[0]
    least = loss(tensor(lowest[None]), x, y).item()
    levels = least + np.geomspace(0.05, surface.max() - least, 12)[:-1]

    return Recording(
        controls=[
            Control("w", "slope w", _W.round(10).tolist(), 5, "slider", restarts=True),
            Control("b", "intercept b", _B.round(10).tolist(), 15, "slider", restarts=True),
            Control(
                "rate", "learning rate γ", list(_RATES), 1,
                texts=[f"{name}: {r:g}" for name, r in zip(_RATES, rates, strict=True)],
            ),
            Control("step", "step of gradient descent", list(range(_STEPS + 1)), kind="time"),
        ],
        data={
            "points": floats(np.stack([x, y], axis=1)),
            "surface": floats(surface), "u": [u[0], u[-1]], "v": [v[0], v[-1]],
            "rates": rates, "levels": levels.tolist(), "lowest": lowest.tolist(), "least": least,
            "places": floats(by_walk(found.places, *axes)),
            "losses": floats(by_walk(found.losses, *axes)),
            "slopes": floats(by_walk(found.slopes, *axes)),
        },
        made=f"{len(x)} points were drawn around the line 1.4 x − 0.6. From each of the "
        f"{len(starts)} places of the two sliders gradus took {_STEPS} steps of gradient descent "
        f"with {len(rates)} rates, in float64, the gradients by backpropagation. The loss is a "
        f"parabola, so the limit of the rate is known: 2/λ = {limit:.3g}, λ its steepest "
        f"curvature. The lowest place is the least-squares solution, w = "
        f"{minus(f'{lowest[0]:.3f}')}, b = {minus(f'{lowest[1]:.3f}')}. The browser draws the line "
        "w x + b and looks everything else up.",
    )  # fmt: skip


LINEAR = Demo(
    "linear",
    "A line through points: by hand, then by gradient descent",
    "002",
    "linear models, and how to find the best W and b",
    "Move slope and intercept until the orange strokes, the residuals, are short: the loss is "
    "the mean of their squares, and each pair of slope and intercept is one place in the "
    "landscape. Then press play. From your place gradient descent walks down to the lowest one. "
    "“Too small” hardly moves, “zigzag” jumps across the valley and still arrives, and “too "
    "large” climbs out of it.",
    [
        Figure(
            "points",
            "The points, the line w x + b, and from each point to the line its residual.",
        ),
        Figure(
            "surface",
            "The loss by slope and intercept: level lines, and more tint where it is higher. The "
            "dot is the line shown, the trail how it got there, the cross the lowest place. The "
            "arrow points against the gradient; its length is always the same.",
            tall=True,
        ),
        Figure(
            "losses",
            "The loss at each step from this start with this rate, on a scale of powers of ten. "
            "The dashed line is the lowest loss a line can have.",
        ),
    ],
    _record,
)
