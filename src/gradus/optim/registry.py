"""Optimizers and schedules as plain data, for the configuration of a run, and back."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gradus.errors import ArgumentError, FileError
from gradus.optim.adagrad import Adagrad
from gradus.optim.adam import Adam, AdamW
from gradus.optim.optimizer import Optimizer
from gradus.optim.plateau import Plateau
from gradus.optim.rmsprop import RMSprop
from gradus.optim.schedules import Constant, Cosine, Exponential, OneCycle, Schedule, Step, WarmUp
from gradus.optim.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    c.__name__: c for c in (SGD, RMSprop, Adagrad, Adam, AdamW)
}
SCHEDULES: dict[str, type[Schedule | Plateau]] = {
    c.__name__: c for c in (Constant, Step, Exponential, Cosine, WarmUp, OneCycle, Plateau)
}


def to_config(optimizer: Optimizer) -> dict[str, Any]:
    """Optimizer as plain data that JSON and TOML can hold; settings that are None are left out.

    Raises:
        ArgumentError: a class of your own, which ``from_config`` would not know.

    >>> to_config(SGD(0.5))["lr"], to_config(SGD(0.5))["schedule"]
    (0.5, {'type': 'Constant'})
    """
    return _plain(optimizer)


def from_config(config: Mapping[str, Any]) -> Optimizer:
    """Optimizer from plain data; missing settings take their defaults.

    Raises:
        FileError: an unknown type or setting, or a value that it does not take.

    >>> from_config({"type": "SGD", "lr": 0.5}) == SGD(0.5)
    True
    """
    return _read(config, OPTIMIZERS, "optimizer")


def _plain(value: Any) -> Any:
    if isinstance(value, (Optimizer, Schedule, Plateau)):
        name = type(value).__name__
        if {**OPTIMIZERS, **SCHEDULES}.get(name) is not type(value):
            raise ArgumentError(
                "a run records optimizers and schedules that gradus knows",
                received=type(value).__qualname__,
                remedy=f"use one of {', '.join([*OPTIMIZERS, *SCHEDULES])}",
            )
        settings = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": name, **{n: v for n, v in settings.items() if v is not None}}
    if isinstance(value, Mapping):
        return {name: _plain(v) for name, v in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _read(config: Any, known: Mapping[str, Callable[..., Any]], what: str) -> Any:
    config = _mapping(config, what)
    name = config.get("type")
    if not isinstance(name, str) or name not in known:
        raise FileError(
            f"the type of the {what} must be one of {', '.join(known)}", received=repr(name)
        )
    make = known[name]
    settings = {n: _setting(make, n, v) for n, v in config.items() if n != "type"}
    try:
        return make(**settings)
    except (ArgumentError, TypeError) as error:  # TypeError: a setting without default is missing
        raise FileError(f"the settings of {name} must be valid", received=error) from error


def _setting(owner: Any, name: str, value: Any) -> Any:
    """One setting, checked against the annotation of its field."""
    annotations = {f.name: str(f.type) for f in dataclasses.fields(owner)}
    if name not in annotations:
        raise FileError(
            f"the settings of {owner.__name__} are {', '.join(annotations)}", received=repr(name)
        )
    if name == "groups":
        groups = _mapping(value, "groups")
        return {
            pattern: {n: _setting(owner, n, v) for n, v in _mapping(group, pattern).items()}
            for pattern, group in groups.items()
        }
    return _READERS[annotations[name]](value, f"{name} of {owner.__name__}")


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise FileError(f"{what} must be a table of named settings", received=_short(value))
    return value


def _number(value: Any, what: str) -> float:
    if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
        raise FileError(f"{what} must be a finite number", received=_short(value))
    return float(value)


def _integer(value: Any, what: str) -> int:
    if type(value) is not int or abs(value) >= 2**53:
        raise FileError(f"{what} must be a whole number", received=_short(value))
    return value


def _flag(value: Any, what: str) -> bool:
    if type(value) is not bool:
        raise FileError(f"{what} must be true or false", received=_short(value))
    return value


def _pair(value: Any, what: str) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise FileError(f"{what} must be two numbers", received=_short(value))
    return _number(value[0], what), _number(value[1], what)


def _schedule(value: Any, what: str) -> Any:
    return _read(value, SCHEDULES, what)


def _followed(value: Any, what: str) -> Any:
    """The schedule after a warm-up: no second one, so a file cannot nest without end."""
    known = {n: c for n, c in SCHEDULES.items() if issubclass(c, Schedule) and c is not WarmUp}
    return _read(value, known, what)


def _short(value: Any) -> str:
    return repr(value)[:200]


# One reader for each annotation that stands in a field of the classes above.
_READERS: dict[str, Callable[[Any, str], Any]] = {
    "float": _number,
    "float | None": _number,
    "int": _integer,
    "int | None": _integer,
    "bool": _flag,
    "tuple[float, float]": _pair,
    "Schedule": _followed,
    "Schedule | Plateau": _schedule,
}
