"""Why a non-linearity at all."""

from __future__ import annotations

import numpy as np

from gradus import data, losses, nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, column, fit, mlp, outputs
from gradus.lab.pictures import panels, plane
from gradus.types import float64

_DEPTH = 5
_ROUNDING = 1e-12  # what five products in float64 lose at most, with room to spare


@experiment(
    "What is a non-linearity for, between the matrices?",
    lecture="000, 002",
    claim="A chain of layers without a non-linearity is one matrix and learns no more than one.",
)
def nonlinearity(setting: Setting) -> Finding:
    """Five layers against the product of their matrices; then both kinds learn a ring."""
    chain = mlp(
        *[8] * (_DEPTH + 1), activation=nn.Identity, seed=setting.seed, bias=False, dtype=float64
    )
    product = np.linalg.multi_dot([p.numpy() for p in reversed(chain.parameters())])
    x = np.random.default_rng(setting.seed).standard_normal((1000, 8))
    gap = float(np.abs(outputs(chain, x) - x @ product.T).max() / np.abs(x @ product.T).max())

    X, y = data.circles(400, seed=setting.seed)
    X_new, y_new = data.circles(2000, seed=setting.seed + 1)
    figure, axes = panels(2, 4.2, 4.2)
    found = {}
    kinds = {"without a non-linearity": nn.Identity, "with tanh": nn.Tanh}
    for panel, (name, kind) in zip(axes, kinds.items(), strict=True):
        network = mlp(2, 16, 16, 1, activation=kind, seed=setting.seed)
        fit(
            network, X, column(y), loss=losses.binary_cross_entropy_with_logits,
            rule=optim.Adam(1e-2), epochs=300, seed=setting.seed,
        )  # fmt: skip
        found[name] = accuracy(network, X_new, y_new)
        plane(panel, network, X, y)
        panel.set_title(f"{name}: {found[name]:.1%} of new points")
    without, with_tanh = found.values()
    return Finding(
        verdict(gap < _ROUNDING and without < 0.7 and with_tanh > 0.95),
        f"Five linear layers and the product of their matrices differ by {gap:.0e} of the largest "
        f"output, which is rounding. On a ring inside a ring the linear chain tells {without:.1%} "
        f"of new points, the one with tanh {with_tanh:.1%}; chance gives 50%.",
        "Drew five random 8 × 8 layers, put 1,000 random rows through them one after another and "
        "through their product, in float64. Then trained two networks 2-16-16-1 on 400 points of "
        "two rings, alike but for the function between their layers, with 300 steps of Adam.",
        {"relative_gap": gap, "accuracy": found},
        [
            Picture(
                figure,
                "Points of two classes, and where each trained network divides the plane. A chain "
                "of linear layers has one straight line to offer.",
            )
        ],
    )
