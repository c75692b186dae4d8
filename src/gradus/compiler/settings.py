"""What of a module a traced function may have read as plain Python values."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from gradus.tensor import Tensor


def settings(module: Any) -> Hashable:
    """Plain fields of a module and of its inner modules: a program depends on them.

    Numbers, text and tuples count by value, functions by identity, tensors by identity, type and
    role (their numbers are read at every call); lists and arrays are taken to be constants.

    >>> from gradus import nn
    >>> net = nn.Sequential(nn.Dropout(0.5))
    >>> before = settings(net)
    >>> net[0].p = 0.1
    >>> settings(net) == before
    False
    """
    return tuple(
        (name, type(m), m.training, _plain_fields(m)) for name, m in module.named_modules()
    )


def _plain_fields(module: Any) -> Hashable:
    found = []
    for name, value in vars(module).items():
        plain = _plain(value)
        if plain is not None and name != "training":
            found.append((name, plain))
    return tuple(found)


def _plain(value: Any) -> Hashable:
    if isinstance(value, Tensor):
        return id(value), value.type, value.requires_grad
    if isinstance(value, (int, str)):
        return type(value), value
    if isinstance(value, float):
        return type(value), repr(value)  # which tells 0.0 from −0.0, and nan from nothing
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if callable(value) and not hasattr(value, "named_modules"):
        return _Same(value)
    return "None" if value is None else None


class _Same:
    """Equal where it holds the very same object, which it keeps from being replaced unseen."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)
