"""Training: the one loop, hooks into it, what it records, and how it stops."""

from gradus.train.callbacks import Callback, Convergence, EarlyStopping
from gradus.train.history import History
from gradus.train.interrupt import StopSignals
from gradus.train.language import LanguageModel
from gradus.train.trainer import Trainer

__all__ = [
    "Callback",
    "Convergence",
    "EarlyStopping",
    "History",
    "LanguageModel",
    "StopSignals",
    "Trainer",
]
