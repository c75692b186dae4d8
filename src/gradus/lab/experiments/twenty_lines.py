"""The network of the lecture in twenty lines, with and without gradus."""

from __future__ import annotations

import numpy as np

from gradus import losses, nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import mlp, put
from gradus.lab.pictures import panels
from gradus.train import Trainer
from gradus.types import Array, float64

_SIZES = (64, 1000, 100, 10)
_RATE = 1e-4


def _plain(x: Array, y: Array, w1: Array, w2: Array, steps: int) -> list[float]:
    """Losses of the loop written in NumPy, with its derivatives by hand."""
    found = []
    for _ in range(steps):
        h = 1 / (1 + np.exp(-(x @ w1)))
        prediction = h @ w2
        found.append(float(np.square(prediction - y).sum()))
        down = 2.0 * (prediction - y)
        slope2 = h.T @ down
        slope1 = x.T @ ((down @ w2.T) * h * (1 - h))
        w1, w2 = w1 - _RATE * slope1, w2 - _RATE * slope2
    return found


@experiment(
    "Can a network be trained in twenty lines?",
    lecture="002",
    claim="A loop of twenty lines with derivatives written by hand teaches a network 1000-100-10 "
    "64 random examples; gradus finds the same losses from the graph.",
)
def twenty_lines(setting: Setting) -> Finding:
    """The lecture's sizes, rate and loss; the same start for the loop and for gradus."""
    n, inputs, hidden, out = _SIZES
    steps = setting.pick(500, 2000)
    rng = np.random.default_rng(setting.seed)
    x, y = rng.standard_normal((n, inputs)), rng.standard_normal((n, out))
    w1, w2 = rng.standard_normal((inputs, hidden)), rng.standard_normal((hidden, out))
    by_hand = _plain(x, y, w1, w2, steps)

    network = mlp(inputs, hidden, out, activation=nn.Sigmoid, bias=False, dtype=float64)
    put(network[0], w1.T)
    put(network[2], w2.T)
    trainer = Trainer(network, losses.squared_error, optim.SGD(_RATE), reduction="sum")
    history = trainer.fit(x, y, epochs=steps, batch_size=n, shuffle=False, progress=False)
    ours = history["loss"]
    gap = float(np.max(np.abs(ours - by_hand) / by_hand))

    figure, (axes,) = panels(1, 6.4, 3.8)
    axes.semilogy(by_hand, linewidth=4, alpha=0.35, label="NumPy, derivatives by hand")
    axes.semilogy(ours, linewidth=1.4, label="gradus")
    axes.set(xlabel="step", ylabel="sum of squared errors")
    axes.legend()
    return Finding(
        verdict(gap < 1e-6 and by_hand[-1] < 0.01 * by_hand[0], in_part=gap < 1e-6),
        f"From {by_hand[0]:,.0f} the loss falls to {by_hand[-1]:.3g} after {steps:,} steps. Over "
        f"all steps the two losses differ by at most {gap:.0e} of their size.",
        "Wrote the lecture's loop in NumPy, with 64 random examples of 1,000 inputs, sigmoid "
        "hidden units, no biases, the sum of squared errors and a rate of 10⁻⁴. Gave gradus the "
        "same numbers to begin with, and compared the losses step by step, in float64.",
        {"steps": steps, "losses_by_hand": by_hand, "losses": ours.tolist(), "largest_gap": gap},
        [Picture(figure, "The loss over the steps, from the loop in NumPy and from gradus.")],
        remark="The targets are random, so there is nothing to learn but these examples; and the "
        "loop is right for this network alone, where the graph serves any.",
    )
