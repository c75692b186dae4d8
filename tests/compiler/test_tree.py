"""Nested arguments: names, structure, rebuilding."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

from gradus.compiler.tree import named, rebuild, structure
from gradus.errors import TraceError

Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    "tree",
    [1, (), [], {}, (1, [2, {"a": 3}]), {"x": (1,), "y": [[2]]}, Pair(1, (2, 3)), [Pair(1, 2)]],
)
def test_taking_apart_and_rebuilding_gives_the_tree_back(tree: Any) -> None:
    found = rebuild(tree, iter(named(tree).values()))
    assert found == tree
    assert type(found) is type(tree)


def test_leaves_have_dotted_names() -> None:
    assert named({"a": (1, 2), "b": {"c": 3}}, "x") == {"x.a.0": 1, "x.a.1": 2, "x.b.c": 3}


def test_two_leaves_of_one_name_are_refused() -> None:
    with pytest.raises(TraceError, match=r"two called a\.b.*another name"):
        named({"a": {"b": 1}, "a.b": 2})


def test_structures_differ_where_the_nesting_does() -> None:
    trees: list[Any] = [[], (), {}, [1], (1,), {"a": 1}, {"b": 1}, [[1]], Pair(1, 1), (1, 1)]
    assert len({structure(tree, type) for tree in trees}) == len(trees)
