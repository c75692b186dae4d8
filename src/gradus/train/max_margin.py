"""The linear classifier of the max-margin loss at its exact minimum, by a quadratic program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus import losses
from gradus.checks import finite_number
from gradus.errors import ArgumentError, DivergenceError
from gradus.nn import Linear
from gradus.tensor import tensor
from gradus.train.labelled import Labelled, labelled, unlabelled
from gradus.types import Array


@dataclass(frozen=True, eq=False)
class MaxMargin:
    """Where the max-margin loss with weight decay is least.

    Attributes:
        weight: W, (classes, inputs).
        bias: b, (classes,), with the sum 0: a number added to all changes no score's lead.
        classes: the labels, sorted.
        value: the objective at W and b.
        bound: no weights have a value below this one: the objective of the dual program, which
            the solver satisfies to about 10⁻⁹ of its size.
    """

    weight: Array
    bias: Array
    classes: Array
    value: float
    bound: float

    @property
    def gap(self) -> float:
        """How far the value can be from the least there is."""
        return self.value - self.bound

    def predict(self, X: npt.ArrayLike) -> Array:
        """Labels of rows, (rows,): the classes with the largest scores.

        Raises:
            DataError, ShapeError, DtypeError: as ``max_margin``.
        """
        x = unlabelled(X, self.weight.shape[1])
        return self.classes[(x @ self.weight.T + self.bias).argmax(axis=1)]

    def network(self) -> Linear:
        """The classifier as a module: (rows, inputs) to scores (rows, classes)."""
        classes, inputs = self.weight.shape
        linear: Any = Linear(inputs, classes, dtype="float64")
        linear.weight, linear.bias = self.weight, self.bias
        return linear

    def __repr__(self) -> str:
        classes, inputs = self.weight.shape
        return (
            f"MaxMargin: {inputs} inputs, {classes} classes; value {self.value:.6g}, "
            f"duality gap {self.gap:.1g}"
        )


def max_margin(
    X: npt.ArrayLike, y: npt.ArrayLike, *, weight_decay: float = 1e-2, margin: float = 1.0
) -> MaxMargin:
    """Minimise the max-margin loss with weight decay exactly: what gradient descent approaches.

        1/n Σᵢ Σ_{j≠yᵢ} max(0, sᵢⱼ − sᵢyᵢ + margin) + λ/2 ‖W‖²,    sᵢ = W xᵢ + b

    This is the mean of ``losses.max_margin`` and the penalty of ``optim.SGD(weight_decay=λ,
    groups={"*bias": {"weight_decay": 0.0}})``. With a slack ξᵢⱼ for each term it is a quadratic
    program,

        minimise 1/n Σ ξᵢⱼ + λ/2 ‖W‖²  subject to  ξᵢⱼ ≥ sᵢⱼ − sᵢyᵢ + margin,  ξᵢⱼ ≥ 0,

    which Clarabel solves by an interior-point method, together with its dual. It is a reference,
    for small tables: 600 rows of 64 inputs and ten classes take ten seconds. For two classes it is
    the support vector machine with C = 2 / (λ n), whose weight is W₂ − W₁.

    Args:
        X: rows, (rows, inputs).
        y: labels, (rows,): any, of two classes or more.
        weight_decay: λ, > 0.
        margin: the lead that the right score shall have, > 0.

    Raises:
        DataError, ShapeError, DtypeError: rows that are no finite numbers, or one label only.
        ArgumentError: settings without meaning, or Clarabel is not installed.
        DivergenceError: the solver finds no minimum, for rows of absurd scale.

    Source: Weston and Watkins (1999); lecture 002; the solver: Goulart and Chen (2024).

    >>> found = max_margin([[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1], weight_decay=1e-3)
    >>> found.weight.round(3).tolist(), found.predict([[-3.0], [0.5]]).tolist()
    ([[-0.5], [0.5]], [0, 1])
    """
    rows = labelled(X, y)
    decay = finite_number("weight_decay", weight_decay, above=0)
    margin = finite_number("margin", margin, above=0)
    classes, inputs = len(rows.classes), rows.x.shape[1]
    solution, bound = _solved(rows, decay, margin)
    weight = solution[: classes * inputs].reshape(classes, inputs)
    bias = solution[classes * inputs : classes * (inputs + 1)]
    return MaxMargin(
        weight=weight,
        bias=bias - bias.mean(),
        classes=rows.classes,
        value=_objective(rows, weight, bias, decay, margin),
        bound=bound,
    )


def _objective(rows: Labelled, weight: Array, bias: Array, decay: float, margin: float) -> float:
    scores = tensor(rows.x @ weight.T + bias)
    loss = losses.mean(losses.max_margin(scores, rows.y, margin=margin)).item()
    return float(loss + decay / 2 * np.square(weight).sum())


def _solved(rows: Labelled, decay: float, margin: float) -> tuple[Array, float]:
    """Solution (W, b, s, ξ) in a row, and the value of the dual program.

    Clarabel minimises ½ zᵀ P z + qᵀ z where h − G z ≥ 0, or = 0 for the first rows.
    """
    try:
        import clarabel
    except ImportError:
        raise ArgumentError(
            "the quadratic program needs Clarabel, which comes with an extra of gradus",
            received="an installation without it",
            remedy="pip install 'gradus[qp]', or pip install clarabel",
        ) from None
    from scipy import sparse

    (n, inputs), classes = rows.x.shape, len(rows.classes)
    weights, scores, slacks = classes * inputs, classes * n, (classes - 1) * n
    sizes = {"W": weights, "b": classes, "s": scores, "ξ": slacks}
    # A slack for each row i and each class j but its own; the score sᵢⱼ stands at n·j + i.
    i, j = np.nonzero(np.arange(classes) != rows.y[:, np.newaxis])
    each, minus = np.arange(slacks), -sparse.eye(slacks)
    lead = sparse.csc_matrix((np.ones(slacks), (each, n * j + i)), (slacks, scores))
    lead -= sparse.csc_matrix((np.ones(slacks), (each, n * rows.y[i] + i)), (slacks, scores))
    one = sparse.eye(classes)
    G = sparse.vstack(
        [
            _block(sizes, b=np.ones((1, classes))),  # Σ b = 0
            _block(
                sizes,
                W=sparse.kron(one, rows.x),  # W xᵢ + b − sᵢ = 0
                b=sparse.kron(one, np.ones((n, 1))),
                s=-sparse.eye(scores),
            ),
            _block(sizes, s=lead, ξ=minus),  # sᵢⱼ − sᵢyᵢ − ξᵢⱼ ≤ −margin
            _block(sizes, ξ=minus),  # −ξᵢⱼ ≤ 0
        ],
        format="csc",
    )
    h = np.r_[np.zeros(1 + scores), np.full(slacks, -margin), np.zeros(slacks)]
    rest = classes + scores
    P = sparse.diags(np.r_[np.full(weights, decay), np.zeros(rest + slacks)], format="csc")
    q = np.r_[np.zeros(weights + rest), np.full(slacks, 1.0 / n)]
    cones = [clarabel.ZeroConeT(1 + scores), clarabel.NonnegativeConeT(2 * slacks)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
    found = clarabel.DefaultSolver(P, q, G, h, cones, settings).solve()
    if found.status not in (clarabel.SolverStatus.Solved, clarabel.SolverStatus.AlmostSolved):
        raise DivergenceError(
            "the quadratic program of the max-margin loss has a solution",
            received=f"the solver's {found.status}",
            remedy="scale the inputs to a size of about 1",
        )
    return np.array(found.x), float(found.obj_val_dual)


def _block(sizes: dict[str, int], **parts: Any) -> Any:
    """Rows of constraints: the matrices of the unknowns that are named, and 0 for the others."""
    from scipy import sparse

    rows = next(iter(parts.values())).shape[0]
    return sparse.hstack(
        [parts.get(name, sparse.csc_matrix((rows, size))) for name, size in sizes.items()]
    )
