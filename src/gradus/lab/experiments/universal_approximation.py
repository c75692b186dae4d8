"""Universal approximation: error against width."""

from __future__ import annotations

import numpy as np

from gradus import losses, nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import fit, mlp, outputs, put
from gradus.lab.pictures import panels
from gradus.types import Array, float64


def _curve(x: Array) -> Array:
    """Smooth, and with more than one scale."""
    return np.sin(2 * np.pi * x) + 0.5 * np.cos(6 * np.pi * x)


def _staircase(width: int) -> nn.Module:
    """Weights by hand: one steep sigmoid for each of ``width`` steps, as high as the curve rises.

    In the middle of its step a unit rises as steeply as a straight line over the step would, which
    smooths the stairs; the first value is the bias.
    """
    network = mlp(1, width, 1, activation=nn.Sigmoid, dtype=float64)
    edges = np.linspace(0, 1, width + 1)
    slope = 4.0 * width
    put(network[0], np.full((width, 1), slope), -slope * (edges[:-1] + edges[1:]) / 2)
    put(network[2], np.diff(_curve(edges))[None, :], _curve(edges[:1]))
    return network


@experiment(
    "Can a network with one hidden layer be any smooth function?",
    lecture="003",
    claim="A network of sigmoid units in two layers comes as close to a smooth function on [0, 1] "
    "as one likes, if it is wide enough.",
)
def universal_approximation(setting: Setting) -> Finding:
    """The largest error on a grid, with weights set by hand and with trained ones."""
    x = np.linspace(0, 1, 1001).reshape(-1, 1)
    target = _curve(x)
    widths = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    built = [float(np.abs(outputs(_staircase(w), x) - target).max()) for w in widths]

    trained, few = [], [1, 2, 4, 8, 16, 32, 64]
    points = x[::10]
    networks = []
    for width in few:
        network = mlp(1, width, 1, activation=nn.Sigmoid, seed=setting.seed, dtype=float64)
        # Inputs between 0 and 1 hardly move a small weight: begin with slopes and steps spread out.
        rng = np.random.default_rng(setting.seed)
        slopes = rng.uniform(5, 20, width)
        put(network[0], slopes[:, None], -slopes * np.linspace(0, 1, width + 2)[1:-1])
        fit(
            network, points, _curve(points), loss=losses.squared_error,
            rule=optim.Adam(0.02, schedule=optim.Cosine()), epochs=setting.pick(3000, 30000),
        )  # fmt: skip
        trained.append(float(np.abs(outputs(network, x) - target).max()))
        networks.append(network)

    figure, (left, right) = panels(2)
    left.plot(x, target, color="black", linewidth=3, alpha=0.25, label="the function")
    left.plot(x, outputs(_staircase(16), x), label="16 units, by hand")
    left.plot(x, outputs(networks[1], x), label="2 units, trained")
    left.plot(x, outputs(networks[3], x), label="8 units, trained")
    left.set(xlabel="x", ylabel="f(x)")
    left.legend(fontsize=9)
    right.loglog(widths, built, "o-", label="by hand")
    right.loglog(few, trained, "s-", label="trained")
    right.set(xlabel="hidden units", ylabel="largest error on [0, 1]")
    right.legend()
    tail = np.polyfit(np.log(widths[5:]), np.log(built[5:]), 1)[0]
    best = int(np.argmin(trained))
    return Finding(
        verdict(bool(np.all(np.diff(built[3:]) < 0) and built[-1] < 0.01 and tail < -0.8)),
        f"With weights set by hand the largest error falls from {built[3]:.2g} at 8 units to "
        f"{built[-1]:.2g} at {widths[-1]:,}, as width to the power {tail:.2f}. Trained, 8 units "
        f"reach {trained[3]:.2g} and {few[best]} units {trained[best]:.2g}, the best of {len(few)} "
        "widths.",
        "Took a smooth function of one variable. Set the weights by hand, so that each sigmoid "
        "unit climbs one stair of the function; and trained other networks of the same form on 101 "
        "points with Adam. Measured the largest error on 1,001 points.",
        {"widths": widths, "built": built, "trained_widths": few, "trained": trained},
        [
            Picture(
                figure,
                "Left: the function, and what networks make of it. Right: the largest error "
                "against the number of hidden units, both axes logarithmic.",
            )
        ],
        remark="The theorem says that good weights exist. It says neither whether training finds "
        f"them (here {few[-1]} units reach {trained[-1]:.2g} trained, {built[6]:.2g} by hand) nor "
        "how many units are needed, which for many inputs can be very many.",
    )  # fmt: skip
