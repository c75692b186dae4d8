"""The ways to walk downhill: steps of an optimizer, L-BFGS, and searches without gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from gradus.compiler import Steps
from gradus.errors import ArgumentError
from gradus.optim import LBFGS, Optimizer, Plateau, Search
from gradus.train.arguments import Named
from gradus.train.factors import Factors, decays_at, factors_at
from gradus.train.minimum import Minimum, Path
from gradus.train.objective import Objective
from gradus.types import Array

Stopped = Callable[[], str]  # by which signal the walk is to end, if by any

_STEPS = 64  # steps a call: enough to forget Python, few to repeat where the end lies among them
_STUCK = "no step lowers the value any more at this precision"
_OUTSIDE = "the line search meets values that are not finite"


# ── Steps of an optimizer ───────────────────────────────────────────────────────────────────────


class Descent:
    """Gradient steps, many a call: θ ← θ − γ ∇L(θ), or whatever the rule says.

    Where the way ends is seen only after a call, and between calls nothing but the carried arrays
    is kept. The end is reached by repeating the steps before it: they are pure functions of what
    they carry, and meet the same numbers.
    """

    def __init__(self, objective: Objective, rule: Optimizer, steps: int, path: Path) -> None:
        self.steps, self.path, self.rule, self.schedule = steps, path, rule, rule.schedule
        self.stepper = objective.stepper(rule, path.sees_points)
        self.lowered: list[float] = []  # what a plateau has said, step by step
        self.anchors = [(0, self.stepper.start)]  # steps taken and carry, before the last two calls

    def walk(self, stopped: Stopped) -> Minimum:
        """Steps until the path ends."""
        plateau = self.schedule.init() if isinstance(self.schedule, Plateau) else None
        singly = self.path.callback is not None or plateau is not None
        length = 1
        while not self.path.reason:
            at, carry = self.anchors[-1]
            length = min(length, self.steps + 1 - at)
            if plateau is not None:
                self.lowered.append(plateau.factor)
            found = self._take(at, carry, length, lambda done: bool(done and stopped()))
            self._note(found.records)
            if plateau is not None and isinstance(self.schedule, Plateau):
                plateau = self.schedule.next(plateau, self.path.values[-1])
            self.anchors = [self.anchors[-1], (at + found.done, found.carry)]
            length = 1 if singly else min(2 * length, _STEPS)
            self.path.reason = self.path.reason or stopped()
        return self.path.minimum(self._point(), *self._counts())

    def _note(self, records: Named) -> None:
        """Add the points that a call began its steps at, up to the end of the way."""
        reach = np.max([a for n, a in records.items() if n.startswith("reach.")], axis=0)
        points = {n.removeprefix("point."): a for n, a in records.items() if n.startswith("point.")}
        for k, (value, norm) in enumerate(
            zip(records["value"].tolist(), records["gradient_norm"].tolist(), strict=True)
        ):
            if not np.isfinite(value) or not np.isfinite(reach[k]):
                self._fail(_infinite(value))
            point = {n: a[k] for n, a in points.items()} if self.path.sees_points else None
            if self.path.add(value, norm, point):
                return
            if self.path.steps == self.steps:
                self.path.end(_all_done(self.steps))
                return

    def _fail(self, what: str) -> NoReturn:
        if not self.path.values:
            raise _bad_start(what)
        raise self.path.diverged(what, self._point(), *self._counts())

    def _counts(self) -> tuple[int, int]:
        """Evaluations of a rule that looks at each point once."""
        return len(self.path.values), len(self.path.values)

    def _point(self) -> Named:
        """Where the path stands."""
        at, carry = next(a for a in reversed(self.anchors) if a[0] <= self.path.steps)
        if at < self.path.steps:
            carry = self._take(at, carry, self.path.steps - at, lambda _: False).carry
        return {n: carry[f"params.{n}"] for n in self.path.place.tensors}

    def _take(self, at: int, carry: Named, count: int, stop: Callable[[int], bool]) -> Steps:
        return self.stepper.take(carry, at, self._factors(at, count), stop)

    def _factors(self, at: int, count: int) -> Factors:
        """What the schedules say at these steps; from the last point, which is only seen, none."""
        steps = np.arange(at, min(at + count, self.steps), dtype=np.float64)
        factors = decays_at(self.rule, steps, self.steps, 1)
        if not isinstance(self.schedule, Plateau):
            factors["factor"] = factors_at(self.schedule, steps, self.steps, 1)
        found = {n: np.append(f, np.zeros(count - len(steps))) for n, f in factors.items()}
        if isinstance(self.schedule, Plateau):
            found["factor"] = np.array(self.lowered[at : at + count])
        return found


# ── L-BFGS ──────────────────────────────────────────────────────────────────────────────────────


def quasi_newton(
    objective: Objective, rule: LBFGS, steps: int, path: Path, stopped: Stopped
) -> Minimum:
    """SciPy's L-BFGS-B without bounds; when to stop is decided here, in Euclidean norms."""
    from scipy.optimize import minimize

    place, slope = objective.place, objective.slope()
    seen: list[tuple[Array, float, Array]] = []  # the last evaluation: point, value, gradient
    evaluations, outside = 0, False  # whether the search for the next step met what is not finite

    def evaluate(x: Array) -> tuple[float, Array]:
        nonlocal evaluations, outside
        if not seen or not np.array_equal(seen[0][0], x):
            value, gradient = slope(place.split(x))
            evaluations += 1
            value = np.inf if np.isnan(value) else value  # for SciPy, NaN is as good as any
            outside = outside or not np.isfinite(value)
            seen[:] = [(x.copy(), value, place.flat(gradient))]
        return seen[0][1], seen[0][2]

    def note(x: Array) -> None:
        nonlocal outside
        value, gradient = evaluate(x)
        if not np.isfinite(value) or not np.isfinite(x).all():
            what = _infinite(value)
            raise path.diverged(what, place.split(last), evaluations, evaluations)
        last[:] = x
        outside = outside and value >= min(path.values, default=np.inf)
        path.add(value, float(np.linalg.norm(gradient)), place.split(x))
        path.reason = path.reason or stopped()
        if path.reason:
            raise StopIteration

    x = place.flat(place.arrays)
    last = x.copy()
    if not np.isfinite(evaluate(x)[0]):
        raise _bad_start(_infinite(evaluate(x)[0]))
    try:
        note(x)
        settings = {"maxiter": steps, "maxfun": 2**31 - 1, "ftol": 0.0, "gtol": 0.0}
        settings |= {"maxcor": rule.history_size, "maxls": rule.line_search}
        with np.errstate(all="ignore"):
            minimize(evaluate, x, jac=True, method="L-BFGS-B", callback=note, options=settings)
        if not path.reason:
            stuck = _OUTSIDE if outside else _STUCK
            path.end(_all_done(steps) if path.steps >= steps else stuck)
    except StopIteration:
        pass
    return path.minimum(place.split(last), evaluations, evaluations)


# ── Searches ────────────────────────────────────────────────────────────────────────────────────


def search(objective: Objective, rule: Search, steps: int, path: Path, stopped: Stopped) -> Minimum:
    """Generations of a search, of which the best point so far is kept, the start among them."""
    place, values = objective.place, objective.evaluator()
    best = place.flat(place.arrays)
    value = float(values(best[np.newaxis])[0])
    if not np.isfinite(value):
        raise _bad_start("a value that is not finite")
    state, evaluations = rule.init(best), 1
    path.add(value, None, place.split(best))
    while not path.reason:
        if path.steps == steps:
            path.end(_all_done(steps))
            break
        points = rule.ask(state, objective.seed, path.steps)
        found = values(points)
        state, evaluations = rule.tell(state, points, found), evaluations + len(points)
        if found.min() < value:
            value, best = float(found.min()), points[found.argmin()]
        path.add(value, None, place.split(best))
        if not path.reason and rule.converged(state):
            path.arrive(rule.converged(state))
        path.reason = path.reason or stopped()
    return path.minimum(place.split(best), evaluations, 0)


# ── What all of them say ────────────────────────────────────────────────────────────────────────


def _all_done(steps: int) -> str:
    return f"all {steps:,} step{'' if steps == 1 else 's'} done"


def _bad_start(what: str) -> ArgumentError:
    return ArgumentError(
        "the function is finite where a minimisation starts",
        received=what,
        remedy="start elsewhere",
    )


def _infinite(value: float) -> str:
    """What is not finite: the value, or else an argument."""
    return "an argument that is not finite" if np.isfinite(value) else f"a value of {value}"
