"""What all estimators begin with: rows, their targets and weights; and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from gradus.checks import whole_number
from gradus.errors import DataError
from gradus.estimators.inputs import Inputs
from gradus.types import Array

_SEEDS = 2**31 - 1


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to validate on: inputs, targets, and perhaps a weight each."""

    X: Inputs
    y: Any
    weight: Array | None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, indices: Array) -> Rows:
        """The named rows."""
        weight = None if self.weight is None else self.weight[indices]
        return Rows(self.X.take(indices), self.y[indices], weight)

    def counting(self) -> Rows:
        """The rows that count at all."""
        if self.weight is None or np.all(self.weight > 0):
            return self
        if not np.any(self.weight):
            raise DataError("some row has a weight above 0", received="only weights of 0")
        return self.take(np.flatnonzero(self.weight))


def seeded(random_state: Any) -> int:
    """A whole number for all that is random: itself, or drawn."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        return whole_number("random_state", random_state, least=0)
    return int(check_random_state(random_state).randint(_SEEDS))
