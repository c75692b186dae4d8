"""What a traced step depends on, as a value: things of equal values are traced to one graph.

Only of what gradus itself has written. A module, a loss or a rule of the user's may read anything
from anywhere, so nothing is known of it.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from gradus import ops
from gradus.nn import Module
from gradus.ops import Primitive
from gradus.tensor import Tensor
from gradus.types import TensorType


def likeness(*things: Any) -> Hashable | None:
    """A value that two networks, losses, rules … share where they are traced alike.

    Tensors count by type, by whether they are trained, and by where they stand; their numbers are
    inputs of the graph. None where anything is not known.

    >>> from gradus import losses, nn
    >>> one, other = (nn.Sequential(nn.Linear(2, 1), nn.ReLU()) for _ in range(2))
    >>> likeness(one, losses.huber) == likeness(other, losses.huber)
    True
    >>> likeness(one, lambda p, y: (p - y) ** 2) is None
    True
    """
    try:
        return _Reader().value(things)
    except _UnknownError:
        return None


class _UnknownError(Exception):
    """Of something nobody knows all that it depends on."""


class _Reader:
    def __init__(self) -> None:
        self.places: dict[int, int] = {}  # of modules and tensors, in the order they are met

    def value(self, thing: Any) -> Hashable:
        """The value of one thing."""
        kind = type(thing)
        if thing is None or isinstance(thing, (bool, int, float, str, np.generic)):
            return kind, repr(thing)  # which tells 0.0 from −0.0, and nan from nothing
        if isinstance(thing, (TensorType, np.dtype)):
            return thing
        if isinstance(thing, (list, tuple)):
            return kind, tuple(map(self.value, thing))
        if isinstance(thing, Mapping):
            return kind, tuple((self.value(k), self.value(v)) for k, v in thing.items())
        if isinstance(thing, partial):
            return kind, self.value((thing.func, thing.args, thing.keywords))
        if isinstance(thing, Module) and _ours(kind):
            return self._module(thing)
        if isinstance(thing, FunctionType) and _found_by_name(thing):
            return thing
        if isinstance(thing, Primitive) and getattr(ops, thing.name, None) is thing:
            return thing
        if is_dataclass(thing) and _ours(kind):
            return kind, tuple(self.value(getattr(thing, f.name)) for f in fields(thing))
        raise _UnknownError

    def _module(self, module: Module) -> Hashable:
        """Class and fields, or where the same module has been met before."""
        if id(module) in self.places:
            return self.places[id(module)]
        self.places[id(module)] = len(self.places)
        return type(module), tuple(
            (name, self._tensor(v) if isinstance(v, Tensor) else self.value(v))
            for name, v in vars(module).items()
            if name != "training"  # whoever traces says which mode it is for
        )

    def _tensor(self, t: Tensor) -> Hashable:
        place = self.places.setdefault(id(t), len(self.places))
        return place, t.type, t.requires_grad


def _ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "gradus"


def _found_by_name(function: FunctionType) -> bool:
    """Whether it is a function of one of gradus's files, and so of nothing but its arguments."""
    home = str(function.__module__)  # None of what a text was executed to
    known = home.partition(".")[0] == "gradus"
    return known and getattr(sys.modules.get(home), function.__name__, None) is function
