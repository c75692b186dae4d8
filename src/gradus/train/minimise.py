"""Minimising any function: by gradient steps, by L-BFGS, or by a search without gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradus.checks import finite_number, flag, require, whole_number
from gradus.compiler import Executor, executor_named
from gradus.optim import LBFGS, SGD, Optimizer, Search
from gradus.train.arguments import Arguments
from gradus.train.checks import check_groups
from gradus.train.interrupt import StopSignals
from gradus.train.minimum import Callback, Minimum, Path
from gradus.train.objective import Objective
from gradus.train.walks import Descent, quasi_newton, search

_KEPT = 100_000  # numbers of a path whose points are kept unless one asks otherwise


def minimise(
    function: Callable[..., Any],
    start: Any,
    rule: Optimizer | LBFGS | Search | None = None,
    *,
    steps: int = 1000,
    gradient_norm: float | None = 1e-5,
    loss_change: float | None = None,
    callback: Callback | None = None,
    points: bool | None = None,
    seed: int = 0,
    executor: str | Executor = "auto",
) -> Minimum:
    """Walk downhill on any function: θ ← θ − γ ∇L(θ), until converged or for N steps.

    The function is traced once and compiled together with its gradient and the rule, so it must
    not look at values (``if x > 0``: write ``gd.ops.where``). Data that it reads are constants.

    Args:
        function: gives a tensor of one number, from tensors in the form of ``start``.
        start: where to begin: a number, an array or a list of numbers for ``function(x)``, a tuple
            for ``function(x, y)``, a dictionary for ``function(x=…, y=…)``, or a module for
            ``function(module)``, whose parameters are then changed in place. Python numbers are
            float32; arrays of float64 stay so, which exact minima need.
        rule: an optimizer (``optim.SGD()``, so γ = 10⁻³, if left out), ``optim.LBFGS()``, or a
            search without gradients, ``optim.RandomSearch()`` or ``optim.EvolutionStrategy()``.
        steps: the most steps; a search's are generations.
        gradient_norm: converged once the Euclidean norm of the gradient is at most this; None: do
            not look. A search has no gradient and converges by its own settings.
        loss_change: converged once a step changes the value by at most this share of itself.
        callback: called with (steps so far, value, point) at the start and after each step, a
            module's point being a dictionary of its parameters; it ends the walk by returning
            True. Without one, many steps are taken a call.
        points: whether to keep the points of the way; None: where they are few.
        seed: of a search, and of random draws in the function, which are the same at each step.
        executor: as in ``gd.Trainer``.

    Returns:
        The last point (the best one of a search), its value, and the values on the way there.

    Raises:
        DivergenceError: a step left the finite numbers; its ``last_good`` is the ``Minimum`` until
            there, and a module holds that point.
        ArgumentError, ShapeError, DtypeError: a start, function or setting without meaning.
        TraceError: a function that looks at values.

    Source: lectures 002 and 003.

    >>> import gradus as gd
    >>> from gradus import optim
    >>> minimise(lambda x: (x - 3) ** 2 + 1, 0.0, optim.SGD(0.25))
    Minimum
      value      1, from 10
      at         2.999997
      converged  gradient norm 5.72e-06 ≤ 1e-05
      after      20 steps: 21 values, 21 gradients

    The same steps, as the lecture writes them:

    >>> L = lambda theta: (theta - 3) ** 2 + 1
    >>> gamma, theta = 0.25, gd.tensor(0.0, requires_grad=True)
    >>> for _ in range(20):
    ...     theta = theta - gamma * gd.grad(L(theta), theta)
    >>> round(theta.item(), 5)
    3.0

    A rate is above 0. To see what one of the wrong sign does, minimise −L: the steps are the same.

    >>> up = minimise(lambda theta: -L(theta), 2.0, optim.SGD(0.25), steps=3)
    >>> (-up.values).tolist()
    [2.0, 3.25, 6.0625, 12.390625]
    """
    rule = SGD() if rule is None else rule
    _check(function, rule, steps, gradient_norm, loss_change, callback, points)
    place = Arguments(start)
    keep = (steps + 1) * place.size <= _KEPT if points is None else points
    by_gradient = not isinstance(rule, Search)
    path = Path(place, gradient_norm if by_gradient else None, loss_change, callback, keep)
    objective = Objective(function, place, executor_named(executor), whole_number("seed", seed))
    with StopSignals() as signals:

        def stopped() -> str:
            return f"stopped by {signals.received.name}" if signals.received else ""

        if isinstance(rule, Search):
            return search(objective, rule, steps, path, stopped)
        if isinstance(rule, LBFGS):
            return quasi_newton(objective, rule, steps, path, stopped)
        check_groups(rule, place.tensors)
        return Descent(objective, rule, steps, path).walk(stopped)


def _check(
    function: Any, rule: Any, steps: Any, norm: Any, change: Any, callback: Any, points: Any
) -> None:
    """Refuse settings without meaning."""
    require(callable(function), "there is a function to minimise", repr(function)[:100])
    require(
        isinstance(rule, (Optimizer, LBFGS, Search)),
        "a rule is an optimizer, L-BFGS or a search of gradus.optim",
        repr(rule)[:100],
        "write optim.SGD(0.1), optim.LBFGS() or optim.EvolutionStrategy()",
    )
    whole_number("steps", steps, least=1)
    if norm is not None:
        finite_number("gradient_norm", norm, least=0)
    if change is not None:
        finite_number("loss_change", change, least=0)
        require(
            not isinstance(rule, Search),
            "loss_change is a criterion for rules that follow a gradient",
            f"{type(rule).__name__}, most of whose steps change nothing",
            "leave it out: a search ends by its own settings, or after its steps",
        )
    require(callback is None or callable(callback), "a callback is a function", repr(callback)[:99])
    if points is not None:
        flag("points", points)
