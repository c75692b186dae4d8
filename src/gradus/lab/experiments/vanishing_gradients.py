"""Vanishing gradients by depth and activation."""

from __future__ import annotations

import numpy as np

from gradus import losses, nn, optim
from gradus.autodiff import grad
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, digits, fit, mlp
from gradus.lab.pictures import panels
from gradus.types import Array

_WIDTH = 32
_KINDS: dict[str, tuple[type[nn.Module], nn.Initialiser]] = {
    "sigmoid": (nn.Sigmoid, nn.Xavier()),
    "sigmoid, weights × 4": (nn.Sigmoid, nn.Xavier(gain=4.0)),
    "tanh": (nn.Tanh, nn.Xavier()),
    "ReLU": (nn.ReLU, nn.He()),
}


def _network(kind: str, depth: int, seed: int) -> nn.Sequential:
    activation, start = _KINDS[kind]
    sizes = (64, *[_WIDTH] * depth, 10)
    return mlp(*sizes, activation=activation, seed=seed, init=start)


def _norms(network: nn.Module, X: Array, y: Array) -> list[float]:
    """Euclidean norm of the gradient of each layer's weights, from the first layer on."""
    weights = [p for p in network.parameters() if p.ndim == 2]
    total = losses.mean(losses.cross_entropy(network(X), y))
    return [float(np.linalg.norm(g.numpy())) for g in grad(total, weights)]


@experiment(
    "Do gradients vanish in deep networks?",
    lecture="001, 004",
    claim="Through sigmoid layers the gradient gets very small at the early layers, because σ′ is "
    "at most ¼; through ReLU layers it does not.",
)
def vanishing_gradients(setting: Setting) -> Finding:
    """The gradient of each layer's weights at the start, and what deep networks then learn."""
    X, y, X_new, y_new = digits(setting.seed)
    starts = setting.pick(5, 20)
    depths = (2, 4, 8, 16)
    by_layer = {
        kind: np.exp(np.mean(np.log([
            _norms(_network(kind, depths[-1], setting.seed * starts + s), X[:256], y[:256])
            for s in range(starts)
        ]), axis=0))
        for kind in _KINDS
    }  # fmt: skip
    # Over hidden layers only: the first has another number of inputs, the last no activation.
    factor = {k: float((n[-2] / n[1]) ** (1 / (depths[-1] - 2))) for k, n in by_layer.items()}

    learnt: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    for kind in _KINDS:
        for depth in depths:
            network = _network(kind, depth, setting.seed)
            fit(
                network, X, y, rule=optim.SGD(0.01, momentum=0.9), epochs=setting.pick(10, 40),
                batch_size=32, seed=setting.seed,
            )  # fmt: skip
            learnt[kind].append(accuracy(network, X_new, y_new))

    figure, (left, right) = panels(2)
    for kind, norms in by_layer.items():
        left.semilogy(range(1, len(norms) + 1), norms, "o-", markersize=4, label=kind)
        right.plot(depths, learnt[kind], "o-", label=kind)
    left.set(xlabel="layer, 1 is next to the input", ylabel="norm of its weights' gradient",
             title=f"at the start, {depths[-1]} hidden layers")  # fmt: skip
    right.set(xlabel="hidden layers", ylabel="held-out accuracy", ylim=(0, 1.02),
              title="digits, after training")  # fmt: skip
    right.set_xticks(depths)
    left.set_xticks(range(1, depths[-1] + 2, 2))
    left.legend()
    sigmoid, large = factor["sigmoid"], factor["sigmoid, weights × 4"]
    holds_elsewhere = factor["ReLU"] < 1.2 and learnt["sigmoid"][-1] < 0.5 < learnt["ReLU"][-1]
    return Finding(
        verdict(
            min(sigmoid, large) ** (depths[-1] - 1) > 100 and holds_elsewhere,
            in_part=sigmoid ** (depths[-1] - 1) > 100 and holds_elsewhere,
        ),
        f"From one hidden layer to the one before it the gradient shrinks by a factor of "
        f"{sigmoid:.2f} with sigmoid, by {large:.2f} if its weights begin four times as large, by "
        f"{factor['tanh']:.2f} with tanh and {factor['ReLU']:.2f} with ReLU. {depths[-1]} hidden "
        "layers then reach " + ", ".join(f"{a[-1]:.0%} with {k}" for k, a in learnt.items())
        + f" on the digits; {depths[0]} reach "
        + ", ".join(f"{a[0]:.0%}" for a in learnt.values()) + ".",
        f"Built networks with up to {depths[-1]} hidden layers of {_WIDTH} units, Xavier's start "
        "for sigmoid and tanh, He's for ReLU. Took the gradient of every layer's weights on 256 "
        f"digits, geometric mean of {starts} starts, and then trained with momentum.",
        {"norms_by_layer": {k: v.tolist() for k, v in by_layer.items()}, "factor_a_layer": factor,
         "depths": depths, "held_out_accuracy": learnt},
        [
            Picture(
                figure,
                "Left: how large the gradient of each layer's weights is before training, on a "
                "logarithmic axis. Right: what such networks learn, by depth, in the same "
                "colours.",
            )
        ],
        remark="What comes back through a layer is multiplied by σ′ and by the weights, so the "
        f"factor need not be four or more: with weights four times as large it is {large:.2f}. "
        f"Over {depths[-1] - 1} hidden layers that is still {large ** (depths[-1] - 1):,.0f}, "
        f"and such a network reaches {learnt['sigmoid, weights × 4'][-1]:.0%}.",
    )  # fmt: skip
