"""Nested arguments: tuples, lists and dictionaries, taken apart into named leaves and rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested tuples, lists and dictionaries, with dotted names.

    >>> list(leaves({"a": (1, 2)}, "x"))
    [('x.a.0', 1), ('x.a.1', 2)]
    """
    if isinstance(tree, dict):
        for key in tree:
            yield from leaves(tree[key], f"{name}.{key}" if name else str(key))
    elif isinstance(tree, (tuple, list)):
        for i, item in enumerate(tree):
            yield from leaves(item, f"{name}.{i}" if name else str(i))
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
