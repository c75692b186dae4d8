"""The same content is encoded alike from a file, pandas, Polars, Arrow or an array of objects."""

import datetime
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from gradus.data import Table, TableEncoder, infer_schema
from gradus.errors import DataError

CSV = """\
age,height,city,size,member,ok,born,seen,same
20,1.5,Bonn,s,true,false,2000-02-29,2024-01-01 10:30:00,7
,1.75,Ulm,m,,true,,2024-01-02 00:00:00,7
31,,,s,false,true,1990-12-31,,7
44,1.625,Bonn,,true,false,1970-01-01,2023-06-01 23:59:59.250000,7
"""
DAY, TIME = datetime.date, datetime.datetime
COLUMNS = {
    "age": [20, None, 31, 44],
    "height": [1.5, 1.75, None, 1.625],
    "city": ["Bonn", "Ulm", None, "Bonn"],
    "size": ["s", "m", "s", None],
    "member": [True, None, False, True],
    "ok": [False, True, True, False],
    "born": [DAY(2000, 2, 29), None, DAY(1990, 12, 31), DAY(1970, 1, 1)],
    "seen": [
        TIME(2024, 1, 1, 10, 30),
        TIME(2024, 1, 2),
        None,
        TIME(2023, 6, 1, 23, 59, 59, 250000),
    ],
    "same": [7, 7, 7, 7],
}


def pandas_frame():
    frame = pd.DataFrame(COLUMNS, index=[5, 6, 7, 8])
    assert frame["age"].dtype == np.float64  # because of the missing one
    return frame.assign(
        size=pd.Categorical(COLUMNS["size"], categories=["xl", "s", "m"], ordered=True),
        born=pd.to_datetime(frame["born"]),
        seen=pd.to_datetime(frame["seen"]).dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
    )


def nullable_frame():
    types = {"age": "Int64", "height": "Float64", "city": "string", "member": "boolean"}
    return pd.DataFrame(COLUMNS).astype({**types, "size": "category", "same": "UInt8"})


def pandas_of_objects():
    return pd.DataFrame(COLUMNS, dtype=object)


def polars_frame():
    frame = pl.DataFrame(COLUMNS)
    sizes = pl.Series(COLUMNS["size"], dtype=pl.Enum(["xl", "m", "s"]))
    return frame.with_columns(size=sizes, city=frame["city"].cast(pl.Categorical))


def arrow_table():
    table = pa.table(COLUMNS)
    for name in ("city", "size"):
        at = table.column_names.index(name)
        table = table.set_column(at, name, table.column(name).dictionary_encode())
    return table


def record_batch():
    return pa.record_batch(COLUMNS)


def objects():
    """A matrix of mixed columns, under their names."""
    matrix = np.array([*zip(*COLUMNS.values(), strict=True)], dtype=object)
    return Table.from_any(matrix, [*COLUMNS])


SOURCES = [
    pandas_frame,
    nullable_frame,
    pandas_of_objects,
    polars_frame,
    arrow_table,
    record_batch,
    objects,
    lambda: COLUMNS,
]


def bits(table, **settings):
    encoder = TableEncoder.fit(table, infer_schema(table), **settings)
    return json.dumps(encoder.to_config()), encoder.transform(table).tobytes()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_the_same_content_gives_the_same_encoder_and_the_same_bits(source, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(CSV)
    file, table = Table.read(path), Table.from_any(source())
    kinds = [(column.name, column.kind) for column in infer_schema(table)]
    assert kinds == [(column.name, column.kind) for column in infer_schema(file)]
    for settings in ({}, {"scaling": "robust", "max_one_hot": 1}):
        assert bits(table, **settings) == bits(file, **settings)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_an_encoder_of_one_source_reads_another(source):
    first, second = Table.from_any(COLUMNS), Table.from_any(source())
    encoder = TableEncoder.fit(first, infer_schema(first))
    assert encoder.transform(second).tobytes() == encoder.transform(first).tobytes()


def test_integers_read_as_floats_have_the_same_categories():
    whole = Table.from_arrays({"a": [1, 2, 1]})
    gaps = Table.from_any(pd.DataFrame({"a": [1.0, np.nan, 2.0]}))
    encoder = TableEncoder.fit(whole, infer_schema(whole, {"a": "categorical"}))
    assert encoder.transform(gaps).tolist() == [[1, 0], [0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("categories", "text"),
    [
        ([3, None, 1], ["3", None, "1"]),
        ([1.5, None, 3.0], ["1.5", None, "3"]),
        ([True, None, False], ["true", None, "false"]),
    ],
)
def test_categories_are_text_whatever_they_are_made_of(categories, text):
    frames = [pd.DataFrame({"a": pd.Categorical(categories)})]
    frames.append({"a": pa.array(categories).dictionary_encode()})
    for frame in frames:
        assert Table.from_any(frame).column("a").tolist() == text


def test_a_dictionary_in_several_chunks_keeps_each_chunks_words():
    chunks = [pa.array(words).dictionary_encode() for words in (["a", None], ["b", "a"])]
    table = Table.from_any(pa.table({"a": pa.chunked_array(chunks)}))
    assert table.column("a").tolist() == ["a", None, "b", "a"]
    empty = pa.chunked_array([], pa.dictionary(pa.int8(), pa.string()))
    assert Table.from_any(pa.table({"a": empty})).column("a").tolist() == []


def test_a_category_that_no_row_has_is_none_of_the_features():
    frame = pd.DataFrame({"a": pd.Categorical(["s", "m"], categories=["xl", "s", "m"])})
    table = Table.from_any(frame)
    assert TableEncoder.fit(table, infer_schema(table)).feature_names == ("a = m", "a = s")


def test_a_sparse_column_of_pandas_is_a_column():
    frame = pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])})
    assert Table.from_any(frame).column("a").tolist() == [0, 0, 1]


def test_days_among_times_keep_the_times():
    cells = [DAY(2024, 1, 1), TIME(2024, 1, 1, 12), np.datetime64("2024-01-02T06"), None]
    for source in ({"x0": cells}, np.array(cells, dtype=object)[:, None]):
        found = Table.from_any(source).column("x0")
        expected = ["2024-01-01", "2024-01-01T12", "2024-01-02T06", "NaT"]
        np.testing.assert_array_equal(found, np.array(expected, "datetime64[us]"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            lambda: pd.DataFrame({"wait": pd.to_timedelta([1, 2], unit="s")}),
            "'wait' of type duration.*a length of time: to days",
        ),
        (
            lambda: pd.DataFrame({"wait": pd.Categorical(pd.to_timedelta([1], unit="s"))}),
            "'wait' of type duration",
        ),
        (lambda: pl.DataFrame({"wait": [datetime.timedelta(1)]}), "'wait' of type duration"),
        (lambda: pd.DataFrame({"a": pd.cut([1, 2, 3], 2)}), "'a' of type .*interval"),
        (lambda: pd.DataFrame({"a": [1j]}), "column 'a'"),
        (lambda: np.array([[1], ["x"]], dtype=object), "share one type.*column 'x0'.*'x'"),
        (lambda: pd.Series([1, 2]), "made from a Table.*received Series"),
        (lambda: pl.Series([1, 2]), "made from a Table.*received Series"),
        (lambda: [{"a": 1}], "made from a Table.*received list"),
    ],
)
def test_what_no_table_can_hold_is_refused_by_name(source, message):
    with pytest.raises(DataError, match=message):
        Table.from_any(source())
