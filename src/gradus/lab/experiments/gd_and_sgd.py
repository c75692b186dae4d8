"""Gradient descent against stochastic gradient descent at equal work."""

from __future__ import annotations

from contextlib import suppress

from gradus import nn, optim
from gradus.errors import DivergenceError
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, digits, fit, mlp
from gradus.lab.pictures import panels

_RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@experiment(
    "All examples a step, or a few?",
    lecture="002, 003",
    claim="For the same number of gradients of single examples, small batches lower the loss "
    "further than all examples at once.",
)
def gd_and_sgd(setting: Setting) -> Finding:
    """Batches of many sizes, each with the best of six rates, for the same number of epochs."""
    X, y, X_new, y_new = digits(setting.seed)
    sizes = (len(X), 256, 32, 4)
    epochs = setting.pick(10, 40)
    best: dict[int, tuple[float, float]] = {}
    curves: dict[int, list[float]] = {}
    scores: dict[int, float] = {}
    for size in sizes:
        for rate in _RATES:
            network = mlp(64, 32, 10, activation=nn.ReLU, seed=setting.seed)
            with suppress(DivergenceError):  # a rate that is too large for this batch
                history = fit(
                    network, X, y, rule=optim.SGD(rate), epochs=epochs, batch_size=size,
                    seed=setting.seed,
                )  # fmt: skip
                end = float(history["loss"][-1])
                if size not in best or end < best[size][0]:
                    best[size] = (end, rate)
                    curves[size] = history["loss"].tolist()
                    scores[size] = accuracy(network, X_new, y_new)
    figure, (axes,) = panels(1, 6.4, 3.8)
    for size in sizes:
        label = "all rows" if size == len(X) else f"{size} rows"
        axes.semilogy(
            range(1, epochs + 1), curves[size], "-", label=f"{label}, rate {best[size][1]:g}"
        )
    axes.set(xlabel="epoch (every example once)", ylabel="training loss, mean over the epoch")
    axes.legend(fontsize=9)
    last = {size: best[size][0] for size in sizes}
    return Finding(
        verdict(all(last[s] < 0.5 * last[sizes[0]] for s in sizes[1:]),
                in_part=last[32] < last[sizes[0]]),
        f"After {epochs} epochs the loss is {last[sizes[0]]:.3f} with all {len(X):,} rows a step "
        "and "
        + ", ".join(f"{last[s]:.4f} with {s}" for s in sizes[1:])
        + f". On held-out digits: {scores[sizes[0]]:.1%} and "
        + ", ".join(f"{scores[s]:.1%}" for s in sizes[1:]) + ".",
        f"Trained a network 64-32-10 on the digits for {epochs} epochs with batches of {sizes} "
        f"rows, without momentum, with each of the rates {', '.join(f'{r:g}' for r in _RATES)}, "
        "and kept for each batch size the rate with the lowest training loss at the end.",
        {"epochs": epochs, "batch_sizes": sizes, "best_rate": {str(s): best[s][1] for s in sizes},
         "loss": {str(s): last[s] for s in sizes},
         "held_out_accuracy": {str(s): scores[s] for s in sizes}},
        [
            Picture(
                figure,
                "The training loss over the epochs, each batch size with its best rate. An epoch "
                "costs the same number of gradients of single examples for all of them.",
            )
        ],
        remark="Equal work is not equal time: a step on many rows makes better use of a machine.",
    )  # fmt: skip
