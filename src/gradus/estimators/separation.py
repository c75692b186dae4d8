"""Whether a cross-entropy has a minimum: classes that planes divide have none."""

from __future__ import annotations

import numpy as np

from gradus.types import Array


def way_down(x: Array, y: Array, classes: int, *, bias: bool = True) -> Array | None:
    """A direction V in which the cross-entropy of a linear classifier falls for ever, or None.

        (V_y − V_j) · x ≥ 0 for every row x of class y and every other class j, and > 0 for some

    Along it no row's loss ever rises, and some row's falls as long as one goes: the weights that
    minimise the loss are infinite. It exists where planes divide the classes, and also where some
    rows lie on the planes, such as when all rows of a rare category have one class. A linear
    program over V, in columns scaled to [−1, 1], decides; SciPy's HiGHS solves it.

    Args:
        x: (rows, features).
        y: class numbers, (rows,).
        classes: how many there are.
        bias: whether x has a further column of ones.

    Returns:
        V, (classes, features), of the scaled columns and at most 1 in size, without the bias.

    Source: Albert and Anderson (1984).

    >>> x = np.array([[0.0], [1.0], [1.0], [2.0]])
    >>> way_down(x, np.array([0, 0, 1, 1]), 2) is None  # both classes stand at 1
    False
    >>> way_down(x, np.array([0, 1, 1, 0]), 2) is None
    True
    """
    from scipy import sparse
    from scipy.optimize import linprog

    x = x - x.mean(axis=0) if bias else x
    size = np.abs(x).max(axis=0)
    x = x / np.where(size > 0, size, 1.0)
    if bias:
        x = np.column_stack([x, np.ones(len(x))])
    n, d = x.shape
    i, j = np.nonzero(np.arange(classes) != y[:, np.newaxis])
    each = np.arange(len(i))
    chosen = sparse.csr_array((np.ones(len(i)), (each, y[i])), (len(i), classes))
    chosen -= sparse.csr_array((np.ones(len(i)), (each, j)), (len(i), classes))
    # Row (i, j) of the constraints is (e_y − e_j) ⊗ x_i.
    blocks = [chosen[:, [k]].multiply(x[i]) for k in range(classes)]
    leads = sparse.csr_array(sparse.hstack(blocks))
    found = linprog(
        -leads.sum(axis=0) / n,
        A_ub=-leads,
        b_ub=np.zeros(len(i)),
        bounds=(-1, 1),
        method="highs-ds",
    )
    if found.x is None:
        return None
    lead = leads @ found.x
    if not (lead.min() > -1e-9 and lead.max() > 1e-6):
        return None
    return found.x.reshape(classes, d)[:, : d - bias]


def surely_bounded(
    x: Array, y: Array, score: Array, weight: Array | None, *, bias: bool = True
) -> bool:
    """Whether the cross-entropy of two classes is known, by its slope here, to have a minimum.

        √(gᵀ H⁺ g) ≤ √ρ / 2R

    with the gradient g and the Hessian H of the weighted mean Σ cᵢ ℓᵢ / Σ cᵢ, the least eigenvalue
    ρ > 0 of H among the directions that some row has, and the longest row R = max ‖xᵢ‖. Then no
    way down goes on for ever: along each the loss has turned upwards before its curve has
    flattened out. Close to a minimum it is so, and it takes a fiftieth of the time of ``way_down``.

    Args:
        x: (rows, features).
        y: 0 or 1, (rows,).
        score: of the rows, z = w·x + b, (rows,).
        weight: c, above 0, (rows,).
        bias: whether x has a further column of ones.

    Source: Bach (2010), "Self-concordant analysis for logistic regression".

    >>> x = np.array([[-1.0], [0.0], [1.0]])
    >>> surely_bounded(x, np.array([0, 1, 0]), np.zeros(3), None)
    False
    >>> surely_bounded(x, np.array([0, 1, 0]), np.full(3, np.log(0.5)), None)
    True
    """
    from scipy.special import expit

    # Another origin, where there is a bias, and units of their own change no minimum into none.
    if bias:
        x = np.column_stack([x - x.mean(axis=0), np.ones(len(x))])
    size = np.abs(x).max(axis=0)
    x = x[:, size > 0] / size[size > 0]
    if not x.shape[1]:
        return True  # the loss is the same everywhere
    c = np.full(len(x), 1 / len(x)) if weight is None else weight / weight.sum()
    p = expit(score)
    gradient = x.T @ (c * (p - y))
    curvature, directions = np.linalg.eigh((x.T * (c * p * (1 - p))) @ x)
    # Along columns that depend on others nothing changes at all.
    moved = np.abs(x @ directions).max(axis=0) > 1e-7
    least = curvature[moved].min()
    if least <= 1e-13 * curvature.max():
        return False  # it may be a rounding error
    along = directions[:, moved].T @ gradient
    decrement = np.sqrt((along**2 / curvature[moved]).sum())
    longest = np.sqrt((x**2).sum(axis=1).max())
    return bool(decrement <= np.sqrt(least) / (2 * longest))
