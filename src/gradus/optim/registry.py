"""Optimizers and schedules as plain data, for the configuration of a run, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from gradus.errors import ArgumentError, FileError
from gradus.optim.adagrad import Adagrad
from gradus.optim.adam import Adam, AdamW
from gradus.optim.lbfgs import LBFGS
from gradus.optim.optimizer import Optimizer
from gradus.optim.plateau import Plateau
from gradus.optim.rmsprop import RMSprop
from gradus.optim.schedules import (
    Constant,
    Cosine,
    CosLog,
    Exponential,
    FlatCosine,
    OneCycle,
    Step,
    WarmUp,
)
from gradus.optim.settings import Settings
from gradus.optim.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    c.__name__: c for c in (SGD, RMSprop, Adagrad, Adam, AdamW)
}
SCHEDULES: dict[str, type[Settings]] = {
    c.__name__: c
    for c in (Constant, Step, Exponential, Cosine, FlatCosine, CosLog, WarmUp, OneCycle, Plateau)
}

_ALL: dict[str, type[Settings]] = {**OPTIMIZERS, **SCHEDULES, "LBFGS": LBFGS}


def to_config(optimizer: Settings) -> dict[str, Any]:
    """Settings as plain data for JSON and TOML; those that are None are left out.

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


def settings_from_config(config: Mapping[str, Any]) -> Settings:
    """Optimizer, L-BFGS or schedule from plain data, as ``from_config``.

    >>> settings_from_config(to_config(FlatCosine(0.5)))
    FlatCosine(flat=0.5)
    """
    return _read(config, _ALL, "optimizer or schedule")


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        name = type(value).__name__
        if _ALL.get(name) is not type(value):
            raise ArgumentError(
                "a run records optimizers and schedules that gradus knows",
                received=type(value).__qualname__,
                remedy=f"use one of {', '.join(_ALL)}",
            )
        settings = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": name, **{n: v for n, v in settings.items() if v is not None}}
    if isinstance(value, Mapping):
        return {name: _plain(v) for name, v in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _read(config: Any, known: Mapping[str, type[Settings]], what: str) -> Any:
    """The record that plain data stands for; its constructor checks the settings."""
    if not isinstance(config, Mapping):
        raise FileError(f"{what} must be a table of named settings", received=repr(config)[:200])
    name = config.get("type")
    if not isinstance(name, str) or name not in known:
        raise FileError(
            f"the type of the {what} must be one of {', '.join(known)}", received=repr(name)[:200]
        )
    cls, settings = known[name], {n: v for n, v in config.items() if n != "type"}
    fields = [f.name for f in dataclasses.fields(cls)]
    unknown = [n for n in settings if n not in fields]
    if unknown:
        raise FileError(
            f"the settings of {name} are {', '.join(fields)}", received=repr(unknown[0])[:200]
        )
    for setting in _NESTED.keys() & settings.keys():
        settings[setting] = _read(settings[setting], _NESTED[setting], f"{setting} of {name}")
    try:
        return cls(**settings)
    except (ArgumentError, TypeError) as error:  # TypeError: a setting without default is missing
        raise FileError(f"the settings of {name} must be valid", received=error) from error


# What stands in a setting that is itself a record. No second warm-up follows a warm-up, so a file
# cannot nest without end.
_NESTED: dict[str, dict[str, type[Settings]]] = {
    "schedule": SCHEDULES,
    "decay_schedule": {n: c for n, c in SCHEDULES.items() if c is not Plateau},
    "then": {n: c for n, c in SCHEDULES.items() if c not in (WarmUp, Plateau)},
}
