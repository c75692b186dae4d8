"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from dataclasses import dataclass

from gradus.checks import finite_number, flag, require
from gradus.optim.optimizer import Optimizer, State
from gradus.tensor import Tensor, zeros


@dataclass(frozen=True)
class SGD(Optimizer):
    """Step against the gradient: θ ← θ − γ ∇L(θ).

    With momentum μ, dampening τ and weight decay λ:

        g ← ∇L(θ) + λ θ
        b ← μ b + (1 − τ) g      (b ← g at the first step)
        θ ← θ − γ b              (θ ← θ − γ (g + μ b) with nesterov)

    Attributes:
        lr: learning rate γ, > 0.
        momentum: share μ of the last direction that is kept, ≥ 0.
        dampening: share τ of the gradient that momentum leaves out.
        weight_decay: strength λ of the pull towards 0, ≥ 0.
        nesterov: look ahead along the momentum; needs momentum > 0 and dampening 0.

    As in PyTorch the direction b does not know the rate: where a schedule lowers γ, the whole step
    becomes shorter at once. scikit-learn and Sutskever et al. keep v = −γ b, so that a step that
    was taken at a larger rate is still felt; at a constant rate the two are the same.

    Source: Robbins and Monro (1951); Polyak (1964); Nesterov (1983), as Sutskever et al. (2013).

    The lecture's loop, and the same step by this class:

    >>> import gradus as gd
    >>> from gradus import grad, optim
    >>> L = lambda theta: theta ** 2
    >>> gamma, theta = 0.25, gd.tensor(2.0, requires_grad=True)
    >>> theta = theta - gamma * grad(L(theta), theta)
    >>> theta.item()
    1.0
    >>> rule, params = optim.SGD(0.25), {"theta": gd.tensor(2.0)}
    >>> params, states = rule.apply(params, {"theta": gd.tensor(4.0)}, rule.init_all(params), 1)
    >>> params["theta"].item()
    1.0
    """

    lr: float = 1e-3
    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def check(self) -> None:
        """Refuse settings that the rule is not defined for."""
        super().check()
        finite_number("momentum", self.momentum, least=0)
        finite_number("weight_decay", self.weight_decay, least=0)
        finite_number("dampening", self.dampening)
        plain = self.momentum > 0 and self.dampening == 0
        require(
            plain or not flag("nesterov", self.nesterov),
            "nesterov needs momentum > 0 and dampening 0",
            f"momentum={self.momentum}, dampening={self.dampening}",
        )

    def init(self, param: Tensor) -> State:
        """With momentum: the direction, 0."""
        return {"momentum": zeros(param.shape, param.dtype)} if self.momentum else {}

    def update(
        self, param: Tensor, grad: Tensor, state: State, step: Tensor, lr: Tensor
    ) -> tuple[Tensor, State]:
        """One step downhill."""
        if self.weight_decay:
            grad = grad + self.weight_decay * param
        if not self.momentum:
            return param - lr * grad, state
        # The first direction is the undampened gradient, as in PyTorch.
        share = 1.0 - self.dampening * (step > 1.0).astype(grad.dtype)
        direction = self.momentum * state["momentum"] + share * grad
        ahead = grad + self.momentum * direction if self.nesterov else direction
        return param - lr * ahead, {"momentum": direction}
