"""Optimizers, as update rules written in ops; schedules of the learning rate; L-BFGS; searches.

>>> from gradus import optim
>>> optim.Adam(1e-3, schedule=optim.WarmUp(100, then=optim.Cosine())).schedule.then
Cosine(final=0.0)
"""

from gradus.optim.adagrad import Adagrad
from gradus.optim.adam import Adam, AdamW
from gradus.optim.lbfgs import LBFGS
from gradus.optim.optimizer import Optimizer, State, clip_by_norm, clip_by_value, global_norm
from gradus.optim.plateau import Plateau, PlateauState
from gradus.optim.registry import (
    OPTIMIZERS,
    SCHEDULES,
    from_config,
    settings_from_config,
    to_config,
)
from gradus.optim.rmsprop import RMSprop
from gradus.optim.schedules import (
    Constant,
    Cosine,
    CosLog,
    Exponential,
    FlatCosine,
    OneCycle,
    Schedule,
    Step,
    WarmUp,
)
from gradus.optim.search import EvolutionStrategy, RandomSearch, Search, SearchState
from gradus.optim.sgd import SGD

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "CosLog",
    "Cosine",
    "EvolutionStrategy",
    "Exponential",
    "FlatCosine",
    "OneCycle",
    "Optimizer",
    "Plateau",
    "PlateauState",
    "RMSprop",
    "RandomSearch",
    "Schedule",
    "Search",
    "SearchState",
    "State",
    "Step",
    "WarmUp",
    "clip_by_norm",
    "clip_by_value",
    "from_config",
    "global_norm",
    "settings_from_config",
    "to_config",
]
