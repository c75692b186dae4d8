"""Rules about what training was given: the rows, and the place it began at."""

from __future__ import annotations

from gradus.train.diagnosis.evidence import Evidence
from gradus.train.diagnosis.verdict import Verdict
from gradus.train.diagnosis.wording import listed, number, share

# With inputs so far apart in size, plain gradient descent needs 100² times the steps along the
# small ones: the curvature goes with the square.
DOMINATING = 100
MAJORITY = 0.8  # accuracies up to here say little
ALWAYS = 0.98  # one answer to practically every row
# Usual initialisations give scores of about ±1, and begin at 1.0 to 1.4 times chance.
HIGH_START = 2.0
HIGH_START_OF_NUMBERS = 3.0  # of squared errors: targets one and a half spreads off the outputs


def dominating_feature_scale(evidence: Evidence) -> Verdict | None:
    """Inputs that are far larger than the others, and drown them."""
    seen = evidence.seen
    if seen is None:
        return None
    sizes = sorted(scale for scale in seen.scales if scale > 0)
    if len(sizes) < 2:
        return None
    middle = sizes[(len(sizes) - 1) // 2]
    large = [k for k, scale in enumerate(seen.scales) if scale > DOMINATING * middle]
    if not large:
        return None
    large.sort(key=lambda k: -seen.scales[k])
    known = len(evidence.features) == len(seen.scales)  # else the network makes others of them
    names = [evidence.features[k] if known else f"input {k}" for k in large]
    others = f" The same goes for {listed(names[1:])}." if len(names) > 1 else ""
    return Verdict(
        "dominating_feature_scale",
        "warning",
        f"The size of {names[0]} is {number(seen.scales[large[0]])} (root mean square), that of a "
        f"typical input {number(middle)}: what it says is {number(seen.scales[large[0]] / middle)} "
        f"times as loud.{others}",
        "standardise the inputs: subtract the mean of each and divide by its standard deviation, "
        "as measured on the training rows",
        tuple(names),
        {"largest": seen.scales[large[0]], "typical": middle},
    )


def label_imbalance(evidence: Evidence) -> Verdict | None:
    """A class that so many rows belong to that accuracy says little."""
    seen = evidence.seen
    if seen is None or not seen.shares or max(seen.shares) < MAJORITY:
        return None
    k = seen.shares.index(max(seen.shares))
    known = len(evidence.classes) == len(seen.shares)
    name = evidence.classes[k] if known else f"class {k}"
    answered = seen.end.answers[k] if seen.end.answers else None
    always = answered is not None and answered > ALWAYS and not evidence.failure
    text = (
        f"{share(seen.shares[k])} of the rows belong to {name}: always answering that is right as "
        "often"
    )
    if evidence.accuracy is not None:
        text += f", and the accuracy of {share(evidence.accuracy)} is to be seen beside it"
    text += "."
    if always and answered is not None:
        text += f" The network gives this answer to {share(answered)} of the rows."
    return Verdict(
        "label_imbalance",
        "problem" if always else "warning",
        text,
        "judge by the recall of each class rather than by accuracy, and give rows of the rare "
        "classes more weight (sample_weight)",
        (name,),
        {"share": seen.shares[k], **({} if answered is None else {"answered": answered})},
    )


def initial_loss(evidence: Evidence) -> Verdict | None:
    """A loss to begin with that is far from what knowing nothing costs."""
    seen = evidence.seen
    if seen is None or evidence.first > 1:  # a fit that goes on begins with what was learnt
        return None
    limit = HIGH_START_OF_NUMBERS if seen.kind == "numbers" else HIGH_START
    if not seen.start.loss > limit * seen.chance > 0:
        return None
    if seen.kind == "numbers":
        nothing = "always answering with the same number would cost"
        remedy = (
            "standardise the targets, or begin with their mean as the bias of the last layer; "
            "scale the inputs, and begin with smaller weights"
        )
    else:
        nothing = "an answer that takes all classes for equally likely would cost"
        remedy = "scale the inputs, and begin with smaller weights in the last layer"
    return Verdict(
        "initial_loss",
        "warning",
        f"Before the first step the loss was {number(seen.start.loss)}, where {nothing} "
        f"{number(seen.chance)}: the first steps go into unlearning that.",
        remedy,
        numbers={"initial": seen.start.loss, "chance": seen.chance},
    )
