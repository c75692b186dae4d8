"""Names and arguments are checked in one place."""

import numpy as np
import pytest

from gradus.data.checks import check_names, listing, whole_number
from gradus.errors import ArgumentError, DataError


def test_a_long_list_is_cut_short_and_counted():
    assert listing(range(3)) == "0, 1, 2"
    assert listing(range(50)).endswith("18, 19, … (50 in all)")


def test_whole_numbers_of_numpy_become_pythons():
    assert type(whole_number("n", np.int64(3))) is int


@pytest.mark.parametrize("value", [1.0, "1", None])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ArgumentError, match="n must be a whole number"):
        whole_number("n", value)


def test_a_number_below_the_least_is_refused():
    with pytest.raises(ArgumentError, match="n must be at least 2; received 1"):
        whole_number("n", 1, least=2)


def test_repeated_names_are_named_with_both_places():
    with pytest.raises(DataError, match=r"'a' for columns 1 and 3 in the table"):
        check_names(["a", "b", "a"], "the table")


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_refused_with_its_place(name):
    with pytest.raises(DataError, match="an empty name for column 2 of 2 in the table"):
        check_names(["a", name], "the table")


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(DataError, match="column names must be text; received 3 for column 1"):
        check_names([3], "the table")
