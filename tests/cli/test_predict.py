"""gradus predict: the table's own columns, then what is predicted."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from gradus.data import Table, load
from gradus.train.table_model import TableModel

if TYPE_CHECKING:
    from tests.cli.conftest import Gradus

Files = Callable[[], dict[str, bytes]]


@pytest.fixture
def city_run(gradus: Gradus, here: Path) -> Path:
    """A run trained on a table with a category, whose rows repeat."""
    rows = 40
    Table.from_arrays({
        "city": ["Bonn", "Ulm"] * (rows // 2),
        "size": np.arange(rows),
        "kind": ["=flat", "house"] * (rows // 2),
    }).write(here / "city.csv")  # fmt: skip
    assert gradus("train", "city.csv", "--target", "kind", "--epochs", 2, "--out", "c").code == 0
    return here / "c"


def test_the_inputs_columns_come_first_in_their_order_whatever_that_is(
    gradus: Gradus, wine_model: Path, here: Path
) -> None:
    table, _ = load("wine")
    names = table.names[::-1]
    shuffled = Table.from_arrays({"row id": range(178), **{n: table.column(n) for n in names}})
    shuffled.write(here / "new.csv")
    done = gradus("predict", wine_model, "new.csv")
    assert (done.code, done.err) == (0, "")
    header = done.out.splitlines()[0].split(",")
    found = ["predicted cultivar", *(f"probability class_{k}" for k in range(3))]
    assert header == ["row id", *names, *found]
    assert len(done.out.splitlines()) == 179


def test_predictions_are_the_models(gradus: Gradus, wine_model: Path, wine_csv: Path) -> None:
    assert gradus("predict", wine_model, wine_csv, "--out", "p.csv").out == ""
    model = TableModel.load(wine_model / "model.safetensors")
    expected = model.predict(Table.read(wine_csv))
    assert Table.read("p.csv") == expected


def test_stdout_and_a_file_get_the_same_bytes(
    gradus: Gradus, wine_model: Path, wine_csv: Path, here: Path
) -> None:
    gradus("predict", wine_model, wine_csv, "--out", "p.csv")
    done = gradus("predict", wine_model, wine_csv)
    assert done.out.encode() == (here / "p.csv").read_bytes()


def test_a_model_file_alone_predicts_too(gradus: Gradus, wine_model: Path, wine_csv: Path) -> None:
    whole = gradus("predict", wine_model, wine_csv)
    alone = gradus("predict", wine_model / "model.safetensors", wine_csv)
    assert alone == whole
    assert alone.code == 0


def test_a_regression_predicts_in_the_targets_unit(gradus: Gradus, here: Path) -> None:
    table, target = load("diabetes")
    table.drop(target).write(here / "new.csv")
    gradus("train", "diabetes", "--epochs", 20, "--out", "r")
    done = gradus("predict", "r", "new.csv", "--out", "p.csv")
    assert done.code == 0
    values = Table.read("p.csv").column("predicted progression")
    assert 100 < values.mean() < 200


def test_unseen_categories_are_reported_and_count_as_unknown(
    gradus: Gradus, city_run: Path, here: Path
) -> None:
    (here / "new.csv").write_text("city,size\nRom,1\nRom,2\nBonn,3\n")
    done = gradus("predict", city_run, "new.csv")
    assert done.code == 0
    assert "Column 'city' has texts that training never saw: 'Rom' (2 rows)" in done.err
    assert [line.split(",")[0] for line in done.out.splitlines()] == ["city", "Rom", "Rom", "Bonn"]
    assert "Column" not in done.out


def test_formulas_in_texts_and_in_predicted_classes_are_escaped(
    gradus: Gradus, city_run: Path, here: Path
) -> None:
    (here / "new.csv").write_text('city,size,note\n=1+1,1,"@x"\nBonn,2,-2\nUlm,3,\n')
    done = gradus("predict", city_run, "new.csv")
    lines = done.out.splitlines()
    assert lines[1].startswith("'=1+1,1,'@x,")
    predicted = {line.split(",")[3] for line in lines[1:]}
    assert predicted <= {"'=flat", "house"}


def test_an_existing_file_is_replaced_with_force_alone(
    gradus: Gradus, wine_model: Path, wine_csv: Path, files: Files
) -> None:
    before = files()
    done = gradus("predict", wine_model, wine_csv, "--out", wine_csv)
    assert done.code == 2
    assert "which exists" in done.err
    assert files() == before
    assert gradus("predict", wine_model, wine_csv, "--out", wine_csv, "--force").code == 0
    assert "predicted cultivar" in Table.read(wine_csv).names


def test_a_missing_or_renamed_column_is_named_and_nothing_is_written(
    gradus: Gradus, wine_model: Path, here: Path, files: Files
) -> None:
    table, _ = load("wine")
    Table.from_arrays(
        {("Alcohol" if n == "alcohol" else n): table.column(n) for n in table.names if n != "hue"}
    ).write(here / "new.csv")
    before = files()
    done = gradus("predict", wine_model, "new.csv", "--out", "p.csv")
    assert done.code == 2
    assert "without 'alcohol', 'hue'" in done.err
    assert files() == before


@pytest.mark.parametrize("value", ["inf", "-inf"])
def test_an_infinite_number_is_refused_with_column_and_row(
    gradus: Gradus, wine_model: Path, here: Path, value: str
) -> None:
    table, _ = load("wine")
    ash = table.column("ash").copy()
    ash[4] = float(value)
    table.with_columns({"ash": ash}).write(here / "new.csv")
    done = gradus("predict", wine_model, "new.csv")
    assert done.code == 2
    assert "ash" in done.err
    assert "row 5" in done.err
    assert done.out == ""


def test_a_missing_number_is_predicted(gradus: Gradus, wine_model: Path, here: Path) -> None:
    table, _ = load("wine")
    ash = table.column("ash").copy()
    ash[4] = np.nan
    table.with_columns({"ash": ash}).write(here / "new.csv")
    done = gradus("predict", wine_model, "new.csv")
    assert done.code == 0
    assert "nan" not in done.out


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("nowhere", "does not exist"),
        ("empty", "holds no model.safetensors"),
        ("text.csv", "whole .safetensors file"),
    ],
)
def test_what_is_no_run_is_refused(gradus: Gradus, here: Path, run: str, message: str) -> None:
    (here / "empty").mkdir()
    (here / "text.csv").write_text("a,b\n1,2\n")
    done = gradus("predict", run, "text.csv")
    assert done.code == 2
    assert message in done.err


def test_a_bare_network_is_refused(gradus: Gradus, here: Path) -> None:
    import gradus as gd

    gd.nn.Sequential(gd.nn.Linear(2, 1)).save(here / "net.safetensors")
    (here / "t.csv").write_text("a,b\n1,2\n")
    done = gradus("predict", "net.safetensors", "t.csv")
    assert done.code == 2
    assert "without preprocessing" in done.err


def test_predictions_reach_a_binary_stream_as_csv() -> None:
    stream = io.BytesIO()
    Table.from_arrays({"a": [1, 2]}).write(stream)
    assert stream.getvalue() == b"a\n1\n2\n"
