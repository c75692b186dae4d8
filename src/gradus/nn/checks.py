"""Checks of constructor arguments: a layer that exists can also compute.

Each returns the argument as a plain Python value, so that a module's config is plain data.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from gradus.errors import ArgumentError, DtypeError
from gradus.types import as_dtype, is_float


def integer(name: str, value: Any, low: int | None = None) -> int:
    """An integer, of at least ``low`` where that is given.

    >>> integer("dim", -1)
    -1
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or (low is not None and number < low):
        rule = f"{name} is an integer" + ("" if low is None else f" of at least {low}")
        raise ArgumentError(rule, received=repr(value)[:100])
    return number


def positive(name: str, value: Any) -> int:
    """An integer of at least 1: a number of features.

    >>> positive("in_features", 64)
    64
    """
    return integer(name, value, 1)


def real(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, ends: str = "[]"
) -> float:
    """A finite number between two bounds; ``ends`` says, as in maths, which bounds it may take.

    >>> real("p", 0, 0, 1, ends="[)")
    0.0
    """
    number = float(value) if isinstance(value, (int, float, np.number)) else math.nan
    above = number > low if ends[0] == "(" else number >= low
    below = number < high if ends[1] == ")" else number <= high
    if isinstance(value, bool) or not (math.isfinite(number) and above and below):
        bounded = math.isfinite(low) or math.isfinite(high)
        where = f" in {ends[0]}{low:g}, {high:g}{ends[1]}" if bounded else ""
        raise ArgumentError(f"{name} is a finite number{where}", received=repr(value)[:100])
    return number


def flag(name: str, value: Any) -> bool:
    """True or False.

    >>> flag("bias", True)
    True
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{name} is True or False", received=repr(value)[:100])
    return bool(value)


def choice(name: str, value: Any, *options: str) -> str:
    """One of the named options.

    >>> choice("approximate", "tanh", "none", "tanh")
    'tanh'
    """
    if not isinstance(value, str) or value not in options:
        named = " or ".join(map(repr, options))
        raise ArgumentError(f"{name} is {named}", received=repr(value)[:100])
    return value


def float_dtype(dtype: Any) -> str:
    """Name of a floating-point dtype: what parameters are made of.

    >>> float_dtype(np.float64)
    'float64'
    """
    if not isinstance(dtype, (str, type, np.dtype)) or not is_float(as_dtype(dtype)):
        raise DtypeError("parameters are float32 or float64", received=repr(dtype)[:100])
    return str(as_dtype(dtype))
