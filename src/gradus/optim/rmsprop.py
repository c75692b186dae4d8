"""RMSprop: steps measured in recent gradient sizes."""

from __future__ import annotations

from dataclasses import dataclass

from gradus import ops
from gradus.checks import finite_number, flag
from gradus.optim.optimizer import Optimizer, State
from gradus.tensor import Tensor, zeros


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Divide the gradient by a running root mean square of itself.

        g ← ∇L(θ) + λ θ
        v ← α v + (1 − α) g²
        m ← α m + (1 − α) g               (centered only)
        d ← g / (√(v − m²) + ε)           (m = 0 unless centered)
        θ ← θ − γ d                       (b ← μ b + d and θ ← θ − γ b with momentum)

    Attributes:
        lr: learning rate γ, > 0.
        alpha: share α of the running averages that is kept, ≥ 0.
        eps: ε, ≥ 0, keeps the division finite.
        weight_decay: strength λ of the pull towards 0, ≥ 0.
        momentum: share μ of the last direction that is kept, ≥ 0.
        centered: divide by an estimate of the standard deviation instead.

    Source: Tieleman and Hinton (2012), lecture 6.5; centered: Graves (2013).
    """

    lr: float = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    centered: bool = False

    def check(self) -> None:
        """Refuse settings that the rule is not defined for."""
        super().check()
        for name in ("alpha", "eps", "weight_decay", "momentum"):
            finite_number(name, getattr(self, name), least=0)
        flag("centered", self.centered)

    def init(self, param: Tensor) -> State:
        """The running averages and, with momentum, the direction: all 0."""
        names = ["square"] + ["mean"] * self.centered + ["momentum"] * bool(self.momentum)
        return {name: zeros(param.shape, param.dtype) for name in names}

    def update(
        self, param: Tensor, grad: Tensor, state: State, step: Tensor, lr: Tensor
    ) -> tuple[Tensor, State]:
        """One step downhill."""
        if self.weight_decay:
            grad = grad + self.weight_decay * param
        square = self.alpha * state["square"] + (1.0 - self.alpha) * ops.square(grad)
        new, spread = {"square": square}, square
        if self.centered:
            new["mean"] = self.alpha * state["mean"] + (1.0 - self.alpha) * grad
            # Never negative on paper; rounding could make it so, and the root NaN.
            spread = ops.maximum(square - ops.square(new["mean"]), 0.0)
        direction = grad / (ops.sqrt(spread) + self.eps)
        if self.momentum:
            direction = new["momentum"] = self.momentum * state["momentum"] + direction
        return param - lr * direction, new
