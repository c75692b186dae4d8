"""Every column gets a kind, and a note where the choice may surprise."""

import datetime

import numpy as np
import pytest

from gradus.data import Table, infer_schema
from gradus.errors import ArgumentError, DataError


def column(values, override=None):
    table = Table.from_arrays({"a": values})
    return infer_schema(table, {"a": override} if override else {})[0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "numeric"),
        ([0.5, None], "numeric"),
        ([1, 1], "numeric"),
        ([True, None], "boolean"),
        (["yes", "NO", None], "boolean"),
        (["true", "no"], "boolean"),
        (["2024-01-01", "2024-01-02T10:00", None], "date"),
        ([datetime.date(2024, 1, 1), None], "date"),
        (["a", "b", "a"], "categorical"),
        (["yes", "no", "maybe"], "categorical"),
        (["2024-01-01", "unknown"], "categorical"),
        ([None, None], "ignored"),
    ],
)
def test_the_kind_follows_from_the_cells(values, kind):
    assert column(values).kind == kind


def test_missing_and_distinct_cells_are_counted():
    described = column(["x", "y", "x", None])
    assert (described.name, described.missing_count, described.distinct) == ("a", 1, 2)


def test_the_schema_is_in_the_tables_order():
    table = Table.from_arrays({"b": [1], "a": ["x"]})
    assert [column.name for column in infer_schema(table)] == ["b", "a"]


def test_a_table_without_rows_has_only_ignored_columns():
    assert infer_schema(Table.from_arrays({"a": [1]}).take([]))[0].kind == "ignored"


def test_text_that_differs_in_most_rows_is_ignored_and_says_how_to_use_it():
    described = column([f"id{i}" for i in range(150)] + ["id0"] * 50)
    assert described.kind == "ignored"
    assert "150 different texts in 200 rows look like an id or free text" in described.note
    assert "override its kind with 'categorical'" in described.note


def test_text_with_few_different_values_or_many_repeats_is_categorical():
    assert column([f"id{i}" for i in range(100)]).kind == "categorical"
    assert column([f"id{i % 150}" for i in range(300)]).kind == "categorical"


def test_more_categories_than_memory_should_hold_are_ignored():
    described = column([f"id{i % 1001}" for i in range(3000)])
    assert described.kind == "ignored"
    assert "1001 different texts are more than 1000 categories" in described.note


def test_with_codes_there_may_be_any_number_of_categories_but_no_ids():
    def kind(values):
        return infer_schema(Table.from_arrays({"a": values}), codes=True)[0].kind

    assert kind([f"id{i % 1001}" for i in range(3000)]) == "categorical"
    assert kind([f"id{i}" for i in range(1001)]) == "ignored"


def test_a_constant_or_empty_column_is_noted():
    assert column([3, 3]).note == "every cell that is not missing is the same"
    assert column([None]).note == "every cell is missing"


def test_numbers_with_a_few_other_cells_are_categorical_and_the_first_is_named():
    described = column(["7"] * 11 + ["abc"] + ["8"] * 20)
    assert described.kind == "categorical"
    assert described.note == "97 % of the cells are numbers; first that is not: 'abc' in row 12"


def test_the_row_of_the_first_cell_counts_missing_cells():
    assert "'abc' in row 4" in column(["1", None, "2", "abc", "3"]).note


def test_one_bad_cell_in_many_is_never_rounded_away():
    described = column([str(i) for i in range(999)] + ["abc"])
    assert described.kind == "ignored"
    assert described.note.startswith("99 % of the cells are numbers; first that is not: 'abc'")


def test_numbers_written_as_text_are_noted():
    assert column(["1", "2"]).note == "every cell is a number written as text"


def test_an_override_wins():
    assert column([1, 2], "categorical").kind == "categorical"
    assert column([0, 1], "boolean").kind == "boolean"
    assert column(["1", "2"], "numeric").kind == "numeric"
    assert column([1, 2], "ignored").kind == "ignored"
    assert column([f"id{i}" for i in range(150)], "categorical").note == "chosen by you"


@pytest.mark.parametrize(
    ("values", "kind", "cell"),
    [
        (["1", "x"], "numeric", "'x' in row 2"),
        ([1, 2], "boolean", "'2' in row 2"),
        (["2024-01-01", "soon"], "date", "'soon' in row 2"),
        ([None, 5], "date", "'5.0' in row 2"),
    ],
)
def test_an_override_that_a_cell_does_not_fit_names_the_cell(values, kind, cell):
    with pytest.raises(DataError, match=f"column 'a' must be a {kind[:3]}.*received {cell}"):
        column(values, kind)


def test_an_override_of_an_unknown_column_lists_the_known_ones():
    with pytest.raises(DataError, match=r"received 'c'. What to do: choose one of 'a', 'b'"):
        infer_schema(Table.from_arrays({"a": [1], "b": [2]}), {"c": "numeric"})


def test_an_unknown_kind_lists_the_known_ones():
    message = "one of numeric, boolean, categorical, date, ignored; received 'text' for column 'a'"
    with pytest.raises(ArgumentError, match=message):
        column(["x"], "text")


def test_infinite_numbers_are_numeric_and_left_to_the_encoder():
    assert column([np.inf, 1.0]).kind == "numeric"
