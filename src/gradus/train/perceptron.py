"""The perceptron: a unit with a sign, and the rule that fixes one mistake at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus import ops
from gradus.checks import flag, whole_number
from gradus.compiler import Executor, Program, executor_named, trace
from gradus.data import epoch_order
from gradus.nn import Linear, Module, Sequential, Sign
from gradus.tensor import Tensor
from gradus.train.labelled import labelled, unlabelled
from gradus.types import Array, TensorType, float64


@dataclass(frozen=True, eq=False)
class Perceptron:
    """What the perceptron rule learnt: f(x) = the second class where w·x + b ≥ 0, else the first.

    Attributes:
        weight: w, (inputs,).
        bias: b.
        classes: the two labels, sorted.
        converged: whether every row is on its side.
        reason: how the learning ended.
        passes: over the rows.
        mistakes: corrections in each pass, (passes,).
        errors: rows that these weights get wrong.
    """

    weight: Array
    bias: float
    classes: Array
    converged: bool
    reason: str
    passes: int
    mistakes: Array
    errors: int

    @property
    def threshold(self) -> float:
        """θ = −b: the unit fires where w·x ≥ θ; lecture 004 calls it b, and fires above it."""
        return -self.bias

    def predict(self, X: npt.ArrayLike) -> Array:
        """Labels of rows, (rows,).

        Raises:
            DataError, ShapeError, DtypeError: as ``perceptron``.
        """
        fires = unlabelled(X, len(self.weight)) @ self.weight + self.bias >= 0
        return self.classes[fires.astype(np.int64)]

    def network(self) -> Module:
        """The unit as a module: (rows, inputs) to (rows, 1), −1 and 1 for the two classes."""
        linear: Any = Linear(len(self.weight), 1, dtype="float64")
        linear.weight, linear.bias = self.weight.reshape(1, -1), [self.bias]
        return Sequential(linear, Sign())

    def __repr__(self) -> str:
        return (
            f"Perceptron: {self.reason}; {self.mistakes.sum():,} corrections, "
            f"{self.errors:,} rows wrong"
        )


def perceptron(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    max_passes: int = 100,
    bias: bool = True,
    shuffle: bool = False,
    keep_best: bool = True,
    seed: int = 0,
    executor: str | Executor = "auto",
) -> Perceptron:
    """Learn a plane between two classes: look at one row after another, and fix each mistake.

        w ← w + t x,  b ← b + t      where t (w·x + b) ≤ 0, with t = −1 for the first class and 1
                                     for the second, from w = 0 and b = 0

    Where a plane leaves a margin γ (of ‖(w, b)‖ = 1, over rows with ‖(x, 1)‖ ≤ R), this takes at
    most (R/γ)² corrections and ends. Elsewhere it never ends by itself: each correction undoes
    others, and the weights go to and fro. Of those at the ends of the passes the best are kept,
    unless told otherwise. That it has not ended does not prove that there is no plane:
    ``separable`` decides.

    >>> from gradus import data
    >>> X, y = data.toy.blobs(200, noise=0.9)
    >>> [perceptron(X, y, max_passes=n, keep_best=False).errors for n in (12, 14, 26)]
    [12, 49, 69]
    >>> perceptron(X, y, max_passes=26)
    Perceptron: not separated within 26 passes, which proves nothing; 490 corrections, 12 rows wrong

    Gradient descent on the same unit, with a sigmoid in place of the sign, settles on classes that
    overlap too:

    >>> import gradus as gd
    >>> from gradus import losses, optim
    >>> def loss(w, b):
    ...     return losses.mean(losses.binary_cross_entropy_with_logits(X @ w + b, y))
    >>> found = gd.minimise(loss, (np.zeros(2), 0.0), optim.SGD(1.0))
    >>> w, b = (v.numpy() for v in found.at)
    >>> found.converged, int(np.sum((X @ w + b > 0) != y))
    (True, 13)

    Args:
        X: rows, (rows, inputs).
        y: one of two labels a row: 0 and 1, −1 and 1, or any others.
        max_passes: the most passes over the rows.
        bias: whether to learn b; without it the plane goes through 0.
        shuffle: whether each pass has an order of its own, after ``seed``.
        keep_best: whether to keep the best weights at the end of a pass instead of the last ones.
        seed: of the orders.
        executor: as in ``gd.Trainer``.

    Raises:
        DataError, ShapeError, DtypeError: rows that are no finite numbers, or not two labels.
        ArgumentError: settings without meaning.

    Source: Rosenblatt (1958); the bound: Novikoff (1962); keeping the best: Gallant (1990); lecture
    004.
    """
    rows = labelled(X, y, classes=2)
    return corrected(
        rows.x,
        2.0 * rows.y - 1.0,
        rows.classes,
        max_passes=max_passes,
        bias=bias,
        shuffle=shuffle,
        keep_best=keep_best,
        seed=seed,
        executor=executor,
    )


def corrected(
    x: Array,
    t: Array,
    classes: Array,
    *,
    start: tuple[Array, float] | None = None,
    max_passes: int = 100,
    bias: bool = True,
    shuffle: bool = False,
    keep_best: bool = True,
    seed: int = 0,
    executor: str | Executor = "auto",
) -> Perceptron:
    """The rule on rows that are checked already, from any weights.

    Args:
        x: (rows, inputs), float64 and finite.
        t: −1 or 1 a row; all may be the same.
        classes: the labels of −1 and of 1.
        start: w and b to begin with; None: 0.
        max_passes: the most passes over the rows.
        bias: whether to learn b.
        shuffle: whether each pass has an order of its own.
        keep_best: whether to keep the best weights.
        seed: of the orders.
        executor: as in ``perceptron``.

    Raises:
        ArgumentError: settings without meaning.
    """
    whole_number("max_passes", max_passes, least=1)
    for name, value in (("bias", bias), ("shuffle", shuffle), ("keep_best", keep_best)):
        flag(name, value)
    seed = whole_number("seed", seed)
    program = _rule(x.shape[1], bias, executor_named(executor))
    data = {"x": x, "t": t}
    weight, offset = (np.zeros(x.shape[1]), 0.0) if start is None else start
    carry = {"weight": weight, "bias": np.asarray(offset, np.float64)}
    best, errors, mistakes = carry, len(x) + 1, []
    for k in range(max_passes):
        found = program.steps(
            carry,
            data=data,
            order=epoch_order(len(x), seed, k, shuffle).reshape(-1, 1),
            per_step={},
            fixed={},
            watch="mistake",
            stop=lambda _: False,
        )
        carry = found.carry
        mistakes.append(int(found.records["mistake"].sum()))
        wrong = _wrong(data, carry) if mistakes[-1] else 0
        if wrong < errors or not keep_best:
            best, errors = carry, wrong
        if not mistakes[-1]:
            break
    passes = f"{len(mistakes)} pass{'' if len(mistakes) == 1 else 'es'}"
    return Perceptron(
        weight=best["weight"],
        bias=float(best["bias"]),
        classes=classes,
        converged=not errors,
        reason=f"not separated within {passes}, which proves nothing"
        if errors
        else f"separated after {passes}",
        passes=len(mistakes),
        mistakes=np.array(mistakes),
        errors=errors,
    )


def separable(X: npt.ArrayLike, y: npt.ArrayLike, *, bias: bool = True) -> bool:
    """Whether a plane separates two classes, decided by a linear program.

    It looks for the largest m with tᵢ (w·xᵢ + b) ≥ m for all rows and |wⱼ| ≤ 1, in columns scaled
    to [−1, 1], and says yes where m > 10⁻⁹. SciPy's HiGHS solves it.

    Args:
        X: as in ``perceptron``.
        y: as in ``perceptron``.
        bias: whether the plane need not go through 0.

    Raises:
        DataError, ShapeError, DtypeError: as ``perceptron``.

    >>> corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> separable(corners, [0, 0, 0, 1]), separable(corners, [0, 1, 1, 0])  # and; exclusive or
    (True, False)
    """
    from scipy.optimize import linprog

    rows = labelled(X, y, classes=2)
    x = rows.x - rows.x.mean(axis=0) if flag("bias", bias) else rows.x
    size = np.abs(x).max(axis=0)
    same = size <= 1e-12 * np.abs(rows.x).max(axis=0)  # what is left of a constant is rounding
    x = np.where(same, 0.0, x / np.where(same, 1.0, size))
    t = 2.0 * rows.y - 1.0
    n, d = x.shape
    # The unknowns are w, b and m; linprog minimises −m.
    below = np.column_stack([-t[:, None] * x, -t * bias, np.ones(n)])
    bounds = [(-1, 1)] * d + [(None, None), (None, 1)]
    goal = np.zeros(d + 2)
    goal[-1] = -1
    found = linprog(goal, A_ub=below, b_ub=np.zeros(n), bounds=bounds, method="highs")
    w, b = found.x[:d], found.x[d]
    return bool(np.min(t * (x @ w + b * bias)) > 1e-9)


def _rule(inputs: int, moves_bias: bool, executor: Executor) -> Program:
    """The rule on one row, as a program."""

    def fix(weight: Tensor, bias: Tensor, x: Tensor, t: Tensor) -> dict[str, Tensor]:
        x, t = ops.reshape(x, shape=(inputs,)), ops.reshape(t, shape=())
        right = t * (ops.sum(weight * x) + bias) > 0  # which NaN is not
        mistake = ops.logical_not(right).astype(float64)
        moved = bias + mistake * t if moves_bias else bias
        return {"weight": weight + mistake * t * x, "bias": moved, "mistake": mistake}

    shapes = {"weight": (inputs,), "bias": (), "x": (1, inputs), "t": (1,)}
    types = {name: TensorType(shape, float64) for name, shape in shapes.items()}
    return executor.prepare(trace(fix, **types).graph)


def _wrong(data: dict[str, Array], carry: dict[str, Array]) -> int:
    """Number of rows on the wrong side, or on the plane."""
    with np.errstate(all="ignore"):
        scores = data["x"] @ carry["weight"] + carry["bias"]
        return int(np.count_nonzero(~(data["t"] * scores > 0)))
