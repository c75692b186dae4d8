"""Which inputs pushed a score where: gradient × input, and exact Shapley values.

Both say what each input adds to f(x) − f(baseline), where the baseline is an example that stands
for "nothing known", such as the mean. Only Shapley values are sure to add up to that difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.autodiff import grad
from gradus.checks import whole_number
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.modes import enable_grad, no_grad
from gradus.nn.module import Module, in_mode
from gradus.tensor import Tensor, tensor
from gradus.types import Array, is_float

Function = Callable[[Tensor], Tensor]

MOST_INPUTS = 16  # 2¹⁶ coalitions: about a quarter of a second for a small network
_ROWS, _NUMBERS = 2**13, 2**24  # the most that a function is given at once


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each input adds to a score, measured against a baseline.

    Attributes:
        values: one an input, in the shape of the example, or one a group.
        score: f(x).
        reference: f(baseline), or its mean over several baselines.
    """

    values: Array
    score: float
    reference: float

    @property
    def remainder(self) -> float:
        """What the values leave unexplained: f(x) − f(baseline) − Σ values."""
        return self.score - self.reference - float(self.values.sum())


def gradient_times_input(
    function: Function, x: npt.ArrayLike, *, output: int | None = None, baseline: npt.ArrayLike = 0
) -> Attribution:
    """The slope of a score at x, times the way from the baseline: ∂f/∂xⱼ · (xⱼ − bⱼ).

    This is the first-order estimate of f(x) − f(b): exact for a linear function, and off by the
    ``remainder`` for one that bends between the two.

    Args:
        function: from a batch (rows, …) to scores (rows,) or (rows, outputs). A module is
            evaluated, whatever its mode.
        x: one example, without an axis of rows.
        output: which of several scores.
        baseline: one example, or a number for all of its inputs.

    Raises:
        ShapeError, DtypeError: a baseline, an example or scores of another shape or kind.
        ArgumentError: several scores without ``output``, or scores that are not finite.
        GradientError: a function that has no derivative.

    Source: Shrikumar et al., "Not just a black box" (2016).

    >>> w = tensor([2.0, -1.0])
    >>> gradient_times_input(lambda x: x @ w, [3.0, 4.0], baseline=1.0).values
    array([ 4., -3.])
    """
    row = _example(x)
    references = _references(baseline, row)
    if len(references) > 1:
        raise ShapeError("gradient × input takes one baseline", received=f"{len(references)} rows")
    at = tensor(row[None], requires_grad=True)
    with _evaluating(function), enable_grad():
        score = _scores(function, at, output)
        slope = grad(score.sum(), at, allow_unused=True).numpy()[0].astype(np.float64)
        reference = _scores(function, tensor(references), output)
    _check_finite(slope, "slopes")
    way = row.astype(np.float64) - references[0]
    return Attribution(slope * way, score.item(), reference.item())


def shapley(
    function: Function,
    x: npt.ArrayLike,
    *,
    baseline: npt.ArrayLike,
    groups: Sequence[Sequence[int]] | None = None,
    output: int | None = None,
) -> Attribution:
    """The exact Shapley value of each input: its mean gain over all orders of turning b into x.

    φⱼ = Σ_S |S|! (d − |S| − 1)! / d! · (v(S ∪ {j}) − v(S)) over the sets S of other inputs, where
    v(S) is the score with the inputs of S from x and all others from the baseline. All 2ᵈ scores
    are computed, so the values add up to f(x) − f(baseline) but for rounding.

    Args:
        function: from a batch (rows, …) to scores (rows,) or (rows, outputs). A module is
            evaluated, whatever its mode.
        x: one example, without an axis of rows.
        baseline: one example, a number for all of its inputs, or several examples (rows, …), over
            which the values are averaged.
        groups: inputs that are turned together, by their places in the flattened example: each
            input is in one group. Without it each input is its own.
        output: which of several scores.

    Raises:
        ShapeError, DtypeError: a baseline, an example or scores of another shape or kind.
        ArgumentError: more than ``MOST_INPUTS`` inputs or groups, groups that do not divide the
            inputs, several scores without ``output``, or scores that are not finite.

    Source: Shapley (1953); the "baseline Shapley" of Sundararajan and Najmi (2020), with several
    baselines the interventional values of Lundberg and Lee (2017).

    >>> found = shapley(lambda x: x[:, 0] * x[:, 1] + x[:, 2], [2.0, 3.0, 4.0], baseline=0)
    >>> found.values, found.remainder
    (array([3., 3., 4.]), 0.0)
    """
    row = _example(x)
    references = _references(baseline, row)
    member, d = _members(groups, row.size)
    if d > MOST_INPUTS:
        raise ArgumentError(
            f"exact Shapley values are computed for up to {MOST_INPUTS} inputs or groups, as they "
            "take 2ᵈ scores",
            received=d,
            remedy="put inputs that belong together into groups, or use gradient_times_input",
        )
    coalitions = np.arange(2**d)
    present = (coalitions[:, None] >> np.arange(d)) & 1 == 1
    with _evaluating(function), no_grad():
        v = _mean_scores(function, row, references, present[:, member], output)
    size = present.sum(axis=1)
    weight = np.array([1 / (d * comb(d - 1, s)) for s in range(d)])
    values = np.zeros(d)
    for j in range(d):
        without = coalitions[~present[:, j]]
        values[j] = weight[size[without]] @ (v[without | 1 << j] - v[without])
    return Attribution(
        values if groups is not None else values.reshape(row.shape), float(v[-1]), float(v[0])
    )


def _mean_scores(
    function: Function, row: Array, references: Array, present: Array, output: int | None
) -> Array:
    """Score of each coalition: what is present is the example's, all else a reference's."""
    total = np.zeros(len(present))
    at_once = max(1, min(_ROWS, _NUMBERS // max(row.size, 1)))
    for reference in references:
        for start in range(0, len(present), at_once):
            part = slice(start, start + at_once)
            rows = np.where(present[part], row.reshape(-1), reference.reshape(-1))
            batch = tensor(rows.reshape(-1, *row.shape))
            total[part] += _scores(function, batch, output).numpy()
    return total / len(references)


def _example(x: npt.ArrayLike) -> Array:
    t = x if isinstance(x, Tensor) else tensor(x)
    if not is_float(t.dtype) or t.size == 0:
        raise DtypeError("an example to explain is made of floats", received=t.type)
    return t.numpy()


def _references(baseline: npt.ArrayLike, row: Array) -> Array:
    """Baselines in rows, of the example's dtype."""
    given = baseline.numpy() if isinstance(baseline, Tensor) else np.asarray(baseline)
    if given.dtype.kind not in "fiu":
        raise DtypeError("a baseline is made of numbers", received=given.dtype)
    given = given.astype(row.dtype)
    if given.ndim == 0:
        given = np.full(row.shape, given)
    if given.shape == row.shape:
        return given[None]
    if given.shape[1:] != row.shape or len(given) == 0:
        raise ShapeError(
            f"a baseline is a number, an example {row.shape}, or rows of examples",
            received=given.shape,
        )
    return given


def _members(groups: Sequence[Sequence[int]] | None, size: int) -> tuple[Array, int]:
    """The group of each input, and how many groups there are."""
    if groups is None:
        return np.arange(size), size
    places = [whole_number("a place in a group", i) for group in groups for i in group]
    if sorted(places) != list(range(size)):
        raise ArgumentError(
            f"groups divide the inputs 0 to {size - 1}: each is in one group",
            received=[list(group) for group in groups],
        )
    member = np.empty(size, dtype=np.int64)
    for k, group in enumerate(groups):
        member[list(group)] = k
    return member, len(groups)


def _scores(function: Function, batch: Tensor, output: int | None) -> Tensor:
    """One finite score a row, (rows,)."""
    y: Any = function(batch)
    n = len(batch)
    if not isinstance(y, Tensor) or y.ndim not in (1, 2) or y.shape[0] != n or y.size == 0:
        raise ShapeError(
            f"a function to explain gives scores (rows,) or (rows, outputs) for {n} rows",
            received=y.shape if isinstance(y, Tensor) else type(y).__name__,
        )
    if y.ndim == 2:
        if output is None and y.shape[1] > 1:
            raise ArgumentError(
                "one score is explained at a time",
                received=f"{y.shape[1]} scores a row",
                remedy="choose one with output=, such as the predicted class",
            )
        k = whole_number("output", output or 0, least=0)
        if k >= y.shape[1]:
            raise ArgumentError(f"the scores are 0 to {y.shape[1] - 1}", received=f"output={k}")
        y = y[:, k]
    _check_finite(y.numpy(), "scores")
    return y


def _check_finite(values: Array, what: str) -> None:
    if not np.isfinite(values).all():
        raise ArgumentError(
            f"only finite {what} can be explained",
            received=values[~np.isfinite(values)][0],
            remedy="the weights or the inputs are too large; train with a lower rate",
        )


def _evaluating(function: Function) -> AbstractContextManager[None]:
    """A module as it predicts: dropout off, and no statistics of the coalitions."""
    return in_mode(function, training=False) if isinstance(function, Module) else nullcontext()
