"""The perceptron rule against gradient descent, where a line divides the classes and where not."""

from __future__ import annotations

import numpy as np

from gradus import data, losses, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import mlp, put
from gradus.lab.pictures import COLOURS, panels, plane
from gradus.tensor import Tensor, tensor
from gradus.train import minimise, perceptron, separable
from gradus.types import Array

_NOISE = {"separable": 0.25, "overlapping": 0.9}
_PASSES = 50


def _by_gradient(X: Array, y: Array) -> tuple[Array, float]:
    """Weights of the same unit with a sigmoid in place of the step."""

    def loss(w: Tensor, b: Tensor) -> Tensor:
        return losses.mean(losses.binary_cross_entropy_with_logits(tensor(X) @ w + b, y))

    start = (np.zeros(2), np.zeros(()))
    w, b = minimise(loss, start, optim.SGD(1.0), steps=1000).at
    return w.numpy(), b.item()


def _clearly(gains: Array) -> bool:
    """Whether a mean is above 0 by more than two of its standard errors."""
    return bool(gains.mean() > 2 * gains.std(ddof=1) / np.sqrt(len(gains)))


@experiment(
    "The perceptron rule, or gradient descent on the same unit?",
    lecture="003, 004",
    claim="Where a line divides the classes the perceptron rule finds one and ends. Where none "
    "does it never ends, and gradient descent gives the better line.",
)
def perceptron_rule(setting: Setting) -> Finding:
    """Many draws of two clouds, far apart and overlapping; the rule and the gradient on each."""
    draws = setting.pick(5, 30)
    wrong: dict[str, dict[str, list[float]]] = {}
    ended: dict[str, int] = {}
    divided: dict[str, int] = {}
    figure, axes = panels(3, 4.0, 3.8)
    for k, (kind, noise) in enumerate(_NOISE.items()):
        wrong[kind] = {"rule, last weights": [], "rule, best weights": [], "gradient descent": []}
        ended[kind] = divided[kind] = 0
        for draw in range(draws):
            seed = setting.seed * draws + draw
            X, y = (a.astype(np.float64) for a in data.blobs(200, noise, seed))
            X_new, y_new = data.blobs(2000, noise, seed + 10_000)
            best, last = (
                perceptron(X, y, max_passes=_PASSES, shuffle=True, seed=seed, keep_best=kept)
                for kept in (True, False)
            )
            w, b = _by_gradient(X, y)
            units = ((last.weight, last.bias), (best.weight, best.bias), (w, b))
            for name, (weight, bias) in zip(wrong[kind], units, strict=True):
                wrong[kind][name].append(float(((X_new @ weight + bias > 0) != y_new).mean()))
            ended[kind] += last.converged
            divided[kind] += bool(separable(X, y))
        axes[2].plot(np.arange(1, len(last.mistakes) + 1), last.mistakes, "o-", markersize=3,
                     label=kind)  # fmt: skip
        unit = mlp(2, 1)
        put(unit[0], last.weight.reshape(1, 2), [last.bias])
        plane(axes[k], unit, X, y.astype(np.int64))
        axes[k].plot([], [], "k-", label="rule, last weights")
        edges, heights = np.array(axes[k].get_xlim()), axes[k].get_ylim()
        axes[k].plot(edges, -(b + w[0] * edges) / w[1], "--", color=COLOURS[2], label="gradient")
        axes[k].set(title=kind, xlim=edges, ylim=heights)
        axes[k].legend(fontsize=9, loc="upper left", frameon=True)
    axes[2].set(xlabel="pass over the 200 rows", ylabel="mistakes fixed", title="the rule at work")
    axes[2].legend()
    mean = {k: {n: float(np.mean(v)) for n, v in found.items()} for k, found in wrong.items()}
    over = mean["overlapping"]
    last_one, best_one, gradient = over.values()
    last_all, best_all, gradient_all = (np.array(v) for v in wrong["overlapping"].values())
    as_told = ended["separable"] == divided["separable"] and ended["overlapping"] == 0
    return Finding(
        verdict(
            as_told and _clearly(last_all - gradient_all),
            in_part=as_told or _clearly(last_all - gradient_all),
        ),
        f"On clouds far apart a line divided {divided['separable']} of {draws} draws, and the rule "
        f"ended on {ended['separable']}; on overlapping ones a line divided "
        f"{divided['overlapping']} and it ended on {ended['overlapping']}. There its last weights "
        f"get {last_one:.1%} of new points wrong, the best of {_PASSES} passes {best_one:.1%}, "
        f"gradient descent {gradient:.1%}: fewer than the last weights in "
        f"{np.sum(gradient_all < last_all)} draws, than the best in "
        f"{np.sum(gradient_all < best_all)}. On separable ones: "
        + ", ".join(f"{v:.2%}" for v in mean["separable"].values()) + ".",
        f"Drew 200 points of two clouds {draws} times, with noise {_NOISE['separable']} and with "
        f"{_NOISE['overlapping']}. Let the rule fix mistakes for at most {_PASSES} passes, trained "
        "the same unit with a sigmoid by gradient descent, and asked a linear program whether any "
        "line divides the points. 2,000 new points decide.",
        {"wrong_on_new_points": wrong, "ended": ended, "divided_by_a_line": divided},
        [
            Picture(
                figure,
                "The last draw of both kinds with the line of the rule's last weights and that of "
                "gradient descent; and the mistakes that the rule fixes in each pass.",
            )
        ],
        remark="The claim is about the rule as it stands, which ends with its last weights. "
        f"Keeping the best ones of all passes makes {last_one:.1%} wrong into {best_one:.1%}.",
    )  # fmt: skip
