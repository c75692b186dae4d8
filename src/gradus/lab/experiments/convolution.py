"""Convolution: what looking everywhere with the same weights is worth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradus import nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, digits, fit, mlp
from gradus.lab.pictures import COLOURS, panels
from gradus.random import manual_seed
from gradus.types import Array


def _convolutional(seed: int) -> nn.Sequential:
    """Rows of 64 pixels to scores of ten digits; chosen on seeds 100 to 104."""
    manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding="same"), nn.BatchNorm(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding="same"), nn.BatchNorm(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding="same"), nn.BatchNorm(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(256, 10),
    )  # fmt: skip


def _shifted(X: Array) -> Array:
    """The images one pixel further right, the free column empty."""
    images = np.zeros_like(X).reshape(-1, 8, 8)
    images[:, :, 1:] = X.reshape(-1, 8, 8)[:, :, :-1]
    return images.reshape(X.shape)


@experiment(
    "What does convolution add?",
    lecture="003",
    claim="On images a convolutional network tells held-out digits better than a dense one of as "
    "many weights, and suffers less where they are moved by a pixel.",
)
def convolution(setting: Setting) -> Finding:
    """Both kinds on several splits of the digits, as they are and moved."""
    seeds = setting.pick(1, 5)
    kinds: dict[str, Callable[[int], nn.Sequential]] = {
        "convolutional": _convolutional,
        "dense": lambda seed: mlp(64, 120, 120, 10, activation=nn.ReLU, seed=seed),
    }
    told: dict[str, list[list[float]]] = {name: [] for name in kinds}
    weights = {name: kind(0).parameter_count for name, kind in kinds.items()}
    for k in range(seeds):
        seed = setting.seed * seeds + k
        X, y, X_new, y_new = digits(seed)
        for name, kind in kinds.items():
            network = kind(seed)
            fit(
                network, X, y, epochs=setting.pick(8, 20), batch_size=64, seed=seed,
                rule=optim.AdamW(3e-3, weight_decay=0.01, schedule=optim.Cosine()),
            )  # fmt: skip
            told[name].append([accuracy(network, x, y_new) for x in (X_new, _shifted(X_new))])
    found = {name: np.array(rows) for name, rows in told.items()}
    mean = {name: rows.mean(axis=0) for name, rows in found.items()}
    spread = {n: r.std(axis=0, ddof=1) if seeds > 1 else np.zeros(2) for n, r in found.items()}

    figure, (axes,) = panels(1, 6.4, 3.8)
    for k, name in enumerate(kinds):
        place = np.arange(2) + 0.36 * k - 0.18
        axes.bar(place, mean[name], 0.34, yerr=spread[name] if seeds > 1 else None, capsize=3,
                 color=COLOURS[k], label=f"{name}, {weights[name]:,} parameters")  # fmt: skip
        for x, value in zip(place, mean[name], strict=True):
            axes.annotate(f"{value:.1%}", (x, 0.03), ha="center", color="white", fontsize=10)
    axes.set_xticks(range(2), ["held-out digits", "the same, moved by a pixel"])
    axes.set(ylabel="accuracy", ylim=(0, 1.2))
    axes.legend(loc="upper right", ncols=1, fontsize=9)
    conv, dense = mean["convolutional"], mean["dense"]
    better = [bool(conv[0] > dense[0]), bool(conv[0] - conv[1] < dense[0] - dense[1])]
    return Finding(
        verdict(all(better), in_part=any(better)),
        f"Of held-out digits the convolutional network tells {conv[0]:.2%}"
        + (f" (± {spread['convolutional'][0]:.2%} over {seeds} seeds)" if seeds > 1 else "")
        + f", the dense one {dense[0]:.2%}"
        + (f" (± {spread['dense'][0]:.2%})" if seeds > 1 else "")
        + f". Moved by a pixel: {conv[1]:.1%} and {dense[1]:.1%}.",
        f"Trained three layers of 3 × 3 convolutions ({weights['convolutional']:,} parameters) and "
        f"a dense network ({weights['dense']:,}) alike, on four fifths of the digits, for "
        f"{seeds} seed{'s' * (seeds > 1)} of split and start; held-out images also one pixel to "
        "the right, as neither has seen them.",
        {"held_out_and_moved": told, "parameters": weights},
        [
            Picture(
                figure,
                "Accuracy on held-out digits, and on the same images moved by a pixel"
                + ("; lines show the standard deviation over seeds." if seeds > 1 else "."),
            )
        ],
    )
