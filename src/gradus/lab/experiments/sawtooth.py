"""The sawtooth: easy to write down, hard to learn."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from gradus import losses, nn, optim
from gradus.autodiff import grad
from gradus.errors import DivergenceError
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import fit, mlp, outputs, put
from gradus.lab.pictures import COLOURS, panels
from gradus.types import Array, float64

_FOLDS = 4  # layers of two units; 2**(_FOLDS - 1) teeth


def teeth(x: Array, folds: int = _FOLDS) -> Array:
    """The tent 1 − |2x − 1| put into itself so many times."""
    for _ in range(folds):
        x = 1 - np.abs(2 * x - 1)
    return x


def by_hand(folds: int = _FOLDS) -> nn.Sequential:
    """Weights of the sawtooth: on [0, 1] a tent is 2 ReLU(x) − 4 ReLU(x − ½)."""
    network = mlp(1, *[2] * folds, 1, activation=nn.ReLU, dtype=float64)
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    for k, layer in enumerate(linear[:-1]):
        tent = np.array([[1.0]]) if k == 0 else np.array([[2.0, -4.0]])
        put(layer, np.repeat(tent, 2, axis=0), [0.0, -0.5])
    put(linear[-1], [[2.0, -4.0]], [0.0])
    return network


def _error(network: nn.Module, x: Array) -> float:
    """Mean squared error on these places."""
    return float(np.square(outputs(network, x) - teeth(x)).mean())


def _slope(network: nn.Module, x: Array) -> float:
    """Euclidean norm of the gradient of the mean squared error."""
    total = losses.mean(losses.squared_error(network(x), teeth(x)))
    slopes = grad(total, network.parameters())
    return float(np.sqrt(sum(np.square(g.numpy()).sum() for g in slopes)))


@experiment(
    "Is a function that is easy to write down as a network also easy to learn?",
    lecture="004",
    claim="The sawtooth is: a few units express it exactly, but training does not find them, "
    "because away from the right weights there is hardly a gradient.",
)
def sawtooth(setting: Setting) -> Finding:
    """Weights by hand; training from random starts; and training from near the right weights."""
    x = ((np.arange(256) + 0.5) / 256).reshape(-1, 1)
    constant = float(teeth(x).var())  # error of the best constant
    right = by_hand()
    written = _error(right, x)

    starts, epochs = setting.pick(6, 30), setting.pick(750, 5000)
    rule = optim.Adam(0.01, schedule=optim.Cosine())
    shapes = {"the same network": [2] * _FOLDS, "64 units": [64], "three layers of 64": [64] * 3}
    errors: dict[str, list[float]] = {}
    best: dict[str, nn.Module] = {}
    begins, ends, constants = [], [], 0
    for name, sizes in shapes.items():
        errors[name] = []
        for start in range(starts if name == "the same network" else 1):
            network = mlp(
                1, *sizes, 1, activation=nn.ReLU, seed=setting.seed * starts + start,
                init=nn.He(), dtype=float64,
            )  # fmt: skip
            began = _slope(network, x)
            fit(network, x, teeth(x), loss=losses.squared_error, rule=rule, epochs=epochs)
            errors[name].append(_error(network, x))
            if name == "the same network":
                begins.append(began)
                ends.append(_slope(network, x))
                constants += bool(np.ptp(outputs(network, x)) < 1e-3)
            if errors[name][-1] == min(errors[name]):
                best[name] = network

    distances = [0.0, 0.001, 0.01, 0.1, 0.3, 1.0]
    rng = np.random.default_rng(setting.seed)
    slopes, before, after = [], [], []
    for distance in distances:
        tries = []
        for _ in range(setting.pick(2, 10)):
            network = by_hand()
            for p in network.parameters():
                p.assign(p.numpy() + distance * rng.standard_normal(p.shape))
            found = [_slope(network, x), _error(network, x)]
            with suppress(DivergenceError):
                fit(network, x, teeth(x), loss=losses.squared_error, rule=optim.Adam(1e-3),
                    epochs=epochs)  # fmt: skip
            tries.append([*found, _error(network, x)])
        slope, start_error, end_error = np.median(tries, axis=0)
        slopes.append(float(slope))
        before.append(float(start_error))
        after.append(float(end_error))

    figure, (left, centre, last) = panels(3, 4.2)
    left.plot(x, teeth(x), color="black", linewidth=3, alpha=0.25, label="sawtooth, also by hand")
    for colour, (name, trained) in zip(COLOURS, best.items(), strict=False):
        left.plot(x, outputs(trained, x), color=colour, label=f"{name}, trained", linewidth=1.2)
    left.set(xlabel="x", ylabel="f(x)", ylim=(-0.1, 1.75))
    left.legend(fontsize=8, loc="upper left")
    shown = [max(d, 3e-4) for d in distances]
    centre.loglog(shown, [max(e, 1e-9) for e in before], "o-", label="before training")
    centre.loglog(shown, [max(e, 1e-9) for e in after], "s-", label="after training")
    centre.axhline(constant, color="0.3", linewidth=1, linestyle=":", label="best constant")
    centre.set(xlabel="noise on the right weights", ylabel="squared error")
    centre.legend(fontsize=9)
    first, flat = float(np.median(begins)), float(np.median(ends))
    near = float(max(slopes[1:3]))
    last.loglog(shown[1:], slopes[1:], "o-", label="with noise")
    last.axhline(first, color="0.3", linewidth=1, linestyle="--", label="where random starts begin")
    last.axhline(flat, color="0.3", linewidth=1, linestyle=":", label="where random starts end")
    last.set(xlabel="noise on the right weights", ylabel="norm of the gradient")
    last.legend(fontsize=9)
    same = np.array(errors["the same network"])
    easy = written < 1e-20
    hard = bool(same.min() > 0.1 * constant)
    return Finding(
        # Where training ends there is never much of a gradient: where it begins is the test.
        verdict(easy and hard and max(first, flat) < 0.01 * near, in_part=easy and hard),
        f"{2 * _FOLDS} ReLUs with weights by hand have the squared error {written:.1g}. Trained "
        f"from {starts} random starts the same network reaches {same.min():.3f} at best and "
        f"{np.median(same):.3f} at the median; the best constant has {constant:.3f}, and "
        f"{constants} of the starts end as a constant. The gradient has the norm {first:.2g} where "
        f"they begin, {flat:.1g} where they end, and {near:.2g} close to the right weights. One "
        f"layer of 64 units reaches {errors['64 units'][0]:.3f}, three "
        f"{errors['three layers of 64'][0]:.3f}.",
        f"Set the weights of {_FOLDS} layers of two ReLUs so that each folds the interval once, "
        f"which gives {2 ** (_FOLDS - 1)} teeth. Trained the same network, and larger ones, from "
        f"random starts with {epochs:,} full-batch steps of Adam on 256 points. Then put noise on "
        "the right weights, measured the gradient there, and trained from there.",
        {"error_by_hand": written, "error_of_the_best_constant": constant, "trained": errors,
         "gradient_where_they_begin": begins, "gradient_where_they_end": ends,
         "ends_that_are_constant": constants, "noise": distances, "gradient_norm": slopes,
         "error_before": before, "error_after": after},
        [
            Picture(
                figure,
                "Left: the sawtooth and the best trained networks. Middle: the error of networks "
                "whose weights are the right ones plus noise, before and after training; the "
                "leftmost ones have no noise, and errors below 10⁻⁹ are drawn there. Right: the "
                "gradient at those weights, and at random ones.",
            )
        ],
        remark="The gradient is not low wherever the weights are wrong: with noise of 1 on them "
        f"its norm is {slopes[-1]:.3g}. Where it leads to a network that is a constant, it is 0, "
        "and training stays.",
    )  # fmt: skip
