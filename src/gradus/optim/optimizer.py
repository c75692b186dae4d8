"""What an optimizer is: a rule, written in ops, that turns a gradient into a new parameter.

An optimizer holds no tensors. ``init`` makes the state of one parameter, ``update`` takes
parameter, gradient and state and returns the new ones; ``apply`` does so for all parameters, with
clipping and groups. The same rule therefore runs eagerly, traced and compiled.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from gradus import ops
from gradus.errors import ArgumentError, ShapeError
from gradus.optim.plateau import Plateau
from gradus.optim.schedules import Constant, Schedule
from gradus.tensor import Tensor, tensor

State = dict[str, Tensor]


@dataclass(frozen=True)
class Optimizer:
    """Base of every optimizer: the learning rate, and what applies to all rules.

    Attributes:
        lr: learning rate γ, > 0.
        schedule: factor on the rate over the course of training, or a ``Plateau``.
        groups: overrides for some parameters: ``{"*.bias": {"lr": 1e-2}}``. A pattern matches the
            dotted parameter name; the first that matches counts.
        clip_norm: largest Euclidean norm of all gradients together, or None.
        clip_value: largest absolute value of a gradient's element, or None.
    """

    lr: float = 1e-2
    schedule: Schedule | Plateau = field(default_factory=Constant, kw_only=True)
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, _python(value))
        self.check()
        for overrides in self.groups.values():
            self._override(overrides)

    def check(self) -> None:
        """Refuse settings that the rule is not defined for."""
        require(
            is_number(self.lr) and self.lr > 0,
            "a learning rate lr > 0",
            self.lr,
            f"write {type(self).__name__}(lr=0.01); the parameters come with apply",
        )
        for name in ("clip_norm", "clip_value"):
            limit = getattr(self, name)
            require(limit is None or (is_number(limit) and limit > 0), f"{name} > 0", limit)
        require(
            isinstance(self.schedule, (Schedule, Plateau)),
            "a schedule from gradus.optim",
            self.schedule,
            "write schedule=optim.Cosine()",
        )
        require(isinstance(self.groups, Mapping), "a dictionary as groups", self.groups)

    def init(self, param: Tensor) -> State:
        """State of a parameter before the first step: a dictionary of tensors."""
        return {}

    def update(
        self, param: Tensor, grad: Tensor, state: State, step: Tensor, lr: Tensor
    ) -> tuple[Tensor, State]:
        """New value and state of a parameter.

        Args:
            param: value now.
            grad: derivative of the loss, of the same shape.
            state: what ``init`` or the last ``update`` gave.
            step: number of this step, from 1, a scalar of the parameter's dtype.
            lr: learning rate of this step, a scalar of the parameter's dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update rule")

    def for_parameter(self, name: str) -> Optimizer:
        """This optimizer with the settings of the group that the parameter belongs to."""
        for pattern, overrides in self.groups.items():
            if fnmatchcase(name, pattern):
                return self._override(overrides)
        return self

    def _override(self, overrides: Mapping[str, Any]) -> Optimizer:
        require(isinstance(overrides, Mapping), "a dictionary as overrides of a group", overrides)
        own = {f.name for f in dataclasses.fields(self)}
        own -= {"groups", "schedule", "clip_norm", "clip_value"}
        unknown = sorted(set(overrides) - own)
        if unknown:
            raise ArgumentError(
                f"a group of {type(self).__name__} overrides {', '.join(sorted(own))}",
                received=unknown[0],
            )
        return dataclasses.replace(self, groups={}, **overrides)

    def init_all(self, params: Mapping[str, Tensor]) -> dict[str, State]:
        """States of named parameters before the first step."""
        return {name: self.for_parameter(name).init(p) for name, p in params.items()}

    def apply(
        self,
        params: Mapping[str, Tensor],
        grads: Mapping[str, Tensor],
        states: Mapping[str, State],
        step: Any,
        factor: Any = 1.0,
    ) -> tuple[dict[str, Tensor], dict[str, State]]:
        """New values and states of all parameters: clip, then the rule of each one's group.

        A loop that trains runs it under ``no_grad``; outside, the update is recorded and can be
        differentiated like any other computation.

        Args:
            params: named values.
            grads: derivatives under the same names.
            states: what ``init_all`` or the last ``apply`` gave.
            step: number of this step, from 1.
            factor: what the schedule says at this step.

        Raises:
            ArgumentError: a name without gradient or state, or a step before the first.
            ShapeError: a gradient of another shape or dtype than its parameter.

        >>> from gradus import optim
        >>> import gradus as gd
        >>> rule = optim.SGD(0.5)
        >>> theta = {"theta": gd.tensor(2.0)}
        >>> new, _ = rule.apply(theta, {"theta": gd.tensor(1.0)}, rule.init_all(theta), step=1)
        >>> new["theta"].item()
        1.5
        """
        _check_apply(params, grads, states, step)
        grads = self.clip({name: grads[name] for name in params})
        new_params, new_states = {}, {}
        for name, param in params.items():
            rule = self.for_parameter(name)
            at, rate = (_scalar(v, param) for v in (step, factor))
            new_params[name], new_states[name] = rule.update(
                param, grads[name], states[name], at, rate * rule.lr
            )
        return new_params, new_states

    def clip(self, grads: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Gradients limited by value, then by their common norm."""
        found = dict(grads)
        if self.clip_value is not None:
            found = {n: clip_by_value(g, self.clip_value) for n, g in found.items()}
        if self.clip_norm is not None:
            found = clip_by_norm(found, self.clip_norm)
        return found


def clip_by_value(grad: Tensor, limit: float) -> Tensor:
    """Each element limited to [−limit, limit]."""
    return ops.clip(grad, low=-limit, high=limit)


def clip_by_norm(grads: Mapping[str, Tensor], limit: float) -> dict[str, Tensor]:
    """All gradients scaled by min(1, limit / (‖g‖ + 10⁻⁶)), the norm taken over all of them.

    Source: Pascanu, Mikolov and Bengio (2013); the 10⁻⁶ is PyTorch's.
    """
    scale = ops.minimum(limit / (global_norm(grads) + 1e-6), 1.0)
    return {name: g * scale.astype(g.dtype) for name, g in grads.items()}


def global_norm(grads: Mapping[str, Tensor]) -> Tensor:
    """Euclidean norm of all gradients together: √Σ g²."""
    total: Any = 0.0
    for g in grads.values():
        total = total + ops.sum(ops.square(g))
    return ops.sqrt(total)


def require(holds: bool, rule: str, received: object, remedy: str | None = None) -> None:
    """Raise an ArgumentError unless the rule holds."""
    if not holds:
        raise ArgumentError(f"an optimizer needs {rule}", received=repr(received), remedy=remedy)


def is_number(value: object) -> bool:
    """Whether a setting is a finite number; True and False are none."""
    return isinstance(value, (int, float)) and type(value) is not bool and abs(value) < math.inf


def not_negative(**settings: object) -> None:
    """Refuse settings that are not numbers ≥ 0."""
    for name, value in settings.items():
        require(is_number(value) and value >= 0, f"{name} ≥ 0", value)  # type: ignore[operator]


def _python(value: Any) -> Any:
    """A setting in Python's own numbers: NumPy's would impose their dtype on the parameters."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, list)):
        return tuple(map(_python, value))
    return {k: _python(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _check_apply(
    params: Mapping[str, Tensor],
    grads: Mapping[str, Tensor],
    states: Mapping[str, State],
    step: Any,
) -> None:
    for kind, given in (("gradient", grads), ("state", states)):
        missing = [name for name in params if name not in given]
        if missing:
            raise ArgumentError(
                f"each parameter comes with a {kind} of its name", received=f"none for {missing[0]}"
            )
    for name, param in params.items():
        if grads[name].type != param.type:
            raise ShapeError(
                f"the gradient of {name} has the type of the parameter, {param.type}",
                received=grads[name].type,
            )
    require(isinstance(step, Tensor) or step >= 1, "steps that are counted from 1", step)


def _scalar(value: Any, like: Tensor) -> Tensor:
    """A scalar of the dtype of a parameter."""
    return value.astype(like.dtype) if isinstance(value, Tensor) else tensor(value, like.dtype)
