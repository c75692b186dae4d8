"""The temperature at which a classifier is as often right as it says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradus.types import Array

Question = tuple[Array, Array]  # scores (rows, classes), and the number of the class of each row

_WIDEST = float(np.log(1e4))  # of |ln T|: beyond it lie scores that say nothing, or everything


def temperature(questions: Sequence[Question], weight: Array | None = None) -> float:
    """T > 0 for which softmax(scores / T) has the least log-loss on rows held out.

    As though one row more had been held out that is of each class alike: else few rows that are
    all told rightly would ask for T → 0, and one mistake later would cost without bound. Where the
    log-loss of the rows themselves is not below that at T = 1, T is 1.

    Args:
        questions: what is told of each row; all questions have the same T, and their losses add.
        weight: of each row, > 0.

    Returns:
        T as float32 has it.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks" (2017).

    >>> scores = np.array([[8.0, 0.0]] * 100)
    >>> wrong = np.arange(100) < 20  # 20 of 100 rows; the scores say 0.0003
    >>> found = temperature([(scores, wrong.astype(int))])
    >>> round(float(1 / (1 + np.exp(8.0 / found))), 2)
    0.2
    """
    from scipy.optimize import minimize_scalar  # late: comes with scikit-learn

    rows = len(questions[0][1])
    share = np.full(rows, 1 / rows) if weight is None else weight / weight.sum()
    effective = 1 / np.sum(share * share)  # Kish's number of rows: as many as have equal weights

    def smoothed(log_t: float) -> float:
        known, unknown = _losses(questions, share, float(np.exp(log_t)))
        return (effective * known + unknown) / (effective + 1)

    found = minimize_scalar(smoothed, bounds=(-_WIDEST, _WIDEST), options={"xatol": 1e-6})
    best = float(np.float32(np.exp(found.x)))
    return best if _losses(questions, share, best)[0] < _losses(questions, share, 1.0)[0] else 1.0


def _losses(questions: Sequence[Question], share: Array, t: float) -> tuple[float, float]:
    """Weighted mean log-loss of the rows, and that of the same rows if their class were unknown."""
    from scipy.special import log_softmax

    known = unknown = 0.0
    for scores, numbers in questions:
        log_p = log_softmax(scores / t, axis=1)
        known -= float(share @ np.take_along_axis(log_p, numbers[:, None], axis=1)[:, 0])
        unknown -= float(share @ log_p.mean(axis=1))
    return known, unknown
