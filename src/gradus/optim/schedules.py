"""Schedules: a factor on the learning rate over the course of training."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gradus.checks import finite_number, require, whole_number
from gradus.optim.settings import Settings
from gradus.types import Array


@dataclass(frozen=True)
class Schedule(Settings):
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


@dataclass(frozen=True)
class Step(Schedule):
    """Multiply the rate by gamma every so many epochs (PyTorch's ``StepLR``).

    Attributes:
        epochs: number of epochs between two changes, ≥ 1.
        gamma: factor of each change, > 0.

    >>> Step(epochs=2, gamma=0.5).factor(np.arange(5.0), total=5, per_epoch=1).tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    epochs: int
    gamma: float = 0.1

    def check(self) -> None:
        """Refuse settings that the schedule is not defined for."""
        whole_number("epochs", self.epochs, least=1)
        finite_number("gamma", self.gamma, above=0)

    def factor(self, step: Array, total: int, per_epoch: int) -> Array:
        """γ^⌊epoch / epochs⌋."""
        return np.asarray(self.gamma ** (step // per_epoch // self.epochs))


@dataclass(frozen=True)
class Exponential(Schedule):
    """Multiply the rate by gamma after every epoch (PyTorch's ``ExponentialLR``).

    Attributes:
        gamma: factor of each change, > 0.

    >>> Exponential(0.5).factor(np.arange(4.0), total=4, per_epoch=2).tolist()
    [1.0, 1.0, 0.5, 0.5]
    """

    gamma: float

    def check(self) -> None:
        """Refuse settings that the schedule is not defined for."""
        finite_number("gamma", self.gamma, above=0)

    def factor(self, step: Array, total: int, per_epoch: int) -> Array:
        """γ^epoch."""
        return np.asarray(self.gamma ** (step // per_epoch))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Fall along half a cosine from 1 to ``final`` (PyTorch's ``CosineAnnealingLR``).

    Attributes:
        final: factor that the end of training comes to, in [0, 1].

    Source: Loshchilov and Hutter (2017).

    >>> Cosine().factor(np.array([0.0, 2.0, 4.0]), total=4, per_epoch=1).round(3).tolist()
    [1.0, 0.5, 0.0]
    """

    final: float = 0.0

    def check(self) -> None:
        """Refuse settings that the schedule is not defined for."""
        finite_number("final", self.final, least=0, most=1)

    def factor(self, step: Array, total: int, per_epoch: int) -> Array:
        """Final + (1 − final) (1 + cos πt/T) / 2 at step t of T."""
        return _half_cosine(1.0, self.final, _share(step, total))


@dataclass(frozen=True)
class FlatCosine(Schedule):
    """Stay at 1, then fall along half a cosine to 0.

    Attributes:
        flat: share of the training before the fall, in [0, 1].

    Source: RealMLP: Holzmüller, Grinsztajn and Steinwart, "Better by default" (2024).

    >>> FlatCosine().factor(np.array([0.0, 2.0, 3.0, 4.0]), total=4, per_epoch=1).round(3).tolist()
    [1.0, 1.0, 0.5, 0.0]
    """

    flat: float = 0.5

    def check(self) -> None:
        """Refuse settings that the schedule is not defined for."""
        finite_number("flat", self.flat, least=0, most=1)

    def factor(self, step: Array, total: int, per_epoch: int) -> Array:
        """1 until step f·T, then (1 + cos π (t − f·T)/(T − f·T)) / 2 at step t of T."""
        start = self.flat * total
        return _half_cosine(1.0, 0.0, _share(step - start, total - start))


@dataclass(frozen=True)
class CosLog(Schedule):
    """Rise and fall several times between 0 and 1, each time for twice as long as before.

    A rate that has come down is a good place to stop, so the best epoch of a validation part is
    often at the end of an early cycle where few steps are enough.

    Attributes:
        cycles: how often the factor comes back to 0, ≥ 1.

    Source: RealMLP: Holzmüller, Grinsztajn and Steinwart, "Better by default" (2024).

    >>> peak = np.sqrt(2) - 1  # the middle of the first octave
    >>> CosLog(2).factor(np.array([0.0, peak, 1.0, 3.0]), total=3, per_epoch=1).round(3).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """

    cycles: int = 4

    def check(self) -> None:
        """Refuse settings that the schedule is not defined for."""
        whole_number("cycles", self.cycles, least=1)
        require(self.cycles <= 32, "cycles is at most 32", self.cycles, "the first would be empty")

    def factor(self, step: Array, total: int, per_epoch: int) -> Array:
        """(1 − cos(2π log₂(1 + (2ᶜ − 1) t/T))) / 2 at step t of T, for c cycles."""
        turns = np.log2(1.0 + (2.0**self.cycles - 1.0) * _share(step, total))
        return np.asarray((1.0 - np.cos(2.0 * np.pi * turns)) / 2.0)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Rise in a straight line from ``start`` to 1, then follow another schedule.

    PyTorch's ``LinearLR``, then ``then`` from its own beginning (``SequentialLR``).

    Attributes:
        steps: length of the rise in steps; or
        epochs: length of the rise in epochs: one of the two is given.
        start: factor at the first step, in [0, 1].
        then: schedule of the rest of the training; no second warm-up.

    >>> WarmUp(steps=2, start=0.5).factor(np.arange(4.0), total=4, per_epoch=1).tolist()
    [0.5, 0.75, 1.0, 1.0]
    """

    steps: int | None = None
    epochs: int | None = field(default=None, kw_only=True)
    start: float = field(default=1 / 3, kw_only=True)
    then: Schedule = field(default_factory=Constant, kw_only=True)

    def check(self) -> None:
        """Refuse settings that the schedule is not defined for."""
        require(
            (self.steps is None) != (self.epochs is None),
            "a warm-up is as long as steps= or epochs= says",
            f"steps={self.steps}, epochs={self.epochs}",
            "give one of the two",
        )
        if self.steps is None:
            whole_number("epochs", self.epochs, least=1)
        else:
            whole_number("steps", self.steps, least=1)
        finite_number("start", self.start, least=0, most=1)
        require(
            isinstance(self.then, Schedule) and not isinstance(self.then, WarmUp),
            "a warm-up goes over into another kind of schedule",
            repr(self.then),
        )

    def factor(self, step: Array, total: int, per_epoch: int) -> Array:
        """Start + (1 − start) t/n before step n, then ``then`` at step t − n."""
        n = (self.epochs or 0) * per_epoch if self.steps is None else self.steps
        rise = self.start + (1.0 - self.start) * _share(step, n)
        rest = self.then.factor(np.maximum(step - n, 0.0), max(total - n, 1), per_epoch)
        return np.where(step < n, rise, rest)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Rise from ``start`` to 1 and fall to ``final``, each along half a cosine.

    PyTorch's ``OneCycleLR`` with ``div_factor`` 1 / start and ``final_div_factor`` start / final.

    Attributes:
        peak_at: share of the training at which the factor is 1, in (0, 1).
        start: factor at the first step, in [0, 1].
        final: factor at the last step, in [0, 1].

    Source: Smith and Topin (2019).

    >>> OneCycle(0.5, start=0.0, final=0.2).factor(np.array([0.0, 4.0, 9.0]), 10, 1).tolist()
    [0.0, 1.0, 0.2]
    """

    peak_at: float = 0.3
    start: float = 1 / 25
    final: float = 1e-4

    def check(self) -> None:
        """Refuse settings that the schedule is not defined for."""
        finite_number("peak_at", self.peak_at, above=0, below=1)
        finite_number("start", self.start, least=0, most=1)
        finite_number("final", self.final, least=0, most=1)

    def factor(self, step: Array, total: int, per_epoch: int) -> Array:
        """Half a cosine up to step p·T − 1, and one down to step T − 1."""
        peak = max(self.peak_at * total - 1.0, 0.0)
        up = _half_cosine(self.start, 1.0, _share(step, peak))
        down = _half_cosine(1.0, self.final, _share(step - peak, total - 1.0 - peak))
        return np.where(step < peak, up, down)


def _share(step: Array, length: float) -> Array:
    """Share of a stretch that lies behind, in [0, 1]."""
    return np.clip(step / max(length, 1e-9), 0.0, 1.0)


def _half_cosine(start: float, end: float, share: Array) -> Array:
    """From start to end, level at both."""
    return np.asarray(end + (start - end) * (1.0 + np.cos(np.pi * share)) / 2.0)
