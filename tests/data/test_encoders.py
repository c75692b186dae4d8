"""A fitted encoder gives the same features for the same rows, now and after a file."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.data import Table, TableEncoder, infer_schema
from gradus.errors import ArgumentError, DataError, DtypeError, FileError, ShapeError


@pytest.fixture
def table():
    return Table.from_arrays(
        {
            "age": [20, 40, None, 60],
            "city": ["Bonn", "Ulm", "Bonn", None],
            "member": ["yes", "no", "yes", "yes"],
            "born": ["2000-01-01", "1990-06-01", "1980-01-01", "1970-01-01"],
            "none": [None] * 4,
        }
    )


def fit(table, settings=None, **overrides):
    return TableEncoder.fit(table, infer_schema(table, overrides), **(settings or {}))


def test_features_stand_in_the_tables_order_under_their_names(table):
    encoder = fit(table)
    assert encoder.columns == ("age", "city", "member", "born")
    assert encoder.feature_names[:6] == (
        "age",
        "age is missing",
        "city = Bonn",
        "city = Ulm",
        "city is missing",
        "member",
    )
    features = encoder.transform(table)
    assert features.shape == (4, len(encoder.feature_names))
    assert features.dtype == np.float32
    assert features[2, 1] == 1


def test_every_feature_has_its_place_under_the_column_that_it_comes_from(table):
    encoder = fit(table)
    assert list(encoder.places) == list(encoder.columns)
    places = [i for place in encoder.places.values() for i in place]
    assert places == [*range(len(encoder.feature_names))]
    for column, place in encoder.places.items():
        assert all(encoder.feature_names[i].startswith(column) for i in place)


def test_columns_are_found_by_name_and_others_left_alone(table):
    encoder = fit(table)
    turned = Table.from_arrays({"new": [1] * 4, **{n: table.column(n) for n in table.names[::-1]}})
    np.testing.assert_array_equal(encoder.transform(turned), encoder.transform(table))
    assert encoder.extra(turned) == ("new", "none")
    assert encoder.extra(table.drop("none")) == ()


def test_a_missing_column_is_answered_with_expected_and_received_names(table):
    encoder = fit(table)
    message = (
        r"must have the columns 'age', 'city', 'member', 'born'; "
        r"received 'age', 'member', 'none', without 'city', 'born'"
    )
    smaller = table.drop("city").drop("born")
    for use in (encoder.transform, encoder.unseen):
        with pytest.raises(DataError, match=message):
            use(smaller)


def test_unseen_texts_are_reported_by_column(table):
    encoder = fit(table)
    new = table.with_columns({"city": ["Rom", "Rom", "Ulm", None], "member": ["?", "yes"] * 2})
    assert encoder.unseen(new) == {"city": {"Rom": 2}, "member": {"?": 2}}
    assert encoder.unseen(table) == {}


def test_a_column_of_another_kind_is_named(table):
    encoder = fit(table)
    with pytest.raises(DataError, match=r"column 'age' must be a number.*'old' in row 2"):
        encoder.transform(table.with_columns({"age": ["20", "old", "40", "50"]}))


def test_infinity_is_refused_when_fitting_and_when_predicting(table):
    with pytest.raises(DataError, match="'age' must be finite; received -inf in row 1"):
        fit(table.with_columns({"age": [-np.inf, 1, 2, 3]}))
    with pytest.raises(DataError, match="'age' must be finite; received inf in row 4"):
        fit(table).transform(table.with_columns({"age": [1, 2, 3, np.inf]}))


def test_a_constant_column_is_zero_for_ever(table):
    constant = table.with_columns({"age": [5, 5, 5, 5]})
    assert not fit(constant).transform(constant)[:, 0].any()


def test_text_columns_keep_their_categories_through_a_file(tmp_path):
    training = Table.from_arrays({"code": ["01", "1", "x"], "zip": [1, 2, 3], "n": [1, 2, 3]})
    encoder = fit(training, zip="categorical")
    assert encoder.text_columns == ("code",)
    path = tmp_path / "new.csv"
    path.write_text("code,zip,n\n01,1,1\n1,2,2\n")
    # Read as a number, "01" would turn into the other category "1".
    table = Table.read(path, text=encoder.text_columns)
    np.testing.assert_array_equal(encoder.transform(table), encoder.transform(training)[:2])
    assert encoder.unseen(table) == {}


def test_an_empty_table_and_one_of_ignored_columns_are_refused(table):
    with pytest.raises(DataError, match="at least one row"):
        TableEncoder.fit(table.take([]), infer_schema(table))
    with pytest.raises(DataError, match=r"only ignored columns \('a': every cell is missing\)"):
        fit(Table.from_arrays({"a": [None]}))
    with pytest.raises(DataError, match="received no columns"):
        TableEncoder.fit(table, ())


def test_a_schema_of_another_table_is_refused(table):
    with pytest.raises(DataError, match="without 'age'"):
        TableEncoder.fit(table.drop("age"), infer_schema(table))


numbers = st.floats(-1e6, 1e6) | st.none()
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.none()
dates = st.datetimes() | st.none()


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, texts, st.booleans() | st.none(), dates), min_size=1))
def test_an_encoder_from_json_transforms_identically(rows):
    columns = dict(zip("abcd", zip(*rows, strict=True), strict=True))
    table = Table.from_arrays({**columns, "e": range(len(rows))})
    encoder = fit(table)
    again = TableEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    assert again == encoder
    assert again.transform(table).tobytes() == encoder.transform(table).tobytes()
    assert np.isfinite(encoder.transform(table)).all()


@settings(deadline=None)
@given(st.data())
def test_a_row_is_encoded_the_same_alone_and_among_others(data):
    table = Table.from_arrays(
        {"a": [1.0, None, 3.5, 4.0], "b": ["x", "y", None, "x"], "c": [True, None, False, True]}
    )
    encoder = fit(table)
    rows = data.draw(st.lists(st.integers(0, 3)))
    np.testing.assert_array_equal(
        encoder.transform(table.take(rows)), encoder.transform(table)[rows]
    )


def test_the_scaling_holds_for_numbers_and_for_days(table):
    for scaling, number, days in (
        ("standard", (20 - 40) / np.sqrt(800 / 3), None),
        ("none", 20, 10957),
        ("robust", -0.5 / np.sqrt(1 + 1 / 36), None),
    ):
        encoder = fit(table, {"scaling": scaling})
        features = encoder.transform(table, np.float64)
        assert features[0, 0] == pytest.approx(number)
        assert features[2, :2].tolist() == [0, 1]
        place = encoder.feature_names.index("born: days")
        assert encoder.numeric == (0, place)
        if days is not None:
            assert features[0, place] == days
        assert encoder.features[0].scale.kind == encoder.features[3].scale.kind == scaling


def test_many_categories_become_one_column_of_codes(table):
    encoder = fit(table, {"max_one_hot": 1})
    assert encoder.feature_names[:4] == ("age", "age is missing", "city", "member")
    assert encoder.transform(table)[:, 2].tolist() == [1, 2, 1, 0]
    assert encoder.codes == ((2, 3),)
    assert encoder.text_columns == ("city",)
    assert encoder.unseen(table.with_columns({"city": ["Rom"] * 4})) == {"city": {"Rom": 4}}
    assert TableEncoder.from_config(json.loads(json.dumps(encoder.to_config()))) == encoder
    # As many as allowed get a feature each.
    assert fit(table, {"max_one_hot": 2}) == fit(table)
    assert fit(table).codes == ()


def test_float64_features_are_the_same_but_finer(table):
    encoder = fit(table)
    fine = encoder.transform(table, "float64")
    assert fine.dtype == np.float64
    assert fine.astype(np.float32).tobytes() == encoder.transform(table).tobytes()
    assert fine[0, 0] == (20 - 40) / np.std([20, 40, 60])
    for dtype in ("int64", "nonsense"):
        with pytest.raises(DtypeError, match=f"float32 or float64; received {dtype}"):
            encoder.transform(table, dtype)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1), st.data())
def test_a_weight_says_how_often_a_row_stands_in_the_table(drawn, data):
    every = Table.from_arrays(
        {
            "age": [20, None, 31.5, 44],
            "city": ["Bonn", "Ulm", None, "Rom"],
            "ok": [True, None, False, True],
            "born": ["2000-01-01", "2001-05-05 10:30", None, "1999-12-31"],
        }
    )
    rows, weight = (np.array(column) for column in zip(*drawn, strict=True))
    if not weight.any():
        weight[0] = 1
    scaling = data.draw(st.sampled_from(["standard", "robust", "none"]))
    schema = infer_schema(every)
    table = every.take(rows)
    weighted = TableEncoder.fit(table, schema, scaling=scaling, weight=weight)
    repeated = TableEncoder.fit(
        table.take(np.repeat(np.arange(len(rows)), weight)), schema, scaling=scaling
    )
    assert weighted.feature_names == repeated.feature_names
    kept = table.take(np.flatnonzero(weight))
    np.testing.assert_allclose(
        weighted.transform(kept, np.float64),
        repeated.transform(kept, np.float64),
        rtol=1e-6,
        atol=1e-9,  # sums in another order
    )


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"scaling": "other"}, ArgumentError, "'standard' or 'robust' or 'none'"),
        ({"max_one_hot": 1.5}, ArgumentError, "max_one_hot must be a whole number"),
        ({"max_one_hot": -1}, ArgumentError, "max_one_hot must be at least 0"),
        ({"weight": [1, 2]}, ShapeError, r"a weight for each of the 4 rows; received shape \(2,\)"),
        ({"weight": [[1], [2, 3]]}, ShapeError, r"a weight for each of the 4 rows"),
        ({"weight": [1, -1, 1, 1]}, ArgumentError, r"at least 0; received -1.0 in row 2"),
        ({"weight": [1, 1, np.nan, 1]}, ArgumentError, "finite .* received nan in row 3"),
        ({"weight": [0] * 4}, ArgumentError, "some row has a weight above 0"),
        ({"weight": list("abcd")}, DtypeError, "weights are numbers"),
    ],
)
def test_settings_outside_their_range_are_refused(table, settings, error, message):
    with pytest.raises(error, match=message):
        fit(table, settings)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"features": {}},
        {"features": []},
        {"features": [3]},
        {"features": [{"kind": "boolean", "column": "a", "missing": False}] * 2},
        {"features": [{"kind": "boolean", "column": "a", "missing": 0}]},
    ],
)
def test_a_damaged_config_is_refused(config):
    with pytest.raises(FileError):
        TableEncoder.from_config(config)
