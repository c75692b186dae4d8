"""Dead units: how often a ReLU is 0, and when it is so for good."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from gradus import nn, optim
from gradus.errors import DivergenceError
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, digits, fit, mlp, outputs
from gradus.lab.pictures import panels
from gradus.types import Array

_SIZES = (64, 64, 64, 10)
_KINDS = {"ReLU": nn.ReLU, "leaky ReLU": nn.LeakyReLU}


def _negative(network: nn.Sequential, X: Array) -> Array:
    """Share of the rows on which each hidden unit's sum is not positive."""
    layers = list(network)
    shares = []
    for k, layer in enumerate(layers):
        if isinstance(layer, nn.Linear) and layer is not layers[-1]:
            shares.append((outputs(nn.Sequential(*layers[: k + 1]), X) <= 0).mean(axis=0))
    return np.concatenate(shares)


@experiment(
    "How many units of a ReLU network are dead?",
    lecture="004",
    claim="Each ReLU is 0 for about half of the inputs, so about half of the weights learn from an "
    "example; units that are 0 for all of them come from too large a rate.",
)
def dead_units(setting: Setting) -> Finding:
    """The share of zeros at the start, and of units that are never positive after training."""
    X, y, X_new, y_new = digits(setting.seed)
    middle, spread = X.mean(axis=0), X.std(axis=0)
    X, X_new = ((part - middle) / np.where(spread > 0, spread, 1) for part in (X, X_new))
    starts = setting.pick(3, 10)
    first = np.concatenate([
        _negative(mlp(*_SIZES, activation=nn.ReLU, seed=setting.seed * starts + s), X)
        for s in range(starts)
    ])  # fmt: skip
    rates = [0.001, 0.01, 0.1, 0.5, 1.0, 2.0]
    dead: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    learnt: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    for kind, activation in _KINDS.items():
        for rate in rates:
            network = mlp(*_SIZES, activation=activation, seed=setting.seed)
            with suppress(DivergenceError):  # the network then has its last finite weights
                fit(network, X, y, rule=optim.SGD(rate), epochs=setting.pick(5, 20), batch_size=32,
                    seed=setting.seed)  # fmt: skip
            dead[kind].append(float((_negative(network, X) == 1).mean()))
            learnt[kind].append(accuracy(network, X_new, y_new))

    figure, (left, centre, right) = panels(3, 4.0)
    left.hist(first, bins=20, range=(0, 1))
    left.set(xlabel="share of the images on which a unit is 0", ylabel="units",
             title=f"before training, mean {first.mean():.0%}")  # fmt: skip
    for kind in _KINDS:
        centre.semilogx(rates, dead[kind], "o-", label=kind)
        right.semilogx(rates, learnt[kind], "o-", label=kind)
    centre.set(xlabel="learning rate", ylabel="units that are never positive", ylim=(-0.02, 1.02))
    right.set(xlabel="learning rate", ylabel="held-out accuracy", ylim=(-0.02, 1.02))
    for axes in (centre, right):
        axes.legend()
    half, good = float(first.mean()), dead["ReLU"][2]
    return Finding(
        verdict(
            0.4 <= half <= 0.6 and good < 0.05 and dead["ReLU"][-1] > 0.2,
            in_part=0.4 <= half <= 0.6,
        ),
        f"Before training a unit is 0 for {half:.0%} of the images on average; the middle half of "
        f"the units lie between {np.quantile(first, 0.25):.0%} and {np.quantile(first, 0.75):.0%}. "
        f"After training {good:.1%} of the ReLUs are never positive at a rate of {rates[2]:g}, "
        f"{dead['ReLU'][-1]:.1%} at {rates[-1]:g}. Held-out accuracy: {learnt['ReLU'][2]:.1%} and "
        f"{learnt['ReLU'][-1]:.1%}; with leaky ReLU {learnt['leaky ReLU'][2]:.1%} and "
        f"{learnt['leaky ReLU'][-1]:.1%}.",
        "Counted on standardised digits how often the sum of each of 128 hidden units is not "
        f"positive, over {starts} random starts. Trained networks 64-64-64-10 with rates from "
        "0.001 to 2 and counted the units that are positive for no training image; a network that "
        "diverges is judged by its last finite weights.",
        {"share_of_zeros_before": half, "rates": rates, "never_positive": dead,
         "held_out_accuracy": learnt},
        [
            Picture(
                figure,
                "Left: for how many images each unit is 0, before training. Middle: the share of "
                "units that are never positive after training, by rate. Right: what the networks "
                "tell of held-out images.",
            )
        ],
        remark="A leaky ReLU whose sum is never positive still learns, by a slope of 0.01; a ReLU "
        "does not, because its gradient is 0 on every image.",
    )  # fmt: skip
