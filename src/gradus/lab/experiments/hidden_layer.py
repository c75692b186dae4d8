"""What a hidden layer adds, and its size."""

from __future__ import annotations

import numpy as np

from gradus import data, losses, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, column, fit, mlp
from gradus.lab.pictures import panels, plane

_SIZES = (0, 1, 2, 3, 6, 20)


@experiment(
    "What does a hidden layer add, and what does its size?",
    lecture="002",
    claim="Without a hidden layer the boundary is a line; the more hidden units, the more it can "
    "bend, and the more training points it gets right.",
)
def hidden_layer(setting: Setting) -> Finding:
    """Two half moons, closer than a line can tell apart, with 0 to 20 hidden units."""
    X, y = data.moons(200, noise=0.2, seed=setting.seed)
    X_new, y_new = data.moons(2000, noise=0.2, seed=setting.seed + 1000)
    starts = setting.pick(3, 10)
    here = np.zeros((len(_SIZES), starts))
    there = np.zeros_like(here)
    figure, axes = panels(len(_SIZES), 3.0, 2.6, rows=2)
    for k, hidden in enumerate(_SIZES):
        for start in range(starts):
            sizes = (2, hidden, 1) if hidden else (2, 1)
            network = mlp(*sizes, seed=setting.seed * starts + start)
            fit(
                network, X, column(y), loss=losses.binary_cross_entropy_with_logits,
                rule=optim.Adam(0.05), epochs=setting.pick(500, 2000),
            )  # fmt: skip
            here[k, start] = accuracy(network, X, y)
            there[k, start] = accuracy(network, X_new, y_new)
        plane(axes[k], network, X, y)
        axes[k].set_title(f"{hidden} hidden: {here[k, -1]:.1%}")
    mean, mean_new = here.mean(axis=1), there.mean(axis=1)
    noise = mean[-1] - mean[3] > mean_new[-1] - mean_new[3] + 0.005
    grows = bool(np.all(np.diff(mean) > -0.005))  # half a percent is one point of 200
    return Finding(
        verdict(grows and mean[-1] > mean[0] + 0.05, in_part=mean[-1] > mean[0]),
        "Training accuracy by number of hidden units, mean of "
        f"{starts} starts: {', '.join(f'{s}: {m:.1%}' for s, m in zip(_SIZES, mean, strict=True))}."
        f" On new points: {', '.join(f'{m:.1%}' for m in mean_new)}.",
        "Trained networks 2-h-1 with tanh and h from 0 to 20 on 200 points of two half moons with "
        f"noise 0.2, on all rows at once with Adam, from {starts} starts each. 2,000 new points "
        "tell what was learnt from what was remembered.",
        {"hidden": _SIZES, "training": here.tolist(), "new": there.tolist()},
        [
            Picture(
                figure,
                "Where a network with each number of hidden units divides the plane (one start of "
                "each), with its accuracy on the points shown.",
            )
        ],
        remark="The claim is about points that were trained on. From "
        f"{_SIZES[3]} to {_SIZES[-1]} units their share goes from {mean[3]:.1%} to {mean[-1]:.1%}, "
        f"that of new points from {mean_new[3]:.1%} to {mean_new[-1]:.1%}"
        + (": part of what more units bend around is noise." if noise else "."),
    )
