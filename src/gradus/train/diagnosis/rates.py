"""Rules about the way downhill: the learning rate, and whether there is a slope at all."""

from __future__ import annotations

import math

import numpy as np

from gradus.train.diagnosis.evidence import Evidence
from gradus.train.diagnosis.held_out import overfitting
from gradus.train.diagnosis.verdict import Verdict
from gradus.train.diagnosis.wording import larger, layers, number, share, smaller

# Losses are compared with that of the best constant prediction, called their size.

# Healthy training stays below what it began with; noise of small batches adds a few per cent.
RISEN = 1.5
# From epoch to epoch the loss of a run that has settled moves by less than 3 % of its size, and by
# 5 % where batches are small and noisy.
SWINGING = 0.075
TURNS = 0.4  # a loss that goes nowhere rises in about half of the epochs
LEFT = 0.25  # below this share of its size a loss is low, however slowly it got there
# Further along the way from start to end, the loss of a run that has arrived only rises. Tuned on:
# 1.02 and more there, 0.94 and less where the rate was 10 to 10,000 times too small.
AHEAD = 0.95
# A run that has arrived may still gain a little by going as far again, but nothing by going ten
# times as far (none of 480 runs on labels that are noise), where every gain says that the rate was
# that much too small. Tuned on recurrent networks: 0.994 after three epochs at a tenth of a rate.
FAR, AHEAD_FAR = 10, 0.995
UNLEARNT = 0.95  # a loss above this share of its size has learnt nothing yet
FLAT = 1e-3  # share of the derivative at the output that reaches the weights


def diverged(evidence: Evidence) -> Verdict | None:
    """Training that broke down."""
    if not evidence.failure and all(map(math.isfinite, (*evidence.loss, *evidence.held))):
        return None
    why = evidence.failure.partition(". What to do:")[0] or "a recorded loss is not finite"
    after = len(evidence.loss)
    text = f"after {after} epoch{'' if after == 1 else 's'}" if after else "in its first epoch"
    return Verdict(
        "diverged",
        "problem",
        f"Training broke down {text}: {why}.",
        f"lower the learning rate{smaller(evidence.rate)}, clip the gradients to a norm of 1, or "
        "scale inputs and targets",
    )


def rate_too_large(evidence: Evidence) -> Verdict | None:
    """A loss that rises above its beginning, or swings to and fro, without breaking down."""
    if evidence.failure or not evidence.loss:
        return None
    loss, size = np.array(evidence.loss), evidence.size
    highest, limit = float(loss.max()), RISEN * max(evidence.began, size)
    if highest > limit:
        at = evidence.first + int(loss.argmax())
        text = (
            f"The training loss rose to {number(highest)} in epoch {at}; it began at "
            f"{number(evidence.began)}, and always giving the same answer costs {number(size)}."
        )
        numbers = {"highest": highest, "began": evidence.began, "size": size}
    else:
        change = np.diff(loss[len(loss) // 2 :])
        if len(change) < 4:  # fewer say nothing
            return None
        swing, turns = float(np.median(np.abs(change))), float((change > 0).mean())
        if swing < SWINGING * size or turns < TURNS:
            return None
        text = (
            f"In the last {len(change)} epochs the training loss rose {int((change > 0).sum())} "
            f"times and changed by {number(swing)} from one to the next, where always giving the "
            f"same answer costs {number(size)}: it jumps about instead of settling."
        )
        numbers = {"swing": swing, "turns": turns, "size": size}
    return Verdict(
        "rate_too_large",
        "problem" if loss[-1] > evidence.level(LEFT) else "warning",  # it came right in the end
        text,
        f"lower the learning rate{smaller(evidence.rate)}, let it fall "
        "by a schedule, or take larger batches",
        numbers=numbers,
    )


def rate_too_small(evidence: Evidence) -> Verdict | None:
    """A loss that is still high, and would fall a lot further along the same way."""
    seen = evidence.seen
    if seen is None or evidence.failure or not evidence.loss or rate_too_large(evidence):
        return None
    if evidence.restored is not None or overfitting(evidence):
        return None  # going on would help these rows alone
    size, end = evidence.size, seen.end.loss
    limit = AHEAD_FAR if seen.further >= FAR else AHEAD
    if end < evidence.level(LEFT) or seen.ahead > limit * end:
        return None
    moved = max(filter(math.isfinite, seen.moved.values()), default=0.0)
    return Verdict(
        "rate_too_small",
        "problem",
        f"The loss went from {number(seen.start.loss)} to {number(end)} and was still falling: "
        f"{number(seen.further)} times as far again in the same direction it would be "
        f"{number(seen.ahead)}. The weights changed by {share(moved)} of their size.",
        f"raise the learning rate{larger(evidence.rate)}, or train for more epochs",
        numbers={
            "loss": end,
            "ahead": seen.ahead,
            "further": seen.further,
            "size": size,
            "moved": moved,
        },
    )


def stuck_on_a_flat_region(evidence: Evidence) -> Verdict | None:
    """A loss at chance, and no slope to follow on any row.

    Where rows pull the weights in different directions and cancel each other, the network has
    found the best that it can do: that is underfitting.
    """
    seen = evidence.seen
    if seen is None or evidence.failure or not seen.end.layers or rate_too_large(evidence):
        return None
    look, size = seen.end, evidence.size
    *hidden, last = look.layers
    out = last.signal < FLAT * look.pull
    inside = bool(hidden) and all(layer.signal < FLAT * look.pull for layer in hidden)
    if look.loss < evidence.level(UNLEARNT) or not (out or inside):
        return None
    flat = [a.name for a in look.layers if a.signal < FLAT * look.pull]
    most = max(a.signal for a in look.layers if a.name in flat)
    return Verdict(
        "stuck_on_a_flat_region",
        "problem",
        f"The loss is {number(look.loss)}, no better than always giving the same answer "
        f"({number(size)}), and yet nothing pulls at the weights: of the derivative at the "
        f"output, {number(look.pull)} per row, no more than {number(most)} reaches "
        f"{layers(flat)}.",
        "begin elsewhere: with random weights that are neither 0 nor large, scaled inputs, and a "
        "loss that takes scores instead of a squashed output (cross_entropy, "
        "binary_cross_entropy_with_logits)",
        tuple(flat),
        {"loss": look.loss, "size": size, "signal": most, "pull": look.pull},
    )
