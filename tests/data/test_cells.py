"""Cells are read as numbers, booleans, dates or text, and the first that does not fit is named."""

from datetime import datetime

import numpy as np
import pytest

from gradus.data.cells import as_booleans, as_dates, as_numbers, as_text, boolean, date, number
from gradus.errors import DataError


def cells(*values):
    return np.array(values, dtype=object)


@pytest.mark.parametrize("cell", ["1", " -1.5 ", "+.5", "5.", "1e3", "1E-3"])
def test_a_number_may_have_sign_point_exponent_and_spaces(cell):
    assert number(cell) == float(cell)


@pytest.mark.parametrize("cell", ["", "x", "1_000", "inf", "nan", "0x1f", "1,5", "1 2", "٣"])
def test_other_text_is_no_number(cell):
    assert number(cell) is None


def test_booleans_are_four_words_in_any_case():
    assert [boolean(word) for word in ("true", "YES", " False ", "no")] == [1, 1, 0, 0]
    assert [boolean(word) for word in ("1", "t", "ja", "")] == [None] * 4


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2024-02-29", datetime(2024, 2, 29)),
        (" 2024-02-29T12:30 ", datetime(2024, 2, 29, 12, 30)),
        ("2024-02-29 12:30:15.5", datetime(2024, 2, 29, 12, 30, 15, 500_000)),
        ("2024-02-29T12:30Z", datetime(2024, 2, 29, 12, 30)),
        ("2024-02-29T12:30:00+02:00", datetime(2024, 2, 29, 10, 30)),
    ],
)
def test_iso_dates_are_read_in_utc(cell, moment):
    assert date(cell) == moment


@pytest.mark.parametrize(
    "cell",
    ["2024-02-30", "20240229", "2024", "29.2.2024", "2024-W01-1", "x", "0001-01-01T00:00+02:00"],
)
def test_other_text_is_no_date(cell):
    assert date(cell) is None


def test_numbers_come_from_integers_booleans_and_text():
    assert as_numbers("a", np.array([1, 2])).dtype == np.float64
    assert as_numbers("a", np.array([True, False])).tolist() == [1, 0]
    np.testing.assert_array_equal(as_numbers("a", cells("1", None, True)), [1, np.nan, 1])


def test_booleans_come_from_booleans_zeros_and_ones_and_words():
    np.testing.assert_array_equal(as_booleans("a", np.array([1.0, 0.0, np.nan])), [1, 0, np.nan])
    np.testing.assert_array_equal(as_booleans("a", cells("Yes", None, False)), [1, np.nan, 0])


@pytest.mark.parametrize(
    ("convert", "values", "message"),
    [
        (as_numbers, cells("1", None, "x"), "column 'a' must be a number or missing; received 'x'"),
        (as_numbers, np.array(["NaT", "NaT", "2024-01-01"], "M8[D]"), "received '2024-01-01'"),
        (as_booleans, np.array([0, 1, 2]), "column 'a' must be a boolean .*; received '2'"),
        (as_booleans, cells("yes", "no", "x"), "received 'x'"),
        (as_dates, np.array([np.nan, np.nan, 3.5]), "column 'a' must be a date .*; received '3.5'"),
        (as_dates, cells("2024-01-01", None, "2024-13-01"), "received '2024-13-01'"),
    ],
)
def test_the_first_cell_that_does_not_fit_is_named_with_its_row(convert, values, message):
    with pytest.raises(DataError, match=f"{message} in row 3"):
        convert("a", values)


def test_text_of_a_number_does_not_depend_on_how_it_is_stored():
    assert as_text(np.array([1, 2])).tolist() == ["1", "2"]
    assert as_text(np.array([1.0, 2.5, np.nan])).tolist() == ["1", "2.5", None]
    assert as_text(np.array([True, False])).tolist() == ["true", "false"]
    assert as_text(cells("01", None, True)).tolist() == ["01", None, "true"]
    assert as_text(np.array(["2024-01-01", "NaT"], "M8[D]")).tolist() == ["2024-01-01", None]
    assert as_text(np.array([1e300])).tolist() == ["1e+300"]
