"""What y is: classes, yes and no, several answers, or numbers; and how outputs are read."""

from gradus.estimators.targets.base import Loss, Metric, Targets, one_axis, over_members
from gradus.estimators.targets.classes import Classes, SeveralClasses, YesNo, plain_labels
from gradus.estimators.targets.numbers import Values

__all__ = [
    "Classes",
    "Loss",
    "Metric",
    "SeveralClasses",
    "Targets",
    "Values",
    "YesNo",
    "one_axis",
    "over_members",
    "plain_labels",
]
