"""Nested arguments: tuples, lists and dictionaries, taken apart into named leaves and rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from gradus.errors import TraceError


def named(tree: Any, name: str = "") -> dict[str, Any]:
    """Leaves of nested tuples, lists and dictionaries, under dotted names.

    Raises:
        TraceError: two leaves would have the same name.

    >>> named({"a": (1, 2)}, "x")
    {'x.a.0': 1, 'x.a.1': 2}
    """
    found: dict[str, Any] = {}
    for place, leaf in _leaves(tree, name):
        if place in found:
            raise TraceError(
                "every tensor in nested arguments and results has a dotted name of its own",
                received=f"two called {place}",
                remedy="give one of the keys another name",
            )
        found[place] = leaf
    return found


def structure(tree: Any, kind: Callable[[Any], Hashable]) -> Hashable:
    """The nesting with its keys, and the kind of each leaf.

    >>> structure({"a": [1, 2]}, type) == structure({"a": (1, 2)}, type)
    False
    """
    if isinstance(tree, dict):
        return dict, tuple((key, structure(item, kind)) for key, item in tree.items())
    if isinstance(tree, (tuple, list)):
        return type(tree), tuple(structure(item, kind) for item in tree)
    return kind(tree)


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key in tree:
            yield from _leaves(tree[key], f"{name}.{key}" if name else str(key))
    elif isinstance(tree, (tuple, list)):
        for i, item in enumerate(tree):
            yield from _leaves(item, f"{name}.{i}" if name else str(i))
    else:
        yield name, tree


def rebuild(tree: Any, replacements: Iterator[Any]) -> Any:
    """The same nesting with its leaves replaced in order.

    >>> rebuild({"a": (1, 2)}, iter([3, 4]))
    {'a': (3, 4)}
    """
    if isinstance(tree, dict):
        return {key: rebuild(item, replacements) for key, item in tree.items()}
    if isinstance(tree, tuple):
        items = [rebuild(item, replacements) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
    if isinstance(tree, list):
        return [rebuild(item, replacements) for item in tree]
    return next(replacements)
