"""Optimizers, as update rules written in ops, and schedules of the learning rate.

>>> from gradus import optim
>>> optim.Adam(1e-3, schedule=optim.WarmUp(100, then=optim.Cosine())).schedule.then
Cosine(final=0.0)
"""

from gradus.optim.adagrad import Adagrad
from gradus.optim.adam import Adam, AdamW
from gradus.optim.optimizer import Optimizer, State, clip_by_norm, clip_by_value, global_norm
from gradus.optim.plateau import Plateau, PlateauState
from gradus.optim.registry import OPTIMIZERS, SCHEDULES, from_config, to_config
from gradus.optim.rmsprop import RMSprop
from gradus.optim.schedules import Constant, Cosine, Exponential, OneCycle, Schedule, Step, WarmUp
from gradus.optim.sgd import SGD

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Exponential",
    "OneCycle",
    "Optimizer",
    "Plateau",
    "PlateauState",
    "RMSprop",
    "Schedule",
    "State",
    "Step",
    "WarmUp",
    "clip_by_norm",
    "clip_by_value",
    "from_config",
    "global_norm",
    "to_config",
]
