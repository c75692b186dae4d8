"""Losses over K classes: from probabilities, or from scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradus import ops
from gradus.checks import finite_number
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.losses.checks import check_unit_interval, known, predicted
from gradus.modes import scoped
from gradus.ops.index import from_zero
from gradus.tensor import Tensor, as_tensor


@scoped
def nll(prediction: Tensor, target: Any) -> Tensor:
    """ℓ = −ln p_y: how surprising the right class y was, from *probabilities*.

    It is infinite where that class was given probability 0; ``cross_entropy`` of the scores before
    softmax is finite.

    Args:
        prediction: probabilities (n, K).
        target: labels (n,), integers in 0 … K − 1.

    Raises:
        ShapeError: other shapes.
        DtypeError: labels that are not integers.
        ArgumentError: a label outside its range, or a probability outside [0, 1].

    Source: lecture 003.

    >>> round(nll([[0.25, 0.75]], [1]).item(), 4)
    0.2877
    """
    p = _scores(prediction)
    check_unit_interval(p, "nll takes probabilities", "use cross_entropy for scores (logits)")
    return -ops.log(_at_labels(p, _labels(target, p)))


@scoped
def cross_entropy(prediction: Tensor, target: Any, *, label_smoothing: float = 0.0) -> Tensor:
    """ℓ = −Σₖ tₖ ln softmax(s)ₖ, which for a label y is −ln softmax(s)_y; finite for s of ±10⁴.

    With smoothing ε the target becomes (1 − ε) t + ε/K. An example of several predictions, such as
    one for each character of a text, has the mean of their losses.

    Args:
        prediction: scores (n, …, K), also called logits: what stands before softmax. PyTorch has
            the classes along the second axis instead.
        target: labels (n, …), integers in 0 … K − 1, or distributions (n, …, K) whose rows sum
            to 1.
        label_smoothing: ε in [0, 1].

    Raises:
        ShapeError: other shapes.
        DtypeError: labels that are not integers.
        ArgumentError: a label outside its range, a row that is no distribution, ε outside [0, 1].

    Source: lectures 002 (softmax loss) and 003; smoothing: Szegedy et al. (2016).

    >>> round(cross_entropy([[0.0, 0.0, 0.0]], [1]).item(), 4)  # ln 3
    1.0986
    """
    smooth = finite_number("label_smoothing", label_smoothing, least=0, most=1)
    s = _scores(prediction, several=True)
    surprise = -ops.log_softmax(s)
    t = as_tensor(target)
    if t.shape == s.shape:
        t = t.astype(s.dtype)
        _check_distributions(t)
        loss = ops.sum(t * surprise, axis=-1)
    else:
        loss = _at_labels(surprise, _labels(t, s))
    if smooth != 0:
        loss = (1.0 - smooth) * loss + smooth * ops.mean(surprise, axis=-1)
    return loss if loss.ndim == 1 else ops.mean(loss, axis=tuple(range(1, loss.ndim)))


@scoped
def max_margin(prediction: Tensor, target: Any, *, margin: float = 1.0) -> Tensor:
    """ℓ = Σ_{j≠y} max(0, s_j − s_y + margin): the multiclass hinge loss.

    It is 0 once the right score leads every other by the margin. PyTorch's ``multi_margin_loss``
    divides this by K. Lecture 002 prints the sum over all j; j = y must be left out.

    Args:
        prediction: scores (n, K).
        target: labels (n,), integers in 0 … K − 1.
        margin: the lead, > 0.

    Raises:
        ShapeError, DtypeError, ArgumentError: as ``cross_entropy`` with labels; margin ≤ 0.

    Source: Weston and Watkins (1999); lecture 002.

    >>> max_margin([[3.0, 1.0, 2.5]], [0]).tolist()
    [0.5]
    """
    margin = finite_number("margin", margin, above=0)
    s = _scores(prediction)
    labels = ops.expand_dims(_labels(target, s), axis=1)
    short = ops.relu(s - ops.take_along_axis(s, labels, axis=1) + margin)
    right = ops.equal(np.arange(s.shape[1]), labels)
    return ops.sum(ops.where(right, 0.0, short), axis=1)


# ── Scores and labels that fit each other ───────────────────────────────────────────────────────


def _scores(prediction: Any, several: bool = False) -> Tensor:
    """Scores (n, K), or (n, …, K) where an example may have several predictions."""
    s = predicted(prediction)
    if s.ndim != 2 and not (several and s.ndim > 2 and 0 not in s.shape[1:]):
        raise ShapeError(
            "a loss over classes takes predictions (n, K), a row an example"
            + (", or (n, …, K)" if several else ""),
            received=s.shape,
            remedy="reshape to two axes: reshape(-1, K); for one yes-or-no output use "
            "binary_cross_entropy_with_logits",
        )
    return s


def _labels(target: Any, scores: Tensor) -> Tensor:
    """Labels that fit the scores (n, …, K): integers (n, …) in 0 … K − 1."""
    labels, (*wanted, K) = as_tensor(target), scores.shape
    if labels.shape != tuple(wanted):
        raise ShapeError(
            f"labels of {wanted[0]} examples have the shape {tuple(wanted)}", received=labels.shape
        )
    if labels.dtype.kind not in "iu":
        raise DtypeError(
            "labels are integers", received=labels.type, remedy="use labels.astype('int64')"
        )
    if labels.is_symbolic:
        return from_zero(labels)
    outside = (labels.numpy() < 0) | (labels.numpy() >= K)
    if outside.any():
        raise ArgumentError(
            f"labels of {K} classes lie between 0 and {K - 1}",
            received=int(labels.numpy()[outside][0]),
            remedy="count classes from 0, and give the last layer one output a class",
        )
    return labels


def _at_labels(x: Tensor, labels: Tensor) -> Tensor:
    """x[i, …, labels[i, …]] for each place of the labels."""
    axis = labels.ndim
    picked = ops.take_along_axis(x, ops.expand_dims(labels, axis=axis), axis=axis)
    return ops.squeeze(picked, axis=axis)


def _check_distributions(t: Tensor) -> None:
    rows = known(t)
    wrong = (rows < 0).any(axis=-1) | (np.abs(rows.sum(axis=-1) - 1) > 1e-3)
    if not t.is_symbolic and wrong.any():
        raise ArgumentError(
            "each row of a target (n, …, K) is a distribution: not negative, with the sum 1",
            received=rows[wrong][0],
            remedy="use labels (n, …), or divide each row by its sum",
        )
