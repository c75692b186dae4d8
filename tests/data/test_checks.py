"""Names and arguments are checked in one place."""

import pytest

from gradus.data.checks import check_names, listing
from gradus.errors import DataError


def test_a_long_list_is_cut_short_and_counted():
    assert listing(range(3)) == "0, 1, 2"
    assert listing(range(50)).endswith("18, 19, … (50 in all)")


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
