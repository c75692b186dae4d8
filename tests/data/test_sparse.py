"""Sparse rows are packed without losing a cell, and scaled without making zeros into numbers."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler

from gradus.data import SparseEncoder, pack_rows
from gradus.errors import ArgumentError, DataError, DtypeError, FileError, ShapeError

FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]
DENSE = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 6), st.integers(1, 6)),
    elements=st.just(0.0) | st.floats(-100, 100, width=32),
)


def unpacked(packed, columns):
    dense = np.zeros((len(packed), columns), packed.dtype)
    for row, (places, values) in enumerate(packed):
        np.add.at(dense[row], places.astype(int), values)
    return dense


@settings(deadline=None)
@given(DENSE, st.sampled_from(FORMATS), st.sampled_from([np.float32, np.float64]))
def test_nothing_is_lost_from_any_format(dense, form, dtype):
    X = sparse.coo_array(dense.astype(dtype)).asformat(form)
    packed = pack_rows(X)
    assert packed.dtype == dtype
    assert packed.shape == (len(dense), 2, max([1, *np.count_nonzero(dense, axis=1)]))
    np.testing.assert_array_equal(unpacked(packed, dense.shape[1]), dense)
    assert (np.diff(packed[:, 0]) > 0).sum() == (np.count_nonzero(dense, axis=1) - 1).clip(0).sum()


def test_duplicates_are_summed_and_zeros_left_out_and_the_matrix_stays():
    X = sparse.csr_array(([1.0, 2.0, 5.0, -5.0, 0.0], [3, 3, 1, 1, 2], [0, 5]), shape=(1, 4))
    assert pack_rows(X).tolist() == [[[3], [3]]]
    assert X.nnz == 5


def test_an_empty_row_is_column_0_with_value_0():
    assert pack_rows(sparse.csr_matrix((2, 3))).tolist() == [[[0], [0]], [[0], [0]]]
    assert pack_rows(sparse.csr_array((0, 3))).shape == (0, 2, 1)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32])
def test_integers_and_booleans_become_float32(dtype):
    packed = pack_rows(sparse.csr_array(np.array([[0, 1]], dtype)))
    assert packed.dtype == np.float32
    assert pack_rows(sparse.csr_array(np.eye(2)), np.float32).dtype == np.float32
    assert pack_rows(sparse.csr_array(np.eye(2, dtype=dtype)), "float64").dtype == np.float64


def test_every_column_number_up_to_the_limit_is_exact():
    last = 2**24 - 1
    X = sparse.csr_array(([1.0, 1.0], [last - 1, last], [0, 2]), shape=(1, 2**24))
    assert pack_rows(X, np.float32)[0, 0].tolist() == [last - 1, last]
    with pytest.raises(ShapeError, match=r"at most 2²⁴ .*received 16777217"):
        pack_rows(sparse.csr_array((1, 2**24 + 1)))


@pytest.mark.parametrize("use", [pack_rows, SparseEncoder.fit, SparseEncoder((1.0, 1.0)).transform])
def test_what_cannot_be_packed_is_refused(use):
    for wrong in (np.nan, np.inf, -np.inf):
        with pytest.raises(DataError, match=f"received {wrong} in row 2, column 1"):
            use(sparse.csr_array(np.array([[1.0, 0.0], [0.0, wrong]])))
    with pytest.raises(ShapeError, match=r"received ndarray of shape \(2, 2\)"):
        use(np.eye(2))
    with pytest.raises(DtypeError, match="received complex128"):
        use(sparse.csr_array(np.eye(2) * 1j))


def test_a_number_beyond_float32_is_refused_there_alone():
    X = sparse.csr_array([[0.0, 1e300]])
    with pytest.raises(DataError, match=r"must fit into float32; received 1e\+300 in row 1, col"):
        pack_rows(X, np.float32)
    assert pack_rows(X)[0, 1].tolist() == [1e300]
    with pytest.raises(DataError, match="must fit into float32"):
        SparseEncoder((1.0, 1e-300)).transform(X)


@settings(deadline=None)
@given(DENSE.filter(len), st.sampled_from(FORMATS))
def test_columns_are_scaled_as_scikit_learn_does(dense, form):
    X = sparse.coo_array(dense).asformat(form)
    encoder = SparseEncoder.fit(X)
    expected = MaxAbsScaler().fit_transform(dense)
    found = unpacked(encoder.transform(X, np.float64), dense.shape[1])
    # Theirs takes a scale next to nothing for 1.
    large = np.abs(dense).max(axis=0) > 1e-10
    np.testing.assert_allclose(found[:, large], expected[:, large], rtol=1e-15)
    assert np.abs(found).max(initial=0) <= 1
    again = SparseEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    assert again == encoder


def test_a_row_of_weight_0_teaches_nothing():
    X = sparse.csr_array([[1.0, 0.0], [8.0, 2.0]])
    assert SparseEncoder.fit(X, weight=[2, 0]).scale == (1.0, 0.0)
    with pytest.raises(ShapeError, match="each of the 2 rows"):
        SparseEncoder.fit(X, weight=[1])
    with pytest.raises(ArgumentError, match="above 0"):
        SparseEncoder.fit(X, weight=[0, 0])


def test_a_column_that_training_never_saw_is_left_out():
    encoder = SparseEncoder.fit(sparse.csr_array([[2.0, 0.0, 0.0], [0.0, 0.0, 4.0]]))
    packed = encoder.transform(sparse.csr_array([[1.0, 9.0, 2.0]]))
    assert packed.tolist() == [[[0, 2], [0.5, 0.5]]]


def test_other_columns_and_nothing_at_all_are_refused():
    with pytest.raises(ShapeError, match=r"the 2 columns of training; received shape \(1, 3\)"):
        SparseEncoder((1.0, 1.0)).transform(sparse.csr_array((1, 3)))
    for shape in ((0, 2), (2, 0)):
        with pytest.raises(DataError, match="at least one row and column"):
            SparseEncoder.fit(sparse.csr_array(shape))


@pytest.mark.parametrize("scale", [[], [1], [-1.0], [float("inf")], [float("nan")], "1", None])
def test_a_damaged_config_is_refused(scale):
    with pytest.raises(FileError, match="scale"):
        SparseEncoder.from_config({"scale": scale})
