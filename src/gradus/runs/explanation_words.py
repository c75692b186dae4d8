"""An explanation in words: sentences that are the same on the screen and on the page."""

from __future__ import annotations

from gradus.explain import Attribution
from gradus.runs.explanation import Explanation
from gradus.runs.words import cell, chance, label, number, signed

# A float32 network gives scores of seven digits.
_ROUNDING = 1e-5


def prediction(found: Explanation) -> str:
    """What is predicted, and whether it is so."""
    target = label(found.model.target_name)
    known = found.actual is not None
    if not found.probabilities:
        actual = f" In the row stands {_value(found.actual)}." if known else ""
        return f"The network predicts {_value(found.prediction)} for {target}.{actual}"
    p = chance(max(found.probabilities))
    actual = ""
    if known and found.actual == found.prediction:
        actual = " That is what stands in the row."
    elif known:
        actual = f" In the row stands “{label(found.actual)}”."
    return f"The network predicts “{label(found.prediction)}” with a probability of {p}.{actual}"


def subject(found: Explanation) -> str:
    """What the columns are said to have pushed."""
    if not found.probabilities:
        return f"the prediction of {label(found.model.target_name)}"
    return f"the log odds of “{label(found.chosen)}”"


def difference(found: Explanation) -> tuple[str, str, str]:
    """The score of the row, of the average row, and how they differ."""
    score, reference = found.gradient.score, found.gradient.reference
    way = signed([score - reference])[0]
    if not found.probabilities:
        return _value(score), _value(reference), way
    here, average = signed([score, reference])
    return here, average, way


def sums(found: Explanation) -> list[str]:
    """How far each attribution adds up to the difference."""
    named = (("Shapley values add", found.shapley), ("Gradient × input adds", found.gradient))
    return [f"{name} up to {_sum(a)}" for name, a in named if a is not None]


def _value(value: object) -> str:
    """A value of the target for people; it may be a text where a regression has none."""
    return number(value) if isinstance(value, int | float) else cell(value)


def _sum(found: Attribution) -> str:
    total = float(found.values.sum())
    if abs(found.remainder) <= _ROUNDING * max(abs(found.score), abs(found.reference)):
        return f"{signed([total])[0]}, all of the difference."
    sum_, left = signed([total, found.remainder])
    way = signed([found.score - found.reference])[0]
    return f"{sum_} of the difference of {way}: {left} is left unexplained."
