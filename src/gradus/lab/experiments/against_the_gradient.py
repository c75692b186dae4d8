"""Why a step against the gradient lowers the loss."""

from __future__ import annotations

import numpy as np

from gradus import data, losses
from gradus.autodiff import grad
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import column, mlp
from gradus.lab.pictures import COLOURS, panels
from gradus.modes import no_grad
from gradus.tensor import Tensor, tensor
from gradus.types import Array, float64

_STEP = 1e-4  # length of a small step, in a space where the weights are of size 1
_SMALL = 1e-3  # a rate at which the line is still straight


@experiment(
    "Why does a step against the gradient lower the loss?",
    lecture="000, 003",
    claim="A small step against the gradient lowers the loss by its length times the gradient's, "
    "and no other direction lowers it more.",
)
def against_the_gradient(setting: Setting) -> Finding:
    """Steps of one length in many directions, and steps of many lengths in one."""
    X, y = data.moons(200, seed=setting.seed)
    network = mlp(2, 10, 1, seed=setting.seed, dtype=float64)
    parameters = network.named_parameters()
    inputs, target = tensor(X.astype(float64)), tensor(column(y).astype(float64))

    def loss_at(flat: Array) -> float:
        with network.bind(_parts(flat, parameters)), no_grad():
            values = losses.binary_cross_entropy_with_logits(network(inputs), target)
            return losses.mean(values).item()

    start = np.concatenate([p.numpy().ravel() for p in parameters.values()])
    values = losses.binary_cross_entropy_with_logits(network(inputs), target)
    slopes = grad(losses.mean(values), list(parameters.values()))
    gradient = np.concatenate([g.numpy().ravel() for g in slopes])
    norm = float(np.linalg.norm(gradient))
    here = loss_at(start)

    rng = np.random.default_rng(setting.seed)
    count = setting.pick(300, 3000)
    # Half of the directions lean towards the gradient, or none of them would come near it.
    lean = np.where(np.arange(count) % 2, rng.uniform(-3, 3, count), 0.0)
    directions = rng.standard_normal((count, start.size)) / np.sqrt(start.size)
    directions -= lean[:, None] * gradient / norm
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    cosines = directions @ -gradient / norm
    changes = np.array([loss_at(start + _STEP * d) - here for d in directions])
    steepest = loss_at(start - _STEP * gradient / norm) - here
    best = float(changes.min())
    rates = np.logspace(-4, 4, 33)
    drops = np.array([here - loss_at(start - rate * gradient) for rate in rates])
    ratios = drops / (rates * norm**2)
    off = float(np.abs(ratios[rates <= _SMALL * 1.001] - 1).max())
    first_rise = next((float(r) for r, d in zip(rates, drops, strict=True) if d < 0), None)

    figure, (left, right) = panels(2)
    left.scatter(cosines, changes / _STEP, s=6, label="random directions", color=COLOURS[0])
    left.plot([1], [steepest / _STEP], "D", color=COLOURS[1], label="against the gradient")
    left.plot([-1, 1], [norm, -norm], color="0.3", linewidth=1, label="−‖∇L‖ cos α")
    left.set(
        xlabel="cos α, α the angle to −∇L", ylabel="change of the loss ÷ length of the step",
    )  # fmt: skip
    left.legend(fontsize=9)
    right.semilogx(rates, ratios, color=COLOURS[0])
    right.axhline(1, color="0.3", linewidth=1)
    right.axhline(0, color="0.3", linewidth=1, linestyle=":")
    right.set(
        ylim=(-1, 1.3), xlabel="learning rate γ", ylabel="fall of the loss ÷ γ‖∇L‖²",
        title="a straight line only for small steps",
    )  # fmt: skip
    rise = "nowhere" if first_rise is None else f"at γ = {first_rise:.3g}"
    return Finding(
        verdict(steepest < 0 and best >= steepest and off < 0.01),
        f"With steps of length {_STEP:g} the one against the gradient lowered the loss by "
        f"{-steepest:.3g}, the best of {count:,} other directions by {-best:.3g}. For γ up to "
        f"{_SMALL:g} the fall of the loss differs from γ‖∇L‖² by at most {off:.2%}.",
        "Took a network 2-10-1 with random weights on 200 points of two half moons, and its "
        "gradient by backpropagation, in float64. Measured the loss after steps of one small "
        "length in many directions, then after steps against the gradient with rates from 10⁻⁴ "
        "to 10⁴.",
        {
            "gradient_norm": norm, "steepest_change": steepest, "best_other_change": best,
            "fall_off_prediction": off, "first_rate_that_raises_the_loss": first_rise,
        },
        [
            Picture(
                figure,
                "Left: the loss changes in proportion to the cosine of the angle. Right: how much "
                "of the fall that the gradient promises really comes; below the dotted line the "
                "loss rises.",
            )
        ],
        remark=f"The claim is about small steps. The loss first rises {rise}: the gradient says "
        "which way is down here, not how far it stays so.",
    )  # fmt: skip


def _parts(flat: Array, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a vector that holds all parameters one after another."""
    ends = np.cumsum([p.size for p in parameters.values()])[:-1]
    pieces = zip(parameters.items(), np.split(flat, ends), strict=True)
    return {name: tensor(piece.reshape(p.shape)) for (name, p), piece in pieces}
