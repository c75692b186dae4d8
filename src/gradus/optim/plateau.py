"""A learning rate that falls when the validation loss stops falling."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradus.checks import finite_number, whole_number
from gradus.optim.settings import Settings


@dataclass(frozen=True)
class PlateauState:
    """What a plateau remembers between two epochs.

    Attributes:
        factor: factor on the learning rate now.
        best: smallest loss so far.
        waited: epochs since then.
    """

    factor: float = 1.0
    best: float = math.inf
    waited: int = 0


@dataclass(frozen=True)
class Plateau(Settings):
    """Multiply the rate by ``factor`` after ``patience`` epochs without a better loss.

    No function of the step like the other schedules: after each epoch the trainer tells it the
    validation loss, and it says what comes next (PyTorch's ``ReduceLROnPlateau``).

    Attributes:
        factor: factor of each change, in (0, 1).
        patience: epochs without improvement that are borne, ≥ 0.
        threshold: a loss is better when it is below (1 − threshold) times the best, in [0, 1).
        min_factor: the factor on the rate does not fall below it, in [0, 1].

    >>> plateau = Plateau(factor=0.5, patience=0)
    >>> state = plateau.init()
    >>> for loss in (3.0, 2.0, 2.0):
    ...     state = plateau.next(state, loss)
    >>> state.factor
    0.5
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    min_factor: float = 0.0

    def check(self) -> None:
        """Refuse settings that it is not defined for."""
        finite_number("factor", self.factor, above=0, below=1)
        whole_number("patience", self.patience, least=0)
        finite_number("threshold", self.threshold, least=0, below=1)
        finite_number("min_factor", self.min_factor, least=0, most=1)

    def init(self) -> PlateauState:
        """State before the first epoch."""
        return PlateauState()

    def next(self, state: PlateauState, loss: float) -> PlateauState:
        """State after an epoch with this validation loss; NaN is no improvement."""
        if loss < state.best * (1.0 - self.threshold):
            return PlateauState(state.factor, float(loss), 0)
        if state.waited < self.patience:
            return PlateauState(state.factor, state.best, state.waited + 1)
        lower = max(state.factor * self.factor, self.min_factor)
        return PlateauState(lower, state.best, 0)
