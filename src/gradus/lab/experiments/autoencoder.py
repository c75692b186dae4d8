"""An autoencoder: learning without targets."""

from __future__ import annotations

import numpy as np

from gradus import losses, nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import digits, fit, outputs
from gradus.random import manual_seed
from gradus.types import Array

_CODE = 8


def _networks(seed: int) -> dict[str, nn.Sequential]:
    manual_seed(seed)
    return {
        "linear": nn.Sequential(nn.Linear(64, _CODE), nn.Linear(_CODE, 64)),
        "with hidden layers": nn.Sequential(
            nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, _CODE),
            nn.Linear(_CODE, 128), nn.ReLU(), nn.Linear(128, 64),
        ),
    }  # fmt: skip


@experiment(
    "Can a network learn without targets?",
    lecture="003",
    claim="A network that must repeat its input through a narrow layer learns a short code for it: "
    "as good as principal components if it is linear, better with hidden layers.",
)
def autoencoder(setting: Setting) -> Finding:
    """Digits of 64 pixels through a code of 8 numbers and back."""
    from sklearn.decomposition import PCA

    X, _, X_new, _ = digits(setting.seed)
    components = PCA(_CODE, random_state=0).fit(X)
    back: dict[str, Array] = {
        "principal components": components.inverse_transform(components.transform(X_new))
    }
    for name, network in _networks(setting.seed).items():
        fit(
            network, X, X, loss=losses.squared_error,
            rule=optim.Adam(3e-3, schedule=optim.Cosine()), epochs=setting.pick(60, 400),
            batch_size=32, seed=setting.seed,
        )  # fmt: skip
        back[name] = outputs(network, X_new)
    mean_image = np.broadcast_to(X.mean(axis=0), X_new.shape)
    error = {name: float(np.square(b - X_new).sum(axis=1).mean()) for name, b in back.items()}
    error["mean image"] = float(np.square(mean_image - X_new).sum(axis=1).mean())

    from matplotlib.figure import Figure

    rows = {"digit": X_new, **back}
    figure = Figure(figsize=(8.4, 4.0), layout="constrained")
    grid = figure.subplots(len(rows), 10)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for k, axes in enumerate(line):
            axes.imshow(images[k].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
    pca, linear, deep = (error[k] for k in ("principal components", "linear", "with hidden layers"))
    return Finding(
        verdict(linear < 1.05 * pca and deep < 0.9 * pca, in_part=deep < 0.9 * pca),
        f"On held-out digits the squared error of an image is {pca:.2f} with principal components, "
        f"{linear:.2f} with a linear autoencoder and {deep:.2f} with hidden layers; always giving "
        f"the mean image costs {error['mean image']:.2f}.",
        f"Trained networks to give back the 64 pixels that they were shown, through {_CODE} "
        f"numbers in the middle, on {len(X):,} digits; compared them with {_CODE} principal "
        f"components on {len(X_new)} digits held out.",
        {"code": _CODE, "squared_error": error},
        [
            Picture(
                figure,
                "Ten held-out digits, and what comes back through a code of eight numbers.",
            )
        ],
    )
