"""Checks of arguments that every room shares: one wording, and a plain Python value comes back."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from gradus.errors import ArgumentError


def require(holds: bool, rule: str, received: object, remedy: str | None = None) -> None:
    """Raise an ArgumentError unless the rule holds."""
    if not holds:
        raise ArgumentError(rule, received=received, remedy=remedy)


def whole_number(name: str, value: Any, *, least: int | None = None) -> int:
    """An integer of at most 64 bits, and of at least ``least`` where that is given.

    >>> whole_number("n", np.int32(5), least=1)
    5
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        rule = "be a whole number"
    elif not -(2**63) <= number < 2**63:
        rule = "fit into 64 bits"
    elif least is not None and number < least:
        rule = f"be at least {least}"
    else:
        return number
    raise ArgumentError(f"{name} must {rule}", received=_short(value))


def whole_numbers(name: str, value: Any, *, least: int | None = None) -> tuple[int, ...]:
    """Several integers; one may stand alone.

    >>> whole_numbers("shape", 3), whole_numbers("shape", [2, 3])
    ((3,), (2, 3))
    """
    items = tuple(value) if isinstance(value, Iterable) else (value,)
    try:
        return tuple(whole_number(name, item, least=least) for item in items)
    except ArgumentError:
        bound = "" if least is None else f" of at least {least}"
        rule = f"{name} must be one or more whole numbers{bound}"
        raise ArgumentError(rule, received=_short(value)) from None


def finite_number(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> float:
    """A number with above < number < below and least ≤ number ≤ most.

    >>> finite_number("p", 0, least=0, below=1)
    0.0
    """
    try:
        number = float(value) if isinstance(value, Real) else math.nan
    except OverflowError:  # an integer that no float can hold
        number = math.nan
    if isinstance(value, bool) or not (above < number < below and least <= number <= most):
        low = f"[{least:g}" if least > -math.inf else f"({above:g}"
        high = f"{most:g}]" if most < math.inf else f"{below:g})"
        bounded = "" if (low, high) == ("(-inf", "inf)") else f" in {low}, {high}"
        raise ArgumentError(f"{name} must be a finite number{bounded}", received=_short(value))
    return number


def flag(name: str, value: Any) -> bool:
    """True or False.

    >>> flag("bias", True)
    True
    """
    require(isinstance(value, (bool, np.bool_)), f"{name} must be True or False", _short(value))
    return bool(value)


def choice(name: str, value: Any, *options: str) -> str:
    """One of the named options.

    >>> choice("approximate", "tanh", "none", "tanh")
    'tanh'
    """
    named = " or ".join(map(repr, options))
    known = isinstance(value, str) and value in options
    require(known, f"{name} must be {named}", _short(value))
    return str(value)


def _short(value: Any) -> str:
    return repr(value)[:100]
