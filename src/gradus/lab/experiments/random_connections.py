"""Networks with random connections."""

from __future__ import annotations

import numpy as np

from gradus import nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, digits, fit
from gradus.lab.pictures import panels
from gradus.random import manual_seed

_DENSITIES = (1.0, 0.5, 0.25, 0.1, 0.05, 0.02)
_HIDDEN = 256


@experiment(
    "Do networks work with random connections?",
    lecture="002",
    claim="A network learns although most of its connections are left out at random.",
)
def random_connections(setting: Setting) -> Finding:
    """Fixed random masks on both layers, from all connections to one in fifty."""
    starts = setting.pick(3, 10)
    scores = np.zeros((len(_DENSITIES), starts))
    weights = []
    for k, density in enumerate(_DENSITIES):
        for start in range(starts):
            seed = setting.seed * starts + start
            X, y, X_new, y_new = digits(seed)
            manual_seed(seed)
            network = nn.Sequential(
                nn.SparseLinear(64, _HIDDEN, density=density), nn.ReLU(),
                nn.SparseLinear(_HIDDEN, 10, density=density),
            )  # fmt: skip
            fit(
                network, X, y, rule=optim.Adam(3e-3, schedule=optim.Cosine()), batch_size=32,
                epochs=setting.pick(10, 40), seed=seed,
            )  # fmt: skip
            scores[k, start] = accuracy(network, X_new, y_new)
        weights.append(sum(int(m.numpy().sum()) for m in network.named_buffers().values()))
    mean, spread = scores.mean(axis=1), scores.std(axis=1, ddof=1)
    figure, (axes,) = panels(1, 6.4, 3.8)
    axes.errorbar(weights, mean, spread, fmt="o-", capsize=3)
    axes.axhline(0.1, color="0.3", linewidth=1, linestyle=":", label="chance")
    for density, count, score in zip(_DENSITIES, weights, mean, strict=True):
        axes.annotate(f"{density:.0%}", (count, score), (8, -12), textcoords="offset points",
                      fontsize=9)  # fmt: skip
    axes.set(xscale="log", xlabel="connections", ylabel="held-out accuracy", ylim=(0, 1.03))
    axes.legend(loc="lower right")
    tenth = _DENSITIES.index(0.1)
    return Finding(
        verdict(mean[tenth] > mean[0] - 0.03, in_part=mean[tenth] > 0.5),
        f"With a tenth of the connections the network tells {mean[tenth]:.1%} of held-out digits "
        f"(± {spread[tenth]:.1%}), with all of them {mean[0]:.1%} (± {spread[0]:.1%}); with "
        f"{_DENSITIES[-1]:.0%} of them {mean[-1]:.1%}. Chance is 10%.",
        f"Trained networks 64-{_HIDDEN}-10 with ReLU on the digits, leaving each unit a random "
        "part of its inputs, the same for the whole training. Mean and standard deviation over "
        f"{starts} seeds of split, connections and start.",
        {"densities": _DENSITIES, "connections": weights, "held_out_accuracy": scores.tolist()},
        [
            Picture(
                figure,
                "Held-out accuracy against the number of connections that were left, on a "
                "logarithmic axis, with the share of all connections at each point.",
            )
        ],
    )
