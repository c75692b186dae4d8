"""Arguments are checked in one place, with one wording."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

import gradus as gd
from gradus.checks import choice, finite_number, flag, require, whole_number, whole_numbers
from gradus.errors import ArgumentError


@pytest.mark.parametrize("value", [3, np.int8(3), np.array(3), gd.tensor(3)])
def test_whole_numbers_of_every_kind_become_pythons(value: object) -> None:
    assert type(whole_number("n", value)) is int
    assert whole_numbers("n", [value]) == (3,)


@pytest.mark.parametrize(
    "value", [3.0, "3", None, True, np.True_, np.array([3]), gd.tensor(3.0), [3]]
)
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match="n must be a whole number; received"):
        whole_number("n", value)


def test_a_whole_number_below_the_least_or_beyond_64_bits_is_refused() -> None:
    with pytest.raises(ArgumentError, match="n must be at least 2; received 1"):
        whole_number("n", 1, least=2)
    for value in (2**63, -(2**63) - 1, 10**400):
        with pytest.raises(ArgumentError, match="n must fit into 64 bits") as caught:
            whole_number("n", value)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [1.5, "ab", (1, 2.0), [[1]], None, {"a": 1}])
def test_what_are_no_whole_numbers_is_shown_as_it_came(value: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        whole_numbers("shape", value)
    assert str(caught.value) == f"shape must be one or more whole numbers; received {value!r}"


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2), Fraction(2)])
def test_finite_numbers_of_every_kind_become_pythons(value: object) -> None:
    assert type(finite_number("x", value)) is float


@pytest.mark.parametrize("value", ["2", None, True, 2j, np.nan, np.inf, 10**400, [2.0]])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match="x must be a finite number; received"):
        finite_number("x", value)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "said"),
    [
        ({"least": 0, "most": 1}, [0, 1], [-0.1, 1.1], r"in \[0, 1\]"),
        ({"least": 0, "below": 1}, [0, 0.9], [1], r"in \[0, 1\)"),
        ({"above": 0}, [1e300], [0, -1, np.inf], r"in \(0, inf\)"),
        ({"below": 2.5}, [2, -1e300], [2.5], r"in \(-inf, 2.5\)"),
    ],
)
def test_a_bound_is_kept_and_named(
    bounds: dict[str, float], inside: list[float], outside: list[float], said: str
) -> None:
    assert [finite_number("x", x, **bounds) for x in inside] == inside
    for x in outside:
        with pytest.raises(ArgumentError, match=said):
            finite_number("x", x, **bounds)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: flag("bias", 1), "bias must be True or False; received 1"),
        (lambda: choice("mode", "c", "a", "b"), "mode must be 'a' or 'b'; received 'c'"),
        (lambda: choice("mode", ["a"], "a", "b"), r"mode must be 'a' or 'b'; received \['a'\]"),
        (lambda: require(False, "the rule", 3, "the remedy"), "the rule; received 3.*the remedy"),
    ],
)
def test_flags_choices_and_requirements_say_their_rule(
    wrong: Callable[[], object], says: str
) -> None:
    with pytest.raises(ArgumentError, match=says):
        wrong()


def test_what_fits_comes_back() -> None:
    assert flag("bias", np.True_) is True
    assert choice("mode", "a", "a", "b") == "a"
    require(True, "the rule", 3)
