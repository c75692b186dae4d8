"""Random search, an evolution strategy and gradient descent, for as many losses."""

from __future__ import annotations

import numpy as np

from gradus import losses, nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, digits, mlp
from gradus.lab.pictures import panels
from gradus.tensor import Tensor
from gradus.train import minimise

_GRADIENT = 3  # a loss with its gradient is counted as so many losses; see backpropagation-cost


@experiment(
    "Why not just try weights at random?",
    lecture="002",
    claim="Random search is a bad idea: for as many evaluations of the loss an evolution strategy "
    "finds lower ones, and gradient descent much lower ones.",
)
def random_search(setting: Setting) -> Finding:
    """A linear classifier of the digits in three ways, at the price of 1,000 losses each."""
    X, y, X_new, y_new = digits(setting.seed)
    budget = 1000

    def loss(network: nn.Module) -> Tensor:
        return losses.mean(losses.cross_entropy(network(X), y))

    def fresh() -> nn.Sequential:
        network = mlp(64, 10)
        for p in network.parameters():
            p.assign(np.zeros(p.shape))
        return network

    per_generation = 20
    rules: dict[str, list[tuple[optim.Search | optim.Optimizer, int]]] = {
        "random search, 10⁻⁴ randn": [(optim.RandomSearch(1e-4), budget)],
        "random search, best scale": [(optim.RandomSearch(s), budget) for s in (0.01, 0.1, 1.0)],
        "evolution strategy": [
            (optim.EvolutionStrategy(s, population=per_generation), budget // per_generation)
            for s in (0.01, 0.1, 1.0)
        ],
        "gradient descent": [
            (optim.SGD(rate), budget // _GRADIENT) for rate in (0.1, 0.3, 1.0, 3.0)
        ],
    }
    ends: dict[str, float] = {}
    told: dict[str, float] = {}
    figure, (axes,) = panels(1, 6.4, 3.8)
    for name, tried in rules.items():
        found = []
        for rule, steps in tried:
            network = fresh()
            walk = minimise(loss, network, rule, steps=steps, gradient_norm=None, seed=setting.seed)
            found.append((float(np.min(walk.values)), walk, network))
        end, walk, network = min(found, key=lambda one: one[0])
        ends[name], told[name] = end, accuracy(network, X_new, y_new)
        values = np.minimum.accumulate(walk.values)
        axes.plot(np.linspace(0, budget, len(values)), values, label=name)
    axes.axhline(np.log(10), color="0.3", linewidth=1, linestyle=":", label="chance")
    axes.set(xlabel="evaluations of the loss", ylabel="lowest training loss so far", ylim=(0, 2.6))
    axes.legend(fontsize=9, loc=(0.55, 0.1))
    names = list(rules)
    draws, best, evolved, gradient = (ends[name] for name in names)
    return Finding(
        verdict(gradient < 0.5 * evolved and evolved < best, in_part=gradient < 0.5 * best),
        f"At the price of {budget:,} losses: random search with the lecture's scale ends at "
        f"{draws:.4f}, with the best of three scales at {best:.3f}, the evolution strategy at "
        f"{evolved:.3f} and gradient descent at {gradient:.3f}; chance costs {np.log(10):.4f}. "
        f"On held-out digits they tell {', '.join(f'{told[n]:.1%}' for n in names)}.",
        f"Searched the weights of a linear classifier of the digits with softmax loss on "
        f"{len(X):,} images: {budget:,} draws around 0, {budget // per_generation} generations of "
        f"{per_generation}, and {budget // _GRADIENT} steps of gradient descent, a step counted as "
        f"{_GRADIENT} losses. Scales and rates are the best of a few for all but the first.",
        {"loss": ends, "held_out_accuracy": told, "budget": budget},
        [
            Picture(
                figure,
                "The lowest training loss found so far, against how many evaluations of the loss "
                "it took.",
            )
        ],
        remark="There are 650 weights, and in so many dimensions a random direction is nearly at a "
        "right angle to the one that helps.",
    )
