"""Adam and AdamW: momentum, in steps measured in recent gradient sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from gradus import ops
from gradus.checks import finite_number, flag, require
from gradus.optim.optimizer import Optimizer, State
from gradus.optim.schedules import Schedule
from gradus.tensor import Tensor, zeros


@dataclass(frozen=True)
class _Moments(Optimizer):
    """What Adam and AdamW share: settings, state and the direction of a step."""

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False
    epsilon_hat: bool = field(default=False, kw_only=True)

    def check(self) -> None:
        """Refuse settings that the rule is not defined for."""
        super().check()
        pair = isinstance(self.betas, tuple) and len(self.betas) == 2
        require(pair, "betas must be two numbers in [0, 1)", repr(self.betas))
        for beta in self.betas:
            finite_number("each of the betas", beta, least=0, below=1)
        finite_number("eps", self.eps, least=0)
        finite_number("weight_decay", self.weight_decay, least=0)
        flag("amsgrad", self.amsgrad)
        flag("epsilon_hat", self.epsilon_hat)

    def init(self, param: Tensor) -> State:
        """Both moments and, with amsgrad, the largest second moment: all 0."""
        names = ["first", "second"] + ["largest"] * self.amsgrad
        return {name: zeros(param.shape, param.dtype) for name in names}

    def _direction(self, grad: Tensor, state: State, step: Tensor) -> tuple[Tensor, State]:
        """m̂ / (√v̂ + ε), or what ``epsilon_hat`` makes of it, and the new moments."""
        beta1, beta2 = self.betas
        first = beta1 * state["first"] + (1.0 - beta1) * grad
        second = beta2 * state["second"] + (1.0 - beta2) * ops.square(grad)
        new, size = {"first": first, "second": second}, second
        if self.amsgrad:
            size = new["largest"] = ops.maximum(state["largest"], second)
        if self.epsilon_hat:
            scale = ops.sqrt(_correction(beta2, step)) / _correction(beta1, step)
            return first * scale / (ops.sqrt(size) + self.eps), new
        # The corrections are turned over as single numbers: to divide tensors by them would cost
        # more than all the rest.
        root = ops.sqrt(size) * (1.0 / ops.sqrt(_correction(beta2, step)))
        return first * (1.0 / _correction(beta1, step)) / (root + self.eps), new


def _correction(beta: float, step: Tensor) -> Any:
    """1 − βᵗ, the weight that an average started at 0 has gathered after t steps.

    As −expm1(t ln β): in float32 the difference itself loses all digits for β near 1.
    """
    return -ops.expm1(step * math.log(beta)) if beta else 1.0


@dataclass(frozen=True)
class Adam(_Moments):
    """Running means of the gradient and of its square, both freed of their bias towards 0.

        g ← ∇L(θ) + λ θ
        m ← β₁ m + (1 − β₁) g,      m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²,     v̂ = v / (1 − β₂ᵗ)     (the largest v so far with amsgrad)
        θ ← θ − γ m̂ / (√v̂ + ε)

    Attributes:
        lr: learning rate γ, > 0: about the length of each element's step.
        betas: shares β₁ and β₂ of the means that are kept, in [0, 1).
        eps: ε, ≥ 0, keeps the division finite.
        weight_decay: strength λ of the pull towards 0, ≥ 0, added to the gradient.
        amsgrad: never let the second moment shrink.
        epsilon_hat: add ε to √v before its correction, which makes it 1/√(1 − β₂ᵗ) times as large
            in the first steps: θ ← θ − γ √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε). The paper's shorter
            form and its ε̂ (end of section 2), scikit-learn's and TensorFlow's; False is PyTorch's.

    Source: Kingma and Ba (2015); amsgrad: Reddi, Kale and Kumar (2018).
    """

    def update(
        self, param: Tensor, grad: Tensor, state: State, step: Tensor, lr: Tensor
    ) -> tuple[Tensor, State]:
        """One step downhill."""
        if self.weight_decay:
            grad = grad + self.weight_decay * param
        direction, new = self._direction(grad, state, step)
        return param - lr * direction, new


@dataclass(frozen=True)
class AdamW(_Moments):
    """Adam whose weight decay acts on the parameter itself, not through the gradient.

        θ ← (1 − γ λ) θ − γ m̂ / (√v̂ + ε),  the moments without λ

    Attributes: as ``Adam``; ``weight_decay`` is 0.01 unless given.
        decay_schedule: factor f on λ over the course of training, or None for the same λ
            throughout: a step then shrinks by 1 − γ λ f, where γ follows its own ``schedule``.

    Source: Loshchilov and Hutter (2019).
    """

    weight_decay: float = 1e-2
    decay_schedule: Schedule | None = field(default=None, kw_only=True)  # type: ignore[misc]

    def check(self) -> None:
        """Refuse settings that the rule is not defined for."""
        super().check()
        require(
            self.decay_schedule is None or isinstance(self.decay_schedule, Schedule),
            "decay_schedule must be a schedule from gradus.optim that is known beforehand, or None",
            repr(self.decay_schedule),
            "write decay_schedule=optim.Cosine()",
        )

    def update(
        self,
        param: Tensor,
        grad: Tensor,
        state: State,
        step: Tensor,
        lr: Tensor,
        decay: Any = 1.0,
    ) -> tuple[Tensor, State]:
        """One step downhill; ``decay`` is the factor on the weight decay."""
        direction, new = self._direction(grad, state, step)
        return param * (1.0 - lr * (self.weight_decay * decay)) - lr * direction, new
