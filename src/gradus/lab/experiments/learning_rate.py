"""The learning rate: too small, too large, of the wrong sign."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from gradus import ops, optim
from gradus.autodiff import grad
from gradus.errors import DivergenceError
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, digits, fit, mlp
from gradus.lab.pictures import COLOURS, panels
from gradus.tensor import tensor

_CURVATURES = (1.0, 10.0)
_STEPS = 40


def _descend(gamma: float) -> tuple[list[float], list[list[float]]]:
    """The lecture's loop on L = (θ₁² + 10 θ₂²) / 2: losses and places."""
    curvature = tensor(_CURVATURES, "float64")
    theta = tensor([2.0, 1.0], "float64", requires_grad=True)
    found, places = [], []
    for _ in range(_STEPS + 1):
        loss = ops.sum(curvature * theta**2) / 2
        found.append(loss.item())
        places.append(theta.tolist())
        theta = (theta - gamma * grad(loss, theta)).detach().requires_grad_()
    return found, places


@experiment(
    "What if the learning rate is too small, too large, or of the wrong sign?",
    lecture="000",
    claim="Too small a rate learns slowly, too large a one diverges, and adding the gradient "
    "climbs instead of descending.",
)
def learning_rate(setting: Setting) -> Finding:
    """A bowl whose limit is known, then a network on the digits."""
    limit = 2 / max(_CURVATURES)
    rates = {
        "too small": 0.002, "good": 0.15, "just below the limit": 0.99 * limit,
        "too large": 1.02 * limit, "wrong sign": -0.01,
    }  # fmt: skip
    bowl = {name: _descend(rate) for name, rate in rates.items()}
    left = {name: found[-1] / found[0] for name, (found, _) in bowl.items()}

    X, y, X_new, y_new = digits(setting.seed)
    swept, scores = np.logspace(-4, 2, setting.pick(7, 13)), []
    for rate in swept:
        network = mlp(64, 32, 10, seed=setting.seed)
        with suppress(DivergenceError):  # the network then has its last finite weights
            fit(network, X, y, rule=optim.SGD(float(rate)), epochs=5, batch_size=32)
        scores.append(accuracy(network, X_new, y_new))
    middle = int(np.argmax(scores))

    figure, (first, second, third) = panels(3, 4.2)
    for colour, (name, (found, places)) in zip(COLOURS, bowl.items(), strict=False):
        first.semilogy(found, label=f"{name} ({rates[name]:.3g})".replace("-", "−"), color=colour)
        if name in ("too small", "good", "too large"):
            second.plot(*np.transpose(places), ".-", linewidth=1, label=name, color=colour)
    first.set(xlabel="step", ylabel="loss L", title=f"a bowl; the limit is {limit:g}")
    first.legend(fontsize=8)
    u, v = np.meshgrid(np.linspace(-0.6, 2.3, 80), np.linspace(-2.6, 2.6, 80))
    height = (_CURVATURES[0] * u**2 + _CURVATURES[1] * v**2) / 2
    second.contour(u, v, height, levels=12, colors="0.75", linewidths=0.7)
    second.set(xlabel="θ₁", ylabel="θ₂", xlim=(-0.6, 2.3), ylim=(-2.6, 2.6), title="the ways taken")
    second.legend(fontsize=8)
    third.semilogx(swept, scores, "o-")
    third.set(
        xlabel="learning rate", ylabel="held-out accuracy", ylim=(0, 1.02),
        title="64-32-10 on digits, 5 epochs",
    )  # fmt: skip
    holds = (
        left["too small"] > 0.1
        and left["good"] < 1e-3
        and left["just below the limit"] < 1 < left["too large"]
        and np.all(np.diff(bowl["wrong sign"][0]) > 0)
        and 0 < middle < len(swept) - 1
        and max(scores[0], scores[-1]) < 0.5 < scores[middle]
    )
    return Finding(
        verdict(bool(holds)),
        f"Of the loss of the bowl {left['good']:.1e} is left after {_STEPS} steps at a good rate, "
        f"{left['too small']:.2f} at one too small, {left['too large']:.3g} times as much at one "
        f"2% above the limit 2/λ, and {left['wrong sign']:,.0f} times with the wrong sign. On the "
        f"digits the best of {len(swept)} rates, {swept[middle]:.3g}, tells "
        f"{scores[middle]:.1%} of held-out images, the smallest {scores[0]:.1%}, the largest "
        f"{scores[-1]:.1%}.",
        "Wrote the lecture's loop θ := θ − γ ∇L(θ) on L = (θ₁² + 10 θ₂²)/2, whose steepest "
        "curvature λ = 10 gives the limit γ < 2/λ = 0.2. Then trained the same network on the "
        "digits with rates from 10⁻⁴ to 10²; one that diverges is judged by its last finite "
        "weights.",
        {
            "rates": rates, "loss_left": left, "limit": limit,
            "digits": {"rates": swept.tolist(), "held_out_accuracy": scores},
        },
        [
            Picture(
                figure,
                "Left: the loss over the steps, for each rate. Middle: the way over the bowl's "
                "level lines; too large a rate jumps across the valley, further each time. Right: "
                "what a network on digits reaches in five epochs, by rate.",
            )
        ],
    )  # fmt: skip
