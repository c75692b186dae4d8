"""Keeping a constructor's arguments as they are, which is all that scikit-learn lets it do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def store(arguments: Mapping[str, Any]) -> None:
    """Set a field of the same name for each argument: ``store(locals())`` is a constructor's body.

    >>> class Scaler:
    ...     def __init__(self, factor=2):
    ...         store(locals())
    >>> Scaler(3).factor
    3
    """
    estimator = arguments["self"]
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)
