"""What an optimizer is: a rule, written in ops, that turns a gradient into a new parameter.

An optimizer holds no tensors. ``init`` makes the state of one parameter, ``update`` takes
parameter, gradient and state and returns the new ones; ``apply`` does so for all parameters, with
clipping and groups. The same rule therefore runs eagerly, traced and compiled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Self

from gradus import ops
from gradus.checks import finite_number, require
from gradus.errors import ArgumentError, ShapeError
from gradus.optim.plateau import Plateau
from gradus.optim.schedules import Constant, Schedule
from gradus.optim.settings import Settings
from gradus.tensor import Tensor, tensor

State = dict[str, Tensor]


@dataclass(frozen=True)
class Optimizer(Settings):
    """Base of every optimizer: the learning rate, and what applies to all rules.

    Attributes:
        lr: learning rate γ, > 0.
        schedule: factor on the rate over the course of training, or a ``Plateau``.
        groups: overrides for some parameters: ``{"*.bias": {"lr": 1e-2}}``, or with a factor on the
            optimizer's own rate, ``{"*.bias": {"lr_factor": 0.1}}``; 0 freezes them. A pattern
            matches the dotted parameter name; the first that matches counts, and no other.
        clip_norm: largest Euclidean norm of all gradients together, or None.
        clip_value: largest absolute value of a gradient's element, or None.
    """

    lr: float = 1e-2
    schedule: Schedule | Plateau = field(default_factory=Constant, kw_only=True)
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)
    # Factor on the weight decay over the course of training: a setting of rules that have one.
    decay_schedule: ClassVar[Schedule | None] = None

    def __new__(cls, *args: Any, **settings: Any) -> Self:
        """Tell who knows PyTorch where the parameters go."""
        if args and (isinstance(args[0], Iterable) or "lr" in settings):
            raise ArgumentError(
                f"{cls.__name__} takes the learning rate first, and no parameters",
                received=f"a {type(args[0]).__name__}",
                remedy=f"write {cls.__name__}(lr={settings.get('lr', 0.01)!r}), and give the "
                "network to gd.Trainer, or the parameters to apply",
            )
        return super().__new__(cls)

    def check(self) -> None:
        """Refuse settings that the rule is not defined for."""
        finite_number("lr", self.lr, above=0)
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                finite_number(name, getattr(self, name), above=0)
        require(
            isinstance(self.schedule, (Schedule, Plateau)),
            "schedule must be one from gradus.optim",
            repr(self.schedule),
            "write schedule=optim.Cosine()",
        )
        groups = self.groups
        require(isinstance(groups, Mapping), "groups must be a dictionary", repr(groups))
        for overrides in groups.values():
            self._override(overrides)

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
        mapping = isinstance(overrides, Mapping)
        require(mapping, "the overrides of a group must be a dictionary", repr(overrides))
        own = {f.name for f in dataclasses.fields(self)}
        own -= {"groups", "schedule", "decay_schedule", "clip_norm", "clip_value"}
        own |= {"lr_factor"}
        unknown = sorted(set(overrides) - own)
        if unknown:
            raise ArgumentError(
                f"a group of {type(self).__name__} overrides {', '.join(sorted(own))}",
                received=unknown[0],
            )
        changes = dict(overrides)
        both = "lr" in changes and "lr_factor" in changes
        require(not both, "a group has a rate, lr, or a factor on it, lr_factor", "both")
        factor = finite_number("lr_factor", changes.pop("lr_factor", 1.0), least=0)
        rule = dataclasses.replace(self, groups={}, **changes)
        # Past the check: a factor may be 0, though no optimizer has a rate of 0 for everything.
        object.__setattr__(rule, "lr", rule.lr * factor)
        return rule

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
        decay: Any = 1.0,
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
            decay: what the ``decay_schedule`` says, for a rule that has one.

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
            more: dict[str, Any] = {}
            if rule.decay_schedule is not None:
                more["decay"] = _scalar(decay, param)
            new_params[name], new_states[name] = rule.update(
                param, grads[name], states[name], at, rate * rule.lr, **more
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
    return ops.clip(grad, min=-limit, max=limit)


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
    require(isinstance(step, Tensor) or step >= 1, "steps are counted from 1", step)


def _scalar(value: Any, like: Tensor) -> Tensor:
    """A scalar of the dtype of a parameter."""
    return value.astype(like.dtype) if isinstance(value, Tensor) else tensor(value, like.dtype)
