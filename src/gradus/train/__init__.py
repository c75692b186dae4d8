"""Training: the one loop, hooks into it, what it records, and how it stops."""

from gradus.train.callbacks import Callback, Convergence, DropoutSchedule
from gradus.train.diagnosis.verdict import Diagnosis, Verdict
from gradus.train.history import History
from gradus.train.interrupt import StopSignals
from gradus.train.language import LanguageModel
from gradus.train.max_margin import MaxMargin, max_margin
from gradus.train.minimise import minimise
from gradus.train.minimum import Minimum
from gradus.train.penalty import L2Penalty
from gradus.train.perceptron import Perceptron, perceptron, separable
from gradus.train.stopping import EarlyStopping, NoImprovement
from gradus.train.trainer import Trainer

__all__ = [
    "Callback",
    "Convergence",
    "Diagnosis",
    "DropoutSchedule",
    "EarlyStopping",
    "History",
    "L2Penalty",
    "LanguageModel",
    "MaxMargin",
    "Minimum",
    "NoImprovement",
    "Perceptron",
    "StopSignals",
    "Trainer",
    "Verdict",
    "max_margin",
    "minimise",
    "perceptron",
    "separable",
]
