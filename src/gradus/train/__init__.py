"""Training: the one loop, hooks into it, what it records, and how it stops."""

from gradus.train.callbacks import Callback, Convergence, EarlyStopping
from gradus.train.diagnosis.verdict import Diagnosis, Verdict
from gradus.train.history import History
from gradus.train.interrupt import StopSignals
from gradus.train.trainer import Trainer

__all__ = [
    "Callback",
    "Convergence",
    "Diagnosis",
    "EarlyStopping",
    "History",
    "StopSignals",
    "Trainer",
    "Verdict",
]
