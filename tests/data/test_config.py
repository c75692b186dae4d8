"""Nothing in a config is believed before its type is checked."""

import pytest

from gradus.data.config import entry, finite_number, texts
from gradus.errors import FileError


def test_an_entry_of_the_right_type_is_returned():
    assert entry({"a": True}, "a", bool) is True
    assert finite_number({"a": 0.5}, "a") == 0.5
    assert texts({"a": ["x", "y"]}, "a") == ("x", "y")


def test_a_missing_entry_is_named_beside_those_there_are():
    with pytest.raises(FileError, match=r"must have 'a'; received the entries \['b', 'c'\]"):
        entry({"c": 1, "b": 2}, "a", str)


def test_an_entry_of_another_type_is_refused():
    with pytest.raises(FileError, match="'a' in the preprocessing config must be a float"):
        entry({"a": True}, "a", float)


def test_a_config_that_is_no_dictionary_is_refused():
    with pytest.raises(FileError, match="a config is a dictionary; received list"):
        entry([], "a", str)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_must_be_finite(value):
    with pytest.raises(FileError, match="must be finite"):
        finite_number({"a": value}, "a")


@pytest.mark.parametrize("value", [["x", 1], ["x", "x"], [["x"]]])
def test_texts_must_be_text_and_differ(value):
    with pytest.raises(FileError, match="list of different texts"):
        texts({"a": value}, "a")
