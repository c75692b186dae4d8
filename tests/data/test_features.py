"""Each kind of column becomes the features its docstring promises."""

import json

import numpy as np
import pytest

from gradus.data import Table
from gradus.data.features import (
    FEATURES,
    BooleanFeature,
    CategoricalFeature,
    CodedFeature,
    DateFeature,
    Fitting,
    NumericFeature,
    feature_from_config,
)
from gradus.data.scaling import SCALINGS, Scale
from gradus.errors import DataError, FileError

TRAINING = {
    "numeric": (1, 2),
    "boolean": (True, False),
    "categorical": ("x", "y"),
    "coded": ("x", "y"),
    "date": ("2024-01-01", "2024-01-02"),
}


def cells(*values):
    return Table.from_arrays({"a": list(values)}).column("a")


def test_numbers_are_standardised_and_missing_ones_are_the_mean():
    feature = NumericFeature.fit("a", cells(1.0, 3.0, None))
    assert feature.names == ("a", "a is missing")
    np.testing.assert_array_equal(
        feature.encode(cells(1.0, 3.0, None)), [[-1, 0], [1, 0], [0, 1]], strict=False
    )


def test_a_number_missing_for_the_first_time_is_the_mean():
    feature = NumericFeature.fit("a", cells(1.0, 3.0))
    assert feature.names == ("a",)
    assert feature.encode(cells(None, 3.0)).tolist() == [[0], [1]]


def test_booleans_are_plus_and_minus_one_and_zero_where_missing():
    feature = BooleanFeature.fit("a", cells(True, False, None))
    assert feature.names == ("a", "a is missing")
    assert feature.encode(cells(True, False, None)).tolist() == [[1, 0], [-1, 0], [0, 1]]


@pytest.mark.parametrize("other", [(1, 0), (1.0, 0.0), ("yes", "no"), ("True", "FALSE")])
def test_booleans_may_come_as_numbers_or_words(other):
    feature = BooleanFeature.fit("a", cells(True, False))
    assert feature.encode(cells(*other)).tolist() == [[1], [-1]]
    assert feature.unseen(cells(*other)) == {}


def test_a_word_that_is_no_boolean_is_unknown_and_reported():
    feature = BooleanFeature.fit("a", cells("yes", "no", None))
    values = cells("yes", "perhaps", None)
    assert feature.encode(values).tolist() == [[1, 0], [0, 0], [0, 1]]
    assert feature.unseen(values) == {"perhaps": 1}
    assert values.tolist() == ["yes", "perhaps", None]


def test_categories_are_one_hot_in_sorted_order():
    feature = CategoricalFeature.fit("a", cells("x", "b", "x"))
    assert feature.names == ("a = b", "a = x")
    assert feature.encode(cells("x", "b")).tolist() == [[0, 1], [1, 0]]


def test_missing_is_a_category_of_its_own_where_training_had_it():
    feature = CategoricalFeature.fit("a", cells("x", None))
    assert feature.names == ("a = x", "a is missing")
    assert feature.encode(cells(None, "x")).tolist() == [[0, 1], [1, 0]]
    never = CategoricalFeature.fit("a", cells("x", "y"))
    assert never.encode(cells(None, "x")).tolist() == [[0, 0], [1, 0]]


def test_an_unseen_category_is_zeros_and_counted():
    feature = CategoricalFeature.fit("a", cells("x", "y", None))
    values = cells("z", "x", "z", None, "None")
    assert feature.encode(values).tolist()[0] == [0, 0, 0]
    assert feature.encode(values).tolist()[4] == [0, 0, 0]
    assert feature.unseen(values) == {"z": 2, "None": 1}


def test_numbers_as_categories_match_whether_whole_or_with_a_point():
    feature = CategoricalFeature.fit("a", cells(1, 2))
    assert not feature.text
    assert feature.encode(cells(1.0, None, 2.0)).tolist() == [[1, 0], [0, 0], [0, 1]]


def test_codes_count_the_sorted_categories_and_leave_0_for_all_else():
    feature = CodedFeature.fit("a", cells("x", "b", None, "x"))
    assert feature.names == ("a",)
    assert feature.encode(cells("x", "b", "new", None)).tolist() == [[2], [1], [0], [0]]
    assert feature.unseen(cells("x", "new", None)) == {"new": 1}


def test_a_file_of_today_names_a_mean_and_a_deviation():
    # As version 0.1 wrote it, before there were other scalings.
    config = {"kind": "numeric", "column": "a", "scale": {"mean": 2.0, "std": 4.0}}
    feature = feature_from_config({**config, "missing": False})
    assert feature == NumericFeature("a", Scale(2.0, 4.0), False)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("kind", ["numeric", "date"])
def test_every_scaling_survives_a_file_and_sets_missing_cells_to_0(scaling, kind):
    training = cells(*TRAINING[kind], None)
    feature = FEATURES[kind].fit("a", training, Fitting(scaling))
    assert feature_from_config(json.loads(json.dumps(feature.to_config()))) == feature
    assert feature.scale == SCALINGS[scaling].fit(feature_numbers(training), "a")
    assert feature.encode(training)[2].tolist() == [0] * (len(feature.names) - 1) + [1]


def feature_numbers(values):
    if values.dtype.kind != "O":
        return values
    days = np.array(["2024-01-01", "2024-01-02", "NaT"], "datetime64[us]")
    return (days - np.datetime64(0, "us")) / np.timedelta64(1, "D")


@pytest.mark.parametrize("kind", FEATURES)
def test_float64_features_round_to_the_float32_ones(kind):
    feature = FEATURES[kind].fit("a", cells(*TRAINING[kind]))
    fine = feature.encode(cells(*TRAINING[kind], None), np.float64)
    assert fine.dtype == np.float64
    coarse = feature.encode(cells(*TRAINING[kind], None))
    assert fine.astype(np.float32).tobytes() == coarse.tobytes()


@pytest.mark.parametrize("kind", FEATURES)
def test_a_row_of_weight_0_teaches_nothing(kind):
    values = {"boolean": [True, False], "numeric": [7, 9]}.get(kind, TRAINING[kind])
    other = {"boolean": True, "numeric": 100, "date": "2024-05-01 12:30"}.get(kind, "other")
    weighted = FEATURES[kind].fit(
        "a", cells(*values, other, None), Fitting(weight=np.array([1.0, 1.0, 0.0, 0.0]))
    )
    assert weighted == FEATURES[kind].fit("a", cells(*values))


def test_dates_give_days_and_angles():
    feature = DateFeature.fit("a", cells("2024-01-01", "2024-01-03"))
    assert feature.names == (
        "a: days",
        "a: sin day of year",
        "a: cos day of year",
        "a: sin weekday",
        "a: cos weekday",
    )
    assert feature.scale == Scale(19724.0, 1.0)
    # The first of January 2024 was a Monday: both angles are 0.
    assert feature.encode(cells("2024-01-01")).tolist() == [[-1, 0, 1, 0, 1]]
    wednesday = feature.encode(cells("2024-01-03"))[0]
    np.testing.assert_allclose(
        wednesday[3:], [np.sin(4 * np.pi / 7), np.cos(4 * np.pi / 7)], rtol=1e-6
    )


def test_the_hour_counts_only_where_training_had_one():
    feature = DateFeature.fit("a", cells("2024-01-01 06:00", "2024-01-01 18:00", None))
    assert feature.names[-3:] == ("a: sin hour", "a: cos hour", "a is missing")
    rows = feature.encode(cells("2024-01-01 06:00", None))
    np.testing.assert_allclose(rows[0, -3:], [1, 0, 0], atol=1e-7)
    assert rows[1].tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


def test_days_before_1970_have_their_weekday_too():
    feature = DateFeature.fit("a", cells("1969-12-29", "1900-01-01"))  # both Mondays
    np.testing.assert_allclose(feature.encode(cells("1969-12-29", "1900-01-01"))[:, 3], 0)


@pytest.mark.parametrize(
    ("kind", "training", "wrong", "cell"),
    [
        ("numeric", (1, 2), ("3", "x"), "'x' in row 2"),
        ("boolean", (True, False), (1, 7), "'7' in row 2"),
        ("date", ("2024-01-01", "2024-01-02"), (1, 2), "'1' in row 1"),
        ("numeric", (1, 2), (1.0, np.inf), "inf in row 2"),
        ("numeric", (1, 2), (1.0, 1e300), r"1e\+300 in row 2"),
    ],
)
def test_a_cell_of_another_kind_is_named_with_column_and_row(kind, training, wrong, cell):
    feature = FEATURES[kind].fit("a", cells(*training))
    with pytest.raises(DataError, match=f"column 'a'.*received {cell}"):
        feature.encode(cells(*wrong))


@pytest.mark.parametrize("kind", FEATURES)
def test_every_feature_takes_no_rows_and_only_missing_ones(kind):
    feature = FEATURES[kind].fit("a", cells(*TRAINING[kind]))
    assert feature.encode(cells()).shape == (0, len(feature.names))
    assert feature.encode(cells()).dtype == np.float32
    assert feature.encode(cells(None, None)).tolist() == [[0] * len(feature.names)] * 2


def test_a_config_names_a_kind_of_the_registry_or_is_refused():
    with pytest.raises(
        FileError, match="one of numeric, boolean, categorical, coded, date; received 'os'"
    ):
        feature_from_config({"kind": "os"})


@pytest.mark.parametrize("kind", FEATURES)
def test_every_entry_of_a_config_is_needed_and_checked(kind):
    feature = FEATURES[kind].fit("a", cells(*TRAINING[kind]))
    config = feature.to_config()
    assert feature_from_config(config) == feature
    for key in config:
        with pytest.raises(FileError):
            feature_from_config({k: v for k, v in config.items() if k != key})
        with pytest.raises(FileError):
            feature_from_config({**config, key: 17})
