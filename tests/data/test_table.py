"""A table is made from anything tabular and never changes."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from gradus.data import Table
from gradus.errors import ArgumentError, DataError, ShapeError


@pytest.fixture
def table():
    return Table.from_arrays({"a": [1, 2, 3], "b": ["x", None, "z"]})


def test_a_table_has_names_a_length_and_a_readable_form(table):
    assert table.names == ("a", "b")
    assert len(table) == 3
    assert repr(table) == "Table of 3 rows: a (int64), b (string)"


def test_missing_cells_are_nan_nat_or_none():
    day = datetime.date(2024, 2, 29)
    table = Table.from_arrays(
        {"f": [1.5, None], "i": [1, None], "s": ["x", None], "b": [True, None], "d": [day, None]}
    )
    assert np.isnan(table.column("f")[1])
    assert np.isnan(table.column("i")[1])
    assert table.column("s").tolist() == ["x", None]
    assert table.column("b").tolist() == [True, None]
    assert table.column("d")[0] == np.datetime64("2024-02-29")
    assert np.isnat(table.column("d")[1])


def test_a_nan_is_a_missing_cell_like_any_other():
    assert Table.from_arrays({"a": [1.0, np.nan]}) == Table.from_arrays({"a": [1.0, None]})


def test_a_column_without_any_value_is_all_none():
    assert Table.from_arrays({"a": [None, None]}).column("a").tolist() == [None, None]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1, 2], dtype=np.int8), np.dtype("int64")),
        (np.array([1, 2], dtype=">i4"), np.dtype("int64")),
        (np.array([1, 2], dtype=np.float16), np.dtype("float64")),
        (np.array([1, 2, 3, 4])[::-2], np.dtype("int64")),
        (np.array(["a", "b"]), np.dtype(object)),
        (np.array(["2024-01-01T10", "NaT"], dtype="datetime64[h]"), np.dtype("datetime64[us]")),
        (np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"), np.dtype("datetime64[D]")),
        ([Decimal("1.5"), Decimal("2.5")], np.dtype("float64")),
        ([datetime.time(12), datetime.time(13)], np.dtype(object)),
        (range(2), np.dtype("int64")),
        ((n for n in (1, 2)), np.dtype("int64")),
        (pa.array(["a", "b"]).dictionary_encode(), np.dtype(object)),
        (pa.array([1, 2]).dictionary_encode(), np.dtype(object)),
        (pa.array(["a", "b"], pa.large_string()), np.dtype(object)),
        (pa.array([True, False]), np.dtype(bool)),
    ],
)
def test_every_type_comes_down_to_a_few(values, expected):
    column = Table.from_arrays({"a": values}).column("a")
    assert column.dtype == expected
    assert len(column) == 2


def test_a_time_zone_becomes_utc():
    moment = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    column = Table.from_arrays({"a": [moment]}).column("a")
    assert column[0] == np.datetime64("2023-12-31T22:00")


@pytest.mark.parametrize("values", [[{"a": 1}], [[1]], [b"x"], np.array([1], "timedelta64[s]")])
def test_types_that_are_no_cells_are_refused_by_name(values):
    with pytest.raises(DataError, match=r"a table holds numbers.*column 'a' of type"):
        Table.from_arrays({"a": values})


def test_an_integer_beyond_64_bits_is_refused():
    with pytest.raises(DataError, match=r"64-bit.*column 'a' of type uint64"):
        Table.from_arrays({"a": np.array([2**64 - 1], dtype=np.uint64)})


@pytest.mark.parametrize("values", [[1, "x"], [True, "x"], [object()]])
def test_mixed_cells_are_refused_with_the_column(values):
    with pytest.raises(DataError, match=r"share one type.*column 'a'"):
        Table.from_arrays({"a": values})


@pytest.mark.parametrize("values", [3, "abc", b"abc", None])
def test_a_single_value_is_no_column(values):
    with pytest.raises(DataError, match=r"a column is an array or a list.*for column 'a'"):
        Table.from_arrays({"a": values})


def test_a_column_of_two_dimensions_is_refused():
    with pytest.raises(DataError, match=r"one dimension; received shape \(2, 2\) for column 'a'"):
        Table.from_arrays({"a": np.eye(2)})


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(DataError, match="same length; received 'a': 1, 'b': 2"):
        Table.from_arrays({"a": [1], "b": [1, 2]})


def test_any_of_the_usual_forms_gives_the_same_table(table):
    columns = {"a": [1, 2, 3], "b": ["x", None, "z"]}
    assert Table.from_any(table) is table
    assert Table.from_any(columns) == table
    assert Table.from_any(pa.table(columns)) == table


def test_a_frame_of_another_library_comes_in_through_arrow(table):
    class Frame:
        def __arrow_c_stream__(self, requested_schema=None):
            return table.arrow.__arrow_c_stream__(requested_schema)

    assert Table.from_any(Frame()) == table


def test_a_pandas_frame_leaves_its_index_behind(table):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]}, index=[7, 8, 9])
    assert Table.from_any(frame) == table
    with pytest.raises(DataError, match="columns 1 and 2 in the data frame"):
        Table.from_any(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_an_array_gets_names_or_is_given_them():
    assert Table.from_any(np.eye(2)).names == ("x0", "x1")
    assert Table.from_any(np.eye(2), names=["u", "v"]).names == ("u", "v")


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3)])
def test_an_array_of_another_dimension_is_refused(shape):
    with pytest.raises(ShapeError, match="2-D array"):
        Table.from_any(np.zeros(shape))


def test_an_array_needs_as_many_names_as_columns():
    with pytest.raises(ShapeError, match="received 1 names for 2 columns"):
        Table.from_any(np.eye(2), names=["a"])
    with pytest.raises(DataError, match="'a' for columns 1 and 2"):
        Table.from_any(np.eye(2), names=["a", "a"])


def test_names_for_anything_else_are_refused(table):
    with pytest.raises(ArgumentError, match="names for a Table"):
        Table.from_any(table, names=["a", "b"])


def test_what_is_no_table_is_refused():
    with pytest.raises(DataError, match="received list"):
        Table.from_any([[1, 2]])
    with pytest.raises(DataError, match=r"wraps a pyarrow.Table; received dict"):
        Table({"a": [1]})


def test_drop_take_and_with_columns_return_another_table(table):
    assert table.drop("a").names == ("b",)
    assert table.take([2, 0]).column("a").tolist() == [3, 1]
    assert len(table.take([])) == 0
    longer = table.with_columns({"c": [0.5, 1.5, 2.5], "a": [7, 8, 9]})
    assert longer.names == ("a", "b", "c")
    assert longer.column("a").tolist() == [7, 8, 9]
    assert table.names == ("a", "b")
    assert table.column("a").tolist() == [1, 2, 3]


@pytest.mark.parametrize("method", ["column", "drop"])
def test_an_unknown_column_is_answered_with_the_known_ones(table, method):
    with pytest.raises(DataError, match=r"received 'c'. What to do: choose one of 'a', 'b'"):
        getattr(table, method)("c")


@pytest.mark.parametrize("row", [-1, 3])
def test_rows_outside_the_table_are_refused(table, row):
    with pytest.raises(ArgumentError, match=f"from 0 to 2; received {row}"):
        table.take([0, row])


@pytest.mark.parametrize("rows", [[True, False, True], [0.0], [[0]], 1])
def test_rows_are_taken_by_whole_numbers(table, rows):
    with pytest.raises(ArgumentError, match="1-D array of whole numbers"):
        table.take(rows)


def test_tables_are_equal_by_names_types_and_cells(table):
    assert table != table.drop("a")
    assert table != Table.from_arrays({"a": [1.0, 2.0, 3.0], "b": ["x", None, "z"]})
    assert table != "table"
