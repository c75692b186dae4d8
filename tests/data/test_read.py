"""Files are read without guessing, and a damaged one is named by line, column or byte."""

import csv
import io
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.data import Table
from gradus.data.read import MISSING
from gradus.errors import DataError


@pytest.fixture
def read(tmp_path):
    def read(content, name="t.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Table.read(path, **options)

    return read


def refused(read, content, message, name="t.csv"):
    with pytest.raises(DataError, match=message):
        read(content, name)


def test_types_are_the_narrowest_that_hold_every_cell(read):
    table = read("i,f,b,d,t,s,e\n1,1,true,2024-01-01,2024-01-01 10:00,x,\n2,2.5,false,,,y,\n")
    kinds = [table.column(name).dtype for name in table.names]
    assert [str(kind) for kind in kinds] == [
        "int64",
        "float64",
        "bool",
        "datetime64[D]",
        "datetime64[us]",
        "object",
        "object",
    ]


@pytest.mark.parametrize("word", MISSING)
def test_an_empty_cell_or_a_word_for_it_is_missing_in_every_type(read, word):
    table = read(f"n,s,k\n1,a,0\n{word},{word},0\n3, {word},0\n")
    assert np.isnan(table.column("n")).tolist() == [False, True, False]
    assert table.column("s").tolist() == ["a", None, None]


def test_a_tsv_is_separated_by_tabs(read):
    assert read("a\tb\n1,5\t2\n", "t.tsv").column("a").tolist() == ["1,5"]


def test_the_suffix_may_be_in_capitals(read):
    assert len(read("a,b\n1,2\n", "T.CSV")) == 1


def test_quoted_cells_hold_commas_quotes_and_line_ends(read):
    table = read('a,b\n"x,y",1\n"say ""hi""",2\n"two\nlines",3\n')
    assert table.column("a").tolist() == ["x,y", 'say "hi"', "two\nlines"]


def test_a_quote_in_the_middle_of_a_cell_is_a_character(read):
    assert read('a,b\n5" pipe,1\n"q",2\n').column("a").tolist() == ['5" pipe', "q"]


def test_a_cell_may_be_longer_than_pythons_limit_which_stays_as_it_was(read):
    limit = csv.field_size_limit()
    assert len(read('a,b\n"' + "x" * 3_000_000 + '",1\n').column("a")[0]) == 3_000_000
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_every_line_end_are_understood(read, end):
    table = read("\ufeffa,b\n1,2\n3,4\n".replace("\n", end))
    assert table.names == ("a", "b")
    assert table.column("b").tolist() == [2, 4]


def test_empty_lines_are_skipped_but_in_one_column_they_are_missing(read):
    assert len(read("a,b\n\n1,2\n\n3,4\n\n")) == 2
    assert len(read("a\n\n1\n\n3\n\n").column("a")) == 4
    assert read("\n\na\n1\n").column("a").tolist() == [1]


def test_columns_named_as_text_stay_as_written(read):
    table = read("a,b\n01,01\nTrue,1\n,2\n", text=["a", "not there"])
    assert table.column("a").tolist() == ["01", "True", None]
    assert table.column("b").tolist() == [1, 1, 2]


pieces = st.sampled_from(
    ["a", "1", "", "NA", "?", " ", 'z"z', '"x"', '"x,y"', '"q""q"', '"x\r\ny"', "'"]
)
rows = st.lists(st.tuples(pieces, pieces), min_size=1, max_size=6)


@settings(deadline=None)
@given(rows, st.sampled_from(["\n", "\r\n", "\r"]))
def test_cells_are_those_that_pythons_csv_module_finds(rows, end):
    content = end.join(["a,b", *(",".join(row) for row in rows)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(content.encode())
        table = Table.read(path, text=["a", "b"])
    _, *expected = csv.reader(io.StringIO(content, newline=""))
    missing = {*MISSING, " "}
    for position, name in enumerate(table.names):
        cells = [row[position] for row in expected]
        assert table.column(name).tolist() == [None if c in missing else c for c in cells]


def test_what_pyarrow_alone_refuses_is_passed_on(read, monkeypatch):
    def refuse(*_, **__):
        raise pa.ArrowInvalid("of its own mind")

    monkeypatch.setattr(pa_csv, "read_csv", refuse)
    refused(read, "a,b\n1,2\n", r"a .csv file must be readable; received .*of its own mind")


def test_a_type_holds_for_the_whole_column_however_late_it_shows(read):
    content = "a,b\n" + "1,2\n" * 300_000 + "1,x\n"
    assert read(content).column("b")[-1] == "x"


@pytest.mark.parametrize(
    ("content", "offset", "line"),
    [
        (b"a,b\n1,caf\xe9\n", 9, 2),
        (b"a,b\r\n1,2\r\n\xff,2\r\n", 10, 3),
        (b"a,b\r1,2\r\xff,2\r", 8, 3),
        ("a,b\n1,2\n".encode("utf-16"), 0, 1),
    ],
)
def test_a_byte_that_is_not_utf8_is_named_by_offset_and_line(read, content, offset, line):
    byte = f"byte 0x{content[offset]:02x} at offset {offset}, in line {line} of .*t.csv"
    refused(read, content, f"written in UTF-8; received {byte}.*save the file as UTF-8")


@pytest.mark.parametrize(
    ("content", "line", "received"),
    [
        ("a,b\n1,2\n3\n", 3, 1),
        ("a,b\n1,2\n3,4,5\n6,7\n", 3, 3),
        ("a,b\n\n\n3,4,5\n", 4, 3),
        ('a,b\n"x\ny",2\n3\n', 4, 1),
        ("a,b\r\n1,2\r\n3\r\n", 3, 1),
        ("a,b\n1,2\n   \n", 3, 1),
    ],
)
def test_a_ragged_row_is_named_by_its_line(read, content, line, received):
    refused(
        read,
        content,
        f"every row needs the 2 cells of the header; received {received} cells in line {line} of",
    )


def test_a_ragged_row_of_one_column_is_named_by_its_line(read):
    refused(read, "\na\n1\n2,3\n", "the 1 cells of the header; received 2 cells in line 4 of")


@pytest.mark.parametrize(
    ("content", "line"), [('a,b\n1,2\n3,"4\n5,6\n', 3), ('a,b\n1,"2\n3,"4\n5,6\n', 2)]
)
def test_an_open_quote_does_not_swallow_the_rows_after_it(read, content, line):
    refused(read, content, rf"begins with a quote ends with one.*row that starts in line {line} of")


def test_repeated_column_names_are_refused(read):
    refused(read, "a,b,a\n1,2,3\n", r"'a' for columns 1 and 3 in the header of .*t.csv")


def test_an_empty_column_name_is_refused(read):
    refused(read, ",a\n0,1\n", r"an empty name for column 1 of 2 in the header of .*index=False")


@pytest.mark.parametrize("content", ["", "\n\n", "  \n", "\ufeff"])
def test_an_empty_file_is_refused(read, content):
    refused(read, content, r"a header and rows; received the empty file .*t.csv")


@pytest.mark.parametrize("content", ["a,b", "a,b\n", "a", 'a,"b"\n\n'])
def test_a_header_alone_is_refused(read, content):
    refused(read, content, r"at least one row; received only the column names in .*t.csv")


def test_another_separator_is_recognised_as_a_mistake(read):
    refused(read, "a;b\n1;2\n", "separated by ','; received a single column named 'a;b'")
    refused(read, "a,b\n1,2\n", r"separated by '\\t'; received a single column", "t.tsv")


def test_a_missing_file_is_refused_with_the_current_folder(tmp_path):
    with pytest.raises(DataError, match=r"must exist; received .*none.csv.*current folder is"):
        Table.read(tmp_path / "none.csv")


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(DataError, match=r"read from a file; received the folder .*d.csv"):
        Table.read(tmp_path / "d.csv")


@pytest.mark.parametrize("name", ["t.xlsx", "t"])
def test_an_unknown_suffix_is_answered_with_the_known_ones(read, name):
    refused(read, "a\n1\n", r"ends in \.csv, \.tsv, \.parquet; received", name)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")

    def deny(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", deny)
    with pytest.raises(DataError, match=r"must be readable; received .*t.csv.*Permission denied"):
        Table.read(path)


def parquet(tmp_path, table):
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    return path


def test_parquet_columns_come_from_the_file_not_from_its_folder(tmp_path):
    folder = tmp_path / "year=2020"
    folder.mkdir()
    assert Table.read(parquet(folder, pa.table({"a": [1]}))).names == ("a",)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + b"\0" * 40])
def test_what_is_no_parquet_is_refused(read, content):
    refused(read, content, "must be readable as Parquet; received .*t.parquet", "t.parquet")


def test_a_parquet_file_cut_short_anywhere_is_refused(tmp_path):
    path = parquet(tmp_path, pa.table({"a": list(range(100)), "b": ["x"] * 100}))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="readable as Parquet"):
            Table.read(path)


def test_a_flipped_bit_in_the_data_of_a_written_parquet_file_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    Table.from_arrays({"a": np.arange(1000) / 7}).write(path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(DataError, match="readable as Parquet"):
        Table.read(path)


def test_a_column_name_in_parquet_that_is_not_utf8_is_refused(tmp_path):
    path = parquet(tmp_path, pa.table({"name": [1]}))
    path.write_bytes(path.read_bytes().replace(b"name", b"nam\xe9"))
    with pytest.raises(DataError, match="readable as Parquet"):
        Table.read(path)


def test_text_in_parquet_that_is_not_utf8_is_refused(tmp_path):
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
    )
    with pytest.raises(DataError, match="UTF8"):
        Table.read(parquet(tmp_path, pa.table({"a": bad})))


def test_a_parquet_file_without_rows_or_with_repeated_names_is_refused(tmp_path):
    with pytest.raises(DataError, match="only the column names"):
        Table.read(parquet(tmp_path, pa.table({"a": pa.array([], pa.int64())})))
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataError, match="'a' for columns 1 and 2"):
        Table.read(parquet(tmp_path, twice))
