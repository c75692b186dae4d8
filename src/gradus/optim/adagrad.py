"""Adagrad: steps that shrink where much gradient has been seen."""

from __future__ import annotations

from dataclasses import dataclass

from gradus import ops
from gradus.checks import finite_number
from gradus.optim.optimizer import Optimizer, State
from gradus.tensor import Tensor, full


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of all its squares.

        g ← ∇L(θ) + λ θ
        s ← s + g²
        θ ← θ − γ / (1 + (t − 1) η) · g / (√s + ε)

    Attributes:
        lr: learning rate γ, > 0.
        lr_decay: η, ≥ 0, shrinks the rate with the number t of the step.
        weight_decay: strength λ of the pull towards 0, ≥ 0.
        initial_accumulator_value: s before the first step, ≥ 0.
        eps: ε, ≥ 0, keeps the division finite.

    Source: Duchi, Hazan and Singer (2011).
    """

    lr: float = 1e-2
    lr_decay: float = 0.0
    weight_decay: float = 0.0
    initial_accumulator_value: float = 0.0
    eps: float = 1e-10

    def check(self) -> None:
        """Refuse settings that the rule is not defined for."""
        super().check()
        for name in ("lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            finite_number(name, getattr(self, name), least=0)

    def init(self, param: Tensor) -> State:
        """The sum of squares."""
        return {"sum": full(param.shape, self.initial_accumulator_value, param.dtype)}

    def update(
        self, param: Tensor, grad: Tensor, state: State, step: Tensor, lr: Tensor
    ) -> tuple[Tensor, State]:
        """One step downhill."""
        if self.weight_decay:
            grad = grad + self.weight_decay * param
        total = state["sum"] + ops.square(grad)
        rate = lr / (1.0 + (step - 1.0) * self.lr_decay)
        return param - rate * (grad / (ops.sqrt(total) + self.eps)), {"sum": total}
