"""A matrix of numbers is encoded as the table of its columns, bit for bit, in little memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradus.data import Table, TableEncoder, encoders, infer_schema
from gradus.data.scaling import SCALINGS
from gradus.errors import ArgumentError, DataError, DtypeError, ShapeError

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 4))
MATRICES = st.one_of(
    hnp.arrays(np.float64, SHAPES, elements=st.floats(-1e9, 1e9) | st.just(np.nan)),
    hnp.arrays(np.float32, SHAPES, elements=st.floats(-1e9, 1e9, width=32) | st.just(np.nan)),
    hnp.arrays(np.float16, SHAPES, elements=st.floats(-100, 100, width=16)),
    hnp.arrays(np.int64, SHAPES, elements=st.integers(-(2**60), 2**60)),
    hnp.arrays(np.uint8, SHAPES),
    hnp.arrays(">i4", SHAPES, elements=st.integers(-100, 100)),
    hnp.arrays(np.bool_, SHAPES),
)


def as_table(X, names):
    table = Table.from_any(X, names)
    return table, infer_schema(table, dict.fromkeys(names, "numeric"))


@settings(deadline=None)
@given(MATRICES, st.sampled_from([*SCALINGS]), st.data())
def test_a_matrix_is_encoded_as_its_table(X, scaling, data):
    X = data.draw(st.sampled_from([X, np.asfortranarray(X), X[::-1]]))
    names = [f"x{j}" for j in range(X.shape[1])]
    weight = data.draw(st.none() | hnp.arrays(float, len(X), elements=st.floats(0.5, 3)))
    table, schema = as_table(X, names)
    encoder = TableEncoder.fit_matrix(X, names, scaling=scaling, weight=weight)
    assert encoder == TableEncoder.fit(table, schema, scaling=scaling, weight=weight)
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    rows = data.draw(st.none() | st.lists(st.integers(0, len(X) - 1)))
    expected = encoder.transform(table if rows is None else table.take(rows), dtype)
    found = encoder.transform_matrix(X, rows, dtype)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


def test_the_bits_do_not_depend_on_the_portions(monkeypatch):
    X = np.random.default_rng(0).normal(size=(101, 3)).astype(np.float32)
    encoder = TableEncoder.fit_matrix(X, ["a", "b", "c"], scaling="robust")
    whole = encoder.transform_matrix(X)
    rows = np.random.default_rng(1).permutation(101)
    for portion in (1, 10, 101):
        monkeypatch.setattr(encoders, "_ROWS_AT_ONCE", portion)
        assert encoder.transform_matrix(X).tobytes() == whole.tobytes()
        assert encoder.transform_matrix(X, rows).tobytes() == whole[rows].tobytes()


def test_a_column_without_any_value_is_zeros_and_its_indicator():
    X = np.array([[np.nan, 1.0], [np.nan, 1.0]])
    encoder = TableEncoder.fit_matrix(X, ["a", "b"])
    assert encoder.feature_names == ("a", "a is missing", "b")
    assert encoder.transform_matrix(X).tolist() == [[0, 1, 0], [0, 1, 0]]


@pytest.mark.parametrize("rows", [None, [3, 1]])
def test_a_cell_that_does_not_fit_is_named_by_column_and_row_of_the_matrix(rows, monkeypatch):
    monkeypatch.setattr(encoders, "_ROWS_AT_ONCE", 2)
    X = np.arange(10.0).reshape(5, 2)
    encoder = TableEncoder.fit_matrix(X, ["a", "b"])
    X[3, 1] = np.inf
    X[4, 0] = -np.inf
    message = "'b' .*received inf in row 4" if rows else "'a' .*received -inf in row 5"
    with pytest.raises(DataError, match=message):
        encoder.transform_matrix(X, rows)
    with pytest.raises(DataError, match="'a' must be finite; received -inf in row 5"):
        TableEncoder.fit_matrix(X, ["a", "b"])
    X[3, 1] = 1e300
    with pytest.raises(DataError, match=r"'b' must be near .*received 1e\+300 in row 4"):
        encoder.transform_matrix(X, [3])
    assert encoder.transform_matrix(X, [0, 1, 2]).shape == (3, 2)


@pytest.mark.parametrize(
    ("X", "names", "error", "message"),
    [
        (np.zeros(3), ["a"], ShapeError, r"2-D array .*received shape \(3,\)"),
        ([[1.0]], ["a"], ShapeError, "received list"),
        (np.zeros((2, 2)), ["a"], ShapeError, "received 1 names for 2 columns"),
        (np.zeros((2, 2)), ["a", "a"], DataError, "'a' for columns 1 and 2"),
        (np.zeros((0, 1)), ["a"], DataError, "at least one row"),
        (np.zeros((1, 0)), [], DataError, "received no columns"),
        (np.ma.masked_array(np.zeros((1, 1)), True), ["a"], DtypeError, "a masked array"),
        (np.zeros((1, 1), complex), ["a"], DtypeError, "received complex128"),
        (np.zeros((1, 1), object), ["a"], DtypeError, "received object"),
        (np.zeros((1, 1), np.longdouble), ["a"], DtypeError, "up to 64 bits"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(X, names, error, message):
    with pytest.raises(error, match=message):
        TableEncoder.fit_matrix(X, names)


def test_a_matrix_needs_the_columns_and_an_encoder_of_numbers():
    X = np.eye(3)
    encoder = TableEncoder.fit_matrix(X, ["a", "b", "c"])
    with pytest.raises(ShapeError, match=r"the 3 columns of training; received shape \(3, 2\)"):
        encoder.transform_matrix(X[:, :2])
    for rows in ([3], [-1], [0.5], [True, False, True]):
        with pytest.raises(ArgumentError, match="row"):
            encoder.transform_matrix(X, rows)
    table = Table.from_arrays({"city": ["Bonn", "Ulm"]})
    with pytest.raises(ArgumentError, match="received an encoder with 'city'"):
        TableEncoder.fit(table, infer_schema(table)).transform_matrix(X)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_encoding_needs_little_memory_beyond_its_result(scaling):
    X = np.random.default_rng(0).normal(size=(100_000, 20)).astype(np.float32)
    rows = np.random.default_rng(1).permutation(len(X))
    column = 8 * len(X)
    tracemalloc.start()
    try:
        encoder = TableEncoder.fit_matrix(X, [f"x{j}" for j in range(20)], scaling=scaling)
        # The column in float64, those of its cells that are there, and masks.
        assert tracemalloc.get_traced_memory()[1] < 2.5 * column
        tracemalloc.reset_peak()
        encoded = encoder.transform_matrix(X, rows)
        # A portion of the matrix, and the places of the rows.
        assert tracemalloc.get_traced_memory()[1] < encoded.nbytes + 3e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("cell", [np.inf, -np.inf])
def test_an_infinite_cell_is_refused_however_far_cells_are_drawn_in(scaling, cell):
    X = np.random.default_rng(0).normal(size=(30, 2))
    encoder = TableEncoder.fit_matrix(X, ["a", "b"], scaling=scaling)
    X[4, 1] = cell
    with pytest.raises(DataError, match=r"column 'b' must be finite; received -?inf in row 5"):
        encoder.transform_matrix(X)
