"""What the schedules of an optimizer say at each step, as a program is given it."""

from __future__ import annotations

import numpy as np

from gradus.errors import ShapeError
from gradus.optim import Optimizer, Plateau, Schedule
from gradus.types import Array, DType, TensorType

Factors = dict[str, Array]  # by their names in the program, one number a step


def factor_types(optimizer: Optimizer, dtype: DType) -> dict[str, TensorType]:
    """The factors that a step takes: on the rate and, only where it is scheduled, on the decay."""
    names = ["factor"] if optimizer.decay_schedule is None else ["factor", "decay"]
    return dict.fromkeys(names, TensorType((), dtype))


def factors_at(schedule: Schedule, steps: Array, total: int, per_epoch: int) -> Array:
    """Factors of a schedule at these steps.

    Raises:
        ShapeError: a schedule that gives anything but one factor a step.
    """
    factors = np.asarray(schedule.factor(steps, total, per_epoch))
    if factors.shape != steps.shape:
        raise ShapeError(
            f"a schedule gives one factor a step, here {steps.shape}",
            received=f"factors of {factors.shape}",
        )
    return factors


def decays_at(optimizer: Optimizer, steps: Array, total: int, per_epoch: int) -> Factors:
    """Factors on the decay at these steps, where it is scheduled."""
    schedule = optimizer.decay_schedule
    if schedule is None:
        return {}
    return {"decay": factors_at(schedule, steps, total, per_epoch)}


def factors_of(
    optimizer: Optimizer, first: int, epochs: int, total: int, per_epoch: int, plateau: float
) -> Factors:
    """What the schedules say at each step of some epochs, (epochs, steps).

    Args:
        optimizer: whose schedules.
        first: number of the first step.
        epochs: how many.
        total: steps in all.
        per_epoch: steps of an epoch.
        plateau: the factor of a schedule that goes by what the epochs give.
    """
    steps = np.arange(first, first + epochs * per_epoch, dtype=np.float64)
    found = decays_at(optimizer, steps, total, per_epoch)
    schedule = optimizer.schedule
    if isinstance(schedule, Plateau):
        found["factor"] = np.full(len(steps), plateau)
    else:
        found["factor"] = factors_at(schedule, steps, total, per_epoch)
    return {n: f.reshape(epochs, per_epoch) for n, f in found.items()}
