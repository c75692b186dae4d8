"""What y is: classes, yes and no, several answers, or numbers; and how outputs are read."""

from gradus.estimators.targets.base import Loss, Metric, Targets, one_axis, over_members
from gradus.estimators.targets.classes import Classes, SeveralClasses, YesNo
from gradus.estimators.targets.labels import (
    IN_FIT,
    IN_PARTIAL_FIT,
    check_labelled,
    plain_labels,
    unknown_labels,
)
from gradus.estimators.targets.numbers import Values

__all__ = [
    "IN_FIT",
    "IN_PARTIAL_FIT",
    "Classes",
    "Loss",
    "Metric",
    "SeveralClasses",
    "Targets",
    "Values",
    "YesNo",
    "check_labelled",
    "one_axis",
    "over_members",
    "plain_labels",
    "unknown_labels",
]
