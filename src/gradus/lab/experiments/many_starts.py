"""Not convex, and yet many starts end about equally low."""

from __future__ import annotations

import numpy as np

from gradus import losses, nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import digits, fit, mlp, outputs
from gradus.lab.pictures import COLOURS, panels
from gradus.tensor import tensor
from gradus.types import Array


def _loss(network: nn.Module, X: Array, y: Array) -> float:
    scores = tensor(outputs(network, X))
    return float(losses.mean(losses.cross_entropy(scores, y)).item())


def _rise(shares: Array, way: Array) -> float:
    """How far the loss is above the straight line from share 0 to share 1, at most: 0 if convex."""
    between = (shares > -1e-9) & (shares < 1 + 1e-9)
    s, way = shares[between], way[between]
    return float(np.max(way - ((1 - s) * way[0] + s * way[-1])))


@experiment(
    "Training is not convex: does it matter where one starts?",
    lecture="004",
    claim="The loss of a network is not convex, yet most starts end about equally low, because "
    "there are so many parameters.",
)
def many_starts(setting: Setting) -> Finding:
    """Where trainings from many starts end, by width; and the loss on the way between two ends."""
    X, y, _, _ = digits(setting.seed)
    X, y = X[:400], y[:400]
    widths, starts = (2, 4, 8, 32, 128), setting.pick(6, 20)
    ends: dict[int, list[float]] = {}
    trained: list[nn.Module] = []
    for width in widths:
        ends[width] = []
        for start in range(starts):
            network = mlp(64, width, 10, activation=nn.ReLU, seed=setting.seed * starts + start)
            fit(
                network, X, y, rule=optim.Adam(0.01, schedule=optim.Cosine()),
                epochs=setting.pick(400, 1500),
            )  # fmt: skip
            ends[width].append(_loss(network, X, y))
            if width == widths[3]:
                trained.append(network)

    one, other = trained[:2]
    between = mlp(64, widths[3], 10, activation=nn.ReLU)
    shares = np.linspace(-0.1, 1.1, 61)
    way = []
    for share in shares:
        for p, a, b in zip(between.parameters(), one.parameters(), other.parameters(), strict=True):
            p.assign((1 - share) * a.numpy() + share * b.numpy())
        way.append(_loss(between, X, y))
    rise = _rise(shares, np.array(way))

    figure, (left, right) = panels(2)
    rng = np.random.default_rng(0)
    for k, width in enumerate(widths):
        place = k + rng.uniform(-0.15, 0.15, starts)
        left.semilogy(place, ends[width], "o", markersize=4, alpha=0.7, color=COLOURS[k])
    left.set_xticks(range(len(widths)), [str(w) for w in widths])
    left.axhline(np.log(10), color="0.3", linewidth=1, linestyle=":")
    left.set(xlabel="hidden units", ylabel="training loss at the end",
             title=f"{starts} starts each; dotted: chance")  # fmt: skip
    right.plot(shares, way)
    right.set(xlabel="share of the way from one end to another", ylabel="training loss",
              title=f"between two ends, {widths[3]} hidden units")  # fmt: skip
    spread = {w: float(max(e) - min(e)) for w, e in ends.items()}
    chance = float(np.log(10))
    alike = [spread[w] < 0.01 * chance for w in (widths[-1], widths[0])]
    return Finding(
        # Were the ends of the smallest networks alike too, it would not be for the parameters.
        verdict(rise > 0.1 and alike == [True, False], in_part=rise > 0.1 and alike[0]),
        f"Between the ends of two trainings the loss rises by up to {rise:.2f} above the "
        "straight line from one to the other: it is not convex. The "
        f"ends of {starts} starts lie {spread[widths[-1]]:.1g} apart with {widths[-1]} hidden "
        f"units, and {spread[widths[0]]:.2f} apart with {widths[0]}, where chance costs "
        f"{chance:.2f}.",
        "Trained networks 64-h-10 with h from 2 to 128 on 400 digits, on all rows at once, from "
        f"{starts} random starts each, and compared the training losses at the end. Then walked on "
        f"the straight line between the weights of two networks with h = {widths[3]}.",
        {"losses_at_the_end": {str(w): e for w, e in ends.items()},
         "spread": {str(w): s for w, s in spread.items()},
         "rise_between_two_ends": rise},
        [
            Picture(
                figure,
                "Left: the training loss that each start ends with, by the number of hidden units. "
                "Right: the loss on the straight line between the weights of two trained networks.",
            )
        ],
    )  # fmt: skip
