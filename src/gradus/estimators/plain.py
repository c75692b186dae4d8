"""An estimator's options as plain data, and back: what a model file says beside the weights.

JSON has no tuples, no infinity and no keys but texts. These, arrays, modules, optimizers and
schedules are written as a dictionary of one entry, whose key says what it is; so are dictionaries
themselves. Nothing is imported, evaluated or unpickled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradus import nn, optim
from gradus.data.config import entry
from gradus.errors import ArgumentError, FileError
from gradus.nn.registry import from_config, to_config
from gradus.types import Array

Build = Callable[[Any], nn.Module]

_KINDS = "biufU"  # of the arrays that are plain data: truth values, numbers and texts
_WIDEST = 1 << 16  # longest text of an array that a file may ask for
_DEEPEST = 32


def to_plain(name: str, value: Any) -> Any:
    """Plain data of an option.

    Raises:
        ArgumentError: a function, or another object that is no plain data.

    >>> to_plain("batch_size", (200, math.inf))
    {'tuple': [200, {'number': 'inf'}]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"number": str(value)}
    if type(value) is list:
        return [to_plain(name, item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [to_plain(name, item) for item in value]}
    if isinstance(value, Mapping):
        pairs = [[to_plain(name, k), to_plain(name, v)] for k, v in value.items()]
        if not any(isinstance(k, (list, dict)) for k, _ in pairs):
            return {"dict": pairs}
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        return {"array": array_to_plain(value)}
    try:
        if isinstance(value, nn.Module):
            return {"module": to_config(value)}
        if isinstance(value, (optim.Optimizer, optim.LBFGS, optim.Schedule, optim.Plateau)):
            return {"settings": optim.to_config(value)}
    except ArgumentError as error:
        raise _no_plain_data(name, error) from error
    raise _no_plain_data(name, f"{type(value).__name__} {value!r}"[:100])


def from_plain(value: Any, build: Build = from_config, depth: int = 0) -> Any:
    """The option that plain data stands for; nothing in it is trusted.

    Args:
        value: what ``to_plain`` gave, through a file.
        build: what makes a module of its config.
        depth: of the nesting so far.

    Raises:
        FileError: data that ``to_plain`` does not write.

    >>> from_plain({"tuple": [200, {"number": "inf"}]})
    (200, inf)
    """
    if depth > _DEEPEST:
        raise FileError(f"an option is nested at most {_DEEPEST} levels deep")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list):
        return [from_plain(item, build, depth + 1) for item in value]
    if not isinstance(value, dict) or len(value) != 1:
        raise _no_option(value)
    (kind, content), *_ = value.items()
    if kind == "number" and content in ("inf", "-inf", "nan"):
        return float(content)
    if kind == "tuple" and isinstance(content, list):
        return tuple(from_plain(item, build, depth + 1) for item in content)
    if kind == "dict" and isinstance(content, list):
        return dict(_pair(item, build, depth + 1) for item in content)
    if kind == "array":
        return array_from_plain(content)
    if kind == "module":
        return build(content)
    if kind == "settings":
        return optim.settings_from_config(content)
    raise _no_option(value)


def array_to_plain(array: Array) -> dict[str, Any]:
    """Shape, dtype and values of an array of truth values, finite numbers or texts.

    >>> array_to_plain(np.array([1, 2], np.int8))
    {'dtype': '|i1', 'shape': [2], 'values': [1, 2]}
    """
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "values": array.reshape(-1).tolist(),
    }


def array_from_plain(config: Any) -> Array:
    """The array, with its dtype; `FileError` where the values are none of it."""
    dtype = _dtype(entry(config, "dtype", str))
    values, shape = entry(config, "values", list), entry(config, "shape", list)
    kind = {"b": bool, "f": float, "U": str}.get(dtype.kind, int)
    try:
        array = np.array(values, dtype).reshape(shape)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise FileError("an array has values of its dtype", received=str(error)[:200]) from error
    if not all(type(v) is kind for v in values) or array.reshape(-1).tolist() != values:
        raise FileError(f"an array of {dtype} has such values", received=repr(values)[:200])
    return array


def check_fits(holds: bool, what: str, received: Any) -> None:
    """Raise `FileError` for a part of a saved estimator that cannot be one beside the others."""
    if not holds:
        raise FileError(f"the {what} of an estimator must fit the rest", received=received)


def _dtype(text: str) -> np.dtype[Any]:
    try:
        dtype = np.dtype(text)
    except (TypeError, ValueError):
        raise FileError("a dtype is one of NumPy's", received=repr(text)[:100]) from None
    if dtype.kind not in _KINDS or dtype.itemsize > 4 * _WIDEST:
        raise FileError("an array holds truth values, numbers or texts", received=text[:100])
    return dtype


def _pair(item: Any, build: Build, depth: int) -> tuple[Any, Any]:
    """Key and value of a dictionary's entry."""
    if not isinstance(item, list) or len(item) != 2 or isinstance(item[0], (list, dict)):
        raise _no_option(item)
    return item[0], from_plain(item[1], build, depth)


def _no_plain_data(name: str, received: object) -> ArgumentError:
    return ArgumentError(
        f"the option {name} is plain data in an estimator that is saved: a number, a text, or a "
        "module, optimizer or schedule that gradus knows",
        received=received,
        remedy="write it as a class derived from nn.Module, and name that at loading: "
        "load(path, modules=[…])"
        if name == "activation"
        else f"predictions do not need it any more: set_params({name}=None) before saving, or "
        "pickle the estimator",
    )


def _no_option(received: Any) -> FileError:
    return FileError(
        "the options of a saved estimator are as they were written",
        received=repr(received)[:100],
        remedy="the file was damaged or changed; use another copy, or train again",
    )
