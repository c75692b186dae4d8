"""Data as it comes: frames of every library, matrices, sparse ones, gaps, and what does not fit."""

from __future__ import annotations

import datetime
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from gradus.data import Table
from gradus.errors import DataError
from gradus.estimators import Autoencoder, LinearClassifier, MLPClassifier, MLPRegressor

RNG = np.random.default_rng(2)
N = 40
COLUMNS: dict[str, Any] = {
    "age": RNG.integers(18, 80, N),
    "pay": np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(3000, 500, N)),
    "city": RNG.choice(["Bonn", "Ulm", "Köln"], N),
    "member": RNG.random(N) < 0.5,
    "joined": np.array(["2020-01-01"], "M8[us]") + RNG.integers(0, 900, N).astype("m8[D]"),
}
Y = (COLUMNS["age"] > 45).astype(int) + (COLUMNS["city"] == "Ulm")
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "preset": "classic",
    "max_iter": 8,
    "learning_rate_init": 0.05,
    "random_state": 0,
}
PANDAS = pd.DataFrame(COLUMNS)
FRAMES = {
    "pandas": PANDAS,
    "pandas with an index of its own": PANDAS.set_index(np.arange(N)[::-1] * 3),
    "pandas of nullable types": PANDAS.convert_dtypes(),
    "pandas over Arrow": PANDAS.convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.DataFrame(COLUMNS).with_columns(pl.col("pay").fill_nan(None)),
    "arrow": pa.table(COLUMNS),
    "a record batch": pa.RecordBatch.from_pydict(COLUMNS),
    "gradus": Table.from_arrays(COLUMNS),
}


def fitted(X: Any, y: Any = Y, **options: Any) -> MLPClassifier:
    return MLPClassifier(**{**SMALL, **options}).fit(X, y)


EXPECTED = fitted(PANDAS).predict_proba(PANDAS)


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_of_any_library_gives_the_same_bits(frame: str) -> None:
    model = fitted(FRAMES[frame])
    np.testing.assert_array_equal(model.predict_proba(FRAMES[frame]), EXPECTED)
    assert model.feature_names_in_.tolist() == list(COLUMNS)
    assert [c.kind for c in model.schema_] == [
        "numeric",
        "numeric",
        "categorical",
        "boolean",
        "date",
    ]
    assert model.score(FRAMES[frame], Y) > 0.5


@pytest.mark.parametrize("frame", FRAMES)
def test_rows_may_be_predicted_from_a_frame_of_another_library(frame: str) -> None:
    np.testing.assert_array_equal(fitted(PANDAS).predict_proba(FRAMES[frame]), EXPECTED)


def test_an_array_of_objects_is_a_table_without_names() -> None:
    rows = PANDAS[["age", "city", "member"]].to_numpy(dtype=object)
    model = fitted(rows)
    assert [c.kind for c in model.schema_] == ["numeric", "categorical", "boolean"]
    assert not hasattr(model, "feature_names_in_")
    expected = fitted(PANDAS[["age", "city", "member"]])
    np.testing.assert_array_equal(
        model.predict_proba(rows), expected.predict_proba(PANDAS[["age", "city", "member"]])
    )


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "int64", "int8", "uint16", "bool", "object"]
)
def test_an_array_of_numbers_is_the_same_whatever_its_dtype(dtype: str) -> None:
    X = RNG.integers(0, 2, (N, 3))
    np.testing.assert_array_equal(
        fitted(X.astype(dtype)).predict_proba(X), fitted(X).predict_proba(X.astype(dtype))
    )


def test_lists_of_rows_with_texts_are_a_table_without_names() -> None:
    rows = [[1.0, "a", None], [2.0, "b", True], [None, "a", False], [0.5, "b", True]] * 10
    y = [0, 1, 1, 0] * 10
    fitted = MLPClassifier(**SMALL).fit(rows, y)
    assert [column.kind for column in fitted.schema_] == ["numeric", "categorical", "boolean"]
    as_array = MLPClassifier(**SMALL).fit(np.array(rows, object), y)
    np.testing.assert_array_equal(fitted.predict_proba(rows[:4]), as_array.predict_proba(rows[:4]))


@pytest.mark.parametrize("cell", [np.float32, np.array, Fraction, np.bool_], ids=str)
def test_lists_of_cells_that_stand_for_numbers_are_an_array(cell: Any) -> None:
    numbers = np.arange(40) % 2
    rows = [[cell(v), cell(1 - v)] for v in numbers.tolist()]
    fitted = MLPClassifier(**SMALL).fit(rows, numbers)
    assert [column.kind for column in fitted.schema_] == ["numeric", "numeric"]
    assert fitted.predict(rows).tolist() == numbers.tolist()


def test_lists_and_fortran_order_and_views_are_arrays() -> None:
    X = RNG.normal(size=(N, 6))
    expected = fitted(X[:, ::2]).predict_proba(X[:, ::2])
    for same in (X[:, ::2].tolist(), np.asfortranarray(X[:, ::2]), X[:, ::2].copy()):
        np.testing.assert_array_equal(fitted(same).predict_proba(same), expected)


def test_the_rows_given_are_left_as_they_are() -> None:
    X = RNG.normal(size=(N, 3))
    copy, frame = X.copy(), PANDAS.copy(deep=True)
    fitted(X).predict(X)
    fitted(PANDAS).predict(PANDAS)
    np.testing.assert_array_equal(X, copy)
    pd.testing.assert_frame_equal(PANDAS, frame)


# Sparse -------------------------------------------------------------------------------------------

DIGITS, DIGIT = (a[:200] for a in load_digits(return_X_y=True))


@pytest.mark.parametrize(
    "form",
    [
        sparse.csr_matrix,
        sparse.csc_matrix,
        sparse.coo_matrix,
        sparse.csr_array,
        sparse.csc_array,
        sparse.coo_array,
        sparse.lil_array,
        sparse.dok_array,
    ],
)
def test_sparse_rows_of_every_form_are_the_same(form: Any) -> None:
    expected = fitted(sparse.csr_array(DIGITS), DIGIT)
    model = fitted(form(DIGITS), DIGIT)
    np.testing.assert_array_equal(
        model.predict_proba(form(DIGITS)), expected.predict_proba(sparse.csr_array(DIGITS))
    )


@pytest.mark.parametrize("preset", ["classic", "default", "strong"])
def test_a_sparse_fit_is_the_dense_one_where_the_scaling_is_the_same(preset: str) -> None:
    options = {
        "preset": preset,
        "scaling": "none",
        "numeric_embedding": "none",
        "scaling_layer": False,
        "parametric_activation": False,
        "dropout": 0.0,
        "dtype": "float64",
        "max_iter": 3,
        "learning_rate_init": 0.01,
        "layer_rates": {},
    }
    rows = sparse.csr_array(DIGITS / 16)
    kept = MLPClassifier(**{**SMALL, **options}).build(rows, DIGIT)
    dense = MLPClassifier(**{**SMALL, **options}).build(rows.toarray(), DIGIT)
    for model in (kept, dense):
        model.set_params(warm_start=True)
    layers = [[m for m in model.network_ if hasattr(m, "bias")] for model in (kept, dense)]
    for mine, other in zip(*layers, strict=True):
        same_way = mine.weight.shape == other.weight.shape and mine is not layers[0][0]
        other.weight = mine.weight if same_way else mine.weight.T
        other.bias = mine.bias
    kept.fit(rows, DIGIT)
    dense.fit(rows.toarray(), DIGIT)
    np.testing.assert_allclose(kept.loss_curve_, dense.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(
        kept.predict_proba(rows), dense.predict_proba(rows.toarray()), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(kept.coefs_[0], dense.coefs_[0], rtol=1e-6, atol=1e-9)


def test_a_model_of_sparse_rows_predicts_dense_ones_and_the_other_way() -> None:
    rows = sparse.csr_array(DIGITS)
    kept, dense = fitted(rows, DIGIT), fitted(DIGITS, DIGIT)
    np.testing.assert_array_equal(kept.predict_proba(DIGITS), kept.predict_proba(rows))
    np.testing.assert_array_equal(dense.predict_proba(DIGITS), dense.predict_proba(rows))


def test_sparse_rows_stay_sparse() -> None:
    # 50 000 columns of float64 in 400 rows would be 160 MB.
    rows = sparse.random_array((400, 50_000), density=4e-4, rng=RNG, format="csr")
    y = np.asarray(rows.sum(axis=1)).ravel() > 10
    tracemalloc.start()
    model = fitted(rows, y, hidden_layer_sizes=(4,), max_iter=2)
    model.predict(rows)
    assert tracemalloc.get_traced_memory()[1] < 40e6
    tracemalloc.stop()
    assert model.n_features_in_ == 50_000


# Gaps and what training never saw -----------------------------------------------------------------


def test_missing_numbers_are_missing_in_every_notation() -> None:
    values = np.where(RNG.random(N) < 0.3, np.nan, RNG.normal(size=N))
    some = [None if np.isnan(v) else v for v in values]
    forms: list[Any] = [
        pd.DataFrame({"a": values}),
        pd.DataFrame({"a": pd.array(some, dtype="Float64")}),
        pd.DataFrame({"a": pd.Series(some, dtype=object)}),
        pd.DataFrame({"a": pd.Series([pd.NA if v is None else v for v in some], dtype=object)}),
        pl.DataFrame({"a": some}),
        pa.table({"a": some}),
    ]
    results = [fitted(form, Y).predict_proba(form) for form in forms]
    for found in results[1:]:
        np.testing.assert_array_equal(found, results[0])
    masked = np.ma.masked_invalid(values[:, None])
    for matrix in (values[:, None], masked):
        np.testing.assert_array_equal(fitted(matrix).predict_proba(matrix), results[0])


def test_a_gap_where_training_had_none_counts_as_the_centre() -> None:
    X = RNG.normal(size=(N, 2))
    X[:, 0] -= X[:, 0].mean()
    found = fitted(X).predict_proba([[np.nan, 1.0], [0.0, 1.0]])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_categories_that_training_never_saw_are_none_of_those_it_saw() -> None:
    model = fitted(PANDAS)
    rows = PANDAS.head(3).assign(city=["Rom", None, "Oslo"], age=40, pay=1.0, member=True)
    rows["joined"] = PANDAS["joined"].iloc[0]
    found = model.predict_proba(rows)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert np.isfinite(found).all()


def test_many_categories_are_embedded_and_an_unseen_one_is_the_unknown_code() -> None:
    names = np.array([f"item {i % 17}" for i in range(N)])
    X = pd.DataFrame({"item": names})
    model = fitted(X, max_one_hot=5, embedding_size=3)
    assert model.encoder_.codes == ((0, 18),)
    found = model.predict_proba(pd.DataFrame({"item": ["never", None, "item 3"]}))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_no_kinds_are_none_said_either_way() -> None:
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    fitted = MLPClassifier(**SMALL, warm_start=True).fit(X, y)
    assert fitted.set_params(kinds={}).fit(X, y).kinds == {}


def test_kinds_are_what_one_says_they_are() -> None:
    X = pd.DataFrame({"zip": RNG.integers(0, 4, N), "age": COLUMNS["age"]})
    model = fitted(X, kinds={"zip": "categorical"})
    assert [c.kind for c in model.schema_] == ["categorical", "numeric"]
    with pytest.raises(DataError, match=r"must be in the table.*'plz'"):
        fitted(X, kinds={"plz": "categorical"})


def test_the_columns_of_an_array_have_kinds_by_their_place() -> None:
    X = np.column_stack([RNG.integers(0, 4, N), COLUMNS["age"]])
    model = fitted(X, kinds={"x0": "categorical"})
    named = fitted(pd.DataFrame(X, columns=["x0", "x1"]), kinds={"x0": "categorical"})
    assert [c.kind for c in model.schema_] == ["categorical", "numeric"]
    np.testing.assert_array_equal(
        model.predict_proba(X), named.predict_proba(pd.DataFrame(X, columns=["x0", "x1"]))
    )
    with pytest.raises(ValueError, match="a sparse matrix holds numbers"):
        fitted(sparse.csr_array(X), kinds={"x0": "categorical"})


def test_a_constant_and_an_empty_column_do_no_harm() -> None:
    X = pd.DataFrame({"one": np.ones(N), "none": [None] * N, "age": COLUMNS["age"]})
    found = fitted(X).predict_proba(X)
    assert np.isfinite(found).all()


# One row, no row ----------------------------------------------------------------------------------


def test_one_row_is_predicted_as_among_many() -> None:
    model = fitted(PANDAS, dtype="float64")
    alone = [model.predict_proba(PANDAS.iloc[[i]])[0] for i in range(5)]
    np.testing.assert_allclose(alone, model.predict_proba(PANDAS)[:5], rtol=1e-12)


@pytest.mark.parametrize("frame", [np.empty((0, 3)), pd.DataFrame({"a": []}), pa.table({"a": []})])
def test_no_rows_are_refused(frame: Any) -> None:
    with pytest.raises(ValueError, match=r"0 sample|at least one row"):
        fitted(frame, np.empty(0, int))


@pytest.mark.parametrize("kind", [MLPClassifier, LinearClassifier, Autoencoder])
def test_a_lazy_frame_is_to_be_collected(kind: Any) -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 0.0, 1.0, 5.0]})
    y = pl.DataFrame({"y": [0, 1, 0, 1]})
    with pytest.raises(DataError, match=r"lazy frame.*X\.collect\(\)"):
        kind().fit(frame.lazy(), y["y"])
    if kind is Autoencoder:  # which has no y
        return
    with pytest.raises(DataError, match=r"lazy frame.*y\.collect\(\)"):
        kind().fit(frame, y.lazy())
    model = kind().fit(frame.lazy().collect(), y["y"])
    with pytest.raises(DataError, match=r"lazy frame.*X\.collect\(\)"):
        model.predict(frame.lazy())


def test_no_rows_to_predict_are_refused() -> None:
    X = RNG.normal(size=(N, 2))
    frame = pd.DataFrame(X, columns=["a", "b"])
    with pytest.raises(ValueError, match="0 sample"):
        fitted(X).predict(X[:0])
    with pytest.raises(ValueError, match="at least one row"):
        fitted(frame).predict(frame.head(0))


# What does not fit --------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", ["pandas", "polars", "arrow", "gradus"])
@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (["pay", "age", "city", "member", "joined"], "order"),
        (["age", "pay", "city", "member"], "missing|joined"),
        (["age"], "missing|pay"),
    ],
)
def test_columns_are_those_of_training_in_their_order(
    frame: str, columns: list[str], why: str
) -> None:
    model, X = fitted(PANDAS), FRAMES[frame]
    if isinstance(X, Table):
        X = Table(X.arrow.select(columns))
    else:
        X = X.select(columns) if hasattr(X, "select") else X[columns]
    with pytest.raises(ValueError, match=why):
        model.predict(X)


def test_a_further_column_is_refused() -> None:
    with pytest.raises(ValueError, match="extra"):
        fitted(PANDAS).predict(PANDAS.assign(extra=1))


def test_a_column_of_another_kind_is_refused_by_name_and_row() -> None:
    rows = PANDAS.assign(age=PANDAS["age"].astype(str))
    rows.loc[2, "age"] = "old"
    with pytest.raises(DataError, match=r"'age' must be a number.*'old' in row 3"):
        fitted(PANDAS).predict(rows)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("form", ["array", "pandas", "sparse"])
def test_infinite_numbers_are_refused(form: str, value: float) -> None:
    X = RNG.random((N, 3))
    bad = X.copy()
    bad[4, 1] = value
    make = {"array": np.asarray, "pandas": lambda a: pd.DataFrame(a, columns=list("abc"))}
    make["sparse"] = sparse.csr_array
    with pytest.raises(ValueError, match=r"[Ii]nf"):
        fitted(make[form](bad))
    with pytest.raises(ValueError, match=r"[Ii]nf"):
        fitted(make[form](X)).predict(make[form](bad))


def test_missing_numbers_of_a_sparse_matrix_are_refused() -> None:
    X = sparse.csr_array(np.array([[0.0, 1.0], [np.nan, 0.0]] * 20))
    with pytest.raises(ValueError, match=r"nan|NaN"):
        fitted(X)


def test_columns_of_the_same_name_are_refused() -> None:
    X = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["a", "a"])
    with pytest.raises(ValueError, match=r"names must differ.*'a'"):
        fitted(X)


def test_names_that_are_numbers_and_texts_are_refused_as_scikit_learn_does() -> None:
    X = pd.DataFrame(RNG.normal(size=(N, 2)), columns=[0, "a"])
    with pytest.raises(TypeError, match="string"):
        fitted(X)


def test_names_that_are_all_numbers_are_places() -> None:
    X = pd.DataFrame(RNG.normal(size=(N, 2)))
    model = fitted(X)
    assert not hasattr(model, "feature_names_in_")
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X.to_numpy()))


def test_an_array_after_a_frame_warns_as_scikit_learn_does() -> None:
    X = PANDAS[["age", "pay"]]
    model = fitted(X)
    with pytest.warns(UserWarning, match="feature names"):
        found = model.predict_proba(X.to_numpy())
    np.testing.assert_array_equal(found, model.predict_proba(X))


@pytest.mark.parametrize(
    ("X", "why"),
    [
        (np.ones(5), "1D array"),
        (np.ones((3, 2, 2)), "dim 3|3"),
        (np.ones((N, 2)) + 1j, "[Cc]omplex"),
        ({"age": [1, 2]}, "dict|mapping|array"),
        ("age", "string"),
        (None, "None|scalar|array"),
        ([[1, 2], [3]], "inhomogeneous|sequence"),
    ],
    ids=["one axis", "three axes", "complex", "a dictionary", "a text", "None", "ragged"],
)
def test_what_is_no_table_is_refused(X: Any, why: str) -> None:
    with pytest.raises((ValueError, TypeError), match=why):
        fitted(X)


def test_all_columns_that_cannot_be_learnt_from_are_named() -> None:
    X = pd.DataFrame({"id": [f"row {i}" for i in range(300)]})
    with pytest.raises(DataError, match=r"'id'.*look like an id"):
        fitted(X, np.arange(300) % 2)


def test_dates_with_time_zones_and_of_plain_python_are_dates() -> None:
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=7 * i) for i in range(N)]
    plain = pd.DataFrame({"day": pd.to_datetime(days)})
    expected = fitted(plain).predict_proba(plain)
    for form in (pa.table({"day": days}), pl.DataFrame({"day": days})):
        np.testing.assert_array_equal(fitted(form).predict_proba(form), expected)
    zoned = pd.DataFrame({"day": plain["day"].dt.tz_localize("UTC")})
    np.testing.assert_array_equal(fitted(zoned).predict_proba(zoned), expected)


def test_numbers_so_large_that_float32_cannot_hold_them_are_scaled_first() -> None:
    X = RNG.normal(size=(N, 2)) * 1e200
    model = MLPRegressor(**SMALL, dtype="float32").fit(X, X[:, 0] / 1e200)
    assert np.isfinite(model.predict(X)).all()


def test_a_frame_of_numbers_is_a_matrix_and_trains_to_the_same_bits_as_its_table() -> None:
    frame = PANDAS[["age", "pay"]].astype(np.float32)
    by_matrix, by_table = fitted(frame), fitted(Table.from_any(frame))
    assert by_matrix.encoder_ == by_table.encoder_
    found = [m.predict_proba(frame) for m in (by_matrix, by_table)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("unit", ["D", "s", "ns"])
def test_a_matrix_of_dates_is_a_table_of_dates_in_any_unit(unit: str) -> None:
    days = np.arange("2020-01-01", "2020-02-10", dtype="M8[D]").reshape(-1, 1)
    days[3] = "NaT"
    model = MLPRegressor(**SMALL).fit(days, np.arange(40.0))
    frame = pd.DataFrame(days, columns=["x0"])
    same = MLPRegressor(**SMALL).fit(frame, np.arange(40.0))
    assert model.schema_[0].kind == "date"
    assert model.schema_[0].missing_count == 1
    assert np.array_equal(model.predict(days.astype(f"M8[{unit}]")), same.predict(frame))


def test_lengths_of_time_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match="a length of time: to days"):
        MLPRegressor(**SMALL).fit(np.arange(40).astype("m8[D]").reshape(-1, 1), np.arange(40.0))
