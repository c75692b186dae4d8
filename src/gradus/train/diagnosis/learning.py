"""Rules about the training rows: was anything learnt?"""

from __future__ import annotations

import math

import numpy as np

from gradus.train.diagnosis.evidence import Evidence
from gradus.train.diagnosis.rates import (
    diverged,
    rate_too_large,
    rate_too_small,
    stuck_on_a_flat_region,
)
from gradus.train.diagnosis.signal import (
    dead_relus,
    exploding_gradients,
    saturated_units,
    vanishing_gradients,
)
from gradus.train.diagnosis.verdict import Verdict
from gradus.train.diagnosis.wording import number, share

# Shares of the loss of the best constant prediction, called the size.
LEARNT = 0.8  # a loss below it has used the inputs
LEVEL = 0.05  # less fall than this in the last third is none


def underfitting(evidence: Evidence) -> Verdict | None:
    """A training loss that stays close to that of a constant prediction, for no other reason."""
    others = (
        diverged, exploding_gradients, vanishing_gradients, dead_relus, saturated_units,
        rate_too_large, rate_too_small, stuck_on_a_flat_region,
    )  # fmt: skip
    if not evidence.loss or evidence.seen is None or any(rule(evidence) for rule in others):
        return None
    loss, size = np.array(evidence.loss), evidence.size
    if loss[-1] < evidence.level(LEARNT):
        return None
    third = loss[-1 - len(loss) // 3 :]
    fall = float(third[0] - third[-1])
    decay, before = evidence.weight_decay, len(third) - 1
    text = ""
    if before:
        text = f"; {before} epoch{'s' if before > 1 else ''} before it was {number(third[0])}"
    if not before:
        remedy = "train for more epochs: so few say little of what the network can learn"
    elif fall > LEVEL * size:
        remedy = "train for more epochs: the loss was still falling"
    elif decay > 0:
        remedy = (
            f"take less weight decay (it is {decay:g}), or more units or layers; if the loss stays "
            "high without any, the inputs do not tell the target"
        )
    else:
        remedy = (
            "give the network more units or a further hidden layer, and less dropout; if the loss "
            "stays high, the inputs do not tell the target"
        )
    return Verdict(
        "underfitting",
        "problem",
        f"The loss on the training rows themselves is {number(loss[-1])}, where always giving the "
        f"same answer costs {number(size)}{text}.",
        remedy,
        numbers={"loss": float(loss[-1]), "size": size, "fall": fall},
    )


def learning(evidence: Evidence) -> Verdict | None:
    """Something was learnt from the training rows."""
    if not evidence.loss or evidence.seen is None or evidence.failure:
        return None
    last, size = evidence.loss[-1], evidence.size
    if not last < evidence.level(LEARNT) < math.inf:
        return None
    began = evidence.began
    return Verdict(
        "learning",
        "good",
        f"The training loss fell from {number(began)} to {number(last)}; always giving the same "
        f"answer costs {number(size)}{_gone(evidence, last)}.",
        numbers={"began": began, "last": last, "size": size},
    )


def _gone(evidence: Evidence, last: float) -> str:
    """How much of the loss that can be got rid of is."""
    size, floor = evidence.size, evidence.floor
    if not floor:
        return f", so {share(1 - last / size)} of that is gone"
    gone = min((size - last) / (size - floor), 1.0)
    return f" and no network less than {number(floor)}, so {share(gone)} of the way is gone"
