"""What optimizers and schedules are: frozen records of settings, checked when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Settings:
    """Base of every optimizer and schedule: a frozen dataclass that checks its fields."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, _python(value))
        self.check()

    def check(self) -> None:
        """Refuse settings that it is not defined for."""


def _python(value: Any) -> Any:
    """A setting in Python's own numbers: NumPy's would impose their dtype on the parameters."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, list)):
        return tuple(map(_python, value))
    return {k: _python(v) for k, v in value.items()} if isinstance(value, Mapping) else value
