"""A function to minimise as programs: its value, its gradient, and steps against that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradus import ops, random
from gradus.autodiff import grad
from gradus.compiler import Executor, Program, Steps, Traced, trace
from gradus.errors import ArgumentError, ShapeError
from gradus.optim import Optimizer, global_norm
from gradus.tensor import Tensor
from gradus.train.arguments import Arguments, Named
from gradus.train.factors import Factors, factor_types
from gradus.train.step import prefixed
from gradus.types import Array, TensorType, int64, is_float

Tensors = dict[str, Tensor]
Stop = Callable[[int], bool]


class Objective:
    """A function and where it starts, on one executor.

    Random draws inside the function are the same at every evaluation, so that it stays one
    function; see ``minimise``.

    Args:
        function: of the arguments, to a tensor of one number.
        place: the arguments.
        executor: what runs the programs.
        seed: of random draws inside the function.
    """

    def __init__(
        self, function: Callable[..., Any], place: Arguments, executor: Executor, seed: int
    ) -> None:
        self.function, self.place, self.executor, self.seed = function, place, executor, seed

    def _value(self, params: Tensors) -> Tensor:
        with random.use_stream(random.Stream(self.seed)):
            value = self.place.call(self.function, params)
        if not isinstance(value, Tensor):
            raise ArgumentError(
                "a function to minimise gives a tensor computed from its arguments",
                received=type(value).__name__,
                remedy="compute with the tensors that it is given, and gradus.ops",
            )
        if value.shape != () or not is_float(value.dtype):
            raise ShapeError(
                "a function to minimise gives one number",
                received=value.type,
                remedy="take the sum or the mean: losses.mean(…)",
            )
        return value

    def evaluator(self) -> Callable[[Array], Array]:
        """Values at points: (points, n) to (points,), +∞ where a value is not finite."""

        def evaluate(params: Tensors) -> Tensors:
            return {"value": self._value(params)}

        program, fixed = self._prepared(trace(evaluate, params=self.place.tensors))

        def values(points: Array) -> Array:
            given = prefixed("params", self.place.split(points))
            found = np.empty(0)
            while len(found) < len(points):  # a program stops after a value that is not finite
                rest = {n: a[len(found) :] for n, a in given.items()}
                steps = len(points) - len(found)
                done = _steps(program, {}, rest, fixed, steps, lambda _: False)
                found = np.concatenate([found, done.records["value"]])
            return np.where(np.isfinite(found), found, np.inf)

        return values

    def slope(self) -> Callable[[Named], tuple[float, Named]]:
        """Value and gradient at a point."""

        def evaluate(params: Tensors) -> dict[str, Any]:
            value = self._value(params)
            found = grad(value, list(params.values()), allow_unused=True)
            return {"value": value, "gradient": dict(zip(params, found, strict=True))}

        program, fixed = self._prepared(trace(evaluate, params=self.place.tensors))

        def value_and_gradient(point: Named) -> tuple[float, Named]:
            found = program.run({**prefixed("params", point), **fixed})
            return float(found["value"]), {n: found[f"gradient.{n}"] for n in point}

        return value_and_gradient

    def stepper(self, rule: Optimizer, sees_points: bool) -> Stepper:
        """Steps by an optimizer; ``sees_points``: record where each step began."""

        def take_step(
            params: Tensors,
            moments: dict[str, Tensors],
            factor: Tensor,
            step: Tensor,
            decay: Any = 1.0,
        ) -> dict[str, Any]:
            value = self._value(params)
            found = grad(value, list(params.values()), allow_unused=True)
            gradients = dict(zip(params, found, strict=True))
            new_params, new_moments = rule.apply(
                params, gradients, moments, step + 1, factor, decay
            )
            outputs = {"params": new_params, "moments": new_moments, "value": value}
            # A point may be infinite where its value is not, as in a sigmoid.
            largest = [ops.max(ops.abs(p)) for p in params.values() if p.size]
            outputs["reach"] = {str(i): m for i, m in enumerate(largest)}
            outputs["gradient_norm"] = global_norm(gradients)
            return {**outputs, "point": params} if sees_points else outputs

        tensors = self.place.tensors
        dtype = next(iter(tensors.values())).dtype
        moments = rule.init_all(tensors)
        traced = trace(
            take_step,
            params=tensors,
            moments=moments,
            **factor_types(rule, dtype),
            step=TensorType((), int64),
        )
        carry = prefixed("params", self.place.arrays)
        for name, state in moments.items():
            carry.update({f"moments.{name}.{n}": t.numpy() for n, t in state.items()})
        return Stepper(*self._prepared(traced), carry)

    def _prepared(self, traced: Traced) -> tuple[Program, Named]:
        fixed = {n: t.numpy() for n, t in traced.captured.items()}
        return self.executor.prepare(traced.graph), fixed


class Stepper:
    """A prepared step, and what it carries at the start.

    Args:
        program: of one step.
        fixed: tensors that the function reads from outside.
        start: parameters and moments.
    """

    def __init__(self, program: Program, fixed: Named, start: Named) -> None:
        self.program, self.fixed, self.start = program, fixed, start

    def take(self, carry: Named, first: int, factors: Factors, stop: Stop) -> Steps:
        """Steps numbered from ``first``, one for each factor of the schedules."""
        count = len(factors["factor"])
        dtype = self.program.graph.inputs["factor"].dtype
        per_step = {
            "step": np.arange(first, first + count, dtype=np.int64),
            **{n: f.astype(dtype) for n, f in factors.items()},
        }
        return _steps(self.program, carry, per_step, self.fixed, count, stop)


def _steps(
    program: Program, carry: Named, per_step: Named, fixed: Named, count: int, stop: Stop
) -> Steps:
    """Steps without rows of data: all that the function knows stands in it."""
    return program.steps(
        carry,
        data={},
        order=np.empty((count, 0), np.int64),
        per_step=per_step,
        fixed=fixed,
        watch="value",
        stop=stop,
    )
