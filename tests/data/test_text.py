"""Text as numbers: there and back, windows, parts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.data import Alphabet, split_text, windows
from gradus.errors import ArgumentError, DataError, FileError


@given(st.text(min_size=1))
def test_a_text_comes_back_from_its_numbers(text: str) -> None:
    alphabet = Alphabet.of(text)
    numbers = alphabet.encode(text)
    assert alphabet.decode(numbers) == text
    assert set(numbers.tolist()) == set(range(len(alphabet)))
    assert Alphabet.from_config(json.loads(json.dumps(alphabet.to_config()))) == alphabet


def test_numbers_are_places_whatever_the_order_of_the_characters() -> None:
    assert Alphabet("cab").encode("abc").tolist() == [1, 2, 0]


def test_an_unknown_character_is_named_with_its_place() -> None:
    with pytest.raises(DataError, match="'z' at character 2, counted from 0"):
        Alphabet("ab").encode("abz")
    with pytest.raises(DataError, match="'0' at character 0"):
        Alphabet("ab").encode("0")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Alphabet(""), "made of the characters"),
        (lambda: Alphabet("aa"), "each character once"),
        (lambda: Alphabet(["a", "b"]), "made of the characters"),  # type: ignore[arg-type]
        (lambda: Alphabet.of(b"ab"), "a text is a str; received bytes"),  # type: ignore[arg-type]
        (lambda: Alphabet("ab").decode([2]), "between 0 and 1"),
        (lambda: Alphabet("ab").decode([-1]), "between 0 and 1"),
        (lambda: windows(np.arange(9), 0), "length must be at least 1"),
        (lambda: windows(np.arange(9), 2, 0), "step must be at least 1"),
        (lambda: split_text("abc", 0.5, 0.5), "something to train on"),
        (lambda: split_text("abc", 0.0), "validation must be"),
    ],
)
def test_misuse_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        wrong()


@pytest.mark.parametrize(
    "config", [{}, {"characters": 3}, {"characters": ""}, {"characters": "aa"}]
)
def test_a_config_that_describes_no_alphabet_is_a_damaged_file(config: dict[str, Any]) -> None:
    with pytest.raises(FileError):
        Alphabet.from_config(config)


@given(st.integers(2, 60), st.integers(1, 12))
def test_whole_windows_ask_for_every_character_but_the_first_once(n: int, length: int) -> None:
    if n <= length:
        with pytest.raises(DataError, match=f"at least {length + 1}"):
            windows(np.arange(n), length)
        return
    inputs, targets = windows(np.arange(n), length)
    assert np.array_equal(targets, inputs + 1)
    assert targets.ravel().tolist() == list(range(1, len(targets) * length + 1))
    assert n - 1 - targets.size < length


def test_windows_overlap_where_the_step_is_shorter() -> None:
    inputs, targets = windows(np.arange(6), 3, step=1)
    assert inputs.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    assert targets.tolist() == [[1, 2, 3], [2, 3, 4], [3, 4, 5]]
    inputs[0, 0] = 9
    assert targets[0, 0] == 1


@given(st.text(min_size=20), st.floats(0.1, 0.4), st.floats(0.1, 0.4))
def test_the_parts_of_a_text_follow_each_other(text: str, validation: float, held: float) -> None:
    parts = split_text(text, validation, held)
    assert "".join(parts) == text
    assert abs(len(parts[1]) - validation * len(text)) <= 0.5
    assert abs(len(parts[2]) - held * len(text)) <= 0.5


def test_a_text_too_short_for_three_parts_is_refused() -> None:
    with pytest.raises(DataError, match="3 characters in all"):
        split_text("abc")


@pytest.mark.parametrize("wrong", ["abc", [0.0, 0.7, 1.0], [[0, 1, 0]]])
def test_what_is_not_encoded_is_not_taken_for_numbers(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match=r"Alphabet\.encode"):
        windows(wrong, 2)
    with pytest.raises(ArgumentError, match=r"Alphabet\.encode"):
        Alphabet("ab").decode(wrong)
