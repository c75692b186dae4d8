"""Targets become labels or standardised numbers, and come back as what they were."""

import datetime
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.data import TargetEncoder
from gradus.errors import ArgumentError, DataError, FileError, ShapeError


@pytest.mark.parametrize(
    ("column", "task"),
    [
        (["a", "b"], "classification"),
        (np.array(["a", "b"]), "classification"),
        ([True, False], "classification"),
        ([-1, 1], "classification"),
        ([0, 1, 1], "classification"),
        ([0, 1, 2] * 11, "classification"),
        ([0, 1, 2] * 10, "regression"),  # 3 different in 30 rows: not fewer than a tenth
        (list(range(20)) * 11, "classification"),
        (list(range(21)) * 100, "regression"),
        ([0.0, 1.0], "regression"),
        ([1, 2.5, 3], "regression"),
        (pa.array([1, 2, 3]).dictionary_encode(), "classification"),
        (pa.array([1, 2, 3]), "regression"),
    ],
)
def test_the_task_follows_from_the_values(column, task):
    assert TargetEncoder.fit(column).task == task


def test_a_pandas_category_is_a_class():
    assert TargetEncoder.fit(pd.Series([1, 2, 3], dtype="category")).classes == (1, 2, 3)


def test_a_given_task_wins():
    assert TargetEncoder.fit([0.5, 1.5], task="classification").classes == (0.5, 1.5)
    assert TargetEncoder.fit([0, 1], task="regression").encode([0, 1]).tolist() == [[-1], [1]]
    assert TargetEncoder.fit(["1", "3"], task="regression").decode_values([[0]]).tolist() == [2]


@pytest.mark.parametrize(
    "classes",
    [("b", "a", "c"), (1, -1), (2.5, 0.5), (True, False), (0, 1.5), ("1", 1), (10**20, 3)],
)
def test_classes_keep_their_type_through_json(classes):
    column = list(classes) * 2
    encoder = TargetEncoder.fit(column, task="classification")
    again = TargetEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    assert again == encoder
    decoded = again.decode(again.encode(column)).tolist()
    assert decoded == column
    assert [type(value) for value in decoded] == [type(value) for value in column] or all(
        isinstance(value, int | float) for value in column
    )


def test_classes_are_sorted_and_labels_are_int64():
    encoder = TargetEncoder.fit(np.array(["b", "a"], dtype=object))
    assert encoder.classes == ("a", "b")
    assert encoder.encode(["b", "a", "b"]).tolist() == [1, 0, 1]
    assert encoder.encode(["b"]).dtype == np.int64
    assert encoder.encode([]).shape == (0,)


def test_decoded_classes_have_their_own_dtype():
    assert TargetEncoder.fit([-1, 1]).decode([0]).dtype == np.int64
    assert TargetEncoder.fit([True, False]).decode([0]).dtype == bool
    assert TargetEncoder.fit(["a", "b"]).decode([[0, 1]]).tolist() == [["a", "b"]]


def test_numpys_numbers_in_a_list_are_pythons():
    assert [type(c) for c in TargetEncoder.fit([np.int64(1), np.int64(2)]).classes] == [int, int]


def test_regression_targets_are_standardised_and_come_back():
    column = np.array([10.0, 20.0, 60.0])
    encoder = TargetEncoder.fit(column)
    z = encoder.encode(column)
    assert z.shape == (3, 1)
    assert z.dtype == np.float32
    assert encoder.classes == ()
    np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=1e-6)  # float32
    np.testing.assert_allclose(encoder.decode_values(z), column, rtol=1e-6)
    assert encoder.decode_values(z).shape == (3,)
    assert TargetEncoder.from_config(json.loads(json.dumps(encoder.to_config()))) == encoder


def test_a_constant_target_is_allowed_in_regression():
    encoder = TargetEncoder.fit([5.0, 5.0])
    assert encoder.encode([5.0, 6.0]).tolist() == [[0], [1]]
    assert encoder.decode_values([0.0]).tolist() == [5]


@given(st.lists(st.floats(-1e300, 1e300), min_size=2))
def test_any_finite_targets_come_back(column):
    encoder = TargetEncoder.fit(column)
    z = encoder.encode(column)
    assert np.isfinite(z).all()
    # float32 keeps 24 bits of a z that is at most √n.
    error = np.abs(encoder.decode_values(z) - column)
    assert (error <= 1e-6 * (abs(encoder.scale.mean) + len(column) * encoder.scale.std)).all()


@pytest.mark.parametrize("missing", [None, float("nan")])
@pytest.mark.parametrize("column", [["a", "b", "a"], [1.5, 2.5, 3.5], [1, 2, 1]])
def test_missing_targets_are_counted_and_the_first_is_named(column, missing):
    message = "every row needs a target; received 2 of 5 missing, the first in row 2"
    broken = [column[0], missing, *column[1:], missing]
    with pytest.raises(DataError, match=message):
        TargetEncoder.fit(broken)
    with pytest.raises(DataError, match=message):
        TargetEncoder.fit(column).encode(broken)


@pytest.mark.parametrize("column", [["a", "a"], [True, True], [1, 1]])
def test_a_single_class_is_refused(column):
    with pytest.raises(DataError, match=r"at least two classes; received only .*, in all 2 rows"):
        TargetEncoder.fit(column)


@pytest.mark.parametrize("column", [[], ["a"], [1.5]])
def test_fewer_than_two_rows_are_refused(column):
    with pytest.raises(DataError, match=f"at least 2 rows; received {len(column)}"):
        TargetEncoder.fit(column)


def test_a_class_that_training_did_not_have_is_refused_with_the_known_ones():
    with pytest.raises(DataError, match="one of the classes 'a', 'b'; received 'c' in row 2"):
        TargetEncoder.fit(["a", "b"]).encode(["a", "c"])
    with pytest.raises(DataError, match="classes '1', '2'; received 1 in row 1"):
        TargetEncoder.fit(["1", "2"]).encode([1])


def test_a_message_names_the_column_that_is_the_target():
    with pytest.raises(DataError, match=r"target 'price' must be finite.*remove the row"):
        TargetEncoder.fit([1.5, np.inf], name="price")
    with pytest.raises(DataError, match="target 'price' must be finite"):
        TargetEncoder.fit([1.5, 2.5]).encode([np.inf], name="price")
    with pytest.raises(DataError, match="column 'price' must be near"):
        TargetEncoder.fit([1.5, 2.5]).encode([1e300], name="price")


def test_infinity_is_refused():
    with pytest.raises(DataError, match="'target' must be finite; received inf in row 2"):
        TargetEncoder.fit([1.5, np.inf])
    with pytest.raises(DataError, match="'target' must be finite; received -inf in row 1"):
        TargetEncoder.fit([1.5, 2.5]).encode([-np.inf])
    with pytest.raises(DataError, match="class must be finite; received inf in row 2"):
        TargetEncoder.fit([1.5, np.inf], task="classification")


def test_a_target_that_is_no_number_is_refused_in_regression():
    with pytest.raises(DataError, match="must be a number; received 'x' in row 2"):
        TargetEncoder.fit(["1", "x", 3], task="regression")
    with pytest.raises(DataError, match="must be a number; received 'x' in row 1"):
        TargetEncoder.fit([1.5, 2.5]).encode(["x"])
    with pytest.raises(DataError, match="a larger integer"):
        TargetEncoder.fit([10**400, 1], task="regression")


def test_numbers_with_one_bad_cell_do_not_become_a_thousand_classes():
    column = [f"{i}.5" for i in range(200)]
    column[11] = "abc"
    with pytest.raises(DataError, match=r"200 different texts in 200 rows \(99 %.*'abc' in row 12"):
        TargetEncoder.fit(column)
    assert len(TargetEncoder.fit(column, task="classification").classes) == 200


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.eye(2), r"one column .*float64 of shape \(2, 2\)"),
        (np.array(["2024-01-01"], "M8[D]"), "turn dates into numbers"),
        ([[1], [2]], r"a text, a boolean or a number; received \[1\] in row 1"),
        ([1, datetime.date(2024, 1, 1)], "received datetime.date.* in row 2"),
        ("abc", "a column of values; received 'abc'"),
        (5, "a column of values; received 5"),
    ],
)
def test_what_is_no_target_is_refused(column, message):
    with pytest.raises(DataError, match=message):
        TargetEncoder.fit(column)


def test_an_unknown_task_is_refused():
    with pytest.raises(ArgumentError, match="classification, regression; received 'ranking'"):
        TargetEncoder.fit([1, 2], task="ranking")


@pytest.mark.parametrize("labels", [[2], [-1], [0.0], ["a"]])
def test_labels_outside_the_classes_are_refused(labels):
    with pytest.raises(ArgumentError, match="whole numbers from 0 to 1"):
        TargetEncoder.fit(["a", "b"]).decode(labels)


def test_labels_and_values_are_not_confused():
    with pytest.raises(ArgumentError, match="use decode_values"):
        TargetEncoder.fit([1.5, 2.5]).decode([0])
    with pytest.raises(ArgumentError, match="use decode"):
        TargetEncoder.fit(["a", "b"]).decode_values([0.0])


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"task": "ranking"},
        {"task": "classification"},
        {"task": "classification", "classes": ["a"]},
        {"task": "classification", "classes": ["a", "a"]},
        {"task": "classification", "classes": ["a", None]},
        {"task": "classification", "classes": ["a", ["b"]]},
        {"task": "classification", "classes": [0.5, float("inf")]},
        {"task": "regression"},
        {"task": "regression", "scale": {"mean": 0.0, "std": 0.0}},
    ],
)
def test_a_damaged_config_is_refused(config):
    with pytest.raises(FileError):
        TargetEncoder.from_config(config)


def columns_of_frames():
    text, whole, flags, numbers = ["b", "a", "b"], [2, 1, 2], [True, False, True], [0.5, 1.5, 2.0]
    return [
        (pd.Series(text), text),
        (pd.Series(text, dtype="string"), text),
        (pd.Series(text, dtype="category"), text),
        (pd.Categorical(whole), whole),
        (pd.Series(whole, dtype="Int64"), whole),
        (pd.Series(flags, dtype="boolean"), flags),
        (pd.Series(numbers, dtype="Float32"), numbers),
        (pd.Series(whole, dtype="int64[pyarrow]"), whole),
        (pd.Series(pd.arrays.SparseArray(whole)), whole),
        (pl.Series(text), text),
        (pl.Series(text, dtype=pl.Categorical), text),
        (pl.Series(text, dtype=pl.Enum(["c", "b", "a"])), text),
        (pl.Series(whole), whole),
        (pl.Series(flags), flags),
        (pl.Series(numbers), numbers),
        (pa.array(text).dictionary_encode(), text),
        (pa.chunked_array([whole[:1], whole[1:]]), whole),
        (np.array([np.int64(2), np.int64(1), np.int64(2)], dtype=object), whole),
    ]


def test_a_series_of_any_library_is_a_target_like_its_list():
    for column, cells in columns_of_frames():
        encoder, plain = TargetEncoder.fit(column), TargetEncoder.fit(cells)
        assert encoder == plain
        assert [type(c) for c in encoder.classes] == [type(c) for c in plain.classes]
        assert encoder.encode(column).tobytes() == plain.encode(cells).tobytes()


def test_categories_of_a_data_frame_are_classes_even_where_they_are_many_numbers():
    for column in (
        pd.Series([1.5, 2.5, 3.5], dtype="category"),
        pd.Series(pd.array([1, 2, 3], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.int64())))),
        pl.Series(["1", "2", "3"], dtype=pl.Categorical),
    ):
        assert TargetEncoder.fit(column).task == "classification"


def test_a_missing_target_of_any_library_is_counted():
    for column in (
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series(["a", None, "b"], dtype="category"),
        pl.Series([1, None, 2]),
        pl.Series(["a", None, "b"], dtype=pl.Categorical),
        pa.array(["a", None, "b"]).dictionary_encode(),
    ):
        with pytest.raises(DataError, match="1 of 3 missing, the first in row 2"):
            TargetEncoder.fit(column)


def test_a_data_frame_and_dates_are_no_target():
    for frame in (pd.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, 2]}), pa.table({"a": [1]})):
        with pytest.raises(DataError, match=r"one column of .* of 1 columns"):
            TargetEncoder.fit(frame)
    with pytest.raises(DataError, match=r"a text, a boolean or a number; received datetime.date"):
        TargetEncoder.fit(pl.Series([datetime.date(2024, 1, 1)] * 2))


@given(st.lists(st.tuples(st.integers(-100, 100), st.integers(1, 3)), min_size=2))
def test_a_weight_is_a_number_of_equal_rows(rows):
    values, weight = (np.array(column) for column in zip(*rows, strict=True))
    weighted = TargetEncoder.fit(values, "regression", weight=weight).scale
    repeated = TargetEncoder.fit(np.repeat(values, weight), "regression").scale
    np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(weighted.std, repeated.std, rtol=1e-12)


def test_classes_are_those_of_all_rows_whatever_they_weigh():
    assert TargetEncoder.fit(["a", "b"], weight=[1, 0]).classes == ("a", "b")
    with pytest.raises(ShapeError, match="each of the 2 rows"):
        TargetEncoder.fit(["a", "b"], weight=[1])


def test_values_in_float64_are_the_same_but_finer():
    encoder = TargetEncoder.fit([1.0, 2.0, 4.0])
    fine = encoder.encode([1.0, 2.0], dtype="float64")
    assert fine.dtype == np.float64
    assert fine.astype(np.float32).tobytes() == encoder.encode([1.0, 2.0]).tobytes()
