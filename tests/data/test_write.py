"""What is written is what is read, a file is whole or untouched, and text is never a formula."""

import csv
import datetime
import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.data import Table
from gradus.data.read import MISSING
from gradus.errors import DataError, FileError

SUFFIXES = (".csv", ".tsv", ".parquet")


def written(table, suffix=".csv"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{suffix}"
        table.write(path)
        return Table.read(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_type_comes_back_as_it_was(suffix):
    moments = ["2024-01-01T10:00", "1500-01-01T00:00:01", "NaT"]
    table = Table.from_arrays(
        {
            "float": [0.1, 5e-324, None],
            "whole floats": [1.0, -0.0, 1e300],
            "int": [2**63 - 1, -(2**63), None],
            "bool": [True, None, False],
            "text": ["x", "5 é", None],
            "date": [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), None],
            "time": np.array(moments, dtype="datetime64[us]"),
            "micro": np.array(["2024-01-01T10:00:00.000001", "2024-01-01", "NaT"], "M8[us]"),
            "empty": [None, None, None],
        }
    )
    again = written(table, suffix)
    assert again == table
    assert np.signbit(again.column("whole floats")[1])


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_every_float_keeps_its_bits(values):
    column = written(Table.from_arrays({"a": values, "b": values})).column("a")
    assert column.tobytes() == np.array(values).tobytes()


def plain_text(cell):
    """Text that a CSV file can tell from a missing cell."""
    return cell.removeprefix(" ") not in MISSING


text = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("'\"=+-@\t\r\n,; é")
).filter(plain_text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(text | st.none(), text | st.none()), min_size=1),
    st.sampled_from(SUFFIXES),
)
def test_text_comes_back_whatever_its_characters(rows, suffix):
    # A column of text that all looks like numbers or dates would be read as those.
    first, second = zip(*rows, ("text", "text"), strict=True)
    table = Table.from_arrays({"a": first, "b": second})
    assert written(table, suffix) == table


@settings(deadline=None)
@given(st.lists(text.filter(str.strip), min_size=1, max_size=4, unique=True))
def test_column_names_come_back_whatever_their_characters(names):
    table = Table.from_arrays({name: [1, 2] for name in names})
    assert written(table) == table


@settings(deadline=None)
@given(st.lists(text | st.none(), min_size=1))
def test_one_column_keeps_its_missing_rows(cells):
    table = Table.from_arrays({"a": [*cells, "text"]})
    assert written(table) == table


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_text_that_a_spreadsheet_would_run_is_escaped_and_numbers_are_not(tmp_path, suffix, start):
    path = tmp_path / f"t{suffix}"
    cell = f"{start}cmd|' /C calc'!A0"
    table = Table.from_arrays({f"{start}name": [cell, "safe"], "n": [-1, 2], "f": [-1.5, 2.0]})
    table.write(path)
    with open(path, newline="", encoding="utf-8") as file:
        header, first, second = csv.reader(file, delimiter="," if suffix == ".csv" else "\t")
    assert header == [f"'{start}name", "n", "f"]
    assert first == [f"'{cell}", "-1", "-1.5"]
    assert second == ["safe", "2", "2.0"]
    assert Table.read(path) == table


def test_no_separator_of_any_spreadsheet_stands_unquoted_in_text(tmp_path):
    path = tmp_path / "t.csv"
    Table.from_arrays({"a": ["x;=1+1"], "b": ["y\t=1+1"]}).write(path)
    assert path.read_text() == 'a,b\n"x;=1+1","y\t=1+1"\n'


def test_a_table_without_rows_writes_its_header(tmp_path):
    Table.from_arrays({"a": [1], "b": [2]}).take([]).write(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "a,b\n"


def test_more_rows_than_one_portion_come_back():
    table = Table.from_arrays({"a": np.arange(70_000), "b": np.arange(70_000) / 7})
    assert written(table) == table


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"t{suffix}"
    path.write_text("old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"has room; received .*No space left on device"):
        Table.from_arrays({"a": [1]}).write(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]


def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("old")

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Table.from_arrays({"a": [1]}).write(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["t.csv"]


def test_a_folder_that_does_not_exist_or_is_none_is_refused(tmp_path):
    table = Table.from_arrays({"a": [1]})
    with pytest.raises(FileError, match=r"a folder that exists.*No such file"):
        table.write(tmp_path / "none" / "t.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="Not a directory"):
        table.write(tmp_path / "file" / "t.csv")
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(FileError, match="Is a directory"):
        table.write(tmp_path / "t.csv")
    assert sorted(os.listdir(tmp_path)) == ["file", "t.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match=r"is writable.*Permission denied"):
        Table.from_arrays({"a": [1]}).write(tmp_path / "t.csv")


def test_an_unwritable_folder_is_refused_also_for_root(tmp_path, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    with pytest.raises(FileError, match=r"is writable.*Permission denied.*another folder"):
        Table.from_arrays({"a": [1]}).write(tmp_path / "t.csv")


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"ends in \.csv, \.tsv, \.parquet; received .*t.xlsx"):
        Table.from_arrays({"a": [1]}).write(tmp_path / "t.xlsx")
