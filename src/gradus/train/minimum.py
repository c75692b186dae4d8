"""What a minimisation found, and how it came there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus.errors import DivergenceError
from gradus.nn import Module
from gradus.tensor import Tensor
from gradus.train.arguments import Arguments, Named
from gradus.types import Array

Callback = Callable[[int, float, Any], Any]
_SHOWN = 6  # numbers of an argument that are written out


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where a minimisation ended, and its way there.

    Attributes:
        at: the point, in the form of the start: a tensor, a tuple or a dictionary of tensors, or
            the module, which then holds it.
        value: of the function there.
        steps: number of steps taken.
        function_evaluations: how often the rule asked for the function's value.
        gradient_evaluations: and for its gradient.
        gradient_norm: Euclidean norm of the gradient there, or None where none was asked for.
        converged: whether a criterion of convergence held, rather than the steps running out.
        reason: why it ended.
        values: of the function at the start and after each step, (steps + 1,); the best so far in
            a search.
        points: where those are, in the form of the start and as arrays (steps + 1, …), or None
            where they were not kept; of a module a dictionary of its parameters.
    """

    at: Any
    value: float
    steps: int
    function_evaluations: int
    gradient_evaluations: int
    gradient_norm: float | None
    converged: bool
    reason: str
    values: Array
    points: Any = None

    def __repr__(self) -> str:
        asked = f"{_counted(self.function_evaluations, 'value')}"
        if self.gradient_evaluations:
            asked += f", {_counted(self.gradient_evaluations, 'gradient')}"
        rows = [
            ("value", f"{self.value:.6g}, from {self.values[0]:.6g}"),
            ("at", _written(self.at)),
            ("converged" if self.converged else "not converged", self.reason),
            ("after", f"{_counted(self.steps, 'step')}: {asked}"),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(["Minimum", *(f"  {name:{width}}  {text}" for name, text in rows)])


class Path:
    """The way to a minimum while it is walked: what is kept of it, and whether it ends here.

    Args:
        place: form and names of the arguments.
        gradient_norm: criterion: the Euclidean norm of the gradient is at most this.
        loss_change: criterion: the value changed by at most this share of itself.
        callback: told of each point; what it answers may end the way.
        keep: whether to keep the points.
    """

    def __init__(
        self,
        place: Arguments,
        gradient_norm: float | None,
        loss_change: float | None,
        callback: Callback | None,
        keep: bool,
    ) -> None:
        self.place, self.callback, self.keep = place, callback, keep
        self.gradient_norm, self.loss_change = gradient_norm, loss_change
        self.values: list[float] = []
        self.points: list[Named] = []
        self.norm: float | None = None
        self.converged, self.reason = False, ""

    @property
    def sees_points(self) -> bool:
        """Whether ``add`` is to be given the point itself."""
        return self.keep or self.callback is not None

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return len(self.values) - 1

    def add(self, value: float, norm: float | None = None, point: Named | None = None) -> bool:
        """Note the next point; whether the way ends there.

        Args:
            value: of the function.
            norm: of the gradient, where the rule has it.
            point: the arguments as arrays, where ``sees_points``.
        """
        before = self.values[-1] if self.values else np.inf
        self.values.append(value)
        self.norm = norm
        if self.keep and point is not None:
            self.points.append({n: np.array(a) for n, a in point.items()})
        limit, change = self.gradient_norm, self.loss_change
        if limit is not None and norm is not None and norm <= limit:
            self.arrive(f"gradient norm {norm:.3g} ≤ {limit:g}")
        elif change is not None and abs(before - value) <= change * max(abs(value), 1e-300):
            self.arrive(f"the value changed by at most {change:g} of itself")
        if self.callback is not None and point is not None:
            answer = self.callback(self.steps, value, self.place.form(point))
            if isinstance(answer, (bool, np.bool_)) and answer and not self.reason:
                self.end("ended by the callback")
        return bool(self.reason)

    def end(self, reason: str) -> None:
        """End the way for a reason that is no convergence."""
        self.reason = reason

    def arrive(self, reason: str) -> None:
        """End the way because a criterion of convergence holds."""
        self.converged, self.reason = True, reason

    def minimum(self, point: Named, functions: int, gradients: int) -> Minimum:
        """The result; a module is given the point that was found."""
        points = None
        if self.keep:
            points = self.place.stacked(
                {n: np.stack([p[n] for p in self.points]) for n in self.place.tensors}
            )
        return Minimum(
            at=self.place.settle(point),
            value=self.values[-1],
            steps=self.steps,
            function_evaluations=functions,
            gradient_evaluations=gradients,
            gradient_norm=self.norm,
            converged=self.converged,
            reason=self.reason,
            values=np.array(self.values),
            points=points,
        )

    def diverged(self, what: str, point: Named, functions: int, gradients: int) -> DivergenceError:
        """The error for a step that leaves the finite numbers, after the last good point."""
        reason = f"left the finite numbers at step {self.steps + 1}"
        self.converged = False
        self.end(reason)
        found = self.minimum(point, functions, gradients)
        error = DivergenceError(
            f"the minimisation {reason}",
            received=f"{what}, after a value of {found.value:.6g} at {_written(found.at)}",
            remedy="lower the learning rate, clip the gradients (clip_norm=1), or start elsewhere; "
            "the error's last_good is the Minimum until there",
        )
        error.last_good = found
        return error


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _written(at: Any) -> str:
    """A point in one line, long arrays cut short."""
    if isinstance(at, Module):
        return f"the parameters of {at.summary()}"
    if isinstance(at, dict):
        return ", ".join(f"{name} = {_written(value)}" for name, value in at.items())
    if isinstance(at, tuple):
        return f"({', '.join(map(_written, at))})"
    array = at.numpy() if isinstance(at, Tensor) else np.asarray(at)
    if array.size > _SHOWN:
        return f"{array.dtype}[{', '.join(map(str, array.shape))}]"
    return np.array2string(array, precision=6, separator=", ").replace("\n", "")
