"""Networks as plain data, and back: what a model file says of the architecture.

A config is what JSON can hold: ``{"type": "Linear", "in_features": 64, …}``, the constructor's
arguments under their names, with modules and initialisers nested in the same form. Types are
looked up in a closed table and in the classes that the caller hands over. Nothing is imported,
evaluated or unpickled, so a file cannot run code. Weights are no part of it.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Iterable
from typing import Any

from gradus.errors import ArgumentError, FileError, GradusError
from gradus.nn.activations import ACTIVATIONS
from gradus.nn.attention import MultiheadAttention
from gradus.nn.convolution import Conv1d, Conv2d
from gradus.nn.dropout import Dropout
from gradus.nn.embedding import Embedding
from gradus.nn.ensemble import Ensemble, MemberInput, MemberLinear, MemberMean
from gradus.nn.featurewise import Clamp, ParametricActivation, ScalingLayer, Temperature
from gradus.nn.init import Constant, He, Initialiser, LeCun, Normal, Uniform, Xavier, Zeros
from gradus.nn.linear import Flatten, Linear, Maxout, Unflatten
from gradus.nn.module import Module
from gradus.nn.normalisation import BatchNorm, LayerNorm
from gradus.nn.ntk import NTKLinear
from gradus.nn.numeric import PeriodicEmbedding, PiecewiseLinearEmbedding
from gradus.nn.parameter import at_most
from gradus.nn.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from gradus.nn.positions import LearnedPositions, SinusoidalPositions
from gradus.nn.recurrent import GRU, LSTM, RNN, EveryStep, LastStep
from gradus.nn.sequential import Sequential
from gradus.nn.sparse import SparseLinear
from gradus.nn.table import SparseInput, TableInput
from gradus.nn.transformer import TransformerDecoderLayer, TransformerEncoderLayer

Known = dict[str, type[Any]]

_LAYERS = (
    Sequential, Linear, SparseLinear, Maxout, Flatten, Unflatten, Dropout, BatchNorm, LayerNorm,
    Embedding, Conv1d, Conv2d, MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d, AdaptiveAvgPool1d,
    AdaptiveAvgPool2d, RNN, LSTM, GRU, EveryStep, LastStep,
    MultiheadAttention, SinusoidalPositions, LearnedPositions, TransformerEncoderLayer,
    TransformerDecoderLayer, NTKLinear, ScalingLayer, ParametricActivation, Clamp, Temperature,
    TableInput, SparseInput, PeriodicEmbedding, PiecewiseLinearEmbedding, MemberInput,
    MemberLinear, MemberMean, Ensemble,
)  # fmt: skip
_INITIALISERS = (Zeros, Constant, Normal, Uniform, Xavier, He, LeCun)
_KNOWN: Known = {c.__name__: c for c in (*_LAYERS, *ACTIVATIONS.values(), *_INITIALISERS)}

_DEEPEST = 64
_PLAIN = (bool, int, float, str)
_FAULTS = (GradusError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


def to_config(module: Module) -> dict[str, Any]:
    """Architecture of a module as plain data.

    Raises:
        ArgumentError: an argument that is not plain data, a class of one's own with the name of
            one of gradus's, or a layer with parameters that stands in two places.

    >>> from gradus import nn
    >>> to_config(nn.Sequential(nn.ReLU(), nn.ELU(2.0)))
    {'type': 'Sequential', 'layers': [{'type': 'ReLU'}, {'type': 'ELU', 'alpha': 2.0}]}
    """
    return _encode(module, type(module).__name__, set())


def from_config(
    config: Any,
    modules: Iterable[type[Module | Initialiser]] = (),
    *,
    max_elements: int | None = None,
) -> Module:
    """Build the module that a config describes, with fresh initial weights.

    Args:
        config: what ``to_config`` gave, perhaps through a file.
        modules: the caller's own Module (and Initialiser) classes that may occur.
        max_elements: refuse to make more numbers than these, before memory is taken: the number
            that the file holds.

    Raises:
        FileError: a type that is not known, wrong, missing or surplus arguments, or nesting
            beyond 64 levels.
        ArgumentError: one of ``modules`` is no such class, or has the name of one of gradus's.

    >>> from_config({"type": "Linear", "in_features": 64, "out_features": 10})
    Linear(64 → 10)  # weight (10, 64), bias (10,), 650 parameters
    """
    known = dict(_KNOWN)
    for cls in modules:
        if not (isinstance(cls, type) and issubclass(cls, (Module, Initialiser))):
            raise ArgumentError("modules are classes derived from nn.Module", received=repr(cls))
        _refuse_taken_name(cls)
        known[cls.__name__] = cls
    with at_most(max_elements):
        built = _decode(config, known, 0)
    if not isinstance(built, Module):
        raise FileError("a model's config describes a module", received=_short(config))
    return built


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────


def _encode(value: Any, place: str, seen: set[Module]) -> Any:
    """Plain data of a value; ``place`` says where it stands, for errors."""
    if isinstance(value, Module):
        if value in seen and value.named_parameters():
            raise ArgumentError(
                "each layer with parameters stands in one place of a network that is saved",
                received=f"a second {value.summary()} at {place}",
                remedy="build a layer for each place, or share it inside a Module of your own",
            )
        seen.add(value)
        return _encode_call(value, value.config(), place, seen)
    if isinstance(value, Initialiser):
        arguments = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return _encode_call(value, arguments, place, seen)
    if isinstance(value, (list, tuple)):
        return [_encode(item, f"{place}[{i}]", seen) for i, item in enumerate(value)]
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float and math.isfinite(value):
        return value
    raise ArgumentError(
        "a config holds None, booleans, finite numbers, text, lists of these, modules and "
        "initialisers",
        received=f"{type(value).__name__} {value!r}"[:100] + f" at {place}",
        remedy="keep a plain value in the field of the constructor argument",
    )


def _encode_call(
    value: Any, arguments: dict[str, Any], place: str, seen: set[Module]
) -> dict[str, Any]:
    _refuse_taken_name(type(value))
    if "type" in arguments:
        raise ArgumentError("no constructor argument is called 'type'", received=place)
    encoded = {n: _encode(v, f"{place}.{n}", seen) for n, v in arguments.items()}
    return {"type": type(value).__name__, **encoded}


def _refuse_taken_name(cls: type[Any]) -> None:
    if _KNOWN.get(cls.__name__, cls) is not cls:
        raise ArgumentError(
            f"gradus has a {cls.__name__} of its own",
            received=f"{cls.__module__}.{cls.__qualname__}",
            remedy="give your class another name",
        )


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────


def _decode(value: Any, known: Known, depth: int) -> Any:
    """The value that plain data stands for; nothing in it is trusted."""
    if depth > _DEEPEST:
        raise FileError(f"a config is nested at most {_DEEPEST} levels deep")
    if isinstance(value, dict):
        return _decode_call(value, known, depth)
    if isinstance(value, list):
        return [_decode(item, known, depth + 1) for item in value]
    if value is None or type(value) in _PLAIN:
        return value
    raise FileError("a config is plain data, as in JSON", received=_short(value))


def _decode_call(config: dict[Any, Any], known: Known, depth: int) -> Any:
    name = config.get("type")
    if not isinstance(name, str) or name not in known:
        raise FileError(
            "every part of a config has a known type",
            received=_short(name),
            remedy="pass the class itself, modules=[...], if it is one of your own; otherwise the "
            "file is damaged or comes from a newer gradus",
        )
    cls = known[name]
    try:
        arguments = {n: _decode(v, known, depth + 1) for n, v in config.items() if n != "type"}
        spread = [
            p.name
            for p in inspect.signature(cls).parameters.values()
            if p.kind is p.VAR_POSITIONAL and p.name in arguments
        ]
        positional = [item for n in spread for item in list(arguments.pop(n))]
        return cls(*positional, **arguments)
    except FileError:
        raise
    except (*_FAULTS, MemoryError) as error:
        raise FileError(
            f"the arguments of {name} in a config must make one",
            received=str(error)[:200],
            remedy="the file is damaged or comes from another version of gradus",
        ) from error


def _short(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"[:100]
