"""Rules about rows that training never sees: does what was learnt hold there?"""

from __future__ import annotations

import math

import numpy as np

from gradus.train.diagnosis.evidence import Evidence
from gradus.train.diagnosis.verdict import Verdict
from gradus.train.diagnosis.wording import number

# Shares of the loss of the best constant prediction, called the size.
RISE = 0.15  # so much held-out loss given up since the best epoch is no noise
FOLD = 1.2  # and it is also a fifth above the least
USEFUL = 0.8  # a held-out loss below it says that something of use was learnt


def overfitting(evidence: Evidence) -> Verdict | None:
    """A held-out loss that turns up while the training loss falls on."""
    held, loss = np.array(evidence.held), np.array(evidence.loss)
    if evidence.restored is not None:  # those weights are gone
        return None
    if len(held) < 3 or evidence.failure or not np.isfinite(held).all():
        return None
    best = int(held.argmin())
    rise = float(held[-1] - held[best])
    falls = best + 1 < len(loss) and np.median(loss[best + 1 :]) < loss[best]
    if not falls or loss[-1] > evidence.size:  # nothing was learnt, not even by heart
        return None
    if rise < RISE * evidence.size or held[-1] < FOLD * held[best]:
        return None
    numbers = {"best": float(held[best]), "last": float(held[-1]), "epoch": best + evidence.first}
    text = (
        f"The loss on {evidence.beside} was lowest after epoch {best + evidence.first} "
        f"({number(held[best])}) and is {number(held[-1])} at the end, while that on the training "
        f"rows fell on from {number(loss[best])} to {number(loss[-1])}: "
    )
    return Verdict(
        "overfitting",
        "problem",
        f"{text}since then the network has been learning its rows by heart.",
        f"stop after about {best + evidence.first} epochs (EarlyStopping finds them), use fewer "
        "units, weight decay or dropout, or give it more rows",
        numbers=numbers,
    )


def stopped_in_time(evidence: Evidence) -> Verdict | None:
    """Early stopping has put back weights from before the end."""
    last = evidence.first + len(evidence.loss) - 1
    if evidence.restored is None or not evidence.first <= evidence.restored < last:
        return None
    column = evidence.held or evidence.loss
    numbers = {"kept": column[evidence.restored - evidence.first], "last": column[-1]}
    return Verdict(
        "stopped_in_time",
        "good",
        f"Early stopping kept the weights of epoch {evidence.restored} of {last}: the "
        f"loss on {evidence.beside if evidence.held else 'training rows'} was "
        f"{number(numbers['kept'])} there, and {number(numbers['last'])} at the end.",
        numbers={"epoch": evidence.restored, **numbers},
    )


def generalising(evidence: Evidence) -> Verdict | None:
    """The held-out loss follows the training loss."""
    held = evidence.held
    if not held or evidence.failure or overfitting(evidence) or not np.isfinite(held[-1]):
        return None
    if not held[-1] < evidence.level(USEFUL) < math.inf:
        return None
    best = int(np.argmin(held))
    return Verdict(
        "generalising",
        "good",
        f"On {evidence.beside} the loss is {number(held[-1])} ({number(evidence.loss[-1])} on the "
        f"training rows); it was lowest after epoch {best + evidence.first} of "
        f"{len(held) + evidence.first - 1} ({number(held[best])}).",
        numbers={"held": held[-1], "training": evidence.loss[-1], "best": held[best]},
    )
