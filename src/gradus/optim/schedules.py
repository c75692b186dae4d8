"""Schedules: a factor on the learning rate over the course of training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradus.types import Array


@dataclass(frozen=True)
class Schedule:
    """Base of every schedule.

    A schedule is a pure function of the step. It is told how many steps an epoch has and how many
    there are in all, so that it can be written in epochs or as a share of the training.
    """

    def factor(self, step: Array, total: int, per_epoch: int) -> Array:
        """Factor on the learning rate at each of the steps.

        Args:
            step: numbers of the steps, from 0, float64.
            total: number of steps of the whole training.
            per_epoch: number of steps of an epoch.
        """
        raise NotImplementedError(f"{type(self).__name__} has no factor")


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate throughout."""

    def factor(self, step: Array, total: int, per_epoch: int) -> Array:
        """1 at every step."""
        return np.ones_like(step)
